//! The streams of the tables: changes of records, and the keys of what was written in the state table, as Lambda hands them over.
//!
//! Each is read by itself, and of its images only what decides about outcomes: neither one that is damaged nor what a
//! record says goes any further.

use ghl_sync_model::{EpochMs, ImportId, Undo};
use ghl_sync_notify::{Change, Facts, OutcomeError, RecordChange, Seen, Unreadable, undone};
use serde::Deserialize;
use serde_json::Value;

use crate::outbox::import_key;
use crate::tables::{record, state};

/// The event is not from a table's stream.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected the event of a DynamoDB stream: {{\"Records\": [{{\"eventSource\": \"aws:dynamodb\", \"dynamodb\": {{…}}}}]}}; \
     {0}"
)]
pub struct NotFromStream(&'static str);

/// The changes in the event of a stream.
///
/// # Errors
/// When it is none; nothing of what it says is quoted.
pub fn record_changes(event: &Value) -> Result<Vec<Change>, NotFromStream> {
    let records = event["Records"].as_array().ok_or(NotFromStream("it has no list `Records`"))?;
    let change = |record: &Value| {
        if record["eventSource"] != "aws:dynamodb" {
            return Err(NotFromStream("a record of it is of another source"));
        }
        let sequence = record["dynamodb"]["SequenceNumber"].as_str().filter(|sequence| !sequence.is_empty());
        let sequence = sequence.ok_or(NotFromStream("a record of it has no SequenceNumber"))?.to_owned();
        Ok(Change { read: read(&record["dynamodb"]), sequence })
    };
    records.iter().map(change).collect()
}

fn read(change: &Value) -> Result<Seen, Unreadable> {
    let keys = Image(&change["Keys"]);
    if let Some(key) = keys.text(state::PK)? {
        return seen_in_state(key);
    }
    let facts = |image: &Value| if image.is_null() { Ok(None) } else { Image(image).facts().map(Some) };
    Ok(Seen::Record(Box::new(RecordChange {
        location_id: keys.parsed(record::LOCATION_ID)?.ok_or_else(|| missing(record::LOCATION_ID))?,
        key: keys.parsed(record::RECORD)?.ok_or_else(|| missing(record::RECORD))?,
        old: facts(&change["OldImage"])?,
        new: facts(&change["NewImage"])?,
    })))
}

/// What was written under this key of the state table. Its stream has no images: other items of it hold secrets.
fn seen_in_state(key: &str) -> Result<Seen, Unreadable> {
    let malformed = || damaged(state::PK, "is not what it should be");
    let mut parts = key.splitn(3, '#');
    Ok(match (parts.next(), parts.next(), parts.next()) {
        (Some("import"), Some(location), Some(id)) => {
            Seen::Import(location.parse().map_err(|_| malformed())?, ImportId::new(id).map_err(|_| malformed())?)
        }
        (Some("notice"), Some(trouble), Some(scope)) => {
            Seen::Trouble(trouble.parse().map_err(|_| malformed())?, scope.parse().map_err(|_| malformed())?)
        }
        _ => Seen::Other,
    })
}

/// An item, as the stream shows it: `{"NAME": {"S": "…"}}`.
#[derive(Clone, Copy)]
struct Image<'a>(&'a Value);

impl<'a> Image<'a> {
    fn facts(self) -> Result<Facts, Unreadable> {
        let time = |attribute| Ok(self.number(attribute)?.map(EpochMs));
        Ok(Facts {
            version: self.number(record::VERSION)?.ok_or_else(|| missing(record::VERSION))?,
            ghl_id: self.parsed(record::GHL_ID)?,
            import: self.text(record::IMPORT)?.map(import_id),
            pending_in: self.text(record::IMPORT)?.and_then(import_key::pending_in),
            accepted_version: self.number(record::ACCEPTED_VERSION)?,
            accepted_at: time(record::ACCEPTED_AT)?,
            not_stored: self.json(record::NOT_STORED)?.unwrap_or_default(),
            failed_at: time(record::FAILED_AT)?,
            last_error: self.json::<StoredError>(record::LAST_ERROR)?.map(OutcomeError::from),
            superseded_at: time(record::SUPERSEDED_AT)?,
            undone: undone(self.json::<Undo>(record::UNDO)?.as_ref()),
        })
    }

