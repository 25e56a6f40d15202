//! Extends a contact list, for trials of any size.

use std::collections::{HashMap, HashSet};

use ghl_sync_import::ImportedContact;
use ghl_sync_model::Contact;

/// Area code of a copy if the original has no +1 number.
const DEFAULT_AREA: &str = "202";

/// Exactly `n` contacts: the list repeated from its start. Each round after the first consists of other people:
/// `ann@example.com` becomes `ann+2@example.com` in the second, and phone numbers are new ones in the same area code.
/// Distinct values stay distinct, at least up to seven million contacts of one area code.
///
/// The same list and `n` give the same contacts. Only an empty list stays empty.
#[must_use]
pub(crate) fn repeat(contacts: &[ImportedContact], n: usize) -> Vec<ImportedContact> {
    if contacts.is_empty() {
        return Vec::new();
    }
    let mut copier = Copier::new(contacts);
    let copies = (2_u64..).flat_map(|round| contacts.iter().map(move |original| (original, round)));
    let copies = copies.map(|(original, round)| copier.copy(original, round));
    contacts.iter().cloned().chain(copies).take(n).collect()
}

struct Copier<'a> {
    /// Values of the originals, which no copy may have.
    emails: HashSet<String>,
    phones: HashSet<&'a str>,
    names: HashSet<&'a str>,
    /// By area code, the unused subscriber numbers.
    subscribers: HashMap<String, Box<dyn Iterator<Item = u32>>>,
}

impl<'a> Copier<'a> {
    fn new(originals: &'a [ImportedContact]) -> Self {
        let contacts = || originals.iter().map(|original| &original.contact);
        Self {
            emails: contacts().filter_map(|contact| contact.email.as_ref()).map(|email| email.to_lowercase()).collect(),
            phones: contacts().filter_map(|contact| contact.phone.as_deref()).collect(),
            names: contacts().filter_map(name).collect(),
            subscribers: HashMap::new(),
        }
    }

    fn copy(&mut self, original: &ImportedContact, round: u64) -> ImportedContact {
        let mut contact = original.contact.clone();
        contact.email = original.contact.email.as_deref().map(|email| self.email(email, round));
        contact.phone = original.contact.phone.as_deref().and_then(|phone| self.phone(phone));
        if !contact.has_natural_key()
            && let Some(name) = name_mut(&mut contact)
        {
            *name = marked(round, |mark| format!("{name} {mark}"), |name| self.names.contains(name));
        }
        ImportedContact::of_contact(original.row, contact)
    }

    fn email(&self, original: &str, round: u64) -> String {
        let (local, domain) = original.rsplit_once('@').unwrap_or((original, "example.com"));
        let is_taken = |email: &str| self.emails.contains(&email.to_lowercase());
        marked(round, |mark| format!("{local}+{mark}@{domain}"), is_taken)
    }

    fn phone(&mut self, original: &str) -> Option<String> {
        let area = original.strip_prefix("+1").and_then(|digits| digits.get(..3)).unwrap_or(DEFAULT_AREA);
        let left = self.subscribers.entry(area.to_owned()).or_insert_with(|| Box::new(subscriber_numbers()));
        left.map(|subscriber| format!("+1{area}{subscriber}")).find(|phone| !self.phones.contains(phone.as_str()))
    }
}

/// Writes with a mark for the round: its number, followed by as many `x` as it takes to make the text unique.
///
/// Two copies never get the same text: those with the same mark are of one round, and thus of two originals.
fn marked(round: u64, write: impl Fn(&str) -> String, is_taken: impl Fn(&str) -> bool) -> String {
    let mut mark = round.to_string();
    loop {
        let text = write(&mark);
        if !is_taken(&text) {
            return text;
        }
        mark.push('x');
    }
}

/// All seven-digit numbers that an area code can have, with those reserved for fiction first.
fn subscriber_numbers() -> impl Iterator<Item = u32> {
    let is_service_code = |exchange: u32| exchange % 100 == 11;
    (555_0100..=999_9999).chain(200_0000..555_0100).filter(move |number| !is_service_code(number / 10_000))
}

/// The name that distinguishes a contact with neither email address nor phone number.
fn name(contact: &Contact) -> Option<&str> {
    let Contact { last_name, name, first_name, company_name, .. } = contact;
    [last_name, name, first_name, company_name].into_iter().find_map(Option::as_deref)
}

