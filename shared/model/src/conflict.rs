//! Who wins where GHL and we differ.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

/// What becomes of a record whose contact somebody else changed in GHL, when reconciling finds that the two differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoStaticStr, EnumCount)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Conflict {
    /// Our record's content is sent again.
    #[default]
    Ours,
    /// GHL's content stands: the record is superseded, and nothing is sent.
    Theirs,
    /// What was changed last stands.
    Newest,
}

impl Conflict {
    /// All of them.
    pub const ALL: [Conflict; Conflict::COUNT] = [Conflict::Ours, Conflict::Theirs, Conflict::Newest];

    /// The rule as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
