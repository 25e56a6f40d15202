//! Compares the people of a list with the contacts of a location.

use std::collections::{HashMap, HashSet};
use std::io;
use std::time::Duration;

use ghl_sync_engine::policy::NotStored;
use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{DirectError, Invocation};
use ghl_sync_import::ImportedContact;
use ghl_sync_model::{Contact, EpochMs, Holder, ListedContact, Provenance, View};
use ghl_sync_runtime::SystemClock;

use super::RealArgs;
use crate::Failure;
use crate::list::{Contacts, LineStore};
use crate::mark::mark;
use crate::stack::Stack;

/// Deadline that is never reached in practice: only the user stops this.
const TIME: Duration = Duration::from_secs(24 * 3600);

/// Number of people in a list that GHL would create, change, or leave unchanged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ListComparison {
    pub(super) new: u64,
    pub(super) updated: u64,
    pub(super) unchanged: u64,
    /// Contacts of the location that are too long to read, so it is unknown whether the list names them.
    pub(super) unread: u64,
}

/// Reads all contacts of the location, using only quota that nothing else needs, and compares them.
pub(super) async fn compare(
    stack: &Stack,
    args: &RealArgs,
    contacts: &mut Contacts,
) -> Result<Result<ListComparison, DirectError>, Failure> {
    let holder = Holder::new(format!("plan/{:016x}", fastrand::u64(..)))?;
    let invocation = Invocation { holder, deadline: SystemClock.now() + TIME };
    let (mut known, mut unread, mut failed) = (KnownContacts::wanted(contacts)?, 0, None);
    let reconciler = stack.reconciler();
    let read = reconciler.contacts_changed_since(&args.location, EpochMs(0), &invocation, |page| {
        unread += page.unread.len() as u64;
        for contact in page.contacts {
            failed = known.take(contact).err().or(failed.take());
        }
    });
    let read = read.await;
    match (failed, read) {
        (Some(error), _) => Err(error.into()),
        (None, Err(error)) => Ok(Err(error)),
        (None, Ok(_)) => Ok(Ok(ListComparison { unread, ..known.compare(contacts)? })),
    }
}

/// Contacts of the location that the list names.
struct KnownContacts {
    /// Hashes of the addresses and numbers by which the list's contacts are found.
    wanted: HashSet<u64>,
    /// Position of each found contact in `contents`, by hash.
    found: HashMap<u64, u64>,
    contents: LineStore<Contact>,
}

impl KnownContacts {
    fn wanted(contacts: &mut Contacts) -> io::Result<KnownContacts> {
        let mut wanted = HashSet::new();
        for chunk in contacts.chunks()? {
            wanted.extend(chunk?.iter().flat_map(|imported| keys(&imported.contact)));
        }
        Ok(KnownContacts { wanted, found: HashMap::new(), contents: LineStore::none() })
    }

    fn take(&mut self, contact: ListedContact) -> io::Result<()> {
        let further = contact.not_carried.additional_emails.iter().map(|email| email_key(email)).collect();
        self.take_content(contact.content, further)
    }

    fn take_content(&mut self, content: Contact, further: Vec<u64>) -> io::Result<()> {
        let keys: Vec<u64> = keys(&content).chain(further).filter(|key| self.wanted.contains(key)).collect();
        if keys.iter().all(|key| self.found.contains_key(key)) {
            return Ok(());
        }
        let at = self.contents.push(&content)?;
        for key in keys {
            self.found.entry(key).or_insert(at);
        }
        Ok(())
    }

    fn compare(&mut self, contacts: &mut Contacts) -> io::Result<ListComparison> {
        let mut compared = ListComparison::default();
        for chunk in contacts.chunks()? {
            for ImportedContact { contact, .. } in chunk? {
                let found = keys(&contact).find_map(|key| self.found.get(&key));
                let counter = match found.map(|at| self.contents.at(*at)).transpose()? {
                    None => &mut compared.new,
                    Some(theirs) if is_same(&contact, &theirs) => &mut compared.unchanged,
                    Some(_) => &mut compared.updated,
                };
                *counter += 1;
            }
        }
        Ok(compared)
    }
}

/// Hashes of the values by which GHL finds a contact, the email address first.
fn keys(contact: &Contact) -> impl Iterator<Item = u64> + use<> {
    let email = contact.email.as_deref().map(email_key);
    let phone = contact.phone.as_deref().map(|phone| mark(("phone", phone)));
    email.into_iter().chain(phone)
}

fn email_key(email: &str) -> u64 {
    mark(("email", email.to_lowercase()))
}

/// Whether GHL already shows everything that would be sent.
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
        let mut list = Contacts::of(list.map(|contact| ImportedContact::of_contact(2, contact))).unwrap();
        let mut known = KnownContacts::wanted(&mut list).unwrap();
        for theirs in [
            contact("ANN@example.com", "+12025550199", "Paris"),
            contact("bob@example.com", "", "Oslo"),
            contact("carl@example.com", "+12025550100", "Bonn"),
            contact("zoe@example.com", "", ""),
        ] {
            known.take_content(theirs, Vec::new()).unwrap();
        }
        assert_eq!(known.found.len(), 3, "nobody else is kept");
        assert_eq!(known.compare(&mut list).unwrap(), ListComparison { new: 1, updated: 1, unchanged: 2, unread: 0 });
    }
}
