//! E-mail addresses.

use std::borrow::Cow;

use super::text;

const MAX_BYTES: usize = 254;

/// Content of an e-mail cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Emails {
    /// The first valid address.
    pub(crate) first: String,
    /// Number of further addresses.
    pub(crate) others: usize,
    /// Whether the cell also holds something that is neither address nor name.
    pub(crate) has_rest: bool,
}

/// Parses the addresses of a cell: one or several, with names and angle brackets, or `mailto:`.
pub(crate) fn emails(cell: &str) -> Result<Emails, &'static str> {
    const NONE: &str = "is not an e-mail address";
    if is_plain(cell) && is_address(cell) {
        return Ok(Emails { first: cell.to_owned(), others: 0, has_rest: false });
    }
    let whole = plain(cell);
    if let Some(address) = address(&whole) {
        return Ok(Emails { first: address, others: 0, has_rest: false });
    }
    let mut found: Vec<String> = Vec::new();
    let mut has_rest = false;
    for part in
        whole.split([',', ';', '|', '\n', '\t']).flat_map(|part| part.split(":::")).flat_map(|part| part.split(" / "))
    {
        let part = part.trim();
        if part.is_empty() {
            continue;
        }
        // In `Per Noe <per@example.com>`, drop the name.
        let inner = part.rsplit_once('<').and_then(|(name, rest)| Some((name, rest.split_once('>')?.0)));
        // `old@example.com <new@example.com>` holds two addresses.
        let named = inner.and_then(|(name, _)| address(name));
        let inner = inner.map(|(_, inner)| inner);
        match address(inner.unwrap_or(part)) {
            Some(address) => {
                for address in [Some(address), named].into_iter().flatten() {
                    if !found.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                        found.push(address);
                    }
                }
            }
            None => {
                let words: Vec<Option<String>> =
                    part.split([' ', '/']).filter(|word| !word.is_empty()).map(address).collect();
                // An invalid word with an @ makes the rest suspect; a name without one does not.
                has_rest |= words.iter().any(Option::is_none);
                for address in words.into_iter().flatten() {
                    if !found.iter().any(|known| known.eq_ignore_ascii_case(&address)) {
                        found.push(address);
                    }
                }
            }
        }
    }
    let mut found = found.into_iter();
    let first = found.next().ok_or(NONE)?;
    Ok(Emails { first, others: found.count(), has_rest })
}

/// Whether a cell has only characters of a bare address, as nearly all do.
fn is_plain(cell: &str) -> bool {
    cell.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'@'))
}

/// Strips the wrapping of a list around addresses.
fn plain(cell: &str) -> String {
    let narrow = text::narrow(cell);
    let seen = if narrow.is_ascii() { narrow } else { Cow::Owned(without_unseen(&narrow)) };
    let seen = seen.trim();
    // A JSON list or Postgres array.
    let inner = seen.strip_prefix(['[', '{']).and_then(|inner| inner.strip_suffix([']', '}']));
    inner.unwrap_or(seen).to_owned()
}

/// Removes invisible characters.
fn without_unseen(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{ad}'))
        .map(|c| if c == '\u{a0}' { ' ' } else { c })
        .collect()
}

/// Parses one address, without `mailto:`, quotes, brackets and a final full stop.
fn address(text: &str) -> Option<String> {
    let quotes = |c: char| c.is_whitespace() || "\"'<>()[]“”„‘’«»`,;".contains(c);
    let text = text.trim_matches(quotes);
    let has_scheme = text.get(..7).is_some_and(|start| start.eq_ignore_ascii_case("mailto:"));
    let text = if has_scheme { text.get(7..)?.split('?').next()? } else { text };
    let text = text.trim_matches(quotes).trim_end_matches('.');
    is_address(text).then(|| text.to_owned())
}

/// Whether an address ends with a country's domain.
pub(crate) fn is_of_country(address: &str, country: &str) -> bool {
    let top = address.rsplit('.').next().unwrap_or_default();
    top.eq_ignore_ascii_case(country) || (country == "US" && ["gov", "mil", "edu"].contains(&top))
}

/// Whether a text has the form of a valid address.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    let is_stray = |c: char| match c {
        '<' | '>' | '(' | ')' | '[' | ']' | ',' | ';' | ':' | '"' | '\\' | '|' => true,
        '“' | '”' | '„' | '«' | '»' | '\u{fffd}' => true,
        // A combining mark: no real address has one, and it would differ from its composed form.
        '\u{300}'..='\u{36f}' => true,
        c => c.is_whitespace() || c.is_control(),
    };
    let has_dots = |part: &str| part.starts_with('.') || part.ends_with('.') || part.contains("..");
    let is_label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || (!c.is_ascii() && !c.is_whitespace()))
    };
    let top = domain.rsplit('.').next().unwrap_or_default();
    !local.is_empty()
        && local.len() <= 64
        && text.len() <= MAX_BYTES
        && !text.contains(is_stray)
        && !has_dots(local)
        && top.len() < domain.len()
        && domain.split('.').all(is_label)
        && top.chars().count() >= 2
        && !top.chars().all(|c| c.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn first(cell: &str) -> Option<(String, usize)> {
        emails(cell).ok().map(|emails| (emails.first, emails.others))
    }

    #[test]
    fn the_first_address_of_a_cell_is_taken_and_the_others_counted() {
        let cases = [
            ("ida@example.com", "ida@example.com", 0),
            ("ida@example.com; ida.moe@example.org", "ida@example.com", 1),
            ("max@example.com, max@example.org", "max@example.com", 1),
            ("sue@EXAMPLE.com / sue@example.org", "sue@EXAMPLE.com", 1),
            ("Per Noe <per@example.com>", "per@example.com", 0),
            ("old@example.com <per@example.com>", "per@example.com", 1),
            ("\"Noe, Per\" <per@example.com>", "per@example.com", 0),
            ("mailto:uwe@example.com?subject=x", "uwe@example.com", 0),
            ("kim@example.com.", "kim@example.com", 0),
            ("”eva@example.com”", "eva@example.com", 0),
            ("ida@exam\u{200b}ple.com", "ida@example.com", 0),
            ("ida＠example.com", "ida@example.com", 0),
            ("a@b.co ::: c@d.co", "a@b.co", 1),
            ("[\"a@b.co\",\"c@d.co\"]", "a@b.co", 1),
            ("{a@b.co,c@d.co}", "a@b.co", 1),
            ("a@b.co;A@B.co", "a@b.co", 0),
            ("o'neil+x@sub.example.co.uk", "o'neil+x@sub.example.co.uk", 0),
            ("jürgen@müller.de", "jürgen@müller.de", 0),
        ];
        for (cell, address, others) in cases {
            assert_eq!(first(cell), Some((address.to_owned(), others)), "{cell}");
        }
    }

    #[test]
    fn what_is_no_address_is_refused() {
        for cell in [
            "pia@example",
            "jan..x@example.com",
            "lea@exam_ple.com",
            "tom@example..com",
            "nobody",
            "@b.co",
            "a@b@c.co",
            "a b@",
            "a@.co",
            "a@-b.co",
            "a@1.2.3.4",
        ] {
            assert_eq!(first(cell), None, "{cell}");
        }
        assert!(emails("a@b.co, pia@example").is_ok_and(|emails| emails.has_rest));
    }
}
