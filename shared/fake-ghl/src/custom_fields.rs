//! Definitions of custom fields.

use serde_json::{Map, Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::dto;
use super::store::{StoredCustomField, StructurePart};
use super::visit::Visit;

/// Types with a choice of options.
const OF_OPTIONS: &[&str] = &["CHECKBOX", "SINGLE_OPTIONS", "MULTIPLE_OPTIONS", "RADIO"];

/// `GET /locations/{id}/customFields`. Without a `model`, lists the fields of contacts; GHL does not document the
/// default.
pub(crate) fn list(visit: &Visit<'_>) -> Handled {
    let model = match visit.request.query("model") {
        None | Some("contact") => "contact",
        Some("opportunity") => "opportunity",
        Some("all") => "",
        Some(_) => {
            let choices = "model must be one of the following values: contact, opportunity, all";
            return Err(SandboxAnswer::unprocessable([choices]));
        }
    };
    let fields = visit.structure().custom_fields.values().filter(|field| model.is_empty() || field.model == model);
    let shown: Vec<Value> = fields.map(|field| field.to_json(visit.location)).collect();
    Ok(SandboxAnswer::ok(json!({"customFields": shown})))
}

/// `GET /v1/custom-fields/`
pub(crate) fn list_v1(visit: &Visit<'_>) -> Handled {
    let fields = visit.structure().custom_fields.values().filter(|field| field.model == "contact");
    let shown: Vec<Value> = fields.map(StoredCustomField::to_v1).collect();
    Ok(SandboxAnswer::ok(json!({"customFields": shown})))
}

/// `POST /locations/{id}/customFields`
pub(crate) fn create(visit: &mut Visit<'_>) -> Handled {
    let field = define(visit, visit.body(dto::CREATE_CUSTOM_FIELD)?)?;
    Ok(SandboxAnswer::created(json!({"customField": field.to_json(visit.location)})))
}

/// `POST /v1/custom-fields/`
pub(crate) fn create_v1(visit: &mut Visit<'_>) -> Handled {
    let field = define(visit, visit.body(dto::V1_CREATE_CUSTOM_FIELD)?)?;
    Ok(SandboxAnswer::ok(field.to_v1()))
}

/// `GET /locations/{id}/customFields/{id}`
pub(crate) fn get(visit: &Visit<'_>, id: &str) -> Handled {
    Ok(SandboxAnswer::ok(json!({"customField": known(visit, id)?.to_json(visit.location)})))
}

/// `PUT /locations/{id}/customFields/{id}`. Type and key cannot change.
pub(crate) fn update(visit: &mut Visit<'_>, id: &str) -> Handled {
    let mut field = known(visit, id)?.clone();
    field.write(visit.body(dto::UPDATE_CUSTOM_FIELD)?);
    let answer = SandboxAnswer::ok(json!({"customField": field.to_json(visit.location)}));
    visit.put_part(StructurePart::CustomField(field))?;
    Ok(answer)
}

/// `DELETE /locations/{id}/customFields/{id}`, `DELETE /v1/custom-fields/{id}`
pub(crate) fn delete(visit: &mut Visit<'_>, id: &str) -> Handled {
    known(visit, id)?;
    visit.remove_part(id)?;
    Ok(SandboxAnswer::ok(json!({"succeded": true})))
}

/// Creates a field. Two fields with one name would share a key. That GHL refuses the second one is unverified.
fn define(visit: &mut Visit<'_>, body: &Map<String, Value>) -> Result<StoredCustomField, SandboxAnswer> {
    let field = StoredCustomField::new(visit.store.ids().next_in_order(), body)?;
    if visit.structure().custom_fields.values().any(|other| other.key == field.key) {
        return Err(SandboxAnswer::bad_request(format!("A custom field with the key {} already exists.", field.key)));
    }
    visit.put_part(StructurePart::CustomField(field.clone()))?;
    Ok(field)
}

fn known<'a>(visit: &'a Visit<'_>, id: &str) -> Result<&'a StoredCustomField, SandboxAnswer> {
    visit.structure().custom_fields.get(id).ok_or_else(|| SandboxAnswer::not_found("Custom field", id))
}

impl StoredCustomField {
    /// Creates a field from a validated body. Options are required where the type has them.
    fn new(id: String, body: &Map<String, Value>) -> Result<StoredCustomField, SandboxAnswer> {
        let text = |name: &str| body.get(name).and_then(Value::as_str).unwrap_or_default();
        let (name, data_type, model) = (text("name"), text("dataType"), text("model"));
        let model = if model.is_empty() { "contact" } else { model };
        let mut field = StoredCustomField {
            id,
            name: String::new(),
            key: format!("{model}.{}", key_of(name)),
            model: model.to_owned(),
            data_type: data_type.to_owned(),
            options: Vec::new(),
            shown: Map::new(),
        };
        field.write(body);
        let lacking = match data_type {
            _ if name.trim().is_empty() => "name should not be empty",
            "TEXTBOX_LIST" if field.options.is_empty() => "textBoxListOptions should not be empty",
            data_type if OF_OPTIONS.contains(&data_type) && field.options.is_empty() => "options should not be empty",
            _ => return Ok(field),
        };
        Err(SandboxAnswer::unprocessable([lacking]))
    }

    /// Stores the fields of `body` under the names with which GHL returns them.
    fn write(&mut self, body: &Map<String, Value>) {
        for (name, value) in body {
            match name.as_str() {
                "name" => value.as_str().unwrap_or_default().trim().clone_into(&mut self.name),
                "options" if self.data_type != "TEXTBOX_LIST" => self.options = texts(value, Value::as_str),
                "textBoxListOptions" if self.data_type == "TEXTBOX_LIST" => {
                    self.options = texts(value, |option| option["label"].as_str())
                }
                "isMultipleFile" => drop(self.shown.insert("isMultiFileAllowed".to_owned(), value.clone())),
                "maxNumberOfFiles" => drop(self.shown.insert("maxFileLimit".to_owned(), value.clone())),
                "placeholder" | "position" | "acceptedFormat" => drop(self.shown.insert(name.clone(), value.clone())),
                _ => {}
            }
        }
    }

    pub(crate) fn to_json(&self, location: &str) -> Value {
        let mut shown = json!({
            "id": self.id,
            "name": self.name,
            "fieldKey": self.key,
            "dataType": self.data_type,
            "model": self.model,
            "position": 0,
            "picklistOptions": self.options,
            "locationId": location,
        });
        for (name, value) in &self.shown {
            shown[name] = value.clone();
        }
        shown
    }

    /// The legacy API has only fields of contacts, and its documentation spells the type's name `dateType`.
    fn to_v1(&self) -> Value {
        let mut shown = json!({"id": self.id, "name": self.name, "fieldKey": self.key, "dateType": self.data_type});
        shown["picklistOptions"] = json!(self.options);
        for (name, value) in &self.shown {
            shown[name] = value.clone();
        }
        shown
    }
}

/// The key that GHL derives from a name: lower case, with `_` for everything except letters and digits.
pub(crate) fn key_of(name: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c.to_lowercase().collect() } else { "_".to_owned() };
    name.trim().chars().map(plain).collect()
}

fn texts(list: &Value, text: impl Fn(&Value) -> Option<&str>) -> Vec<String> {
    list.as_array().into_iter().flatten().filter_map(|item| text(item).map(str::to_owned)).collect()
}
