//! Each function has exactly the permissions that it needs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::function_runs::asked_by;
use crate::template::{Template, event_sources};
use crate::wiretap::AwsPermission;

/// Actions of Lambda's event source mapping on a queue, with the function's role.
const POLLING: [&str; 3] = ["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"];
/// Actions of the mapping on a table's stream, with the function's role.
const FOLLOWING: [&str; 4] =
    ["dynamodb:DescribeStream", "dynamodb:GetRecords", "dynamodb:GetShardIterator", "dynamodb:ListStreams"];
/// Actions of Lambda for every function, with its role.
const LOGGING: [&str; 2] = ["logs:CreateLogStream", "logs:PutLogEvents"];
const TRACING: [&str; 2] = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"];
/// Action of Systems Manager and Secrets Manager when a function reads a secret that is encrypted with the user's key.
const DECRYPTING: [&str; 1] = ["kms:Decrypt"];
/// The functions that call GHL, and so the only ones with access to its tokens.
const CALLERS_OF_GHL: [&str; 2] = ["ConsumerFunction", "MigratorFunction"];
/// The functions that change gates, and so notice events of locations.
const CHANGE_GATES: [&str; 8] = [
    "SchedulerFunction",
    "ConsumerFunction",
    "RedriveFunction",
    "ApiFunction",
    "IngestFunction",
    "ImporterFunction",
    "MigratorFunction",
    "ConnectFunction",
];
/// Permissions that a function uses only after a failure, or only for some kinds of credentials: functions, action and
/// key.
const RARE: [(&[&str], &str, &[&str]); 13] = [
    // Pre-images of an undoable import are emptied when the record is forgotten.
    (&["ApiFunction"], "dynamodb:UpdateItem", &["pre_image#"]),
    // The status of more than a hundred locations is read from the index.
    (&["SchedulerFunction"], "dynamodb:Query", &["index/standings"]),
    // Events of locations are noticed when they happen.
    (&CHANGE_GATES, "dynamodb:GetItem", &["notice#"]),
    (&CHANGE_GATES, "dynamodb:UpdateItem", &["notice#"]),
    // An import that is reported as finished.
    (&["NotifierFunction"], "dynamodb:GetItem", &["notice#"]),
    (&["NotifierFunction"], "dynamodb:UpdateItem", &["import_told#"]),
    // A record whose deletion somebody requested is forgotten once GHL has deleted it.
    (&["ConsumerFunction"], "dynamodb:DeleteItem", &["RecordsTable"]),
    // An unreadable record is replaced when it is put again.
    (&["ApiFunction"], "dynamodb:GetItem", &["RecordsTable"]),
    // The previous minute, when something is counted.
    (
        &["ApiFunction", "IngestFunction", "ImporterFunction", "ConsumerFunction", "MigratorFunction"],
        "dynamodb:UpdateItem",
        &["minutes#"],
    ),
    // An expired run is reported to all locations; so is a failing host.
    (
        &[
            "SchedulerFunction",
            "RedriveFunction",
            "ApiFunction",
            "IngestFunction",
            "ImporterFunction",
            "MigratorFunction",
            "ConnectFunction",
        ],
        "dynamodb:GetItem",
        &["host_health#"],
    ),
    (
        &[
            "SchedulerFunction",
            "RedriveFunction",
            "ApiFunction",
            "IngestFunction",
            "ImporterFunction",
            "MigratorFunction",
            "ConsumerFunction",
            "ConnectFunction",
        ],
        "dynamodb:UpdateItem",
        &["host_health#"],
    ),
    // Credentials of an OAuth app.
    (&CALLERS_OF_GHL, "dynamodb:GetItem", &["token#"]),
    (&CALLERS_OF_GHL, "dynamodb:UpdateItem", &["token#"]),
];
/// The functions that read secrets: the callers of GHL, the function that signs webhooks, and the function with the
/// app's key.
const READERS_OF_SECRETS: [&str; 4] = ["ConsumerFunction", "MigratorFunction", "NotifierFunction", "ConnectFunction"];

