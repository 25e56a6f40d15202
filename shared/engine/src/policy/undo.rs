//! Decides how to undo an import of a record: revert, field by field, what the import wrote and nobody has changed
//! since.

mod changed;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Map, Number, Value, json};

use self::changed::changed_since;
use super::comparison::{self, ComparedField, folded};
use ghl_sync_model::{
    Before, Contact, CustomField, EpochMs, GhlId, Kind, LeftField, LeftReason, Opportunity, Payload, PreImage,
    RemoteContent, RemoteOpportunity, is_same_tag,
};

/// How far GHL's clock may be ahead of ours: a change this soon after our write counts as that write.
const OWN_WRITE: Duration = Duration::from_secs(15);
/// Fields that GHL sets by itself when it creates a contact.
const GIVEN_BY_GHL: [&str; 3] = ["timezone", "country", "source"];

/// What we know of a record whose import is being undone.
#[derive(Debug)]
pub struct Undoing<'a> {
    /// GHL's copy before the import, and what the import sent.
    pub image: &'a PreImage,
    /// Whether GHL reported that the import's own call created the record.
    pub is_ours: bool,
    /// Time of the import's last write.
    pub written_at: EpochMs,
}

/// A record as GHL shows it now.
#[derive(Debug, Clone, PartialEq)]
pub struct ShownNow {
    /// GHL's id of the record.
    pub ghl_id: GhlId,
    /// GHL's content.
    pub content: RemoteContent,
    /// Time of the last change, by GHL's clock.
    pub changed_at: Option<EpochMs>,
}

/// The actions that undo one record.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Reversal {
    /// Whether to delete the record in GHL.
    pub delete: bool,
    /// What to write to the record, if anything.
    pub restore: Option<Payload>,
    /// The fields that stay as they are, with the reason for each.
    pub left: Vec<LeftField>,
}

impl Reversal {
    /// Leaves the whole record as it is.
    fn left_whole(kind: Kind, why: LeftReason) -> Reversal {
        Reversal { left: vec![LeftField::new(kind.as_str(), why)], ..Reversal::default() }
    }
}

/// The actions for a record that GHL shows as `now` (`None`: GHL does not have it).
#[must_use]
pub fn reversal(kind: Kind, undoing: &Undoing<'_>, now: Option<&ShownNow>) -> Reversal {
    let Undoing { image, is_ours, written_at } = undoing;
    let (before, now) = match (&image.before, now) {
        (None, None) => return Reversal::default(),
        (Some(_), None) => return Reversal::left_whole(kind, LeftReason::Gone),
        (before, Some(now)) => (before, now),
    };
    match before {
        None if !is_ours => Reversal::left_whole(kind, LeftReason::NotKnown),
        None => match changed_since(image, kind, *written_at, now) {
            None => Reversal { delete: true, ..Reversal::default() },
            Some(fields) => {
                let mut left = Reversal::left_whole(kind, LeftReason::Changed);
                left.left.extend(fields.iter().map(|field| LeftField::new(field, LeftReason::Changed)));
                left
            }
        },
        // The upsert matched another contact than the one we had looked up.
        Some(before) if before.ghl_id != now.ghl_id => Reversal::left_whole(kind, LeftReason::NotKnown),
        Some(before) => match (before.content(kind), &now.content) {
            (Some(RemoteContent::Contact(was)), RemoteContent::Contact(is)) => {
                restored_contact(&contacts(image), before, &was, is)
            }
            (Some(RemoteContent::Opportunity(was)), RemoteContent::Opportunity(is)) => {
                restored_opportunity(&opportunities(image), &was, is)
            }
            _ => Reversal::left_whole(kind, LeftReason::NotKnown),
        },
    }
}

fn contacts(image: &PreImage) -> Vec<Contact> {
    let contact = |payload| if let Payload::Contact(contact) = payload { Some(contact) } else { None };
    image.sent(Kind::Contact).into_iter().filter_map(contact).collect()
}

fn opportunities(image: &PreImage) -> Vec<Opportunity> {
    let opportunity = |payload| if let Payload::Opportunity(opportunity) = payload { Some(opportunity) } else { None };
    image.sent(Kind::Opportunity).into_iter().filter_map(opportunity).collect()
}

