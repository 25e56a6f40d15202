//! Interprets consent cells.

use super::answers::{begins_with_yes, has_doubt, is_assent, is_moment, is_refusal};
use super::remarks::is_marked;
use super::status::{is_about_agreeing, is_of_subscription, is_over, is_undecided};
use super::text::{channel, is_time, letters, says_opt_out};
use super::vocabulary::{FOREIGN, IN, NO, NONE_GIVEN, OUT, Words, YES};
use super::{Channels, ConsentColumn, Says};

/// The meaning of a cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ConsentReading {
    /// No objection to contacting.
    Nothing,
    /// An opt-out of these channels.
    Out(Channels),
    /// Unclear.
    Unreadable,
}

pub(super) fn read(column: ConsentColumn, cell: &str) -> ConsentReading {
    let text = crate::values::text::clean(cell);
    if text.is_empty() {
        return ConsentReading::Nothing;
    }
    match (column.says, plain_answer(&text)) {
        (Says::OptOut, Some(true)) | (Says::OptIn, Some(false)) => return ConsentReading::Out(column.channels),
        (Says::OptOut, Some(false)) | (Says::OptIn, Some(true)) => return ConsentReading::Nothing,
        _ => {}
    }
    match read_words(column, &text) {
        // `Yes?`, `no*`, `☐ yes`: the word alone would be clear.
        ConsentReading::Nothing if has_doubt(&text) && states(column, &text) => ConsentReading::Unreadable,
        reading => reading,
    }
}

/// Reads a cell of a column that is only about subscriptions. A cell that is neither in nor out is unreadable.
pub(super) fn read_strictly(cell: &str, channels: Channels) -> ConsentReading {
    let text = crate::values::text::clean(cell).to_lowercase();
    let word = letters(&text);
    let is_in = |words: &Words| words.contains(text.as_str()) || words.contains(word.as_str());
    if text.is_empty() || crate::values::text::is_null(&text) {
        ConsentReading::Nothing
    } else if is_in(&NO) || word == "none" || word == "u" {
        ConsentReading::Out(channels)
    } else if is_in(&YES) || is_in(&IN) || word == "s" || is_assent(&text, channels) {
        ConsentReading::Nothing
    } else {
        ConsentReading::Unreadable
    }
}

/// Whether a cell of this column with this text must state whether somebody may be contacted.
fn states(column: ConsentColumn, text: &str) -> bool {
    match column.says {
        Says::OptOut | Says::OptIn | Says::Subscription | Says::Wish => true,
        Says::Status => !column.channels.has(Channels::ALL) || is_of_subscription(&text.to_lowercase()),
        Says::Detail | Says::Until => false,
    }
}

fn read_words(column: ConsentColumn, text: &str) -> ConsentReading {
    if crate::values::text::is_error(text) {
        return ConsentReading::Unreadable;
    }
    let text = crate::values::text::whole_number(text.trim()).to_lowercase();
    let is_doubt = text.contains('?') || text == "tbd";
    if text.is_empty()
        || (crate::values::text::is_null(&text) && letters(&text) != "none" && !is_doubt)
        || is_zero_time(&text)
    {
        return ConsentReading::Nothing;
    }
    let word = letters(&text);
    let out = ConsentReading::Out(column.channels);
    if !matches!(column.says, Says::OptOut | Says::Detail)
        && let Some(others) = others_than_only(&text)
    {
        return ConsentReading::Out(others);
    }
    let is = |words: &Words| words.contains(text.as_str()) || words.contains(word.as_str());
    match column.says {
        Says::Detail => out,
        Says::Status if is_out(&text, &word) => out,
        // For a single channel such as e-mail, an unconfirmed person has not agreed.
        Says::Status if is_undecided(&text) && (!column.channels.has(Channels::ALL) || is_about_agreeing(&word)) => {
            ConsentReading::Unreadable
        }
        Says::Status if (is_over(&text) || word == "u") && !column.channels.has(Channels::ALL) => out,
        Says::Status => ConsentReading::Nothing,
        Says::Subscription | Says::OptIn if word == "out" => out,
        Says::Subscription | Says::OptIn if word == "in" => ConsentReading::Nothing,
        Says::Subscription if is_out(&text, &word) || is(&NO) || is(&NONE_GIVEN) || word == "none" => out,
        Says::Subscription if is(&YES) || is(&IN) || is_assent(&text, column.channels) => ConsentReading::Nothing,
        Says::Subscription => ConsentReading::Unreadable,
        Says::Wish if is(&NO) || is(&NONE_GIVEN) || word == "none" || is_out(&text, &word) || is_refusal(&text) => out,
        Says::Wish if is_doubt || is_undecided(&text) => ConsentReading::Unreadable,
        Says::Wish if is_over(&text) || matches!(word.as_str(), "u" | "zero") => out,
        // `Yes (withdrawn)`, `Weekly (unsub)`.
        Says::Wish if begins_with_yes(&text) && !is(&YES) && !is_assent(&text, column.channels) => {
            ConsentReading::Unreadable
        }
        Says::Wish if is_marked(&text) => ConsentReading::Unreadable,
        Says::Wish => ConsentReading::Nothing,
        // In an opt-out column a cross may be a tick.
        Says::OptOut if text.chars().any(|c| "✗✘☒❌✖✕🚫⛔👎👍".contains(c)) => {
            ConsentReading::Unreadable
        }
        Says::OptOut if is(&NO) || word == "none" => ConsentReading::Nothing,
        Says::OptOut if is(&YES) || is(&OUT) || is_time(&text) => out,
        Says::OptOut if is(&IN) => ConsentReading::Nothing,
        Says::OptOut => match listed(&text) {
            Some(channels) if channels.has(Channels::ALL) => out,
            Some(channels) => ConsentReading::Out(channels),
            None if says_opt_out(&text) => out,
            None => ConsentReading::Unreadable,
        },
        Says::OptIn if is(&NO) || is(&OUT) || is(&NONE_GIVEN) || word == "none" => out,
        Says::OptIn if says_opt_out(&text) || is_refusal(&text) => out,
        Says::OptIn if is(&YES) || is(&IN) || is_moment(&text) => ConsentReading::Nothing,
        Says::OptIn if is_assent(&text, column.channels) => ConsentReading::Nothing,
        // A date needs the current day, so the row's reader handles it.
        Says::OptIn | Says::Until => ConsentReading::Unreadable,
    }
}

