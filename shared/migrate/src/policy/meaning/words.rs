//! Words and signs that distinguish otherwise similar names.

use std::collections::HashSet;
use std::sync::LazyLock;

use super::super::names::fold;

/// Words that distinguish otherwise similar names.
static LIST: LazyLock<HashSet<&str>> = LazyLock::new(|| {
    let lines = include_str!("words.txt").lines().filter(|line| !line.starts_with('#'));
    lines.flat_map(str::split_whitespace).collect()
});

/// The words of a name, in lower case and without accents. A suffix after an apostrophe stays with its word.
pub(super) fn split(name: &str) -> Vec<String> {
    let joined: String = fold(name).chars().filter(|c| !matches!(c, '\'' | '’' | '`' | '´')).collect();
    let words = joined.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
    words.flat_map(parts).collect()
}

/// Splits digits from letters: "address2" is "address 2".
fn parts(word: &str) -> Vec<String> {
    let mut parts: Vec<String> = Vec::new();
    let mut was_digit = None;
    for c in word.chars() {
        let is_digit = c.is_numeric();
        match parts.last_mut() {
            Some(part) if was_digit == Some(is_digit) => part.push(c),
            _ => parts.push(c.to_string()),
        }
        was_digit = Some(is_digit);
    }
    parts
}

/// The significant signs of a name, sorted: units, currencies, comparisons, `18+`.
pub(super) fn signs(name: &str) -> Vec<char> {
    let mut signs: Vec<char> = name.chars().filter(|c| is_sign(*c)).collect();
    signs.sort_unstable();
    signs.dedup();
    signs
}

fn is_sign(c: char) -> bool {
    matches!(
        c,
        '%' | '‰' | '$' | '¢' | '£' | '¤' | '¥' | '°' | '+' | '<' | '>' | '=' | '≤' | '≥' | '≠' | '±' | '×' | '÷'
    ) || matches!(c, '\u{20A0}'..='\u{20CF}' | '\u{FF04}' | '\u{FF05}' | '\u{FFE0}'..='\u{FFE6}')
        || matches!(c, 'µ' | 'Ω' | '√' | '∞' | '♀' | '♂' | '¬')
}

/// Words for which the order matters: "A to B" is not "B to A".
pub(super) fn sets_direction(word: &str) -> bool {
    matches!(
        word,
        "to" | "from"
            | "of"
            | "for"
            | "by"
            | "per"
            | "vs"
            | "versus"
            | "in"
            | "into"
            | "than"
            | "over"
            | "von"
            | "zu"
            | "nach"
            | "bis"
            | "pro"
            | "fur"
            | "de"
            | "des"
            | "du"
            | "a"
            | "para"
            | "por"
            | "da"
            | "di"
            | "van"
            | "naar"
            | "not"
            | "no"
            | "nicht"
            | "kein"
            | "ohne"
            | "if"
            | "before"
            | "after"
            | "vor"
    )
}

/// Words that add nothing to a name.
pub(super) fn says_nothing(word: &str) -> bool {
    matches!(word, "the" | "der" | "die" | "das" | "le" | "la" | "les" | "el" | "los" | "las" | "il" | "lo" | "het")
}

/// Whether this word changes the meaning of an otherwise equal name.
pub(super) fn distinguishes(word: &str) -> bool {
    let singular = word.strip_suffix('s').filter(|stem| stem.len() > 2).unwrap_or(word);
    let is_short = word.chars().count() <= 2 && !says_nothing(word);
    is_short || word.chars().any(char::is_numeric) || LIST.contains(word) || LIST.contains(singular)
}