/// Mutable access to the field that [`name`] returns.
fn name_mut(contact: &mut Contact) -> Option<&mut String> {
    let Contact { last_name, name, first_name, company_name, .. } = contact;
    [last_name, name, first_name, company_name].into_iter().find_map(Option::as_mut)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn contact(email: Option<&str>, phone: Option<&str>, last_name: &str) -> ImportedContact {
        let [email, phone, last_name] = [email, phone, Some(last_name)].map(|text| text.map(str::to_owned));
        let contact = Contact { email, phone, last_name, ..Contact::default() };
        ImportedContact::of_contact(2, contact)
    }

    #[test]
    fn each_round_is_made_of_other_people() {
        let list = [contact(Some("ann@example.com"), Some("+15046218927"), "Ann"), contact(None, None, "Bob")];
        let told = repeat(&list, 5);
        let told: Vec<_> = told.iter().map(|copy| &copy.contact).collect();
        let emails: Vec<_> = told.iter().filter_map(|contact| contact.email.as_deref()).collect();
        let phones: Vec<_> = told.iter().filter_map(|contact| contact.phone.as_deref()).collect();
        let names: Vec<_> = told.iter().filter_map(|contact| contact.last_name.as_deref()).collect();
        assert_eq!(emails, ["ann@example.com", "ann+2@example.com", "ann+3@example.com"]);
        assert_eq!(phones, ["+15046218927", "+15045550100", "+15045550101"]);
        assert_eq!(names, ["Ann", "Bob", "Ann", "Bob 2", "Ann"]);
    }

    #[test]
    fn a_list_is_cut_where_it_is_longer() {
        let list = [contact(None, None, "Ann"), contact(None, None, "Bob")];
        assert_eq!(repeat(&list, 1), list[..1]);
        assert_eq!(repeat(&list, 0), []);
        assert_eq!(repeat(&[], 3), []);
    }

    #[test]
    fn a_copy_never_meets_an_original() {
        let list = [
            contact(Some("ann@example.com"), Some("+12025550101"), "Ann"),
            contact(Some("Ann+2@Example.com"), Some("+12025550100"), "Ann"),
            contact(Some("ann+2x@example.com"), Some("+442079460958"), "Ann"),
            contact(None, None, "Bob"),
            contact(None, None, "Bob 2"),
        ];
        assert_all_distinct(&repeat(&list, 50));
    }

    #[test]
    fn an_area_code_has_enough_numbers_for_a_million() {
        assert!(subscriber_numbers().count() > 7_000_000);
        assert!(subscriber_numbers().all(|number| (200_0000..=999_9999).contains(&number)));
    }

    fn assert_all_distinct(contacts: &[ImportedContact]) {
        let told = || contacts.iter().map(|copy| &copy.contact);
        assert_distinct(contacts.iter().map(|copy| copy.id.as_str().to_owned()));
        assert_distinct(told().filter_map(|contact| contact.email.as_ref()).map(|email| email.to_lowercase()));
        assert_distinct(told().filter_map(|contact| contact.phone.clone()));
    }

    fn assert_distinct(texts: impl Iterator<Item = String>) {
        let mut seen = HashSet::new();
        for text in texts {
            assert!(seen.insert(text.clone()), "{text} is there twice");
        }
    }

    prop_compose! {
        /// A list of distinct contacts, many of them similar to a possible copy.
        fn lists()(
            emails in prop::collection::hash_set("[ab](\\+[23]x?){0,2}@x\\.[yz]", 1..8),
            phones in prop::collection::hash_set("\\+1[23]025550[12]0[0-3]|\\+44207946095[0-9]", 8),
            names in prop::collection::hash_set("[ab]( [23]x?)?", 1..4),
            both in any::<bool>(),
        ) -> Vec<ImportedContact> {
            let phones: Vec<_> = phones.into_iter().collect();
            let with_email = emails.iter().zip(&phones).map(|(email, phone)| {
                contact(Some(email), both.then_some(phone.as_str()), "a")
            });
            let with_phone = phones.iter().filter(|_| !both).map(|phone| contact(None, Some(phone), "a"));
            let with_name = names.iter().map(|name| contact(None, None, name));
            with_email.chain(with_phone).chain(with_name).collect()
        }
    }

    proptest! {
        #[test]
        fn exactly_n_contacts_come_out_and_no_two_are_the_same(list in lists(), n in 0_usize..600) {
            let told = repeat(&list, n);
            prop_assert_eq!(told.len(), n);
            assert_all_distinct(&told);
            prop_assert_eq!(told, repeat(&list, n));
        }
    }
}
