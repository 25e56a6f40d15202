//! Phone numbers as E.164.
//!
//! National numbers are read for +1 only, where their form is fixed (area code and exchange do not begin with 0 or 1).
//! For any other country a file has to give the number with its `+`: guessing would reach the wrong person.

/// A phone number as GHL wants it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Phone {
    pub(super) e164: String,
    /// Whether the file's number went on with an extension.
    pub(super) extension_dropped: bool,
}

/// Reads a number that begins with `+` or, with `national`, one of the North American Numbering Plan.
pub(super) fn parse(text: &str, national: bool) -> Result<Phone, &'static str> {
    let (number, extension_dropped) = without_extension(text);
    let digits = digits(number).ok_or("is not a phone number")?;
    let e164 = if number.starts_with('+') {
        international(&digits).ok_or("is not a number that exists in E.164")?
    } else if national {
        north_american(&digits).ok_or("is not a US phone number, and without `+` it can be no other")?
    } else {
        return Err("is a national number of an unknown country: write it with `+` and the country's prefix");
    };
    Ok(Phone { e164, extension_dropped })
}

fn without_extension(text: &str) -> (&str, bool) {
    let Some(at) = text.find(|c: char| c.is_ascii_alphabetic() || c == '#') else { return (text, false) };
    let (number, rest) = text.split_at(at);
    let rest = rest.to_ascii_lowercase();
    let number_of_extension = ["extension", "ext", "x", "#"].iter().find_map(|word| rest.strip_prefix(word));
    let is_extension = number_of_extension.is_some_and(|rest| {
        let rest = rest.trim_matches([' ', '.', ':', '#', '=']);
        !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
    });
    if is_extension { (number.trim_end_matches([' ', ',', ';']), true) } else { (text, false) }
}

/// The digits of a number that has nothing else but a `+` ahead and the usual separators.
fn digits(number: &str) -> Option<String> {
    let is_separator =
        |c: char| c.is_whitespace() || matches!(c, '(' | ')' | '-' | '.' | '/' | '\u{2010}'..='\u{2013}');
    let number = number.strip_prefix('+').unwrap_or(number);
    number.chars().filter(|c| !is_separator(*c)).map(|c| c.is_ascii_digit().then_some(c)).collect()
}

fn international(digits: &str) -> Option<String> {
    match digits.as_bytes() {
        [b'1', ..] => north_american(digits),
        [b'2'..=b'9', ..] if (8..=15).contains(&digits.len()) => Some(format!("+{digits}")),
        _ => None,
    }
}

fn north_american(digits: &str) -> Option<String> {
    let ten = if digits.len() == 11 { digits.strip_prefix('1')? } else { digits };
    match ten.as_bytes() {
        [b'2'..=b'9', _, _, b'2'..=b'9', _, _, _, _, _, _] => Some(format!("+1{ten}")),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_phone_number_becomes_e164() {
        let cases = [
            ("504-621-8927", true, "+15046218927"),
            ("(504) 621-8927", true, "+15046218927"),
            ("1 504.621.8927", true, "+15046218927"),
            ("504\u{a0}621\u{2013}8927", true, "+15046218927"),
            ("+1 (504) 621-8927", false, "+15046218927"),
            ("+44 20 7946 0958", false, "+442079460958"),
            ("+49 30/123456", true, "+4930123456"),
        ];
        for (text, national, e164) in cases {
            let phone = Phone { e164: e164.to_owned(), extension_dropped: false };
            assert_eq!(parse(text, national), Ok(phone), "{text}");
        }
    }

    #[test]
    fn an_extension_is_dropped_and_said_to_be() {
        for text in ["504-621-8927 x12", "504-621-8927 ext. 12", "5046218927#12", "504-621-8927, Extension: 12"] {
            let phone = Phone { e164: "+15046218927".to_owned(), extension_dropped: true };
            assert_eq!(parse(text, true), Ok(phone), "{text}");
        }
    }

    #[test]
    fn what_cannot_be_a_phone_number_is_refused() {
        let cases = [
            "",
            "+",
            "unknown",
            "621-8927",
            "5.04622E+09",
            "5046218927.0",
            "104-621-8927",
            "504-121-8927",
            "x12",
            "504-621-8927 or later",
            "504-621-8927 ext",
            "+0441234567",
            "+1 555 0100",
            "+1234",
            "+1234567890123456",
            "504+6218927",
            "25046218927",
            "٥٠٤٦٢١٨٩٢٧",
        ];
        for text in cases {
            assert!(parse(text, true).is_err(), "{text}");
        }
        assert!(parse("504-621-8927", false).is_err());
    }
}
