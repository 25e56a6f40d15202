//! `up`: what it writes for the functions, what it does on its own, and the ports that it needs.

use super::*;

#[test]
fn up_writes_what_a_function_needs_and_stays_until_it_is_stopped() {
    let folder = folder("up");
    let (file, port) = (folder.join("env"), free_ports());
    let mut up = Running::start(&mut local(&["up", "--port", &port.to_string(), "--env-file", text(&file)]));
    up.until("up;");
    let written = std::fs::read_to_string(&file).unwrap();
    let value = |name: &str| {
        let line = written.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        line.unwrap_or_else(|| panic!("no {name} in {written}")).to_owned()
    };
    let names = [
        "AWS_REGION",
        "AWS_ACCESS_KEY_ID",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_ENDPOINT_URL_DYNAMODB",
        "AWS_ENDPOINT_URL_EVENTBRIDGE",
        "AWS_ENDPOINT_URL_S3",
        "AWS_ENDPOINT_URL_SECRETS_MANAGER",
        "AWS_ENDPOINT_URL_SNS",
        "AWS_ENDPOINT_URL_SQS",
        "AWS_ENDPOINT_URL_SSM",
        "RECORDS_TABLE",
        "STATE_TABLE",
        "BATCH_QUEUE_URL",
        "DEAD_LETTER_QUEUE_URL",
        "PARKING_QUEUE_URL",
        "MIGRATION_QUEUE_URL",
        "INGEST_QUEUE_URL",
        "INGEST_DEAD_LETTER_QUEUE_URL",
        "OUTCOMES_QUEUE_URL",
        "OUTCOMES_TABLE",
        "IMPORT_BUCKET",
        "IMPORT_QUEUE_URL",
        "API_KEY",
        "API_KEYS",
        "API_URL",
        "GHL_BASE_URL",
        "GHL_V1_BASE_URL",
        "GHL_ALLOW_INSECURE_URL",
        "GHL_APP",
        "GHL_CONSENT_URL",
        "CONNECT_SECRETS",
        "GHL_TOKEN",
        "GHL_LOCATIONS",
        "GHL_LOCATION_TOKENS",
    ];
    assert!(names.iter().all(|name| !value(name).is_empty()));
    assert_eq!(written.lines().count(), names.len());
    for (name, offset) in
        [("GHL_BASE_URL", 0), ("AWS_ENDPOINT_URL_DYNAMODB", 1), ("AWS_ENDPOINT_URL_SQS", 2), ("AWS_ENDPOINT_URL_S3", 4)]
    {
        assert_eq!(value(name), format!("http://127.0.0.1:{}", port + offset));
        TcpStream::connect((Ipv4Addr::LOCALHOST, port + offset)).unwrap();
    }
    let (_, status) = up.interrupt();
    assert!(status.success());
    TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap_err();
}

#[test]
fn up_reconciles_its_location_again_and_again_without_being_asked() {
    let port = free_ports().to_string();
    let mut command = local(&["up", "--port", &port, "--reconcile-every", "1s"]);
    let mut up = Running::start(command.args(QUICK).env("LOG_LEVEL", "info"));
    for _ in 0..2 {
        let line = up.until_line(|line| line.contains(r#""event":"reconciled""#));
        assert!(line.contains(r#""location":"loc_demo""#) && line.contains(r#""ended":"caught_up""#), "{line}");
    }
}

#[test]
fn a_port_that_is_taken_is_said_so() {
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    for command in ["up", "sandbox"] {
        let ended = run(&mut local(&[command, "--port", &port]));
        assert_eq!(ended.status, Some(1), "{command}");
        assert!(ended.err.contains("in use"), "{command}: {}", ended.err);
    }
}
