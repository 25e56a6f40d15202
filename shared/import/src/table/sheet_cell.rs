//! A workbook's cell as the text that its sheet shows, as far as that is more than its bare value.

use calamine::{DataRef, ExcelDateTime};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A cell as text: numbers without a decimal point where there are no decimals, with the zeros and signs that their format
/// adds; dates as ISO 8601, unless their format hides the year or the day, which nobody has told then.
pub(super) fn text(value: &DataRef<'_>, format: &str) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number_shown(*number, format),
        DataRef::String(text) => text.clone(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(flag) => flag.to_string(),
        DataRef::DateTime(time) if time.is_datetime() && time.as_f64() >= 1.0 => date_shown(time, format),
        DataRef::DateTime(time) => float(time.as_f64()),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

fn date_shown(time: &ExcelDateTime, format: &str) -> String {
    let (year, month, day, hour, minute, second, _) = time.to_ymd_hms_milli();
    let (signs, _) = first_section(format);
    let has = |wanted: &[char]| signs.iter().any(|sign| matches!(sign, Sign::Code(c) if wanted.contains(c)));
    let name = MONTHS.get(usize::from(month).saturating_sub(1)).copied().unwrap_or_default();
    match (has(&['y', 'e', 'g', 'b']), has(&['d'])) {
        (false, true) if has(&['m']) => format!("{day} {name}"),
        (true, false) if has(&['m']) => format!("{name} {year:04}"),
        (true, false) => format!("{year:04}"),
        _ if (hour, minute, second) == (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
        _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
    }
}

fn number_shown(number: f64, format: &str) -> String {
    if let Some(word) = super::shown_word::word(number, format) {
        return word;
    }
    let (signs, has_condition) = first_section(format);
    if signs.contains(&Sign::Code('%')) {
        return format!("{}%", float(number * 100.0));
    }
    let plain = float(number);
    let is_whole = plain.bytes().all(|byte| byte.is_ascii_digit());
    if has_condition || !is_whole { plain } else { by_pattern(&plain, &signs).unwrap_or(plain) }
}

/// Digits in a format such as `00000`, `00000-0000` or `+0`. `None` if it adds nothing, or more than digits and signs.
fn by_pattern(digits: &str, signs: &[Sign]) -> Option<String> {
    let is_place = |sign: &&Sign| matches!(sign, Sign::Code('0' | '#' | '?'));
    let zeros = signs.iter().filter(|sign| **sign == Sign::Code('0')).count();
    let has_plus = signs.iter().take_while(|sign| !is_place(sign)).any(|sign| sign.shown() == Some('+'));
    let is_readable =
        signs.iter().all(|sign| is_place(&sign) || matches!(sign, Sign::Literal(_)) || sign.shown().is_some());
    if !is_readable || (zeros < 2 && !has_plus) {
        return None;
    }
    // `D-01067`: the letters and what joins them are no part of the code.
    let has_letters = signs.iter().any(|sign| matches!(sign, Sign::Literal(c) if c.is_alphabetic()));
    let mut left = digits.chars().rev();
    let mut shown: Vec<char> = Vec::new();
    let mut places = signs.iter().filter(is_place).count();
    for sign in signs.iter().rev() {
        if is_place(&sign) {
            places -= 1;
            match left.next() {
                Some(digit) => shown.push(digit),
                None if *sign == Sign::Code('0') => shown.push('0'),
                None => {}
            }
            if places == 0 {
                shown.extend(left.by_ref());
            }
        } else if !has_letters {
            shown.extend(sign.shown());
        }
    }
    Some(shown.iter().rev().collect::<String>().trim().to_owned())
}

/// A sign of a number's format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A place of a digit, a part of a date, or another sign with a meaning; in lower case.
    Code(char),
    /// In quotes or escaped.
    Literal(char),
}

impl Sign {
    /// What it adds to digits. Letters are no part of a number.
    fn shown(self) -> Option<char> {
        let (Sign::Code(c) | Sign::Literal(c)) = self;
        matches!(c, '-' | '+' | '(' | ')' | ' ').then_some(c)
    }
}

/// The signs of a format up to its first `;`, and whether that holds under a condition only.
fn first_section(format: &str) -> (Vec<Sign>, bool) {
    let (mut signs, mut has_condition) = (Vec::new(), false);
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match c {
            ';' => break,
            '\\' => signs.extend(rest.next().map(Sign::Literal)),
            // A blank as wide as the next sign, or as many of the next sign as fit.
            '_' | '*' => drop(rest.next()),
            '"' => signs.extend(rest.by_ref().take_while(|c| *c != '"').map(Sign::Literal)),
            '[' => {
                let inside: String = rest.by_ref().take_while(|c| *c != ']').collect();
                has_condition |= inside.starts_with(['<', '>', '=']);
            }
            c => signs.push(Sign::Code(c.to_ascii_lowercase())),
        }
    }
    (signs, has_condition)
}

/// A number with the fifteen digits that a spreadsheet keeps.
fn float(number: f64) -> String {
    // From here on a float has no room for all digits.
    if number.abs() >= 1e15 {
        return format!("{number:E}");
    }
    let rounded: f64 = format!("{number:.14e}").parse().unwrap_or(number);
    rounded.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_a_sheet_shows_them() {
        let cases = [
            (2_025_550_143.0, "General", "2025550143"),
            (7030.0, "General", "7030"),
            (12.5, "0.00", "12.5"),
            (0.1 + 0.2, "General", "0.3"),
            (7030.0, "00000", "07030"),
            (70_301_234.0, "00000\\-0000", "07030-1234"),
            (1067.0, "[$-407]00000", "01067"),
            (1067.0, "\"D-\"00000", "01067"),
            (4_915_123_456_789.0, "\\+0", "+4915123456789"),
            (4_915_123_456_789.0, "\"+\"#", "+4915123456789"),
            (2_025_550_143.0, "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####", "2025550143"),
            (2_025_550_143.0, "(000) 000-0000", "(202) 555-0143"),
            (0.07, "0%", "7%"),
            (1234.0, "#,##0", "1234"),
            (5.0, "0\" years\"", "5"),
        ];
        for (number, format, shown) in cases {
            assert_eq!(text(&DataRef::Float(number), format), shown, "{format}");
        }
        assert!(float(1.234_567_890_123_456_7e17).contains('E'));
    }
}
