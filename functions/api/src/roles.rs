//! The role that each operation requires, and the operations open to keys that are bound to locations. This is the only
//! place that defines them. An operation that is not listed here requires an admin.

use std::collections::HashMap;

use axum::http::Method;
use ghl_sync_model::Role;
use ghl_sync_web::Caller;
use utoipa::openapi::path::Operation;
use utoipa::openapi::{OpenApi, PathItem};

use crate::problem::{ApiProblem, ProblemKind};

/// OpenAPI extension that states the required role.
const EXTENSION: &str = "x-required-role";

/// Operations by required role.
const NEEDED: [(Role, &[&str]); 3] = [
    // Reads only.
    (
        Role::Read,
        &[
            "dashboard",
            "failures",
            "list_imports",
            "list_lists",
            "list_locations",
            "list_migrations",
            "list_outcomes",
            "list_records",
            "list_rejects",
            "list_results",
            "list_status",
            "location",
            "location_overview",
            "lookup",
            "metrics",
            "migration_config",
            "migration_findings",
            "migration_mapping",
            "migration_report",
            "migration_status",
            "migration_summary",
            "mirror",
            "overview",
            "recent_imports",
            "record_status",
            "status",
        ],
    ),
    // Moves records, and starts and stops the sync. A connection test makes calls to GHL.
    (
        Role::Operate,
        &[
            "approve_migration",
            "cancel",
            "cancel_migration",
            "commit",
            "dismiss_failures",
            "erase",
            "forget",
            "hand_in_list",
            "map_list",
            "mend_failures",
            "pause",
            "pause_migration",
            "preview_migration",
            "put_contacts",
            "put_opportunities",
            "put_part",
            "replay",
            "reset_breaker",
            "resume",
            "resume_migration",
            "rollback_migration",
            "start_migration",
            "tell",
            "test_migration_connection",
            "undo_import",
        ],
    ),
    // Sets the credentials for GHL, the destination of outcomes, the settings of all migrations, and access rights.
    (
        Role::Admin,
        &[
            "audit",
            "list_keys",
            "make_key",
            "migration_environment",
            "patch_location",
            "patch_locations",
            "remove_location",
            "revoke_key",
            "set_location",
            "update_migration_config",
        ],
    ),
];

/// Operations without a location in their path that a bound key may use. The list of locations, the overview and the
/// metrics show only the key's own locations; the dashboard is the same page for everybody.
const FOR_BOUND_KEYS: [&str; 5] = ["dashboard", "list_locations", "metrics", "overview", "recent_imports"];
/// The OpenAPI document does not list itself. It is the same for everybody, too.
const DOCUMENT: &str = "/openapi.json";

/// Access rule of one operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rule {
    /// `operationId` in the OpenAPI document.
    pub(crate) operation: String,
    pub(crate) role: Role,
    is_for_bound_keys: bool,
}

/// The rules by method and route pattern.
#[derive(Debug, Default)]
pub(crate) struct RoleRules(HashMap<(Method, String), Rule>);

impl RoleRules {
    /// Builds the rules for the operations of `document`, and adds each required role to the document.
    pub(crate) fn tell(document: &mut OpenApi) -> RoleRules {
        let mut rules = RoleRules::default();
        for (path, item) in &mut document.paths.paths {
            for (method, operation) in operations(item) {
                let id = operation.operation_id.clone().unwrap_or_default();
                let rule = Rule {
                    role: needed(&id).unwrap_or(Role::Admin),
                    is_for_bound_keys: FOR_BOUND_KEYS.contains(&id.as_str()),
                    operation: id,
                };
                let extensions = operation.extensions.get_or_insert_default();
                extensions.insert(EXTENSION.to_owned(), rule.role.as_str().into());
                rules.0.insert((method, path.clone()), rule);
            }
        }
        let rule = Rule { operation: "openapi".to_owned(), role: Role::Read, is_for_bound_keys: true };
        rules.0.insert((Method::GET, DOCUMENT.to_owned()), rule);
        rules
    }

    /// Returns the rule of a route pattern.
    pub(crate) fn of(&self, method: &Method, path: &str) -> Option<&Rule> {
        // HEAD needs the same role as GET.
        let method = if method == Method::HEAD { &Method::GET } else { method };
        self.0.get(&(method.clone(), path.to_owned()))
    }
}

impl Rule {
    /// Checks that `caller` may use the operation. If the path names a location, `is_reached` checks that separately.
    pub(crate) fn allows(&self, caller: &Caller, names_location: bool) -> Result<(), ApiProblem> {
        let forbidden = |detail: String| Err(ApiProblem::new(ProblemKind::Forbidden, detail));
        if caller.role < self.role {
            let (needed, has) = (self.role.as_str(), caller.role.as_str());
            return forbidden(format!("this needs the role `{needed}`, and the caller has the role `{has}`"));
        }
        if caller.own().is_none() || names_location || self.is_for_bound_keys {
            return Ok(());
        }
        forbidden("this is about more than one location, and the caller is bound to some".to_owned())
    }
}

fn needed(operation: &str) -> Option<Role> {
    NEEDED.into_iter().find(|(_, operations)| operations.contains(&operation)).map(|(role, _)| role)
}

fn operations(item: &mut PathItem) -> impl Iterator<Item = (Method, &mut Operation)> {
    let of_method = [
        (Method::GET, &mut item.get),
        (Method::PUT, &mut item.put),
        (Method::POST, &mut item.post),
        (Method::DELETE, &mut item.delete),
        (Method::PATCH, &mut item.patch),
    ];
    of_method.into_iter().filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use ghl_sync_model::Reach;

    use super::*;

    /// An unlisted operation works for admins only, so a forgotten one is noticed.
    #[test]
    fn each_operation_has_its_role_and_each_role_is_of_an_operation() {
        let (_, mut document) = crate::guarded().split_for_parts();
        let mut operations: Vec<String> =
            RoleRules::tell(&mut document).0.into_values().map(|rule| rule.operation).collect();
        operations.retain(|operation| operation != "openapi");
        let mut named: Vec<&str> = NEEDED.into_iter().flat_map(|(_, operations)| operations).copied().collect();
        operations.sort_unstable();
        named.sort_unstable();
        assert_eq!(operations, named);
        assert!(FOR_BOUND_KEYS.into_iter().all(|operation| needed(operation) == Some(Role::Read)));
    }

    #[test]
    fn a_role_allows_what_it_needs_and_a_bound_key_nothing_about_all_locations() {
        let caller =
            |role, reach: Option<Reach>| Caller { name: "a".to_owned(), key: None, role, reach: reach.map(Arc::new) };
        let rule = |role, is_for_bound_keys| Rule { operation: String::new(), role, is_for_bound_keys };
        for needed in Role::ALL {
            for has in Role::ALL {
                let allowed = rule(needed, false).allows(&caller(has, None), true);
                assert_eq!(allowed.is_ok(), has >= needed, "{has:?} where {needed:?} is needed");
            }
        }
        let bound = caller(Role::Operate, Some(Reach::default()));
        let allowed = |is_for_bound_keys, names_location| {
            rule(Role::Read, is_for_bound_keys).allows(&bound, names_location).is_ok()
        };
        assert!(allowed(false, true) && allowed(true, false) && !allowed(false, false));
    }
}
