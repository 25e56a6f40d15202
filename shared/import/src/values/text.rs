//! Cleans text of traces of spreadsheets, databases and web pages.

use std::borrow::Cow;
use std::sync::LazyLock;

/// Invisible characters that make equal texts differ.
fn is_invisible(c: char) -> bool {
    matches!(c, '\u{200b}' | '\u{feff}' | '\u{2060}' | '\u{ad}' | '\u{180e}')
}

/// Marks for text direction or joined letters. They matter inside a text, but not at its ends.
fn is_mark(c: char) -> bool {
    matches!(c, '\u{200c}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{61c}')
}

/// Whether the text has no visible character.
pub(crate) fn is_blank(text: &str) -> bool {
    text.chars().all(|c| c.is_whitespace() || is_invisible(c) || is_mark(c))
}

/// Strips blanks and marks at the ends and all invisible characters, and turns hard spaces into spaces.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if text.is_ascii() {
        let is_trim = |byte: Option<&u8>| byte.is_none_or(u8::is_ascii_graphic);
        let bytes = text.as_bytes();
        return Cow::Borrowed(if is_trim(bytes.first()) && is_trim(bytes.last()) { text } else { text.trim() });
    }
    let trimmed = text.trim_matches(|c: char| c.is_whitespace() || is_invisible(c) || is_mark(c));
    if !trimmed.contains(|c| is_invisible(c) || is_space(c)) {
        return Cow::Borrowed(trimmed);
    }
    let seen = trimmed.chars().filter(|c| !is_invisible(*c)).map(|c| if is_space(c) { ' ' } else { c });
    Cow::Owned(seen.collect())
}

fn is_space(c: char) -> bool {
    matches!(c, '\u{a0}' | '\u{2007}' | '\u{202f}')
}

/// A cell's text, without the marks by which spreadsheets keep a number as text: `="07030"`, `'07030`.
pub(crate) fn value(cell: &str) -> Cow<'_, str> {
    let text = clean(cell);
    // A quick exit: nearly all cells have neither marks nor entities.
    let is_plain = !matches!(text.as_bytes().first(), Some(b'=' | b'"' | b'\''))
        && memchr::memchr(b'&', text.as_bytes()).is_none();
    if is_plain {
        return text;
    }
    let text = match without_formula(&text).map(str::to_owned) {
        Some(bare) => Cow::Owned(clean(&bare).into_owned()),
        None => text,
    };
    match super::entities::decoded(&text) {
        Some(decoded) => Cow::Owned(clean(&decoded).into_owned()),
        None => text,
    }
}

/// The original of a text that was UTF-8 but was read as Windows-1252.
pub(crate) fn misread(text: &str) -> Option<String> {
    if text.is_ascii() || !text.contains(['Ã', 'Â', 'â', 'Å', 'Ä', 'Ð', 'Ñ', 'Î', 'Ø', 'Ù', 'ã']) {
        return None;
    }
    let (bytes, _, has_other) = encoding_rs::WINDOWS_1252.encode(text);
    let meant = String::from_utf8(bytes.into_owned()).ok().filter(|_| !has_other)?;
    let is_text = !meant.chars().any(char::is_control);
    (is_text && meant.chars().count() < text.chars().count()).then_some(meant)
}

fn without_formula(text: &str) -> Option<&str> {
    if let Some(inner) = text.strip_prefix("=\"\"").and_then(|rest| rest.strip_suffix("\"\""))
        && !inner.contains('"')
    {
        return Some(inner);
    }
    let formula = text.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = formula.filter(|inner| !inner.contains('"')) {
        return Some(inner);
    }
    let quoted = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    if let Some(inner) = quoted.filter(|inner| !inner.contains('"') && !inner.is_empty()) {
        return Some(inner);
    }
    // In names such as 't Hooft the apostrophe belongs to the name.
    text.strip_prefix('\'')
        .filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit() || "+=-@(".contains(c)) && !is_short_year(rest))
        .map(|rest| rest.strip_suffix('\'').unwrap_or(rest))
}

/// `'47 Brand`, `'90s Kids`: a short year, with an apostrophe that belongs to it.
fn is_short_year(text: &str) -> bool {
    let rest = text.trim_start_matches(|c: char| c.is_ascii_digit());
    let rest = rest.strip_prefix('s').unwrap_or(rest);
    text.len() > 2
        && text.bytes().take_while(u8::is_ascii_digit).count() == 2
        && (rest.is_empty() || (rest.starts_with(' ') && rest.trim_start().starts_with(char::is_alphabetic)))
}

