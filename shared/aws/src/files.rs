//! The files of an S3 bucket.
//!
//! We need only six requests, so we do without an SDK client for S3, which is larger than all the rest of a function:
//! the SDK's own signer signs the requests, and the SDK's own orchestrator sends them, with its timeouts and retries.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningInstructions, SigningSettings,
    UriPathNormalizationMode, sign,
};
use aws_sigv4::sign::v4;
use aws_smithy_runtime::client::orchestrator::operation::Operation;
use aws_smithy_runtime::client::retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier};
use aws_smithy_runtime_api::client::behavior_version::BehaviorVersion;
use aws_smithy_runtime_api::client::identity::Identity;
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::body::SdkBody;
use aws_smithy_types::date_time::Format;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_smithy_types::{DateTime, retry::RetryConfig};
use ghl_sync_drop::ports::{BucketFiles, FileInfo};
use ghl_sync_engine::ports::{BoxError, Clock, PortError};
use ghl_sync_model::EpochMs;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode, utf8_percent_encode};

use crate::client::{AwsConfig, http_client, timeouts};

/// How S3 writes and signs a path: escapes each byte except letters, digits, `-._~` and `/`.
pub(crate) const IN_PATH: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');
/// Timeout of one attempt, which may transfer megabytes.
const ATTEMPT_TIMEOUT: Duration = Duration::from_secs(60);
/// Timeout of all attempts.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(150);
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 412;

/// Implements [`BucketFiles`] with an S3 bucket.
pub struct S3Files {
    operation: Operation<S3Request, S3Answer, S3Refusal>,
}

/// A request before it is signed.
#[derive(Debug, Clone)]
struct S3Request {
    method: &'static str,
    key: String,
    query: String,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

#[derive(Debug)]
struct S3Answer {
    etag: Option<String>,
    length: Option<u64>,
    modified_at: Option<EpochMs>,
    body: Vec<u8>,
}

/// An error that S3 reports.
#[derive(Debug, thiserror::Error)]
#[error("{code} ({status})")]
struct S3Refusal {
    status: u16,
    code: String,
}

impl S3Files {
    /// Uses the files of `bucket` in `config`'s region. `clock` dates the signatures.
    #[must_use]
    pub fn new(config: &AwsConfig, bucket: &str, clock: Arc<dyn Clock>) -> S3Files {
        let writer = Writer { signer: S3Signer::new(config, bucket, clock) };
        let base = writer.signer.base.clone();
        let patience = TimeoutConfig::builder()
            .operation_attempt_timeout(ATTEMPT_TIMEOUT)
            .operation_timeout(OPERATION_TIMEOUT)
            .build();
        let mut patience = patience;
        patience.take_defaults_from(&timeouts());
        let retry: RetryConfig = config.retry_config();
        let operation = Operation::builder()
            .service_name("s3")
            .operation_name("Files")
            .behavior_version(BehaviorVersion::v2026_01_12())
            .http_client(http_client(Some(&base)))
            .endpoint_url(&base)
            .no_auth()
            .timeout_config(patience)
            .standard_retry(&retry)
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<S3Refusal>::new())
            .serializer(move |asked: S3Request| writer.request(asked))
            .deserializer(read)
            .build();
        S3Files { operation }
    }

    async fn ask(&self, action: &'static str, asked: S3Request) -> Result<S3Answer, PortError> {
        self.operation.invoke(asked).await.map_err(|error| PortError::new(action, error))
    }

    /// Sends a request; `None` if S3 answers with `status`.
    async fn ask_unless(
        &self,
        action: &'static str,
        asked: S3Request,
        status: u16,
    ) -> Result<Option<S3Answer>, PortError> {
        match self.operation.invoke(asked).await {
            Ok(answer) => Ok(Some(answer)),
            Err(SdkError::ServiceError(error)) if error.err().status == status => Ok(None),
            Err(error) => Err(PortError::new(action, error)),
        }
    }
}

impl fmt::Debug for S3Files {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("S3Files").finish_non_exhaustive()
    }
}

impl S3Request {
    fn of(method: &'static str, key: &str) -> S3Request {
        S3Request { method, key: key.to_owned(), query: String::new(), headers: Vec::new(), body: Vec::new() }
    }
}

