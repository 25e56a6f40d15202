//! Which items are rejected, and why. Puts are tested end to end in `tests/it`.

use super::*;

fn refusal(body: &str, message: &IngestMessage) -> String {
    let refuse =
        |text: &str| Placed::read(text, message).and_then(|it| it.record(Priority::Normal, message, NOW)).err();
    let items = match items_of(body) {
        Ok(items) => items,
        Err(fault) => return reason(&[(0, body, fault)]),
    };
    let refused: Vec<_> = items
        .into_iter()
        .enumerate()
        .filter_map(|(place, text)| refuse(text).map(|fault| (place, text, fault)))
        .collect();
    reason(&refused)
}

const NOW: EpochMs = EpochMs(1_795_903_200_000);

#[test]
fn what_is_refused_names_the_field_and_what_to_do_and_never_a_value() {
    let cases = [
        ("", "the body is not JSON: EOF while parsing a value at line 1 column 0"),
        ("secret", "the body is not JSON: expected value at line 1 column 1"),
        ("[]", "the body has no item"),
        (r#""secret""#, "the body must be an object"),
        (r#"[{"location_id":"loc","id":"a","contact":{"email":"a@x.test"}}, 7]"#, "the body must be an object"),
        (r#"{"id":"a","contact":{}}"#, "location_id is missing; the item has it, or the message as an attribute"),
        (r#"{"location_id":7,"id":"a","contact":{}}"#, "location_id must be a string"),
        (
            r#"{"location_id":"secret secret","id":"a","contact":{}}"#,
            "location_id has a character other than letters, digits, '-' and '_'",
        ),
        (r#"{"location_id":"loc","id":"a"}"#, "contact is missing, and so is `opportunity`; an item has one of them"),
        (
            r#"{"location_id":"loc","id":"a","contact":{},"opportunity":{}}"#,
            "opportunity stands beside `contact`; an item has one of them",
        ),
        (r#"{"location_id":"loc","contact":{}}"#, "id is missing"),
        (
            r#"{"location_id":"loc","import":"a secret","id":"a","contact":{"email":"a@x.test"}}"#,
            "import has a character other than letters, digits, '-' and '_'",
        ),
        (r#"{"location_id":"loc","location_id":"loc","id":"a","contact":{}}"#, "location_id is there twice"),
        (r#"{"location_id":"loc","id":"a","contact":{"emial":"secret"}}"#, "contact.emial is not a field here"),
        (r#"{"location_id":"loc","id":"a","contact":null}"#, "contact must be an object"),
        (r#"{"location_id":"loc","id":"a","secret":1,"contact":{}}"#, "secret is not a field here"),
        (
            r#"{"location_id":"loc","id":"a","as_of":1795903500001,"contact":{"email":"a@x.test"}}"#,
            "as_of is more than 5 minutes ahead; later content could not replace this",
        ),
        (
            r#"{"Type":"Notification","Message":"secret","TopicArn":"secret"}"#,
            "the body is an envelope of SNS; switch on the subscription's raw message delivery",
        ),
        (
            r#"{"version":"0","detail-type":"secret","detail":{"contact":{}}}"#,
            "the body is an event of EventBridge; give the rule's target an input transformer that makes an item of it",
        ),
        (
            r#"{"eventName":"MODIFY","eventSource":"aws:dynamodb","dynamodb":{}}"#,
            "the body is a record of a DynamoDB stream; give the pipe's target an input template that makes an item of it",
        ),
    ];
    for (body, expected) in cases {
        assert_eq!(refusal(body, &IngestMessage::default()), expected, "{body}");
    }
}

#[test]
fn many_faults_are_told_by_place_and_counted() {
    let body = format!("[{}]", ["{}"; 9].join(","));
    let reason = refusal(&body, &IngestMessage::default());
    assert!(reason.starts_with("item 0: contact is missing") && reason.ends_with("; and 4 more"), "{reason}");
}

#[test]
fn what_an_item_does_not_say_its_message_says() {
    let body = r#"{"id":"a","contact":{"email":"a@x.test"}}"#;
    let message = |location: &str, as_of: Option<&str>| IngestMessage {
        location_id: Some(location.to_owned()),
        as_of: as_of.map(str::to_owned),
        sent_at: Some(EpochMs(7)),
        ..IngestMessage::default()
    };
    let read = |body: &str, message: &IngestMessage| {
        let placed = Placed::read(body, message).unwrap();
        (placed.location.to_string(), placed.record(Priority::Normal, message, NOW).unwrap().as_of)
    };
    let at = |ms| Some(EpochMs(ms));
    assert_eq!(read(body, &message("loc", None)), ("loc".to_owned(), at(7)));
    assert_eq!(read(body, &message("loc", Some("1795903199000"))), ("loc".to_owned(), at(1_795_903_199_000)));
    assert_eq!(read(body, &message("loc", Some("2026-11-28T22:00:00Z"))), ("loc".to_owned(), Some(NOW)));
    let own = r#"{"location_id":"own","as_of":1795903100000,"id":"a","contact":{"email":"a@x.test"}}"#;
    assert_eq!(read(own, &message("loc", Some("1795903199000"))), ("own".to_owned(), at(1_795_903_100_000)));
    let imported = |import: &str| IngestMessage { import: Some(import.to_owned()), ..message("loc", None) };
    let import_of = |body: &str, message: &IngestMessage| {
        let record = Placed::read(body, message).unwrap().record(Priority::Normal, message, NOW).unwrap();
        record.import.map(|import| import.to_string())
    };
    let own_import = r#"{"import":"own","id":"a","contact":{"email":"a@x.test"}}"#;
    assert_eq!(import_of(body, &message("loc", None)), None);
    assert_eq!(import_of(body, &imported("nightly")).as_deref(), Some("nightly"));
    assert_eq!(import_of(own_import, &imported("nightly")).as_deref(), Some("own"));
    let refused = [
        (imported("no spaces"), "import of the message's attributes has a character"),
        (message("no spaces", None), "location_id of the message's attributes has a character"),
        (message("loc", Some("secret")), "as_of of the message's attributes must be a time"),
        (message("loc", Some("1795903500001")), "as_of of the message's attributes is more than 5 minutes ahead"),
    ];
    for (message, expected) in refused {
        assert!(refusal(body, &message).starts_with(expected), "{}", refusal(body, &message));
    }
}
