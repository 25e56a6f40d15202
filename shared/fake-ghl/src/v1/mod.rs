//! The legacy API, under `/v1`: the token determines the location, and there is no `Version`.

mod contacts;
mod opportunities;

use super::answer::{Handled, SandboxAnswer};
use super::visit::Visit;
use super::{custom_fields, pipelines};

/// Performs a request to `/v1/{path}`.
pub(crate) fn handle(visit: &mut Visit<'_>, method: &str, path: &[&str]) -> Handled {
    match (method, path) {
        ("POST", ["contacts"]) => contacts::upsert(visit),
        ("GET", ["contacts"]) => contacts::list(visit),
        ("GET", ["contacts", "lookup"]) => contacts::lookup(visit),
        ("GET", ["contacts", id]) => contacts::get(visit, id),
        ("PUT", ["contacts", id]) => contacts::update(visit, id),
        ("DELETE", ["contacts", id]) => contacts::delete(visit, id),
        ("POST", ["contacts", id, "tags"]) => contacts::add_tags(visit, id),
        ("DELETE", ["contacts", id, "tags"]) => contacts::remove_tags(visit, id),

        ("GET", ["pipelines"]) => pipelines::list_v1(visit),
        ("GET", ["pipelines", pipeline, "opportunities"]) => opportunities::list(visit, pipeline),
        ("POST", ["pipelines", pipeline, "opportunities"]) => opportunities::create(visit, pipeline),
        ("GET", ["pipelines", pipeline, "opportunities", id]) => opportunities::get(visit, pipeline, id),
        ("PUT", ["pipelines", pipeline, "opportunities", id]) => opportunities::update(visit, pipeline, id),
        ("DELETE", ["pipelines", pipeline, "opportunities", id]) => opportunities::delete(visit, pipeline, id),
        ("PUT", ["pipelines", pipeline, "opportunities", id, "status"]) => {
            opportunities::set_status(visit, pipeline, id)
        }

        ("GET", ["custom-fields"]) => custom_fields::list_v1(visit),
        ("POST", ["custom-fields"]) => custom_fields::create_v1(visit),
        ("DELETE", ["custom-fields", id]) => custom_fields::delete(visit, id),

        _ => Err(SandboxAnswer::unknown_path(method, &visit.request.path)),
    }
}
