//! Maps columns to targets: by the caller's mapping first, then by exact names. The first pass examines the rest.

mod aliases;
mod catalogue;
mod column;
mod columns;
mod field;
mod file;
mod groups;
mod house_number;

use crate::name::{key, without_brackets};

pub use catalogue::{CustomFieldType, FieldCatalogue, KnownField};
pub(crate) use column::{Column, Custom, Target};
pub(crate) use columns::Columns;
pub(crate) use field::Field;
pub use file::{Answers, Mapping, MappingError};
pub(crate) use house_number::{NumberSide, side, unit};

/// Targets in a mapping other than fields.
const OTHER_TARGETS: [&str; 14] = [
    "dnd",
    "dnd.email",
    "dnd.sms",
    "dnd.call",
    "optin",
    "optin.email",
    "optin.sms",
    "optin.call",
    "optin_until",
    "status",
    "subscription",
    "dnd_if_filled",
    "id",
    "ignore",
];

/// All targets that a mapping can name, except custom fields: contact fields, then consent, the list's own id, and
/// nothing.
#[must_use]
pub fn targets() -> Vec<String> {
    let fields = Field::ALL.map(Field::as_str);
    fields.iter().chain(&OTHER_TARGETS).map(|target| (*target).to_owned()).collect()
}

/// Whether a column name has a known meaning.
pub(crate) fn is_known(name: &str, mapping: &Mapping) -> bool {
    let key = key(name);
    !key.is_empty() && (alias(name).is_some() || crate::consent::of_column(name).is_some() || mapping.names(name))
}

/// Whether a column of this name identifies a contact.
pub(crate) fn says_who(name: &str, mapping: &Mapping) -> bool {
    let is_who = |alias| matches!(alias, Alias::Field(field) | Alias::Further(field) if field.says_who());
    mapping.names(name) || alias(name).is_some_and(is_who)
}

/// The meaning of a column name.
pub(crate) fn alias(name: &str) -> Option<aliases::Alias> {
    // Dynamics' own columns for finding its rows again: `(Do Not Modify) Contact`.
    if key(name).starts_with("donotmodify") {
        return Some(Alias::NoPlace);
    }
    aliases::of(&key(name)).or_else(|| aliases::of(&key(&without_brackets(name))))
}

pub(crate) use aliases::Alias;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_place_that_is_offered_can_be_named_in_a_mapping() {
        for target in targets() {
            let found = Target::of_name("column", &target, &FieldCatalogue::default());
            assert_eq!(found.unwrap().name().as_deref(), Some(target.as_str()));
        }
    }
}
