//! A batch message on the queue: a hint that some records of a location are due.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ascii_json::to_ascii_json;
use super::{Generation, LocationId, RecordKey};

/// Version of the message format that this build writes.
pub const BATCH_VERSION: u64 = 1;

/// Most records that one message may name, so that a hand-made message cannot outlast the function's timeout.
pub const MAX_BATCH_KEYS: usize = 500;

/// Most bytes for the keys of one message. SQS accepts 256 KiB.
const MAX_KEY_BYTES: usize = 200_000;
/// A non-ASCII character grows to at most this many times its bytes when escaped.
const ESCAPED: usize = 3;

/// The longest prefix of `keys` that fits into one message. The others stay due and go with the next one.
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

/// One batch: the records that a consumer invocation should send. It is only a hint: the outbox decides which records
/// are due.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Location that owns the records.
    pub location_id: LocationId,
    /// Generation in which the batch was planned. A message without one (sent by hand) runs unless another batch is
    /// running.
    #[serde(rename = "gen", default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<Generation>,
    /// Keys of the records to send.
    pub keys: Vec<RecordKey>,
    /// Do everything except call GHL; the records stay due.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dry_run: bool,
}

/// Why a message body is not a batch.
#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    /// The body is empty.
    #[error("the message body is empty; expected a batch like {{\"v\":1,\"location_id\":\"…\",\"keys\":[…]}}")]
    Empty,
    /// The body is not JSON.
    #[error("the message body is not JSON")]
    NotJson(#[source] serde_json::Error),
    /// A version that this build does not read.
    #[error("the batch has version {found}; this build reads version {BATCH_VERSION}")]
    Version {
        /// The value of `v`.
        found: String,
    },
    /// A field is missing or wrong.
    #[error("the batch is malformed")]
    Field(#[source] serde_json::Error),
    /// More records than a batch may have.
    #[error("the batch names {found} records in `keys`; at most {MAX_BATCH_KEYS} are allowed")]
    TooManyKeys {
        /// Records that the message names.
        found: usize,
    },
}

impl BatchError {
    /// The kind of error for logs and reports, without any of the message's content.
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
    /// An empty batch, as if sent by hand.
    #[must_use]
    pub fn new(location_id: LocationId) -> Batch {
        Batch { location_id, generation: None, keys: Vec::new(), dry_run: false }
    }

    /// The batch as a message body.
    #[must_use]
    pub fn to_json(&self) -> String {
        #[derive(Serialize)]
        struct WireBatch<'a> {
            v: u64,
            #[serde(flatten)]
            batch: &'a Batch,
        }
        to_ascii_json(&WireBatch { v: BATCH_VERSION, batch: self })
    }

    /// Parses a message body.
    ///
    /// # Errors
    /// [`BatchError`] describes the problem and names the field.
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
