//! The parts of a text, and signs of an opt-out in it.

use super::Channels;
use super::vocabulary::{CHANNELS, PHRASES, SHORTEST_PHRASE};

/// The channel that a word names.
pub(crate) fn channel(word: &str) -> Option<Channels> {
    let word = letters(word);
    CHANNELS.iter().find(|(_, words)| words.contains(&word.as_str())).map(|(channel, _)| *channel)
}

/// Whether a text contains an opt-out.
pub(crate) fn says_opt_out(text: &str) -> bool {
    if has_mark(text) {
        return true;
    }
    // A quick exit for numbers and short names, the most frequent texts.
    if text.len() < SHORTEST_PHRASE || text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_alphabetic()) {
        return false;
    }
    let mut blanks = [0_u8; 80];
    if text.is_ascii()
        && let Some(blanks) = blanks.get_mut(..text.len())
    {
        // Repeated blanks count as one, as in `Consent - Declined`.
        let mut count = 0;
        for byte in text.bytes() {
            let byte = if matches!(byte, b'-' | b'_') { b' ' } else { byte };
            let is_second = byte == b' ' && count > 0 && blanks.get(count - 1) == Some(&b' ');
            if !is_second && let Some(blank) = blanks.get_mut(count) {
                *blank = byte;
                count += 1;
            }
        }
        return PHRASES.is_match(blanks.get(..count).unwrap_or_default());
    }
    // `do-not-call` and `opt_out` match the same phrases with blanks.
    if text.is_ascii() && !text.contains(['-', '_']) {
        return PHRASES.is_match(text);
    }
    PHRASES.is_match(&text.to_lowercase().replace(['-', '_'], " "))
}

/// Whether a text has a short opt-out mark as a separate word: `vip dnc`, `DNC - requested`.
pub(super) fn has_mark(text: &str) -> bool {
    let is_edge = |byte: Option<&u8>| byte.is_none_or(|byte| byte.is_ascii() && !byte.is_ascii_alphanumeric());
    let bytes = text.as_bytes();
    let is_mark = |(at, mark): (usize, &[u8])| {
        matches!(mark, [b'd' | b'D', b'n' | b'N', b'c' | b'C' | b'd' | b'D'])
            && is_edge(at.checked_sub(1).and_then(|before| bytes.get(before)))
            && is_edge(bytes.get(at + 3))
    };
    bytes.windows(3).enumerate().any(is_mark) && !text.contains('@')
}

/// Whether a text is a date or time, such as that of an unsubscription.
pub(super) fn is_time(text: &str) -> bool {
    let text = [" utc", " gmt", " (utc)", " (gmt)"].iter().find_map(|zone| text.strip_suffix(zone)).unwrap_or(text);
    let digits = text.bytes().filter(u8::is_ascii_digit).count();
    let is_numeric = text.chars().all(|c| c.is_ascii_digit() || "-/.: tz+,".contains(c) || "apm".contains(c));
    (6..=20).contains(&digits)
        && is_numeric
        && (text.contains(['-', '/', '.', ':']) || digits == 8 || digits == 10 || digits == 13)
        || (digits >= 5 && crate::values::months::has_month_name(text))
}

/// The words of a lower-case text.
pub(super) fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty())
}

/// The letters of a text, in lower case.
pub(super) fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphabetic()).flat_map(char::to_lowercase).collect()
}
