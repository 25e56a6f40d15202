//! Normalises phone numbers as GHL stores them.

/// The number in E.164 form, or `None` if it cannot be one. A number without a country code counts as North American.
pub(crate) fn normalize(text: &str) -> Option<String> {
    let text = text.trim();
    if !text.chars().all(|c| c.is_ascii_digit() || "+ -().".contains(c)) {
        return None;
    }
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let international = text.starts_with('+');
    if text.matches('+').count() > usize::from(international) {
        return None;
    }
    match digits.len() {
        7..=15 if international && !digits.starts_with('0') => Some(format!("+{digits}")),
        10 if !international => Some(format!("+1{digits}")),
        11 if !international && digits.starts_with('1') => Some(format!("+{digits}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_number_are_one_number() {
        for text in ["+18885550100", "+1 888-555-0100", "(888) 555-0100", "1.888.555.0100", " 8885550100 "] {
            assert_eq!(normalize(text).as_deref(), Some("+18885550100"), "{text}");
        }
        assert_eq!(normalize("+49 30 123456").as_deref(), Some("+4930123456"));
    }

    #[test]
    fn what_is_no_number_is_refused() {
        for text in ["", "call me", "+", "123", "+0123456789", "+1+8885550100", "888555010", "+1234567890123456"] {
            assert_eq!(normalize(text), None, "{text}");
        }
    }
}
