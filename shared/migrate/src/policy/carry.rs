//! Translating a source record into the target's ids and names.

use super::id_map::IdMap;
use ghl_sync_model::{
    Contact, CustomField, FieldType, Opportunity, OpportunityStatus, Part, Payload, PayloadError, RecordId,
    RemoteOpportunity,
};

/// A translated record, and the parts that could not be translated.
#[derive(Debug, Clone, PartialEq)]
pub struct Carried<T> {
    /// The content to put.
    pub content: T,
    /// The parts left out, each with the reason.
    pub left_out: Vec<String>,
}

/// Translates a contact of the source.
///
/// # Errors
/// The reason if the record cannot be put at all.
pub fn carry_contact(content: &Contact, ids: &IdMap) -> Result<Carried<Contact>, String> {
    let mut left_out = Vec::new();
    let mut contact = content.clone();
    contact.custom_fields = custom_fields(&content.custom_fields, ids, &mut left_out);
    contact.assigned_to = owner(content.assigned_to.as_deref(), ids, &mut left_out);
    contact.tags = tags(&content.tags, ids);
    // Each round removes a field that GHL would reject; there are two such fields.
    for _ in 0..3 {
        match Payload::Contact(contact.clone()).check() {
            Ok(()) => return Ok(Carried { content: contact, left_out }),
            Err(PayloadError::Field { field: "email", reason }) if contact.email.is_some() => {
                left_out.push(format!("email: `{}` {reason}", contact.email.take().unwrap_or_default()));
            }
            Err(PayloadError::Field { field: "phone", reason }) if contact.phone.is_some() => {
                left_out.push(format!("phone: `{}` {reason}", contact.phone.take().unwrap_or_default()));
            }
            Err(error) => return Err(error.to_string()),
        }
    }
    Err("nothing says who this is".to_owned())
}

fn tags(tags: &[String], ids: &IdMap) -> Vec<String> {
    let mut carried: Vec<String> = tags.iter().filter_map(|tag| ids.tag(tag)).map(str::to_owned).collect();
    carried.sort();
    carried.dedup();
    carried
}

fn owner(assigned_to: Option<&str>, ids: &IdMap, left_out: &mut Vec<String>) -> Option<String> {
    let user = assigned_to.filter(|user| !user.is_empty())?;
    match ids.id(Part::Users, user) {
        Ok(id) => Some(id.to_string()),
        Err(reason) => {
            left_out.push(format!("owner: {reason}"));
            None
        }
    }
}

fn custom_fields(fields: &[CustomField], ids: &IdMap, left_out: &mut Vec<String>) -> Vec<CustomField> {
    let mut carried = Vec::new();
    for field in fields.iter().filter(|field| !is_empty(&field.value)) {
        let source_id = field.id.as_deref().unwrap_or_default();
        let name = ids.field(source_id).map_or(source_id, |(name, _)| name);
        match ids.id(Part::CustomFields, source_id) {
            Ok(_) if ids.field(source_id).is_some_and(|(_, data_type)| *data_type == FieldType::FileUpload) => {
                left_out.push(format!("{name}: files stay where they are"));
            }
            Ok(id) => {
                carried.push(CustomField { id: Some(id.to_string()), key: None, value: field.value.clone() });
            }
            Err(reason) => left_out.push(format!("{name}: {reason}")),
        }
    }
    carried
}

fn is_empty(value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        _ => false,
    }
}

/// Translates an opportunity of the source; it belongs to the contact record `contact`.
///
/// # Errors
/// The reason if the record cannot be put at all.
pub fn carry_opportunity(
    opportunity: &RemoteOpportunity,
    contact: RecordId,
    ids: &IdMap,
) -> Result<Carried<Opportunity>, String> {
    let mut left_out = Vec::new();
    let pipeline = opportunity.pipeline_id.as_deref().ok_or("it is in no pipeline")?;
    let pipeline_id = ids.id(Part::Pipelines, pipeline).map_err(|reason| format!("its pipeline: {reason}"))?.clone();
    let name = opportunity.name.as_deref().map(str::trim).filter(|name| !name.is_empty());
    if name.is_none() {
        left_out.push("name: it has none, and GHL wants one".to_owned());
    }
    let stage = opportunity.pipeline_stage_id.as_deref().map(|stage| ids.id(Part::Stages, stage));
    let pipeline_stage_id = match stage {
        Some(Ok(id)) => Some(id.clone()),
        Some(Err(reason)) => return Err(format!("its stage: {reason}")),
        None => None,
    };
    if let Some(source) = opportunity.source.as_deref().filter(|source| !source.is_empty()) {
        left_out.push(format!("source: `{source}`: GHL takes none"));
    }
    let opportunity = Opportunity {
        contact_record: Some(contact),
        contact_id: None,
        pipeline_id,
        name: name.unwrap_or("(no name)").to_owned(),
        status: status(opportunity.status.as_deref(), &mut left_out),
        pipeline_stage_id,
        monetary_value: opportunity.monetary_value.clone(),
        assigned_to: owner(opportunity.assigned_to.as_deref(), ids, &mut left_out),
        custom_fields: custom_fields(&opportunity.custom_fields, ids, &mut left_out),
    };
    Payload::Opportunity(opportunity.clone()).check().map_err(|error| error.to_string())?;
    Ok(Carried { content: opportunity, left_out })
}

fn status(status: Option<&str>, left_out: &mut Vec<String>) -> Option<OpportunityStatus> {
    use OpportunityStatus::{Abandoned, Lost, Open, Won};
    let status = status?;
    let known = [Open, Won, Lost, Abandoned].into_iter().find(|known| known.as_str() == status);
    if known.is_none() {
        left_out.push(format!("status: `{status}` is none that GHL takes"));
    }
    known
}
