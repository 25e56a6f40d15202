//! Recognizes consent columns by their names.

use super::legend::{self, Legend};
use super::names::{
    AFFIRMATIONS, ASSENT, ASSENTED, BLOCKED, BY_WHOM, DETAILS, ENDS, IN, IN_OR_OUT, IN_WHOLE, NEGATIONS, NO_STATEMENT,
    NO_TOPICS, NOT_OUT, OUT, OUT_WHOLE, SOFT, STATUS, SUBSCRIPTION, TIMES, TOPICS,
};
use super::{Channels, ConsentColumn, Says};
use crate::name::{key, without_brackets};

/// The consent that a column name stands for: none (`None`), related to consent but without a statement
/// (`Some(None)`), or the kind of statement.
pub(crate) fn of_column(name: &str) -> Option<Option<ConsentColumn>> {
    let mut found = by_words(name);
    if let Some(Some(column)) = &mut found {
        column.says = match (column.says, legend::of_name(name, column.says)) {
            (Says::OptIn, Legend::TheOtherWay) => Says::OptOut,
            (Says::OptOut, Legend::TheOtherWay) => Says::OptIn,
            (says, _) => says,
        };
    }
    found
}

/// Whether a name has a legend that only a human can interpret.
pub(crate) fn has_unclear_legend(name: &str) -> bool {
    let says = by_words(name).flatten().map(|column| column.says);
    !matches!(
        (legend::of_name(name, says.unwrap_or(Says::OptIn)), says),
        (Legend::AsUsual, _) | (Legend::TheOtherWay, Some(Says::OptIn | Says::OptOut))
    )
}

/// The same by the name's words only, without its legend.
fn by_words(name: &str) -> Option<Option<ConsentColumn>> {
    let full = key(name);
    let short = key(&without_brackets(name));
    let has = |parts: &str| parts.split(' ').any(|part| full.contains(part));
    let is_dnd = full == "dnc"
        || full == "dnd"
        || full.starts_with("dnd")
        || full.starts_with("dnc")
        || full.ends_with("dnd")
        || full.ends_with("dnc")
        || OUT_WHOLE.split(' ').any(|whole| whole == full);
    let last = last_word(name);
    let ends = |words: &[&str]| {
        // In a one-word name, compare its end, if the word is too long to be part of another word by chance.
        words.iter().any(|word| last == *word || (word.len() >= 4 && short.len() > word.len() && short.ends_with(word)))
    };
    let channels = channels(&full);
    if channels.is_none() {
        // Fax only: GHL sends none.
        return (is_dnd || has(OUT) || has(IN)).then_some(None);
    }
    // Matches `Consent valid until`, but not `Consent expired`.
    let is_up_to = has(ENDS) || ["bis", "till"].contains(&last.as_str());
    if is_up_to && has(IN) && !full.contains("expired") && !full.contains("donot") && !is_dnd {
        return Some(Some(ConsentColumn { says: Says::Until, channels }));
    }
    if has(NOT_OUT) && !full.contains("donot") {
        return Some(Some(ConsentColumn { says: Says::OptIn, channels }));
    }
    if IN_OR_OUT.split(' ').any(|whole| whole == full || whole == short) {
        return Some(Some(ConsentColumn { says: Says::Subscription, channels }));
    }
    if is_dnd || has(OUT) {
        if ends(NO_STATEMENT) && !ends(BY_WHOM) {
            return Some(None);
        }
        let says = if ends(DETAILS) || ends(BY_WHOM) || has("campaign") { Says::Detail } else { Says::OptOut };
        return Some(Some(ConsentColumn { says, channels }));
    }
    let is_status = ["status", "state", "statut", "stato"].contains(&last.as_str());
    let begins = ["status", "statut", "estado", "stato", "état"].iter().any(|word| full.starts_with(word))
        || ["statusde", "estadode", "statutde", "statodi"].iter().any(|word| full.contains(word));
    if (is_status || begins) && (SUBSCRIPTION.iter().any(|part| full.contains(part)) || has(IN)) {
        return Some(Some(ConsentColumn { says: Says::Subscription, channels }));
    }
    let is_assent = has(ASSENT) && has(ASSENTED) && !full.contains("received") && !full.contains("accepted");
    let is_whole = IN_WHOLE.split(' ').any(|whole| whole == full);
    if has(IN) || is_assent || is_whole {
        if (is_negated(name) || says_it_is_over(name)) && !ends(NO_STATEMENT) {
            return Some(Some(ConsentColumn { says: Says::OptOut, channels }));
        }
        let is_detail = ends(NO_STATEMENT) || ends(DETAILS) || ends(TIMES) || full.ends_with("consenttext");
        return Some((!is_detail).then_some(ConsentColumn { says: Says::OptIn, channels }));
    }
    if SOFT.contains(&full.as_str()) || SOFT.contains(&short.as_str()) {
        return Some(Some(ConsentColumn { says: Says::Wish, channels }));
    }
    let is_status = (is_status && !channels.has(Channels::ALL))
        || STATUS.split(' ').any(|status| status == full || status == short);
    is_status.then_some(Some(ConsentColumn { says: Says::Status, channels }))
}

