//! Checks `template.yaml` against the assumptions of the code.

use std::collections::{BTreeMap, BTreeSet};

use aws_sdk_sqs::types::QueueAttributeName;
use ghl_sync_aws::tables::{self, Attribute, IndexScope, KeySpec, TableSpec, state};
use ghl_sync_runtime::Config;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value, json};

use crate::deployment::Deployment;
use crate::records::contacts;

/// Variables that Lambda sets itself.
const SET_BY_LAMBDA: [&str; 5] =
    ["AWS_ACCESS_KEY_ID", "AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"];
/// Variables that a function does not get, because it does not use them.
const WITHHELD: [(&str, &[&str]); 10] = [
    ("SchedulerFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL", "GHL_CREDENTIALS"]),
    ("ConsumerFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL"]),
    ("ApiFunction", &[]),
    ("MigratorFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL"]),
    ("WebhookFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL", "GHL_CREDENTIALS"]),
    ("RedriveFunction", &["API_AUTH", "API_KEYS", "GHL_CREDENTIALS"]),
    ("IngestFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL", "GHL_CREDENTIALS"]),
    ("ImporterFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL", "GHL_CREDENTIALS"]),
    ("NotifierFunction", &["API_AUTH", "API_KEYS", "DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL", "GHL_CREDENTIALS"]),
    ("ConnectFunction", &["DEAD_LETTER_QUEUE_URL", "PARKING_QUEUE_URL", "GHL_CREDENTIALS"]),
];
/// Prefixes of variables that only some functions get.
const OWN: [(&[&str], &str); 25] = [
    (&["ApiFunction", "ConnectFunction"], "API_JWT_"),
    (&["SchedulerFunction"], "ALERT_"),
    (&["SchedulerFunction"], "DIGEST_TOPIC_ARN"),
    (&["SchedulerFunction"], "DASHBOARD_URL"),
    (&["SchedulerFunction"], "AWS_ENDPOINT_URL_SNS"),
    (&["ConnectFunction"], "CONNECT_"),
    (&["ConnectFunction"], "GHL_APP"),
    (&["ConnectFunction"], "GHL_CONSENT_URL"),
    (&["ImporterFunction", "ApiFunction"], "IMPORT_BUCKET"),
    (&["ImporterFunction"], "IMPORT_QUEUE_URL"),
    (&["ImporterFunction"], "IMPORT_RETENTION_DAYS"),
    (&["ImporterFunction", "ApiFunction"], "AWS_ENDPOINT_URL_S3"),
    (&["IngestFunction"], "INGEST_"),
    (&["NotifierFunction"], "OUTCOMES_BUS"),
    (&["NotifierFunction"], "OUTCOMES_QUEUE_URL"),
    (&["NotifierFunction"], "OUTCOMES_WEBHOOK_"),
    (&["NotifierFunction", "ApiFunction"], "OUTCOMES_TABLE"),
    (&["NotifierFunction"], "AWS_ENDPOINT_URL_EVENTBRIDGE"),
    (&["WebhookFunction"], "GHL_WEBHOOK_"),
    (&["MigratorFunction", "ApiFunction"], "MIGRATION_"),
    (&["ConsumerFunction", "MigratorFunction"], "GHL_TOKEN"),
    (&["ConsumerFunction", "MigratorFunction"], "GHL_LOCATION_TOKENS"),
    (&["ConsumerFunction", "MigratorFunction", "ConnectFunction"], "GHL_ALLOW_INSECURE_URL"),
    (&["ConsumerFunction", "MigratorFunction", "ConnectFunction"], "GHL_BASE_URL"),
    (&["ConsumerFunction", "MigratorFunction"], "GHL_V1_BASE_URL"),
];

/// The template, with `!Ref X` and the like parsed as `{"Ref": "X"}`.
pub(crate) struct Template(pub(crate) Value);

impl Template {
    pub(crate) fn read() -> Template {
        Template::of(include_str!("../../template.yaml"))
    }

    /// Parses another template.
    pub(crate) fn of(yaml: &str) -> Template {
        let documents = Yaml::load_from_str(yaml).unwrap();
        Template(long_form(&documents[0]))
    }

