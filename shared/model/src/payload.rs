//! The content of a record, with its validation and its hash.

use std::fmt;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::{Contact, CustomField, Kind, Opportunity, is_same_tag};
use crate::json::Objects;

/// Most bytes of a payload's canonical JSON. A DynamoDB item holds 400 KB, and besides the payload it must have room
/// for results (a dry run's requests, errors, field names).
pub const MAX_PAYLOAD_BYTES: usize = 100_000;

/// The content to send to GHL.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "nearly all records are contacts")]
pub enum Payload {
    /// A contact.
    Contact(Contact),
    /// An opportunity.
    Opportunity(Opportunity),
}

/// Why a payload is refused.
#[derive(Debug, thiserror::Error)]
pub enum PayloadError {
    /// Not JSON of the right shape.
    #[error("the {kind} is malformed at `{field}`")]
    Malformed {
        /// The expected kind of payload.
        kind: Kind,
        /// The path of the field, or `.`.
        field: String,
        /// The parser's error.
        source: serde_json::Error,
    },
    /// GHL would reject the value of a field.
    #[error("field `{field}` {reason}")]
    Field {
        /// The field, by its name in the document.
        field: &'static str,
        /// The problem with the value, in words.
        reason: &'static str,
    },
    /// The whole payload is longer than a record may be.
    #[error(
        "field `{field}` is too long: it has {field_bytes} of {bytes} bytes of JSON, and a record may have {MAX_PAYLOAD_BYTES}"
    )]
    TooLarge {
        /// The longest field.
        field: String,
        /// Its length as JSON, in bytes.
        field_bytes: usize,
        /// The length of the whole payload.
        bytes: usize,
    },
}

impl Payload {
    /// The kind of record that it describes.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Payload::Contact(_) => Kind::Contact,
            Payload::Opportunity(_) => Kind::Opportunity,
        }
    }

    /// The canonical JSON: fields in a fixed order, absent ones left out. Equal content gives equal text.
    #[must_use]
    pub fn to_json(&self) -> String {
        // Strings, numbers, lists and maps with string keys only: this cannot fail to serialize.
        match self {
            Payload::Contact(contact) => serde_json::to_string(contact),
            Payload::Opportunity(opportunity) => serde_json::to_string(opportunity),
        }
        .unwrap_or_default()
    }

    /// Parses and checks the JSON of a payload.
    ///
    /// # Errors
    /// [`PayloadError`] names the field.
    pub fn from_json(kind: Kind, json: &str) -> Result<Payload, PayloadError> {
        let payload = Payload::remains_from_json(kind, json)?;
        payload.check()?;
        Ok(payload)
    }

    /// What is kept after the content is dropped: only the ids that place the record in GHL.
    #[must_use]
    pub fn remains(&self) -> Payload {
        match self {
            Payload::Contact(_) => Payload::Contact(Contact::default()),
            Payload::Opportunity(opportunity) => Payload::Opportunity(Opportunity {
                contact_record: opportunity.contact_record.clone(),
                contact_id: opportunity.contact_id.clone(),
                pipeline_id: opportunity.pipeline_id.clone(),
                name: String::new(),
                status: None,
                pipeline_stage_id: None,
                monetary_value: None,
                assigned_to: None,
                custom_fields: Vec::new(),
            }),
        }
    }

    /// Parses the [remains](Payload::remains) of a payload; GHL would not accept them as content.
    ///
    /// # Errors
    /// [`PayloadError::Malformed`] names the field.
    pub fn remains_from_json(kind: Kind, json: &str) -> Result<Payload, PayloadError> {
        Ok(match kind {
            Kind::Contact => Payload::Contact(parse(kind, json)?),
            Kind::Opportunity => Payload::Opportunity(parse(kind, json)?),
        })
    }

    /// Checks what the types do not guarantee.
    ///
    /// # Errors
    /// [`PayloadError::Field`] names the field.
    pub fn check(&self) -> Result<(), PayloadError> {
        match self {
            Payload::Contact(contact) => check_contact(contact),
            Payload::Opportunity(opportunity) => check_opportunity(opportunity),
        }
    }

    /// Checks that the payload fits into an item. Payloads already stored may be longer.
    ///
    /// # Errors
    /// [`PayloadError::TooLarge`] names the longest field.
    pub fn check_size(&self) -> Result<(), PayloadError> {
        let json = self.to_json();
        if json.len() <= MAX_PAYLOAD_BYTES {
            return Ok(());
        }
        let fields: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&json).unwrap_or_default();
        let lengths = fields.into_iter().map(|(field, value)| (value.to_string().len(), field));
        let (field_bytes, field) = lengths.max().unwrap_or_default();
        Err(PayloadError::TooLarge { field, field_bytes, bytes: json.len() })
    }

    /// Hash of the canonical form.
    #[must_use]
    pub fn hash(&self) -> ContentHash {
        ContentHash::of(self.to_json().as_bytes())
    }
}

