//! Reads values from cells.

pub(crate) mod country;
pub(crate) mod date;
pub(crate) mod email;
pub(crate) mod entities;
pub(crate) mod lists;
pub(crate) mod months;
pub(crate) mod number;
pub(crate) mod phone;
pub(crate) mod status;
pub(crate) mod text;

pub(crate) use text::is_blank;

/// Whether a cell is a bare e-mail address or phone number: personal data, not a column name.
pub(crate) fn looks_like_contact_data(cell: &str) -> bool {
    if cell.len() > 400 {
        return false;
    }
    if cell.contains('@') {
        let bare = cell.trim().trim_matches(|c: char| "\"'<>=".contains(c));
        return email::is_address(bare) || email::emails(cell).is_ok_and(|emails| !emails.has_rest);
    }
    cell.bytes().filter(u8::is_ascii_digit).count() >= 7 && phone::looks_like_phone(cell)
}

/// Checks the form of an IANA time zone name. GHL checks that it exists.
pub(crate) fn timezone(text: &str) -> Result<String, &'static str> {
    let is_part = |part: &str| {
        !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_+-".contains(&byte))
    };
    let is_name = text == "UTC" || (text.contains('/') && text.split('/').all(is_part));
    is_name.then(|| text.to_owned()).ok_or("is not a time zone like America/New_York")
}
