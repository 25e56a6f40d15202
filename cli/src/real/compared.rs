//! How the people of a list stand to the contacts that a location has.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use ghl_sync_engine::policy::NotStored;
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{DirectError, Invocation};
use ghl_sync_import::ImportedContact;
use ghl_sync_model::{Contact, EpochMs, Holder, Provenance, RemoteContact, View};
use ghl_sync_runtime::SystemClock;

use super::RealArgs;
use crate::Failure;
use crate::stack::Stack;

/// Nobody stops this but its user.
const TIME: Duration = Duration::from_secs(24 * 3600);

/// How many people of a list GHL would make anew, change, or leave as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Compared {
    pub(super) new: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Contacts of the location that are too long to be read: nobody knows whom of the list they are.
    pub(super) unread: u64,
}

/// Reads all contacts of the location, on quota that nothing else needs, and compares.
pub(super) async fn compare(
    stack: &Stack,
    args: &RealArgs,
    contacts: &[ImportedContact],
) -> Result<Result<Compared, DirectError>, Failure> {
    let holder = Holder::new(format!("plan/{:016x}", fastrand::u64(..)))?;
    let invocation = Invocation { holder, deadline: SystemClock.now() + TIME };
    let (mut known, mut unread) = (Known::wanted(contacts), 0);
    let reconciler = stack.reconciler();
    let read = reconciler.contacts_changed_since(&args.location, EpochMs(0), &invocation, |page| {
        unread += page.unread.len() as u64;
        page.contacts.into_iter().for_each(|contact| known.take(contact));
    });
    let read = read.await;
    Ok(read.map(|_| Compared { unread, ..known.compare(contacts) }))
}

/// The location's contacts whom the list names.
struct Known {
    wanted: HashSet<String>,
    found: HashMap<String, Contact>,
}

impl Known {
    fn wanted(contacts: &[ImportedContact]) -> Known {
        let wanted = contacts.iter().flat_map(|imported| keys(&imported.contact)).collect();
        Known { wanted, found: HashMap::new() }
    }

    fn take(&mut self, contact: RemoteContact) {
        let further = contact.not_carried.additional_emails.iter().map(|email| email_key(email));
        for key in keys(&contact.content).chain(further.collect::<Vec<_>>()) {
            if self.wanted.contains(&key) {
                self.found.entry(key).or_insert_with(|| contact.content.clone());
            }
        }
    }

    fn compare(&self, contacts: &[ImportedContact]) -> Compared {
        let mut compared = Compared::default();
        for ImportedContact { contact, .. } in contacts {
            let counter = match keys(contact).find_map(|key| self.found.get(&key)) {
                None => &mut compared.new,
                Some(theirs) if is_same(contact, theirs) => &mut compared.unchanged,
                Some(_) => &mut compared.updated,
            };
            *counter += 1;
        }
        compared
    }
}

/// What GHL finds a contact by: its e-mail address first.
fn keys(contact: &Contact) -> impl Iterator<Item = String> {
    let email = contact.email.as_deref().map(email_key);
    let phone = contact.phone.as_deref().map(|phone| format!("phone {phone}"));
    email.into_iter().chain(phone)
}

fn email_key(email: &str) -> String {
    format!("email {}", email.to_lowercase())
}

/// Whether GHL shows everything that would be sent.
fn is_same(ours: &Contact, theirs: &Contact) -> bool {
    let view = View { content: theirs.clone(), is_whole: true, has_custom_fields: true };
    let mut differing = NotStored::default();
    differing.contact_written(ours, Some(&view), Provenance::Found);
    differing.fields().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contact(email: &str, phone: &str, city: &str) -> Contact {
        let text = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Contact { email: text(email), phone: text(phone), city: text(city), ..Contact::default() }
    }

    #[test]
    fn people_are_new_known_or_changed_by_what_ghl_finds_them_by() {
        let list = [
            contact("ann@example.com", "", "Paris"),
            contact("Bob@Example.com", "", "Rome"),
            contact("", "+12025550100", "Bonn"),
            contact("new@example.com", "", ""),
        ];
        let list = list.map(|contact| ImportedContact::of_contact(2, contact));
        let mut known = Known::wanted(&list);
        for theirs in [
            contact("ANN@example.com", "+12025550199", "Paris"),
            contact("bob@example.com", "", "Oslo"),
            contact("carl@example.com", "+12025550100", "Bonn"),
            contact("zoe@example.com", "", ""),
        ] {
            keys(&theirs).for_each(|key| {
                if known.wanted.contains(&key) {
                    known.found.insert(key, theirs.clone());
                }
            });
        }
        assert_eq!(known.found.len(), 3, "nobody else is kept");
        assert_eq!(known.compare(&list), Compared { new: 1, updated: 1, unchanged: 2, unread: 0 });
    }
}