/// Whether a name says when a subscription or permission ends.
pub(crate) fn is_about_an_end(name: &str) -> bool {
    let key = key(name);
    let has = |parts: &str| parts.split(' ').any(|part| key.contains(part));
    has(ENDS) && has("subscri suscri abonn permis optin newsletter marketing einwillig zustimm erlaub consent")
}

/// Whether a short name is negated. In a long name the word may belong to a condition, and in `Consent (yes/no)` to
/// the answers.
fn is_negated(name: &str) -> bool {
    let name = without_brackets(name).to_lowercase();
    let words: Vec<&str> = name.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let is = |list: &str, word: &str| list.split(' ').any(|known| known == word);
    // `Consent No` is a number.
    let behind = words.iter().skip(1).rev().take(1).any(|word| *word == "no");
    words.len() <= 6
        && !behind
        && words.iter().any(|word| is(NEGATIONS, word))
        && !words.iter().any(|word| is(AFFIRMATIONS, word))
}

/// Whether a name says that a consent is over: `Consent lapsed on`. A name with both answers does not.
fn says_it_is_over(name: &str) -> bool {
    const OVER: &[&str] = &[
        "lapsed",
        "ended",
        "terminated",
        "cancelled",
        "canceled",
        "suspended",
        "expired",
        "rejected",
        "refused",
        "declined",
        "denied",
    ];
    let name = without_brackets(name).to_lowercase();
    !name.contains('/')
        && name.split(|c: char| !c.is_alphanumeric()).any(|word| OVER.contains(&word))
        && !name
            .split(|c: char| !c.is_alphanumeric())
            .any(|word| ["or", "given", "granted", "not", "never", "no"].contains(&word))
}

/// The last word of a name outside brackets, in lower case: `time` in `OPTIN_TIME` and `optinTime`.
fn last_word(name: &str) -> String {
    let name = without_brackets(name);
    let name = name.trim_end_matches(|c: char| !c.is_alphanumeric());
    let mut word: Vec<char> = Vec::new();
    for sign in name.chars().rev() {
        if !sign.is_alphanumeric() {
            break;
        }
        // A capital before lower-case letters begins a word of `camelCase`.
        let begins = sign.is_uppercase() && word.last().is_some_and(|c| c.is_lowercase());
        word.push(sign);
        if begins {
            break;
        }
    }
    word.iter().rev().flat_map(|c| c.to_lowercase()).collect()
}

/// Whether a name is about contacting somebody, for or against.
pub(crate) fn is_about_contacting(name: &str) -> bool {
    let key = key(name).replace("consent", "agree");
    !NO_TOPICS.iter().any(|word| key.contains(word)) && TOPICS.split(' ').any(|topic| key.contains(topic))
}

/// Whether a name says that somebody is shut out of something: `Blocked`, `is_deleted`.
pub(crate) fn is_about_blocking(name: &str) -> bool {
    let key = key(name);
    let bare = ["is", "was", "contact", "email"].iter().find_map(|start| key.strip_prefix(start)).unwrap_or(&key);
    let bare = ["at", "on", "date", "contact", "flag"].iter().find_map(|end| bare.strip_suffix(end)).unwrap_or(bare);
    BLOCKED.split(' ').any(|name| name == key || name == bare)
        || ["donot", "dont", "never"].iter().any(|start| key.starts_with(start))
}

