//! The message on the queue: a hint that these records of this location are due.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ascii_json::to_ascii_json;
use super::{Generation, LocationId, RecordKey};

/// Version of the message that this build writes.
pub const BATCH_VERSION: u64 = 1;

/// Most records that one message may name, so that a hand-made one cannot outlast the function's time.
pub const MAX_BATCH_KEYS: usize = 500;

/// Most bytes that the keys of one message may have. SQS takes 256 KiB.
const MAX_KEY_BYTES: usize = 200_000;
/// A character outside of ASCII is written as up to so many bytes for each of its own.
const ESCAPED: usize = 3;

/// The first of `keys` that fit into one message; the others stay due, and go with the next one.
#[must_use]
pub fn fit_into_message(mut keys: Vec<RecordKey>) -> Vec<RecordKey> {
    let mut bytes = 0;
    let length = |key: &RecordKey| key.kind.as_str().len() + key.id.as_str().len() * ESCAPED + 4;
    let fitting = keys.iter().take_while(|key| {
        bytes += length(key);
        bytes <= MAX_KEY_BYTES
    });
    let fitting = fitting.count();
    keys.truncate(fitting);
    keys
}

/// One batch: what a consumer invocation is asked to send. A hint only: the outbox says what is really due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Whose records.
    pub location_id: LocationId,
    /// The generation it was planned in; without one (a message sent by hand) it runs if nobody else does.
    #[serde(rename = "gen", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Which records.
    pub keys: Vec<RecordKey>,
    /// Do everything but the call to GHL, and leave the records due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Why a message body is not a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// Nothing in it.
    #[error("the message body is empty; expected a batch like {{\"v\":1,\"location_id\":\"…\",\"keys\":[…]}}")]
    Empty,
    /// Not JSON at all.
    #[error("the message body is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// A version that this build does not read.
    #[error("the batch has version {found}; this build reads version {BATCH_VERSION}")]
    Version {
        /// What stood in `v`.
        found: String,
    },
    /// A field is missing or wrong.
    #[error("the batch is malformed")]
    Field(#[source] serde_json::Error),
    /// More records than a batch may have.
    #[error("the batch names {found} records in `keys`; at most {MAX_BATCH_KEYS} are allowed")]
    TooManyKeys {
        /// How many there were.
        found: usize,
    },
}

impl BatchError {
    /// The kind of error as it is written in logs and reports: nothing of what the message says.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            BatchError::Empty => "empty",
            BatchError::NotJson(_) => "not_json",
            BatchError::Version { .. } => "version",
            BatchError::Field(_) => "malformed",
            BatchError::TooManyKeys { .. } => "too_many_keys",
        }
    }
}

impl Batch {
    /// A batch of no records yet, as if sent by hand.
    #[must_use]
    pub fn new(location_id: LocationId) -> Batch {
        Batch { location_id, generation: None, keys: Vec::new(), dry_run: false }
    }

    /// The message body.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct Wire<'a> {
            v: u64,
            #[serde(flatten)]
            batch: &'a Batch,
        }
        to_ascii_json(&Wire { v: BATCH_VERSION, batch: self })
    }

    /// Reads a message body.
    ///
    /// # Errors
    /// [`BatchError`] says what is wrong with it, and names the field.
    pub fn from_json(body: &str) -> Result<Batch, BatchError> {
        if body.trim().is_empty() {
            return Err(BatchError::Empty);
        }
        let value: Value = serde_json::from_str(body).map_err(BatchError::NotJson)?;
        match value.get("v") {
            Some(v) if v.as_u64() == Some(BATCH_VERSION) => {}
            Some(v) => return Err(BatchError::Version { found: cut(&v.to_string(), 40) }),
            None => return Err(BatchError::Version { found: "none (field `v` is missing)".to_owned() }),
        }
        let batch: Batch = crate::json::from_value(value).map_err(BatchError::Field)?;
        if batch.keys.len() > MAX_BATCH_KEYS {
            return Err(BatchError::TooManyKeys { found: batch.keys.len() });
        }
        Ok(batch)
    }
}

fn cut(text: &str, chars: usize) -> String {
    text.chars().take(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch() -> Batch {
        Batch {
            generation: Some(Generation(7)),
            keys: vec!["contact#a".parse().unwrap(), "opportunity#b#c".parse().unwrap()],
            ..Batch::new(LocationId::new("loc1").unwrap())
        }
    }

    #[test]
    fn the_wire_form_is_stable() {
        assert_eq!(
            batch().to_json(),
            r##"{"v":1,"location_id":"loc1","gen":7,"keys":["contact#a","opportunity#b#c"]}"##
        );
    }

    #[test]
    fn keys_of_the_longest_ids_fit_into_one_message_of_sqs() {
        let keys: Vec<RecordKey> =
            (0..MAX_BATCH_KEYS).map(|_| format!("opportunity#{}", "é".repeat(128)).parse().unwrap()).collect();
        let fitting = fit_into_message(keys);
        assert!(fitting.len() > 200 && fitting.len() < MAX_BATCH_KEYS, "{}", fitting.len());
        assert!(Batch { keys: fitting, ..batch() }.to_json().len() <= 256 * 1024);
        let short: Vec<RecordKey> = (0..MAX_BATCH_KEYS).map(|n| format!("contact#{n}").parse().unwrap()).collect();
        assert_eq!(fit_into_message(short.clone()), short);
    }

    #[test]
    fn what_is_written_is_read_back() {
        for batch in [batch(), Batch { generation: None, dry_run: true, keys: vec![], ..batch() }] {
            assert_eq!(Batch::from_json(&batch.to_json()).unwrap(), batch);
        }
    }

    #[test]
    fn a_bad_body_is_refused_with_what_is_wrong_with_it() {
        let many = format!(r##"{{"v":1,"location_id":"l","keys":["contact#a"{}]}}"##, r##","contact#a""##.repeat(500));
        let cases = [
            ("", "empty"),
            ("  \n", "empty"),
            ("{", "not JSON"),
            (r#"{"location_id":"l","keys":[]}"#, "`v` is missing"),
            (r#"{"v":2,"location_id":"l","keys":[]}"#, "version 2"),
            (r#"{"v":"1","location_id":"l","keys":[]}"#, "version \"1\""),
            (r#"{"v":1,"keys":[]}"#, "location_id"),
            (r#"{"v":1,"location_id":"a b","keys":[]}"#, "location_id"),
            (r#"{"v":1,"location_id":"l","keys":["x"]}"#, "record key"),
            (r#"{"v":1,"location_id":"l","gen":-1,"keys":[]}"#, "u64"),
            (many.as_str(), "501 records"),
            ("[]", "`v` is missing"),
        ];
        for (body, expected) in cases {
            let error = Batch::from_json(body).unwrap_err();
            let text = match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            assert!(text.contains(expected), "{body}: {text}");
        }
    }
}
