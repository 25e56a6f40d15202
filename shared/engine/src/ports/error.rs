//! What went wrong in an adapter.

/// A boxed error of an adapter.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store or a queue did not do what was asked; it may have done it all the same.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed")]
pub struct PortError {
    /// What was tried.
    pub action: &'static str,
    /// Why it failed.
    #[source]
    pub source: BoxError,
}

impl PortError {
    /// `action` failed because of `source`.
    pub fn new(action: &'static str, source: impl Into<BoxError>) -> Self {
        PortError { action, source: source.into() }
    }
}