    /// The properties of all resources of a type, by logical id.
    pub(crate) fn resources(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let resources = self.0["Resources"].as_object().unwrap().iter();
        let of_kind = resources.filter(|(_, resource)| resource["Type"] == kind);
        of_kind.map(|(id, resource)| (id.as_str(), &resource["Properties"])).collect()
    }

    /// The same with the whole resources, including the fields beside the properties.
    pub(crate) fn whole(&self, kind: &str) -> BTreeMap<&str, &Value> {
        let resources = self.0["Resources"].as_object().unwrap().iter();
        resources.filter(|(_, resource)| resource["Type"] == kind).map(|(id, whole)| (id.as_str(), whole)).collect()
    }

    pub(crate) fn parameters(&self) -> &Map<String, Value> {
        self.0["Parameters"].as_object().unwrap()
    }

    /// The parameter that a value refers to, if any.
    pub(crate) fn parameter(&self, value: &Value) -> Option<&Value> {
        self.parameters().get(value["Ref"].as_str()?)
    }

    pub(crate) fn functions(&self) -> BTreeMap<&str, &Value> {
        let functions = self.resources("AWS::Serverless::Function");
        assert!(!functions.is_empty());
        functions
    }

    /// The name and properties of the resource that `{"Ref": …}` or `{"Fn::GetAtt": "….Arn"}` points to.
    pub(crate) fn target(&self, reference: &Value) -> (&str, &Value) {
        let path = reference["Ref"].as_str().or(reference["Fn::GetAtt"].as_str()).unwrap();
        let id = path.split('.').next().unwrap();
        let (id, resource) = self.0["Resources"].as_object().unwrap().get_key_value(id).unwrap();
        (id, &resource["Properties"])
    }

    /// The variables of a function: the global ones and its own.
    pub(crate) fn variables(&self, function: &Value) -> Map<String, Value> {
        self.variables_where(function, false)
    }

    /// The same, with or without API Gateway verifying tokens.
    pub(crate) fn variables_where(&self, function: &Value, checks_tokens: bool) -> Map<String, Value> {
        let mut variables = self.0["Globals"]["Function"]["Environment"]["Variables"].as_object().unwrap().clone();
        variables.extend(function["Environment"]["Variables"].as_object().cloned().unwrap_or_default());
        for value in variables.values_mut() {
            if value["Fn::If"][0] == "IsJwtApi" {
                *value = value["Fn::If"][if checks_tokens { 1 } else { 2 }].take();
            }
        }
        variables
    }

    fn timeout(&self, function: &Value) -> u64 {
        function["Timeout"].as_u64().or(self.0["Globals"]["Function"]["Timeout"].as_u64()).unwrap()
    }
}

fn long_form(yaml: &Yaml<'_>) -> Value {
    match yaml {
        Yaml::Tagged(tag, value) if tag.handle == "!" => match tag.suffix.as_str() {
            "Ref" | "Condition" => json!({ tag.suffix.as_str(): long_form(value) }),
            function => json!({ format!("Fn::{function}"): long_form(value) }),
        },
        Yaml::Sequence(items) => items.iter().map(long_form).collect(),
        Yaml::Mapping(fields) => {
            fields.iter().map(|(name, value)| (name.as_str().unwrap().to_owned(), long_form(value))).collect()
        }
        Yaml::Value(Scalar::Null) => Value::Null,
        Yaml::Value(Scalar::Boolean(value)) => json!(value),
        Yaml::Value(Scalar::Integer(value)) => json!(value),
        Yaml::Value(Scalar::FloatingPoint(value)) => json!(value.into_inner()),
        Yaml::Value(Scalar::String(value)) => json!(value),
        other => panic!("{other:?}"),
    }
}

/// The queues that invoke a function, from its event sources.
pub(crate) fn event_sources(function: &Value) -> Vec<&Value> {
    let events = function["Events"].as_object().into_iter().flat_map(Map::values);
    events.filter(|event| event["Type"] == "SQS").map(|event| &event["Properties"]).collect()
}

