//! The legacy API, under `/v1`: the token says the location, and there is no `Version`.

mod contacts;
mod opportunities;

use super::answer::{Answer, Handled};
use super::visit::Visit;

/// Does what a request to `/v1/{path}` asks for.
pub(crate) fn handle(visit: &mut Visit<'_>, method: &str, path: &[&str]) -> Handled {
    match (method, path) {
        ("POST", ["contacts"]) => contacts::upsert(visit),
        ("GET", ["contacts"]) => contacts::list(visit),
        ("GET", ["contacts", "lookup"]) => contacts::lookup(visit),
        ("GET", ["contacts", id]) => contacts::get(visit, id),
        ("PUT", ["contacts", id]) => contacts::update(visit, id),
        ("POST", ["contacts", id, "tags"]) => contacts::add_tags(visit, id),

        ("GET", ["pipelines"]) => opportunities::pipelines(),
        ("GET", ["pipelines", pipeline, "opportunities"]) => opportunities::list(visit, pipeline),
        ("POST", ["pipelines", pipeline, "opportunities"]) => opportunities::create(visit, pipeline),
        ("GET", ["pipelines", pipeline, "opportunities", id]) => opportunities::get(visit, pipeline, id),
        ("PUT", ["pipelines", pipeline, "opportunities", id]) => opportunities::update(visit, pipeline, id),
        ("PUT", ["pipelines", pipeline, "opportunities", id, "status"]) => {
            opportunities::set_status(visit, pipeline, id)
        }

        _ => Err(Answer::unknown_path(method, &visit.request.path)),
    }
}
