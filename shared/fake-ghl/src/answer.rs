//! Answers of the sandbox, in GHL's words.

use std::io;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// An endpoint's answer: `Ok` if it accepts the request, `Err` if it refuses it.
pub(crate) type Handled = Result<SandboxAnswer, SandboxAnswer>;

/// Status and body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct SandboxAnswer {
    pub(crate) status: StatusCode,
    body: AnswerBody,
}

#[derive(Debug, Clone, PartialEq)]
enum AnswerBody {
    Json(Value),
    /// An HTML page.
    Page(String),
    /// No body; redirects the browser to this address.
    Onward(String),
}

impl SandboxAnswer {
    /// The id of the created `what`.
    pub(crate) fn id_of(&self, what: &str) -> Option<&str> {
        match &self.body {
            AnswerBody::Json(body) if self.status.is_success() => body[what]["id"].as_str(),
            _ => None,
        }
    }

    /// The same answer, as if it showed another location than the caller's.
    pub(crate) fn of_another_location(mut self) -> SandboxAnswer {
        const OTHER: &str = "loc_of_somebody_else";
        if let AnswerBody::Json(body) = &mut self.body {
            if body["location"]["id"].is_string() {
                body["location"]["id"] = json!(OTHER);
            }
            for value in body.as_object_mut().into_iter().flat_map(|object| object.values_mut()) {
                let records = match value {
                    Value::Array(records) => records.iter_mut().collect(),
                    record => vec![record],
                };
                for record in records.into_iter().filter(|record| record["locationId"].is_string()) {
                    record["locationId"] = json!(OTHER);
                }
            }
        }
        self
    }

    /// Adds a `traceId` where GHL has one: in most answers that show something, and in refusals with a 400.
    pub(crate) fn traced(mut self, id: impl FnOnce() -> String) -> SandboxAnswer {
        if let AnswerBody::Json(Value::Object(body)) = &mut self.body {
            let shows = self.status.is_success() && !body.contains_key("succeded");
            let is_refusal = self.status == StatusCode::BAD_REQUEST && body.get("statusCode") == Some(&json!(400));
            if shows || (is_refusal && body.contains_key("error")) {
                body.insert("traceId".to_owned(), json!(id()));
            }
        }
        self
    }

    /// The body as text. Empty for a redirect.
    pub(crate) fn text(&self) -> String {
        match &self.body {
            AnswerBody::Json(body) => body.to_string(),
            AnswerBody::Page(page) => page.clone(),
            AnswerBody::Onward(_) => String::new(),
        }
    }

    pub(crate) fn ok(body: Value) -> SandboxAnswer {
        SandboxAnswer::json(StatusCode::OK, body)
    }

    pub(crate) fn created(body: Value) -> SandboxAnswer {
        SandboxAnswer::json(StatusCode::CREATED, body)
    }