#[test]
fn each_function_gets_exactly_the_variables_that_are_read() {
    let template = Template::read();
    for (name, function) in template.functions() {
        let declared: BTreeSet<String> = template.variables(function).keys().cloned().collect();
        let unset = WITHHELD.iter().filter(|(of, _)| *of == name).flat_map(|(_, variables)| variables.iter().copied());
        let unset: BTreeSet<&str> = unset.chain(SET_BY_LAMBDA).collect();
        let of_another =
            |variable: &str| OWN.iter().any(|(of, prefix)| !of.contains(&name) && variable.starts_with(prefix));
        let read = Config::names().into_iter().filter(|variable| !unset.contains(variable) && !of_another(variable));
        assert_eq!(declared, read.map(str::to_owned).collect(), "{name}");
    }
}

#[test]
fn the_defaults_of_the_parameters_are_accepted_by_the_functions() {
    let template = Template::read();
    let mut environment: BTreeMap<String, String> =
        SET_BY_LAMBDA.iter().map(|name| ((*name).to_owned(), "x".to_owned())).collect();
    for function in template.functions().into_values() {
        for (name, value) in template.variables(function) {
            let default = &template.0["Parameters"][value["Ref"].as_str().unwrap_or_default()]["Default"];
            let value = match (default, value.as_str()) {
                (Value::String(text), _) => text.clone(),
                (Value::Null, Some(text)) => text.to_owned(),
                // A resource of the stack.
                (Value::Null, None) if name.ends_with("TOPIC_ARN") => "arn:aws:sns:us-east-1:000000000000:x".to_owned(),
                (Value::Null, None) => "https://example.com".to_owned(),
                (other, _) => other.to_string(),
            };
            environment.insert(name, value);
        }
    }
    Config::from_vars(environment).unwrap();
}

#[test]
fn the_defaults_of_the_parameters_are_those_of_the_code() {
    let template = Template::read();
    let required = ["RECORDS_TABLE", "STATE_TABLE", "BATCH_QUEUE_URL"];
    let required: BTreeMap<String, String> = SET_BY_LAMBDA
        .iter()
        .chain(&required)
        .map(|name| ((*name).to_owned(), "https://example.com".to_owned()))
        .collect();
    let mut environment = required.clone();
    let mut compared = BTreeSet::new();
    for function in template.functions().into_values() {
        for (name, value) in template.variables(function) {
            let Some(default) = template.parameter(&value).and_then(|parameter| parameter.get("Default")) else {
                continue;
            };
            // The API's access is stricter in AWS (docs/CONFIGURATION.md).
            if name == "API_AUTH" {
                continue;
            }
            compared.insert(name.clone());
            environment.insert(name, default.as_str().map_or_else(|| default.to_string(), str::to_owned));
        }
    }
    assert!(compared.len() > 20, "{compared:?}");
    let (of_template, of_code) = (Config::from_vars(environment).unwrap(), Config::from_vars(required).unwrap());
    assert_eq!(of_template.engine, of_code.engine);
    assert_eq!(of_template.webhooks, of_code.webhooks);
    assert_eq!(of_template.migration.overlay, of_code.migration.overlay);
    assert_eq!(of_template.log_level, of_code.log_level);
    assert_eq!(of_template.ghl, of_code.ghl);
    assert_eq!(of_template.connect.consent_url, of_code.connect.consent_url);
    assert_eq!(of_template.connect.app, of_code.connect.app);
    let settings = |config: &Config| config.locations.settings(&"loc".parse().unwrap());
    assert_eq!(settings(&of_template), settings(&of_code));
}

#[test]
fn each_queue_gives_its_function_time_and_puts_aside_what_kills_it() {
    let template = Template::read();
    let mut sources = 0;
    for (name, function) in template.functions() {
        for source in event_sources(function) {
            let (_, queue) = template.target(&source["Queue"]);
            let visibility = queue["VisibilityTimeout"].as_u64().unwrap();
            assert!(visibility >= 6 * template.timeout(function), "{name}: {visibility} s");
            let (_, dead_letters) = template.target(&queue["RedrivePolicy"]["deadLetterTargetArn"]);
            assert!(queue["RedrivePolicy"]["maxReceiveCount"].as_u64() >= Some(5), "{name}");
            let kept = |queue: &Value| queue["MessageRetentionPeriod"].as_u64().unwrap();
            assert!(kept(dead_letters) > kept(queue), "{name}: a message keeps its age in the dead-letter queue");
            assert_eq!(source["FunctionResponseTypes"], json!(["ReportBatchItemFailures"]), "{name}");
            assert!(!source["ScalingConfig"]["MaximumConcurrency"].is_null(), "{name}");
            sources += 1;
        }
    }
    assert!(sources > 0);
}

