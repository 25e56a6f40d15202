//! Splits the text of a record into cells.

use std::fmt;

/// The character between cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Delimiter(pub(crate) char);

impl Delimiter {
    pub(crate) const COMMA: Delimiter = Delimiter(',');
    /// Delimiters to try, the most common first.
    pub(crate) const CANDIDATES: [Delimiter; 9] = [
        Delimiter(','),
        Delimiter(';'),
        Delimiter('\t'),
        Delimiter('|'),
        Delimiter(':'),
        Delimiter('^'),
        Delimiter('~'),
        Delimiter('\u{1f}'),
        Delimiter('\u{1}'),
    ];
}

impl fmt::Display for Delimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            ',' => f.write_str("comma"),
            ';' => f.write_str("semicolon"),
            '\t' => f.write_str("tab"),
            '|' => f.write_str("pipe"),
            ':' => f.write_str("colon"),
            sign if sign.is_control() => write!(f, "U+{:04X}", u32::from(sign)),
            sign => write!(f, "{sign}"),
        }
    }
}

/// A convention for quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dialect {
    /// A quote in a quoted cell is doubled.
    Standard,
    /// `\"` is a quote, as MySQL writes it.
    Backslash,
    /// Blanks, or the `=` of a formula, may precede an opening quote.
    Spaced,
}

/// Result of splitting a record.
pub(crate) struct Split {
    pub(crate) cells: Vec<String>,
    /// Whether a quote is still open at the end.
    pub(crate) is_open: bool,
    /// Whether a quoted cell contains an undoubled quote.
    pub(crate) has_stray_quote: bool,
}

/// Splits the text of a record. A quoted cell ends at a quote followed by a delimiter or the end.
pub(crate) fn split(text: &str, delimiter: Delimiter, dialect: Dialect) -> Split {
    if is_plain(text) {
        return plain(text, delimiter, Vec::new());
    }
    let mut split = Split { cells: Vec::new(), is_open: false, has_stray_quote: false };
    let mut rest = text;
    loop {
        let (cell, after) = match opened(rest, dialect) {
            Some(quoted) => {
                let (cell, after) = quoted_cell(quoted, delimiter, dialect, &mut split);
                (cell, after)
            }
            None => plain_cell(rest, delimiter),
        };
        split.cells.push(cell);
        match after.strip_prefix(delimiter.0) {
            Some(next) => rest = next,
            None => return split,
        }
    }
}

/// Whether a text has no quotes, so that [`plain`] can split it.
pub(super) fn is_plain(text: &str) -> bool {
    memchr::memchr(b'"', text.as_bytes()).is_none()
}

/// Splits a text without quotes, reusing the given cells.
pub(super) fn plain(text: &str, delimiter: Delimiter, mut cells: Vec<String>) -> Split {
    let mut count = 0;
    let mut put = |cell: &str| {
        match cells.get_mut(count) {
            Some(known) => {
                known.clear();
                known.push_str(cell);
            }
            None => cells.push(cell.to_owned()),
        }
        count += 1;
    };
    match u8::try_from(delimiter.0).ok().filter(u8::is_ascii) {
        None => text.split(delimiter.0).for_each(put),
        Some(sign) => {
            let mut start = 0;
            for end in memchr::memchr_iter(sign, text.as_bytes()).chain([text.len()]) {
                put(text.get(start..end).unwrap_or_default());
                start = end + 1;
            }
        }
    }
    cells.truncate(count);
    Split { cells, is_open: false, has_stray_quote: false }
}

/// The text after a cell's opening quote, if there is one.
fn opened(rest: &str, dialect: Dialect) -> Option<&str> {
    let rest = match dialect {
        Dialect::Spaced => {
            let trimmed = rest.trim_start_matches(' ');
            trimmed.strip_prefix('=').filter(|formula| formula.starts_with('"')).unwrap_or(trimmed)
        }
        Dialect::Standard | Dialect::Backslash => rest,
    };
    rest.strip_prefix('"')
}