/// Words that databases, spreadsheets and people write for an empty value, in lower case.
pub(crate) const NULL_WORDS: &[&str] = &[
    "null",
    "(null)",
    "<null>",
    "[null]",
    "{null}",
    "\\n",
    "n/a",
    "#n/a",
    "n.a.",
    "n.a",
    "n\\a",
    "na",
    "<na>",
    "n/d",
    "nan",
    "none",
    "(none)",
    "<none>",
    "nil",
    "(blank)",
    "[blank]",
    "<blank>",
    "(empty)",
    "[empty]",
    "<empty>",
    "(leer)",
    "(vide)",
    "(vacío)",
    "undefined",
    "#undefined",
    "not available",
    "not applicable",
    "not provided",
    "not specified",
    "no data",
    "no value",
    "k.a.",
    "k. a.",
    "s/o",
    "nicht verfügbar",
    "#null!",
    "#nul!",
    "#nv",
    "#n/d",
    "#n/d!",
    "#н/д",
    "nat",
    "tbd",
    "-",
    "--",
    "---",
    "–",
    "—",
    ".",
    "..",
    "...",
    "?",
    "??",
    "???",
    "/",
    "''",
    "\"\"",
    "x'00'",
    "[]",
    "{}",
    "[null]",
    "[\"\"]",
];

/// The same words by their first byte, for a quick lookup: few cells begin like one.
static NULLS_BY_START: LazyLock<Vec<Vec<&str>>> = LazyLock::new(|| {
    let mut by_start = vec![Vec::new(); 256];
    for word in NULL_WORDS {
        let start = word.bytes().next().and_then(|byte| by_start.get_mut(usize::from(byte)));
        start.into_iter().for_each(|words: &mut Vec<&str>| words.push(word));
    }
    by_start
});

/// Whether a cell's text means empty.
pub(crate) fn is_null(text: &str) -> bool {
    let like = |text: &str| {
        let start = text.bytes().next().map(|byte| usize::from(byte.to_ascii_lowercase()));
        let words = start.and_then(|start| NULLS_BY_START.get(start)).map_or(&[][..], Vec::as_slice);
        words.iter().any(|word| word.eq_ignore_ascii_case(text))
    };
    text.len() <= 20 && if text.is_ascii() { like(text) } else { like(&text.to_lowercase()) }
}

/// Whether such a text may also be a name: Mr Null, Na Li, Nan, Nat.
pub(crate) fn is_perhaps_a_name(text: &str) -> bool {
    matches!(text, "Null" | "Na" | "Nan" | "Nil" | "Nat")
}

/// Why a text is damaged and cannot be sent; `None` if it is fine.
pub(crate) fn damage(text: &str) -> Option<&'static str> {
    if is_formula(text) {
        return Some("is a spreadsheet's formula: export its value");
    }
    if is_error(text) {
        return Some("is an error of a spreadsheet's formula, whose value is lost: mend the formula");
    }
    if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
        return None;
    }
    if text.contains('\u{fffd}') {
        return Some("has a character that could not be read: correct it in the list, or say the list's --encoding");
    }
    text.contains(|c: char| c.is_control() && !matches!(c, '\n' | '\t' | '\r'))
        .then_some("has a control character (such as NUL): remove it")
}

/// Whether it is the error of a spreadsheet formula: `#REF!`, `#NOM?`, `#¡VALOR!`, or Google's text for a cell in
/// progress. A failed look-up (`#N/A`) also counts as empty.
pub(crate) fn is_error(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('#') else { return text == "Loading..." };
    let word = rest.trim_start_matches(['¡', '¿']).strip_suffix(['!', '?']);
    let is_sign = |c: char| c.is_uppercase() || c.is_ascii_digit() || matches!(c, '/' | '_');
    let is_word = |word: &str| word.chars().count() >= 3 && word.chars().all(is_sign);
    is_null(text) || word.is_some_and(is_word) || matches!(rest, "GETTING_DATA" | "ERROR" | "ERR" | "UNKNOWN")
}

