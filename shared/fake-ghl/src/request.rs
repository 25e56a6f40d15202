//! A request as it is looked at.

use http::{HeaderMap, Method, Uri, header};
use serde_json::{Map, Value};

use super::answer::Answer;

/// The `Version` that API v2 is called with.
const VERSION: &str = "2021-07-28";

/// A request that has been read to its end.
#[derive(Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) path: String,
    query: Vec<(String, String)>,
    headers: HeaderMap,
    body: Body,
    form: Vec<(String, String)>,
}

#[derive(Debug)]
enum Body {
    Object(Map<String, Value>),
    /// JSON that is not an object, or not JSON.
    Malformed,
}

impl Request {
    /// The request that came with this line, these headers and this body.
    #[must_use]
    pub fn new(method: Method, uri: &Uri, headers: HeaderMap, body: &[u8]) -> Request {
        let query = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()).into_owned().collect();
        let form = read_form(&headers, body);
        let body = read_body(&headers, body);
        Request { method, path: uri.path().to_owned(), query, headers, body, form }
    }

    /// A request of API v2 in this process.
    #[must_use]
    pub fn of(method: Method, path: String, query: Vec<(String, String)>, body: Option<Value>) -> Request {
        let body = match body {
            None => Body::Object(Map::new()),
            Some(Value::Object(body)) => Body::Object(body),
            Some(_) => Body::Malformed,
        };
        Request { method, path, query, headers: HeaderMap::new(), body, form: Vec::new() }
    }

    /// The path's parts. A slash at the end does not matter.
    pub(crate) fn segments(&self) -> Vec<&str> {
        self.path.split('/').filter(|segment| !segment.is_empty()).collect()
    }

    /// Whether it is a call of the legacy API.
    pub(crate) fn is_v1(&self) -> bool {
        self.segments().first() == Some(&"v1")
    }

    /// Refuses a call of API v2 without its `Version`.
    pub(crate) fn check_version(&self) -> Result<(), Answer> {
        match self.header("version") {
            _ if self.is_v1() => Ok(()),
            Some(VERSION) => Ok(()),
            Some(_) => Err(Answer::unauthorized("version header is invalid")),
            None => Err(Answer::unauthorized("version header was not found.")),
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

    /// The JSON object that was sent; an empty one if nothing was, or not as JSON.
    pub(crate) fn body(&self) -> Result<&Map<String, Value>, Answer> {
        match &self.body {
            Body::Object(object) => Ok(object),
            Body::Malformed => Err(Answer::bad_request("Unexpected token in JSON at position 0")),
        }
    }

    /// A field of the form that was sent; an empty one counts as absent.
    pub(crate) fn form(&self, name: &str) -> Option<&str> {
        self.form.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str())
    }

    /// The location that the request says it is about.
    pub(crate) fn named_location(&self) -> Option<&str> {
        let in_body = match &self.body {
            Body::Object(object) => object.get("locationId").and_then(Value::as_str),
            Body::Malformed => None,
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

fn read_body(headers: &HeaderMap, body: &[u8]) -> Body {
    let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if body.is_empty() || !content_type.starts_with("application/json") {
        return Body::Object(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Body::Object(object),
        _ => Body::Malformed,
    }
}
