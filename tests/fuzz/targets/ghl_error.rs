//! The body of an error response from GHL; the first two bytes are the status.

#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((status, body)) = input.split_first_chunk::<2>() else { return };
    let status = u16::from_be_bytes(*status);
    for failure in ghl_sync_ghl::fuzzing::failures(status, &String::from_utf8_lossy(body)) {
        assert!(failure.message.len() <= 1024 && !failure.message.contains('\n'), "{failure:?}");
    }
});
