//! A parsed request.

use http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value};

use super::answer::SandboxAnswer;

/// The `Version` that API v2 requires.
const VERSION: &str = "2021-07-28";

/// A request that was read to its end.
#[derive(Debug)]
pub struct SandboxRequest {
    pub(crate) method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: ParsedBody,
    form: Vec<(String, String)>,
}

#[derive(Debug)]
enum ParsedBody {
    Object(Map<String, Value>),
    /// Not JSON, or JSON other than an object.
    Malformed,
}

impl SandboxRequest {
    /// Parses a request from its request line, headers and body.
    #[must_use]
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: &[u8]) -> SandboxRequest {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let form = read_form(&headers, body);
        let body = read_body(&headers, body);
        SandboxRequest { method, path: uri.path().to_owned(), query, headers, body, form }
    }

    /// A request of API v2 from within this process.
    #[must_use]
    pub fn of(method: Method, path: String, query: Vec<(String, String)>, body: Option<Value>) -> SandboxRequest {
        let body = match body {
            None => ParsedBody::Object(Map::new()),
            Some(Value::Object(body)) => ParsedBody::Object(body),
            Some(_) => ParsedBody::Malformed,
        };
        SandboxRequest { method, path, query, headers: HeaderMap::new(), body, form: Vec::new() }
    }

    /// The path's segments. A trailing slash is ignored.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// Whether this is a call of the legacy API.
    pub(crate) fn is_v1(&self) -> bool {
        self.segments().first() == Some(&"v1")
    }

    /// Refuses a call of API v2 without its `Version`.
    pub(crate) fn check_version(&self) -> Result<(), SandboxAnswer> {
        match self.header("version") {
            _ if self.is_v1() => Ok(()),
            Some(VERSION) => Ok(()),
            Some(_) => Err(SandboxAnswer::unauthorized("version header is invalid")),
            None => Err(SandboxAnswer::unauthorized("version header was not found.")),
        }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn bearer(&self) -> Option<&str> {
        self.header(header::AUTHORIZATION.as_str())?.strip_prefix("Bearer ")
    }

    /// A query parameter; an empty one counts as absent.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query_pairs().find(|(key, value)| *key == name && !value.is_empty()).map(|(_, value)| value)
    }

    pub(crate) fn query_pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.query.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The JSON object in the body; empty if there was no body, or it was not JSON by its content type.
    pub(crate) fn body(&self) -> Result<&Map<String, Value>, SandboxAnswer> {
        match &self.body {
            ParsedBody::Object(object) => Ok(object),
            ParsedBody::Malformed => Err(SandboxAnswer::bad_request("Unexpected token in JSON at position 0")),
        }
    }

    /// A form field; an empty one counts as absent.
    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The location that the request names.
    pub(crate) fn named_location(&self) -> Option<&str> {
        let in_body = match &self.body {
            ParsedBody::Object(object) => object.get("locationId").and_then(Value::as_str),
            ParsedBody::Malformed => None,
        };
        let in_path = match self.segments().as_slice() {
            ["locations", id, ..] => Some(*id),
            _ => None,
        };
        in_path.or(in_body).or_else(|| self.query("locationId")).or_else(|| self.query("location_id"))
    }
}

fn read_form(headers: &HeaderMap, body: &[u8]) -> Vec<(String, String)> {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !content_type.starts_with("application/x-www-form-urlencoded") {
        return Vec::new();
    }
    form_urlencoded::parse(body).into_owned().collect()
}

fn read_body(headers: &HeaderMap, body: &[u8]) -> ParsedBody {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if body.is_empty() || !content_type.starts_with("application/json") {
        return ParsedBody::Object(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => ParsedBody::Object(object),
        _ => ParsedBody::Malformed,
    }
}
