//! Response headers: whatever they contain, the retry time must be within safe bounds.

#![no_main]

use ghl_sync_model::{EpochMs, RetryAfter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|value: &[u8]| {
    for quota in ghl_sync_ghl::fuzzing::quotas(value) {
        if let Some(retry_after) = quota.retry_after {
            let now = EpochMs(1_795_262_400_000);
            let at = retry_after.from(now);
            assert!(at <= now + RetryAfter::LONGEST, "{retry_after:?}");
            assert!(matches!(retry_after, RetryAfter::At(_)) || at >= now, "a delay lies behind us: {retry_after:?}");
        }
    }
});
