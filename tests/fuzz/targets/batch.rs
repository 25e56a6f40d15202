//! The body of an SQS message.

#![no_main]

use ghl_sync_model::{Batch, MAX_BATCH_KEYS};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &str| {
    if let Ok(batch) = Batch::from_json(body) {
        assert!(batch.keys.len() <= MAX_BATCH_KEYS);
        assert_eq!(Batch::from_json(&batch.to_json()).expect("it is our own"), batch);
    }
});
