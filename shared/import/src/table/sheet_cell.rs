//! Converts a workbook's cell to the text its sheet shows, as far as the format adds to the bare value.

use calamine::{DataRef, ExcelDateTime};

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A cell as text: whole numbers without a decimal point, with the zeros and signs of their format; dates as ISO 8601,
/// unless the format hides the year or the day, which were then never entered.
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
    let (signs, ..) = section(format);
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
    let Section { signs, has_condition } = section_for(number, format);
    if let Some(words) = words_only(&signs) {
        return words;
    }
    if signs.contains(&Sign::Code('%')) {
        return format!("{}%", float(number * 100.0));
    }
    let plain = float(number);
    let is_whole = plain.bytes().all(|byte| byte.is_ascii_digit());
    if has_condition || !is_whole { plain } else { by_pattern(&plain, &signs).unwrap_or(plain) }
}

/// The words that a section such as `"Yes"` shows instead of a number.
fn words_only(signs: &[Sign]) -> Option<String> {
    let text: Option<String> = signs.iter().map(|sign| sign.literal()).collect();
    text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty())
}

/// Digits in a format such as `00000`, `00000-0000`, `+0` or `"M-"0000`. `None` if it adds nothing, or more than
/// digits and signs.
fn by_pattern(digits: &str, signs: &[Sign]) -> Option<String> {
    let is_place = |sign: &Sign| matches!(sign, Sign::Code('0' | '#' | '?'));
    let first = signs.iter().position(is_place)?;
    let before: String = signs.get(..first)?.iter().filter_map(|sign| sign.literal()).collect();
    let zeros = signs.iter().filter(|sign| **sign == Sign::Code('0')).count();
    let is_readable = signs.iter().all(|sign| is_place(sign) || sign.literal().is_some());
    // In `M-0007` the text directly before the digits is part of the code. `USD 7` and `7 years` have a unit.
    let is_code = before.contains(char::is_alphabetic) && !before.ends_with(|c: char| c.is_whitespace() || c == ':');
    if !is_readable || (zeros < 2 && !before.contains('+') && !is_code) {
        return None;
    }
    let has_letters = signs.iter().any(|sign| matches!(sign, Sign::Literal(c) if c.is_alphabetic()));
    let after = if is_code { signs.iter().rposition(is_place)? + 1 } else { signs.len() };
    let mut left = digits.chars().rev();
    let mut shown: Vec<char> = Vec::new();
    let mut places = signs.iter().filter(|sign| is_place(sign)).count();
    for sign in signs.get(..after)?.iter().rev() {
        if is_place(sign) {
            places -= 1;
            match left.next() {
                Some(digit) => shown.push(digit),
                None if *sign == Sign::Code('0') => shown.push('0'),
                None => {}
            }
            if places == 0 {
                shown.extend(left.by_ref());
            }
        } else if is_code {
            shown.extend(sign.literal());
        } else if !has_letters {
            shown.extend(sign.shown());
        }
    }
    Some(shown.iter().rev().collect::<String>().trim().to_owned())
}

/// A character of a number format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// A digit placeholder, a part of a date, or another character with a meaning; in lower case.
    Code(char),
    /// A quoted or escaped character.
    Literal(char),
}

impl Sign {
    /// The character it shows by itself, if any.
    fn literal(self) -> Option<char> {
        match self {
            Sign::Literal(c) => Some(c),
            Sign::Code(_) => self.shown(),
        }
    }

    /// The character it adds to digits, if any. Letters are not part of a number.
    fn shown(self) -> Option<char> {
        let (Sign::Code(c) | Sign::Literal(c)) = self;
        matches!(c, '-' | '+' | '(' | ')' | ' ').then_some(c)
    }
}

/// A section of a format, for some numbers.
struct Section {
    signs: Vec<Sign>,
    /// Whether it applies only under a condition.
    has_condition: bool,
}

