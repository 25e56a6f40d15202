//! Browser sessions: started with a key, looked up by cookie, and ended.

use ghl_sync_engine::ports::{Entry, PortError, Replaced, Versioned};
use ghl_sync_model::{KeyId, Session};

use crate::Operator;

/// Tries to write when others keep writing first.
const TRIES: u32 = 3;

impl Operator {
    /// Starts a session under a new id.
    ///
    /// # Errors
    /// If the store fails, or the id belongs to another session; ids are random, so that does not happen.
    pub async fn begin_session(&self, id: &KeyId, session: &Session) -> Result<(), PortError> {
        match self.sessions().replace(id, 0, session).await? {
            Replaced::Written { .. } => Ok(()),
            Replaced::Conflict(_) => Err(PortError::new("sessions.write", "the id is another session's")),
        }
    }

    /// The current state of a session.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn session(&self, id: &KeyId) -> Result<Option<Session>, PortError> {
        Ok(self.sessions().load(id).await?.map(|entry| entry.value))
    }

    /// Ends a session, if it exists.
    ///
    /// # Errors
    /// If the store fails.
    pub async fn end_session(&self, id: &KeyId) -> Result<(), PortError> {
        let mut standing = self.sessions().load(id).await?;
        for _ in 0..TRIES {
            let Some(Entry { rev, value }) = standing.filter(|entry| !entry.value.ended) else { return Ok(()) };
            match self.sessions().replace(id, rev, &Session { ended: true, ..value }).await? {
                Replaced::Written { .. } => return Ok(()),
                Replaced::Conflict(other) => standing = other,
            }
        }
        Err(PortError::new("sessions.write", "somebody else was faster each time"))
    }

    fn sessions(&self) -> Versioned<Session> {
        Versioned::new(self.ports().items.clone())
    }
}
