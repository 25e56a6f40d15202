//! Reads the bodies of errors.
//!
//! They come in many shapes: `message` is a string or a list, or is missing and there is only `error`; `statusCode`
//! may contradict the HTTP status (which is right); gateways send HTML; some bodies are empty. In every case the
//! result is a short line for people and, if the body says more than the status, a [`Cause`].

use ghl_sync_model::{Call, Cause, Failure, GhlId};
use serde_json::Value;

use crate::text::one_line;

/// Interprets GHL's refusal of `call`.
pub(crate) fn failure(call: &Call, status: u16, body: &str) -> Failure {
    let json: Value = serde_json::from_str(body).unwrap_or_default();
    let message = message(body, &json);
    Failure { status: Some(status), sent: true, cause: cause(call, status, body, &json, &message), message }
}

/// The message in a body that should have been a success, if it has one. Nothing else of this body may be shown: it
/// may be half a contact.
pub(crate) fn message_in_success(body: &str) -> Option<String> {
    let said = said(&serde_json::from_str(body).unwrap_or_default());
    said.or_else(|| looks_like_html(body).then(|| html_text(body))).map(|words| one_line(&words))
}

/// The body's message, or the body itself if it has none.
fn message(body: &str, json: &Value) -> String {
    let line = match said(json) {
        Some(words) => one_line(&words),
        None if looks_like_html(body) => one_line(&html_text(body)),
        None => one_line(body),
    };
    if line.is_empty() { "the body is empty".to_owned() } else { line }
}

fn said(json: &Value) -> Option<String> {
    // v1 calls it `msg`.
    ["message", "error_description", "msg", "error"].iter().find_map(|name| words(&json[*name]))
}

fn words(value: &Value) -> Option<String> {
    let words = match value {
        Value::String(text) => text.clone(),
        Value::Array(items) => items
            .iter()
            .map(|item| item.as_str().map_or_else(|| item.to_string(), str::to_owned))
            .collect::<Vec<_>>()
            .join("; "),
        Value::Object(_) => value.to_string(),
        _ => return None,
    };
    (!words.trim().is_empty()).then_some(words)
}

fn looks_like_html(body: &str) -> bool {
    body.trim_start().starts_with('<')
}

/// The title of an HTML page; its text if it has no title.
fn html_text(page: &str) -> String {
    // Lower-case ASCII only, so that byte offsets match the original page.
    let lower = page.to_ascii_lowercase();
    let title = lower.find("<title").and_then(|tag| {
        let start = tag + lower[tag..].find('>')? + 1;
        let end = start + lower[start..].find("</title").unwrap_or(lower.len() - start);
        Some(page[start..end].to_owned())
    });
    match title {
        Some(title) if !title.trim().is_empty() => title,
        _ => without_tags(page),
    }
}

