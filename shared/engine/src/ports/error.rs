//! The error of an adapter.

/// A boxed error of an adapter.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A store or a queue reported a failure. The action may have been done all the same.
#[derive(Debug, thiserror::Error)]
#[error("{action} failed")]
pub struct PortError {
    /// The attempted action.
    pub action: &'static str,
    /// The cause.
    #[source]
    pub source: BoxError,
}

impl PortError {
    /// `action` failed because of `source`.
    pub fn new(action: &'static str, source: impl Into<BoxError>) -> Self {
        PortError { action, source: source.into() }
    }
}
