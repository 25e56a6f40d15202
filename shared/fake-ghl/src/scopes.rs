//! The scopes that requests require.

use http::Method;

use super::request::SandboxRequest;

/// The scope that a token needs for `request`; `None` if it needs none.
pub(crate) fn needed(request: &SandboxRequest) -> Option<String> {
    let what = match request.segments().as_slice() {
        ["opportunities", "pipelines"] if request.method == Method::POST => return Some("pipelines.create".to_owned()),
        ["opportunities", "pipelines", _] if !is_read(request) => "pipelines",
        ["contacts", ..] => "contacts",
        ["opportunities", ..] => "opportunities",
        ["locations", _, "customFields", ..] => "locations/customFields",
        ["locations", _, "customValues", ..] => "locations/customValues",
        ["locations", _, "tags", ..] => "locations/tags",
        ["locations", _] => "locations",
        ["users", ..] => "users",
        _ => return None,
    };
    Some(format!("{what}.{}", if is_read(request) { "readonly" } else { "write" }))
}

/// A search is a read, although it is a POST.
fn is_read(request: &SandboxRequest) -> bool {
    request.method == Method::GET || request.segments().last() == Some(&"search")
}