/// For each field sent, whether GHL shows one of the sent values.
fn is_ours_by_field(compared: impl IntoIterator<Item = ComparedField>) -> BTreeMap<String, bool> {
    let mut fields = BTreeMap::new();
    for ComparedField { field, is_same, .. } in compared {
        *fields.entry(field).or_default() |= is_same;
    }
    fields
}

/// The fields whose sent values all equal the earlier one: the import changed nothing in them.
fn as_before(compared: impl IntoIterator<Item = ComparedField>) -> BTreeSet<String> {
    let mut fields: BTreeMap<String, bool> = BTreeMap::new();
    for ComparedField { field, is_same, .. } in compared {
        *fields.entry(field).or_insert(true) &= is_same;
    }
    fields.into_iter().filter(|(_, is_same)| *is_same).map(|(field, _)| field).collect()
}

/// The comparison that reconciling uses, plus the time zone.
fn compared(ours: &Contact, theirs: &Contact) -> Vec<ComparedField> {
    let timezone = ours.timezone.as_deref();
    let timezone = timezone.and_then(|ours| comparison::text("timezone", ours, theirs.timezone.as_deref(), folded));
    comparison::contact(ours, theirs).into_iter().chain(timezone).collect()
}

/// The text fields of a contact that an update writes, except its name.
fn texts() -> impl Iterator<Item = &'static str> {
    Contact::TEXTS.into_iter().map(|text| text.name).filter(|name| !["name", "gender"].contains(name))
}

fn as_object(value: &impl serde::Serialize) -> Map<String, Value> {
    // Only strings, numbers, lists and maps with string keys: serialization cannot fail.
    serde_json::to_value(value).ok().and_then(|value| value.as_object().cloned()).unwrap_or_default()
}

/// The update that restores a contact to `was`, in the fields that still show (`is`) what was sent.
fn restored_contact(sent: &[Contact], before: &Before, was: &Contact, is: &Contact) -> Reversal {
    let mut left = Vec::new();
    let mut ours = is_ours_by_field(sent.iter().flat_map(|sent| compared(sent, is)));
    let same = as_before(sent.iter().flat_map(|sent| compared(sent, was)));
    ours.retain(|field, _| !same.contains(field));
    let (was_fields, is_fields) = (as_object(was), as_object(is));
    let mut wanted: Vec<&str> = texts().filter(|field| ours.contains_key(*field)).collect();
    if let Some(name_is_ours) = ours.get("name") {
        // GHL split the name into its parts.
        let parts = ["firstName", "lastName"].into_iter().filter(|part| !ours.contains_key(*part));
        match name_is_ours {
            true => wanted.extend(parts),
            false if !is_same_text("name", full_name(was), full_name(is)) => {
                left.push(LeftField::new("name", LeftReason::Changed));
            }
            false => {}
        }
    }
    let text = |fields: &Map<String, Value>, field: &str| fields.get(field).and_then(Value::as_str).map(str::to_owned);
    let mut fields = Map::new();
    for field in wanted {
        let target = text(&was_fields, field);
        let is_part_of_name = !ours.contains_key(field);
        if is_same_text(field, target.clone(), text(&is_fields, field)) {
            continue;
        }
        let why = match &target {
            _ if !is_part_of_name && ours.get(field) != Some(&true) => LeftReason::Changed,
            None if before.is_cut => LeftReason::NotKnown,
            None if field == "country" => LeftReason::NotClearable,
            _ => {
                fields.insert(field.to_owned(), target.map_or(Value::Null, Value::String));
                continue;
            }
        };
        left.push(LeftField::new(field, why));
    }
    let customs = customs(
        sent.iter().map(|sent| &sent.custom_fields),
        (&was.custom_fields, &is.custom_fields),
        &ours,
        before.is_cut,
        &mut left,
    );
    let mut contact: Contact = serde_json::from_value(Value::Object(fields)).unwrap_or_default();
    contact.custom_fields = customs;
    (contact.tags, contact.remove_tags) = restored_tags(sent, was, is);
    left.extend(consent_left(sent, was, is));
    let restore = (contact != Contact::default()).then_some(Payload::Contact(contact));
    Reversal { delete: false, restore, left }
}

