//! Search texts for records, and matching records against them. Pure.

use ghl_sync_model::{Contact, Payload};

/// Fewest digits that count as a part of a phone number.
const FEWEST_DIGITS: usize = 5;

/// A search text: a part of a name, an e-mail address or a phone number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchText {
    /// Words in lower case.
    words: Vec<String>,
    /// The digits, if it may be a phone number, without leading zeros, which not everybody writes.
    digits: Option<String>,
}

impl SearchText {
    /// Parses `text`; `None` if it has no letter and no digit.
    #[must_use]
    pub fn new(text: &str) -> Option<SearchText> {
        if !text.contains(char::is_alphanumeric) {
            return None;
        }
        let words = text.to_lowercase().split_whitespace().map(str::to_owned).collect();
        let may_be_phone = text.chars().all(|c| c.is_ascii_digit() || c.is_whitespace() || "+()-./".contains(c));
        let digits = may_be_phone.then(|| digits(text)).filter(|digits| digits.len() >= FEWEST_DIGITS);
        Some(SearchText { words, digits })
    }

    /// Whether it matches `payload`: each word begins a word of the names or addresses, or the phone number contains
    /// these digits.
    #[must_use]
    pub fn is_in(&self, payload: &Payload) -> bool {
        let (texts, phone) = match payload {
            Payload::Contact(Contact { first_name, last_name, name, company_name, email, phone, .. }) => {
                let texts = [first_name, last_name, name, company_name, email];
                (texts.into_iter().flatten().map(|text| text.to_lowercase()).collect(), phone.as_deref())
            }
            Payload::Opportunity(opportunity) => (vec![opportunity.name.to_lowercase()], None),
        };
        self.words.iter().all(|word| texts.iter().any(|text| has_word(text, word)))
            || self.digits.as_ref().is_some_and(|sought| phone.is_some_and(|phone| digits(phone).contains(sought)))
    }
}

/// Whether a word of `text` begins with `word`.
fn has_word(text: &str, word: &str) -> bool {
    let begins = |at: usize| !text[..at].ends_with(char::is_alphanumeric);
    text.match_indices(word).any(|(at, _)| begins(at))
}

fn digits(text: &str) -> String {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    digits.trim_start_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::Kind;
    use proptest::prelude::*;

    use super::*;

    fn finds(text: &str, kind: Kind, json: &str) -> bool {
        SearchText::new(text).unwrap().is_in(&Payload::from_json(kind, json).unwrap())
    }

    #[test]
    fn a_person_is_found_by_the_beginning_of_names_and_addresses_and_by_digits_of_the_phone() {
        let ann = r#"{"firstName":"Ann-Marie","lastName":"O'Neil","companyName":"Müller & Co","email":"Ann@x.example","phone":"+14155550123"}"#;
        for text in [
            "ann",
            "ANN",
            "marie",
            "neil",
            "o'neil",
            "neil ann",
            "müll",
            "ann@x.example",
            "x.example",
            "+1 415 555 0123",
            "(415) 555-0123",
            "0415 5550123",
            "55501",
        ] {
            assert!(finds(text, Kind::Contact, ann), "{text}");
        }
        for text in ["nn", "bob", "ann bob", "ann@y", "4155550199", "0123", "1 2 3"] {
            assert!(!finds(text, Kind::Contact, ann), "{text}");
        }
        let opportunity = r#"{"contactId":"c1","pipelineId":"p1","name":"Roof of Ann"}"#;
        assert!(finds("roof", Kind::Opportunity, opportunity) && finds("ann roof", Kind::Opportunity, opportunity));
        assert!(!finds("oof", Kind::Opportunity, opportunity));
    }

    #[test]
    fn what_has_neither_letter_nor_digit_looks_for_nothing() {
        for text in ["", "  ", "+", "()", "@."] {
            assert_eq!(SearchText::new(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_contact_is_found_by_any_of_its_names_as_it_stands(name in "\\PC{1,30}") {
            let payload = Payload::Contact(Contact { name: Some(name.clone()), ..Contact::default() });
            if let Some(text) = SearchText::new(&name) {
                prop_assert!(text.is_in(&payload), "{name:?}");
            }
        }
    }
}