/// The most frequent answers, a quick subset of [`YES`] and [`NO`].
fn plain_answer(text: &str) -> Option<bool> {
    let is = |words: [&str; 3]| words.iter().any(|word| word.eq_ignore_ascii_case(text));
    if is(["no", "false", "0"]) {
        return Some(false);
    }
    is(["yes", "true", "1"]).then_some(true)
}

fn is_out(text: &str, word: &str) -> bool {
    OUT.contains(word) || says_opt_out(text)
}

/// Whether a cell is a yes or no in a language for which we know few column names.
pub(crate) fn is_foreign_yes_or_no(cell: &str) -> bool {
    let text = crate::values::text::clean(cell).to_lowercase();
    text.len() <= 24 && FOREIGN.contains(text.as_str())
}

/// Whether a cell is just a yes, a no, or an opt-in or opt-out word.
pub(crate) fn is_yes_or_no(cell: &str) -> bool {
    let text = crate::values::text::clean(cell).to_lowercase();
    let word = without_digits(&text);
    let lists = [&YES, &NO, &IN, &OUT, &NONE_GIVEN];
    matches!(word.as_str(), "in" | "out")
        || lists.iter().any(|words| words.contains(text.as_str()) || words.contains(word.as_str()))
}

/// Whether a cell says "never". As an answer to how often, that is a no.
pub(crate) fn is_never(cell: &str) -> bool {
    const WORDS: &[&str] =
        &["never", "niemals", "nie", "jamais", "nunca", "mai", "nooit", "nigdy", "nikdy", "soha", "aldrig", "aldri"];
    cell.len() <= 8 && WORDS.iter().any(|word| word.eq_ignore_ascii_case(cell))
}

/// Whether a cell is a no, such as in a column `SMS`.
pub(crate) fn is_no(cell: &str) -> bool {
    // A bare address or number is not a word.
    if cell.contains('@') || !cell.bytes().any(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii()) {
        return false;
    }
    let text = crate::values::text::clean(cell).to_lowercase();
    NO.contains(text.as_str()) || OUT.contains(letters(&text).as_str())
}

/// Whether a cell is just a no.
pub(crate) fn is_denial(cell: &str) -> bool {
    let text = crate::values::text::clean(cell).to_lowercase();
    NO.contains(text.as_str()) || NO.contains(without_digits(&text).as_str())
}

/// Parses a list of channels such as `SMS, Call` or `Emails & Texts`.
fn listed(text: &str) -> Option<Channels> {
    let text = text.trim_matches(['[', ']', '{', '}']).replace(" and ", ",").replace(" und ", ",");
    let words: Vec<&str> =
        text.split([',', ';', '/', '|', '&', '+', '\n']).map(str::trim).filter(|word| !word.is_empty()).collect();
    let channels: Option<Vec<Channels>> = words.iter().map(|word| channel(word)).collect();
    channels.filter(|channels| !channels.is_empty()).map(|all| all.into_iter().fold(Channels::NONE, Channels::and))
}

/// The channels that a text such as `Email only` closes.
fn others_than_only(text: &str) -> Option<Channels> {
    const ONLY: &[&str] =
        &["only", "nur", "solo", "sólo", "seulement", "uniquement", "alleen", "tylko", "apenas", "somente"];
    let is_only = |word: &&str| ONLY.contains(word);
    let words: Vec<&str> =
        text.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| !word.is_empty()).collect();
    if !words.iter().any(is_only) {
        return None;
    }
    let open: Option<Vec<Channels>> = words
        .iter()
        .filter(|word| !is_only(word) && !["and", "und", "or", "by", "via", "per"].contains(word))
        .map(|word| channel(word))
        .collect();
    let open = open.filter(|open| !open.is_empty() && !open.contains(&Channels::ALL))?;
    let all = [Channels::EMAIL, Channels::SMS, Channels::CALL, Channels::WHATSAPP];
    Some(all.into_iter().filter(|channel| !open.contains(channel)).fold(Channels::NONE, Channels::and))
}

fn is_zero_time(text: &str) -> bool {
    text.contains('0')
        && text.chars().all(|c| matches!(c, '0' | '-' | '/' | '.' | ':' | ' ' | 't' | 'z'))
        && text.len() > 1
}

/// The letters of a text without digits: the T in a timestamp is no answer.
fn without_digits(text: &str) -> String {
    if text.contains(|c: char| c.is_numeric()) { String::new() } else { letters(text) }
}

#[cfg(test)]
mod tests;
