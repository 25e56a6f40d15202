//! `ghl-sync locations`: a stack's locations as a list and as a file.

use super::remote::Remote;
use super::*;

/// Applies `yaml` with these options.
fn apply(stack: &Remote, folder: &Path, yaml: &str, args: &[&str]) -> Ended {
    let file = folder.join("locations.yaml");
    std::fs::write(&file, yaml).unwrap();
    let all: Vec<&str> = ["locations", "apply", text(&file)].into_iter().chain(args.iter().copied()).collect();
    stack.run(&all, &stack.key)
}

fn assert_ended(ended: &Ended, status: i32, words: &[&str]) {
    let said = format!("{}{}", ended.out, ended.err);
    assert_eq!(ended.status, Some(status), "{said}");
    words.iter().for_each(|words| assert!(said.contains(words), "{words}: {said}"));
}

#[test]
fn a_file_is_planned_checked_applied_once_and_what_it_no_longer_names_is_pruned() {
    let (stack, folder) = (Remote::start("locations"), folder("locations-file"));
    let yaml = "defaults:\n  tags: [agency]\nlocations:\n  loc_demo:\n    name: Desk\n  loc_b:\n    name: Praxis\n    \
                credentials: ssm:/ghl-sync/x/loc_b\n    pace: {limit: 80, window_ms: 10000}\n";
    let added = "+ loc_b  Praxis\n    credentials              (not set) -> \"ssm:/ghl-sync/x/loc_b\"";
    assert_ended(&apply(&stack, &folder, yaml, &["--check"]), 4, &[added, "1 to add, 1 to change"]);
    assert_ended(&apply(&stack, &folder, yaml, &["--dry-run"]), 0, &[added]);
    assert_ended(&apply(&stack, &folder, yaml, &[]), 2, &["--yes does it without a question"]);
    assert_ended(&apply(&stack, &folder, yaml, &["--yes"]), 0, &["2 are set, 0 are removed, 0 failed"]);
    assert_ended(&apply(&stack, &folder, yaml, &["--yes"]), 0, &["2 unchanged", "nothing to change"]);
    assert_ended(&apply(&stack, &folder, yaml, &["--check"]), 0, &["nothing to change"]);
    let listed = stack.say(&["locations", "list", "--tag", "agency"]);
    assert!(listed.contains("loc_b") && listed.contains("Praxis  [agency]") && listed.lines().count() == 2, "{listed}");

    let less = "locations:\n  loc_demo:\n    tags: [agency]\n";
    assert_ended(&apply(&stack, &folder, less, &["--yes"]), 0, &["1 more are known", "nothing to change"]);
    let pruned = apply(&stack, &folder, less, &["--prune", "--yes"]);
    assert_ended(
        &pruned,
        0,
        &["name                     \"Desk\" -> (not set)", "- loc_b  Praxis", "1 are set, 1 are removed"],
    );
    let json: Value = serde_json::from_str(&stack.say(&["locations", "list", "--json"])).unwrap();
    let all = json["locations"].as_array().unwrap();
    assert_eq!((all.len(), &all[0]["overrides"]), (1, &serde_json::json!({ "tags": ["agency"] })));
    assert_ended(&apply(&stack, &folder, less, &["--prune", "--check"]), 0, &["nothing to change"]);
}

#[test]
fn no_token_in_a_file_is_sent_or_shown_and_what_a_stack_refuses_is_told_by_location() {
    let (stack, folder) = (Remote::start("locations-wrong"), folder("locations-wrong-file"));
    for (yaml, words) in [
        ("locations: {a: {token: pit-secret}}", "locations.a.token is not a field here: a file holds no token"),
        ("locations: {a: {credentials: pit-secret}}", "locations.a.credentials"),
        ("locations: {a: {token: pit-secret", "no YAML"),
    ] {
        let ended = apply(&stack, &folder, yaml, &["--yes"]);
        assert_ended(&ended, 2, &[words]);
        assert!(!format!("{}{}", ended.out, ended.err).contains("pit-secret"), "{}", ended.err);
    }
    // Only the stack knows that no location has its own credentials.
    let yaml = "locations:\n  a: {api: v1}\n  b: {tags: [x]}\n";
    assert_ended(
        &apply(&stack, &folder, yaml, &["--yes"]),
        1,
        &["1 are set", "error: a: credentials is `env:GHL_TOKEN`"],
    );
    assert_ended(&apply(&stack, &folder, "locations: {a: {api: v1}}", &["--yes"]), 1, &["error: a: credentials"]);
}

#[test]
fn three_hundred_locations_are_applied_rotated_and_found_unchanged() {
    let (stack, folder) = (Remote::start("locations-many"), folder("locations-many-file"));
    let many: String = (0..300)
        .map(|n| {
            format!(
                "  loc_{n:03}:\n    name: Practice {n}\n    credentials: ssm:/ghl-sync/x/old\n    tags: [g{}, agency]\n    \
                 daily_limit: 150000\n    mapping: {{columns: {{Fax: ignore}}, answers: {{country: DE}}}}\n",
                n % 10
            )
        })
        .collect();
    let yaml = format!("defaults: {{conflict: newest}}\nlocations:\n{many}");
    let started = Instant::now();
    assert_ended(&apply(&stack, &folder, &yaml, &["--yes"]), 0, &["300 to add", "300 are set"]);
    eprintln!("300 locations applied in {:?}", started.elapsed());
    let started = Instant::now();
    assert_ended(&apply(&stack, &folder, &yaml, &["--check"]), 0, &["300 unchanged", "nothing to change"]);
    eprintln!("300 locations compared in {:?}", started.elapsed());
    let rotate =
        ["locations", "rotate", "--from", "ssm:/ghl-sync/x/old", "--tag", "g3", "--to", "ssm:/ghl-sync/x/{location}"];
    let rotated = stack.run(&[&rotate[..], &["--expire-at", "2999-01-31", "--yes"]].concat(), &stack.key);
    assert_ended(&rotated, 0, &["~ loc_003", "\"ssm:/ghl-sync/x/old\" -> \"ssm:/ghl-sync/x/loc_003\"", "30 are set"]);
    assert_ended(&stack.run(&[&rotate[..], &["--yes"]].concat(), &stack.key), 0, &["nothing to change"]);
    let removed = stack.say(&["locations", "remove", "loc_003", "--forget-records", "--yes"]);
    assert!(removed.contains("stopped    loc_003") && removed.contains("does not know it any more"), "{removed}");
}
