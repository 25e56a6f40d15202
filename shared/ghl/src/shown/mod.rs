//! Reads records as GHL reports them in webhooks and answers: nearly the same fields, in several shapes.

mod fields;

use ghl_sync_model::{Contact, CustomField, EpochMs, RemoteOpportunity, TextForm};
use serde_json::{Map, Value};

pub(crate) use fields::{FieldError, RecordFields};

use crate::iso8601;

/// The readable part of a record.
#[derive(Debug)]
pub(crate) struct PartialRecord<T> {
    /// The record, without its unreadable fields.
    pub(crate) content: T,
    /// The first unreadable field.
    pub(crate) fault: Option<FieldError>,
}

impl<T> PartialRecord<T> {
    /// The record, if every field was readable.
    pub(crate) fn whole(self) -> Result<T, FieldError> {
        match self.fault {
            None => Ok(self.content),
            Some(fault) => Err(fault),
        }
    }
}

/// Reads a contact in the form in which it can be written back: lists in a fixed order, so that equal content is
/// equal text.
///
/// The shapes differ. Lists of contacts have `firstName` in lower case and its true spelling in `firstNameRaw`; the
/// search calls the street `address`; the legacy API calls the custom fields `customField`.
pub(crate) fn contact(fields: RecordFields<'_>) -> PartialRecord<Contact> {
    let mut reader = RecordReader { fields, fault: None };
    let mut content = Contact::default();
    for text in Contact::TEXTS {
        *text.of_mut(&mut content) = match text.name {
            "firstName" => reader.text_of_either("firstNameRaw", "firstName"),
            "lastName" => reader.text_of_either("lastNameRaw", "lastName"),
            "address1" => reader.text_of_either("address1", "address"),
            name if text.form == TextForm::Day => reader.date(name),
            name => reader.text(name),
        };
    }
    content.dnd = reader.take(fields.boolean("dnd"));
    content.dnd_settings = reader.take(fields.object("dndSettings")).cloned().map(sorted);
    content.tags = reader.tags();
    content.custom_fields = reader.custom_fields();
    PartialRecord { content, fault: reader.fault }
}

/// Reads an opportunity.
pub(crate) fn opportunity(fields: RecordFields<'_>) -> PartialRecord<RemoteOpportunity> {
    let mut reader = RecordReader { fields, fault: None };
    let content = RemoteOpportunity {
        name: reader.text("name"),
        contact_id: reader.text("contactId"),
        pipeline_id: reader.text("pipelineId"),
        pipeline_stage_id: reader.text("pipelineStageId"),
        status: reader.text("status"),
        monetary_value: reader.take(fields.number("monetaryValue")),
        assigned_to: reader.text("assignedTo"),
        source: reader.text("source"),
        custom_fields: reader.custom_fields(),
    };
    PartialRecord { content, fault: reader.fault }
}

/// Reads field by field, and continues after an unreadable one.
struct RecordReader<'a> {
    fields: RecordFields<'a>,
    fault: Option<FieldError>,
}

impl RecordReader<'_> {
    fn take<T: Default>(&mut self, read: Result<T, FieldError>) -> T {
        read.unwrap_or_else(|fault| {
            self.fault.get_or_insert(fault);
            T::default()
        })
    }

    fn text(&mut self, field: &'static str) -> Option<String> {
        self.take(self.fields.text(field))
    }

    fn text_of_either(&mut self, first: &'static str, second: &'static str) -> Option<String> {
        self.text(first).or_else(|| self.text(second))
    }

    /// A day. GHL takes `YYYY-MM-DD` and returns it with a time of day, or as milliseconds since 1970.
    fn date(&mut self, field: &'static str) -> Option<String> {
        let text = match self.fields.value(field).and_then(Value::as_u64) {
            Some(ms) => Some(iso8601::format(EpochMs(ms))),
            None => self.text(field),
        };
        text.map(|text| text.split_once('T').map_or(text.clone(), |(day, _)| day.to_owned()))
    }

    fn tags(&mut self) -> Vec<String> {
        let tags = self.take(self.fields.texts("tags"));
        let mut tags = self.each(tags);
        tags.sort();
        tags
    }

    fn custom_fields(&mut self) -> Vec<CustomField> {
        let name = if self.fields.value("customFields").is_some() { "customFields" } else { "customField" };
        let fields = self.take(self.fields.custom_fields(name));
        let mut fields = self.each(fields);
        fields.sort_by(|a, b| a.id.cmp(&b.id));
        fields
    }

    /// The readable items of a list.
    fn each<T>(&mut self, list: Vec<Result<T, FieldError>>) -> Vec<T> {
        list.into_iter().filter_map(|item| self.take(item.map(Some))).collect()
    }
}

