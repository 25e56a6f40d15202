//! An embedded Secrets Manager, as far as it is used here. Its secrets are in memory, and in files of mode 600 if there is
//! a directory. Of Systems Manager it has no parameters.

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

use crate::door::{AccessKey, Always, Door, Listen, Opened};
use crate::private;

/// Most bytes of a request: a secret has 64 KB at most.
const MAX_BODY: usize = 256 << 10;
/// The directory of the files, below that of all data.
const DIRECTORY: &str = "secrets";

/// A running Secrets Manager; it ends when this is dropped.
pub(crate) struct Secrets {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    shelf: Arc<Shelf>,
    _serving: Opened,
}

impl Secrets {
    /// Starts one that listens as said, for whoever has `key`; in memory, or with its secrets below `dir`.
    pub(crate) async fn start(listen: Listen, key: AccessKey, dir: Option<&Path>) -> io::Result<Secrets> {
        let shelf = Arc::new(Shelf::open(dir.map(|dir| dir.join(DIRECTORY)))?);
        let door = Door::at(listen, MAX_BODY).await?.for_key(key);
        let served = shelf.clone();
        let serving = door.open(move |request| ready(Always::Ok(served.answer(&request))));
        Ok(Secrets { addr: serving.addr, shelf, _serving: serving })
    }

    /// Keeps `secret` under `name`.
    pub(crate) fn keep(&self, name: &str, secret: &Secret) -> io::Result<()> {
        self.shelf.put(name, Kept { value: secret.clone(), deleted: false })
    }
}

struct Shelf {
    dir: Option<PathBuf>,
    secrets: Mutex<BTreeMap<String, Kept>>,
}

#[derive(Clone)]
struct Kept {
    value: Secret,
    /// Whether it is to be deleted. Here nobody does so: it can be brought back at any time.
    deleted: bool,
}

/// A service's no, by its code.
struct No(&'static str);

impl From<io::Error> for No {
    fn from(error: io::Error) -> No {
        tracing::error!(%error, "a secret cannot be written");
        No("InternalServiceError")
    }
}

impl Shelf {
    /// What is in the files of `dir`, if there is one: `1` or `0` on the first line, for whether it is to be deleted, and
    /// the secret behind it.
    fn open(dir: Option<PathBuf>) -> io::Result<Shelf> {
        let mut secrets = BTreeMap::new();
        if let Some(dir) = &dir {
            private::directory(dir)?;
            for entry in fs::read_dir(dir)? {
                let entry = entry?;
                let Some(name) = entry.file_name().to_str().map(|name| name.replace('~', "/")) else { continue };
                let text = fs::read_to_string(entry.path())?;
                if let Some((mark, value)) = text.split_once('\n') {
                    secrets.insert(name, Kept { value: Secret::new(value), deleted: mark == "1" });
                }
            }
        }
        Ok(Shelf { dir, secrets: Mutex::new(secrets) })
    }

    fn put(&self, name: &str, kept: Kept) -> io::Result<()> {
        if let Some(dir) = &self.dir {
            let file = dir.join(name.replace('/', "~"));
            let mut file = private::open(&file, OpenOptions::new().write(true).create(true).truncate(true))?;
            file.write_all(format!("{}\n{}", u8::from(kept.deleted), kept.value.expose()).as_bytes())?;
        }
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), kept);
        Ok(())
    }

    fn get(&self, name: &str) -> Option<Kept> {
        self.secrets.lock().unwrap_or_else(PoisonError::into_inner).get(name).cloned()
    }

    /// What the services answer.
    fn answer(&self, request: &Request<Bytes>) -> Response {
        let target = request.headers().get("x-amz-target").and_then(|target| target.to_str().ok()).unwrap_or_default();
        let body: Value = serde_json::from_slice(request.body()).unwrap_or_default();
        let content_type = [(header::CONTENT_TYPE, "application/x-amz-json-1.1")];
        match self.perform(target, &body) {
            Ok(answer) => (StatusCode::OK, content_type, Json(answer)).into_response(),
            Err(No(code)) => {
                let status = if code == "InternalServiceError" { 500 } else { 400 };
                let status = StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST);
                (status, content_type, Json(json!({ "__type": code }))).into_response()
            }
        }
    }

    fn perform(&self, target: &str, body: &Value) -> Result<Value, No> {
        let operation = match target.split_once('.') {
            Some(("AmazonSSM", "GetParameter")) => return Err(No("ParameterNotFound")),
            Some(("secretsmanager", operation)) => operation,
            _ => return Err(No("UnknownOperationException")),
        };
        let named = body["SecretId"].as_str().or_else(|| body["Name"].as_str());
        let name = named.filter(|name| is_name(name)).ok_or(No("InvalidParameterException"))?;
        let there = self.get(name);
        let value = || {
            // A raw request must have it.
            let has_token = body["ClientRequestToken"].as_str().is_some_and(|token| (32..=64).contains(&token.len()));
            let value = body["SecretString"].as_str().filter(|_| has_token).map(Secret::new);
            value.ok_or(No("InvalidParameterException"))
        };
        let answer =
            json!({ "ARN": format!("arn:aws:secretsmanager:us-east-1:000000000000:secret:{name}"), "Name": name });
        match (operation, there) {
            ("CreateSecret", None) => self.put(name, Kept { value: value()?, deleted: false })?,
            ("CreateSecret", Some(kept)) if !kept.deleted => return Err(No("ResourceExistsException")),
            ("RestoreSecret", Some(kept)) => self.put(name, Kept { deleted: false, ..kept })?,
            (_, Some(kept)) if kept.deleted => return Err(No("InvalidRequestException")),
            ("PutSecretValue", Some(_)) => self.put(name, Kept { value: value()?, deleted: false })?,
            ("DeleteSecret", Some(kept)) => self.put(name, Kept { deleted: true, ..kept })?,
            ("GetSecretValue", Some(kept)) => {
                let mut answer = answer;
                answer["SecretString"] = json!(kept.value.expose());
                return Ok(answer);
            }
            ("PutSecretValue" | "DeleteSecret" | "GetSecretValue" | "RestoreSecret", None) => {
                return Err(No("ResourceNotFoundException"));
            }
            _ => return Err(No("UnknownOperationException")),
        }
        Ok(answer)
    }
}

/// Names become names of files, so a `~` is none of theirs, and no name leads elsewhere.
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
            answer.map(|answer| answer["SecretString"].as_str().unwrap_or_default().to_owned()).map_err(|No(code)| code)
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
                Err(No("InvalidParameterException"))
            ));
        }
    }
}