fn plain_cell(rest: &str, delimiter: Delimiter) -> (String, &str) {
    let end = rest.find(delimiter.0).unwrap_or(rest.len());
    let (cell, after) = rest.split_at(end);
    (unquoted(cell).to_owned(), after)
}

/// The content of the quotes, if a cell is blanks and then a quoted text.
fn unquoted(cell: &str) -> &str {
    let trimmed = cell.trim_matches(' ');
    let inner = trimmed.strip_prefix('"').and_then(|inner| inner.strip_suffix('"'));
    match inner {
        Some(inner) if trimmed.len() < cell.len() && !inner.contains('"') => inner,
        _ => cell,
    }
}

fn quoted_cell<'t>(quoted: &'t str, delimiter: Delimiter, dialect: Dialect, split: &mut Split) -> (String, &'t str) {
    let mut cell = String::new();
    let mut rest = quoted;
    loop {
        let signs: &[char] = if dialect == Dialect::Backslash { &['"', '\\'] } else { &['"'] };
        let Some(at) = rest.find(signs) else {
            cell.push_str(rest);
            split.is_open = true;
            return (cell, "");
        };
        let (before, sign_on) = rest.split_at(at);
        cell.push_str(before);
        let mut signs = sign_on.chars();
        let sign = signs.next();
        let after = signs.as_str();
        if sign == Some('\\') {
            let escaped = after.starts_with(['"', '\\']);
            let taken = after.chars().next().filter(|_| escaped);
            cell.push(taken.unwrap_or('\\'));
            rest = after.get(taken.map_or(0, char::len_utf8)..).unwrap_or_default();
            continue;
        }
        if let Some(next) = after.strip_prefix('"') {
            // A doubled quote, unless the first one closes the cell: `""` before a delimiter is an empty cell.
            cell.push('"');
            rest = next;
            continue;
        }
        let end = after.trim_start_matches(' ');
        if end.is_empty() || end.starts_with(delimiter.0) {
            return (cell, end);
        }
        if after.starts_with(delimiter.0) {
            return (cell, after);
        }
        split.has_stray_quote = true;
        cell.push('"');
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cells(text: &str, dialect: Dialect) -> Vec<String> {
        let split = split(text, Delimiter::COMMA, dialect);
        assert!(!split.is_open, "{text}");
        split.cells
    }

    #[test]
    fn quotes_hold_delimiters_and_doubled_quotes() {
        let cases: [(&str, &[&str]); 9] = [
            ("a,b,", &["a", "b", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"say \"\"hi\"\"\",c", &["say \"hi\"", "c"]),
            ("\"\",c", &["", "c"]),
            ("5\" pipe,c", &["5\" pipe", "c"]),
            ("\"Moe \"Best\" Tools\",c", &["Moe \"Best\" Tools", "c"]),
            ("\"a\" ,c", &["a", "c"]),
            ("a, \"Rome\"", &["a", "Rome"]),
            ("=\"07030\",c", &["=\"07030\"", "c"]),
        ];
        for (text, expected) in cases {
            assert_eq!(cells(text, Dialect::Standard), expected, "{text}");
        }
        assert!(split("a,\"b", Delimiter::COMMA, Dialect::Standard).is_open);
    }

    #[test]
    fn other_dialects_are_read_where_they_are_meant() {
        assert_eq!(cells(r#""a \"b\", c",d"#, Dialect::Backslash), ["a \"b\", c", "d"]);
        assert_eq!(cells(r#""a\\b \n",d"#, Dialect::Backslash), ["a\\b \\n", "d"]);
        assert_eq!(cells("a, \"b, c\"", Dialect::Spaced), ["a", "b, c"]);
        assert_eq!(cells("=\"Moe, Ltd\",c", Dialect::Spaced), ["Moe, Ltd", "c"]);
    }
}
