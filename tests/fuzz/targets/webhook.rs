//! The body of a verified webhook.

#![no_main]

use ghl_sync_model::{RemoteChange, RemoteContent, Webhook};
use ghl_sync_engine::policy::Precedence;
use ghl_sync_ghl::webhook::read;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    match read(body) {
        Ok(Webhook::Event(event)) => {
            let _ = Precedence::of(&event);
            if let RemoteChange::Written { content, .. } = event.change {
                // Stored content is read back unchanged, so equal content has an equal hash.
                let stored = RemoteContent::from_json(content.kind(), &content.to_json()).expect("it is our own");
                assert_eq!(stored.hash(), content.hash());
            }
        }
        Ok(Webhook::Other { event_type, .. }) => assert!(event_type.len() <= 64),
        // An error names a field and is short: it contains nothing of the body.
        Err(error) => assert!(error.to_string().len() < 300, "{error}"),
    }
});
