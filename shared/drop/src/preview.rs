//! A list that is held: read to its end, compared with what the stack knows, and told of. Nothing of it is sent.

use std::collections::HashMap;

use ghl_sync_engine::ports::Loaded;
use ghl_sync_import::report::{ImportReport, Rejects};
use ghl_sync_import::{ImportError, ImportedContact, Outcome, Plan};
use ghl_sync_model::{Kind, LocationSettings, Payload, Record, RecordKey};
use serde::Serialize;
use serde_json::Value;

use crate::DropError;
use crate::checkpoint::End;
use crate::finish::CSV;
use crate::importer::Importer;
use crate::list::{Copy, some};
use crate::report::{MOST_PROBLEMS, Report};
use crate::run::{Next, Run};
use crate::upload::Upload;

/// Outcomes that are compared together.
const CHUNK: usize = 500;
/// So many contacts are compared with what the stack knows; of a longer list the first ones stand for all.
const MOST_COMPARED: u64 = 50_000;
/// So many contacts are shown as GHL will get them.
const FIRST: usize = 10;

/// What an import would do.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Preview {
    /// Contacts that would be put.
    contacts: u64,
    /// So many of them, from the first on, are compared.
    compared: u64,
    /// Of these the stack knows nothing. GHL may have them all the same: then they are found there, and updated.
    new: u64,
    /// Of these the stack sends what has changed, or what failed before.
    updated: u64,
    /// These need no call.
    unchanged: u64,
    /// Calls at most, for all contacts.
    calls: u64,
    /// How long these take at the location's pace, once nothing else waits.
    seconds: u64,
    /// The first contacts, as GHL will get them. Personal data.
    first: Vec<First>,
}

#[derive(Debug, Serialize)]
struct First {
    row: u64,
    contact: Value,
}

impl Importer {
    /// Tells what the import of a list would do, and which rows it would leave out.
    pub(crate) async fn hold(
        &self,
        run: &Run,
        plan: &Plan,
        copy: &Copy,
        settings: &LocationSettings,
    ) -> Result<Next, DropError> {
        match self.preview(run, plan, copy, settings).await? {
            Ok((import, preview)) => {
                self.tell(&run.place, &Report::held(run, plan, import, preview)).await?;
                Ok(Next::End(End::Held))
            }
            Err(error) => self.damaged(run, &error).await,
        }
    }

    async fn preview(
        &self,
        run: &Run,
        plan: &Plan,
        copy: &Copy,
        settings: &LocationSettings,
    ) -> Result<Result<(ImportReport, Preview), ImportError>, DropError> {
        let mut import = ImportReport::of_plan(plan, MOST_PROBLEMS);
        let mut preview = Preview::default();
        let mut calls_compared = 0;
        let mut rejects_file = Upload::new(run.place.out("rejects.csv"), CSV);
        let mut rejects = Rejects::new(rejects_file.writer(), plan.header())?;
        let mut records = match plan.records(copy) {
            Ok(records) => records,
            Err(error) => return Ok(Err(error)),
        };
        loop {
            let outcomes = match some(&mut records, CHUNK) {
                Ok(outcomes) => outcomes,
                Err(error) => return Ok(Err(error)),
            };
            if outcomes.is_empty() {
                break;
            }
            let compares = preview.compared < MOST_COMPARED;
            let mut known = if compares { self.standing(run, &outcomes).await? } else { HashMap::new() };
            for outcome in outcomes {
                match outcome {
                    Outcome::Record(contact) => {
                        rejects.write(&contact.cells, &contact.problems)?;
                        import.problems.extend(contact.problems.iter().cloned());
                        let calls = preview.take(*contact, plan.told().undoable, compares.then_some(&mut known));
                        calls_compared += calls.filter(|_| compares).unwrap_or_default();
                    }
                    Outcome::HeldBack(row) => {
                        rejects.write(&row.cells, std::slice::from_ref(&row.problem))?;
                        import.problems.extend([row.problem]);
                    }
                    Outcome::NotAPerson(row) => import.problems.extend([row.problem]),
                }
            }
            rejects_file.flow(&*self.files).await?;
            tokio::task::yield_now().await;
        }
        import.take(records.tally());
        import.problems.sort();
        rejects.finish()?;
        rejects_file.finish(&*self.files).await?;
        preview.finish(calls_compared, settings);
        Ok(Ok((import, preview)))
    }
}

impl Preview {
    /// Counts a contact, and compares it with what is known. Returns the calls that it takes, if it is compared.
    fn take(
        &mut self,
        contact: ImportedContact,
        undoable: bool,
        known: Option<&mut HashMap<RecordKey, Loaded>>,
    ) -> Option<u64> {
        self.contacts += 1;
        // Tags go by a call of their own, and what can be undone is read first.
        let calls = 1 + u64::from(!contact.contact.tags.is_empty()) + u64::from(undoable);
        let key = RecordKey { kind: Kind::Contact, id: contact.id.clone() };
        let row = contact.row;
        let payload = Payload::Contact(contact.contact);
        if self.first.len() < FIRST {
            let contact = serde_json::from_str(&payload.to_json()).unwrap_or_default();
            self.first.push(First { row, contact });
        }
        let known = known?;
        self.compared += 1;
        let counted = match known.remove(&key) {
            None => &mut self.new,
            Some(Loaded::Record(record)) if needs_no_call(&record, &payload) => {
                self.unchanged += 1;
                return Some(0);
            }
            Some(Loaded::Record(_) | Loaded::Damaged { .. }) => &mut self.updated,
        };
        *counted += 1;
        Some(calls)
    }

    /// What was compared stands for the rest.
    fn finish(&mut self, calls: u64, settings: &LocationSettings) {
        self.calls = match self.compared {
            0 => 0,
            compared => (u128::from(calls) * u128::from(self.contacts)).div_ceil(compared.into()) as u64,
        };
        self.seconds = (self.calls as f64 / settings.pace.rate()).ceil() as u64;
    }
}

/// Whether GHL has this content of the record, or will have it without another put.
fn needs_no_call(record: &Record, payload: &Payload) -> bool {
    if record.deletion {
        return false;
    }
    let is_accepted = record.accepted_version == Some(record.version) && record.accepted_hash == Some(payload.hash());
    let is_on_its_way = record.due_at.is_some() && record.payload == *payload;
    is_accepted || is_on_its_way
}
