//! The headers of an answer: whatever they say, the time to come back is one that can be reckoned with.

#![no_main]

use ghl_sync_model::EpochMs;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    for quota in ghl_sync_ghl::fuzzing::quotas(value) {
        if let Some(retry_after) = quota.retry_after {
            let _ = retry_after.from(EpochMs(1_795_262_400_000));
        }
    }
});
