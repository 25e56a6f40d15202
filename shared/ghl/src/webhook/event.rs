//! Reads a webhook's body as an event.
//!
//! GHL's event pages and bodies caught in production are flat. GHL's integration guide puts the record's fields into
//! an object `data`, so we read that as well. No event page mentions `timestamp` and `webhookId`, but every caught
//! body had them.

use ghl_sync_model::{
    ContentHash, EpochMs, EventId, GhlId, Kind, NotForUs, RemoteChange, RemoteContent, RemoteEvent, Webhook,
};
use serde_json::Value;

use crate::iso8601;
use crate::shown::{self, FieldError, RecordFields};

/// Longest name of an event type, in bytes.
const LONGEST_TYPE: usize = 64;

/// Why a body is not a valid webhook. The error contains field names, but no other text of the body.
#[derive(Debug, thiserror::Error)]
pub enum WebhookError {
    /// The body is not JSON (or not UTF-8).
    #[error("the body is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// The body is JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotAnObject,
    /// A field is missing or wrong.
    #[error("field `{field}` {problem}")]
    Field {
        /// Name of the field in the document.
        field: String,
        /// What is wrong with it.
        problem: String,
    },
}

impl From<FieldError> for WebhookError {
    fn from(FieldError { field, problem }: FieldError) -> WebhookError {
        WebhookError::Field { field, problem }
    }
}

impl WebhookError {
    /// The name of the faulty field, if the error concerns one.
    #[must_use]
    pub fn at(&self) -> Option<&str> {
        match self {
            WebhookError::Field { field, .. } => Some(field),
            WebhookError::NotJson(_) | WebhookError::NotAnObject => None,
        }
    }
}

/// The effect of an event of a known type.
#[derive(Debug, Clone, Copy)]
enum EventEffect {
    Written(Kind),
    Deleted(Kind),
    Installed,
    Uninstalled,
}

/// The event types that we accept. Events about part of a record (its stage, its tags) carry the whole record too.
const TYPES: [(&str, EventEffect); 14] = [
    ("ContactCreate", EventEffect::Written(Kind::Contact)),
    ("ContactUpdate", EventEffect::Written(Kind::Contact)),
    ("ContactDelete", EventEffect::Deleted(Kind::Contact)),
    ("ContactDndUpdate", EventEffect::Written(Kind::Contact)),
    ("ContactTagUpdate", EventEffect::Written(Kind::Contact)),
    ("OpportunityCreate", EventEffect::Written(Kind::Opportunity)),
    ("OpportunityUpdate", EventEffect::Written(Kind::Opportunity)),
    ("OpportunityDelete", EventEffect::Deleted(Kind::Opportunity)),
    ("OpportunityAssignedToUpdate", EventEffect::Written(Kind::Opportunity)),
    ("OpportunityMonetaryValueUpdate", EventEffect::Written(Kind::Opportunity)),
    ("OpportunityStageUpdate", EventEffect::Written(Kind::Opportunity)),
    ("OpportunityStatusUpdate", EventEffect::Written(Kind::Opportunity)),
    ("INSTALL", EventEffect::Installed),
    ("UNINSTALL", EventEffect::Uninstalled),
];

/// Reads the body of a webhook. An event of an unknown type may have any other fields, or none.
///
/// # Errors
/// Names the missing or wrong field.
pub fn read(body: &[u8]) -> Result<Webhook, WebhookError> {
    let Value::Object(object) = serde_json::from_slice(body).map_err(WebhookError::NotJson)? else {
        return Err(WebhookError::NotAnObject);
    };
    let top = RecordFields(&object);
    let event_type = event_type(top)?;
    let Some((event_type, says)) = TYPES.into_iter().find(|(known, _)| *known == event_type) else {
        return Ok(Webhook::Other { event_type, reason: NotForUs::UnknownType });
    };
    let subject = subject(top)?;
    if matches!(says, EventEffect::Installed | EventEffect::Uninstalled) && is_of_an_agency(subject) {
        return Ok(Webhook::Other { event_type: event_type.to_owned(), reason: NotForUs::WholeAgency });
    }
    Ok(Webhook::Event(Box::new(RemoteEvent {
        id: id(top, body)?,
        at: time(top)?,
        event_type,
        location_id: either(top, subject, "locationId").parsed("locationId")?,
        app_id: either(top, subject, "appId").text("appId")?,
        change: change(says, subject)?,
    })))
}

