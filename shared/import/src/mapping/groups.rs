//! Which of several addresses of a list a column belongs to.

use super::aliases::SUFFIXES;
use super::{Field, Target};
use crate::name::key;

/// Beginnings of names that tell it: `Business City`.
const PREFIXES: &[&str] =
    &["business", "home", "other", "mailing", "billing", "shipping", "defaultaddress", "work", "address2", "address3"];

/// What a column of an address says beside the part's name: `business` of `Business City`.
pub(super) fn of_column(name: &str, target: &Target) -> String {
    let Target::Field(field) = target else { return String::new() };
    if !field.is_of_address() {
        return String::new();
    }
    let key = key(name);
    // `Address 2 (Apt)` is the second line of the one address that there is.
    let is_line_2 = |rest: &str| *field == Field::AddressLine2 && !rest.contains("address") && rest != "pobox";
    let prefix = PREFIXES.iter().find(|prefix| {
        key.strip_prefix(**prefix)
            .is_some_and(|rest| !(rest.is_empty() || prefix.starts_with("address") && is_line_2(rest)))
    });
    let is_more = |suffix: &&&str| key.strip_suffix(**suffix).is_some_and(|rest| !rest.is_empty());
    let suffix = SUFFIXES.iter().find(is_more);
    prefix.or(suffix).map(|group| (*group).to_owned()).unwrap_or_default()
}
