//! The columns that a reject list adds.

/// Columns that a reject list adds to those of the list.
pub(super) const OWN: [&str; 4] = ["_row", "_column", "_problem", DND];
/// Consent that is not in the row itself but comes from a heading, a title or another row: an opt-out of these
/// channels, or `?` if somebody must decide.
pub(crate) const DND: &str = "_dnd";

/// Whether a column name is one that reject lists add.
pub(crate) fn is_own_name(name: &str) -> bool {
    OWN.contains(&name)
}
