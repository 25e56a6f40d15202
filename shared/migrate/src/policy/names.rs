//! Similarity of names.

use sha2::{Digest, Sha256};

/// `name` without case, spaces, punctuation and pictures; `name` itself if nothing is left.
#[must_use]
pub fn normalised(name: &str) -> String {
    let bare: String = name.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect();
    if bare.is_empty() { name.trim().to_lowercase() } else { bare }
}

/// `name` in lower case and without the accents of Latin letters.
pub(super) fn fold(name: &str) -> String {
    name.to_lowercase().chars().map(without_accent).collect()
}

/// [`normalised`], without accents.
pub(super) fn folded(name: &str) -> String {
    normalised(&fold(name))
}

fn without_accent(c: char) -> char {
    match c {
        'à'..='å' | 'ā' | 'ă' | 'ą' => 'a',
        'ç' | 'ć' | 'č' => 'c',
        'ď' | 'đ' => 'd',
        'è'..='ë' | 'ē' | 'ė' | 'ę' | 'ě' => 'e',
        'ğ' | 'ģ' => 'g',
        'ì'..='ï' | 'ī' | 'į' | 'ı' => 'i',
        'ł' | 'ľ' | 'ļ' => 'l',
        'ñ' | 'ń' | 'ň' | 'ņ' => 'n',
        'ò'..='ö' | 'ø' | 'ō' | 'ő' => 'o',
        'ř' => 'r',
        'ś' | 'š' | 'ş' | 'ș' => 's',
        'ť' | 'ţ' | 'ț' => 't',
        'ù'..='ü' | 'ū' | 'ů' | 'ű' | 'ų' => 'u',
        'ý' | 'ÿ' => 'y',
        'ź' | 'ż' | 'ž' => 'z',
        other => other,
    }
}

/// Similarity of two names, 0 to 1. Names with different numbers are not similar at all: "Address 1" is not "Address
/// 2".
#[must_use]
pub fn likeness(a: &str, b: &str) -> f64 {
    if numbers(a) != numbers(b) {
        return 0.0;
    }
    let in_order = of_normalised(&normalised(a), &normalised(b));
    let any_order = of_normalised(&sorted_words(a), &sorted_words(b));
    // The same words in another order are not quite the same name.
    in_order.max(any_order * 0.95)
}

/// Combines two measures that complement each other: Jaro-Winkler penalises a difference at the beginning,
/// Levenshtein a difference in length.
fn of_normalised(a: &str, b: &str) -> f64 {
    f64::midpoint(strsim::jaro_winkler(a, b), strsim::normalized_damerau_levenshtein(a, b))
}

fn words(name: &str) -> impl Iterator<Item = String> {
    let lower = name.to_lowercase();
    let words: Vec<String> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect();
    words.into_iter()
}

fn sorted_words(name: &str) -> String {
    let mut words: Vec<String> = words(name).collect();
    words.sort();
    words.concat()
}

fn numbers(name: &str) -> Vec<String> {
    let digits = name.split(|c: char| !c.is_ascii_digit()).filter(|digits| !digits.is_empty());
    digits.map(|digits| digits.trim_start_matches('0').to_owned()).collect()
}

/// A short hash of a name, an e-mail address or a phone number, so that many can be kept in memory.
#[must_use]
pub fn name_hash(text: &str) -> u64 {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn near_misses_are_alike_and_other_names_are_not() {
        let alike = [
            ("Shoe Size", "Shoe Sizes"),
            ("Adress", "Address"),
            ("Lead Souce", "Lead Source"),
            ("Proposal sent", "Proposal Send"),
            ("Roof type 🏠", "Roof-Type"),
            ("Birth date", "Date birth"),
            ("Café order", "Cafe order"),
        ];
        for (a, b) in alike {
            assert!(likeness(a, b) >= 0.85, "{a} {b}: {}", likeness(a, b));
        }
        let other = [
            ("Address 1", "Address 2"),
            ("Email 1", "Email 10"),
            ("Start date", "End date"),
            ("Won", "Lost"),
            ("Budget", "Budget approved by"),
            ("Call back", "Called"),
            ("Seller name", "Buyer name"),
        ];
        for (a, b) in other {
            assert!(likeness(a, b) < 0.85, "{a} {b}: {}", likeness(a, b));
        }
    }

    #[test]
    fn a_name_of_pictures_only_is_still_a_name() {
        assert_eq!(normalised(" 🔥 "), "🔥");
        assert_ne!(normalised("🔥"), normalised("❄"));
        assert_eq!(normalised("  Dach-Größe (m²) "), normalised("dach größe m²"));
    }

    proptest! {
        #[test]
        fn likeness_is_symmetric_bounded_and_one_of_the_same(a in ".{0,20}", b in ".{0,20}") {
            let ab = likeness(&a, &b);
            prop_assert!((0.0..=1.0).contains(&ab));
            prop_assert!((ab - likeness(&b, &a)).abs() < 1e-9);
            prop_assert!(likeness(&a, &a) > 0.999);
        }
    }
}
