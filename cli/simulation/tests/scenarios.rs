//! The scenarios in `scenarios/` break no rule, and their figures lie in the ranges of the file.

#![allow(clippy::unwrap_used, reason = "tests")]

use std::path::Path;

use ghl_sync_simulation::{Scenario, run};

#[test]
fn every_scenario_keeps_the_rules_and_comes_out_as_expected() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios");
    let mut broken = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let scenario: Scenario = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        let outcome = run(&scenario);
        count += 1;
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        broken.extend(outcome.broken.iter().map(|broken| format!("{name}: {broken} {:?}", outcome.figures)));
    }
    assert!(count >= 12, "{count} scenarios");
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
