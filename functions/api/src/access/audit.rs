//! The audit trail: each request that changed something, or was not allowed to.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use ghl_sync_model::{AuditedRequest, ImportId, Role};
use tracing::error;

use super::{Asked, Caller};
use crate::service::Api;

/// Puts of records are not audited: they are many, and each record tells when it was put, and by which import.
const PUTS: [&str; 3] = ["put_contacts", "put_opportunities", "put_part"];

/// What a request was about that its path does not name, such as the key that it made.
#[derive(Debug, Clone)]
pub(crate) struct Subject(pub(crate) String);

/// Writes an entry down. A trail that cannot be written is no reason to answer otherwise: what was asked for is done, and
/// the log has the request.
pub(super) async fn write(api: &Api, entry: &AuditedRequest) {
    if let Err(failed) = api.operator().audit(entry).await {
        error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
    }
}

/// What the trail says of a request and its answer; nothing if it does not belong there.
pub(super) fn entry(api: &Api, asked: &Asked, caller: &Caller, response: &Response) -> Option<AuditedRequest> {
    let rule = asked.rule(&api.rules)?;
    let changes = rule.role >= Role::Operate && asked.method != Method::GET && asked.method != Method::HEAD;
    let (status, done) = (response.status(), response.extensions());
    if !changes || PUTS.contains(&rule.operation.as_str()) || !is_noteworthy(status) {
        return None;
    }
    Some(AuditedRequest {
        at: api.engine.ports().clock.now(),
        request_id: asked.request_id.clone(),
        caller: caller.name.clone(),
        key: caller.key.clone(),
        operation: rule.operation.clone(),
        location: asked.location.as_ref().and_then(|location| location.parse().ok()),
        subject: done.get().map(|Subject(subject)| subject.clone()).or_else(|| asked.subject.clone()),
        status: status.as_u16(),
    })
}

/// What was refused as it was asked changed nothing; who tried what is not allowed shall be seen, and a failure may have
/// changed something all the same.
fn is_noteworthy(status: StatusCode) -> bool {
    !status.is_client_error() || status == StatusCode::FORBIDDEN
}

/// What the parameters of a path name besides the location: an import, a mirror's run, a migration or a key. Only ids of
/// ours: a record's may be anything.
pub(super) fn subject<'a>(named: impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let plain = |name: &str| ImportId::new(named(name)?).ok().map(String::from);
    let run = || Some(format!("{}/{}", plain("name")?, plain("run")?));
    plain("import_id").or_else(|| plain("migration_id")).or_else(|| plain("key_id")).or_else(run)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_id_of_a_record_and_nothing_that_is_no_id_is_a_subject() {
        let of = |names: &[(&str, &'static str)]| {
            subject(|name| names.iter().find(|(named, _)| *named == name).map(|(_, value)| *value))
        };
        assert_eq!(of(&[("location_id", "l"), ("import_id", "people-1")]).as_deref(), Some("people-1"));
        assert_eq!(of(&[("migration_id", "mig-1")]).as_deref(), Some("mig-1"));
        assert_eq!(of(&[("key_id", "abc")]).as_deref(), Some("abc"));
        assert_eq!(of(&[("name", "crm"), ("run", "1"), ("part", "0")]).as_deref(), Some("crm/1"));
        assert_eq!(of(&[("kind", "contact"), ("record_id", "ann")]), None);
        assert_eq!(of(&[("import_id", "ann@example.com")]), None);
    }
}
