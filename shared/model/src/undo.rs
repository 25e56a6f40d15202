//! Undoing an import: GHL's copy of a record from before the import, and the result of restoring it.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use strum::{EnumCount, IntoStaticStr};

use crate::{
    EpochMs, FieldDefinition, GhlId, ImportId, Item, ItemKind, Kind, LocationId, Payload, RecordKey, RemoteContent,
};

/// An import can be undone within this time after the start of its undo period.
pub const UNDO_WITHIN: Duration = Duration::from_secs(30 * 24 * 3600);
/// GHL's earlier copies are kept for longer, so that an undo that has begun can finish.
const KEPT: Duration = Duration::from_secs(40 * 24 * 3600);
/// Most bytes of GHL's earlier copy, and of the sent contents: both together fit into an item.
const MOST_SHOWN: usize = 240_000;
const MOST_SENT: usize = 110_000;
/// Most contents of one record that one import sends. Usually there is one.
const MOST_VERSIONS: usize = 5;
/// Most fields that an undo lists as left, and the longest name of one, in characters.
const MOST_FIELDS: usize = 50;
const MOST_CHARS: usize = 100;

/// State of a record between an import that can be undone and the end of its undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Undo {
    /// Its import can be undone: GHL's copy is saved before the record is written.
    Possible {
        /// Start of the undo period: copies saved earlier are not valid.
        since: EpochMs,
    },
    /// The undo was requested: the record is due for it, or it failed.
    Asked {
        /// Start of the undo period.
        since: EpochMs,
    },
    /// The undo is done as far as possible, or a rollback of the migration that put the record deleted it in GHL.
    Done(Undone),
}

/// The result of a record's undo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Undone {
    /// When it was undone.
    pub at: EpochMs,
    /// Whether GHL no longer has the record.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub deleted: bool,
    /// Imported fields that GHL still has, by GHL's names, with the reason; at most 50.
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub left: Vec<LeftField>,
}

/// A field that an undo left unchanged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LeftField {
    /// GHL's name of the field; `customFields.ID` for a custom field.
    pub field: String,
    /// Why the field was left.
    pub why: LeftReason,
}

impl LeftField {
    /// A field of this name, cut to 100 characters.
    #[must_use]
    pub fn new(field: &str, why: LeftReason) -> LeftField {
        LeftField { field: field.chars().take(MOST_CHARS).collect(), why }
    }
}

/// Why an undo left a field unchanged.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, IntoStaticStr, EnumCount,
)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema), schema(as = LeftBecause))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum LeftReason {
    /// Somebody changed it since the import.
    Changed,
    /// Consent is never made less strict.
    Consent,
    /// It was empty before, and GHL's API cannot clear it.
    NotClearable,
    /// GHL accepted the request but did not store the field.
    NotStored,
    /// It was sent by key, and GHL shows custom fields only by id.
    SentByKey,
    /// GHL's earlier value is unknown: the import met another contact than the one that was read, or it is unknown
    /// whether the import created this contact.
    NotKnown,
    /// Another record refers to the same contact or opportunity.
    Shared,
    /// The imported value is gone.
    Gone,
}

impl Undone {
    /// A result with each left field once.
    #[must_use]
    pub fn new(at: EpochMs, deleted: bool, mut left: Vec<LeftField>) -> Undone {
        left.sort();
        left.dedup_by(|a, b| a.field == b.field);
        left.truncate(MOST_FIELDS);
        Undone { at, deleted, left }
    }
}

/// GHL's copy of a record before an import first wrote it, and the contents that the import sent.
///
/// There is one per record: that of the last import that can be undone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PreImage {
    /// The import.
    pub import: ImportId,
    /// When GHL was read.
    pub taken_at: EpochMs,
    /// GHL's copy; `None` if GHL did not have the record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub before: Option<Before>,
    /// The contents that the import sent, as JSON, without duplicates, the latest last.
    #[serde(default)]
    pub sent: Vec<Value>,
    /// Whether the image is void, because nothing was written or because the undo is done: the next writer reads GHL
    /// again.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_void: bool,
    /// The result of its undo, for this version of the record.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub result: Option<(u64, Undone)>,
}

