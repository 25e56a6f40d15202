//! An invalid setting.

/// An invalid setting.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}` {reason}")]
pub struct SettingsError {
    /// The setting's name in JSON.
    pub field: &'static str,
    /// The problem, and how to fix it.
    pub reason: String,
}