#[tokio::test]
async fn the_local_queues_are_set_up_as_the_deployed_ones() {
    let template = Template::read();
    let deployment = Deployment::start().await;
    let functions = &deployment.stack.functions;
    let queues = [
        ("ConsumerFunction", &functions.queue_url),
        ("RedriveFunction", &functions.dead_letter_queue_url),
        ("MigratorFunction", &functions.migration_queue_url),
        ("IngestFunction", &functions.ingest_queue_url),
        ("NotifierFunction", &functions.outcomes_queue_url),
        ("ImporterFunction", &functions.import_queue_url),
    ];
    for (function, url) in queues {
        let (_, queue) = template.target(&event_sources(template.functions()[function])[0]["Queue"]);
        let request = functions.sqs.get_queue_attributes().queue_url(url);
        let attributes = request.attribute_names(QueueAttributeName::All).send().await.unwrap().attributes.unwrap();
        assert_eq!(attributes[&QueueAttributeName::VisibilityTimeout], queue["VisibilityTimeout"].to_string());
        let redrive: Value = serde_json::from_str(&attributes[&QueueAttributeName::RedrivePolicy]).unwrap();
        assert_eq!(redrive["maxReceiveCount"], queue["RedrivePolicy"]["maxReceiveCount"]);
    }
}

#[test]
fn the_tables_are_those_that_the_adapters_use() {
    let template = Template::read();
    let specs = BTreeMap::from([
        ("RecordsTable", tables::RECORDS),
        ("StateTable", tables::STATE),
        ("OutcomesTable", tables::OUTCOMES),
    ]);
    let deployed = template.resources("AWS::DynamoDB::Table");
    assert_eq!(deployed.keys().collect::<Vec<_>>(), specs.keys().collect::<Vec<_>>());
    for (name, spec) in specs {
        let table = deployed[name];
        assert_eq!(table["KeySchema"], key_schema(spec.key), "{name}");
        let is_local = |index: &tables::IndexSpec| matches!(index.reach, IndexScope::Local(_));
        assert_eq!(table["LocalSecondaryIndexes"], indexes(&spec, is_local), "{name}");
        assert_eq!(table["GlobalSecondaryIndexes"], indexes(&spec, |index| !is_local(index)), "{name}");
        assert_eq!(definitions(table), attributes(&spec), "{name}");
        let ttl = spec.ttl.map_or(Value::Null, |ttl| json!({ "AttributeName": ttl, "Enabled": true }));
        assert_eq!(table["TimeToLiveSpecification"], ttl, "{name}");
        let keys: Vec<&str> = attributes(&spec).into_keys().collect();
        assert!(spec.ttl.is_none_or(|ttl| !keys.contains(&ttl)), "{name}: what expires by a key expires by accident");
    }
}

#[tokio::test]
async fn no_gate_ever_expires() {
    let deployment = Deployment::start().await;
    deployment.put(&contacts(2)).await;
    deployment.run_until_synced().await;
    let config = Config::from_vars(deployment.stack.vars.clone()).unwrap();
    let scan = config.aws.dynamodb().scan().table_name(config.state_table);
    let items = scan.send().await.unwrap().items.unwrap();
    let gates = items.iter().filter(|item| item[state::PK].as_s().unwrap().starts_with("gate#"));
    let expire: Vec<bool> = gates.map(|gate| gate.contains_key(state::TTL)).collect();
    assert_eq!(expire, [false]);
}

fn key_schema(key: KeySpec) -> Value {
    let element = |attribute: Attribute, kind| json!({ "AttributeName": attribute.name(), "KeyType": kind });
    std::iter::once(element(key.partition, "HASH")).chain(key.sort.map(|sort| element(sort, "RANGE"))).collect()
}

