//! Numbers and amounts of money. Their separators depend on the country.

use crate::DecimalMark;

/// Evidence for a column's decimal mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct NumberEvidence {
    point: bool,
    comma: bool,
    either: bool,
}

impl NumberEvidence {
    pub(crate) fn take(&mut self, text: &str) {
        match marks(&bare(text)) {
            Marks::None | Marks::Neither => {}
            Marks::Decimal('.') | Marks::Thousands(',') => self.point = true,
            Marks::Decimal(_) | Marks::Thousands(_) => self.comma = true,
            Marks::Either(_) => self.either = true,
        }
    }

    /// The decimal mark, if it matters. An error is a question.
    pub(crate) fn mark(self, told: Option<DecimalMark>) -> Result<Option<DecimalMark>, ()> {
        match (self.point, self.comma) {
            _ if told.is_some() || !self.either => Ok(told),
            (true, false) => Ok(Some(DecimalMark::Point)),
            (false, true) => Ok(Some(DecimalMark::Comma)),
            _ => Err(()),
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marks {
    None,
    /// A decimal mark.
    Decimal(char),
    /// A thousands separator.
    Thousands(char),
    /// As in `1.234`: either of both.
    Either(char),
    /// Not a number.
    Neither,
}

/// Strips currency, percent signs, and blanks and apostrophes between thousands. Other blanks or letters (`1 2`,
/// `1.5k`) stay, so that the text is no number.
fn bare(text: &str) -> String {
    let narrow = super::text::narrow(text);
    let is_currency = |c: char| matches!(c, '%' | '€' | '$' | '£' | '¥' | '₹' | '₽' | '₩');
    let without: String = narrow.chars().filter(|c| !is_currency(*c)).collect();
    let mut text = without.trim();
    let before = text.trim_start_matches(|c: char| c.is_ascii_alphabetic());
    if is_currency_word(text.strip_suffix(before).unwrap_or_default()) {
        text = before.trim_start();
    }
    let after = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    if is_currency_word(text.strip_prefix(after).unwrap_or_default()) {
        text = after.trim_end();
    }
    // `1.234,-` has no cents but shows the decimal mark.
    let whole = text.trim_end_matches(['-', '–', '—']);
    let with_cents = format!("{whole}00");
    let has_no_cents = whole.len() < text.len() && whole.ends_with(['.', ',']);
    let text = if has_no_cents { with_cents.as_str() } else { text.trim_end_matches(['.', ',']) };
    let is_blank = |c: char| c.is_whitespace() || matches!(c, '\u{a0}' | '\u{202f}' | '\'' | '’');
    let (sign, digits) = text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or_default());
    let mut groups = digits.split(is_blank).skip(1).peekable();
    let mut are_thousands = digits.split(is_blank).next().is_some_and(|first| first.len() <= 3);
    while let Some(group) = groups.next() {
        let whole = if groups.peek().is_none() { group.split(['.', ',', ')', '-']).next() } else { Some(group) };
        are_thousands &=
            whole.is_some_and(|whole| whole.len() == 3) || (groups.peek().is_none() && matches!(group, "" | "-" | ")"));
    }
    let sign: String = sign.chars().filter(|c| !is_blank(*c)).collect();
    let digits: String =
        if are_thousands { digits.chars().filter(|c| !is_blank(*c)).collect() } else { digits.to_owned() };
    format!("{sign}{digits}")
}

/// Whether a word is a currency: three capitals (`EUR`) or a known word (`kr`, `Fr.`). `k` and `M` mean thousands and
/// millions.
fn is_currency_word(word: &str) -> bool {
    let is_code = word.len() == 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    is_code
        || [
            "eur", "usd", "gbp", "chf", "euro", "euros", "dollars", "kr", "fr", "rs", "r", "zl", "kc", "us", "ca",
            "au", "pounds",
        ]
        .contains(&word.to_lowercase().as_str())
}

fn marks(text: &str) -> Marks {
    let signs: Vec<(usize, char)> = text.char_indices().filter(|(_, c)| matches!(c, '.' | ',')).collect();
    let groups: Vec<&str> =
        text.trim_start_matches(['-', '+', '(']).trim_end_matches([')', '-']).split(['.', ',']).collect();
    if groups.iter().any(|group| !group.bytes().all(|byte| byte.is_ascii_digit())) || groups.concat().is_empty() {
        return Marks::Neither;
    }
    let are_thousands = |groups: &[&str]| {
        groups.iter().skip(1).all(|group| group.len() == 3)
            && groups.first().is_some_and(|first| (1..=3).contains(&first.len()) && *first != "0")
    };
    match signs.as_slice() {
        [] => Marks::None,
        [(_, sign)] if are_thousands(&groups) => Marks::Either(*sign),
        [(_, sign)] => Marks::Decimal(*sign),
        [.., (_, before), (_, last)] if before == last => {
            if are_thousands(&groups) && signs.iter().all(|(_, sign)| sign == last) {
                Marks::Thousands(*last)
            } else {
                Marks::Neither
            }
        }
        [rest @ .., (_, last)] => {
            let whole = groups.get(..groups.len() - 1).unwrap_or_default();
            if rest.iter().all(|(_, sign)| sign != last) && are_thousands(whole) {
                Marks::Decimal(*last)
            } else {
                Marks::Neither
            }
        }
    }
}

/// Parses a number for JSON.
pub(crate) fn number(text: &str, mark: Option<DecimalMark>) -> Result<serde_json::Number, &'static str> {
    const EXPECTED: &str = "is not a number that can be read";
    let bare = bare(text);
    let point = match marks(&bare) {
        Marks::Neither => return scientific(&bare).ok_or(EXPECTED),
        Marks::None => None,
        Marks::Decimal(sign) => Some(sign),
        Marks::Thousands(',') => Some('.'),
        Marks::Thousands(_) => Some(','),
        Marks::Either(_) => match mark {
            Some(DecimalMark::Point) => Some('.'),
            Some(DecimalMark::Comma) => Some(','),
            None => return Err("may have thousands or decimals: say --decimal-point or --decimal-comma"),
        },
    };
    let is_negative = bare.starts_with('-') || bare.ends_with('-') || (bare.starts_with('(') && bare.ends_with(')'));
    let digits: String = bare
        .chars()
        .filter_map(|c| match c {
            c if c.is_ascii_digit() => Some(c),
            c if Some(c) == point => Some('.'),
            _ => None,
        })
        .collect();
    let text = format!("{}{digits}", if is_negative { "-" } else { "" });
    of_text(&text).ok_or(EXPECTED)
}

fn scientific(text: &str) -> Option<serde_json::Number> {
    let is_scientific =
        text.contains(['e', 'E']) && text.bytes().all(|byte| byte.is_ascii_digit() || b"eE+-.".contains(&byte));
    if is_scientific { of_text(text) } else { None }
}

/// A JSON number. More than fifteen digits would change when the number is read.
fn of_text(text: &str) -> Option<serde_json::Number> {
    let mantissa = text.split(['e', 'E']).next().unwrap_or_default();
    let digits: String = mantissa.chars().filter(char::is_ascii_digit).collect();
    let has_point = mantissa.contains('.');
    let digits = digits.trim_start_matches('0');
    let digits = if has_point { digits.trim_end_matches('0') } else { digits };
    if digits.len() > 15 {
        return None;
    }
    if let Ok(whole) = text.parse::<i64>() {
        return Some(whole.into());
    }
    serde_json::Number::from_f64(text.parse().ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_by_the_marks_of_their_column() {
        use DecimalMark::{Comma, Point};
        let cases = [
            ("1,234.56", None, "1234.56"),
            ("1.234,56", None, "1234.56"),
            ("1 234,5", None, "1234.5"),
            ("1'234.50", None, "1234.5"),
            ("$1,234", Some(Point), "1234"),
            ("1 234 567,50 kr", None, "1234567.5"),
            ("- 5", None, "-5"),
            ("5 -", None, "-5"),
            ("R$ 1.234,00", None, "1234.0"),
            ("CHF 1’234.50", None, "1234.5"),
            ("1.234 €", Some(Comma), "1234"),
            ("1.234", Some(Point), "1.234"),
            ("-5", None, "-5"),
            ("(5.50)", None, "-5.5"),
            ("12%", None, "12"),
            ("1,234,567", None, "1234567"),
            ("0.125", None, "0.125"),
            ("EUR 5,5", None, "5.5"),
            ("1.5E+3", None, "1500.0"),
            ("0,5", None, "0.5"),
            ("1234.5", None, "1234.5"),
            ("007", None, "7"),
            ("1.234,-", Some(Point), "1234.0"),
            ("1'234.-", None, "1234.0"),
            ("5,–", None, "5.0"),
        ];
        for (text, mark, json) in cases {
            assert_eq!(number(text, mark).map(|number| number.to_string()), Ok(json.to_owned()), "{text}");
        }
        for text in [
            "1.5k",
            "1 2",
            "3M",
            "12 34",
            "1 2345",
            "",
            "abc",
            "1.2.3",
            "1,2,3",
            "1.234",
            "12a4",
            "--",
            "9007199254740993",
            "0.1234567890123456",
        ] {
            assert!(number(text, None).is_err(), "{text}");
        }
    }

    #[test]
    fn a_column_proves_its_mark_or_asks() {
        let evidence = |numbers: &[&str]| {
            let mut evidence = NumberEvidence::default();
            numbers.iter().for_each(|number| evidence.take(number));
            evidence.mark(None)
        };
        assert_eq!(evidence(&["1.234", "1.234,50"]), Ok(Some(DecimalMark::Comma)));
        assert_eq!(evidence(&["1,234", "12.50"]), Ok(Some(DecimalMark::Point)));
        assert_eq!(evidence(&["1.234"]), Err(()));
        assert_eq!(evidence(&["12", "1.5"]), Ok(None));
    }
}