/// The section of a format that applies to a number. Separated by `;`, the sections are for positive, negative and
/// zero numbers, unless they have conditions.
fn section_for(number: f64, format: &str) -> Section {
    let mut rest = Some(format);
    let mut sections = Vec::new();
    while let Some(text) = rest {
        let (signs, condition, after) = section(text);
        sections.push((signs, condition));
        rest = after;
    }
    // The fourth section is for texts.
    sections.truncate(3);
    let has_condition = sections.iter().any(|(_, condition)| condition.is_some());
    let count = sections.len();
    let holds = |index: usize, condition: &Option<Condition>| match condition {
        Some(condition) => condition.holds(number),
        None if has_condition => index + 1 == count || (index == 0 && number > 0.0),
        None => match (index, count) {
            (0, 1) | (2, _) => true,
            (0, 2) => number >= 0.0,
            (0, _) => number > 0.0,
            _ => number < 0.0,
        },
    };
    let found = sections.iter().enumerate().position(|(index, (_, condition))| holds(index, condition)).unwrap_or(0);
    Section { signs: sections.into_iter().nth(found).map(|(signs, _)| signs).unwrap_or_default(), has_condition }
}

/// A condition such as `[=1]` or `[<=9999999]`.
struct Condition {
    sign: String,
    number: f64,
}

impl Condition {
    fn of(inside: &str) -> Option<Condition> {
        let number = inside.trim_start_matches(['<', '>', '=']);
        let sign = inside.strip_suffix(number).filter(|sign| !sign.is_empty())?;
        Some(Condition { sign: sign.to_owned(), number: number.trim().parse().ok()? })
    }

    fn holds(&self, number: f64) -> bool {
        let order = number.partial_cmp(&self.number);
        match order {
            Some(std::cmp::Ordering::Equal) => matches!(self.sign.as_str(), "=" | "<=" | ">="),
            Some(std::cmp::Ordering::Less) => self.sign.starts_with('<'),
            Some(std::cmp::Ordering::Greater) => matches!(self.sign.as_str(), ">" | ">=" | "<>"),
            None => false,
        }
    }
}

/// Parses a format up to the first `;`: its characters, its condition, and the rest.
fn section(format: &str) -> (Vec<Sign>, Option<Condition>, Option<&str>) {
    let (mut signs, mut condition) = (Vec::new(), None);
    let mut rest = format.chars();
    while let Some(c) = rest.next() {
        match c {
            ';' => return (signs, condition, Some(rest.as_str())),
            '\\' => signs.extend(rest.next().map(Sign::Literal)),
            // A blank as wide as the next character, or a fill with it.
            '_' | '*' => drop(rest.next()),
            '"' => signs.extend(rest.by_ref().take_while(|c| *c != '"').map(Sign::Literal)),
            '[' => {
                let inside: String = rest.by_ref().take_while(|c| *c != ']').collect();
                condition = condition.or_else(|| Condition::of(&inside));
            }
            c => signs.push(Sign::Code(c.to_ascii_lowercase())),
        }
    }
    (signs, condition, None)
}

/// A number with the fifteen digits that a spreadsheet keeps.
fn float(number: f64) -> String {
    // Larger floats cannot hold all digits.
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
            (1067.0, "\"D-\"00000", "D-01067"),
            (7.0, "\"M-\"0000", "M-0007"),
            (7.0, "\\S\\-0000", "S-0007"),
            (7.0, "\"M-\"0", "M-7"),
            (1_234_567.0, "\"K\"000-0000", "K123-4567"),
            (7.0, "\"USD \"0.00", "7"),
            (0.0, "\"No\";;\"Yes\"", "Yes"),
            (1.0, "\"No\";;\"Yes\"", "No"),
            (-1.0, "\"No\";;\"Yes\"", "-1"),
            (0.0, "\"Yes\";\"Yes\";\"No\"", "No"),
            (0.0, "[=1]\"Yes\";\"No\"", "No"),
            (1.0, "[=1]\"Yes\";[=0]\"No\"", "Yes"),
            (0.0, "[=1]\"Yes\";[=0]\"No\"", "No"),
            (2.0, "[Green]\"Yes\";[Red]\"No\"", "Yes"),
            (0.0, "General;;\"Yes\"", "Yes"),
            (5.0, ";;;", "5"),
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
