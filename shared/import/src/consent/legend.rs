//! Legends in column names: `Opt-in (0=yes, 1=no)`.

use super::Says;
use super::text::{letters, says_opt_out};
use super::vocabulary::{IN, NO, OUT, YES};

/// Effect of a legend on a column's answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Legend {
    /// No effect: there is none, or it confirms the usual meaning of yes and no.
    AsUsual,
    /// Swapped: yes means no, and no means yes.
    TheOtherWay,
    /// Unclear: it explains other answers, or only one answer, as reversed.
    Unclear,
}

pub(super) fn of_name(name: &str, says: Says) -> Legend {
    // Whether yes closes in an opt-out column, and opens in the others.
    let is_usual = |(key, opens): (bool, bool)| (key == opens) != matches!(says, Says::OptOut | Says::Detail);
    let (mut usual, mut other, mut is_unclear) = ([false; 2], [false; 2], false);
    for (key, value) in pairs(name) {
        match answer(&key).zip(opens(&value, says)) {
            Some((key, opens)) if is_usual((key, opens)) => usual[usize::from(key)] = true,
            Some((key, _)) => other[usize::from(key)] = true,
            None => is_unclear = true,
        }
    }
    match (usual, other) {
        _ if is_unclear => Legend::Unclear,
        (_, [false, false]) => Legend::AsUsual,
        ([false, false], [true, true]) => Legend::TheOtherWay,
        _ => Legend::Unclear,
    }
}

/// The answers that a name explains, each with its explanation.
fn pairs(name: &str) -> Vec<(String, String)> {
    let text = name.to_lowercase().replace("->", "=").replace(['→', '⇒', '≙'], "=");
    let mut pairs = Vec::new();
    // Outside brackets a code may be a mere number: `Phone 2 opt out`.
    let mut is_inside = false;
    for (at, part) in text.split(['(', ')', '[', ']', '{', '}']).enumerate() {
        is_inside |= at > 0;
        for piece in part
            .split([',', ';', '/', '|', '\n'])
            .flat_map(|piece| piece.split(" and "))
            .flat_map(|piece| piece.split(" or "))
        {
            if piece.contains('=') || (is_inside && piece.contains(':')) {
                pairs.extend(by_sign(piece));
            } else if is_inside && let Some((key, value)) = piece.trim().split_once([' ', '-', '–']) {
                let value = value.trim_matches([' ', '-', '–']);
                let value = ["means ", "is ", "for "].iter().find_map(|word| value.strip_prefix(word)).unwrap_or(value);
                if is_code(key) && key.chars().count() == 1 && !value.is_empty() {
                    pairs.push((key.to_owned(), value.to_owned()));
                }
            }
        }
    }
    pairs
}

/// Pairs written as `0=yes 1 = no`.
fn by_sign(piece: &str) -> Vec<(String, String)> {
    let spaced = piece.replace(['=', ':'], " = ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let signs: Vec<usize> = (0..words.len()).filter(|at| words.get(*at) == Some(&"=")).collect();
    let mut pairs = Vec::new();
    for (nth, sign) in signs.iter().enumerate() {
        let key = sign.checked_sub(1).and_then(|at| words.get(at)).copied().unwrap_or_default();
        let end = signs.get(nth + 1).map_or(words.len(), |next| next.saturating_sub(1));
        let value = words.get(sign + 1..end).unwrap_or_default().join(" ");
        if is_code(key) {
            pairs
                .push((key.trim_matches(['"', '\'', '“', '”']).to_owned(), value.trim_matches(['"', '\'']).to_owned()));
        }
    }
    pairs
}

/// Whether a word can be an answer that a legend explains.
fn is_code(word: &str) -> bool {
    let word = word.trim_matches(['"', '\'', '“', '”']);
    let is_number = word.len() <= 2 && !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    is_number
        || YES.contains(word)
        || NO.contains(word)
        || ["blank", "empty", "null", "leer", "vide", "tick", "ticked", "unticked", "cross"].contains(&word)
}

fn answer(key: &str) -> Option<bool> {
    if NO.contains(key) || key == "unticked" {
        return Some(false);
    }
    (YES.contains(key) || key == "tick" || key == "ticked").then_some(true)
}

/// Whether an explanation means that somebody may be contacted; `None` if unclear.
fn opens(value: &str, says: Says) -> Option<bool> {
    const CLOSED: &[&str] = &[
        "remove",
        "out",
        "exclude",
        "suppress",
        "block",
        "delete",
        "donotuse",
        "nope",
        "optout",
        "dont",
        "nocontact",
        "refuse",
        "refuses",
        "object",
        "objects",
    ];
    const OPEN: &[&str] = &[
        "keep",
        "include",
        "in",
        "contact",
        "subscribe",
        "call",
        "email",
        "mail",
        "text",
        "optin",
        "maycall",
        "mayemail",
        "cancontact",
    ];
    let word = letters(value);
    let answer = answer(value).or_else(|| answer(&word));
    if let Some(answer) = answer {
        return Some(answer != matches!(says, Says::OptOut | Says::Detail));
    }
    if OUT.contains(word.as_str()) || CLOSED.contains(&word.as_str()) || says_opt_out(value) {
        return Some(false);
    }
    (IN.contains(word.as_str()) || OPEN.contains(&word.as_str())).then_some(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_legend_that_turns_a_yes_round_is_obeyed_and_one_that_is_not_understood_is_known() {
        let cases = [
            ("Opt-in (0=yes, 1=no)", Says::OptIn, Legend::TheOtherWay),
            ("Opt-in (1=yes, 0=no)", Says::OptIn, Legend::AsUsual),
            ("Opt-in 1 = yes 0 = no", Says::OptIn, Legend::AsUsual),
            ("Opt out (Y=keep, N=remove)", Says::OptOut, Legend::TheOtherWay),
            ("Opt out (Y: remove; N: keep)", Says::OptOut, Legend::AsUsual),
            ("Do Not Call (N = do not call)", Says::OptOut, Legend::Unclear),
            ("Consent (1=No, 2=Yes)", Says::OptIn, Legend::Unclear),
            ("Consent (0 yes, 1 no)", Says::OptIn, Legend::TheOtherWay),
            ("Consent [1 - no / 0 - yes]", Says::OptIn, Legend::TheOtherWay),
            ("Unsubscribed (blank = unsubscribed)", Says::OptOut, Legend::Unclear),
            ("Consent (yes/no)", Says::OptIn, Legend::AsUsual),
            ("Opt-in (Y/N)", Says::OptIn, Legend::AsUsual),
            ("Opt-in (0/1)", Says::OptIn, Legend::AsUsual),
            ("Phone 2 opt out", Says::OptOut, Legend::AsUsual),
            ("Consent (tick = refuses)", Says::OptIn, Legend::Unclear),
            ("Consent (note: see form)", Says::OptIn, Legend::AsUsual),
        ];
        for (name, says, legend) in cases {
            assert_eq!(of_name(name, says), legend, "{name}");
        }
    }
}