/// GHL's copy of a record.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Before {
    /// GHL's id of the record.
    pub ghl_id: GhlId,
    /// Its content, as JSON.
    pub content: Value,
    /// Whether the content was cut: the value of a field that is not in `content` is unknown.
    #[serde(skip_serializing_if = "std::ops::Not::not", default)]
    pub is_cut: bool,
}

impl Before {
    /// The copy of `content` that GHL shows under `ghl_id`.
    #[must_use]
    pub fn new(ghl_id: GhlId, content: RemoteContent) -> Before {
        let whole = content.to_json();
        let kept = content.shortened_to(MOST_SHOWN).to_json();
        Before { ghl_id, is_cut: kept != whole, content: serde_json::from_str(&kept).unwrap_or_default() }
    }

    /// The parsed content; `None` if it cannot be read.
    #[must_use]
    pub fn content(&self, kind: Kind) -> Option<RemoteContent> {
        RemoteContent::from_json(kind, &self.content.to_string()).ok()
    }
}

impl PreImage {
    /// GHL's copy at `taken_at`, before `import` wrote anything.
    #[must_use]
    pub fn new(import: ImportId, taken_at: EpochMs, before: Option<Before>) -> PreImage {
        PreImage { import, taken_at, before, sent: Vec::new(), is_void: false, result: None }
    }

    /// The image after sending `payload` as well; `None` if `payload` was the last one sent.
    #[must_use]
    pub fn with_sent(&self, payload: &Payload) -> Option<PreImage> {
        let json: Value = serde_json::from_str(&payload.to_json()).unwrap_or_default();
        if self.sent.last() == Some(&json) {
            return None;
        }
        let mut sent = self.sent.clone();
        sent.retain(|earlier| *earlier != json);
        sent.push(json);
        let is_too_long = |sent: &[Value]| sent.iter().map(|json| json.to_string().len()).sum::<usize>() > MOST_SENT;
        while sent.len() > 1 && (sent.len() > MOST_VERSIONS || is_too_long(&sent)) {
            sent.remove(0);
        }
        Some(PreImage { sent, ..self.clone() })
    }

    /// The parsed contents that the import sent, the latest last.
    #[must_use]
    pub fn sent(&self, kind: Kind) -> Vec<Payload> {
        // Each content was checked when it was put.
        let read = |json: &Value| match kind {
            Kind::Contact => serde_json::from_value(json.clone()).ok().map(Payload::Contact),
            Kind::Opportunity => serde_json::from_value(json.clone()).ok().map(Payload::Opportunity),
        };
        self.sent.iter().filter_map(read).collect()
    }

    /// Whether a custom field was sent by key.
    #[must_use]
    pub fn has_keys(&self) -> bool {
        let fields = |sent: &Value| sent["customFields"].as_array().cloned().unwrap_or_default();
        self.sent.iter().flat_map(fields).any(|field| field.get("key").is_some())
    }

    /// The image with custom fields that were sent by key renamed to GHL's ids, as far as `definitions` knows them.
    #[must_use]
    pub fn by_id(&self, definitions: &[FieldDefinition]) -> PreImage {
        let mut image = self.clone();
        let fields = image.sent.iter_mut().filter_map(|sent| sent["customFields"].as_array_mut()).flatten();
        for field in fields.filter_map(Value::as_object_mut) {
            let key = field.get("key").and_then(Value::as_str).unwrap_or_default();
            let is_it = |definition: &&FieldDefinition| {
                definition
                    .key
                    .as_deref()
                    .is_some_and(|it| it == key || it.split_once('.').is_some_and(|(_, it)| it == key))
            };
            if let Some(definition) = definitions.iter().find(is_it) {
                field.remove("key");
                field.insert("id".to_owned(), definition.id.as_str().into());
            }
        }
        image
    }