/// The channels in a name; all if it names none, and no channel if it names only fax.
fn channels(key: &str) -> Channels {
    let named = [
        (&["sms", "text", "txt"][..], Channels::SMS),
        (&["whatsapp"][..], Channels::WHATSAPP),
        (
            &["call", "phone", "voice", "telefon", "anruf", "appel", "llamar", "chiamare", "ligar", "bellen", "звон"][..],
            Channels::CALL,
        ),
        (
            &["mail", "newsletter", "рассыл", "courriel", "correo", "bulk", "bounc", "cleantime", "cleancampaign"][..],
            Channels::EMAIL,
        ),
    ];
    // Voicemail is not e-mail.
    let key = key.replace("voicemail", "voice");
    let found = named.iter().filter(|(words, _)| words.iter().any(|word| key.contains(word)));
    let channels = found.fold(Channels::NONE, |sum, (_, channel)| sum.and(*channel));
    match channels.is_none() {
        true if key.contains("fax") => Channels::NONE,
        true => Channels::ALL,
        // `Unsubscribed from all emails` concerns one channel, and `mailing list` no calls.
        false => channels,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_column_of_consent_is_known_by_its_name() {
        let out = |channels| Some(Some(ConsentColumn { says: Says::OptOut, channels }));
        let opt_in = |channels| Some(Some(ConsentColumn { says: Says::OptIn, channels }));
        let cases = [
            ("DND", out(Channels::ALL)),
            ("Email Opt Out", out(Channels::EMAIL)),
            ("HasOptedOutOfEmail", out(Channels::EMAIL)),
            ("Do Not Call", out(Channels::CALL)),
            ("DO NOT CONTACT", out(Channels::ALL)),
            ("UNSUB_TIME", out(Channels::ALL)),
            ("Unsubscribed from all email", out(Channels::EMAIL)),
            ("Fax Opt Out", Some(None)),
            ("SMS Consent", opt_in(Channels::SMS)),
            ("Accepts Email Marketing", opt_in(Channels::EMAIL)),
            ("OPTIN_IP", Some(None)),
            ("OPTIN_TIME", Some(None)),
            ("Unsubscribe Link", Some(None)),
            ("Abgemeldet am", out(Channels::ALL)),
            ("UNSUB_REASON", Some(Some(ConsentColumn { says: Says::Detail, channels: Channels::ALL }))),
            ("Status", Some(Some(ConsentColumn { says: Says::Status, channels: Channels::ALL }))),
            ("Email", None),
            ("Do Not Text", out(Channels::SMS)),
            ("No consent", out(Channels::ALL)),
            ("Consent withdrawn", out(Channels::ALL)),
            ("Not subscribed", out(Channels::ALL)),
            ("Email not allowed", out(Channels::EMAIL)),
            ("GDPR deletion request", out(Channels::ALL)),
            ("CLEAN_TIME", out(Channels::EMAIL)),
            ("Email Bounced", out(Channels::EMAIL)),
            ("Permission", opt_in(Channels::ALL)),
            ("Consent to communication", opt_in(Channels::ALL)),
            ("May we call you?", opt_in(Channels::CALL)),
            ("Acepta publicidad", opt_in(Channels::ALL)),
            ("optinTime", Some(None)),
            ("Opt-in date", Some(None)),
            ("Company", None),
            ("Industry", None),
        ];
        for (name, expected) in cases {
            assert_eq!(of_column(name), expected, "{name}");
        }
    }

    #[test]
    fn no_list_of_words_has_an_empty_one_that_would_be_found_in_each_name() {
        for list in [OUT, IN, NOT_OUT, IN_OR_OUT, OUT_WHOLE, IN_WHOLE, ASSENT, ASSENTED, STATUS, TOPICS, BLOCKED, ENDS]
        {
            assert!(list.split(' ').all(|word| word == key(word) && !word.is_empty()), "{list}");
        }
    }

    #[test]
    fn a_mapping_names_consent_by_channel() {
        for name in
            ["dnd", "dnd.email", "dnd.email+sms", "optin.call", "status", "wish.email", "dnd_if_filled", "optin_until"]
        {
            assert_eq!(ConsentColumn::of_name(name).map(ConsentColumn::name), Some(name.to_owned()));
        }
        assert_eq!(ConsentColumn::of_name("dnd.pigeon"), None);
    }
}
