//! Detects whether somebody has changed a record that an import created.

use std::collections::BTreeSet;

use serde_json::{Number, Value};

use super::{
    ComparedField, GIVEN_BY_GHL, OWN_WRITE, ShownNow, as_object, compared, comparison, consent_left, contacts, folded,
    is_ours_by_field, opportunities, texts,
};
use ghl_sync_model::{
    Contact, CustomField, EpochMs, Kind, Opportunity, PreImage, RemoteContent, RemoteOpportunity, is_same_tag,
};

/// The fields that somebody has changed since the import created the record; `None` if nothing suggests a change.
pub(super) fn changed_since(image: &PreImage, kind: Kind, written_at: EpochMs, now: &ShownNow) -> Option<Vec<String>> {
    let is_later = now.changed_at.is_none_or(|changed_at| changed_at > written_at + OWN_WRITE);
    let fields = match &now.content {
        RemoteContent::Contact(is) => changed_fields_of_contact(&contacts(image), is),
        RemoteContent::Opportunity(is) => changed_fields_of_opportunity(&opportunities(image), is),
    };
    (is_later || !fields.is_empty() || now.content.kind() != kind).then_some(fields)
}

fn changed_fields_of_contact(sent: &[Contact], is: &Contact) -> Vec<String> {
    let all = sent.iter().flat_map(|sent| compared(sent, is));
    let is_shown =
        |compared: &ComparedField| compared.is_shown && compared.field != "tags" && compared.field != "removeTags";
    let shown: Vec<ComparedField> = all.filter(is_shown).collect();
    let ours = is_ours_by_field(shown);
    let mut fields: Vec<String> =
        ours.iter().filter(|(_, is_ours)| !**is_ours).map(|(field, _)| field.clone()).collect();
    let has_name = ["name", "firstName", "lastName"].iter().any(|field| ours.contains_key(*field));
    let is_text = |value: &Value| value.as_str().is_some_and(|text| !text.trim().is_empty());
    let more = as_object(is).into_iter().filter(|(field, value)| {
        let is_expected = GIVEN_BY_GHL.contains(&field.as_str())
            || ours.contains_key(field)
            || has_name && matches!(field.as_str(), "firstName" | "lastName");
        texts().any(|text| text == field) && !is_expected && is_text(value)
    });
    fields.extend(more.map(|(field, _)| field));
    let sent_tag = |tag: &String| sent.iter().any(|sent| sent.tags.iter().any(|other| is_same_tag(other, tag)));
    if !is.tags.iter().all(sent_tag) {
        fields.push("tags".to_owned());
    }
    fields.extend(more_customs(sent.iter().flat_map(|sent| &sent.custom_fields), &is.custom_fields));
    let mut opted_out: Vec<String> = consent_left(std::slice::from_ref(is), &Contact::default(), is)
        .into_iter()
        .map(|left| left.field)
        .filter(|field| !consent_left(sent, &Contact::default(), is).iter().any(|ours| ours.field == *field))
        .collect();
    fields.append(&mut opted_out);
    fields
}

fn changed_fields_of_opportunity(sent: &[Opportunity], is: &RemoteOpportunity) -> Vec<String> {
    let all = sent.iter().flat_map(|sent| comparison::opportunity(sent, is));
    let ours = is_ours_by_field(all.filter(|compared| compared.is_shown));
    let mut fields: Vec<String> =
        ours.iter().filter(|(_, is_ours)| !**is_ours).map(|(field, _)| field.clone()).collect();
    let has_value = is.monetary_value.as_ref().and_then(Number::as_f64).is_some_and(|value| value != 0.0);
    if has_value && !ours.contains_key("monetaryValue") {
        fields.push("monetaryValue".to_owned());
    }
    if is.status.as_deref().is_some_and(|status| folded(status) != "open") && !ours.contains_key("status") {
        fields.push("status".to_owned());
    }
    fields.extend(more_customs(sent.iter().flat_map(|sent| &sent.custom_fields), &is.custom_fields));
    fields
}

/// Custom fields with a value that nobody sent. As many as were sent by key are tolerated, since their ids are unknown.
fn more_customs<'a>(sent: impl Iterator<Item = &'a CustomField> + Clone, is: &[CustomField]) -> Vec<String> {
    let ids: BTreeSet<&String> = sent.clone().filter_map(|field| field.id.as_ref()).collect();
    let by_key: BTreeSet<&String> = sent.filter_map(|field| field.key.as_ref()).collect();
    let nothing = |field: &CustomField| comparison::is_nothing(&field.value);
    let more: Vec<&CustomField> =
        is.iter().filter(|field| !nothing(field) && field.id.as_ref().is_some_and(|id| !ids.contains(id))).collect();
    if more.len() <= by_key.len() {
        return Vec::new();
    }
    more.iter().filter_map(|field| field.id.as_ref()).map(|id| format!("customFields.{id}")).collect()
}
