//! Whether two similar names mean the same. Similarity alone does not decide: "Opt In" and "Opt Out" are 87 % alike.

mod consent;
mod spelling;
mod words;

use std::collections::BTreeSet;

pub(super) use consent::is_about_consent;

use super::names::{folded, likeness};

/// The relation between two names.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum NameRelation {
    /// They differ in a word, a number or a sign that changes the meaning.
    Different,
    /// They are similar, but nothing proves that they mean the same: a person must decide.
    Doubtful(f64),
    /// They differ only in spelling: case, spaces, accents, punctuation, word order, a plural, a typing error. Holds
    /// the similarity, 0 to 1.
    Same(f64),
}

/// Compares two names. Symmetric.
pub(super) fn compare(a: &str, b: &str) -> NameRelation {
    let (words_a, words_b) = (words::split(a), words::split(b));
    let (mut only_a, mut only_b) = unshared(&words_a, &words_b);
    if words::signs(a) != words::signs(b) || pictures_differ(a, b) {
        return NameRelation::Different;
    }
    if only_a.is_empty() && only_b.is_empty() {
        let is_one_order = words_a == words_b || !words_a.iter().any(|word| words::sets_direction(word));
        let alike = likeness(a, b);
        return if is_one_order { NameRelation::Same(alike) } else { NameRelation::Doubtful(alike) };
    }
    // Such as "Home-Phone" and "homephone".
    if words_a.concat() == words_b.concat() {
        return NameRelation::Same(likeness(a, b));
    }
    let says_something = |word: &&str| !words::says_nothing(word);
    only_a.retain(says_something);
    only_b.retain(says_something);
    let alike = likeness(a, b);
    let is_spelling = only_a.len() == only_b.len() && only_a.iter().zip(&only_b).all(|(a, b)| is_one_word(a, b));
    if is_spelling {
        let is_certain = !is_about_consent(a) && !is_about_consent(b);
        return if is_certain { NameRelation::Same(alike) } else { NameRelation::Doubtful(alike) };
    }
    let has_meaning = only_a.iter().chain(&only_b).any(|word| words::distinguishes(word));
    if has_meaning || spelling::are_antonyms(&only_a, &only_b) {
        NameRelation::Different
    } else {
        NameRelation::Doubtful(alike)
    }
}

/// Whether the two are spellings of one word, rather than two known words.
fn is_one_word(a: &str, b: &str) -> bool {
    let are_known = words::distinguishes(a) && words::distinguishes(b);
    spelling::is_one_word(a, b) && (!are_known || spelling::is_plural(a, b))
}

/// The words that only one of the names has, in order.
fn unshared<'w>(a: &'w [String], b: &'w [String]) -> (Vec<&'w str>, Vec<&'w str>) {
    let mut rest: Vec<&str> = b.iter().map(String::as_str).collect();
    let mut only_a = Vec::new();
    for word in a {
        match rest.iter().position(|other| other == word) {
            Some(place) => drop(rest.remove(place)),
            None => only_a.push(word.as_str()),
        }
    }
    (only_a, rest)
}

/// Whether both names have pictures, and different ones: a tick is no cross. A picture in only one of them is
/// decoration.
fn pictures_differ(a: &str, b: &str) -> bool {
    let pictures = |name: &str| -> BTreeSet<char> { name.chars().filter(|c| is_picture(*c)).collect() };
    let (a, b) = (pictures(a), pictures(b));
    !a.is_empty() && !b.is_empty() && a != b
}

fn is_picture(c: char) -> bool {
    matches!(u32::from(c), 0x2190..=0x21FF | 0x2300..=0x23FF | 0x2460..=0x27BF | 0x2B00..=0x2BFF | 0x1F000..=0x1FAFF)
}

/// Whether two names are equal, ignoring case, spaces, accents and insignificant punctuation.
pub(super) fn are_equal(a: &str, b: &str) -> bool {
    folded(a) == folded(b) && words::signs(a) == words::signs(b) && !pictures_differ(a, b)
}

#[cfg(test)]
mod tests;
