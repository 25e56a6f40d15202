//! Tells apart the columns of several addresses in a list.

use super::aliases::SUFFIXES;
use super::{Field, Target};
use crate::name::key;

/// Prefixes that name an address: `Business City`.
const PREFIXES: &[&str] =
    &["business", "home", "other", "mailing", "billing", "shipping", "defaultaddress", "work", "address2", "address3"];

/// The address that a column belongs to: `business` for `Business City`; empty if its name tells none.
pub(super) fn of_column(name: &str, target: &Target) -> String {
    let Target::Field(field) = target else { return String::new() };
    if !field.is_of_address() {
        return String::new();
    }
    let key = key(name);
    // `Address 2 (Apt)` is the second line of the only address.
    let is_line_2 = |rest: &str| *field == Field::AddressLine2 && !rest.contains("address") && rest != "pobox";
    let prefix = PREFIXES.iter().find(|prefix| {
        key.strip_prefix(**prefix)
            .is_some_and(|rest| !(rest.is_empty() || prefix.starts_with("address") && is_line_2(rest)))
    });
    let is_more = |suffix: &&&str| key.strip_suffix(**suffix).is_some_and(|rest| !rest.is_empty());
    let suffix = SUFFIXES.iter().find(is_more);
    prefix.or(suffix).map(|group| (*group).to_owned()).unwrap_or_default()
}
