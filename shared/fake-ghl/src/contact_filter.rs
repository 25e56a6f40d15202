//! The filters of `POST /contacts/search`.

use serde_json::{Value, json};

use super::answer::SandboxAnswer;
use super::store::StoredContact;
use super::times::from_iso;

/// The fields to filter and sort by. A custom field is named by `customFields.` and its id.
const FIELDS: &[&str] = &[
    "id",
    "email",
    "phone",
    "firstName",
    "lastName",
    "firstNameLowerCase",
    "lastNameLowerCase",
    "contactName",
    "companyName",
    "source",
    "tags",
    "type",
    "dnd",
    "assignedTo",
    "address1",
    "address",
    "city",
    "state",
    "country",
    "postalCode",
    "website",
    "timezone",
    "dateOfBirth",
    "dateAdded",
    "dateUpdated",
];
const CUSTOM: &str = "customFields.";

/// Condition that selects contacts.
#[derive(Debug)]
pub(crate) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Equals(String, Value),
    Contains(String, String),
    Exists(String),
    Range(String, Bounds),
}

/// The bounds of a range.
#[derive(Debug, Default)]
pub(crate) struct Bounds {
    gt: Option<f64>,
    gte: Option<f64>,
    lt: Option<f64>,
    lte: Option<f64>,
}

impl Filter {
    pub(crate) fn accepts(&self, contact: &StoredContact) -> bool {
        match self {
            Filter::All(filters) => filters.iter().all(|filter| filter.accepts(contact)),
            Filter::Any(filters) => filters.iter().any(|filter| filter.accepts(contact)),
            Filter::Not(filter) => !filter.accepts(contact),
            Filter::Equals(field, wanted) => elements(&value_of(contact, field)).any(|value| is_same(value, wanted)),
            Filter::Contains(field, part) => elements(&value_of(contact, field))
                .filter_map(Value::as_str)
                .any(|text| text.to_lowercase().contains(part.as_str())),
            Filter::Exists(field) => elements(&value_of(contact, field)).any(|value| !value.is_null()),
            Filter::Range(field, bounds) => as_number(&value_of(contact, field)).is_some_and(|it| bounds.hold(it)),
        }
    }
}

/// Reads the list of filters, all of which must hold.
pub(crate) fn read(filters: Option<&Value>) -> Result<Filter, SandboxAnswer> {
    let Some(filters) = filters else { return Ok(Filter::All(Vec::new())) };
    let filters = filters.as_array().ok_or_else(|| SandboxAnswer::unprocessable(["filters must be an array"]))?;
    filters.iter().map(read_filter).collect::<Result<_, _>>().map(Filter::All)
}

/// Refuses a field that GHL cannot search by.
pub(crate) fn check_field(field: &str) -> Result<(), SandboxAnswer> {
    if FIELDS.contains(&field) || field.starts_with(CUSTOM) {
        Ok(())
    } else {
        Err(SandboxAnswer::bad_request(format!("Invalid field {field}")))
    }
}

/// The contact's value of a field. Times are milliseconds since the epoch.
pub(crate) fn value_of(contact: &StoredContact, field: &str) -> Value {
    let lower = |name| json!(contact.text(name).map(str::to_lowercase));
    match field {
        "id" => json!(contact.id),
        "dateAdded" => json!(contact.date_added),
        "dateUpdated" => json!(contact.date_updated),
        "tags" => json!(contact.tags),
        "type" => json!("lead"),
        "firstNameLowerCase" => lower("firstName"),
        "lastNameLowerCase" => lower("lastName"),
        "contactName" => json!(contact.name()),
        "address" => json!(contact.text("address1")),
        "dnd" => contact.field("dnd").cloned().unwrap_or(json!(false)),
        _ => match field.strip_prefix(CUSTOM) {
            Some(id) => contact.custom_field(id).cloned().unwrap_or_default(),
            None => contact.field(field).cloned().unwrap_or_default(),
        },
    }
}

fn read_filter(filter: &Value) -> Result<Filter, SandboxAnswer> {
    if let Some(group) = filter["group"].as_str() {
        let members = filter["filters"].as_array().into_iter().flatten().map(read_filter).collect::<Result<_, _>>()?;
        return match group {
            "AND" => Ok(Filter::All(members)),
            "OR" => Ok(Filter::Any(members)),
            _ => Err(SandboxAnswer::unprocessable(["group must be AND or OR"])),
        };
    }
    let field = filter["field"].as_str().unwrap_or_default().to_owned();
    check_field(&field)?;
    let value = &filter["value"];
    let not = |filter| Filter::Not(Box::new(filter));
    Ok(match filter["operator"].as_str().unwrap_or_default() {
        "eq" => Filter::Equals(field, value.clone()),
        "not_eq" => not(Filter::Equals(field, value.clone())),
        "contains" => Filter::Contains(field, read_part(value)?),
        "not_contains" => not(Filter::Contains(field, read_part(value)?)),
        "exists" => Filter::Exists(field),
        "not_exists" => not(Filter::Exists(field)),
        "range" => Filter::Range(field, read_bounds(value)?),
        _ => return Err(SandboxAnswer::unprocessable(["Invalid Operator"])),
    })
}

fn read_part(value: &Value) -> Result<String, SandboxAnswer> {
    value.as_str().map(str::to_lowercase).ok_or_else(|| SandboxAnswer::unprocessable(["value must be a string"]))
}

fn read_bounds(value: &Value) -> Result<Bounds, SandboxAnswer> {
    let invalid = || SandboxAnswer::unprocessable(["value of a range must be an object of gt, gte, lt, lte"]);
    let mut bounds = Bounds::default();
    for (name, value) in value.as_object().filter(|bounds| !bounds.is_empty()).ok_or_else(invalid)? {
        let end = match name.as_str() {
            "gt" => &mut bounds.gt,
            "gte" => &mut bounds.gte,
            "lt" => &mut bounds.lt,
            "lte" => &mut bounds.lte,
            _ => return Err(invalid()),
        };
        *end = Some(as_number(value).ok_or_else(invalid)?);
    }
    Ok(bounds)
}

impl Bounds {
    fn hold(&self, value: f64) -> bool {
        self.gt.is_none_or(|end| value > end)
            && self.gte.is_none_or(|end| value >= end)
            && self.lt.is_none_or(|end| value < end)
            && self.lte.is_none_or(|end| value <= end)
    }
}

/// A number, or a time as milliseconds since the epoch.
fn as_number(value: &Value) -> Option<f64> {
    let time = |text: &str| from_iso(text).and_then(|ms| json!(ms).as_f64());
    value.as_f64().or_else(|| value.as_str().and_then(time))
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice).iter()
}

/// Compares texts regardless of case.
fn is_same(value: &Value, wanted: &Value) -> bool {
    match (value.as_str(), wanted.as_str()) {
        (Some(value), Some(wanted)) => value.to_lowercase() == wanted.to_lowercase(),
        _ => value == wanted || (value.is_number() && as_number(value) == as_number(wanted)),
    }
}