/// Whether two values of a text field mean the same. None equals an empty text.
fn is_same_text(field: &str, was: Option<String>, is: Option<String>) -> bool {
    let contact = |text: Option<String>| -> Contact {
        let value = text.map_or(Value::Null, Value::String);
        let fields = if value.is_null() && field == "country" { json!({}) } else { json!({ field: value }) };
        serde_json::from_value(fields).unwrap_or_default()
    };
    let has_text = |text: &Option<String>| text.as_ref().is_some_and(|text| !text.is_empty());
    match (has_text(&was), has_text(&is)) {
        (false, false) => true,
        (true, true) => comparison::all_same(&compared(&contact(was), &contact(is))),
        _ => false,
    }
}

fn full_name(contact: &Contact) -> Option<String> {
    let parts: Vec<String> = [&contact.first_name, &contact.last_name].into_iter().flatten().cloned().collect();
    contact.name.clone().or_else(|| (!parts.is_empty()).then(|| parts.join(" ")))
}

/// The custom fields to write. A field that was sent by key has no known id: it is left if any custom field differs
/// from before.
fn customs<'a>(
    sent: impl Iterator<Item = &'a Vec<CustomField>> + Clone,
    (was, is): (&[CustomField], &[CustomField]),
    ours: &BTreeMap<String, bool>,
    is_cut: bool,
    left: &mut Vec<LeftField>,
) -> Vec<CustomField> {
    let value_of = |fields: &[CustomField], id: &str| -> Option<Value> {
        fields.iter().find(|field| field.id.as_deref() == Some(id)).map(|field| field.value.clone())
    };
    let is_back = |id: &str, target: &Value| {
        let field = CustomField { id: Some(id.to_owned()), key: None, value: target.clone() };
        comparison::all_same(&comparison::customs(&[field], is).collect::<Vec<_>>())
    };
    let ids: BTreeSet<&String> = sent.clone().flatten().filter_map(|field| field.id.as_ref()).collect();
    let mut restored = Vec::new();
    for id in ids {
        let field = format!("customFields.{id}");
        let Some(is_ours) = ours.get(&field) else { continue };
        let target = value_of(was, id);
        if is_back(id, &target.clone().unwrap_or_default()) {
            continue;
        }
        let why = match &target {
            _ if !is_ours => LeftReason::Changed,
            None if is_cut => LeftReason::NotKnown,
            _ => {
                restored.push(CustomField { id: Some(id.clone()), key: None, value: target.unwrap_or_default() });
                continue;
            }
        };
        left.push(LeftField::new(&field, why));
    }
    let all: BTreeSet<&String> = was.iter().chain(is).filter_map(|field| field.id.as_ref()).collect();
    let by_key: Vec<&String> = sent.flatten().filter_map(|field| field.key.as_ref()).collect();
    if !by_key.is_empty() && all.into_iter().any(|id| !is_back(id, &value_of(was, id).unwrap_or_default())) {
        left.extend(by_key.iter().map(|key| LeftField::new(&format!("customFields.{key}"), LeftReason::SentByKey)));
    }
    restored
}

/// Tags to add and tags to remove, in GHL's spelling.
fn restored_tags(sent: &[Contact], was: &Contact, is: &Contact) -> (Vec<String>, Vec<String>) {
    let has = |contact: &Contact, tag: &str| contact.tags.iter().any(|other| is_same_tag(other, tag));
    let is_among = |tag: &String, of: fn(&Contact) -> &Vec<String>| {
        sent.iter().any(|sent| of(sent).iter().any(|other| is_same_tag(other, tag)))
    };
    let add = was.tags.iter().filter(|tag| is_among(tag, |sent| &sent.remove_tags) && !has(is, tag));
    // If the tag was there in another spelling that is still there, this one is a separate tag.
    let was_there = |tag: &String| {
        was.tags.contains(tag) || was.tags.iter().any(|was| is_same_tag(was, tag) && !is.tags.contains(was))
    };
    let remove = is.tags.iter().filter(|tag| is_among(tag, |sent| &sent.tags) && !was_there(tag));
    (add.cloned().collect(), remove.cloned().collect())
}