#[tokio::test]
async fn each_role_allows_what_its_function_does_and_nothing_more() {
    let template = Template::read();
    for (name, function) in template.functions() {
        let mut needed = asked_by(name).await;
        for source in event_sources(function) {
            needed.extend(on(&POLLING, template.target(&source["Queue"]).0));
        }
        for stream in streams(function) {
            needed.extend(on(&FOLLOWING, &resource_id(&stream["Stream"])));
        }
        needed.extend(on(&LOGGING, template.target(&function["LoggingConfig"]["LogGroup"]).0));
        needed.extend(on(&TRACING, "*"));
        if READERS_OF_SECRETS.contains(&name) {
            needed.extend(on(&DECRYPTING, "key/*"));
        }
        let allowed = allowed(&template, function);
        let rare: BTreeSet<AwsPermission> = RARE
            .iter()
            .flat_map(|(of, action, keys)| {
                let is_of = of.contains(&name);
                let item = |key: &&str| match *key {
                    "RecordsTable" => (*key).to_owned(),
                    index if index.starts_with("index/") => format!("StateTable/{index}"),
                    item => format!("StateTable: {item}"),
                };
                keys.iter().filter(move |_| is_of).map(move |key| ((*action).to_owned(), item(key)))
            })
            .collect();
        let missing: Vec<_> = needed.difference(&allowed).collect();
        assert!(missing.is_empty(), "{name} may not do what it does: {missing:?}");
        let too_much: Vec<_> = allowed.difference(&needed).filter(|asked| !rare.contains(*asked)).collect();
        assert!(too_much.is_empty(), "{name} may do what it does not: {too_much:?}");
        let unknown: Vec<_> = rare.difference(&allowed).collect();
        assert!(unknown.is_empty(), "{name} may not do what it does in trouble: {unknown:?}");
    }
}

#[test]
fn no_function_but_those_that_call_ghl_gets_at_its_tokens() {
    let template = Template::read();
    for (name, function) in template.functions() {
        let items: Vec<String> = allowed(&template, function).into_iter().map(|(_, resource)| resource).collect();
        assert!(!items.contains(&"StateTable".to_owned()), "{name}: each statement says which items");
        let tokens = items.iter().any(|item| item == "StateTable: token#");
        assert_eq!(tokens, CALLERS_OF_GHL.contains(&name), "{name}");
    }
}

/// Its URL is open to everybody.
#[test]
fn the_webhook_s_function_gets_at_no_record_no_gate_and_no_token() {
    let template = Template::read();
    let function = template.functions()["WebhookFunction"];
    let written: BTreeSet<String> = allowed(&template, function)
        .into_iter()
        .filter(|(action, _)| action.starts_with("dynamodb:") && action != "dynamodb:GetItem")
        .map(|(action, resource)| format!("{action} {resource}"))
        .collect();
    let items = ["installation#", "known#", "location#", "webhook#"];
    assert_eq!(written, items.map(|item| format!("dynamodb:UpdateItem StateTable: {item}")).into());
}

#[test]
fn credentials_are_put_by_one_function_which_cannot_read_them_and_the_api_does_neither() {
    let template = Template::read();
    let of = |action: &str| action.starts_with("secretsmanager:") || action.starts_with("ssm:");
    for (name, function) in template.functions() {
        for (action, resource) in allowed(&template, function).into_iter().filter(|(action, _)| of(action)) {
            let reads = action.contains(":Get");
            assert!(READERS_OF_SECRETS.contains(&name), "{name}: {action} on {resource}");
            assert!(reads || name == "ConnectFunction", "{name}: {action} on {resource}");
            let below = if reads { "app" } else { "connect" };
            let place = format!("CredentialsPrefix/AWS::StackName/{below}/*");
            assert!(name != "ConnectFunction" || resource.ends_with(&place), "{action} on {resource}");
        }
    }
}

#[test]
fn no_role_may_put_whole_or_scan_anything_nor_delete_but_what_is_forgotten() {
    let template = Template::read();
    for (name, function) in template.functions() {
        for (action, resource) in allowed(&template, function) {
            let of_store = action.strip_prefix("dynamodb:");
            let plain = of_store.is_none_or(|of| ["GetItem", "BatchGetItem", "UpdateItem", "Query"].contains(&of));
            let forgotten: &[&str] = match name {
                "ApiFunction" => &[
                    "RecordsTable",
                    "StateTable: known#",
                    // For a location that is removed.
                    "StateTable: location#",
                    "StateTable: facts#",
                    "StateTable: profile#",
                    "StateTable: counters#",
                    "StateTable: minutes#",
                ],
                "ConsumerFunction" => &["RecordsTable", "StateTable: known#"],
                // For a file that was replaced.
                "ImporterFunction" => &["StateTable: list#"],
                _ => &[],
            };
            let forgets = of_store == Some("DeleteItem") && forgotten.contains(&resource.as_str());
            let plain = plain || forgets || FOLLOWING.contains(&action.as_str());
            assert!(plain, "{name}: {action} on {resource}");
        }
    }
}

