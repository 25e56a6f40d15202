//! The results of a test.

use std::collections::HashSet;

use serde::{Deserialize, Serialize};

use super::store::{Store, StoredContact, StoredOpportunity};

/// The sandbox's counts of its callers' requests and records.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    /// Requests that arrived.
    pub calls: u64,
    /// Answers with a 2xx status.
    pub ok: u64,
    /// Answers with status 429.
    pub status_429: u64,
    /// Answers with other statuses, and connections that were closed without an answer.
    pub status_other: u64,
    /// The most requests, refused ones included, that one location sent in any half-open window, by arrival time.
    pub max_in_any_window: u64,
    /// Requests that a location may send per window.
    pub limit: u32,
    /// Length of the window.
    pub window_ms: u64,
    /// The most requests of one location that were under way at the same time.
    pub max_concurrent: u64,
    /// Records beyond the first of a kind: contacts that share an e-mail address or a phone number with another one,
    /// and opportunities that share contact, pipeline and name. Counted from the stored records on request.
    pub duplicates: u64,
    /// Number of stored contacts.
    pub contacts: u64,
    /// Number of stored opportunities.
    pub opportunities: u64,
    /// Requests that were refused because a limit was exceeded.
    pub breaches: u64,
    /// Requests of the other client, if there is one. No other count includes them.
    #[serde(default)]
    pub others_calls: u64,
    /// Requests of the other client that were refused.
    #[serde(default)]
    pub others_refused: u64,
    /// Refreshes that issued new tokens.
    #[serde(default)]
    pub token_refreshes: u64,
    /// Refreshes that got the answer of an earlier one.
    #[serde(default)]
    pub token_repeats: u64,
    /// Refreshes that were refused: the token was used already, or was not ours.
    #[serde(default)]
    pub token_refusals: u64,
    /// Tokens issued for locations of an agency.
    #[serde(default)]
    pub location_tokens: u64,
    /// Requests with an expired token.
    #[serde(default)]
    pub expired_tokens: u64,
    /// When the first request arrived, in milliseconds since the epoch.
    pub first_call_ms: Option<u64>,
    /// When the last answer was sent, in milliseconds since the epoch.
    pub last_answer_ms: Option<u64>,
}

/// Counts the superfluous records, without relying on the store's indexes and normalisation.
pub(crate) fn duplicates(store: &Store) -> u64 {
    duplicate_contacts(store.contacts().iter()) + duplicate_opportunities(store.opportunities().iter())
}

fn duplicate_contacts<'a>(contacts: impl Iterator<Item = &'a StoredContact>) -> u64 {
    let mut contacts: Vec<&StoredContact> = contacts.collect();
    contacts.sort_unstable_by_key(|contact| (contact.date_added, &contact.id));
    let (mut emails, mut phones) = (HashSet::new(), HashSet::new());
    let mut count = 0;
    for contact in contacts {
        let email = contact.text("email").map(|email| email.trim().to_lowercase());
        let phone = contact.text("phone").map(|phone| phone.chars().filter(char::is_ascii_digit).collect::<String>());
        let is_known_email = email.is_some_and(|email| !emails.insert((&contact.location_id, email)));
        let is_known_phone = phone.is_some_and(|phone| !phones.insert((&contact.location_id, phone)));
        count += u64::from(is_known_email || is_known_phone);
    }
    count
}

fn duplicate_opportunities<'a>(opportunities: impl Iterator<Item = &'a StoredOpportunity>) -> u64 {
    let mut known = HashSet::new();
    let same = |it: &'a StoredOpportunity| (&it.location_id, &it.contact_id, &it.pipeline_id, &it.name);
    opportunities.map(|opportunity| u64::from(!known.insert(same(opportunity)))).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn contact(location: &str, added: u64, body: &Value) -> StoredContact {
        StoredContact::new(format!("{location}{added}"), location, body.as_object().expect("an object"), added)
    }

    #[test]
    fn contacts_beyond_the_first_of_an_email_or_phone_are_duplicates() {
        let contacts = [
            contact("a", 1, &json!({"email": "x@example.com", "phone": "+18885550100"})),
            contact("a", 2, &json!({"email": "X@Example.com"})),
            contact("a", 3, &json!({"phone": "888 555 0100"})),
            contact("a", 4, &json!({"email": "y@example.com"})),
            contact("b", 5, &json!({"email": "x@example.com"})),
            contact("b", 6, &json!({"firstName": "No"})),
            contact("b", 7, &json!({"firstName": "No"})),
        ];
        assert_eq!(duplicate_contacts(contacts.iter()), 2);
    }

    #[test]
    fn opportunities_beyond_the_first_of_contact_pipeline_and_name_are_duplicates() {
        let anna = contact("a", 1, &json!({"firstName": "Anna"}));
        let bert = contact("a", 2, &json!({"firstName": "Bert"}));
        let of = |contact, pipeline| StoredOpportunity::new("o".to_owned(), contact, pipeline, "stage", 1);
        let opportunities = [of(&anna, "p"), of(&anna, "p"), of(&anna, "q"), of(&bert, "p"), of(&anna, "p")];
        assert_eq!(duplicate_opportunities(opportunities.iter()), 2);
    }
}
