//! Secrets of Systems Manager and Secrets Manager, read from a stub of the two requests. The stub checks that a
//! request is signed, dated and addressed, and answers as the services document; unlike AWS, it cannot verify a
//! signature.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_access::ports::{SecretError, SecretStore, SecretVault};
use ghl_sync_aws::{AwsConfig, AwsSecrets, SecretsManagerVault};
use ghl_sync_engine::ports::Clock;
use ghl_sync_model::{CredentialsRef, EpochMs, Secret};
use tokio::io::AsyncWriteExt;

use crate::servers;

/// 2026-11-21T12:00:00Z.
struct FixedClock;

#[async_trait]
impl Clock for FixedClock {
    fn now(&self) -> EpochMs {
        EpochMs(1_795_262_400_000)
    }

    async fn sleep_until(&self, _: EpochMs) {}
}

/// Statuses and bodies.
type Answers = &'static [(u16, &'static str)];

/// A server that gives these answers, one per request, and records the requests.
async fn stub(answers: Answers) -> (String, Arc<Mutex<Vec<String>>>) {
    let (listener, address) = servers::listen().await;
    let requests = Arc::new(Mutex::new(Vec::new()));
    let seen = requests.clone();
    tokio::spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let seen = seen.clone();
            tokio::spawn(async move {
                while let Some(request) = servers::message(&mut stream).await {
                    let number = {
                        let mut seen = seen.lock().unwrap();
                        seen.push(String::from_utf8(request).unwrap());
                        seen.len()
                    };
                    let (status, body) = answers[number - 1];
                    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {}\r\n\r\n", body.len());
                    stream.write_all((head + body).as_bytes()).await.unwrap();
                }
            });
        }
    });
    (format!("http://{address}"), requests)
}

fn secrets(url: &str, retries: bool) -> AwsSecrets {
    let config = AwsConfig {
        ssm_endpoint: Some(url.to_owned()),
        secrets_manager_endpoint: Some(url.to_owned()),
        eventbridge_endpoint: None,
        sns_endpoint: None,
        retries,
        ..servers::config()
    };
    AwsSecrets::new(&config, Arc::new(FixedClock))
}

fn at(reference: &str) -> CredentialsRef {
    reference.parse().unwrap()
}

