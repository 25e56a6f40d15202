//! A contact list, as somebody's spreadsheet has written it.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../../local/src/import/mod.rs"]
#[allow(dead_code, unused_imports, unreachable_pub, reason = "the target reads lists and does nothing else")]
mod import;

fuzz_target!(|file: &[u8]| {
    if let Ok(import) = import::read(file, &import::ImportOptions::default()) {
        // Every row is a contact, or has a problem that says why it is none.
        assert!(import.contacts.len() as u64 <= import.rows);
        assert!(import.rows - import.contacts.len() as u64 <= import.problems.len() as u64, "a row is lost");
    }
});
