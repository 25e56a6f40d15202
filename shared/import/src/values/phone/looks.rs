//! Tests whether a text looks like a phone number, or like a North American one.

use rlibphonenumber::{PHONE_NUMBER_UTIL, enums::Region};

use super::{digits, groups};

/// Whether a text looks like a phone number and not like a date, a price or an id.
pub(crate) fn looks_like_phone(cell: &str) -> bool {
    let cell = cell.trim().trim_start_matches('\'');
    let digits = digits(cell);
    if !(7..=15).contains(&digits)
        || cell.len() > 30
        || !cell.chars().all(|c| c.is_numeric() || "+-. ()/\u{a0}".contains(c))
    {
        return false;
    }
    if cell.starts_with('+') {
        return digits >= 8;
    }
    let groups = cell.split(|c: char| !c.is_numeric()).filter(|group| !group.is_empty()).count();
    let is_date = groups == 3 && digits <= 8;
    let is_decimal = groups == 2 && cell.contains('.');
    let is_formatted = groups >= 2 && (cell.contains(['(', ' ', '-']) || groups >= 3);
    let is_time = groups >= 4 && cell.starts_with("20") && digits == 14;
    is_formatted && !is_date && !is_decimal && !is_time && digits >= 9 && !cell.starts_with('-')
}

/// Whether a national number is valid in the US and grouped as there.
pub(crate) fn is_american(cell: &str) -> bool {
    let is_grouped = matches!(groups(cell).as_slice(), [10] | [11] | [3, 7] | [3, 3, 4] | [1, 3, 3, 4] | [1, 10]);
    let parsed = || PHONE_NUMBER_UTIL.parse(cell, "US".parse::<Region>().ok()).ok();
    is_grouped
        && !cell.contains('+')
        && parsed().is_some_and(|number| number.country_code == 1 && number.is_valid() && !is_canadian(&number))
}

fn is_canadian(number: &rlibphonenumber::PhoneNumber) -> bool {
    "CA".parse::<Region>().is_ok_and(|canada| number.is_valid_for_region(canada))
}

/// Whether bare digits may be a phone number: ten digits as in North America, or a leading zero as elsewhere. They may
/// also be an id.
pub(crate) fn may_be_phone(cell: &str) -> bool {
    let digits = cell.strip_prefix('\'').unwrap_or(cell).as_bytes();
    digits.iter().all(u8::is_ascii_digit)
        && match digits {
            [b'1', b'2'..=b'9', _, _, b'2'..=b'9', rest @ ..] => rest.len() == 6,
            [b'2'..=b'9', _, _, b'2'..=b'9', rest @ ..] => rest.len() == 6,
            [b'0', b'1'..=b'9', rest @ ..] => (8..=10).contains(&rest.len()),
            _ => false,
        }
}