fn without_tags(page: &str) -> String {
    page.split('<')
        .map(|piece| piece.split_once('>').map_or("", |(_tag, text)| text))
        .filter(|text| !text.trim().is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What the body says beyond the status, recognised by wordings that GHL was seen to use.
fn cause(call: &Call, status: u16, body: &str, json: &Value, message: &str) -> Option<Cause> {
    let message = message.to_ascii_lowercase();
    // A timeout at GHL's own gateway comes as 401, but the token is fine.
    if message.contains("command timed out") {
        return Some(Cause::Gateway);
    }
    if is_in_between(status, body) {
        return Some(Cause::Gateway);
    }
    match status {
        422 if refuses_company(call, &message) => Some(Cause::CompanyRefused),
        400 => duplicate(call, json).or_else(|| missing(call, &message)),
        401 if call.endpoint().is_of_structure() && forbids(&message) => Some(Cause::Forbidden),
        401 => Some(Cause::Credentials),
        403 if message.contains("token does not have access to this location") => Some(Cause::Credentials),
        // GHL also answers 404 to a path it does not know: `Cannot PUT /…`. Mistaking that for a deleted record would
        // create the record again.
        404 if call.endpoint().addressed().is_some() && !message.starts_with("cannot ") => Some(Cause::Missing),
        _ => None,
    }
}

/// Whether GHL refused an update because of `companyName`: for a long time GHL did not know the field there, and it
/// may still not know it everywhere.
fn refuses_company(call: &Call, message: &str) -> bool {
    let has_company = matches!(call, Call::UpdateContact { contact, .. } if contact.company_name.is_some());
    has_company && message.contains("property companyname should not exist")
}

/// Whether the answer comes not from GHL but from something in between: a gateway, a proxy that wants a sign-in, a
/// filter.
///
/// GHL never redirects, and sends refusals as JSON objects. (A very long one is cut here, so we check only its first
/// character.) An HTML page or an empty body therefore says nothing about the request: Cloudflare's "Error 1010"
/// comes with 403, and GHL's own balancer was seen to answer an unknown path with an empty 404. Statuses that are
/// clear without a body count by themselves: 401 (the token), 429, and 5xx.
fn is_in_between(status: u16, body: &str) -> bool {
    match status {
        300..=399 | 407 => true,
        401 | 408 | 429 => false,
        400..=499 => !body.trim_start().starts_with('{'),
        _ => false,
    }
}

/// Whether another token may be accepted where this one was rejected: true unless GHL objected to the token's
/// purpose.
pub(crate) fn may_be_stale(failure: &Failure) -> bool {
    const NOT_ITS_AGE: [&str; 5] =
        ["not authorized for this scope", "user type mismatch", "authclass", "iam service", "version header"];
    let message = failure.message.to_ascii_lowercase();
    failure.status == Some(401)
        && failure.cause == Some(Cause::Credentials)
        && !NOT_ITS_AGE.iter().any(|words| message.contains(words))
}

/// The existing record that a write would duplicate. "This location does not allow duplicated contacts." names the
/// contact in `meta.contactId`; "Can not create duplicate opportunity for the contact." has a code, and names the
/// opportunity in `meta.existingId`.
fn duplicate(call: &Call, json: &Value) -> Option<Cause> {
    let existing = match call {
        Call::UpsertContact(_) | Call::CreateContact(_) | Call::UpdateContact { .. } => &json["meta"]["contactId"],
        Call::CreateOpportunity { .. } | Call::UpdateOpportunity { .. }
            if json["code"] == "OPPORTUNITY_NO_DUPLICATE" =>
        {
            &json["meta"]["existingId"]
        }
        _ => return None,
    };
    GhlId::new(existing.as_str()?).ok().map(Cause::Duplicate)
}

/// GHL answers 400 for a contact that does not exist: "Contact not found for id:…" or "Contact with id X not found".
fn missing(call: &Call, message: &str) -> Option<Cause> {
    let what = call.endpoint().addressed()?;
    (message.starts_with(what) && message.contains("not found")).then_some(Cause::Missing)
}

/// Whether GHL answered that the token lacks a scope, whichever status it used.
pub(crate) fn lacks_scope(failure: &Failure) -> bool {
    matches!(failure.status, Some(401 | 403)) && forbids(&failure.message.to_ascii_lowercase())
}

/// Whether GHL objects to the token's purpose rather than to the token itself.
fn forbids(message: &str) -> bool {
    ["not authorized for this scope", "not yet supported by the iam service", "authclass type is not allowed"]
        .iter()
        .any(|words| message.contains(words))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::request::samples::{self, id};
    use crate::text::MAX_MESSAGE;

    fn upsert() -> Call {
        Call::UpsertContact(samples::full_contact())
    }

    fn update() -> Call {
        Call::UpdateContact { id: id("c1"), contact: samples::full_contact() }
    }

    fn create_opportunity() -> Call {
        Call::CreateOpportunity { contact_id: id("c1"), opportunity: samples::full_opportunity() }
    }

    fn update_opportunity() -> Call {
        Call::UpdateOpportunity { id: id("o1"), opportunity: samples::full_opportunity() }
    }

    #[test]
    fn every_shape_of_body_becomes_a_short_line() {
        let cases = [
            (400, r#"{"statusCode":400,"message":"Bad","error":"Bad Request","traceId":"t"}"#, "Bad"),
            (401, r#"{"statusCode":401,"message":"Invalid JWT","error":"Unauthorized"}"#, "Invalid JWT"),
            (401, r#"{"error":"UnAuthorized!","error_description":"Code not found"}"#, "Code not found"),
            (401, r#"{"msg":"Api key is invalid."}"#, "Api key is invalid."),
            (422, r#"{"statusCode":422,"message":["a is bad","b is bad"]}"#, "a is bad; b is bad"),
            (422, r#"{"message":["property x should not exist"]}"#, "property x should not exist"),
            (400, r#"{"error":"Contact with id X not found","status":400}"#, "Contact with id X not found"),
            (400, r#"{"statusCode":422,"message":["email must be an email"]}"#, "email must be an email"),
            (429, r#"{"statusCode":429,"message":"Too Many Requests"}"#, "Too Many Requests"),
            (422, r#"{"email":{"rule":"email"}}"#, r#"{"email":{"rule":"email"}}"#),
            (400, r#"{"message":{"a":1}}"#, r#"{"a":1}"#),
            (400, r#"{"message":["",{"a":1}]}"#, r#"; {"a":1}"#),
            (400, r#"{"message":"  ","error":"Bad Request"}"#, "Bad Request"),
            (400, r#"{"message":"cut off he"#, r#"{"message":"cut off he"#),
            (500, "upstream\n\tfailed", "upstream failed"),
            (502, "<html><head><TITLE>502 Bad\nGateway</TITLE></head><body>x</body></html>", "502 Bad Gateway"),
            (502, "<html><title>Only the start", "Only the start"),
            (503, " <!DOCTYPE html><body><h1>No</h1><p>server</p></body>", "No server"),
            (403, "<title></title>Error 1010", "Error 1010"),
            (504, "<", "the body is empty"),
            (500, "", "the body is empty"),
            (500, "null", "null"),
            (500, "\u{fffd}\u{0}\u{1}", "\u{fffd}"),
        ];
        for (status, body, expected) in cases {
            let failure = failure(&upsert(), status, body);
            assert_eq!(failure.message, expected, "{body}");
            assert_eq!((failure.status, failure.sent), (Some(status), true));
        }
    }

    #[test]
    fn a_cause_is_what_the_body_says_beyond_the_status() {
        let duplicate_contact = r#"{"statusCode":400,"message":"This location does not allow duplicated contacts.","meta":{"contactId":"c9","contactName":"A","matchingField":"email"}}"#;
        let duplicate_opportunity = r#"{"statusCode":400,"message":"Can not create duplicate opportunity for the contact.","code":"OPPORTUNITY_NO_DUPLICATE","meta":{"existingId":"o9"},"error":"Bad Request","traceId":"t"}"#;
        let gone = r#"{"message":"Contact not found for id:c1","error":"Bad Request","statusCode":400}"#;
        let no_such_id = r#"{"error":"Contact with id c1 not found","status":400}"#;
        let no_opportunity = r#"{"statusCode":404,"message":"Opportunity not found"}"#;
        let no_path = r#"{"message":"Cannot PUT /contacts/c1"}"#;
        let message = |text: &str| format!(r#"{{"message":"{text}"}}"#);
        let cases = [
            (upsert(), 400, duplicate_contact.to_owned(), Some(Cause::Duplicate(id("c9")))),
            (update(), 400, duplicate_contact.to_owned(), Some(Cause::Duplicate(id("c9")))),
            (upsert(), 422, duplicate_contact.to_owned(), None),
            (upsert(), 400, r#"{"message":"dup","meta":{"contactId":null}}"#.to_owned(), None),
            (upsert(), 400, r#"{"message":"dup","meta":{"contactId":"not an id"}}"#.to_owned(), None),
            (create_opportunity(), 400, duplicate_contact.to_owned(), None),
            (create_opportunity(), 400, duplicate_opportunity.to_owned(), Some(Cause::Duplicate(id("o9")))),
            (create_opportunity(), 400, r#"{"meta":{"existingId":"o9"}}"#.to_owned(), None),
            (update(), 400, gone.to_owned(), Some(Cause::Missing)),
            (update(), 400, no_such_id.to_owned(), Some(Cause::Missing)),
            (Call::GetContact(id("c1")), 400, gone.to_owned(), Some(Cause::Missing)),
            (Call::AddTags { id: id("c1"), tags: [].into() }, 400, gone.to_owned(), Some(Cause::Missing)),
            (create_opportunity(), 400, no_such_id.to_owned(), None),
            (update_opportunity(), 400, no_such_id.to_owned(), None),
            (update_opportunity(), 404, no_opportunity.to_owned(), Some(Cause::Missing)),
            (create_opportunity(), 404, no_opportunity.to_owned(), None),
            (update(), 404, no_path.to_owned(), None),
            (update(), 404, String::new(), Some(Cause::Gateway)),
            (update(), 404, "<html>404</html>".to_owned(), Some(Cause::Gateway)),
            (update(), 404, "null".to_owned(), Some(Cause::Gateway)),
            (Call::DeleteContact(id("c1")), 404, "<html>404</html>".to_owned(), Some(Cause::Gateway)),
            (upsert(), 302, String::new(), Some(Cause::Gateway)),
            (upsert(), 307, message("moved"), Some(Cause::Gateway)),
            (upsert(), 407, message("Proxy Authentication Required"), Some(Cause::Gateway)),
            (upsert(), 405, "<html>Not Allowed</html>".to_owned(), Some(Cause::Gateway)),
            (upsert(), 410, "<html>Gone</html>".to_owned(), Some(Cause::Gateway)),
            (upsert(), 413, "<html>413 Request Entity Too Large</html>".to_owned(), Some(Cause::Gateway)),
            (upsert(), 422, "Blocked by policy".to_owned(), Some(Cause::Gateway)),
            (upsert(), 451, "<html>Unavailable For Legal Reasons</html>".to_owned(), Some(Cause::Gateway)),
            (upsert(), 400, "<html>400 Bad Request</html>".to_owned(), Some(Cause::Gateway)),
            (upsert(), 400, String::new(), Some(Cause::Gateway)),
            (upsert(), 400, "[]".to_owned(), Some(Cause::Gateway)),
            (upsert(), 400, r#"{"message":"cut off he"#.to_owned(), None),
            (upsert(), 413, message("request entity too large"), None),
            (upsert(), 429, "<html>slow down</html>".to_owned(), None),
            (upsert(), 401, "<html>sign in</html>".to_owned(), Some(Cause::Credentials)),
            (update(), 401, message("Invalid token: access token is invalid"), Some(Cause::Credentials)),
            (update(), 401, message("The token is not authorized for this scope."), Some(Cause::Credentials)),
            (update(), 401, message("version header was not found."), Some(Cause::Credentials)),
            (update(), 401, String::new(), Some(Cause::Credentials)),
            (update(), 401, message("Command timed out"), Some(Cause::Gateway)),
            (Call::ListTags, 401, message("Command timed out"), Some(Cause::Gateway)),
            (Call::ListTags, 401, message("Invalid token: access token is invalid"), Some(Cause::Credentials)),
            (Call::ListTags, 401, message("The token is not authorized for this scope."), Some(Cause::Forbidden)),
            (
                Call::CreatePipeline(samples::new_pipeline()),
                401,
                message("This route is not yet supported by the IAM Service. Please update your IAM config."),
                Some(Cause::Forbidden),
            ),
            (Call::DeleteContact(id("c1")), 400, gone.to_owned(), Some(Cause::Missing)),
            (
                Call::DeleteOpportunity { id: id("o1"), pipeline_id: id("p1") },
                404,
                no_opportunity.to_owned(),
                Some(Cause::Missing),
            ),
            (Call::DeleteCustomField(id("f1")), 404, message("Custom field not found"), Some(Cause::Missing)),
            (Call::DeleteCustomValue(id("v1")), 400, message("Custom value not found"), Some(Cause::Missing)),
            (Call::GetPipeline(id("p1")), 404, message("Pipeline with id p1 not found"), Some(Cause::Missing)),
            (Call::DeletePipeline(id("p1")), 404, message("Pipeline not found"), Some(Cause::Missing)),
            (
                Call::DeletePipeline(id("p1")),
                401,
                message("The token is not authorized for this scope."),
                Some(Cause::Forbidden),
            ),
            (Call::DeleteTag(id("t1")), 404, message("Cannot DELETE /locations/l/tags/t1"), None),
            (update(), 403, message("The token does not have access to this location."), Some(Cause::Credentials)),
            (update(), 403, message("Forbidden resource"), None),
            (update(), 403, "<title>Error 1010</title>".to_owned(), Some(Cause::Gateway)),
            (update(), 422, message("property x should not exist"), None),
            (update(), 422, message("property companyName should not exist"), Some(Cause::CompanyRefused)),
            (update(), 422, message("companyName must be a string"), None),
            (upsert(), 422, message("property companyName should not exist"), None),
            (update(), 429, message("Too Many Requests"), None),
            (update(), 400, r#"{"statusCode":429,"message":"Too Many Requests"}"#.to_owned(), None),
            (update(), 500, message("Internal server error"), None),
            (update(), 502, "<html></html>".to_owned(), None),
        ];
        for (call, status, body, expected) in cases {
            assert_eq!(failure(&call, status, &body).cause, expected, "{status} {body}");
        }
    }

    #[test]
    fn half_a_contact_is_not_shown() {
        let cases = [
            (r#"{"contact":{"email":"ann@example.com","#, None),
            (r#"{"contact":{"email":"ann@example.com"}}"#, None),
            (r#"{"statusCode":429,"message":"Too Many Requests"}"#, Some("Too Many Requests")),
            ("<html><title>Sign in</title></html>", Some("Sign in")),
        ];
        for (body, expected) in cases {
            assert_eq!(message_in_success(body).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn a_refusal_for_what_a_token_is_for_is_not_mended_by_a_new_one() {
        let stale =
            |status, message: &str| may_be_stale(&failure(&update(), status, &format!(r#"{{"message":"{message}"}}"#)));
        assert!(stale(401, "Invalid token: access token is invalid"));
        assert!(stale(401, "Invalid JWT"));
        for message in [
            "The token is not authorized for this scope.",
            "Token's user type mismatch!",
            "This authClass type is not allowed to access this scope. Please reach out",
            "This route is not yet supported by the IAM Service. Please update your IAM config.",
            "version header was not found.",
            "Command timed out",
        ] {
            assert!(!stale(401, message), "{message}");
        }
        assert!(!stale(403, "The token does not have access to this location."));
    }

    proptest! {
        #[test]
        fn no_body_makes_it_panic_or_grow(
            bytes in prop::collection::vec(any::<u8>(), 0..3000),
            tagged in "[<>/tilTITLE é\u{130}]{0,60}",
            status in 100u16..600,
        ) {
            let binary = String::from_utf8_lossy(&bytes).into_owned();
            for body in [&binary, &tagged, &format!("<{binary}"), &format!("<title>{binary}")] {
                for call in [upsert(), update(), create_opportunity(), update_opportunity()] {
                    prop_assert!(failure(&call, status, body).message.len() <= MAX_MESSAGE);
                }
            }
        }
    }
}