    /// The image without any content, because nothing was written, it is undone with this `result`, or it is to be
    /// forgotten.
    #[must_use]
    pub fn voided(&self, result: Option<(u64, Undone)>) -> PreImage {
        PreImage { before: None, sent: Vec::new(), is_void: true, result, ..self.clone() }
    }

    /// Whether the image holds no content of anybody.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.before.is_none() && self.sent.is_empty()
    }

    /// Whether this is GHL's copy from before `import`, whose undo period starts at `since`, wrote anything.
    #[must_use]
    pub fn is_of(&self, import: Option<&ImportId>, since: EpochMs) -> bool {
        Some(&self.import) == import && self.taken_at >= since
    }
}

impl Item for PreImage {
    const KIND: ItemKind = ItemKind {
        name: "pre_image",
        load: "pre_images.load",
        replace: "pre_images.write",
        attribute: "pre_image",
        listed: None,
        checked: false,
        may_be_stale: false,
    };
    type Key = (LocationId, RecordKey);

    fn item_key((location, record): &(LocationId, RecordKey)) -> String {
        format!("pre_image#{location}#{record}")
    }

    fn keep_until(&self) -> Option<EpochMs> {
        Some(self.taken_at + KEPT)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn contact(json: &Value) -> Payload {
        Payload::Contact(serde_json::from_value(json.clone()).unwrap())
    }

    #[test]
    fn the_contents_that_were_sent_are_kept_each_once_and_never_more_than_fits() {
        let image = PreImage::new("x".parse().unwrap(), EpochMs(1), None);
        let [a, b] = ["a", "b"].map(|city| contact(&json!({ "email": "a@b.c", "city": city, "state": null })));
        let image = image.with_sent(&a).unwrap();
        assert_eq!(image.with_sent(&a), None);
        let image = image.with_sent(&b).unwrap().with_sent(&a).unwrap();
        assert_eq!(image.sent(Kind::Contact), [b, a]);
        let long = |n: usize| contact(&json!({ "city": format!("{n}{}", "x".repeat(60_000)) }));
        let image = image.with_sent(&long(1)).unwrap().with_sent(&long(2)).unwrap();
        assert_eq!(image.sent(Kind::Contact), [long(2)]);
        let many = (0..9).fold(image, |image, n| image.with_sent(&contact(&json!({ "city": n.to_string() }))).unwrap());
        assert_eq!(many.sent.len(), MOST_VERSIONS);
    }

    #[test]
    fn the_longest_pre_image_fits_into_an_item_and_says_that_it_is_cut() {
        let long = |bytes: usize| "x".repeat(bytes);
        let shown = json!({ "city": long(200_000), "state": long(190_000), "dnd": true });
        let content = RemoteContent::from_json(Kind::Contact, &shown.to_string()).unwrap();
        let before = Before::new("g1".parse().unwrap(), content);
        assert!(before.is_cut && before.content["dnd"] == true && before.content["city"].is_null());
        let image = PreImage::new("x".parse().unwrap(), EpochMs(1), Some(before));
        let image = image.with_sent(&contact(&json!({ "city": long(99_000) }))).unwrap();
        assert!(serde_json::to_string(&image).unwrap().len() < 390_000);
    }

    #[test]
    fn what_is_left_is_named_once_and_within_bounds() {
        let left = (0..80).map(|n| LeftField::new(&format!("customFields.{}", n / 2), LeftReason::Changed)).collect();
        assert_eq!(Undone::new(EpochMs(1), false, left).left.len(), 40);
        let json = serde_json::to_string(&Undo::Done(Undone::new(EpochMs(7), true, Vec::new()))).unwrap();
        assert_eq!(json, r#"{"done":{"at":7,"deleted":true}}"#);
        let possible = Undo::Possible { since: EpochMs(7) };
        assert_eq!(serde_json::to_string(&possible).unwrap(), r#"{"possible":{"since":7}}"#);
    }
}