#[tokio::test]
async fn each_service_is_asked_in_one_signed_request() {
    let (url, requests) = stub(&[
        (200, r#"{"Parameter":{"Name":"/ghl-sync/a","Type":"SecureString","Value":"pit-a"}}"#),
        (200, r#"{"Name":"ghl-sync/b","SecretString":"pit-b"}"#),
    ])
    .await;
    let secrets = secrets(&url, false);
    assert_eq!(secrets.read(&at("ssm:/ghl-sync/a")).await.unwrap(), Secret::new("pit-a"));
    assert_eq!(secrets.read(&at("secretsmanager:ghl-sync/b")).await.unwrap(), Secret::new("pit-b"));
    let requests = requests.lock().unwrap().clone();
    let expected = [
        ("AmazonSSM.GetParameter", "/ssm/aws4_request", r#"{"Name":"/ghl-sync/a","WithDecryption":true}"#),
        ("secretsmanager.GetSecretValue", "/secretsmanager/aws4_request", r#"{"SecretId":"ghl-sync/b"}"#),
    ];
    for (request, (target, scope, body)) in requests.iter().zip(expected) {
        assert!(request.starts_with("POST / HTTP/1.1\r\n") && request.ends_with(body), "{request}");
        let head = request.to_ascii_lowercase();
        assert!(head.contains(&format!("x-amz-target: {}", target.to_ascii_lowercase())), "{request}");
        assert!(head.contains("content-type: application/x-amz-json-1.1"), "{request}");
        assert!(head.contains("x-amz-date: 20261121t120000z"), "{request}");
        let signed = format!("authorization: aws4-hmac-sha256 credential=akidlocal/20261121/us-east-1{scope}");
        assert!(head.contains(&signed) && head.contains("x-amz-target, signature="), "{request}");
    }
    assert_eq!(requests.len(), 2);
}

#[tokio::test]
async fn what_a_person_must_mend_is_told_from_what_passes_and_no_value_is_in_an_error() {
    const SSM: &str = "ssm:/ghl-sync/a";
    const SECRETS_MANAGER: &str = "secretsmanager:x";
    let cases: [(&str, Answers, Option<&str>); 7] = [
        (SSM, &[(400, r#"{"__type":"ParameterNotFound"}"#)], Some("ParameterNotFound")),
        (
            SSM,
            &[(400, r#"{"__type":"com.amazon.coral#AccessDeniedException","message":"no"}"#)],
            Some("AccessDeniedException"),
        ),
        (SECRETS_MANAGER, &[(400, r#"{"__type":"ResourceNotFoundException"}"#)], Some("ResourceNotFoundException")),
        (SSM, &[(400, r#"{"__type":"ThrottlingException"}"#)], None),
        (SSM, &[(503, "<html>")], None),
        (SSM, &[(200, r#"{"Parameter":{"Value":7,"Other":"pit-secret"}}"#)], Some("that is no text")),
        (SECRETS_MANAGER, &[(200, r#"{"SecretBinary":"cGl0LXNlY3JldA=="}"#)], Some("that is no text")),
    ];
    for (reference, answers, code) in cases {
        let (url, _) = stub(answers).await;
        let error = secrets(&url, false).read(&at(reference)).await.unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("pit-secret") && !said.contains("cGl0"), "{said}");
        match (&error, code) {
            (SecretError::Missing(problem), Some(code)) => assert!(problem.contains(code), "{problem}"),
            (SecretError::Port(_), None) => {}
            _ => panic!("{reference}: {error:?}"),
        }
    }
}

#[tokio::test]
async fn a_service_that_fails_in_passing_is_asked_again_and_one_that_is_not_there_is_an_error() {
    let (url, requests) = stub(&[(503, "{}"), (500, "{}"), (200, r#"{"Parameter":{"Value":"pit-a"}}"#)]).await;
    assert_eq!(secrets(&url, true).read(&at("ssm:/a")).await.unwrap(), Secret::new("pit-a"));
    assert_eq!(requests.lock().unwrap().len(), 3);
    let (nobody, reference) = (secrets("http://127.0.0.1:1", false), at("ssm:/a"));
    let error = tokio::time::timeout(Duration::from_secs(20), nobody.read(&reference)).await.unwrap().unwrap_err();
    assert!(matches!(error, SecretError::Port(_)), "{error:?}");
}

#[tokio::test]
async fn a_reference_to_elsewhere_is_not_followed() {
    let secrets = secrets("http://127.0.0.1:1", false);
    for reference in ["env:GHL_TOKEN", "file:/x"] {
        assert!(matches!(secrets.read(&at(reference)).await, Err(SecretError::Missing(_))), "{reference}");
    }
}

const DONE: (u16, &str) = (200, r#"{"ARN":"arn:aws:secretsmanager:a","Name":"a"}"#);
const NOT_THERE: (u16, &str) = (400, r#"{"__type":"ResourceNotFoundException"}"#);
const DISCARDED: (u16, &str) = (400, r#"{"__type":"InvalidRequestException"}"#);
const THERE: (u16, &str) = (400, r#"{"__type":"ResourceExistsException"}"#);
const REFUSED: (u16, &str) = (400, r#"{"__type":"AccessDeniedException","Message":"no"}"#);

/// The vault at `url`.
fn vault(url: &str) -> SecretsManagerVault {
    let url = Some(url.to_owned());
    let config = AwsConfig { secrets_manager_endpoint: url, retries: false, ..servers::config() };
    SecretsManagerVault::new(&config, &(Arc::new(FixedClock) as Arc<dyn Clock>))
}

/// The requested operations, in order.
fn operations(requests: &Mutex<Vec<String>>) -> Vec<String> {
    let requests = requests.lock().unwrap();
    let target =
        |request: &String| request.split("secretsmanager.").nth(1).unwrap().split("\r\n").next().unwrap().to_owned();
    requests.iter().map(target).collect()
}

#[tokio::test]
async fn a_secret_is_put_made_or_brought_back_whatever_stands_there() {
    let ways: [(Answers, &[&str]); 4] = [
        (&[DONE], &["PutSecretValue"]),
        (&[NOT_THERE, DONE], &["PutSecretValue", "CreateSecret"]),
        (&[NOT_THERE, THERE, DONE], &["PutSecretValue", "CreateSecret", "PutSecretValue"]),
        (&[DISCARDED, DONE, DONE], &["PutSecretValue", "RestoreSecret", "PutSecretValue"]),
    ];
    for (answers, expected) in ways {
        let (url, requests) = stub(answers).await;
        vault(&url).keep("ghl-sync/a/connect/x", &Secret::new("hush")).await.unwrap();
        assert_eq!(operations(&requests), expected);
        let requests = requests.lock().unwrap();
        let body: serde_json::Value = serde_json::from_str(requests[0].split("\r\n\r\n").nth(1).unwrap()).unwrap();
        assert_eq!((&body["SecretId"], &body["SecretString"]), (&"ghl-sync/a/connect/x".into(), &"hush".into()));
        assert_eq!(
            body["ClientRequestToken"].as_str().unwrap().len(),
            32,
            "a request without a tool of AWS must have it"
        );
    }
}

#[tokio::test]
async fn a_secret_is_discarded_for_seven_days_and_twice_without_harm() {
    for answer in [&[DONE], &[NOT_THERE], &[DISCARDED]] {
        let (url, requests) = stub(answer).await;
        vault(&url).discard("a").await.unwrap();
        assert!(requests.lock().unwrap()[0].ends_with(r#"{"RecoveryWindowInDays":7,"SecretId":"a"}"#));
    }
}

#[tokio::test]
async fn what_a_person_must_mend_of_the_vault_is_told_and_nothing_of_what_was_to_be_kept() {
    for (answers, is_for_a_person) in [(&[REFUSED], true), (&[(503, "<html>hush")], false)] as [(Answers, bool); 2] {
        let (url, _) = stub(answers).await;
        let error = vault(&url).keep("a", &Secret::new("hush")).await.unwrap_err();
        assert_eq!(matches!(error, SecretError::Missing(_)), is_for_a_person, "{error:?}");
        assert!(!format!("{error} {error:?}").contains("hush"), "{error:?}");
    }
}
