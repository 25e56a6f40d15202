//! Reads events of the tables' streams as Lambda delivers them: changes of records, and the keys written in the state
//! table.
//!
//! Each change is read separately, and of its images only the fields that determine outcomes: neither a damaged
//! change nor the content of a record goes any further.

use ghl_sync_model::{EpochMs, ImportId, Undo};
use ghl_sync_notify::{ChangedItem, OutcomeError, RecordChange, RecordFacts, StreamChange, Unreadable, undone};
use serde::Deserialize;
use serde_json::Value;

use crate::outbox::import_key;
use crate::tables::{record, state};

/// The event does not come from a table's stream.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected the event of a DynamoDB stream: {{\"Records\": [{{\"eventSource\": \"aws:dynamodb\", \"dynamodb\": {{…}}}}]}}; \
     {0}"
)]
pub struct NotFromStream(&'static str);

/// Reads the changes in a stream's event.
///
/// # Errors
/// If it is not one. The error quotes nothing of its content.
pub fn record_changes(event: &Value) -> Result<Vec<StreamChange>, NotFromStream> {
    let records = event["Records"].as_array().ok_or(NotFromStream("it has no list `Records`"))?;
    let change = |record: &Value| {
        if record["eventSource"] != "aws:dynamodb" {
            return Err(NotFromStream("a record of it is of another source"));
        }
        let sequence = record["dynamodb"]["SequenceNumber"].as_str().filter(|sequence| !sequence.is_empty());
        let sequence = sequence.ok_or(NotFromStream("a record of it has no SequenceNumber"))?.to_owned();
        Ok(StreamChange { read: read(&record["dynamodb"]), sequence })
    };
    records.iter().map(change).collect()
}

fn read(change: &Value) -> Result<ChangedItem, Unreadable> {
    let keys = Image(&change["Keys"]);
    if let Some(key) = keys.text(state::PK)? {
        return seen_in_state(key);
    }
    let facts = |image: &Value| if image.is_null() { Ok(None) } else { Image(image).facts().map(Some) };
    Ok(ChangedItem::Record(Box::new(RecordChange {
        location_id: keys.parsed(record::LOCATION_ID)?.ok_or_else(|| missing(record::LOCATION_ID))?,
        key: keys.parsed(record::RECORD)?.ok_or_else(|| missing(record::RECORD))?,
        old: facts(&change["OldImage"])?,
        new: facts(&change["NewImage"])?,
    })))
}

/// The change behind a key of the state table. The stream has no images, because other items of the table hold
/// secrets.
fn seen_in_state(key: &str) -> Result<ChangedItem, Unreadable> {
    let malformed = || damaged(state::PK, "is not what it should be");
    let mut parts = key.splitn(3, '#');
    Ok(match (parts.next(), parts.next(), parts.next()) {
        (Some("import"), Some(location), Some(id)) => {
            ChangedItem::Import(location.parse().map_err(|_| malformed())?, ImportId::new(id).map_err(|_| malformed())?)
        }
        (Some("notice"), Some(trouble), Some(scope)) => {
            ChangedItem::Trouble(trouble.parse().map_err(|_| malformed())?, scope.parse().map_err(|_| malformed())?)
        }
        _ => ChangedItem::Other,
    })
}

/// An item in the stream's form: `{"NAME": {"S": "…"}}`.
#[derive(Clone, Copy)]
struct Image<'a>(&'a Value);

impl<'a> Image<'a> {
    fn facts(self) -> Result<RecordFacts, Unreadable> {
        let time = |attribute| Ok(self.number(attribute)?.map(EpochMs));
        Ok(RecordFacts {
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

    /// Parses the JSON in a text attribute. Unreadable JSON is only for people, and is ignored.
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

/// The part of an error that leaves the system: its message may quote the record.
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

/// The import's id in `ID#STATE`.
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
        let expected = RecordFacts {
            version: 3,
            ghl_id: Some("g1".parse().unwrap()),
            import: Some("imp-1".to_owned()),
            not_stored: vec!["phone".to_owned()],
            failed_at: Some(EpochMs(9)),
            last_error: Some(OutcomeError { code: "REJECTED".to_owned(), status: Some(422) }),
            ..RecordFacts::default()
        };
        let Ok(ChangedItem::Record(read)) = &change.read else { panic!("{change:?}") };
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
        assert_eq!(
            of("import#loc#i-1"),
            Ok(ChangedItem::Import("loc".parse().unwrap(), ImportId::new("i-1").unwrap()))
        );
        let paused = ChangedItem::Trouble(GateTrouble::Paused, "loc".parse().unwrap());
        assert_eq!(of("notice#paused#loc"), Ok(paused));
        for other in ["imports#loc", "tick", "known#loc#contact#g1", "import_told#loc#imp-1", "gate#loc", "import#loc"]
        {
            assert_eq!(of(other), Ok(ChangedItem::Other), "{other}");
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
