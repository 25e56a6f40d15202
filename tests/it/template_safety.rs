//! `template.yaml`: the distribution of secrets, the resources that outlive the stack, the limits in a flood, and
//! Lambda's limits.

use std::collections::{BTreeMap, BTreeSet};

use ghl_sync_model::{LocationId, Secret};
use ghl_sync_runtime::Config;
use serde_json::{Value, json};

use crate::template::Template;

/// Lambda's limit for all variables of a function: measured as one JSON object, including escapes.
const LARGEST_ENVIRONMENT: usize = 4096;
/// Names made by CloudFormation begin with the stack's name, which has at most 128 characters.
const LONGEST_STACK_NAME: usize = 128;
/// `https://sqs.REGION.amazonaws.com.cn/ACCOUNT/NAME`: regions have at most 14 characters, queue names 80.
const LONGEST_QUEUE_URL: usize = 12 + 14 + 18 + 12 + 1 + 80;
/// `arn:aws-us-gov:sns:REGION:ACCOUNT:NAME`: topic names have at most 256 characters.
const LONGEST_TOPIC_ARN: usize = 19 + 14 + 1 + 12 + 1 + 256;
/// `STACK-RecordsTable-RANDOM`.
const LONGEST_TABLE_NAME: usize = LONGEST_STACK_NAME + 14 + 14;

const CREDENTIALS_MD: &str = include_str!("../../docs/CREDENTIALS.md");

/// The variables of a function that contain a secret: those from a `NoEcho` parameter.
fn secrets(template: &Template, function: &Value) -> BTreeSet<String> {
    let variables = template.variables(function).into_iter();
    let is_secret = |value: &Value| template.parameter(value).is_some_and(|parameter| parameter["NoEcho"] == true);
    variables.filter(|(_, value)| is_secret(value)).map(|(name, _)| name).collect()
}

#[test]
fn tokens_reach_the_functions_that_call_ghl_and_no_others_as_the_documents_say() {
    let template = Template::read();
    let mut documented = BTreeMap::new();
    for line in CREDENTIALS_MD.lines().filter(|line| line.starts_with("| `") && line.matches('|').count() == 6) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let quoted = |cell: &str| cell.split('`').skip(1).step_by(2).map(str::to_owned).collect::<BTreeSet<_>>();
        let [function] = quoted(cells[1]).into_iter().collect::<Vec<_>>().try_into().unwrap();
        documented.insert(function, (quoted(cells[2]), cells[3].to_owned(), cells[4] == "yes", cells[5] == "yes"));
    }
    let mut deployed = BTreeMap::new();
    for (name, function) in template.functions() {
        let actions: BTreeSet<String> = crate::permissions::allowed(&template, function)
            .into_iter()
            .map(|(action, resource)| format!("{action} {resource}"))
            .collect();
        let read: Vec<&String> = actions
            .iter()
            .filter(|it| ["ssm:Get", "secretsmanager:Get"].iter().any(|get| it.starts_with(get)))
            .collect();
        let reads = match read.as_slice() {
            [] => "no",
            read if read.iter().all(|it| it.ends_with("/app/*")) => "the app's key only",
            _ => "yes",
        };
        let writes = actions.iter().any(|it| it.starts_with("secretsmanager:Put"));
        let issued = actions.iter().any(|it| it.ends_with("StateTable: token#"));
        let name = name.strip_suffix("Function").unwrap().to_ascii_lowercase();
        deployed.insert(name, (secrets(&template, function), reads.to_owned(), writes, issued));
    }
    assert_eq!(documented, deployed, "the table \"Who gets which secret\" of docs/CREDENTIALS.md");
    for secret in ["GHL_TOKEN", "GHL_LOCATION_TOKENS"] {
        let of = deployed.iter().filter(|(_, (secrets, ..))| secrets.contains(secret)).map(|(name, _)| name.as_str());
        assert_eq!(of.collect::<Vec<_>>(), ["consumer", "migrator"], "{secret}");
    }
}

#[test]
fn what_the_parameters_say_of_secrets_is_true() {
    let template = Template::read();
    let words = |name: &str| template.parameters()[name]["Description"].as_str().unwrap().replace('\n', " ");
    for name in ["GhlToken", "GhlLocationTokens"] {
        assert!(words(name).contains("Only the consumer and the migrator get it."), "{name}: {}", words(name));
    }
    assert!(words("CredentialsPrefix").contains("The consumer and the migrator may read"));
    assert!(words("GhlLocations").contains("Every function reads it, so it has no tokens"));
    let everywhere = template.functions().into_values().all(|it| template.variables(it).contains_key("GHL_LOCATIONS"));
    assert!(everywhere);
}

