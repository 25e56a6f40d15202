//! Routes a request to its endpoint.

use super::answer::SandboxAnswer;
use super::visit::Visit;
use super::{contact_search, contacts, locations, opportunities, opportunity_search, pipelines, v1};

/// Performs the request.
pub(crate) fn handle(visit: &mut Visit<'_>) -> SandboxAnswer {
    let request = visit.request;
    let handled = match (request.method.as_str(), request.segments().as_slice()) {
        (method, ["v1", path @ ..]) => v1::handle(visit, method, path),

        ("POST", ["contacts"]) => contacts::create(visit),
        ("GET", ["contacts"]) => contact_search::list(visit),
        ("POST", ["contacts", "upsert"]) => contacts::upsert(visit),
        ("POST", ["contacts", "search"]) => contact_search::search(visit),
        ("GET", ["contacts", "search", "duplicate"]) => contacts::find_duplicate(visit),
        ("GET", ["contacts", id]) => contacts::get(visit, id),
        ("PUT", ["contacts", id]) => contacts::update(visit, id),
        ("DELETE", ["contacts", id]) => contacts::delete(visit, id),
        ("POST", ["contacts", id, "tags"]) => contacts::add_tags(visit, id),
        ("DELETE", ["contacts", id, "tags"]) => contacts::remove_tags(visit, id),

        ("POST", ["opportunities"]) => opportunities::create(visit),
        ("GET", ["opportunities", "search"]) => opportunity_search::search(visit),
        ("GET", ["opportunities", "pipelines"]) => pipelines::list(visit),
        ("POST", ["opportunities", "pipelines"]) => pipelines::create(visit),
        ("GET", ["opportunities", "pipelines", id]) => pipelines::get(visit, id),
        ("PUT", ["opportunities", "pipelines", id]) => pipelines::update(visit, id),
        ("DELETE", ["opportunities", "pipelines", id]) => pipelines::delete(visit, id),
        ("GET", ["opportunities", id]) => opportunities::get(visit, id),
        ("PUT", ["opportunities", id]) => opportunities::update(visit, id),
        ("DELETE", ["opportunities", id]) => opportunities::delete(visit, id),
        ("PUT", ["opportunities", id, "status"]) => opportunities::set_status(visit, id),

        (method, ["locations", _, path @ ..]) => locations::handle(visit, method, path),
        ("GET", ["users"]) => locations::users(visit),

        (method, _) => Err(SandboxAnswer::unknown_path(method, &request.path)),
    };
    handled.unwrap_or_else(|refusal| refusal)
}
