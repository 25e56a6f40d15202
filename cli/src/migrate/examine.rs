//! Compares both accounts in the sandbox, independently of the product: without id map, outbox, or any of its rules.
//! Records are matched by their content, fields and pipelines by their names.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde::Serialize;
use serde_json::Value;

use crate::sandbox::Contents;

/// Result of the comparison.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct AccountComparison {
    /// Contacts in the target.
    pub(super) contacts: u64,
    /// Opportunities in the target.
    pub(super) opportunities: u64,
    /// Source records missing in the target.
    pub(super) missing: u64,
    /// Target records that are duplicates or not in the source.
    pub(super) surplus: u64,
    /// Records whose content differs in the target.
    pub(super) different: u64,
    /// Number of differences by field.
    pub(super) different_fields: BTreeMap<String, u64>,
    /// Contacts in the target with our marker in `source`: those with neither email nor phone, which are found again
    /// by it. The marker does not count as a difference.
    pub(super) marked: u64,
}

/// Text of each field of a record, by the field's name.
type Fields = BTreeMap<String, String>;

/// Fields that GHL sets itself, or that no call can write.
const NOT_COMPARED: [&str; 16] = [
    "id",
    "locationId",
    "type",
    "name",
    "dateAdded",
    "dateUpdated",
    "additionalEmails",
    "additionalPhones",
    "attachments",
    "emailLowerCase",
    "createdAt",
    "updatedAt",
    "lastStatusChangeAt",
    "lastStageChangeAt",
    "followers",
    "customFields",
];

/// Compares both accounts.
pub(super) fn examine(source: &Contents, target: &Contents) -> AccountComparison {
    let mut examined = AccountComparison {
        contacts: target.contacts.len() as u64,
        opportunities: target.opportunities.len() as u64,
        marked: target.contacts.iter().filter(|contact| text(contact, "source").split(' ').any(is_marker)).count()
            as u64,
        ..AccountComparison::default()
    };
    let (of_source, of_target) = (AccountNames::of(source), AccountNames::of(target));
    examined.compare(of_source.contacts(source), of_target.contacts(target));
    examined.compare(of_source.opportunities(source), of_target.opportunities(target));
    examined
}

impl AccountComparison {
    fn compare(&mut self, source: Vec<(String, Fields)>, target: Vec<(String, Fields)>) {
        let mut there: HashMap<String, Vec<Fields>> = HashMap::new();
        for (identity, fields) in target {
            there.entry(identity).or_default().push(fields);
        }
        for (identity, wanted) in source {
            let Some(found) = there.get_mut(&identity).and_then(Vec::pop) else {
                self.missing += 1;
                continue;
            };
            let names: BTreeSet<&String> = wanted.keys().chain(found.keys()).collect();
            let differing: Vec<_> = names.into_iter().filter(|name| wanted.get(*name) != found.get(*name)).collect();
            self.different += u64::from(!differing.is_empty());
            for name in differing {
                *self.different_fields.entry(name.clone()).or_default() += 1;
            }
        }
        self.surplus += there.values().map(|left| left.len() as u64).sum::<u64>();
    }
}

/// Names for the ids of an account.
struct AccountNames {
    names: HashMap<String, String>,
}

impl AccountNames {
    fn of(contents: &Contents) -> AccountNames {
        let mut names = HashMap::new();
        for field in &contents.custom_fields {
            names.insert(text(field, "id"), format!("{}: {}", text(field, "model"), plain(&text(field, "name"))));
        }
        for user in &contents.users {
            names.insert(text(user, "id"), text(user, "email"));
        }
        for pipeline in &contents.pipelines {
            names.insert(pipeline.id.clone(), plain(&pipeline.name));
            let of_stages = pipeline.stages.iter().map(|stage| (stage.id.clone(), plain(&stage.name)));
            names.extend(of_stages);
        }
        for contact in &contents.contacts {
            names.insert(text(contact, "id"), identity(contact));
        }
        AccountNames { names }
    }

    fn contacts(&self, contents: &Contents) -> Vec<(String, Fields)> {
        contents.contacts.iter().map(|contact| (identity(contact), self.fields(contact))).collect()
    }

    fn opportunities(&self, contents: &Contents) -> Vec<(String, Fields)> {
        let identity = |opportunity: &Value| {
            format!("{} of {}", text(opportunity, "name"), self.name(&text(opportunity, "contactId")))
        };
        contents.opportunities.iter().map(|opportunity| (identity(opportunity), self.fields(opportunity))).collect()
    }

