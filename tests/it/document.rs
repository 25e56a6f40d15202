//! The OpenAPI document, parsed so that tests cover every route, every parameter and every place of a body, including
//! those of future routes.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::caller::Caller;
use crate::deployment::LOCATION;

/// Deeper than any body.
const DEEPEST: usize = 8;

/// The OpenAPI document of the API.
pub(crate) struct Document(Value);

/// A method of a path.
pub(crate) struct Operation {
    pub(crate) method: Method,
    /// With its parameters in braces.
    pub(crate) path: String,
    pub(crate) parameters: Vec<Parameter>,
    /// The required role; `None` if the operation is open.
    pub(crate) role: Option<String>,
    /// Its `operationId`.
    pub(crate) id: String,
    /// The schema of its JSON body.
    pub(crate) body: Option<Value>,
    /// Whether it takes lists of items, and one item per line.
    pub(crate) takes_lists: bool,
}

pub(crate) struct Parameter {
    pub(crate) name: String,
    /// `path`, `query` or `header`.
    pub(crate) place: String,
    pub(crate) is_required: bool,
    pub(crate) schema: Value,
}

/// A step to a place in a body.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Step {
    Member(String),
    Element,
}

/// A place in a body.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) path: Vec<Step>,
    /// Allowed JSON types; empty if anything is allowed.
    pub(crate) kinds: BTreeSet<String>,
    /// Whether an object there may only have the documented fields.
    pub(crate) is_closed: bool,
}

impl Document {
    pub(crate) async fn of(caller: &Caller) -> Document {
        Document(caller.get("/openapi.json").await.json())
    }

    pub(crate) fn operations(&self) -> Vec<Operation> {
        let paths = self.0["paths"].as_object().unwrap();
        let of_path = |(path, methods): (&String, &Value)| {
            let methods = methods.as_object().unwrap().clone();
            let path = path.clone();
            methods.into_iter().map(move |(method, operation)| operation_of(&method, &path, &operation))
        };
        paths.iter().flat_map(of_path).collect()
    }

    /// Every operation in the document, with its method and path.
    pub(crate) fn described(&self) -> impl Iterator<Item = (String, &Value)> {
        let paths = self.0["paths"].as_object().unwrap();
        paths.iter().flat_map(|(path, methods)| {
            let methods = methods.as_object().unwrap();
            methods.iter().map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
    }

    fn resolved<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => self.0.pointer(reference.trim_start_matches('#')).unwrap(),
            None => schema,
        }
    }

    /// The places of a body with `schema`, the whole body first.
    pub(crate) fn places(&self, schema: &Value) -> Vec<Place> {
        let mut found = Vec::new();
        self.visit(schema, &mut Vec::new(), &mut found);
        found
    }

    fn visit(&self, schema: &Value, path: &mut Vec<Step>, found: &mut Vec<Place>) {
        if path.len() > DEEPEST {
            return;
        }
        let alternatives = self.alternatives(schema);
        // The content of one is not parsed strictly: `ghl_sync_model::json` says why.
        assert!(!is_tagged_enum(&alternatives), "{path:?} of a body is an enum that a field tells apart");
        if !found.iter().any(|place| place.path == *path) {
            let (kinds, is_closed) =
                (self.kinds(&alternatives), alternatives.iter().any(|it| !it["properties"].is_null()));
            found.push(Place { path: path.clone(), kinds, is_closed });
        }
        for alternative in alternatives {
            for (name, member) in alternative["properties"].as_object().into_iter().flatten() {
                self.visit_at(Step::Member(name.clone()), member, path, found);
            }
            if alternative["additionalProperties"].is_object() {
                self.visit_at(Step::Member("x".to_owned()), &alternative["additionalProperties"], path, found);
            }
            if alternative["items"].is_object() {
                self.visit_at(Step::Element, &alternative["items"], path, found);
            }
        }
    }

    fn visit_at(&self, step: Step, schema: &Value, path: &mut Vec<Step>, found: &mut Vec<Place>) {
        path.push(step);
        self.visit(schema, path, found);
        path.pop();
    }

    /// The variants of `schema`, with all references and alternatives resolved.
    fn alternatives<'a>(&'a self, schema: &'a Value) -> Vec<&'a Value> {
        let schema = self.resolved(schema);
        let either: Vec<&Value> =
            ["oneOf", "anyOf", "allOf"].iter().filter_map(|of| schema[*of].as_array()).flatten().collect();
        match either.is_empty() {
            true => vec![schema],
            false => either.into_iter().flat_map(|one| self.alternatives(one)).collect(),
        }
    }

