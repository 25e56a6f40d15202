//! A list that is held: read to its end, compared with what the stack knows, and told of. Nothing of it is sent.

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::{ImportedContact, Plan};
use ghl_sync_model::{LocationSettings, Payload, Record};
use serde::Serialize;
use serde_json::Value;

use crate::DropError;
use crate::checkpoint::End;
use crate::importer::Importer;
use crate::list::Copy;
use crate::ports::Files;
use crate::report::Report;
use crate::rows::Each;
use crate::run::{Next, Run};

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
    /// Of these the stack knows nothing. GHL may have them all the same: then it finds them by e-mail address or phone
    /// number, and they are updated.
    new: u64,
    /// So many of the new ones have neither: GHL cannot find them, and gets each as a new contact.
    new_without_address: u64,
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
        run: &mut Run,
        plan: &Plan,
        copy: &Copy,
        settings: &LocationSettings,
    ) -> Result<Next, DropError> {
        let mut comparing = Comparing { undoable: plan.told().undoable, ..Comparing::default() };
        match self.tell_rows(run, plan, copy, &mut comparing).await? {
            Ok(import) => {
                let preview = comparing.finish(settings);
                run.checkpoint.shown.take(&import);
                self.tell(&run.place, &Report::held(run, plan, import, preview)).await?;
                Ok(Next::End(End::Held))
            }
            Err(error) => self.damaged(run, &error).await,
        }
    }
}

/// What was found out so far.
#[derive(Default)]
struct Comparing {
    preview: Preview,
    /// Calls for the contacts that were compared.
    calls: u64,
    /// Whether those that come now are compared.
    compares: bool,
    undoable: bool,
}

impl Each for Comparing {
    fn wants_standing(&mut self) -> bool {
        self.compares = self.preview.compared < MOST_COMPARED;
        self.compares
    }

    fn take(&mut self, contact: &ImportedContact, found: Option<Loaded>) -> Result<(), DropError> {
        let payload = Payload::Contact(contact.contact.clone());
        self.preview.contacts += 1;
        if self.preview.first.len() < FIRST {
            self.preview.first.push(First { row: contact.row, contact: serde_json::from_str(&payload.to_json())? });
        }
        if !self.compares {
            return Ok(());
        }
        self.preview.compared += 1;
        // Tags go by a call of their own, and what can be undone is read first.
        let calls = 1 + u64::from(!contact.contact.tags.is_empty()) + u64::from(self.undoable);
        match found {
            Some(Loaded::Record(record)) if needs_no_call(&record, &payload) => {
                self.preview.unchanged += 1;
                return Ok(());
            }
            Some(Loaded::Record(record)) if record.ghl_id.is_some() => self.preview.updated += 1,
            Some(Loaded::Damaged { .. }) => self.preview.updated += 1,
            // Never sent, or gone from GHL since: by an undo, for one.
            Some(Loaded::Record(_)) | None => {
                self.preview.new += 1;
                let ImportedContact { contact, .. } = contact;
                self.preview.new_without_address += u64::from(contact.email.is_none() && contact.phone.is_none());
            }
        }
        self.calls += calls;
        Ok(())
    }

    async fn flow(&mut self, _: &dyn Files) -> Result<(), PortError> {
        Ok(())
    }
}

impl Comparing {
    /// What was compared stands for the rest.
    fn finish(self, settings: &LocationSettings) -> Preview {
        let Comparing { preview, calls, .. } = self;
        let calls = match preview.compared {
            0 => 0,
            compared => (u128::from(calls) * u128::from(preview.contacts)).div_ceil(compared.into()) as u64,
        };
        Preview { calls, seconds: (calls as f64 / settings.pace.rate()).ceil() as u64, ..preview }
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
