//! The audit trail: each request that changed something or was forbidden.

use axum::http::{Method, StatusCode};
use axum::response::Response;
use ghl_sync_model::{AuditedRequest, ImportId, Role};
use tracing::error;

use super::{AccessAttempt, Caller};
use crate::service::ApiState;

/// Puts of records are not audited: there are too many, and each record stores its put time and import.
const PUTS: [&str; 3] = ["put_contacts", "put_opportunities", "put_part"];

/// The subject of a request that its path does not name, such as the key that it created.
#[derive(Debug, Clone)]
pub(crate) struct AuditSubject(pub(crate) String);

/// Stores an entry. A failed write does not change the response: the request is already done and is in the log.
pub(super) async fn write(api: &ApiState, entry: &AuditedRequest) {
    if let Err(failed) = api.operator().audit(entry).await {
        error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
    }
}

/// Returns the audit entry for a request and its response, or `None` if the request is not audited.
pub(super) fn entry(
    api: &ApiState,
    asked: &AccessAttempt,
    caller: &Caller,
    response: &Response,
) -> Option<AuditedRequest> {
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
        subject: done.get().map(|AuditSubject(subject)| subject.clone()).or_else(|| asked.subject.clone()),
        status: status.as_u16(),
    })
}

/// Other client errors changed nothing. A forbidden attempt should be visible, and a server error may have changed
/// something.
fn is_noteworthy(status: StatusCode) -> bool {
    !status.is_client_error() || status == StatusCode::FORBIDDEN
}

/// Returns the subject named by the path parameters besides the location: an import, a mirror's run, a migration or a
/// key. Only our own ids: a record id can hold anything.
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
