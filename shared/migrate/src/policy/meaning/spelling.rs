//! Whether two words are different spellings of one word.

/// Words that differ in one letter but are not misspellings of each other.
const OTHER_WORDS: &[(&str, &str)] = &[
    ("angel", "angle"),
    ("calvary", "cavalry"),
    ("casual", "causal"),
    ("complement", "compliment"),
    ("contact", "contract"),
    ("contracts", "contacts"),
    ("county", "country"),
    ("counties", "countries"),
    ("currant", "current"),
    ("curser", "cursor"),
    ("desert", "dessert"),
    ("diner", "dinner"),
    ("extant", "extent"),
    ("filing", "filling"),
    ("formally", "formerly"),
    ("hopping", "hoping"),
    ("intestate", "interstate"),
    ("lessen", "lesson"),
    ("lighting", "lightning"),
    ("manger", "manager"),
    ("marital", "martial"),
    ("patent", "patient"),
    ("planed", "planned"),
    ("relative", "relevant"),
    ("sacred", "scared"),
    ("staring", "starring"),
    ("stationary", "stationery"),
    ("stranger", "strange"),
    ("through", "thorough"),
    ("trader", "trade"),
    ("united", "untied"),
    ("brother", "bother"),
    ("expend", "expand"),
    ("bidding", "biding"),
    ("rating", "ratting"),
    ("scrapped", "scraped"),
    ("sniper", "snipper"),
    ("caller", "called"),
    ("career", "carer"),
    ("carrier", "career"),
    ("closer", "closet"),
    ("matter", "mater"),
    ("planning", "planing"),
    ("pointer", "printer"),
    ("posting", "positing"),
    ("reports", "reposts"),
    ("signal", "single"),
    ("statues", "status"),
    ("statue", "status"),
    ("voucher", "vouchers"),
    ("weather", "whether"),
    ("women", "woman"),
    ("forward", "froward"),
    ("insures", "insurers"),
];

/// Shortest word in which one letter too many counts as a misspelling rather than as another word.
const SHORTEST: usize = 5;
/// The same for a swapped letter.
const SHORTEST_SWAPPED: usize = 7;

/// Whether two unequal words are one: singular and plural, or one of them with a typing error.
pub(super) fn is_one_word(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    let are_others =
        |(one, other): &(&str, &str)| (*one == short && *other == long) || (*one == long && *other == short);
    let is_latin = a.chars().chain(b.chars()).all(|c| c.is_ascii_alphabetic());
    if !is_latin || OTHER_WORDS.iter().any(are_others) {
        return false;
    }
    if is_plural(a, b) {
        return true;
    }
    let ends_alike = a.bytes().next() == b.bytes().next() && a.bytes().last() == b.bytes().last();
    ends_alike && short.len() >= SHORTEST && has_typing_error(short.as_bytes(), long.as_bytes())
}

/// Whether one word is the other with an `s` appended.
pub(super) fn is_plural(a: &str, b: &str) -> bool {
    let (short, long) = if a.len() <= b.len() { (a, b) } else { (b, a) };
    short.len() > 2 && long.strip_suffix('s') == Some(short)
}

/// Whether they differ by one extra letter, two transposed letters, or a letter that sounds alike.
fn has_typing_error(short: &[u8], long: &[u8]) -> bool {
    let same_before = short.iter().zip(long).take_while(|(a, b)| a == b).count();
    let (short, long) = (&short[same_before..], &long[same_before..]);
    if long.len() > short.len() {
        return long.len() == short.len() + 1 && long[1..] == *short;
    }
    match (short, long) {
        ([a, b, rest_a @ ..], [c, d, rest_b @ ..]) if a == d && b == c && rest_a == rest_b => true,
        ([a, rest_a @ ..], [b, rest_b @ ..]) if rest_a == rest_b => {
            same_before + short.len() >= SHORTEST_SWAPPED && sound_alike(*a, *b)
        }
        _ => false,
    }
}

fn sound_alike(a: u8, b: u8) -> bool {
    [b"aeiouy".as_slice(), b"sczk".as_slice()].iter().any(|group| group.contains(&a) && group.contains(&b))
}

/// Prefixes that reverse a word's meaning.
const OPPOSITES: &[(&str, &str)] = &[
    ("un", ""),
    ("in", ""),
    ("im", ""),
    ("il", ""),
    ("ir", ""),
    ("non", ""),
    ("dis", ""),
    ("de", ""),
    ("mis", ""),
    ("anti", ""),
    ("ex", ""),
    ("des", ""),
    ("sub", ""),
    ("co", ""),
    ("re", ""),
    ("pre", ""),
    ("in", "out"),
    ("in", "ex"),
    ("im", "ex"),
    ("inter", "intra"),
    ("inter", "exter"),
    ("pre", "post"),
    ("up", "down"),
    ("over", "under"),
    ("hyper", "hypo"),
    ("mini", "maxi"),
    ("min", "max"),
    ("micro", "macro"),
    ("mono", "poly"),
    ("sub", "super"),
    ("em", "im"),
    ("an", "ab"),
    ("ein", "aus"),
    ("auf", "ab"),
    ("zu", "ab"),
    ("vor", "nach"),
    ("ver", "ent"),
    ("be", "ent"),
    ("ver", ""),
    ("bi", "tri"),
    ("fore", "back"),
];

/// Whether a word of one side is a word of the other side with a reversing prefix.
pub(super) fn are_antonyms(a: &[&str], b: &[&str]) -> bool {
    let opposed = |one: &str, other: &str| {
        OPPOSITES.iter().any(|(p, q)| {
            let rest =
                |word: &str, prefix: &str| word.strip_prefix(prefix).filter(|rest| rest.len() > 2).map(str::to_owned);
            rest(one, p).is_some_and(|stem| rest(other, q) == Some(stem))
        })
    };
    a.iter().any(|one| b.iter().any(|other| opposed(one, other) || opposed(other, one)))
}