/// The opt-outs that the import added. They stay.
fn consent_left(sent: &[Contact], was: &Contact, is: &Contact) -> Vec<LeftField> {
    let is_closed = |contact: &Contact, channel: &str| {
        let settings = contact.dnd_settings.as_ref().and_then(Value::as_object);
        let setting =
            settings.and_then(|settings| settings.iter().find(|(name, _)| name.eq_ignore_ascii_case(channel)));
        setting.and_then(|(_, setting)| setting["status"].as_str()).is_some_and(|status| folded(status) != "inactive")
    };
    let everywhere = sent.iter().any(|sent| sent.dnd == Some(true)) && was.dnd != Some(true) && is.dnd == Some(true);
    let channels: BTreeSet<&String> =
        sent.iter().filter_map(|sent| sent.dnd_settings.as_ref()?.as_object()).flat_map(Map::keys).collect();
    let closed = channels.into_iter().filter(|channel| !is_closed(was, channel) && is_closed(is, channel));
    let closed = closed.map(|channel| format!("dndSettings.{channel}"));
    let fields = everywhere.then(|| "dnd".to_owned()).into_iter().chain(closed);
    fields.map(|field| LeftField::new(&field, LeftReason::Consent)).collect()
}

/// The update that restores an opportunity to `was`, in the fields that still show (`is`) what was sent.
fn restored_opportunity(sent: &[Opportunity], was: &RemoteOpportunity, is: &RemoteOpportunity) -> Reversal {
    let mut ours = is_ours_by_field(sent.iter().flat_map(|sent| comparison::opportunity(sent, is)));
    let same = as_before(sent.iter().flat_map(|sent| comparison::opportunity(sent, was)));
    ours.retain(|field, _| !same.contains(field));
    let mut left = Vec::new();
    let mut fields = fields_of(is);
    let mut restores = false;
    let was_fields = as_object(was);
    let is_same = |field: &str, target: &Value| {
        let mut one = fields_of(is);
        one.insert(field.to_owned(), target.clone());
        let target: Option<Opportunity> = serde_json::from_value(Value::Object(one)).ok();
        target.is_none_or(|target| {
            comparison::all_same(
                &comparison::opportunity(&target, is)
                    .into_iter()
                    .filter(|compared| compared.field == field)
                    .collect::<Vec<_>>(),
            )
        })
    };
    // A stage belongs to its pipeline, so moving back the pipeline also restores the stage.
    let mut wanted: Vec<&str> = ["name", "status", "monetaryValue", "assignedTo", "pipelineId", "pipelineStageId"]
        .into_iter()
        .filter(|field| ours.contains_key(*field))
        .collect();
    let is_moved = ours.get("pipelineId") == Some(&true) && was.pipeline_id != is.pipeline_id;
    if is_moved && !wanted.contains(&"pipelineStageId") {
        wanted.push("pipelineStageId");
    }
    for field in wanted {
        let target = match (was_fields.get(field), field) {
            (Some(value), _) => Some(value.clone()),
            // GHL does not distinguish no value from a value of 0.
            (None, "monetaryValue") => Some(Value::Number(Number::from(0))),
            (None, _) => None,
        };
        if target.as_ref().is_none_or(|target| is_same(field, target)) {
            let is_empty = as_object(is).get(field).is_none();
            if target.is_none() && !is_empty {
                let why = if ours.get(field) == Some(&true) { LeftReason::NotClearable } else { LeftReason::Changed };
                left.push(LeftField::new(field, why));
            }
            continue;
        }
        let is_of_moved = field == "pipelineStageId" && is_moved;
        if ours.get(field) == Some(&true) || is_of_moved && !ours.contains_key(field) {
            restores = true;
            fields.insert(field.to_owned(), target.unwrap_or_default());
        } else {
            left.push(LeftField::new(field, LeftReason::Changed));
        }
    }
    let sent_customs = sent.iter().map(|sent| &sent.custom_fields);
    let customs = customs(sent_customs, (&was.custom_fields, &is.custom_fields), &ours, false, &mut left);
    let restore = (restores || !customs.is_empty()).then(|| {
        let opportunity: Option<Opportunity> = serde_json::from_value(Value::Object(fields)).ok();
        opportunity.map(|opportunity| Payload::Opportunity(Opportunity { custom_fields: customs, ..opportunity }))
    });
    Reversal { delete: false, restore: restore.flatten(), left }
}

/// The fields that every update of an opportunity requires.
fn fields_of(is: &RemoteOpportunity) -> Map<String, Value> {
    let mut fields = as_object(is);
    fields.retain(|field, _| matches!(field.as_str(), "name" | "pipelineId"));
    fields
}

#[cfg(test)]
mod tests;