    fn fields(&self, record: &Value) -> Fields {
        let mut fields = Fields::new();
        for (name, value) in record.as_object().into_iter().flatten() {
            let said = match (name.as_str(), value) {
                (name, _) if NOT_COMPARED.contains(&name) => continue,
                ("source", Value::String(source)) => unmarked(source),
                _ => self.said(value),
            };
            if !said.is_empty() {
                fields.insert(name.clone(), said);
            }
        }
        for custom in record["customFields"].as_array().into_iter().flatten() {
            let value = custom.get("value").or(custom.get("fieldValue")).unwrap_or(&Value::Null);
            fields.insert(self.name(&text(custom, "id")).to_owned(), self.said(value));
        }
        fields
    }

    /// A value in comparable form.
    fn said(&self, value: &Value) -> String {
        match value {
            Value::String(text) => self.name(text).to_owned(),
            Value::Array(list) => {
                let mut list: Vec<String> = list.iter().map(|item| self.said(item)).collect();
                list.sort();
                list.join(" | ")
            }
            Value::Number(number) => number.as_f64().map_or_else(|| number.to_string(), |number| number.to_string()),
            other => other.to_string(),
        }
    }

    /// The name for an id; other texts are returned unchanged.
    fn name<'a>(&'a self, id: &'a str) -> &'a str {
        self.names.get(id).map_or(id, String::as_str)
    }
}

/// The key by which a contact is matched.
fn identity(contact: &Value) -> String {
    let by = ["email", "phone", "name"].map(|name| text(contact, name));
    by.into_iter().find(|text| !text.is_empty()).unwrap_or_default()
}

/// The `source` before the marker was added.
fn unmarked(source: &str) -> String {
    source.split(' ').filter(|word| !is_marker(word)).collect::<Vec<_>>().join(" ")
}

fn is_marker(word: &str) -> bool {
    word.strip_prefix("ghlsync")
        .is_some_and(|hash| hash.len() == 16 && hash.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

fn text(object: &Value, name: &str) -> String {
    object[name].as_str().unwrap_or_default().to_owned()
}

/// A name without differences in spelling.
fn plain(name: &str) -> String {
    name.chars().filter(|letter| letter.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::sandbox::{SandboxPipeline, Stage};

    /// An account with one of everything, whose ids start with `mark`.
    fn account(mark: &str) -> Contents {
        let id = |what: &str| format!("{mark}-{what}");
        let stage = Stage::new(&id("stage"), "New");
        Contents {
            contacts: vec![
                json!({"id": id("ada"), "email": "ada@example.com", "city": "Paris", "assignedTo": id("ann"),
                       "tags": ["b", "a"], "dateAdded": mark,
                       "customFields": [{"id": id("shoe"), "value": 7}]}),
                json!({"id": id("bob"), "name": "Bob", "customFields": []}),
            ],
            opportunities: vec![json!({"id": id("deal"), "name": "Deal", "contactId": id("bob"),
                "pipelineId": id("sales"), "pipelineStageId": id("stage"), "customFields": []})],
            custom_fields: vec![json!({"id": id("shoe"), "model": "contact", "name": "Shoe Size"})],
            custom_values: Vec::new(),
            tags: Vec::new(),
            users: vec![json!({"id": id("ann"), "email": "ann@example.com"})],
            pipelines: vec![SandboxPipeline::new(&id("sales"), "Sales", vec![stage])],
        }
    }

    #[test]
    fn accounts_that_differ_in_their_ids_and_in_how_names_are_written_are_the_same() {
        let (source, mut target) = (account("s"), account("t"));
        target.custom_fields[0]["name"] = json!("shoe-size");
        target.contacts[0]["tags"] = json!(["a", "b"]);
        target.contacts[0]["customFields"][0]["value"] = json!(7.0);
        target.contacts[1]["source"] = json!("ghlsync802c5eeba960e0d8");
        let same = AccountComparison { contacts: 2, opportunities: 1, marked: 1, ..AccountComparison::default() };
        assert_eq!(examine(&source, &target), same);
    }

    #[test]
    fn what_is_missing_doubled_or_different_is_found() {
        let (source, mut target) = (account("s"), account("t"));
        target.contacts.push(target.contacts[1].clone());
        target.contacts[0]["city"] = json!("Lyon");
        target.contacts[0]["customFields"] = json!([]);
        target.opportunities.clear();
        let examined = examine(&source, &target);
        assert_eq!((examined.missing, examined.surplus, examined.different), (1, 1, 1));
        let fields = BTreeMap::from([("city".to_owned(), 1), ("contact: shoesize".to_owned(), 1)]);
        assert_eq!(examined.different_fields, fields);
    }
}