/// The object with its fields sorted by name.
fn sorted(object: Map<String, Value>) -> Value {
    let mut fields: Vec<(String, Value)> = object.into_iter().collect();
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    Value::Object(fields.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(record: &Value) -> PartialRecord<Contact> {
        contact(RecordFields(record.as_object().unwrap()))
    }

    #[test]
    fn every_shape_of_a_contact_reads_as_the_same_content() {
        let expected = json!({
            "firstName": "McAnn", "lastName": "O'Neil", "email": "ann@example.com", "dateOfBirth": "1990-09-25",
            "address1": "1 Rd", "dnd": false, "tags": ["a", "b"], "customFields": [{ "id": "f1", "value": "x" }, { "id": "f2", "value": 2 }],
        });
        let common = json!({
            "id": "c1", "lastName": "O'Neil", "email": "ann@example.com", "dnd": false, "tags": ["b", "a"],
            "phone": null, "city": "", "type": "lead", "followers": 7,
        });
        let custom = json!([{ "id": "f2", "value": 2 }, { "id": "f1", "value": "x" }]);
        let shapes = [
            json!({ "firstName": "McAnn", "address1": "1 Rd", "dateOfBirth": "1990-09-25T00:00:00.000Z", "customFields": custom }),
            json!({ "firstName": "McAnn", "firstNameLowerCase": "mcann", "address": "1 Rd", "dateOfBirth": 654_220_800_000_u64, "customFields": custom }),
            json!({ "firstName": "mcann", "firstNameRaw": "McAnn", "address1": "1 Rd", "dateOfBirth": "1990-09-25", "customFields": custom }),
            json!({ "firstName": "mcann", "firstNameRaw": "McAnn", "address1": "1 Rd", "dateOfBirth": "1990-09-25", "customField": custom }),
        ];
        for shape in shapes {
            let mut record = common.clone();
            record.as_object_mut().unwrap().extend(shape.as_object().unwrap().clone());
            let shown = read(&record);
            assert_eq!(
                (serde_json::to_value(&shown.content).unwrap(), shown.fault),
                (expected.clone(), None),
                "{shape}"
            );
        }
    }

    #[test]
    fn what_cannot_be_read_is_left_out_and_the_first_of_it_is_named() {
        let shown = read(&json!({
            "firstName": "Ann", "email": ["x"], "dnd": "yes", "dndSettings": 1, "tags": ["a", 1],
            "customFields": [{ "id": 1 }, { "id": "f1", "value": "x" }],
        }));
        let expected = json!({ "firstName": "Ann", "tags": ["a"], "customFields": [{ "id": "f1", "value": "x" }] });
        assert_eq!(serde_json::to_value(&shown.content).unwrap(), expected);
        assert_eq!(shown.whole().unwrap_err(), FieldError::new("email", "is not a text"));
    }

    #[test]
    fn an_opportunity_shows_its_custom_fields_as_field_values() {
        let record = json!({ "name": "Roof", "customFields": [{ "id": "f1", "fieldValue": "x" }] });
        let shown = opportunity(RecordFields(record.as_object().unwrap())).whole().unwrap();
        assert_eq!(shown.custom_fields[0].value, json!("x"));
    }
}