/// Whether a spreadsheet has lost digits of a number: `1.23457E+15`, `####`.
pub(crate) fn has_lost_digits(text: &str) -> bool {
    if !text.starts_with(|c: char| c.is_ascii_digit() || c == '#') {
        return false;
    }
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let is_scientific = || {
        let (number, power) = text.split_once(['E', 'e'])?;
        let (whole, decimals) = number.split_once(['.', ','])?;
        let power = power.strip_prefix('+').unwrap_or(power);
        Some(whole.len() == 1 && is_digits(whole) && is_digits(decimals) && power.len() == 2 && is_digits(power))
    };
    (text.len() > 2 && text.bytes().all(|byte| byte == b'#')) || is_scientific() == Some(true)
}

/// Whether it is a formula: `=A1&B1`, `=SUM(A1:A2)`, `="Mr "&A1`.
fn is_formula(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('=') else { return false };
    if rest.starts_with('"') && rest.contains("\"&") {
        return true;
    }
    let name = rest.trim_start_matches(['+', '-', '$', '@']);
    let letters = name.chars().take_while(|c| c.is_ascii_alphabetic() || *c == '_').count();
    let after = name.get(letters..).unwrap_or_default().trim_start_matches('$');
    letters > 0 && (after.starts_with(['(', '!', '.']) || after.starts_with(|c: char| c.is_ascii_digit()))
}

/// Strips a spreadsheet's decimal: `7030.0` is `7030`.
pub(crate) fn whole_number(text: &str) -> &str {
    let is_whole = |whole: &&str| !whole.is_empty() && whole.bytes().all(|byte| byte.is_ascii_digit());
    text.strip_suffix(".0").filter(is_whole).unwrap_or(text)
}

/// Converts full-width characters of East Asian keyboards to ASCII.
pub(crate) fn narrow(text: &str) -> Cow<'_, str> {
    if text.is_ascii() || !text.contains(|c| matches!(c, '\u{ff01}'..='\u{ff5e}' | '\u{3000}')) {
        return Cow::Borrowed(text);
    }
    let narrow = |c: char| match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        c => c,
    };
    Cow::Owned(text.chars().map(narrow).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_sees_is_taken_off_and_what_means_something_stays() {
        let cases = [
            ("\u{200b}per\u{a0}", "per"),
            ("a\u{200b}b\u{ad}", "ab"),
            ("\u{202a}+1\u{202c}", "+1"),
            ("👩\u{200d}👧", "👩\u{200d}👧"),
            ("می\u{200c}خواهم", "می\u{200c}خواهم"),
            ("Ann\u{a0}Lee", "Ann Lee"),
            ("O’Neil “Bo”", "O’Neil “Bo”"),
        ];
        for (text, cleaned) in cases {
            assert_eq!(clean(text), cleaned);
        }
    }

    #[test]
    fn marks_that_keep_a_number_a_text_are_no_part_of_it() {
        let cases = [
            ("=\"07030\"", "07030"),
            ("=\"\"07030\"\"", "07030"),
            ("'07030", "07030"),
            ("'+1202", "+1202"),
            ("'t Hooft", "'t Hooft"),
            ("'47 Brand", "'47 Brand"),
            ("'90s", "'90s"),
            ("'47", "47"),
            ("'5 Pine St", "5 Pine St"),
            ("'quoted'", "'quoted'"),
            ("=A1", "=A1"),
            ("Moe \"Best\" Tools", "Moe \"Best\" Tools"),
        ];
        for (cell, text) in cases {
            assert_eq!(value(cell), text);
        }
    }

    #[test]
    fn errors_of_formulas_are_no_values_in_any_language() {
        for text in ["#REF!", "#NAME?", "#DIV/0!", "#SPILL!", "#PYTHON!", "#¡VALOR!", "#ССЫЛКА!", "#NOM?", "Loading..."]
        {
            assert!(damage(text).is_some() && is_error(text) && !is_null(text), "{text}");
        }
        for text in ["#1", "#winning", "# 5!", "#5", "C#!"] {
            assert!(damage(text).is_none() && !is_error(text), "{text}");
        }
    }

    #[test]
    fn words_for_nothing_are_nothing() {
        for word in ["NULL", "n/a", "#N/A", "\\N", "-", "None", "NaN", "(blank)", "#N/D"] {
            assert!(is_null(word), "{word}");
        }
        for word in ["Nora", "0", "No", "Unknown", "N", "Ana"] {
            assert!(!is_null(word), "{word}");
        }
    }
}