#[async_trait]
impl BucketFiles for S3Files {
    async fn head(&self, key: &str) -> Result<Option<FileInfo>, PortError> {
        const ACTION: &str = "files.head";
        let Some(answer) = self.ask_unless(ACTION, S3Request::of("HEAD", key), NOT_FOUND).await? else {
            return Ok(None);
        };
        let S3Answer { etag: Some(etag), length: Some(size), modified_at: Some(modified_at), .. } = answer else {
            return Err(PortError::new(ACTION, "the answer has no ETag, Content-Length or Last-Modified"));
        };
        Ok(Some(FileInfo { etag, size, modified_at }))
    }

    async fn read(&self, key: &str, etag: &str, start: u64, length: u64) -> Result<Option<Vec<u8>>, PortError> {
        if length == 0 {
            return Ok(Some(Vec::new()));
        }
        let range = format!("bytes={start}-{}", start + length - 1);
        let headers = vec![("if-match", etag.to_owned()), ("range", range)];
        let asked = S3Request { headers, ..S3Request::of("GET", key) };
        let answer = self.ask_unless("files.read", asked, PRECONDITION_FAILED).await?;
        Ok(answer.map(|answer| answer.body))
    }

    async fn put(&self, key: &str, bytes: Vec<u8>, content_type: &'static str) -> Result<(), PortError> {
        let headers = vec![("content-type", content_type.to_owned())];
        self.ask("files.put", S3Request { headers, body: bytes, ..S3Request::of("PUT", key) }).await.map(drop)
    }

    async fn begin(&self, key: &str, content_type: &'static str) -> Result<String, PortError> {
        const ACTION: &str = "files.begin";
        let headers = vec![("content-type", content_type.to_owned())];
        let asked = S3Request { headers, query: "uploads=".to_owned(), ..S3Request::of("POST", key) };
        let answer = self.ask(ACTION, asked).await?;
        let xml = String::from_utf8_lossy(&answer.body);
        let id = element(&xml, "UploadId").ok_or_else(|| PortError::new(ACTION, "the answer has no UploadId"))?;
        Ok(id.to_owned())
    }

    async fn put_part(&self, key: &str, upload: &str, number: u32, bytes: Vec<u8>) -> Result<String, PortError> {
        const ACTION: &str = "files.put_part";
        let query = format!("partNumber={number}&uploadId={}", in_query(upload));
        let answer = self.ask(ACTION, S3Request { query, body: bytes, ..S3Request::of("PUT", key) }).await?;
        answer.etag.ok_or_else(|| PortError::new(ACTION, "the answer has no ETag"))
    }

    async fn complete(&self, key: &str, upload: &str, parts: &[String]) -> Result<(), PortError> {
        const ACTION: &str = "files.complete";
        let parts = parts.iter().enumerate().map(|(index, etag)| {
            let etag = etag.trim_matches('"');
            format!("<Part><PartNumber>{}</PartNumber><ETag>\"{etag}\"</ETag></Part>", index + 1)
        });
        let body = format!("<CompleteMultipartUpload>{}</CompleteMultipartUpload>", parts.collect::<String>());
        let asked = S3Request {
            query: format!("uploadId={}", in_query(upload)),
            headers: vec![("content-type", "application/xml".to_owned())],
            body: body.into_bytes(),
            ..S3Request::of("POST", key)
        };
        let answer = self.ask(ACTION, asked).await?;
        // S3 may start its answer with a success status before it knows the outcome.
        let xml = String::from_utf8_lossy(&answer.body);
        match element(&xml, "Code") {
            Some(code) => Err(PortError::new(ACTION, format!("S3 answers {code}"))),
            None => Ok(()),
        }
    }
}

/// Writes and signs requests.
struct Writer {
    signer: S3Signer,
}

