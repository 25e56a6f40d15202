//! An intermediary before AWS that records the requests.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::header::CONTENT_LENGTH;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use serde_json::Value;
use tokio::net::TcpListener;

/// An action as IAM names it, and the table, index, queue, bucket folder, parameter or secret that it uses, by name. An
/// item of the state table is named by the table and the prefix of its partition key: `TABLE: gate#`.
pub(crate) type AwsPermission = (String, String);

/// A server that passes on its requests.
pub(crate) struct Wiretap {
    pub(crate) url: String,
    asked: Arc<Mutex<BTreeSet<AwsPermission>>>,
}

impl Wiretap {
    /// Starts one before the server at `url`.
    pub(crate) async fn to(url: &str) -> Wiretap {
        // reqwest needs a TLS provider, though nothing here uses TLS. A second install fails harmlessly.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let wiretap = Wiretap { url: format!("http://{}", listener.local_addr().unwrap()), asked: Arc::default() };
        let (server, client, asked) = (url.to_owned(), reqwest::Client::new(), wiretap.asked.clone());
        let pass_on = move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let is_form = headers.get("content-type").is_some_and(|it| it.as_bytes().starts_with(FORM));
            let read = match headers.contains_key("x-amz-target") {
                true => read(&headers, &body),
                false if is_form => vec![read_form(&body)],
                false => read_file(&method, uri.path()),
            };
            asked.lock().unwrap().extend(read);
            let is_head = method == Method::HEAD;
            pass_on(client.request(method, format!("{server}{uri}")), is_head, headers, body)
        };
        tokio::spawn(async move { axum::serve(listener, Router::new().fallback(pass_on)).await });
        wiretap
    }

    /// All requests so far.
    pub(crate) fn asked(&self) -> BTreeSet<AwsPermission> {
        self.asked.lock().unwrap().clone()
    }
}

async fn pass_on(
    request: reqwest::RequestBuilder,
    is_head: bool,
    headers: HeaderMap,
    body: Bytes,
) -> (StatusCode, HeaderMap, Bytes) {
    let answer = request.headers(headers).body(body).send().await.unwrap();
    let (status, mut headers) = (answer.status(), answer.headers().clone());
    // The response to HEAD has no body; its length is that of the object.
    if !is_head {
        headers.remove(CONTENT_LENGTH);
    }
    (status, headers, answer.bytes().await.unwrap())
}

/// Permissions for a request to S3: `BUCKET/FOLDER/*`.
fn read_file(method: &Method, path: &str) -> Vec<AwsPermission> {
    let mut names = path.trim_start_matches('/').splitn(3, '/');
    let (bucket, folder) = (names.next().unwrap(), names.next().unwrap());
    let on = |action: &str, resource: String| (format!("s3:{action}"), resource);
    match *method {
        // Without the second permission, S3 does not reveal that a file is missing.
        Method::HEAD => {
            vec![on("GetObject", format!("{bucket}/{folder}/*")), on("ListBucket", bucket.to_owned())]
        }
        Method::GET => vec![on("GetObject", format!("{bucket}/{folder}/*"))],
        _ => vec![on("PutObject", format!("{bucket}/{folder}/*"))],
    }
}

const FORM: &[u8] = b"application/x-www-form-urlencoded";

/// Permission for a request to SNS: the topic's name stands for its ARN.
fn read_form(body: &[u8]) -> AwsPermission {
    let fields: BTreeMap<String, String> = form_urlencoded::parse(body).into_owned().collect();
    (format!("sns:{}", fields["Action"]), fields["TopicArn"].rsplit(':').next().unwrap().to_owned())
}

fn read(headers: &HeaderMap, body: &[u8]) -> Vec<AwsPermission> {
    let body: Value = serde_json::from_slice(body).unwrap();
    // For example `DynamoDB_20120810.Query` and `AmazonSQS.SendMessage`.
    let (service, operation) = headers["x-amz-target"].to_str().unwrap().split_once('.').unwrap();
    let prefix = match service {
        "AmazonSQS" => "sqs",
        "AmazonSSM" => "ssm",
        "secretsmanager" => "secretsmanager",
        "AWSEvents" => "events",
        _ => "dynamodb",
    };
    // One action allows both.
    let operation = if operation == "SendMessageBatch" { "SendMessage" } else { operation };
    let action = format!("{prefix}:{operation}");
    resources(&body).into_iter().map(|resource| (action.clone(), resource)).collect()
}

fn resources(body: &Value) -> Vec<String> {
    let text = |field: &str| body[field].as_str().map(str::to_owned);
    if let Some(url) = text("QueueUrl") {
        return vec![url.rsplit('/').next().unwrap().to_owned()];
    }
    if let Some(bus) = body["Entries"][0]["EventBusName"].as_str() {
        return vec![bus.to_owned()];
    }
    if let Some(name) = text("Name").or_else(|| text("SecretId")) {
        return vec![name];
    }
    match (text("TableName"), text("IndexName")) {
        (Some(table), Some(index)) => vec![format!("{table}/index/{index}")],
        (Some(table), None) => vec![item(&table, &body["Key"])],
        _ => {
            let tables = body["RequestItems"].as_object().unwrap().iter();
            tables.flat_map(|(table, of)| of["Keys"].as_array().unwrap().iter().map(|key| item(table, key))).collect()
        }
    }
}

/// The table, and the prefix of the item's partition key if the table's keys begin with a kind of item.
fn item(table: &str, key: &Value) -> String {
    match key["pk"]["S"].as_str() {
        Some(pk) => match pk.split_once('#') {
            Some((prefix, _)) => format!("{table}: {prefix}#"),
            None => format!("{table}: {pk}"),
        },
        None => table.to_owned(),
    }
}
