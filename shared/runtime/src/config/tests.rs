use ghl_sync_model::AdoptLimits;

use super::*;

/// The minimal environment of a function in Lambda.
fn minimal() -> BTreeMap<String, String> {
    [
        ("AWS_REGION", "eu-central-1"),
        ("AWS_ACCESS_KEY_ID", "AKID"),
        ("AWS_SECRET_ACCESS_KEY", "SECRET"),
        ("RECORDS_TABLE", "records"),
        ("STATE_TABLE", "state"),
        ("BATCH_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/batches"),
        ("PATH", "/bin"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn with(changes: &[(&str, &str)]) -> BTreeMap<String, String> {
    let mut vars = minimal();
    vars.extend(changes.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    vars
}

fn faults(changes: &[(&str, &str)]) -> Vec<String> {
    Config::from_vars(with(changes)).unwrap_err().faults.iter().map(ToString::to_string).collect()
}

#[test]
fn the_defaults_are_those_of_the_specification() {
    let config = Config::from_vars(minimal()).unwrap();
    assert_eq!(config.engine, EngineConfig::default());
    let location = config.locations.of(&"any".parse().unwrap());
    assert_eq!((location.pace.limit.get(), location.pace.window.as_millis()), (100, 10_000));
    assert_eq!(location.daily_limit, 200_000);
    assert!(location.enabled && !location.dry_run);
    assert_eq!(location.api, Api::V2);
}

#[test]
fn a_function_outside_of_a_stack_is_local() {
    assert_eq!(Config::from_vars(minimal()).unwrap().stack_name, "local");
    assert_eq!(Config::from_vars(with(&[("STACK_NAME", "ghl-sync-dev")])).unwrap().stack_name, "ghl-sync-dev");
}

#[test]
fn every_name_of_the_specification_is_read() {
    let config = Config::from_vars(with(&[
        ("GHL_RATE_LIMIT_MAX_RETRIES", "3"),
        ("GHL_RATE_LIMIT_BASE_DELAY", "200"),
        ("GHL_RATE_LIMIT_MAX_DELAY", "9000"),
        ("GHL_RATE_LIMIT_JITTER", "true"),
        ("GHL_RATE_LIMIT_JITTER_MAX", "77"),
        ("GHL_CIRCUIT_THRESHOLD", "7"),
        ("GHL_CIRCUIT_RESET_TIMEOUT", "1234"),
        ("GHL_SYNC_BATCH_SIZE", "20"),
        ("GHL_SYNC_CONCURRENCY", "2"),
        ("GHL_SYNC_MAX_ATTEMPTS", "4"),
    ]))
    .unwrap();
    let ms = Duration::from_millis;
    assert_eq!(config.engine.backoff, Backoff { max_retries: 3, base: ms(200), max: ms(9000), jitter: ms(77) });
    assert_eq!(config.engine.breaker, BreakerRules { threshold: 7, reset: ms(1234) });
    assert_eq!((config.engine.batch_size, config.engine.concurrency, config.engine.max_rounds), (20, 2, 4));
    let without = Config::from_vars(with(&[("GHL_RATE_LIMIT_JITTER", "false")])).unwrap();
    assert_eq!(without.engine.backoff.jitter, Duration::ZERO);
}

#[test]
fn which_of_ghls_limits_are_taken_over_is_one_of_two_words_and_anything_else_stops_the_start() {
    let adopt = |value| Config::from_vars(with(&[("GHL_RATE_LIMIT_ADOPT", value)])).map(|config| config.engine.adopt);
    assert_eq!(adopt(""), Ok(AdoptLimits::Lower));
    assert_eq!(adopt("lower"), Ok(AdoptLimits::Lower));
    assert_eq!(adopt("told"), Ok(AdoptLimits::Told));
    let error = adopt("higher").unwrap_err().to_string();
    assert!(error.contains("GHL_RATE_LIMIT_ADOPT is `higher`; expected lower or told"), "{error}");
}

#[test]
fn all_faults_are_found_at_once_and_each_names_its_variable() {
    let mut vars = with(&[
        ("GHL_SYNC_BATCH_SIZE", "many"),
        ("GHL_SYNC_CONCURRENCY", "0"),
        ("GHL_RATE_LIMIT_JITTER", "yes"),
        ("GHL_RATE_LIMIT_MAX_DELAY", "500"),
        ("GHL_SYNC_CONCURENCY", "5"),
        ("GHL_BASE_URL", "ftp://x"),
        ("GHL_LOCATIONS", "{"),
    ]);
    vars.remove("RECORDS_TABLE");
    let error = Config::from_vars(vars).unwrap_err();
    let names: Vec<&str> = error.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(
        names,
        [
            "GHL_BASE_URL",
            "GHL_LOCATIONS",
            "GHL_RATE_LIMIT_JITTER",
            "GHL_RATE_LIMIT_MAX_DELAY",
            "GHL_SYNC_BATCH_SIZE",
            "GHL_SYNC_CONCURENCY",
            "GHL_SYNC_CONCURRENCY",
            "RECORDS_TABLE",
        ]
    );
    assert!(error.to_string().contains("8 fault(s)"));
}

#[test]
fn a_fault_says_what_would_be_right() {
    assert_eq!(
        faults(&[("GHL_SYNC_BATCH_SIZE", "-1")]),
        ["GHL_SYNC_BATCH_SIZE is `-1`; expected a whole number from 1 to 500"]
    );
    assert_eq!(faults(&[("GHL_API", "v3")]), ["GHL_API is `v3`; expected v2 or v1"]);
}

#[test]
fn an_empty_variable_is_an_absent_one() {
    let config = Config::from_vars(with(&[("AWS_ENDPOINT_URL_SQS", ""), ("GHL_SYNC_BATCH_SIZE", " ")])).unwrap();
    assert_eq!(config.aws.sqs_endpoint, None);
    assert_eq!(config.engine.batch_size, 50);
}

#[test]
fn locations_override_the_defaults_one_by_one() {
    let json = r#"{"a":{"credentials":"env:GHL_LOCATION_TOKENS/a","api":"v1","limit":90,"window_ms":60000,"dry_run":true},
                   "b":{"scope":"shared","enabled":false},"c":{"scope":"shared","daily_limit":10}}"#;
    let tokens = [("GHL_LOCATION_TOKENS", r#"{"a":"pit-secret"}"#), ("GHL_TOKEN", "pit-default")];
    let config = Config::from_vars(with(&[&[("GHL_LOCATIONS", json)], &tokens[..]].concat())).unwrap();
    let token = |id: &str| {
        let credentials = config.locations.settings(&id.parse().unwrap()).credentials;
        config.locations.token(&credentials).unwrap().expose().to_owned()
    };
    let a = config.locations.of(&"a".parse().unwrap());
    assert_eq!((a.pace.limit.get(), a.pace.window.as_millis(), a.api), (90, 60_000, Api::V1));
    assert!(a.dry_run);
    assert_eq!((token("a").as_str(), token("b").as_str()), ("pit-secret", "pit-default"));
    let b = config.locations.of(&"b".parse().unwrap());
    assert!(!b.enabled);
    let debug = format!("{config:?}");
    assert!(!debug.contains("pit-") && !debug.contains("SECRET"), "{debug}");
}

#[test]
fn a_bad_location_is_a_fault_that_names_it_and_not_its_token() {
    for (json, expected) in [
        (r#"{"a b":{}}"#, "location_id"),
        (r#"{"a":{"tokn":"pit-secret"}}"#, "tokn"),
        (r#"{"a":{"limit":0,"token":"pit-secret"}}"#, "0 is not a whole number from 1 to 10000"),
        (r#"{"a":{"token":"pit-secret"}}"#, "GHL_LOCATION_TOKENS"),
        (r#"{"a":{"window_ms":0}}"#, "0 is not a whole number from 100 to 3600000"),
        (r#"{"a":{"daily_limit":0}}"#, "0 is not a whole number from 1 to"),
        (r#"{"a":{"limit":-1}}"#, "-1"),
        (r#"{"a":{"token":"pit-secret","api":"v3"}}"#, "v3"),
        (r#"[]"#, "map"),
    ] {
        let faults = faults(&[("GHL_LOCATIONS", json)]).join("\n");
        assert!(faults.contains(expected), "{json}: {faults}");
        assert!(!faults.contains("pit-secret"), "{faults}");
    }
}

#[test]
fn a_bad_list_of_tokens_is_a_fault_that_quotes_none_and_a_token_that_would_not_be_used_is_one_too() {
    for (tokens, expected) in [
        (r#"{"a":"pit-secret""#, "EOF"),
        (r#"["pit-secret"]"#, "expected {"),
        (r#"{"a":{"token":"pit-secret"}}"#, "expected {"),
        (r#"{"a b":"pit-secret"}"#, "expected {"),
        (r#"{"a":"pit secret"}"#, "the token of `a` is empty or has white space"),
        (r#"{"a":""}"#, "the token of `a` is empty"),
        (r#"{"b":"pit-secret"}"#, "has a token of `b`; GHL_LOCATIONS must say so"),
        (r#"{"c":"pit-secret"}"#, r#"{"c": {"credentials": "env:GHL_LOCATION_TOKENS/c"}}"#),
    ] {
        let locations = r#"{"a":{"credentials":"env:GHL_LOCATION_TOKENS/a"},"b":{"credentials":"ssm:/b"}}"#;
        let faults = faults(&[("GHL_LOCATIONS", locations), ("GHL_LOCATION_TOKENS", tokens)]).join("\n");
        assert!(faults.starts_with("GHL_LOCATION_TOKENS ") && faults.contains(expected), "{tokens}: {faults}");
        assert!(!faults.contains("secret"), "{faults}");
    }
}

#[test]
fn the_webhook_s_function_needs_no_queue_and_still_finds_every_fault() {
    let mut vars = minimal();
    vars.remove("BATCH_QUEUE_URL");
    assert!(Config::from_vars(vars.clone()).is_err());
    let config = Config::for_webhooks(vars.clone()).unwrap();
    assert_eq!(config.webhooks, WebhookRules::default());
    vars.remove("STATE_TABLE");
    vars.insert("GHL_WEBHOOK_MAX_AGES".to_owned(), "5".to_owned());
    vars.insert("BATCH_QUEUE_URL".to_owned(), "queue".to_owned());
    let error = Config::for_webhooks(vars).unwrap_err();
    let names: Vec<&str> = error.faults.iter().map(|fault| fault.name.as_str()).collect();
    assert_eq!(names, ["BATCH_QUEUE_URL", "GHL_WEBHOOK_MAX_AGES", "STATE_TABLE"]);
}

#[test]
fn what_is_said_of_webhooks_is_read() {
    let key = "MCowBQYDK2VwAyEAi2HR1srL4o18O8BRa7gVJY7G7bupbN3H9AwJrHCDiOg=";
    let config = Config::from_vars(with(&[
        ("GHL_WEBHOOK_PUBLIC_KEYS", key),
        ("GHL_WEBHOOK_LEGACY_PUBLIC_KEYS", "none"),
        ("GHL_WEBHOOK_MAX_AGE", "7200000"),
        ("GHL_WEBHOOK_APP_ID", "app"),
    ]))
    .unwrap();
    assert_eq!((config.webhooks.max_age, config.webhooks.app_id), (Duration::from_secs(7200), Some("app".to_owned())));
    assert_eq!(
        faults(&[("GHL_WEBHOOK_PUBLIC_KEYS", "none"), ("GHL_WEBHOOK_MAX_AGE", "10")]),
        [
            "GHL_WEBHOOK_MAX_AGE is `10`; expected a whole number from 60000 to 315360000000",
            "GHL_WEBHOOK_PUBLIC_KEYS has a key (number 1) that is not an Ed25519 public key",
        ]
    );
    assert_eq!(
        faults(&[("GHL_WEBHOOK_LEGACY_PUBLIC_KEYS", key)]),
        ["GHL_WEBHOOK_LEGACY_PUBLIC_KEYS has a key (number 1) that is not an RSA public key"]
    );
}

#[test]
fn credentials_of_all_locations_may_be_elsewhere_but_not_in_two_places() {
    let config = Config::from_vars(with(&[("GHL_CREDENTIALS", "ssm:/ghl-sync/app")])).unwrap();
    let settings = config.locations.settings(&"any".parse().unwrap());
    assert_eq!(settings.credentials.to_string(), "ssm:/ghl-sync/app");
    let both = faults(&[("GHL_CREDENTIALS", "ssm:/ghl-sync/app"), ("GHL_TOKEN", "pit-secret")]).join("\n");
    assert!(both.contains("GHL_CREDENTIALS is set, and so is GHL_TOKEN") && !both.contains("pit-secret"), "{both}");
    let unknown = faults(&[("GHL_CREDENTIALS", "pit-secret")]).join("\n");
    assert!(unknown.contains("`secretsmanager:NAME_OR_ARN`") && !unknown.contains("pit-secret"), "{unknown}");
}

#[test]
fn what_is_said_of_migrations_is_read_and_what_is_not_follows_from_the_account() {
    let config = Config::from_vars(minimal()).unwrap();
    assert_eq!(config.migration, MigrationEnvConfig::default());
    let config = Config::from_vars(with(&[
        ("MIGRATION_QUEUE_URL", "https://sqs.eu-central-1.amazonaws.com/1/migrations"),
        ("MIGRATION_BATCH_SIZE", "20"),
        ("MIGRATION_RATE_LIMIT_DELAY", "0.2"),
    ]))
    .unwrap();
    let overlay = &config.migration.overlay;
    assert_eq!((overlay.batch_size, overlay.rate_limit_delay, overlay.preset), (Some(20), Some(0.2), None));
    assert_eq!(config.migration.queue_url.as_deref(), Some("https://sqs.eu-central-1.amazonaws.com/1/migrations"));
}

#[test]
fn a_bad_or_misspelled_variable_of_migrations_is_a_fault_that_names_it() {
    let cases = [
        ("MIGRATION_BATCH_SIZE", "0", "is `0`; expected a whole number from 1 to 500"),
        ("MIGRATION_BATCH_SIZE", "501", "is `501`; expected a whole number from 1 to 500"),
        ("MIGRATION_BATCH_SIZE", "20.5", "is `20.5`; expected a whole number from 1 to 500"),
        ("MIGRATION_RATE_LIMIT_DELAY", "-0.1", "is `-0.1`; expected a number of seconds from 0 to 60"),
        ("MIGRATION_RATE_LIMIT_DELAY", "61", "is `61`; expected a number of seconds from 0 to 60"),
        ("MIGRATION_RATE_LIMIT_DELAY", "NaN", "is `NaN`; expected a number of seconds from 0 to 60"),
        ("MIGRATION_RATE_LIMIT_DELAY", "200ms", "is `200ms`; expected a number of seconds from 0 to 60"),
        ("MIGRATION_QUEUE_URL", "queue", "is `queue`; expected a URL that starts with https:// or http://"),
        ("MIGRATION_BATCHSIZE", "20", "is not a variable of ghl-sync"),
    ];
    for (name, value, problem) in cases {
        assert_eq!(faults(&[(name, value)]), [format!("{name} {problem}")]);
    }
}

#[test]
fn the_migrator_s_function_needs_its_queue_and_the_others_do_not() {
    assert!(Config::from_vars(minimal()).is_ok());
    let error = Config::for_migrations(minimal()).unwrap_err();
    assert_eq!(error.faults.iter().map(ToString::to_string).collect::<Vec<_>>(), ["MIGRATION_QUEUE_URL is missing"]);
}

#[test]
fn a_token_never_crosses_a_network_in_the_clear_unless_somebody_says_so() {
    for name in ["GHL_BASE_URL", "GHL_V1_BASE_URL"] {
        for url in ["https://example.com", "http://127.0.0.1:4010", "http://[::1]:80/v1", "http://localhost/v1"] {
            assert!(Config::from_vars(with(&[(name, url)])).is_ok(), "{url}");
        }
        for url in [
            "http://example.com",
            "http://10.0.0.1",
            "http://127.0.0.1.example.com",
            "http://localhost.example",
            "http://127.0.0.1\\.example.com",
        ] {
            let found = faults(&[(name, url)]);
            assert!(
                matches!(&found[..], [fault] if fault.starts_with(name) && fault.contains("https://")),
                "{found:?}"
            );
            assert!(Config::from_vars(with(&[(name, url), ("GHL_ALLOW_INSECURE_URL", "true")])).is_ok(), "{url}");
        }
    }
}

#[test]
fn a_deployed_function_has_no_credentials_in_files() {
    let in_lambda = ("AWS_LAMBDA_FUNCTION_NAME", "consumer");
    let of_all = ("GHL_CREDENTIALS", "file:/keys/all");
    let of_one = ("GHL_LOCATIONS", r#"{"a":{"credentials":"file:/keys/a"}}"#);
    for (variable, named) in [(of_all, ""), (of_one, "`a`")] {
        assert!(Config::from_vars(with(&[variable])).unwrap().reads_files);
        let found = faults(&[variable, in_lambda]);
        assert!(
            matches!(&found[..], [fault] if fault.starts_with(variable.0) && fault.contains(named) && fault.contains("ssm:")),
            "{found:?}"
        );
    }
    assert!(!Config::from_vars(with(&[in_lambda])).unwrap().reads_files);
}

#[test]
fn a_location_on_api_v1_that_has_no_key_of_its_own_is_a_fault() {
    let cases = [
        (r#"{"a":{"api":"v1"}}"#, "", false),
        (r#"{"a":{"api":"v1","credentials":"env:GHL_TOKEN"}}"#, "", false),
        (r#"{"a":{"api":"v1","credentials":"env:GHL_LOCATION_TOKENS/b"}}"#, "", false),
        (r#"{"a":{"api":"v1"}}"#, "ssm:/keys/all", false),
        (r#"{"a":{"api":"v1","credentials":"ssm:/keys/all"}}"#, "ssm:/keys/all", false),
        (r#"{"a":{"api":"v1","credentials":"ssm:/keys/a"}}"#, "ssm:/keys/all", true),
        (r#"{"a":{"api":"v1","credentials":"env:GHL_LOCATION_TOKENS/a"}}"#, "", true),
        (r#"{"a":{}}"#, "", true),
    ];
    for (locations, of_all, is_fine) in cases {
        let vars = [("GHL_LOCATIONS", locations), ("GHL_CREDENTIALS", of_all)];
        match Config::from_vars(with(&vars)) {
            Ok(_) => assert!(is_fine, "{locations}"),
            Err(ConfigError { faults }) => {
                assert!(!is_fine && faults.len() == 1, "{locations}: {faults:?}");
                let fault = faults[0].to_string();
                assert!(fault.starts_with("GHL_LOCATIONS") && fault.contains("`env:GHL_LOCATION_TOKENS/a`"), "{fault}");
            }
        }
    }
}

#[test]
fn only_functions_that_call_ghl_know_where_it_is() {
    let all = with(&[
        ("MIGRATION_QUEUE_URL", "https://example.com/m"),
        ("DEAD_LETTER_QUEUE_URL", "https://example.com/d"),
        ("PARKING_QUEUE_URL", "https://example.com/p"),
        ("INGEST_DEAD_LETTER_QUEUE_URL", "https://example.com/i"),
    ]);
    for calls in [Config::from_vars, Config::for_migrations] {
        assert!(calls(all.clone()).unwrap().ghl.is_some());
    }
    for calls_none in [Config::for_scheduler, Config::for_redrive, Config::for_ingest, Config::for_api] {
        assert_eq!(calls_none(all.clone()).unwrap().ghl, None);
    }
}

#[test]
fn a_webhook_for_all_locations_needs_a_secret_by_reference_and_https_unless_all_of_it_is_on_this_machine() {
    let webhook = |url: &str, secret: &str, function: &str| {
        let vars = [
            ("OUTCOMES_WEBHOOK_URL", url),
            ("OUTCOMES_WEBHOOK_SECRET", secret),
            ("AWS_LAMBDA_FUNCTION_NAME", function),
        ];
        Config::from_vars(with(&vars)).map(|config| config.outcomes.webhook.map(|webhook| webhook.url))
    };
    let url = |url: &str| Ok(Some(url.to_owned()));
    assert_eq!(webhook("", "", ""), Ok(None));
    assert_eq!(webhook("https://a.example/h?key=1", "ssm:/s", "f"), url("https://a.example/h?key=1"));
    assert_eq!(webhook("http://127.0.0.1:9000/", "file:/s", ""), url("http://127.0.0.1:9000/"));
    for (given, secret, function, fault) in [
        ("http://127.0.0.1:9000/", "ssm:/s", "f", "OUTCOMES_WEBHOOK_URL"),
        ("http://a.example/key-1", "ssm:/s", "", "OUTCOMES_WEBHOOK_URL"),
        ("ftp://a.example/key-1", "ssm:/s", "", "OUTCOMES_WEBHOOK_URL"),
        ("https://a.example/key-1", "", "f", "OUTCOMES_WEBHOOK_SECRET"),
        ("https://a.example/key-1", "whsec_key-1", "f", "OUTCOMES_WEBHOOK_SECRET"),
        ("https://a.example/key-1", "env:GHL_TOKEN", "f", "OUTCOMES_WEBHOOK_SECRET"),
    ] {
        let error = webhook(given, secret, function).unwrap_err();
        let names: Vec<&str> = error.faults.iter().map(|fault| fault.name.as_str()).collect();
        assert!(names.contains(&fault), "{given} {secret}: {error}");
        assert!(!error.to_string().contains("key-1"), "{error}");
    }
}
