//! Refusals in unexpected places: beside a name, an address or a number, in a title, among tags.

use std::sync::LazyLock;

use super::names::OUT as OUT_NAMES;
use super::text::{has_mark, letters, says_opt_out, words};
use super::vocabulary::{NO, OUT, PHRASES};
use super::{Says, of_column};

/// Opt-out words that can also describe other things.
const AMBIGUOUS: &[&str] = &[
    "stop",
    "stopped",
    "spam",
    "declined",
    "refused",
    "denied",
    "cleaned",
    "bounced",
    "baja",
    "gesperrt",
    "cancellato",
    "removed",
    "bounce",
    "undeliverable",
    "transactional",
    "abgelehnt",
    "refusé",
    "refusée",
    "rechazado",
    "rifiutato",
    "geweigerd",
    "zurückgezogen",
    "widerrufen",
    "confirmed",
    "remove",
];
/// Those of them that, about a person, can only mean an opt-out.
const OF_PEOPLE: &[&str] = &[
    "stop",
    "stopped",
    "spam",
    "cleaned",
    "bounced",
    "bounce",
    "hardbounce",
    "hardbounced",
    "undeliverable",
    "removed",
    "baja",
    "gesperrt",
    "bajas",
    "stopall",
    "dnm",
    "dne",
    "dnt",
    "unsubs",
];
const DEAD: &[&str] = &[
    "deceased",
    "verstorben",
    "décédé",
    "décédée",
    "fallecido",
    "fallecida",
    "deceduto",
    "deceduta",
    "overleden",
    "zmarł",
    "zmarła",
    "falecido",
    "falecida",
    "avliden",
];

/// The possible first two ASCII letters of these words, to skip the lookup for most cells.
static STARTS: LazyLock<Vec<bool>> = LazyLock::new(|| {
    let mut starts = vec![false; 26 * 26];
    for word in OUT.iter().chain(OF_PEOPLE) {
        let start =
            word.bytes().next().zip(word.as_bytes().get(1).copied()).and_then(|(first, second)| start(first, second));
        start.and_then(|at| starts.get_mut(at)).into_iter().for_each(|known| *known = true);
    }
    starts
});

fn start(first: u8, second: u8) -> Option<usize> {
    let letter = |byte: u8| byte.is_ascii_alphabetic().then(|| usize::from(byte.to_ascii_lowercase() - b'a'));
    Some(letter(first)? * 26 + letter(second)?)
}

/// Whether a text may be one of these words: it has such a beginning and is not too long.
fn begins_like_one(text: &str) -> bool {
    let mut letters = text.bytes().filter(|byte| byte.is_ascii_alphabetic() || !byte.is_ascii());
    let (Some(first), Some(second)) = (letters.next(), letters.next()) else { return false };
    text.len() <= 60 && start(first, second).is_none_or(|at| STARTS.get(at).is_some_and(|known| *known))
}

/// Whether a text is a single opt-out word, such as a tag.
pub(crate) fn is_opt_out_word(text: &str) -> bool {
    if !begins_like_one(text) {
        return false;
    }
    let word = letters(text);
    OUT.contains(word.as_str()) && !AMBIGUOUS.contains(&word.as_str())
}

/// Whether a lower-case text is an opt-out word or contains an opt-out phrase.
pub(super) fn is_opt_out_or_says_so(text: &str) -> bool {
    is_opt_out_word(text) || says_opt_out(text)
}

/// Whether a tag is an opt-out. About a person, words such as bounced or complaint are clear.
pub(crate) fn is_opt_out_tag(tag: &str) -> bool {
    if !begins_like_one(tag) {
        return false;
    }
    let word = letters(tag);
    OF_PEOPLE.contains(&word.as_str()) || (OUT.contains(word.as_str()) && !AMBIGUOUS.contains(&word.as_str()))
}

/// Whether a text is just an opt-out reply: `STOP`, `please stop`.
pub(crate) fn is_stop(text: &str) -> bool {
    const STOPS: &[&str] = &["stop", "stopall", "unsubscribe", "stopp", "arret", "arrêt", "dnm", "dne", "dnt"];
    let word = letters(text);
    let word = word.strip_prefix("please").unwrap_or(&word);
    let word = word.strip_suffix("please").unwrap_or(word);
    STOPS.contains(&word)
}

