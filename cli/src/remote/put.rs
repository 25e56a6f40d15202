//! Puts the contacts of a list into a stack's outbox, some hundreds at a time.

use std::collections::{BTreeMap, HashSet};

use ghl_sync_import::ImportedContact;
use ghl_sync_model::{ImportId, LocationId};
use reqwest::StatusCode;

use super::answers::{FieldProblemAnswer, PutItemAnswer, PutItemRequest, PutResultAnswer};
use super::client::{Remote, RemoteError};
use super::report::RemoteReport;
use crate::Failure;
use crate::list::{Contacts, RecordResultRow};

/// Most contacts per request, and most characters, well below the API's limit of 4 MiB.
const AT_ONCE: usize = 500;
const LARGEST_BODY: usize = 2 << 20;
/// Number of times that contacts the stack could not store are put again.
pub(super) const ROUNDS: u32 = 10;

/// Puts all contacts. Returns the rows that the stack refuses.
pub(super) async fn all(
    remote: &Remote,
    location: &LocationId,
    import: Option<&ImportId>,
    contacts: &mut Contacts,
    report: &mut RemoteReport,
) -> Result<HashSet<u64>, Failure> {
    let mut refused = HashSet::new();
    for chunk in contacts.chunks()? {
        let chunk = chunk?;
        let mut rest: &[ImportedContact] = &chunk;
        while !rest.is_empty() {
            let lines = lines(rest, AT_ONCE);
            let (now, later) = rest.split_at(lines.len().max(1).min(rest.len()));
            put(remote, (location, import), now.iter().zip(lines).collect(), &mut refused, report).await?;
            rest = later;
        }
    }
    Ok(refused)
}

/// The first of `contacts`, as one item per line: as many as fit into a request, but at least one.
pub(super) fn lines(contacts: &[ImportedContact], most: usize) -> Vec<String> {
    let mut size = 0;
    let items = contacts.iter().take(most).map(|contact| {
        let item = PutItemRequest { id: &contact.id, contact: &contact.contact };
        // Contains only texts, lists and maps of texts, so it cannot fail to serialize.
        serde_json::to_string(&item).unwrap_or_default()
    });
    let fits = |line: &String| {
        size += line.len() + 1;
        size <= LARGEST_BODY || size == line.len() + 1
    };
    items.take_while(fits).collect()
}

async fn put(
    remote: &Remote,
    (location, import): (&LocationId, Option<&ImportId>),
    mut items: Vec<(&ImportedContact, String)>,
    refused: &mut HashSet<u64>,
    report: &mut RemoteReport,
) -> Result<(), Failure> {
    for _ in 0..ROUNDS {
        let body: String = items.iter().flat_map(|(_, line)| [line.as_str(), "\n"]).collect();
        let answer = match remote.put_contacts(location, import, body).await {
            Ok(answer) => answer,
            Err(error) => {
                let contact = |index| items.get(index).map(|(contact, _): &(&ImportedContact, String)| *contact);
                return refuse_all(error, items.len(), contact, refused, report);
            }
        };
        answer.shared.iter().for_each(|shared| report.shared(&shared.by, &shared.records));
        let mut again = Vec::new();
        let mut open: BTreeMap<usize, (&ImportedContact, String)> = items.into_iter().enumerate().collect();
        for item in &answer.items {
            // An unknown index was reported already, or never sent; it says nothing about the others.
            let Some((contact, line)) = open.remove(&item.index) else { continue };
            take(item, contact, refused, report)?;
            if item.result == PutResultAnswer::Failed {
                again.push((contact, line));
            }
        }
        // Contacts that the answer does not mention may not be stored.
        again.extend(open.into_values());
        if again.is_empty() {
            return Ok(());
        }
        items = again;
    }
    let left = items.len();
    Err(format!("the stack could not store {left} records; run the same command again to go on").into())
}

/// Adds an item's result to the report. A failed one is not yet a result, because it is put again.
pub(super) fn take(
    item: &PutItemAnswer,
    contact: &ImportedContact,
    refused: &mut HashSet<u64>,
    report: &mut RemoteReport,
) -> Result<(), Failure> {
    match item.result {
        PutResultAnswer::Stored => report.stored(),
        PutResultAnswer::Unchanged => report.unchanged(),
        PutResultAnswer::Outdated => report.outdated(),
        PutResultAnswer::Refused => refuse(contact, &item.errors, refused, report)?,
        PutResultAnswer::Failed => {}
    }
    Ok(())
}

/// Handles an error that refuses each of the request's `count` items; returns any other error.
pub(super) fn refuse_all<'c>(
    error: RemoteError,
    count: usize,
    contact: impl Fn(usize) -> Option<&'c ImportedContact>,
    refused: &mut HashSet<u64>,
    report: &mut RemoteReport,
) -> Result<(), Failure> {
    let errors = match error {
        RemoteError::Refused { status: StatusCode::UNPROCESSABLE_ENTITY, errors, .. }
            if errors.len() >= count && errors.iter().all(|error| error.index.is_some()) =>
        {
            errors
        }
        error => return Err(error.into()),
    };
    for error in &errors {
        let at = error.index.and_then(&contact);
        at.into_iter().try_for_each(|contact| refuse(contact, [error], refused, report))?;
    }
    Ok(())
}

fn refuse<'e>(
    contact: &ImportedContact,
    errors: impl IntoIterator<Item = &'e FieldProblemAnswer>,
    refused: &mut HashSet<u64>,
    report: &mut RemoteReport,
) -> Result<(), Failure> {
    let problems: Vec<String> =
        errors.into_iter().map(|FieldProblemAnswer { field, detail, .. }| format!("{field} {detail}")).collect();
    refused.insert(contact.row);
    report.take(&RecordResultRow {
        row: contact.row,
        record: contact.id.to_string(),
        state: "refused",
        ghl_id: String::new(),
        error: problems.join("; "),
        not_stored: Vec::new(),
    })
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::Contact;

    use super::*;

    fn contact(row: u64, note: usize) -> ImportedContact {
        ImportedContact::of_contact(row, Contact { address1: Some("x".repeat(note)), ..Contact::default() })
    }

    #[test]
    fn a_request_has_as_many_contacts_as_fit_and_one_in_any_case() {
        let of =
            |count: u64, note| lines(&(1..=count).map(|row| contact(row, note)).collect::<Vec<_>>(), AT_ONCE).len();
        assert_eq!([of(3, 10), of(600, 10), of(3, 1 << 20), of(2, 3 << 20)], [3, AT_ONCE, 1, 1]);
    }
}