/// The template refuses it before the stack is deployed, and each function when it starts.
#[test]
fn a_token_among_the_settings_of_locations_is_refused() {
    let template = Template::read();
    let pattern = template.parameters()["GhlLocations"]["AllowedPattern"].as_str().unwrap();
    assert!(pattern.contains(r#"(?![ !-~]*"token")"#), "{pattern}");
    let vars = |locations: &str| {
        let names = ["AWS_ACCESS_KEY_ID", "AWS_REGION", "AWS_SECRET_ACCESS_KEY", "RECORDS_TABLE", "STATE_TABLE"];
        let mut vars: BTreeMap<String, String> = names.map(|name| (name.to_owned(), "x".to_owned())).into();
        vars.extend([("BATCH_QUEUE_URL".to_owned(), "https://sqs".to_owned())]);
        vars.extend([("GHL_LOCATIONS".to_owned(), locations.to_owned())]);
        vars
    };
    let error = Config::from_vars(vars(r#"{"loc1":{"token":"pit-secret"}}"#)).unwrap_err().to_string();
    assert!(error.contains("GHL_LOCATION_TOKENS") && !error.contains("pit-secret"), "{error}");
    // A valid value.
    let mut right = vars(r#"{"loc1":{"credentials":"env:GHL_LOCATION_TOKENS/loc1"}}"#);
    right.insert("GHL_LOCATION_TOKENS".to_owned(), r#"{"loc1":"pit-secret"}"#.to_owned());
    let locations = Config::from_vars(right).unwrap().locations;
    let credentials = locations.settings(&LocationId::new("loc1").unwrap()).credentials;
    assert_eq!(locations.token(&credentials), Some(Secret::new("pit-secret")));
}

#[test]
fn the_longest_values_that_the_template_allows_fit_into_each_function_s_environment() {
    let template = Template::read();
    let each =
        template.functions().into_iter().flat_map(|(name, function)| [(name, function, false), (name, function, true)]);
    for (name, function, checks_tokens) in each {
        let variables = template.variables_where(function, checks_tokens);
        let longest = variables.iter().map(|(name, value)| (name.as_str(), longest(&template, name, value)));
        // Adds the quotes, the colon and the comma.
        let sizes: Vec<(&str, usize)> = longest.map(|(name, value)| (name, name.len() + value + 6)).collect();
        let sum = 2 + sizes.iter().map(|(_, size)| size).sum::<usize>();
        assert!(sum <= LARGEST_ENVIRONMENT, "{name}: {sum} bytes; {sizes:?}");
    }
}

/// Maximum length of a variable's value, in bytes of JSON.
fn longest(template: &Template, name: &str, value: &Value) -> usize {
    if let Some(text) = value.as_str() {
        return text.len();
    }
    if let Some(text) = value["Fn::Sub"].as_str() {
        let prefix = template.parameters()["CredentialsPrefix"]["MaxLength"].as_u64().unwrap();
        return text.len() + usize::try_from(prefix).unwrap() + LONGEST_STACK_NAME;
    }
    if let Some(choice) = value["Fn::If"].as_array() {
        return choice[1..].iter().map(|value| longest(template, name, value)).max().unwrap();
    }
    let Some(parameter) = template.parameter(value) else {
        return match value["Ref"].as_str().unwrap() {
            "AWS::StackName" => LONGEST_STACK_NAME,
            table if table.ends_with("Table") => LONGEST_TABLE_NAME,
            queue if queue.ends_with("Queue") => LONGEST_QUEUE_URL,
            topic if topic.ends_with("Topic") => LONGEST_TOPIC_ARN,
            other => panic!("how long is {other}?"),
        };
    };
    if let Some(most) = parameter["MaxValue"].as_u64() {
        return most.to_string().len();
    }
    if let Some(values) = parameter["AllowedValues"].as_array() {
        return values.iter().map(|value| value.as_str().unwrap().len()).max().unwrap();
    }
    let most = usize::try_from(parameter["MaxLength"].as_u64().unwrap_or_else(|| panic!("{name} has no MaxLength")));
    let pattern = parameter["AllowedPattern"].as_str().unwrap_or_else(|| panic!("{name} has no AllowedPattern"));
    // A character takes one byte if only ASCII is allowed, and two if it can be a quote or a backslash.
    let wide = ["\\S", ".*", "[\\s\\S]"].iter().any(|any| pattern.contains(any));
    assert!(!wide, "{name}: {pattern} allows characters of more than one byte");
    most.unwrap() * if pattern.contains("!-~") && !name.ends_with("_URL") { 2 } else { 1 }
}

#[test]
fn what_cannot_be_made_again_outlives_the_stack_and_one_wrong_command() {
    let template = Template::read();
    let mut tables = template.whole("AWS::DynamoDB::Table");
    // Its content expires after a week anyway.
    tables.retain(|name, _| *name != "OutcomesTable");
    let logs = template.whole("AWS::Logs::LogGroup");
    assert!(!tables.is_empty() && !logs.is_empty());
    for (name, resource) in tables.iter().chain(&logs) {
        assert_eq!(
            (&resource["DeletionPolicy"], &resource["UpdateReplacePolicy"]),
            (&json!("Retain"), &json!("Retain")),
            "{name}"
        );
    }
    for (name, table) in tables {
        assert_eq!(table["Properties"]["DeletionProtectionEnabled"], true, "{name}");
        assert_eq!(
            table["Properties"]["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"], true,
            "{name}"
        );
    }
    for (name, group) in logs {
        let name_of = &group["Properties"]["LogGroupName"]["Fn::Sub"];
        // Resources left by a stack must not block the next stack of the same name.
        assert!(name_of[0].as_str().unwrap().ends_with("/${Deployment}"), "{name}");
        assert_eq!(
            name_of[1]["Deployment"]["Fn::Select"][1]["Fn::Split"][1],
            json!({ "Ref": "AWS::StackId" }),
            "{name}"
        );
        assert_eq!(group["Properties"]["RetentionInDays"], json!({ "Ref": "LogRetentionDays" }), "{name}");
    }
}

#[test]
fn a_flood_of_the_open_doors_takes_nothing_from_the_consumer() {
    let template = Template::read();
    let functions = template.functions();
    for (function, parameter) in [("WebhookFunction", "WebhookConcurrency"), ("ApiFunction", "ApiConcurrency")] {
        let reserved = &functions[function]["ReservedConcurrentExecutions"]["Fn::If"];
        assert_eq!(reserved[1], json!({ "Ref": parameter }), "{function}");
        assert!(template.parameters()[parameter]["Default"].as_u64() > Some(0), "{parameter}");
    }
    let kept = &functions["ConsumerFunction"]["ReservedConcurrentExecutions"]["Fn::If"];
    assert_eq!(kept[1], json!({ "Ref": "ConsumerReservedConcurrency" }));
    let (_, api) = template.target(&json!({ "Ref": "HttpApi" }));
    let health = &api["RouteSettings"]["GET /health"];
    assert!((1..=50).contains(&health["ThrottlingRateLimit"].as_u64().unwrap()));
    assert!(health["ThrottlingBurstLimit"].is_u64());
}

#[test]
fn every_path_but_health_asks_who_it_is_as_the_parameter_says() {
    let template = Template::read();
    let (_, api) = template.target(&json!({ "Ref": "HttpApi" }));
    let paths = api["DefinitionBody"]["paths"].as_object().unwrap();
    assert!(paths.len() > 3);
    let by_parameter =
        json!({ "Fn::If": ["IsSignedApi", [{ "AWS_IAM": [] }], { "Fn::If": ["IsJwtApi", [{ "JWT": [] }], []] }] });
    for (path, methods) in paths {
        for operation in methods.as_object().unwrap().values() {
            let expected = if path == "/health" { &Value::Null } else { &by_parameter };
            assert_eq!(&operation["security"], expected, "{path}");
        }
    }
    let jwt = &api["DefinitionBody"]["components"]["securitySchemes"]["JWT"]["Fn::If"];
    assert_eq!((&jwt[0], &jwt[2]), (&json!("IsJwtApi"), &json!({ "Ref": "AWS::NoValue" })));
    let authorizer = &jwt[1]["x-amazon-apigateway-authorizer"];
    assert_eq!(authorizer["identitySource"], "$request.header.Authorization");
    let [issuer, audience] = ["issuer", "audience"].map(|name| &authorizer["jwtConfiguration"][name]);
    assert_eq!(issuer, &json!({ "Ref": "ApiJwtIssuer" }));
    assert_eq!(audience, &json!({ "Fn::Split": [",", { "Ref": "ApiJwtAudience" }] }));
    // The function compares with the same issuer, and both are required.
    let functions = template.functions();
    for function in ["ApiFunction", "ConnectFunction"] {
        assert_eq!(&template.variables_where(functions[function], true)["API_JWT_ISSUER"], issuer, "{function}");
    }
    let rule = &template.0["Rules"]["IssuerOfTheTokens"];
    assert_eq!(rule["RuleCondition"], template.0["Conditions"]["IsJwtApi"]);
    let wanted =
        ["ApiJwtIssuer", "ApiJwtAudience"].map(|name| json!({ "Fn::Not": [{ "Fn::Equals": [{ "Ref": name }, ""] }] }));
    let asserted: Vec<&Value> = rule["Assertions"].as_array().unwrap().iter().map(|it| &it["Assert"]).collect();
    assert_eq!(asserted, wanted.iter().collect::<Vec<_>>());
}

#[test]
fn the_access_log_tells_of_every_request_and_of_nobody() {
    let template = Template::read();
    let (_, api) = template.target(&json!({ "Ref": "HttpApi" }));
    let settings = &api["AccessLogSettings"];
    assert_eq!(settings["DestinationArn"], json!({ "Fn::GetAtt": "HttpApiAccessLogGroup.Arn" }));
    let format = settings["Format"].as_str().unwrap();
    let line: BTreeMap<String, String> = serde_json::from_str(format).unwrap();
    let told: BTreeSet<&str> = line.values().map(|value| value.strip_prefix("$context.").unwrap()).collect();
    let expected = [
        "error.responseType",
        "httpMethod",
        "integrationLatency",
        "integrationStatus",
        "requestId",
        "requestTimeEpoch",
        "responseLatency",
        "responseLength",
        "routeKey",
        "status",
    ];
    assert_eq!(told, expected.into(), "paths, queries and addresses are of people");
}
