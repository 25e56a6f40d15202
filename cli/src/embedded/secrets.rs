//! An embedded Secrets Manager with the operations used here. Its secrets are in memory and, if there is a directory,
//! in files of mode 600. As a Systems Manager, it has no parameters.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::future::ready;
use std::io::{self, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Json;
use axum::body::Bytes;
use axum::http::{Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ghl_sync_model::Secret;
use serde_json::{Value, json};

use crate::door::{AccessKey, Always, Door, Listen, OpenDoor};
use crate::private;

/// Largest request in bytes; a secret has at most 64 KB.
const MAX_BODY: usize = 256 << 10;
/// Directory of the files, within the data directory.
const DIRECTORY: &str = "secrets";

/// A running Secrets Manager, until dropped.
pub(crate) struct EmbeddedSecrets {
    /// Address it listens on.
    pub(crate) addr: SocketAddr,
    shelf: Arc<Shelf>,
    _serving: OpenDoor,
}

impl EmbeddedSecrets {
    /// Starts Secrets Manager at `listen` for clients with `key`, in memory or with its secrets below `dir`.
    pub(crate) async fn start(listen: Listen, key: AccessKey, dir: Option<&Path>) -> io::Result<EmbeddedSecrets> {
        let shelf = Arc::new(Shelf::open(dir.map(|dir| dir.join(DIRECTORY)))?);
        let door = Door::at(listen, MAX_BODY).await?.for_key(key);
        let served = shelf.clone();
        let serving = door.open(move |request| ready(Always::Ok(served.answer(&request))));
        Ok(EmbeddedSecrets { addr: serving.addr, shelf, _serving: serving })
    }

    /// Stores `secret` under `name`.
    pub(crate) fn keep(&self, name: &str, secret: &Secret) -> io::Result<()> {
        self.shelf.put(name, StoredSecret { value: secret.clone(), deleted: false })
    }
}

struct Shelf {
    dir: Option<PathBuf>,
    secrets: Mutex<BTreeMap<String, StoredSecret>>,
}

#[derive(Clone)]
struct StoredSecret {
    value: Secret,
    /// Whether it is marked for deletion. It is never deleted here and can be restored at any time.
    deleted: bool,
}

/// A refusal, by its error code.
struct SecretsError(&'static str);

impl From<io::Error> for SecretsError {
    fn from(error: io::Error) -> SecretsError {
        tracing::error!(%error, "a secret cannot be written");
        SecretsError("InternalServiceError")
    }
}

impl Shelf {
    /// Reads the files of `dir`, if any. The first line is `1` if the secret is marked for deletion, else `0`; the
    /// secret follows.
    fn open(dir: Option<PathBuf>) -> io::Result<Shelf> {
        let mut secrets = BTreeMap::new();
        if let Some(dir) = &dir {
            private::directory(dir)?;
            for entry in fs::read_dir(dir)? {
                let entry = entry?;
                let Some(name) = entry.file_name().to_str().map(|name| name.replace('~', "/")) else { continue };
                let text = fs::read_to_string(entry.path())?;
                if let Some((mark, value)) = text.split_once('\n') {
                    secrets.insert(name, StoredSecret { value: Secret::new(value), deleted: mark == "1" });
                }
            }
        }
        Ok(Shelf { dir, secrets: Mutex::new(secrets) })
    }

    fn put(&self, name: &str, kept: StoredSecret) -> io::Result<()> {
        if let Some(dir) = &self.dir {
            let file = dir.join(name.replace('/', "~"));
            let mut file = private::open(&file, OpenOptions::new().write(true).create(true).truncate(true))?;
            file.write_all(format!("{}\n{}", u8::from(kept.deleted), kept.value.expose()).as_bytes())?;
        }
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), kept);
        Ok(())
    }

    fn get(&self, name: &str) -> Option<StoredSecret> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// Answers a request to either service.
    fn answer(&self, request: &Request<Bytes>) -> Response {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
        match self.perform(target, &body) {
            Ok(answer) => (StatusCode::OK, content_type, Json(answer)).into_response(),
            Err(SecretsError(code)) => {
                let status = if code == "InternalServiceError" { 500 } else { 400 };
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                (status, content_type, Json(json!({ "__type": code }))).into_response()
            }
        }
    }

    fn perform(&self, target: &str, body: &Value) -> Result<Value, SecretsError> {
        let operation = match target.split_once('.') {
            Some(("AmazonSSM", "GetParameter")) => return Err(SecretsError("ParameterNotFound")),
            Some(("secretsmanager", operation)) => operation,
            _ => return Err(SecretsError("UnknownOperationException")),
        };
        let named = body["SecretId"].as_str().or_else(|| body["Name"].as_str());
        let name = named.filter(|name| is_name(name)).ok_or(SecretsError("InvalidParameterException"))?;
        let there = self.get(name);
        let value = || {
            // A raw request must include the token.
            let has_token = body["ClientRequestToken"].as_str().is_some_and(|token| (32..=64).contains(&token.len()));
            let value = body["SecretString"].as_str().filter(|_| has_token).map(Secret::new);
            value.ok_or(SecretsError("InvalidParameterException"))
        };
        let answer =
            json!({ "ARN": format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}"), "Name": name });
        match (operation, there) {
            ("CreateSecret", None) => self.put(name, StoredSecret { value: value()?, deleted: false })?,
            ("CreateSecret", Some(kept)) if !kept.deleted => return Err(SecretsError("ResourceExistsException")),
            ("RestoreSecret", Some(kept)) => self.put(name, StoredSecret { deleted: false, ..kept })?,
            (_, Some(kept)) if kept.deleted => return Err(SecretsError("InvalidRequestException")),
            ("PutSecretValue", Some(_)) => self.put(name, StoredSecret { value: value()?, deleted: false })?,
            ("DeleteSecret", Some(kept)) => self.put(name, StoredSecret { deleted: true, ..kept })?,
            ("GetSecretValue", Some(kept)) => {
                let mut answer = answer;
                answer["SecretString"] = json!(kept.value.expose());
                return Ok(answer);
            }
            ("PutSecretValue" | "DeleteSecret" | "GetSecretValue" | "RestoreSecret", None) => {
                return Err(SecretsError("ResourceNotFoundException"));
            }
            _ => return Err(SecretsError("UnknownOperationException")),
        }
        Ok(answer)
    }
}

/// Whether `name` is valid. Names become file names, so they contain no `~` and lead to no other directory.
fn is_name(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "/_+=.@-".contains(c);
    (1..=200).contains(&name.len()) && name.chars().all(allowed) && !name.starts_with('.')
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_kept_in_a_file_of_mode_600_and_is_there_again_after_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let dir = place.path().join(DIRECTORY);
        let shelf = Shelf::open(Some(dir.clone())).unwrap();
        let ask = |shelf: &Shelf, operation: &str, value: Option<&str>| {
            let token = "t".repeat(32);
            let body = match value {
                Some(value) => json!({ "SecretId": "a/b", "SecretString": value, "ClientRequestToken": token }),
                None => json!({ "SecretId": "a/b" }),
            };
            let answer = shelf.perform(&format!("secretsmanager.{operation}"), &body);
            answer
                .map(|answer| answer["SecretString"].as_str().unwrap_or_default().to_owned())
                .map_err(|SecretsError(code)| code)
        };
        assert_eq!(ask(&shelf, "PutSecretValue", Some("x")), Err("ResourceNotFoundException"));
        assert_eq!(
            ask(&shelf, "CreateSecret", None),
            Err("InvalidParameterException"),
            "without a token of the request"
        );
        assert_eq!(ask(&shelf, "CreateSecret", Some("hush\n1")), Ok(String::new()));
        assert_eq!(ask(&shelf, "CreateSecret", Some("x")), Err("ResourceExistsException"));
        assert_eq!(ask(&shelf, "GetSecretValue", None), Ok("hush\n1".to_owned()));
        let mode = fs::metadata(dir.join("a~b")).unwrap().permissions().mode() & 0o7777;
        assert_eq!(mode, 0o600);
        assert_eq!(ask(&shelf, "DeleteSecret", None), Ok(String::new()));
        let later = Shelf::open(Some(dir)).unwrap();
        for operation in ["GetSecretValue", "PutSecretValue", "DeleteSecret"] {
            assert_eq!(ask(&later, operation, Some("x")), Err("InvalidRequestException"), "{operation}");
        }
        assert_eq!(ask(&later, "RestoreSecret", None), Ok(String::new()));
        assert_eq!(ask(&later, "GetSecretValue", None), Ok("hush\n1".to_owned()));
    }

    #[test]
    fn no_name_leads_out_of_the_directory() {
        let shelf = Shelf::open(None).unwrap();
        for name in ["../x", "a~b", "", "a b", "a\u{0}b"] {
            let body = json!({ "SecretId": name });
            assert!(matches!(
                shelf.perform("secretsmanager.GetSecretValue", &body),
                Err(SecretsError("InvalidParameterException"))
            ));
        }
    }
}