/// Whether a text has an opt-out mark beside something else: `Bo (DNC)`, `Di - deceased`, `Acme [removed]`. In
/// brackets and after a dash, more words count as marks than elsewhere: `Baja, Maria` is a name.
pub(crate) fn is_marked(name: &str) -> bool {
    if name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'.' | b'\'')) {
        return false;
    }
    if name.contains(['†', '✝'])
        || name.split(|c: char| "()[]{}-–—:/,;*|<>".contains(c)).skip_while(|part| *part == name).any(is_opt_out_word)
    {
        return true;
    }
    let mut rest = name;
    while let Some(at) = rest.find(['(', '[', '{', '<', '*', '–', '—', '-']) {
        let (before, on) = rest.split_at(at);
        let sign = on.chars().next().unwrap_or(' ');
        let inside = on.get(sign.len_utf8()..).unwrap_or_default();
        let end = inside.find([')', ']', '}', '>', '*']).unwrap_or(inside.len());
        // `Stop-Smoking` has no mark, but `Lee - STOP` has one.
        let is_sign = sign != '-' || before.ends_with(' ');
        let remark = inside.get(..end).unwrap_or_default();
        let is_dead = || ["dead", "died", "rip"].contains(&letters(remark).as_str()) && "([{".contains(sign);
        if is_sign && (is_opt_out_tag(remark) || is_dead()) {
            return true;
        }
        rest = inside;
    }
    false
}

/// Whether a name carries a refusal: `Lee (bounced)`, `Flo STOP`, `Ann Lee deceased`.
pub(crate) fn name_refuses(name: &str) -> bool {
    if says_opt_out(name) || is_marked(name) {
        return true;
    }
    if !name.contains(' ') {
        return name.len() >= 6 && is_opt_out_word(name);
    }
    let is_upper = |word: &str| word.len() >= 3 && word.bytes().all(|byte| byte.is_ascii_uppercase());
    let is_shouted = |word: &str| is_upper(word) && is_opt_out_tag(word) && !words(name).all(is_upper);
    let is_dead = |word: &str| word.len() >= 5 && DEAD.iter().any(|dead| dead.eq_ignore_ascii_case(word));
    words(name).any(|word| is_shouted(word) || is_dead(word))
}

/// Whether a remark beside an address or number forbids its use: `a@b.co (stop)`, `DNC <a@b.co>`.
pub(crate) fn remark_refuses(cell: &str) -> bool {
    // Nearly all cells are a bare address or number.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'+' | b'-' | b'@');
    let has_letters = |byte: u8| byte.is_ascii_alphabetic() || !byte.is_ascii();
    if cell.bytes().all(is_plain) || !cell.bytes().any(has_letters) {
        return false;
    }
    let is_sign = |c: char| c.is_whitespace() || "()[]{}<>,;:/|*\"–—".contains(c);
    // The text before an address in angle brackets is a name.
    if let Some((name, rest)) = cell.split_once('<').filter(|(_, rest)| rest.contains('@')) {
        let name = name.trim().trim_matches('"');
        let after = rest.split_once('>').map(|(_, after)| after).unwrap_or_default();
        let is_whole = || is_opt_out_tag(name) && !name.contains(char::is_lowercase);
        return name_refuses(name) || has_mark(name) || is_whole() || remark_refuses(&format!(" {after}"));
    }
    let is_remark = |word: &&str| !word.contains('@') && word.contains(char::is_alphabetic);
    let remark: Vec<&str> = cell.split(is_sign).map(|word| word.trim_matches('-')).filter(is_remark).collect();
    if remark.is_empty() {
        return false;
    }
    let text = remark.join(" ");
    // `No. 2025550143` is a number, but `2025550143 no` a refusal.
    let ends_with_no = || {
        let last = cell.trim_end_matches(|c: char| !c.is_alphanumeric()).rsplit(is_sign).next().unwrap_or_default();
        last.len() > 1 && NO.contains(last.to_lowercase().as_str())
    };
    let joined = letters(&text);
    let is_not_used = || {
        ["donotuse", "dontuse", "nichtverwenden", "nepasutiliser", "nousar"].iter().any(|word| joined.contains(word))
    };
    says_opt_out(&text) || is_not_used() || remark.iter().any(|word| is_opt_out_tag(word)) || ends_with_no()
}

