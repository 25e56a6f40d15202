//! Conflict rules: which side wins when GHL's content and ours differ.

use serde::{Deserialize, Serialize};
use strum::{EnumCount, IntoStaticStr};

/// What happens to a record when reconciling finds that somebody changed its contact in GHL and the contents differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, IntoStaticStr, EnumCount)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Conflict {
    /// Our content is sent again.
    #[default]
    Ours,
    /// GHL's content stands: the record is superseded and nothing is sent.
    Theirs,
    /// The latest change wins.
    Newest,
}

impl Conflict {
    /// All rules.
    pub const ALL: [Conflict; Conflict::COUNT] = [Conflict::Ours, Conflict::Theirs, Conflict::Newest];

    /// The rule's name, as stored.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}