    fn text(self, attribute: &'static str) -> Result<Option<&'a str>, Unreadable> {
        self.of_type(attribute, "S", "is no text")
    }

    fn number(self, attribute: &'static str) -> Result<Option<u64>, Unreadable> {
        let digits = self.of_type(attribute, "N", "is no number")?;
        let number = digits.map(|digits| digits.parse().map_err(|_| damaged(attribute, "is no whole number in range")));
        number.transpose()
    }

    fn parsed<T: TryFrom<String>>(self, attribute: &'static str) -> Result<Option<T>, Unreadable> {
        let parsed =
            |text: &str| T::try_from(text.to_owned()).map_err(|_| damaged(attribute, "is not what it should be"));
        self.text(attribute)?.map(parsed).transpose()
    }

    /// What JSON in a text says; what cannot be read of it is for people, and is passed over.
    fn json<T: serde::de::DeserializeOwned>(self, attribute: &'static str) -> Result<Option<T>, Unreadable> {
        Ok(self.text(attribute)?.and_then(|json| serde_json::from_str(json).ok()))
    }

    fn of_type(self, attribute: &'static str, of: &str, problem: &str) -> Result<Option<&'a str>, Unreadable> {
        match &self.0[attribute] {
            Value::Null => Ok(None),
            value => value[of].as_str().map(Some).ok_or_else(|| damaged(attribute, problem)),
        }
    }
}

/// What of an error leaves: its message may quote the record.
#[derive(Deserialize)]
struct StoredError {
    code: String,
    status: Option<u16>,
}

impl From<StoredError> for OutcomeError {
    fn from(StoredError { code, status }: StoredError) -> OutcomeError {
        OutcomeError { code, status }
    }
}

/// The import in `ID#STATE`.
fn import_id(stored: &str) -> String {
    stored.rsplit_once('#').map_or(stored, |(id, _)| id).to_owned()
}

fn missing(attribute: &str) -> Unreadable {
    damaged(attribute, "is missing")
}

fn damaged(attribute: &str, problem: &str) -> Unreadable {
    Unreadable(format!("attribute `{attribute}` {problem}"))
}

#[cfg(test)]
mod tests {
    use ghl_sync_engine::usecase::GateTrouble;
    use serde_json::json;

    use super::*;

    fn event(images: Value) -> Value {
        let mut dynamodb = json!({
            "Keys": { "location_id": { "S": "loc" }, "record": { "S": "contact#42" } },
            "SequenceNumber": "7",
        });
        dynamodb.as_object_mut().unwrap().extend(images.as_object().unwrap().clone());
        json!({ "Records": [{ "eventSource": "aws:dynamodb", "dynamodb": dynamodb }] })
    }

    #[test]
    fn of_an_image_only_what_decides_about_outcomes_is_read() {
        let event = event(json!({ "NewImage": {
            "version": { "N": "3" }, "payload": { "S": "{\"email\":\"ann@example.com\"}" }, "ghl_id": { "S": "g1" },
            "import": { "S": "imp-1#failed" }, "failed_at": { "N": "9" }, "not_stored": { "S": "[\"phone\"]" },
            "last_error": { "S": "{\"code\":\"REJECTED\",\"status\":422,\"message\":\"Ann\",\"at\":9}" },
        } }));
        let [change] = &record_changes(&event).unwrap()[..] else { panic!() };
        let expected = Facts {
            version: 3,
            ghl_id: Some("g1".parse().unwrap()),
            import: Some("imp-1".to_owned()),
            not_stored: vec!["phone".to_owned()],
            failed_at: Some(EpochMs(9)),
            last_error: Some(OutcomeError { code: "REJECTED".to_owned(), status: Some(422) }),
            ..Facts::default()
        };
        let Ok(Seen::Record(read)) = &change.read else { panic!("{change:?}") };
        assert_eq!((&read.old, &read.new), (&None, &Some(expected)));
        assert_eq!((read.key.to_string().as_str(), change.sequence.as_str()), ("contact#42", "7"));
    }

    #[test]
    fn of_the_state_table_imports_and_notices_are_seen_and_all_else_is_nothing() {
        let of = |key: &str| {
            let change = json!({ "Keys": { "pk": { "S": key } }, "SequenceNumber": "7" });
            let event = json!({ "Records": [{ "eventSource": "aws:dynamodb", "dynamodb": change }] });
            record_changes(&event).unwrap().pop().unwrap().read
        };
        assert_eq!(of("import#loc#i-1"), Ok(Seen::Import("loc".parse().unwrap(), ImportId::new("i-1").unwrap())));
        let paused = Seen::Trouble(GateTrouble::Paused, "loc".parse().unwrap());
        assert_eq!(of("notice#paused#loc"), Ok(paused));
        for other in ["imports#loc", "tick", "known#loc#contact#g1", "import_told#loc#imp-1", "gate#loc", "import#loc"]
        {
            assert_eq!(of(other), Ok(Seen::Other), "{other}");
        }
        for damaged in ["import#loc#a b", "notice#happy#loc", "notice#paused#"] {
            assert!(of(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn a_damaged_image_is_named_and_nothing_of_it_is_shown() {
        for (image, attribute) in [
            (json!({}), "version"),
            (json!({ "version": { "S": "ann" } }), "version"),
            (json!({ "version": { "N": "-1" } }), "version"),
            (json!({ "version": { "N": "1" }, "failed_at": { "S": "ann" } }), "failed_at"),
            (json!({ "version": { "N": "1" }, "ghl_id": { "S": "ann\u{0}" } }), "ghl_id"),
        ] {
            let changes = record_changes(&event(json!({ "NewImage": image }))).unwrap();
            let error = changes[0].read.as_ref().unwrap_err().to_string();
            assert!(error.contains(&format!("`{attribute}`")) && !error.contains("ann"), "{error}");
        }
        for other in [json!(7), json!({}), json!({ "Records": [{ "eventSource": "aws:sqs" }] })] {
            assert!(record_changes(&other).is_err(), "{other}");
        }
    }
}
