//! The caller of a request.

use std::sync::Arc;

use ghl_sync_model::{KeyId, KeyRecord, Reach, Role};

/// An authenticated caller. Absent until the caller is identified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// Name for the log: the name of a key or of an AWS principal, or the `sub` of a token.
    pub name: String,
    /// Id of the key, if it is stored as a record.
    pub key: Option<KeyId>,
    /// Permissions of the caller.
    pub role: Role,
    /// The locations and tags that the caller is bound to; `None` if it may use all locations.
    pub reach: Option<Arc<Reach>>,
}

impl Caller {
    /// A caller with a key from the environment, or an AWS principal, whose rights AWS policies limit.
    pub(crate) fn with_all_rights(name: &str) -> Caller {
        Caller { name: name.to_owned(), key: None, role: Role::Admin, reach: None }
    }

    /// The only locations that the caller may see; `None` for all.
    #[must_use]
    pub fn own(&self) -> Option<&Reach> {
        self.reach.as_deref()
    }

    /// The owner of a stored key.
    pub(crate) fn of_key(id: &KeyId, key: &KeyRecord) -> Caller {
        Caller { name: key.name.clone(), key: Some(id.clone()), role: key.role, reach: key.reach().map(Arc::new) }
    }
}