#[test]
fn a_function_that_sends_to_the_queue_that_invokes_it_is_no_runaway_loop() {
    let template = Template::read();
    let mut loops = 0;
    for (name, function) in template.functions() {
        let allowed = allowed(&template, function);
        let sends_to = |queue: &str| allowed.contains(&("sqs:SendMessage".to_owned(), queue.to_owned()));
        if event_sources(function).iter().any(|source| sends_to(template.target(&source["Queue"]).0)) {
            assert_eq!(function["RecursiveLoop"], "Allow", "{name}");
            loops += 1;
        }
    }
    assert!(loops > 0);
}

fn on(actions: &[&str], resource: &str) -> Vec<AwsPermission> {
    actions.iter().map(|action| ((*action).to_owned(), resource.to_owned())).collect()
}

/// The actions that a function's role allows, each with its resource: a logical id, and the index of a table.
pub(crate) fn allowed(template: &Template, function: &Value) -> BTreeSet<AwsPermission> {
    let mut allowed = BTreeSet::new();
    for statement in statements(template, function) {
        assert_eq!(statement["Effect"], "Allow", "{statement}");
        let resources = one_or_more(&statement["Resource"]).into_iter().map(resource_id);
        let resources: Vec<String> = match items(statement) {
            Some(keys) => resources.flat_map(|table| keys.iter().map(move |key| format!("{table}: {key}"))).collect(),
            None => resources.collect(),
        };
        for action in one_or_more(&statement["Action"]) {
            let action = action.as_str().unwrap();
            allowed.extend(resources.iter().map(|resource| (action.to_owned(), resource.clone())));
        }
    }
    allowed
}

/// The partition key prefixes that a statement is limited to; `None` if it covers all items.
fn items(statement: &Value) -> Option<Vec<String>> {
    let keys = &statement["Condition"]["ForAllValues:StringLike"]["dynamodb:LeadingKeys"];
    let prefix = |key: &Value| {
        let key = key.as_str().unwrap();
        assert!(key.ends_with("#*") || !key.contains('*'), "{key} is more than one kind of item");
        key.trim_end_matches('*').to_owned()
    };
    (!keys.is_null()).then(|| one_or_more(keys).into_iter().map(prefix).collect())
}

/// The statements of a function's role.
fn statements<'a>(template: &'a Template, function: &Value) -> Vec<&'a Value> {
    let (_, role) = template.target(&function["Role"]);
    assert_eq!(role["ManagedPolicyArns"], Value::Null);
    let policies = role["Policies"].as_array().unwrap().iter();
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    // Some exist only if their resource does.
    statements.map(|statement| statement.pointer("/Fn::If/1").unwrap_or(statement)).collect()
}

/// The streams of tables that invoke a function.
fn streams(function: &Value) -> Vec<&Value> {
    let events = function["Events"].as_object().into_iter().flat_map(serde_json::Map::values);
    events.filter(|event| event["Type"] == "DynamoDB").map(|event| &event["Properties"]).collect()
}

fn one_or_more(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |values| values.iter().collect())
}

/// Maps `!GetAtt X.Arn` and `!Ref X` to X, `!Sub ${X.Arn}/index/i` to X/index/i, and a literal ARN to the part after
/// the account.
fn resource_id(arn: &Value) -> String {
    let path = arn["Fn::GetAtt"].as_str().or(arn["Fn::Sub"].as_str()).or(arn["Ref"].as_str()).or(arn.as_str());
    let path = path.unwrap();
    let path = path.split_once("${AWS::AccountId}:").map_or(path, |(_, path)| path);
    path.replace("${", "").replace('}', "").replace(".Arn", "")
}