/// Whether the value of an unrelated field refuses contact: a company `DO NOT CONTACT`, a source `DNC list`. Part of a
/// name such as `Blacklist Coffee` does not count.
pub(crate) fn value_refuses(value: &str) -> bool {
    const WEAK: &[&str] = &[
        "off list",
        "revoked",
        "suppressed",
        "blacklist",
        "blocklist",
        "own request",
        "no mail",
        "no sms",
        "no texts",
        "no calls",
        "no emails",
        "email off",
        "emails off",
        "sms off",
        "marketing off",
        "newsletter off",
        "no marketing",
        "remove me",
        "take me off",
        "no phone",
        "no promo",
        "leave me alone",
    ];
    if value.len() < 3 {
        return false;
    }
    let is_whole = || {
        value == "STOP" || is_opt_out_word(value) || words(value).count() <= 3 && has_mark(value) && says_list(value)
    };
    let has_phrase = || {
        says_opt_out(value) && {
            let plain = value.to_lowercase().replace(['-', '_'], " ");
            PHRASES.find_iter(&plain).any(|found| !WEAK.contains(&&plain[found.range()]))
        }
    };
    is_whole() || is_marked(value) || has_phrase()
}

/// Whether the value is a mark alone or one of a list: `DNC`, `DNC list`.
fn says_list(value: &str) -> bool {
    words(value).all(|word| {
        word.len() <= 3 || ["list", "lists", "file", "only", "request"].contains(&word.to_lowercase().as_str())
    })
}

/// Whether the title of a list or the name of a sheet forbids contacting the people below. Texts that would do so as a
/// column name count too.
pub(crate) fn title_refuses(title: &str) -> bool {
    let title = crate::values::text::clean(title);
    if title.is_empty() || title.len() > 200 {
        return says_opt_out(&title);
    }
    let is_name = || {
        let key = crate::name::key(&title);
        let is_other = ["complain", "robinson", "opposition"].iter().any(|word| key.contains(word));
        let says = of_column(&title).flatten().map(|column| column.says);
        matches!(says, Some(Says::OptOut | Says::Detail)) && (!is_other || key.contains("list"))
    };
    says_opt_out(&title) || is_opt_out_tag(&title) || is_name()
}

/// Whether a text alone in a row is a refusing heading rather than a name with a remark: it begins with the refusal.
pub(crate) fn is_refusing_heading(text: &str) -> bool {
    const NEUTRAL: &[&str] = &[
        "the",
        "following",
        "people",
        "persons",
        "contacts",
        "contact",
        "customers",
        "clients",
        "leads",
        "members",
        "subscribers",
        "users",
        "list",
        "of",
        "who",
        "have",
        "has",
        "are",
        "is",
        "please",
        "all",
        "these",
        "those",
        "below",
        "section",
        "group",
        "everyone",
        "everybody",
        "global",
        "master",
        "email",
        "emails",
        "sms",
        "phone",
        "were",
        "be",
        "to",
        "must",
        "should",
        "part",
    ];
    if !title_refuses(text) {
        return false;
    }
    let lower = text.to_lowercase().replace(['-', '_'], " ");
    let mut rest = lower.trim_start_matches(|c: char| !c.is_alphanumeric());
    loop {
        let begins = |text: &str| {
            let key = crate::name::key(text);
            PHRASES.find(text).is_some_and(|found| found.start() == 0)
                || words(text).next().is_some_and(is_opt_out_tag)
                || is_opt_out_tag(text)
                || OUT_NAMES.split(' ').any(|name| key.starts_with(name))
        };
        if begins(rest) {
            return true;
        }
        let Some(word) = words(rest).next().filter(|word| NEUTRAL.contains(word)) else { return false };
        rest = rest.get(word.len()..).unwrap_or_default().trim_start_matches(|c: char| !c.is_alphanumeric());
    }
}
