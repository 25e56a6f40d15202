//! What the sandbox says, in GHL's words.

use std::io;

use http::header::{CONTENT_TYPE, LOCATION};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

/// What an endpoint makes of a request: the answer if it accepts it, and the answer if it does not.
pub(crate) type Handled = Result<Answer, Answer>;

/// Status and body of an answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    body: Body,
}

#[derive(Debug, Clone, PartialEq)]
enum Body {
    Json(Value),
    /// A page.
    Page(String),
    /// Nothing; the browser shall go there.
    Onward(String),
}

impl Answer {
    /// The id of the `what` that was made.
    pub(crate) fn id_of(&self, what: &str) -> Option<&str> {
        match &self.body {
            Body::Json(body) if self.status.is_success() => body[what]["id"].as_str(),
            _ => None,
        }
    }

    /// The same, of a location that is not the caller's.
    pub(crate) fn of_another_location(mut self) -> Answer {
        const OTHER: &str = "loc_of_somebody_else";
        if let Body::Json(body) = &mut self.body {
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

    /// The same with a `traceId`, if it is one that has it: most that show something, and refusals with a 400.
    pub(crate) fn traced(mut self, id: impl FnOnce() -> String) -> Answer {
        if let Body::Json(Value::Object(body)) = &mut self.body {
            let shows = self.status.is_success() && !body.contains_key("succeded");
            let is_refusal = self.status == StatusCode::BAD_REQUEST && body.get("statusCode") == Some(&json!(400));
            if shows || (is_refusal && body.contains_key("error")) {
                body.insert("traceId".to_owned(), json!(id()));
            }
        }
        self
    }

    /// The body as text.
    pub(crate) fn text(&self) -> String {
        match &self.body {
            Body::Json(body) => body.to_string(),
            Body::Page(page) => page.clone(),
            Body::Onward(_) => String::new(),
        }
    }

    pub(crate) fn ok(body: Value) -> Answer {
        Answer::json(StatusCode::OK, body)
    }

    pub(crate) fn created(body: Value) -> Answer {
        Answer::json(StatusCode::CREATED, body)
    }

    pub(crate) fn json(status: StatusCode, body: Value) -> Answer {
        Answer { status, body: Body::Json(body) }
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Answer {
        Answer::error(StatusCode::BAD_REQUEST, json!(message.into()))
    }

    pub(crate) fn unauthorized(message: &str) -> Answer {
        Answer::error(StatusCode::UNAUTHORIZED, json!(message))
    }

    pub(crate) fn missing_scope() -> Answer {
        Answer::unauthorized("The token is not authorized for this scope.")
    }

    pub(crate) fn v1_invalid_key() -> Answer {
        Answer::json(StatusCode::UNAUTHORIZED, json!({"msg": "Api key is invalid."}))
    }

    pub(crate) fn wrong_location() -> Answer {
        Answer::error(StatusCode::FORBIDDEN, json!("The token does not have access to this location."))
    }

    /// What is wrong with a body or a query, point by point.
    pub(crate) fn unprocessable<I: IntoIterator<Item = S>, S: Into<String>>(messages: I) -> Answer {
        let messages: Vec<String> = messages.into_iter().map(Into::into).collect();
        Answer::error(StatusCode::UNPROCESSABLE_ENTITY, json!(messages))
    }

    pub(crate) fn unknown_path(method: &str, path: &str) -> Answer {
        let body = json!({"statusCode": 404, "message": format!("Cannot {method} {path}"), "error": "Not Found"});
        Answer::json(StatusCode::NOT_FOUND, body)
    }

    /// GHL says this with a 400.
    pub(crate) fn no_contact(id: &str) -> Answer {
        Answer::bad_request(format!("Contact not found for id:{id}"))
    }

    pub(crate) fn no_opportunity(id: &str) -> Answer {
        Answer::error(StatusCode::NOT_FOUND, json!(format!("Opportunity with id {id} not found")))
    }

    /// What is known of neither contacts nor opportunities; the words are unverified.
    pub(crate) fn not_found(what: &str, id: &str) -> Answer {
        Answer::error(StatusCode::NOT_FOUND, json!(format!("{what} with id {id} not found")))
    }

    pub(crate) fn duplicate_contact(id: &str, name: &str, matching_field: &str) -> Answer {
        let body = json!({
            "statusCode": 400,
            "message": "This location does not allow duplicated contacts.",
            "meta": {"contactId": id, "contactName": name, "matchingField": matching_field},
        });
        Answer::json(StatusCode::BAD_REQUEST, body)
    }

    pub(crate) fn duplicate_opportunity(existing: &str) -> Answer {
        let body = json!({
        "statusCode": 400,
        "message": "Can not create duplicate opportunity for the contact.",
        "code": "OPPORTUNITY_NO_DUPLICATE",
        "meta": {"existingId": existing},
        "error": "Bad Request",
        });
        Answer::json(StatusCode::BAD_REQUEST, body)
    }

    pub(crate) fn too_many_requests() -> Answer {
        let body = json!({"statusCode": 429, "message": "Too Many Requests"});
        Answer::json(StatusCode::TOO_MANY_REQUESTS, body)
    }

    pub(crate) fn server_error() -> Answer {
        let body = json!({"statusCode": 500, "message": "Internal server error"});
        Answer::json(StatusCode::INTERNAL_SERVER_ERROR, body)
    }

    /// The page with which the gateway in front of GHL answers in its stead.
    pub(crate) fn gateway_page(status: StatusCode) -> Answer {
        let page = format!("<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n");
        Answer { status, body: Body::Page(page) }
    }

    /// A page for people.
    pub(crate) fn page(status: StatusCode, page: String) -> Answer {
        Answer { status, body: Body::Page(page) }
    }

    /// Sends a browser on.
    pub(crate) fn onward(to: String) -> Answer {
        Answer { status: StatusCode::FOUND, body: Body::Onward(to) }
    }

    fn error(status: StatusCode, message: Value) -> Answer {
        let body = json!({"statusCode": status.as_u16(), "message": message, "error": status.canonical_reason()});
        Answer::json(status, body)
    }
}

impl From<Answer> for Response<Vec<u8>> {
    fn from(answer: Answer) -> Response<Vec<u8>> {
        let content_type = match &answer.body {
            Body::Json(_) => "application/json",
            Body::Page(_) | Body::Onward(_) => "text/html; charset=utf-8",
        };
        let onward = match &answer.body {
            Body::Onward(to) => HeaderValue::from_str(to).ok(),
            Body::Json(_) | Body::Page(_) => None,
        };
        let mut response = Response::new(answer.text().into_bytes());
        *response.status_mut() = answer.status;
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        response.headers_mut().extend(onward.map(|to| (LOCATION, to)));
        response
    }
}

/// A write that could not be kept is GHL's trouble, not the caller's.
impl From<io::Error> for Answer {
    fn from(_: io::Error) -> Answer {
        Answer::server_error()
    }
}
