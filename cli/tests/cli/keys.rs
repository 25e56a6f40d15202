//! Keys of a stack's API, and its audit trail, from a terminal.

use super::remote::Remote;
use super::*;

#[test]
fn a_key_is_made_used_within_its_role_listed_revoked_and_all_of_it_is_in_the_trail() {
    let stack = Remote::start("keys");
    assert_eq!(stack.say(&["keys", "list"]), "no keys but those of the template\n");
    assert_eq!(stack.say(&["audit"]), "nobody changed anything\n");
    let made =
        stack.say(&["keys", "create", "desk", "--role", "read", "--location", "loc_demo", "--expires-in", "90d"]);
    let value = |name: &str| made.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
    let (key, id) = (value("key "), value("id "));
    assert!(key.starts_with(&format!("ghls_{id}_")) && made.contains("shown this once"), "{made}");
    assert_eq!((value("role "), value("good for ")), ("read".to_owned(), "loc_demo".to_owned()));

    let status = stack.run(&["status"], &key);
    assert!(status.status == Some(0) && status.out.contains("loc_demo"), "{}{}", status.out, status.err);
    let paused = stack.run(&["pause", "--location", "loc_demo"], &key);
    assert_eq!(paused.status, Some(1), "{}", paused.out);
    for words in ["403", "needs the role `operate`", "docs/ACCESS.md"] {
        assert!(paused.err.contains(words), "{words}: {}", paused.err);
    }
    let of_tags = stack.say(&["keys", "create", "d", "--role=read", "--tag=dental", "--tag", "Köln 2"]);
    assert!(of_tags.contains("good for   tag \"Köln 2\", tag \"dental\""), "{of_tags}");
    let listed = stack.say(&["keys", "list"]);
    for words in [id.as_str(), "active", "read", "desk", "loc_demo", "used 20", "expires 20", "tag \"dental\""] {
        assert!(listed.contains(words), "{words}: {listed}");
    }
    assert!(!listed.contains(&key));
    assert!(stack.say(&["keys", "revoke", &id]).starts_with(&format!("{id} is revoked")));
    let refused = stack.run(&["status"], &key);
    assert!(refused.status == Some(1) && refused.err.contains("401"), "{}", refused.err);
    let json: Value = serde_json::from_str(&stack.say(&["keys", "list", "--json"])).unwrap();
    assert_eq!(json["keys"][1]["state"], "revoked");

    let trail = stack.say(&["audit", "--since", "1h"]);
    let operations: Vec<&str> = trail.lines().map(|line| line.split_whitespace().nth(3).unwrap()).collect();
    assert_eq!(operations, ["revoke_key", "make_key", "pause", "make_key"], "{trail}");
    assert!(trail.lines().next().unwrap().ends_with(&id), "{trail}");
    let json: Value = serde_json::from_str(&stack.say(&["audit", "--limit", "2", "--json"])).unwrap();
    assert_eq!((json["requests"].as_array().unwrap().len(), &json["has_more"]), (2, &true.into()));
    assert!(stack.say(&["audit", "--limit", "1"]).contains("there are more: --limit 10"));
}

#[test]
fn what_no_key_can_be_is_said_before_anything_is_sent() {
    for (args, expected) in [
        (["keys", "create", "a", "--role", "root"], "read, operate, admin"),
        (["keys", "create", "a b", "--role", "read"], "1 to 64 letters"),
        (["keys", "create", "a", "--role=read", "--expires-in=0s"], "from 1s"),
        (["keys", "create", "a", "--role=read", "--location=a b"], "letters, digits"),
        (["keys", "revoke", "GHL-1", "--json", "--api-key=x"], "key id"),
        (["audit", "--limit", "0", "--since", "1d"], "from 1"),
    ] {
        let ended = run(local(&args).args(["--api", "http://127.0.0.1:1"]).env("GHL_SYNC_API_KEY", "x"));
        assert_eq!(ended.status, Some(2), "{args:?}: {}", ended.err);
        assert!(ended.err.contains(expected), "{args:?}: {}", ended.err);
    }
}
