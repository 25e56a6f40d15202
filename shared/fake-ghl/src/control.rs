//! `/_sandbox/…`: for those who run the examination, not for those who are examined. Nothing of it is counted.

use http::Method;
use serde_json::{Value, json};

use super::answer::{Answer, Handled};
use super::fake::FakeGhl;
use super::faults::FaultChange;
use super::request::Request;

/// Answers a request to `/_sandbox/…`; `None` if it is to elsewhere.
pub(crate) fn handle(ghl: &FakeGhl, request: &Request) -> Option<Answer> {
    let segments = request.segments();
    let ["_sandbox", path @ ..] = segments.as_slice() else { return None };
    let handled = match (&request.method, path) {
        (&Method::GET, ["stats"]) => Ok(Answer::ok(json!(ghl.stats()))),
        (&Method::POST, ["reset"]) => ghl.reset().map(|()| Answer::ok(json!({}))).map_err(Answer::from),
        (&Method::POST, ["faults"]) => change_faults(ghl, request),
        (method, _) => Err(Answer::unknown_path(method.as_str(), &request.path)),
    };
    Some(handled.unwrap_or_else(|refusal| refusal))
}

fn change_faults(ghl: &FakeGhl, request: &Request) -> Handled {
    let change: FaultChange = ghl_sync_model::json::from_value(Value::Object(request.body()?.clone()))
        .map_err(|error| Answer::unprocessable([error.to_string()]))?;
    ghl.change_faults(change);
    Ok(Answer::ok(json!({})))
}
