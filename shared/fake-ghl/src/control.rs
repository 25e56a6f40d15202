//! `/_sandbox/…`: control paths for the tester, not for the caller under test. These requests are not counted.

use http::Method;
use serde_json::{Value, json};

use super::answer::{Handled, SandboxAnswer};
use super::fake::FakeGhl;
use super::faults::FaultChange;
use super::request::SandboxRequest;

/// Answers a request to `/_sandbox/…`; `None` if it is for another path.
pub(crate) fn handle(ghl: &FakeGhl, request: &SandboxRequest) -> Option<SandboxAnswer> {
    let segments = request.segments();
    let ["_sandbox", path @ ..] = segments.as_slice() else { return None };
    let handled = match (&request.method, path) {
        (&Method::GET, ["stats"]) => Ok(SandboxAnswer::ok(json!(ghl.stats()))),
        (&Method::POST, ["reset"]) => ghl.reset().map(|()| SandboxAnswer::ok(json!({}))).map_err(SandboxAnswer::from),
        (&Method::POST, ["faults"]) => change_faults(ghl, request),
        (method, _) => Err(SandboxAnswer::unknown_path(method.as_str(), &request.path)),
    };
    Some(handled.unwrap_or_else(|refusal| refusal))
}

fn change_faults(ghl: &FakeGhl, request: &SandboxRequest) -> Handled {
    let change: FaultChange = ghl_sync_model::json::from_value(Value::Object(request.body()?.clone()))
        .map_err(|error| SandboxAnswer::unprocessable([error.to_string()]))?;
    ghl.change_faults(change);
    Ok(SandboxAnswer::ok(json!({})))
}
