//! A mapping.json, as somebody wrote it by hand.

#![no_main]

use ghl_sync_import::{ImportOptions, Mapping, plan};
use libfuzzer_sys::fuzz_target;

const LIST: &[u8] = b"Email,Name,Budget,Notes,No\nada@example.com,Ada,100,x,7\n,Bo,1.5,y,8\n";

fuzz_target!(|file: &[u8]| {
    let Ok(mapping) = Mapping::from_json(file) else { return };
    let options = ImportOptions { mapping: mapping.clone(), ..ImportOptions::default() };
    let Ok(plan) = plan(&LIST, options) else { return };
    // The plan can read the mapping that it writes for this list.
    let json = serde_json::to_vec(&plan.mapping_file()).unwrap();
    assert!(Mapping::from_json(&json).is_ok());
    if let Ok(records) = plan.records(&LIST) {
        assert!(records.count() <= 2);
    }
});