fn parse<T: DeserializeOwned>(kind: Kind, json: &str) -> Result<T, PayloadError> {
    let malformed = |field, source| PayloadError::Malformed { kind, field, source };
    let mut deserializer = serde_json::Deserializer::from_str(json);
    let parsed = serde_path_to_error::deserialize(Objects(&mut deserializer))
        .map_err(|error| malformed(error.path().to_string(), error.into_inner()))?;
    deserializer.end().map_err(|error| malformed(".".to_owned(), error))?;
    Ok(parsed)
}

fn check_contact(contact: &Contact) -> Result<(), PayloadError> {
    if contact.dnd_settings.as_ref().is_some_and(|by_channel| !by_channel.is_object()) {
        return Err(PayloadError::Field { field: "dndSettings", reason: "must be an object" });
    }
    let Contact { first_name, last_name, name, email, phone, company_name, .. } = contact;
    // An empty text means that the field is to be cleared.
    let some = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    if let Some(email) = some(email)
        && (!email.contains('@') || email.contains(char::is_whitespace))
    {
        return Err(PayloadError::Field { field: "email", reason: "is not an e-mail address" });
    }
    if let Some(phone) = some(phone)
        && !phone.contains(|c: char| c.is_ascii_digit())
    {
        return Err(PayloadError::Field { field: "phone", reason: "has no digit" });
    }
    if [first_name, last_name, name, email, phone, company_name].into_iter().all(|text| some(text).is_none()) {
        return Err(PayloadError::Field {
            field: "email",
            reason: "is missing, and so are phone, name, firstName, lastName and companyName: nothing says who this is",
        });
    }
    if contact.remove_tags.iter().any(|tag| contact.tags.iter().any(|wanted| is_same_tag(wanted, tag))) {
        let reason = "has a tag that `tags` has as well: is it to be added or to be removed?";
        return Err(PayloadError::Field { field: "removeTags", reason });
    }
    if let Some(settings) = &contact.dnd_settings {
        let Some(channels) = settings.as_object() else {
            return Err(PayloadError::Field { field: "dndSettings", reason: "must be an object" });
        };
        if channels.values().any(has_null) {
            const REASON: &str = "has a null: a channel is opened again by its status, not cleared";
            return Err(PayloadError::Field { field: "dndSettings", reason: REASON });
        }
    }
    check_custom_fields(&contact.custom_fields)
}

fn has_null(value: &Value) -> bool {
    value.is_null() || value.as_object().is_some_and(|fields| fields.values().any(Value::is_null))
}

fn check_opportunity(opportunity: &Opportunity) -> Result<(), PayloadError> {
    if opportunity.contact_record.is_some() == opportunity.contact_id.is_some() {
        return Err(PayloadError::Field {
            field: "contactRecord",
            reason: "or `contactId` must be given, and not both",
        });
    }
    if opportunity.name.trim().is_empty() {
        return Err(PayloadError::Field { field: "name", reason: "is empty" });
    }
    check_custom_fields(&opportunity.custom_fields)
}

fn check_custom_fields(fields: &[CustomField]) -> Result<(), PayloadError> {
    if fields.iter().any(|field| field.id.is_some() == field.key.is_some()) {
        return Err(PayloadError::Field {
            field: "customFields",
            reason: "has an entry that does not have exactly one of `id` and `key`",
        });
    }
    if fields.iter().any(|field| field.id.is_none() && field.value.is_null()) {
        return Err(PayloadError::Field {
            field: "customFields",
            reason: "clears a field by `key`: name it by `id`, by which GHL shows whether it was cleared",
        });
    }
    Ok(())
}