    fn kinds(&self, alternatives: &[&Value]) -> BTreeSet<String> {
        let mut kinds = BTreeSet::new();
        for alternative in alternatives {
            match &alternative["type"] {
                Value::String(kind) => drop(kinds.insert(kind.clone())),
                Value::Array(several) => kinds.extend(several.iter().map(|kind| kind.as_str().unwrap().to_owned())),
                // Any type.
                _ => return BTreeSet::new(),
            }
        }
        kinds
    }

    /// A valid body: the document's example, or the required fields.
    pub(crate) fn example(&self, schema: &Value) -> Value {
        let alternatives = self.alternatives(schema);
        // A null, even if allowed, is no useful example.
        let schema = alternatives.iter().find(|schema| schema["type"] != "null").unwrap();
        if !schema["example"].is_null() {
            return schema["example"].clone();
        }
        let required = schema["required"].as_array().into_iter().flatten().map(|name| name.as_str().unwrap());
        required.map(|name| (name.to_owned(), json!(LOCATION))).collect::<serde_json::Map<_, _>>().into()
    }
}

fn is_tagged_enum(alternatives: &[&Value]) -> bool {
    let is_tag = |member: &Value| member["enum"].as_array().is_some_and(|words| words.len() == 1);
    let has_tag = |one: &&Value| one["properties"].as_object().is_some_and(|members| members.values().any(is_tag));
    alternatives.len() > 1 && alternatives.iter().any(has_tag)
}

#[test]
fn an_enum_that_a_field_tells_apart_is_known_as_one() {
    let one = |tag: &str| json!({ "type": "object", "properties": { "type": { "type": "string", "enum": [tag] } } });
    let (a, b, other) = (one("a"), one("b"), json!({ "type": "object", "properties": { "x": { "type": "string" } } }));
    assert!(is_tagged_enum(&[&a, &b]));
    assert!(!is_tagged_enum(&[&a]) && !is_tagged_enum(&[&other, &other]));
}

fn operation_of(method: &str, path: &str, operation: &Value) -> Operation {
    let content = &operation["requestBody"]["content"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parameters = operation["parameters"].as_array().into_iter().flatten().map(|parameter| Parameter {
        name: text(&parameter["name"]),
        place: text(&parameter["in"]),
        is_required: parameter["required"] == true,
        schema: parameter["schema"].clone(),
    });
    Operation {
        method: method.to_uppercase().parse().unwrap(),
        path: path.to_owned(),
        parameters: parameters.collect(),
        role: operation["x-required-role"].as_str().map(str::to_owned),
        id: text(&operation["operationId"]),
        body: Some(content["application/json"]["schema"].clone()).filter(|schema| !schema.is_null()),
        takes_lists: content.get("application/x-ndjson").is_some(),
    }
}

impl Operation {
    /// The path with a well-formed value for each parameter; `instead` replaces the value of one.
    pub(crate) fn url(&self, instead: Option<(&str, &str)>) -> String {
        let known = [
            ("location_id", LOCATION),
            ("migration_id", "mig-1"),
            ("import_id", "import-1"),
            ("kind", "contact"),
            ("record_id", "a"),
            ("name", "crm"),
            ("run", "r"),
            ("part", "0"),
            ("key_id", "0123456789abcdef"),
            ("list", "a.csv"),
        ];
        let url = instead
            .into_iter()
            .chain(known)
            .fold(self.path.clone(), |url, (name, value)| url.replace(&format!("{{{name}}}"), value));
        assert!(!url.contains('{'), "{url}: what stands there?");
        url
    }

    /// Its parameters in this place: `path` or `query`.
    pub(crate) fn parameters_in(&self, place: &'static str) -> impl Iterator<Item = &Parameter> {
        self.parameters.iter().filter(move |parameter| parameter.place == place)
    }
}

impl Place {
    pub(crate) fn takes(&self, kind: &str) -> bool {
        let number = kind == "integer" && self.kinds.contains("number");
        self.kinds.is_empty() || self.kinds.contains(kind) || number
    }

    /// The path in the API's notation.
    pub(crate) fn name(&self) -> String {
        self.path.iter().fold(String::new(), |named, step| match step {
            Step::Member(name) if named.is_empty() => name.clone(),
            Step::Member(name) => format!("{named}.{name}"),
            Step::Element => format!("{named}[0]"),
        })
    }

    /// Returns `base` with `value` at this place.
    pub(crate) fn put(&self, base: &Value, value: Value) -> Value {
        let mut whole = base.clone();
        let mut here = &mut whole;
        for step in &self.path {
            here = match step {
                Step::Member(name) => {
                    if !here.is_object() {
                        *here = json!({});
                    }
                    &mut here[name.as_str()]
                }
                Step::Element => {
                    if here.get(0).is_none() {
                        *here = json!([null]);
                    }
                    &mut here[0]
                }
            };
        }
        *here = value;
        whole
    }
}
