//! Previews a held list: reads it to the end, compares it with the outbox, and reports. Nothing is sent.

use ghl_sync_engine::ports::{Loaded, PortError};
use ghl_sync_import::{ImportPlan, ImportedContact};
use ghl_sync_model::{LocationSettings, Payload, Record};

use crate::DropError;
use crate::checkpoint::ImportEnd;
use crate::forecast::{Preview, SampleContact};
use crate::importer::Importer;
use crate::list::Copy;
use crate::ports::BucketFiles;
use crate::report::ListReport;
use crate::rows::ContactConsumer;
use crate::run::{StepEnd, StepRun};

/// Contacts compared with the outbox. In a longer list, the first ones represent the rest.
const MOST_COMPARED: u64 = 50_000;
/// Number of sample contacts in the preview.
const FIRST: usize = 10;

impl Importer {
    /// Reports what the import of a list would do, and the rows it would leave out.
    pub(crate) async fn hold(
        &self,
        run: &mut StepRun,
        plan: &ImportPlan,
        copy: &Copy,
        settings: &LocationSettings,
    ) -> Result<StepEnd, DropError> {
        let mut comparing = Comparing { undoable: plan.told().undoable, ..Comparing::default() };
        match self.tell_rows(run, plan, copy, &mut comparing).await? {
            Ok(import) => {
                let preview = comparing.finish(settings);
                run.checkpoint.shown.take(&import);
                self.tell(&run.place, &ListReport::held(run, plan, import, preview)).await?;
                Ok(StepEnd::End(ImportEnd::Held))
            }
            Err(error) => self.damaged(run, &error).await,
        }
    }
}

/// Totals so far.
#[derive(Default)]
struct Comparing {
    preview: Preview,
    /// Calls for the contacts compared.
    calls: u64,
    /// Whether the current chunk is compared.
    compares: bool,
    undoable: bool,
}

impl ContactConsumer for Comparing {
    fn wants_standing(&mut self) -> bool {
        self.compares = self.preview.compared < MOST_COMPARED;
        self.compares
    }

    fn take(&mut self, contact: &ImportedContact, found: Option<Loaded>) -> Result<(), DropError> {
        let payload = Payload::Contact(contact.contact.clone());
        self.preview.contacts += 1;
        if self.preview.first.len() < FIRST {
            self.preview
                .first
                .push(SampleContact { row: contact.row, contact: serde_json::from_str(&payload.to_json())? });
        }
        if !self.compares {
            return Ok(());
        }
        self.preview.compared += 1;
        // Tags take a call of their own, and an undoable update first reads the contact.
        let calls = 1 + u64::from(!contact.contact.tags.is_empty()) + u64::from(self.undoable);
        match found {
            Some(Loaded::Record(record)) if needs_no_call(&record, &payload) => {
                self.preview.unchanged += 1;
                return Ok(());
            }
            Some(Loaded::Record(record)) if record.ghl_id.is_some() => self.preview.updated += 1,
            Some(Loaded::Damaged { .. }) => self.preview.updated += 1,
            // Never sent, or since gone from GHL, for example by an undo.
            Some(Loaded::Record(_)) | None => {
                self.preview.new += 1;
                let ImportedContact { contact, .. } = contact;
                self.preview.new_without_address += u64::from(contact.email.is_none() && contact.phone.is_none());
            }
        }
        self.calls += calls;
        Ok(())
    }

    async fn flow(&mut self, _: &dyn BucketFiles) -> Result<(), PortError> {
        Ok(())
    }
}

impl Comparing {
    /// Extrapolates from the compared contacts to all.
    fn finish(self, settings: &LocationSettings) -> Preview {
        let Comparing { preview, calls, .. } = self;
        let calls = match preview.compared {
            0 => 0,
            compared => (u128::from(calls) * u128::from(preview.contacts)).div_ceil(compared.into()) as u64,
        };
        Preview { calls, seconds: (calls as f64 / settings.pace.rate()).ceil() as u64, ..preview }
    }
}

/// Whether GHL has this content, or will get it without another put.
fn needs_no_call(record: &Record, payload: &Payload) -> bool {
    if record.deletion {
        return false;
    }
    let is_accepted = record.accepted_version == Some(record.version) && record.accepted_hash == Some(payload.hash());
    let is_on_its_way = record.due_at.is_some() && record.payload == *payload;
    is_accepted || is_on_its_way
}