/// Hash of a content's canonical form (the first 128 bits of its SHA-256), written as hex.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ContentHash([u8; 16]);

impl ContentHash {
    /// The hash of `canonical`, which must be the same bytes for the same content.
    #[must_use]
    pub fn of(canonical: &[u8]) -> ContentHash {
        let digest = Sha256::digest(canonical);
        let mut half = [0; 16];
        half.copy_from_slice(&digest[..16]);
        ContentHash(half)
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl From<ContentHash> for String {
    fn from(hash: ContentHash) -> String {
        hash.to_string()
    }
}

impl TryFrom<String> for ContentHash {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        const EXPECTED: &str = "a content hash is 32 hex digits";
        if text.len() != 32 || !text.is_ascii() {
            return Err(EXPECTED);
        }
        let mut bytes = [0; 16];
        for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
            let pair = std::str::from_utf8(pair).map_err(|_| EXPECTED)?;
            *byte = u8::from_str_radix(pair, 16).map_err(|_| EXPECTED)?;
        }
        Ok(ContentHash(bytes))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_content_has_an_equal_hash_whatever_the_order_of_fields() {
        let a = Payload::from_json(Kind::Contact, r#"{"email":"a@b.c","firstName":"A"}"#).unwrap();
        let b = Payload::from_json(Kind::Contact, r#"{"firstName":"A","email":"a@b.c"}"#).unwrap();
        let c = Payload::from_json(Kind::Contact, r#"{"firstName":"B","email":"a@b.c"}"#).unwrap();
        assert_eq!(a.hash(), b.hash());
        assert_ne!(a.hash(), c.hash());
        assert_eq!(ContentHash::try_from(a.hash().to_string()).unwrap(), a.hash());
    }

    #[test]
    fn null_clears_what_ghl_can_clear_and_is_refused_with_its_name_elsewhere() {
        let texts = Contact::TEXTS.iter().map(|text| text.name);
        for field in texts.filter(|name| !["email", "gender", "country"].contains(name)) {
            let json = format!(r#"{{"email":"a@b.c","{field}":null}}"#);
            let payload = Payload::from_json(Kind::Contact, &json).unwrap();
            let again: Value = serde_json::from_str(&payload.to_json()).unwrap();
            assert_eq!(again, serde_json::from_str::<Value>(&json).unwrap(), "it is kept");
            let absent = Payload::from_json(Kind::Contact, r#"{"email":"a@b.c"}"#).unwrap();
            assert_ne!(payload.hash(), absent.hash(), "{field}");
        }
        let cleared = Payload::from_json(Kind::Contact, r#"{"email":null,"phone":"+12025550101"}"#).unwrap();
        assert_eq!(cleared.to_json(), r#"{"email":null,"phone":"+12025550101"}"#);
        let by_id = r#"{"email":"a@b.c","customFields":[{"id":"f1","value":null}]}"#;
        assert_eq!(Payload::from_json(Kind::Contact, by_id).unwrap().to_json(), by_id);
        let contact = ["gender", "country", "dnd", "dndSettings", "tags", "customFields"]
            .map(|field| (Kind::Contact, field, format!(r#"{{"email":"a@b.c","{field}":null}}"#)));
        let opportunity =
            ["contactRecord", "status", "pipelineStageId", "monetaryValue", "assignedTo", "pipelineId", "name"]
                .map(|field| (Kind::Opportunity, field, format!(r#"{{"contactId":"c","{field}":null}}"#)));
        let others = [
            (Kind::Contact, "email", r#"{"email":null,"phone":null}"#.to_owned()),
            (Kind::Contact, "email", r#"{"email":"","phone":"1"}"#.to_owned()),
            (Kind::Contact, "dndSettings", r#"{"email":"a@b.c","dndSettings":{"SMS":null}}"#.to_owned()),
            (Kind::Contact, "dndSettings", r#"{"email":"a@b.c","dndSettings":[]}"#.to_owned()),
            (
                Kind::Contact,
                "customFields",
                r#"{"email":"a@b.c","customFields":[{"key":"k","value":null}]}"#.to_owned(),
            ),
        ];
        for (kind, field, json) in contact.into_iter().chain(opportunity).chain(others) {
            let error = Payload::from_json(kind, &json).unwrap_err().to_string();
            assert!(error.contains(&format!("`{field}")), "{json}: {error}");
        }
    }

    #[test]
    fn a_custom_field_is_read_by_ghls_names_as_well_unless_two_of_them_differ() {
        let read = |field: &str| {
            let json = format!(r#"{{"email":"a@b.c","customFields":[{field}]}}"#);
            Payload::from_json(Kind::Contact, &json).map(|payload| payload.to_json())
        };
        let expected = read(r#"{"id":"f1","value":"x"}"#).unwrap();
        for field in [
            r#"{"id":"f1","field_value":"x"}"#,
            r#"{"id":"f1","fieldValue":"x"}"#,
            r#"{"id":"f1","fieldValue":"x","value":"x"}"#,
        ] {
            assert_eq!(read(field).unwrap(), expected, "{field}");
        }
        let by_key = read(r#"{"key":"contact.size","value":9}"#).unwrap();
        assert_eq!(read(r#"{"fieldKey":"contact.size","field_value":9}"#).unwrap(), by_key);
        assert_eq!(read(r#"{"field_key":"contact.size","key":"contact.size","value":9}"#).unwrap(), by_key);
        for field in [
            r#"{"id":"f1","value":"x","field_value":"y"}"#,
            r#"{"id":"f1","value":null,"fieldValue":"y"}"#,
            r#"{"key":"a","fieldKey":"b","value":"x"}"#,
            r#"{"id":"f1","key":"a","value":"x"}"#,
            r#"{"id":"f1"}"#,
            r#"{"id":"f1","values":"x"}"#,
        ] {
            let error = read(field).unwrap_err().to_string();
            assert!(error.contains("customFields"), "{field}: {error}");
        }
    }

    #[test]
    fn a_bad_payload_is_refused_with_the_name_of_the_field() {
        let cases = [
            (Kind::Contact, r#"{}"#, "email"),
            (Kind::Contact, r#"{"email":"nobody"}"#, "email"),
            (Kind::Contact, r#"{"phone":"none"}"#, "phone"),
            (Kind::Contact, r#"{"emial":"a@b.c"}"#, "emial"),
            (Kind::Contact, r#"{"email":3}"#, "string"),
            (Kind::Contact, r#"{"email":"a@b.c","customFields":[{"value":1}]}"#, "customFields"),
            (Kind::Opportunity, r#"{"pipelineId":"p","name":"x"}"#, "contactRecord"),
            (Kind::Opportunity, r#"{"contactId":"c","name":"x"}"#, "pipelineId"),
            (Kind::Opportunity, r#"{"contactId":"c","pipelineId":"p","name":" "}"#, "name"),
            (Kind::Opportunity, r#"{"contactId":"c","pipelineId":"p","name":"n","status":"all"}"#, "all"),
        ];
        for (kind, json, field) in cases {
            let error = Payload::from_json(kind, json).unwrap_err();
            let text = match std::error::Error::source(&error) {
                Some(source) => format!("{error}: {source}"),
                None => error.to_string(),
            };
            assert!(text.contains(field), "{json}: {text}");
        }
    }

    #[test]
    fn a_payload_that_is_too_long_is_refused_with_its_longest_field() {
        let of = |length: usize| {
            let (city, value) = ("x".repeat(1000), "ü".repeat(length / 2));
            Payload::from_json(
                Kind::Contact,
                &format!(r#"{{"email":"a@b.c","city":"{city}","customFields":[{{"id":"a","value":"{value}"}}]}}"#),
            )
            .unwrap()
        };
        assert!(of(90_000).check_size().is_ok());
        let error = of(100_000).check_size().unwrap_err();
        assert!(matches!(&error, PayloadError::TooLarge { field, .. } if field == "customFields"), "{error}");
    }
}