impl Writer {
    fn request(&self, asked: S3Request) -> Result<HttpRequest, BoxError> {
        let S3Request { method, key, query, headers, body } = asked;
        let query = if query.is_empty() { query } else { format!("?{query}") };
        let path = format!("/{}{query}", utf8_percent_encode(&key, IN_PATH));
        let signed: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        let mut settings = SigningSettings::default();
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let signature = self.signer.sign(method, &path, &signed, SignableBody::Bytes(&body), settings)?;
        // The orchestrator prepends the endpoint, including the bucket.
        let mut request = http::Request::builder().method(method).uri(path);
        for (name, value) in &headers {
            request = request.header(*name, value);
        }
        if method != "GET" && method != "HEAD" {
            request = request.header("content-length", body.len());
        }
        let mut request = request.body(SdkBody::from(body))?;
        signature.apply_to_request_http1x(&mut request);
        Ok(HttpRequest::try_from(request)?)
    }
}

/// Signs requests to a bucket as S3 requires: with paths as written, escaped once.
pub(crate) struct S3Signer {
    /// URL of the bucket. On AWS the bucket has its own host, covered by Amazon's certificate; elsewhere it is part
    /// of the path.
    pub(crate) base: String,
    region: String,
    credentials: Credentials,
    clock: Arc<dyn Clock>,
}

impl S3Signer {
    pub(crate) fn new(config: &AwsConfig, bucket: &str, clock: Arc<dyn Clock>) -> S3Signer {
        let base = match &config.s3_endpoint {
            Some(endpoint) => format!("{}/{bucket}", endpoint.trim_end_matches('/')),
            None if config.region.starts_with("cn-") => {
                format!("https://{bucket}.s3.{}.amazonaws.com.cn", config.region)
            }
            None => format!("https://{bucket}.s3.{}.amazonaws.com", config.region),
        };
        S3Signer { base, region: config.region.clone(), credentials: config.credentials.clone(), clock }
    }

    /// Signs a request to `path` of the bucket. The path may include a query.
    pub(crate) fn sign(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: SignableBody<'_>,
        mut settings: SigningSettings,
    ) -> Result<SigningInstructions, BoxError> {
        let url = format!("{}{path}", self.base);
        let identity: Identity = self.credentials.clone().into();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("s3")
            .time(UNIX_EPOCH + Duration::from_millis(self.clock.now().0))
            .settings(settings)
            .build()?
            .into();
        let signable = SignableRequest::new(method, &url, headers.iter().copied(), body)?;
        Ok(sign(signable, &params)?.into_parts().0)
    }
}

fn read(response: &HttpResponse) -> Result<S3Answer, OrchestratorError<S3Refusal>> {
    let body = response.body().bytes().unwrap_or_default();
    let status = response.status();
    if !status.is_success() {
        let xml = String::from_utf8_lossy(body);
        let code = element(&xml, "Code").unwrap_or("an error without a code").to_owned();
        return Err(OrchestratorError::operation(S3Refusal { status: status.as_u16(), code }));
    }
    let header = |name: &str| response.headers().get(name).map(str::to_owned);
    let modified = header("last-modified").and_then(|text| DateTime::from_str(&text, Format::HttpDate).ok());
    let modified_at = modified.and_then(|time| SystemTime::try_from(time).ok()?.duration_since(UNIX_EPOCH).ok());
    Ok(S3Answer {
        etag: header("etag"),
        length: header("content-length").and_then(|text| text.parse().ok()),
        modified_at: modified_at.map(|since| EpochMs(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))),
        body: body.to_vec(),
    })
}

/// The text of the first element with this name. S3's answers are short and simple, and the texts we need contain no
/// markup.
fn element<'x>(xml: &'x str, name: &str) -> Option<&'x str> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    Some(rest.split_once(&format!("</{name}>"))?.0)
}

pub(crate) fn in_query(text: &str) -> impl fmt::Display {
    percent_encode(text.as_bytes(), NON_ALPHANUMERIC).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_written_as_s3_signs_it_and_an_answer_gives_up_one_element() {
        let path = utf8_percent_encode("in/loc/contacts/Jürgen 2+3 (a).csv", IN_PATH).to_string();
        assert_eq!(path, "in/loc/contacts/J%C3%BCrgen%202%2B3%20%28a%29.csv");
        let xml = "<?xml version=\"1.0\"?><Error><Code>NoSuchKey</Code><Message>x</Message></Error>";
        assert_eq!((element(xml, "Code"), element(xml, "UploadId")), (Some("NoSuchKey"), None));
    }
}