/// `null` if there are none.
fn indexes(spec: &TableSpec, pick: impl Fn(&tables::IndexSpec) -> bool) -> Value {
    let index = |index: &tables::IndexSpec| {
        json!({
            "IndexName": index.name,
            "KeySchema": key_schema(spec.key_of(index)),
            "Projection": match index.projects {
                [] => json!({ "ProjectionType": "KEYS_ONLY" }),
                projects => json!({ "ProjectionType": "INCLUDE", "NonKeyAttributes": projects }),
            },
        })
    };
    let indexes: Vec<Value> = spec.indexes.iter().filter(|index| pick(index)).map(index).collect();
    if indexes.is_empty() { Value::Null } else { Value::Array(indexes) }
}

/// The attributes of all keys, with their types.
fn attributes(spec: &TableSpec) -> BTreeMap<&'static str, &'static str> {
    let keys = std::iter::once(spec.key).chain(spec.indexes.iter().map(|index| spec.key_of(index)));
    let attributes = keys.flat_map(|key| std::iter::once(key.partition).chain(key.sort));
    attributes
        .map(|attribute| match attribute {
            Attribute::Text(name) => (name, "S"),
            Attribute::Number(name) => (name, "N"),
        })
        .collect()
}

fn definitions(table: &Value) -> BTreeMap<&str, &str> {
    let definitions = table["AttributeDefinitions"].as_array().unwrap().iter();
    definitions.map(|it| (it["AttributeName"].as_str().unwrap(), it["AttributeType"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn the_environment_of_sam_local_is_that_of_the_local_stack() {
    let template = Template::read();
    let file: Value = serde_json::from_str(include_str!("../../events/env.local.json")).unwrap();
    let file: BTreeMap<String, String> = serde_json::from_value(file["Parameters"].clone()).unwrap();
    let deployment = Deployment::start().await;
    let functions = template.functions().into_values();
    let declared: BTreeMap<String, Value> = functions.flat_map(|function| template.variables(function)).collect();
    for (name, value) in &file {
        assert!(declared.contains_key(name), "sam local drops {name}: the template does not declare it");
        // Differences from the stack: the key of sam local is always `local-key`; and the sample webhooks are accepted
        // for years, with the test keys.
        if name != "LOG_LEVEL" && name != "API_KEYS" && !name.starts_with("GHL_WEBHOOK_") {
            assert_eq!(without_host(value), without_host(&deployment.stack.vars[name]), "{name}");
        }
    }
    // Values that would point to AWS, or nowhere: the parts of the stack, and the endpoints.
    for (name, value) in &declared {
        // Here nobody reads tokens.
        if name.starts_with("API_JWT_") {
            continue;
        }
        let is_resource = template.0["Resources"].get(value["Ref"].as_str().unwrap_or_default()).is_some();
        assert!(file.contains_key(name) || !(is_resource || value == ""), "{name}");
    }
}

/// The path of a URL, and any other value unchanged.
fn without_host(value: &str) -> &str {
    match value.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("", |slash| &rest[slash..]),
        None => value,
    }
}

#[test]
fn every_alarm_reaches_the_operator() {
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    assert!(!alarms.is_empty());
    for (name, alarm) in alarms {
        assert_eq!(alarm["AlarmActions"], json!([{ "Ref": "AlarmTopic" }]), "{name}");
        assert_eq!(alarm["OKActions"], alarm["AlarmActions"], "{name}");
        assert!(alarm["AlarmDescription"].is_string(), "{name}");
        if alarm["Namespace"] == "GhlSync" {
            let of_this_stack = json!([{ "Name": "Stack", "Value": { "Ref": "AWS::StackName" } }]);
            assert_eq!(alarm["Dimensions"], of_this_stack, "{name}");
        }
    }
    // CloudWatch may not publish to a topic that is encrypted with AWS's own key.
    let (_, topic) = template.target(&json!({ "Ref": "AlarmTopic" }));
    assert_eq!(topic["KmsMasterKeyId"], Value::Null);
}

#[test]
fn every_function_has_an_alarm_for_its_errors() {
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    for name in template.functions().into_keys() {
        let of_errors = |alarm: &&Value| {
            alarm["MetricName"] == "Errors"
                && alarm["Dimensions"] == json!([{ "Name": "FunctionName", "Value": { "Ref": name } }])
        };
        assert_eq!(alarms.values().copied().filter(|alarm| of_errors(alarm)).count(), 1, "{name}");
    }
}