    pub(crate) fn json(status: StatusCode, body: Value) -> SandboxAnswer {
        SandboxAnswer { status, body: AnswerBody::Json(body) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> SandboxAnswer {
        SandboxAnswer::error(StatusCode::BAD_REQUEST, json!(message.into()))
    }

    pub(crate) fn unauthorized(message: &str) -> SandboxAnswer {
        SandboxAnswer::error(StatusCode::UNAUTHORIZED, json!(message))
    }

    pub(crate) fn missing_scope() -> SandboxAnswer {
        SandboxAnswer::unauthorized("The token is not authorized for this scope.")
    }

    pub(crate) fn v1_invalid_key() -> SandboxAnswer {
        SandboxAnswer::json(StatusCode::UNAUTHORIZED, json!({"msg": "Api key is invalid."}))
    }

    pub(crate) fn wrong_location() -> SandboxAnswer {
        SandboxAnswer::error(StatusCode::FORBIDDEN, json!("The token does not have access to this location."))
    }

    /// Refuses a body or a query, with a list of its problems.
    pub(crate) fn unprocessable<I: IntoIterator<Item = S>, S: Into<String>>(messages: I) -> SandboxAnswer {
        let messages: Vec<String> = messages.into_iter().map(Into::into).collect();
        SandboxAnswer::error(StatusCode::UNPROCESSABLE_ENTITY, json!(messages))
    }

    pub(crate) fn unknown_path(method: &str, path: &str) -> SandboxAnswer {
        let body = json!({"statusCode": 404, "message": format!("Cannot {method} {path}"), "error": "Not Found"});
        SandboxAnswer::json(StatusCode::NOT_FOUND, body)
    }

    /// GHL answers this with a 400.
    pub(crate) fn no_contact(id: &str) -> SandboxAnswer {
        SandboxAnswer::bad_request(format!("Contact not found for id:{id}"))
    }

    pub(crate) fn no_opportunity(id: &str) -> SandboxAnswer {
        SandboxAnswer::error(StatusCode::NOT_FOUND, json!(format!("Opportunity with id {id} not found")))
    }

    /// For everything except contacts and opportunities. The words are unverified.
    pub(crate) fn not_found(what: &str, id: &str) -> SandboxAnswer {
        SandboxAnswer::error(StatusCode::NOT_FOUND, json!(format!("{what} with id {id} not found")))
    }

    pub(crate) fn duplicate_contact(id: &str, name: &str, matching_field: &str) -> SandboxAnswer {
        let body = json!({
            "statusCode": 400,
            "message": "This location does not allow duplicated contacts.",
            "meta": {"contactId": id, "contactName": name, "matchingField": matching_field},
        });
        SandboxAnswer::json(StatusCode::BAD_REQUEST, body)
    }

    pub(crate) fn duplicate_opportunity(existing: &str) -> SandboxAnswer {
        let body = json!({
        "statusCode": 400,
        "message": "Can not create duplicate opportunity for the contact.",
        "code": "OPPORTUNITY_NO_DUPLICATE",
        "meta": {"existingId": existing},
        "error": "Bad Request",
        });
        SandboxAnswer::json(StatusCode::BAD_REQUEST, body)
    }

    pub(crate) fn too_many_requests() -> SandboxAnswer {
        let body = json!({"statusCode": 429, "message": "Too Many Requests"});
        SandboxAnswer::json(StatusCode::TOO_MANY_REQUESTS, body)
    }

    pub(crate) fn server_error() -> SandboxAnswer {
        let body = json!({"statusCode": 500, "message": "Internal server error"});
        SandboxAnswer::json(StatusCode::INTERNAL_SERVER_ERROR, body)
    }

    /// The page with which the gateway in front of GHL answers instead of GHL.
    pub(crate) fn gateway_page(status: StatusCode) -> SandboxAnswer {
        let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
        SandboxAnswer { status, body: AnswerBody::Page(page) }
    }

    /// A page for people.
    pub(crate) fn page(status: StatusCode, page: String) -> SandboxAnswer {
        SandboxAnswer { status, body: AnswerBody::Page(page) }
    }

    /// Redirects a browser to `to`.
    pub(crate) fn onward(to: String) -> SandboxAnswer {
        SandboxAnswer { status: StatusCode::FOUND, body: AnswerBody::Onward(to) }
    }

    fn error(status: StatusCode, message: Value) -> SandboxAnswer {
        let body = json!({"statusCode": status.as_u16(), "message": message, "error": status.canonical_reason()});
        SandboxAnswer::json(status, body)
    }
}

impl From<SandboxAnswer> for Response<Vec<u8>> {
    fn from(answer: SandboxAnswer) -> Response<Vec<u8>> {
        let content_type = match &answer.body {
            AnswerBody::Json(_) => "application/json",
            AnswerBody::Page(_) | AnswerBody::Onward(_) => "text/html; charset=utf-8",
        };
        let onward = match &answer.body {
            AnswerBody::Onward(to) => HeaderValue::from_str(to).ok(),
            AnswerBody::Json(_) | AnswerBody::Page(_) => None,
        };
        let mut response = Response::new(answer.text().into_bytes());
        *response.status_mut() = answer.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.headers_mut().extend(onward.map(|to| (LOCATION, to)));
        response
    }
}

/// A write that the journal could not keep is GHL's fault, not the caller's.
impl From<io::Error> for SandboxAnswer {
    fn from(_: io::Error) -> SandboxAnswer {
        SandboxAnswer::server_error()
    }
}
