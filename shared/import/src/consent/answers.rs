//! Answers of several words, and signs that put an answer in doubt.

use super::Channels;
use super::status::is_over;
use super::text::{channel, is_time, words};
use super::vocabulary::{NO, NONE_GIVEN, OUT, YES};

/// Whether a text has a sign that puts a plain yes or no in doubt: a question mark, a footnote sign, or an empty box
/// beside a word.
pub(super) fn has_doubt(text: &str) -> bool {
    let has_box = || text.contains(|c| "☐✗✘☒❌✖✕🚫⛔👎".contains(c)) && text.contains(char::is_alphanumeric);
    text.contains(['?', '？', '؟', '¿', '*', '~', '†', '‡', '¬', '≠']) || has_box()
}

/// Whether a text begins with a yes or with words of assent.
pub(super) fn begins_with_yes(text: &str) -> bool {
    after_yes(text).is_some()
}

/// The text after its initial yes.
fn after_yes(text: &str) -> Option<&str> {
    let is_assent = |start: &&str| text.starts_with(*start);
    if let Some(start) = ["i agree", "i consent", "i accept"].iter().find(|start| is_assent(start)) {
        return text.get(start.len()..);
    }
    let first = words(text).next()?;
    let is_yes = first.len() > 1 && first.contains(char::is_alphabetic) && YES.contains(first);
    text.strip_prefix(first).filter(|_| is_yes)
}

/// `Yes, please`, `I agree to receive mails`: such answers come from forms. The rest must not take the yes back: a
/// short remark may hold only known words, and a sentence no negation. A remark that names only channels covers only
/// these.
pub(super) fn is_assent(text: &str, asked: Channels) -> bool {
    let Some(rest) = after_yes(text) else { return false };
    let is_bare = |word: &str| word.bytes().all(|byte| byte.is_ascii_digit());
    let is_taken_back = |word: &str| {
        TAKES_BACK.split(' ').any(|known| known == word)
            || (word.len() > 1 && NO.contains(word) && !is_bare(word))
            || OUT.contains(word)
            || NONE_GIVEN.contains(word)
            || is_over(word)
    };
    if words(rest).any(is_taken_back) {
        return false;
    }
    let is_sentence = words(rest).count() > 3 && !rest.contains(['(', '[', '{']);
    if is_sentence {
        return true;
    }
    let named: Vec<Channels> = words(rest).filter_map(channel).collect();
    let is_only_of_channels = words(rest).all(|word| channel(word).is_some() || JOINS.split(' ').any(|it| it == word));
    if !named.is_empty() && is_only_of_channels {
        let all = named.into_iter().fold(Channels::NONE, Channels::and);
        return all.has(asked) || all.has(Channels::ALL);
    }
    words(rest).all(|word| is_bare(word) || channel(word).is_some() || HARMLESS.split(' ').any(|known| known == word))
}

const JOINS: &str = "and or by via per und oder et ou y o e and";
/// Words that take back a yes or make it conditional.
const TAKES_BACK: &str = "not no but until till bis expired expires expiry only except never t nicht kein keine nur aber pas sauf \
    ended end removed left gone formerly previously former was were once if unless without ohne sans sin except ceased cancel \
    cancels bounces bounce fails failed invalid wrong old n pending awaiting requested expire unsubscribes jusqu hasta fino tot";
/// Words of a remark that do not change a yes.
const HARMLESS: &str = "please i we agree agreed consent consents accept accepted want would like to receive get the your our a an and or by \
    via from of for in at on with me my us you may can contact contacted be marketing news updates offers info information \
    communications messages promotional yes ok okay sure thanks thank opted opt optin double single confirmed subscribed subscribe \
    given granted verbal verbally written online website web form checkbox box ticked checked explicit expressed express implied \
    signed signature paper store event import everything both keep posted sign up date api shop checkout landing page admin staff \
    bitte gern gerne ich stimme zu einverstanden möchte will den das die newsletter erhalten schriftlich mündlich formular \
    webseite messe am vom par le la les je souhaite recevoir accepte merci site formulaire oui por favor quiero recibir gracias \
    formulario acepto per favore grazie modulo accetto ja graag wil ontvangen formulier t z utc gmt";

/// Whether a text is a refusal: `No, thanks`, `I do not agree`, `never`.
pub(crate) fn is_refusal(text: &str) -> bool {
    [
        "no,",
        "no ",
        "no.",
        "no!",
        "no-",
        "no(",
        "nein,",
        "nein ",
        "non,",
        "non ",
        "i do not",
        "i don't",
        "i don’t",
        "i dont",
        "i refuse",
        "i decline",
        "i disagree",
        "i object",
        "not any",
        "not now",
        "not at",
        "not inter",
        "not want",
        "not agree",
        "not accept",
        "never ",
        "never,",
        "no longer",
        "nicht mehr",
        "niet meer",
        "ne plus",
        "je refuse",
        "je n'accepte",
        "je ne ",
        "ich stimme nicht",
        "ich möchte nicht",
        "ich will nicht",
        "no acepto",
        "no quiero",
        "non accetto",
        "non voglio",
    ]
    .iter()
    .any(|start| text.starts_with(start))
}

/// Whether a text is a single date or time: that of a given consent. Two dates are a period, and other words may mean
/// `until`.
pub(super) fn is_moment(text: &str) -> bool {
    let is_year = |word: &str| word.len() == 4 && (word.starts_with("19") || word.starts_with("20"));
    let is_part = |word: &str| {
        let word = word.trim_start_matches(|c: char| c.is_ascii_digit());
        word.is_empty()
            || crate::values::months::has_month_name(word)
            || crate::values::months::is_weekday(word)
            || ["t", "z", "st", "nd", "rd", "th", "am", "pm", "a", "p", "m", "utc", "gmt", "of", "at", "on", "de", "um", "uhr", "le"]
                .contains(&word)
            // `2024t10`
            || word.strip_prefix('t').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            || word.strip_suffix('z').is_some_and(|rest| rest.bytes().all(|byte| byte.is_ascii_digit()))
            || word.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b't' | b'z'))
    };
    is_time(text) && words(text).filter(|word| is_year(word)).count() < 2 && words(text).all(is_part)
}