fn event_type(top: RecordFields<'_>) -> Result<String, FieldError> {
    let name: String = top.parsed("type")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if name.len() > LONGEST_TYPE || !name.chars().all(is_name) {
        return Err(FieldError::new("type", format!("is not a name of at most {LONGEST_TYPE} letters and digits")));
    }
    Ok(name)
}

/// The object with the record's fields: the body itself, or its `data`.
fn subject(top: RecordFields<'_>) -> Result<RecordFields<'_>, FieldError> {
    if top.0.contains_key("id") {
        return Ok(top);
    }
    Ok(top.object("data")?.map_or(top, RecordFields))
}

fn is_of_an_agency(subject: RecordFields<'_>) -> bool {
    let has = |field: &str| subject.0.get(field).is_some_and(|value| !value.is_null());
    has("companyId") && !has("locationId")
}

/// Returns `top` if it has `field`, else `subject`.
fn either<'a>(top: RecordFields<'a>, subject: RecordFields<'a>, field: &str) -> RecordFields<'a> {
    if top.0.contains_key(field) { top } else { subject }
}

/// `webhookId`, or for a body without one an id derived from its content.
fn id(top: RecordFields<'_>, body: &[u8]) -> Result<EventId, FieldError> {
    if top.text("webhookId")?.is_some() {
        return top.parsed("webhookId");
    }
    let hash = format!("body-{}", ContentHash::of(body));
    EventId::new(hash).map_err(|error| FieldError::new("webhookId", error.to_string()))
}

fn time(top: RecordFields<'_>) -> Result<EpochMs, FieldError> {
    let text: String = top.parsed("timestamp")?;
    iso8601::parse(&text).ok_or_else(|| FieldError::new("timestamp", "is not an ISO 8601 time with a zone"))
}

fn change(says: EventEffect, subject: RecordFields<'_>) -> Result<RemoteChange, FieldError> {
    let ghl_id = || subject.parsed::<GhlId>("id");
    Ok(match says {
        EventEffect::Written(kind) => RemoteChange::Written { ghl_id: ghl_id()?, content: content(kind, subject)? },
        EventEffect::Deleted(kind) => RemoteChange::Deleted { kind, ghl_id: ghl_id()? },
        EventEffect::Installed => RemoteChange::Installed,
        EventEffect::Uninstalled => RemoteChange::Uninstalled,
    })
}

fn content(kind: Kind, fields: RecordFields<'_>) -> Result<RemoteContent, FieldError> {
    match kind {
        Kind::Contact => shown::contact(fields).whole().map(RemoteContent::Contact),
        Kind::Opportunity => shown::opportunity(fields).whole().map(RemoteContent::Opportunity),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn body(changes: Value) -> Value {
        let mut body = json!({
            "type": "ContactUpdate", "locationId": "loc1", "id": "c1", "timestamp": "2026-07-08T12:02:11.285Z",
            "webhookId": "3cfef536-da75-4a1d-97fa-5ba20bc41fe7", "appId": "app", "versionId": "app",
        });
        for (field, value) in changes.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    }

    fn read_value(body: &Value) -> Result<Webhook, WebhookError> {
        read(body.to_string().as_bytes())
    }

    fn event(body: &Value) -> RemoteEvent {
        match read_value(body).unwrap() {
            Webhook::Event(event) => *event,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_contact_event_as_ghl_sends_it_is_read_whole() {
        let event = event(&body(json!({
            "address1": "1 Main St", "city": "Dolomite", "state": "AL", "companyName": "Acme", "country": "US",
            "source": "form", "dateAdded": "2021-11-26T12:41:02.193Z", "dateOfBirth": "2000-01-05T00:00:00.000Z",
            "dnd": true, "email": "JohnDeo@gmail.com", "name": "John Deo", "firstName": "John", "lastName": "Deo",
            "phone": "+919509597501", "postalCode": 35061, "tags": ["id magna", "commodo"], "website": "",
            "attachments": [], "assignedTo": null, "customFields": [{"id": "f2", "value": 100}, {"id": "f1", "value": ["x"]}],
        })));
        let RemoteChange::Written { ghl_id, content } = event.change else { panic!("{event:?}") };
        assert_eq!((event.at, event.event_type), (EpochMs(1_783_512_131_285), "ContactUpdate"));
        assert_eq!((event.id.as_str(), event.location_id.as_str()), ("3cfef536-da75-4a1d-97fa-5ba20bc41fe7", "loc1"));
        assert_eq!((event.app_id.as_deref(), ghl_id.as_str()), (Some("app"), "c1"));
        let expected = json!({
            "firstName": "John", "lastName": "Deo", "name": "John Deo", "email": "JohnDeo@gmail.com",
            "phone": "+919509597501", "address1": "1 Main St", "city": "Dolomite", "state": "AL", "postalCode": "35061",
            "source": "form", "country": "US", "companyName": "Acme", "dateOfBirth": "2000-01-05",
            "dnd": true, "tags": ["commodo", "id magna"],
            "customFields": [{"id": "f1", "value": ["x"]}, {"id": "f2", "value": 100}],
        });
        assert_eq!(serde_json::from_str::<Value>(&content.to_json()).unwrap(), expected);
        assert_eq!(RemoteContent::from_json(Kind::Contact, &content.to_json()).unwrap(), content);
    }

    #[test]
    fn an_opportunity_event_is_read_whole() {
        let event = event(&body(json!({
            "type": "OpportunityStageUpdate", "assignedTo": "u1", "contactId": "c9", "monetaryValue": "40.5",
            "name": "First Opps", "pipelineId": "p1", "pipelineStageId": "s1", "source": "form", "status": "open",
        })));
        let RemoteChange::Written { content: RemoteContent::Opportunity(opportunity), .. } = event.change else {
            panic!("{event:?}")
        };
        let expected = r#"{"name":"First Opps","contactId":"c9","pipelineId":"p1","pipelineStageId":"s1","status":"open","monetaryValue":40.5,"assignedTo":"u1","source":"form"}"#;
        assert_eq!(RemoteContent::Opportunity(opportunity).to_json(), expected);
    }

    #[test]
    fn every_known_type_is_what_its_name_says() {
        for (name, says) in TYPES {
            let change = event(&body(json!({ "type": name }))).change;
            let is_right = match says {
                EventEffect::Written(kind) => {
                    matches!(&change, RemoteChange::Written { content, .. } if content.kind() == kind)
                }
                EventEffect::Deleted(of) => matches!(change, RemoteChange::Deleted { kind, .. } if kind == of),
                EventEffect::Installed => change == RemoteChange::Installed,
                EventEffect::Uninstalled => change == RemoteChange::Uninstalled,
            };
            assert!(
                is_right && name.ends_with("Delete") == matches!(says, EventEffect::Deleted(_)),
                "{name}: {change:?}"
            );
        }
    }

    #[test]
    fn fields_within_data_are_read_as_well() {
        let flat = body(json!({ "email": "a@b.c" }));
        let mut wrapped = body(json!({ "data": { "id": "c1", "email": "a@b.c", "locationId": "loc1" } }));
        wrapped.as_object_mut().unwrap().remove("id");
        wrapped.as_object_mut().unwrap().remove("locationId");
        assert_eq!(event(&flat), event(&wrapped));
    }

    #[test]
    fn what_we_do_not_know_is_named_and_nothing_else_of_it_is_asked_for() {
        for (body, reason) in [
            (json!({ "type": "NoteCreate" }), NotForUs::UnknownType),
            (json!({ "type": "SomethingNew.v2", "id": 5, "timestamp": [] }), NotForUs::UnknownType),
            (json!({ "type": "contactcreate" }), NotForUs::UnknownType),
            (json!({ "type": "INSTALL", "companyId": "agency", "appId": "app" }), NotForUs::WholeAgency),
        ] {
            let event_type = body["type"].as_str().unwrap().to_owned();
            assert_eq!(read_value(&body).unwrap(), Webhook::Other { event_type, reason });
        }
    }

    #[test]
    fn a_body_without_an_id_is_told_from_others_by_its_bytes() {
        let one = body(json!({ "webhookId": null }));
        let other = body(json!({ "webhookId": "", "email": "a@b.c" }));
        assert_eq!(event(&one).id, event(&one).id);
        assert_ne!(event(&one).id, event(&other).id);
    }

    #[test]
    fn a_field_at_fault_is_named_and_its_content_is_not_shown() {
        let secret = "ann@example.com";
        let cases = [
            (json!({ "type": null }), "type"),
            (json!({ "type": [] }), "type"),
            (json!({ "type": secret }), "type"),
            (json!({ "type": "x".repeat(65) }), "type"),
            (json!({ "locationId": null }), "locationId"),
            (json!({ "locationId": secret }), "locationId"),
            (json!({ "id": secret }), "id"),
            (json!({ "id": "" }), "id"),
            (json!({ "timestamp": null }), "timestamp"),
            (json!({ "timestamp": "2026-07-08 12:02" }), "timestamp"),
            (json!({ "timestamp": 1_783_512_131_285u64 }), "timestamp"),
            (json!({ "webhookId": "a\u{0}b" }), "webhookId"),
            (json!({ "webhookId": [] }), "webhookId"),
            (json!({ "email": [secret] }), "email"),
            (json!({ "dnd": "yes" }), "dnd"),
            (json!({ "tags": secret }), "tags"),
            (json!({ "tags": ["a", { "x": secret }] }), "tags[1]"),
            (json!({ "customFields": [{ "value": secret }] }), "customFields[0].id"),
            (json!({ "customFields": { "a": secret } }), "customFields"),
            (json!({ "dndSettings": secret }), "dndSettings"),
            (json!({ "type": "OpportunityUpdate", "monetaryValue": secret }), "monetaryValue"),
        ];
        for (changes, field) in cases {
            let error = read_value(&body(changes.clone())).unwrap_err();
            assert_eq!(error.at(), Some(field), "{changes}: {error}");
            assert!(!error.to_string().contains("example.com"), "{error}");
        }
    }

    #[test]
    fn what_is_no_json_object_is_refused() {
        for body in [
            &b""[..],
            b"null",
            b"[]",
            b"\"ContactCreate\"",
            b"{",
            b"{\"type\":\"a\"} x",
            b"\xff\xfe{}",
            b"{\"type\":\"\xff\"}",
        ] {
            let error = read(body).unwrap_err();
            assert!(matches!(error, WebhookError::NotJson(_) | WebhookError::NotAnObject), "{error}");
        }
        let deep = format!("{{\"type\":\"ContactUpdate\",\"x\":{}1{}}}", "[".repeat(10_000), "]".repeat(10_000));
        assert!(matches!(read(deep.as_bytes()), Err(WebhookError::NotJson(_))));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic(
            bytes in prop::collection::vec(any::<u8>(), 0..300),
            field in "type|id|locationId|timestamp|webhookId|tags|customFields|dnd|data|monetaryValue",
            text in ".{0,80}",
            number in any::<f64>(),
        ) {
            let _ = read(&bytes);
            for event_type in ["ContactCreate", "OpportunityDelete", "UNINSTALL"] {
                for value in [json!(text), json!(number), json!([text, number]), json!({ "id": text, "value": [number] })] {
                    let mut changed = body(json!({ "type": event_type }));
                    changed[&field] = value;
                    let _ = read_value(&changed);
                }
            }
        }
    }
}
