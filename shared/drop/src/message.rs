//! Messages of the importer's queue: S3 events and our own.

use percent_encoding::percent_decode_str;
use serde::{Deserialize, Serialize};

/// Version of our own messages.
const VERSION: u32 = 1;

/// A message of the importer's queue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DropMessage {
    /// Files were put into the bucket.
    Put(Vec<String>),
    /// The next step of an import.
    Step {
        /// The list.
        file: String,
        /// Number of the step: see [`Checkpoint::step`](crate::Checkpoint::step).
        step: u64,
    },
    /// S3 tests whether it may send to the queue.
    Test,
}

/// Why a message cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum MessageError {
    /// Not JSON of the right shape.
    #[error("the message is neither an event of S3 nor a step of an import")]
    Malformed(#[from] serde_json::Error),
    /// From a newer build.
    #[error("the message has version {0}; this build reads version {VERSION}")]
    Version(u32),
    /// An event of another service, or in another envelope.
    #[error(
        "the message is an event of {0}, not of S3 itself; S3 must send to this queue without a topic or bus between"
    )]
    Source(String),
}

#[derive(Serialize, Deserialize)]
struct StepMessage {
    v: u32,
    file: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    step: Option<u64>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum MessageBody {
    Own(StepMessage),
    Event {
        #[serde(rename = "Records")]
        records: Vec<S3Event>,
    },
    Test {
        #[serde(rename = "Event")]
        event: String,
    },
}

#[derive(Deserialize)]
struct S3Event {
    #[serde(rename = "eventSource")]
    source: String,
    #[serde(rename = "eventName", default)]
    name: String,
    s3: Option<S3Entity>,
}

#[derive(Deserialize)]
struct S3Entity {
    object: S3Object,
}

#[derive(Deserialize)]
struct S3Object {
    key: String,
}

impl DropMessage {
    /// Parses a message's body.
    ///
    /// # Errors
    /// [`MessageError`] says why it cannot be read.
    pub fn from_json(body: &str) -> Result<DropMessage, MessageError> {
        match serde_json::from_str(body)? {
            MessageBody::Own(StepMessage { v, .. }) if v != VERSION => Err(MessageError::Version(v)),
            MessageBody::Own(StepMessage { file, step: Some(step), .. }) => Ok(DropMessage::Step { file, step }),
            MessageBody::Own(StepMessage { file, step: None, .. }) => Ok(DropMessage::Put(vec![file])),
            MessageBody::Test { event } if event == "s3:TestEvent" => Ok(DropMessage::Test),
            MessageBody::Test { event } => Err(MessageError::Source(event)),
            MessageBody::Event { records } => {
                let mut files = Vec::new();
                for S3Event { source, name, s3 } in records {
                    let Some(S3Entity { object }) = s3.filter(|_| source == "aws:s3") else {
                        return Err(MessageError::Source(source));
                    };
                    if name.starts_with("ObjectCreated:") {
                        files.push(decoded(&object.key));
                    }
                }
                Ok(DropMessage::Put(files))
            }
        }
    }

    /// Serializes a message of ours. We never send several files in one message, or none; only the first file is kept.
    #[must_use]
    pub fn to_json(&self) -> String {
        let own = match self {
            DropMessage::Step { file, step } => StepMessage { v: VERSION, file: file.clone(), step: Some(*step) },
            DropMessage::Put(files) => {
                StepMessage { v: VERSION, file: files.first().cloned().unwrap_or_default(), step: None }
            }
            DropMessage::Test => StepMessage { v: VERSION, file: String::new(), step: None },
        };
        // Only strings and numbers, so serializing cannot fail.
        serde_json::to_string(&own).unwrap_or_default()
    }
}

/// Decodes a key: S3 events encode keys as HTML forms do.
fn decoded(key: &str) -> String {
    percent_decode_str(&key.replace('+', " ")).decode_utf8_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_of_s3_names_its_files_and_what_it_deleted_is_none() {
        let event = |name: &str, key: &str| {
            format!(
                r#"{{"eventVersion":"2.1","eventSource":"aws:s3","eventName":"{name}","s3":{{"bucket":{{"name":"b"}},"object":{{"key":"{key}"}}}}}}"#
            )
        };
        let put = event("ObjectCreated:Put", "in/loc/contacts/J%C3%BCrgen+2+%2B+3.csv");
        let body = format!(r#"{{"Records":[{put},{}]}}"#, event("ObjectRemoved:Delete", "in/loc/contacts/b.csv"));
        let expected = DropMessage::Put(vec!["in/loc/contacts/Jürgen 2 + 3.csv".to_owned()]);
        assert_eq!(DropMessage::from_json(&body).unwrap(), expected);
        let test = r#"{"Service":"Amazon S3","Event":"s3:TestEvent","Time":"2026-11-29T00:00:00Z","Bucket":"b"}"#;
        assert_eq!(DropMessage::from_json(test).unwrap(), DropMessage::Test);
    }

    #[test]
    fn our_own_messages_are_read_as_they_were_written_and_others_are_refused_by_name() {
        for step in [Some(7), None] {
            let file = "in/loc/contacts/a.csv".to_owned();
            let message = match step {
                Some(step) => DropMessage::Step { file, step },
                None => DropMessage::Put(vec![file]),
            };
            assert_eq!(DropMessage::from_json(&message.to_json()).unwrap(), message);
        }
        assert!(matches!(DropMessage::from_json(r#"{"v":2,"file":"x"}"#), Err(MessageError::Version(2))));
        assert!(matches!(DropMessage::from_json("hello"), Err(MessageError::Malformed(_))));
        let other = r#"{"Records":[{"eventSource":"aws:sns"}]}"#;
        assert!(matches!(DropMessage::from_json(other), Err(MessageError::Source(source)) if source == "aws:sns"));
    }
}
