//! An embedded S3 with one bucket. Like the template's bucket, it notifies a queue of each file put.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use s3s::auth::SimpleAuth;
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s_fs::FileSystem;
use serde_json::json;
use tempfile::TempDir;
use tracing::warn;

use crate::door::{AccessKey, Always, Door, Listen, OpenDoor};
use crate::private;

/// Bucket that receives lists.
pub(crate) const BUCKET: &str = "ghl-sync-import";
/// Largest request in bytes. Longer files come in parts.
const MAX_BODY: usize = 64 << 20;

/// A running S3, until dropped.
pub(crate) struct S3 {
    /// Address it listens on.
    pub(crate) addr: SocketAddr,
    root: PathBuf,
    _serving: OpenDoor,
    _temporary: Option<TempDir>,
}

/// Queue that is notified of each file put.
pub(crate) struct PutNotifier {
    pub(crate) sqs: aws_sdk_sqs::Client,
    pub(crate) queue_url: String,
}

impl S3 {
    /// Starts S3 at `listen` for clients with `key`. Its files are in `dir`, or temporary.
    pub(crate) async fn start(
        listen: Listen,
        key: &AccessKey,
        dir: Option<&Path>,
        told: PutNotifier,
    ) -> std::io::Result<S3> {
        let (root, temporary) = match dir {
            Some(dir) => (dir.join("s3"), None),
            None => {
                let temporary = tempfile::tempdir()?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        private::directory(&root)?;
        private::directory(&root.join(BUCKET))?;
        let files = FileSystem::new(&root).map_err(|error| std::io::Error::other(format!("{error:?}")))?;
        let mut service = S3ServiceBuilder::new(files);
        // S3 checks signatures itself, because files may be signed in chunks.
        service.set_auth(SimpleAuth::from_single(key.id.clone(), key.secret.expose()));
        let service = service.build();
        let told = Arc::new(told);
        let serving = Door::at(listen, MAX_BODY).await?.with_links().open(move |request| {
            let (service, told) = (service.clone(), Arc::clone(&told));
            async move { Always::Ok(answer(&service, &told, request).await) }
        });
        Ok(S3 { addr: serving.addr, root, _serving: serving, _temporary: temporary })
    }

    /// Keys of the files in the bucket's folder `in`.
    pub(crate) fn dropped(&self) -> Vec<String> {
        let bucket = self.root.join(BUCKET);
        let mut folders = vec![bucket.join("in")];
        let mut keys = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = entry.path();
                match path.strip_prefix(&bucket) {
                    _ if path.is_dir() => folders.push(path),
                    Ok(key) => keys.extend(key.to_str().map(str::to_owned)),
                    Err(_) => {}
                }
            }
        }
        keys
    }
}

/// Answers a request with CORS headers like those of the template's bucket, which allow pages to put files by links.
async fn answer(service: &S3Service, told: &Arc<PutNotifier>, request: Request<Bytes>) -> Response {
    let origin = request.headers().get(header::ORIGIN).cloned();
    let mut response = match *request.method() {
        Method::OPTIONS => ([(header::ACCESS_CONTROL_ALLOW_METHODS, "PUT")], StatusCode::OK).into_response(),
        _ => serve(service, told, request).await,
    };
    if let Some(origin) = origin {
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_HEADERS, HeaderValue::from_static("content-type"));
    }
    response
}

async fn serve(service: &S3Service, told: &Arc<PutNotifier>, request: Request<Bytes>) -> Response {
    let put = put_by(&request);
    let wanted = request.headers().get(header::IF_MATCH).filter(|_| request.method() == Method::GET).cloned();
    let Ok(answer) = service.call(request.map(s3s::Body::from)).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let (head, body) = answer.map(Body::new).into_parts();
    // The S3 library does not support `If-Match` here.
    if wanted.is_some_and(|wanted| head.status.is_success() && head.headers.get(header::ETAG) != Some(&wanted)) {
        return StatusCode::PRECONDITION_FAILED.into_response();
    }
    let Some(key) = put.filter(|_| head.status.is_success()) else { return Response::from_parts(head, body) };
    // A file of several parts only exists once the answer has ended.
    let Ok(body) = to_bytes(body, MAX_BODY).await else { return StatusCode::INTERNAL_SERVER_ERROR.into_response() };
    told.say(&key, &head.headers).await;
    Response::from_parts(head, Body::from(body))
}

/// Key of the file that a request puts into the bucket, as encoded in the path.
fn put_by(request: &Request<Bytes>) -> Option<String> {
    let key = request.uri().path().strip_prefix('/')?.strip_prefix(BUCKET)?.strip_prefix('/')?;
    let query = request.uri().query().unwrap_or_default();
    let has = |name: &str| query.split('&').any(|pair| pair.split('=').next() == Some(name));
    let is_put = match *request.method() {
        Method::PUT => !has("partNumber") && !has("tagging"),
        Method::POST => has("uploadId"),
        _ => false,
    };
    (is_put && !key.is_empty()).then(|| key.to_owned())
}

impl PutNotifier {
    /// Sends a notification in S3's format.
    async fn say(&self, key: &str, headers: &HeaderMap) {
        // A path contains a literal plus sign, but an event's key is form-encoded.
        let key = key.replace('+', "%2B").replace("%20", "+");
        let etag = headers.get(header::ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
        let event = json!({ "Records": [{
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": "us-east-1",
            "eventName": "ObjectCreated:Put",
            "s3": {
                "s3SchemaVersion": "1.0",
                "bucket": { "name": BUCKET, "arn": format!("arn:aws:s3:::{BUCKET}") },
                "object": { "key": key, "eTag": etag.trim_matches('"') },
            },
        }] });
        let sent = self.sqs.send_message().queue_url(&self.queue_url).message_body(event.to_string()).send().await;
        if let Err(error) = sent {
            warn!(event = "s3_event_lost", error = %aws_sdk_sqs::error::DisplayErrorContext(&error));
        }
    }
}
