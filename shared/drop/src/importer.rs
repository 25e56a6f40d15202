//! Handles a message of the importer's queue.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Entry, ItemStore, PortError, Replaced, Versioned};
use ghl_sync_engine::usecase::Engine;
use ghl_sync_model::{ContentHash, EpochMs, LocationFacts};
use tracing::info;

use crate::checkpoint::{Checkpoint, Content, ImportEnd, Phase};
use crate::mark::Mark;
use crate::ports::{BucketFiles, FileInfo, StepQueue};
use crate::report::ListReport;
use crate::run::{StepEnd, StepRun};
use crate::{DropError, DropMessage, ListPlace};

/// Least delay of a step's message: by then the checkpoint that it relies on is written.
const SOONEST: Duration = Duration::from_secs(2);
/// Largest delay that SQS allows.
const LATEST: Duration = Duration::from_secs(15 * 60);
/// A step this late counts as lost, and dropping the list again resumes it. Longer than SQS hides the message of an
/// invocation that died.
const LOST_AFTER: Duration = Duration::from_secs(45 * 60);
/// Default retention of files in the bucket.
const FILES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// Stands in for the bucket key of a mapping that comes from the location's settings.
pub(crate) const MAPPING_OF_SETTINGS: &str = "the settings of the location";

/// How a message was handled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// Finished: remove it from the queue.
    Done,
    /// It must be redelivered: another invocation works on this import, or has not stored its checkpoint yet.
    Again,
}

/// Imports the lists of a bucket. Cheap to clone.
#[derive(Clone)]
pub struct Importer {
    pub(crate) engine: Engine,
    pub(crate) files: Arc<dyn BucketFiles>,
    steps: Arc<dyn StepQueue>,
    checkpoints: Versioned<Checkpoint>,
    marks: Versioned<Mark>,
    /// How long the bucket keeps a file.
    files_kept: Duration,
    facts: Versioned<LocationFacts>,
}

impl Importer {
    /// Puts contacts through `engine`, keeps checkpoints in `items`, and sends the messages of steps to `steps`.
    #[must_use]
    pub fn new(
        engine: Engine,
        items: &Arc<dyn ItemStore>,
        files: Arc<dyn BucketFiles>,
        steps: Arc<dyn StepQueue>,
    ) -> Importer {
        Importer {
            engine,
            files,
            steps,
            checkpoints: Versioned::new(items.clone()),
            marks: Versioned::new(items.clone()),
            files_kept: FILES_KEPT,
            facts: Versioned::new(items.clone()),
        }
    }

    /// The same importer for a bucket that keeps files this long.
    #[must_use]
    pub fn keeping(self, files_kept: Duration) -> Importer {
        Importer { files_kept, ..self }
    }

    /// The same importer with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Importer {
        Importer { engine, ..self.clone() }
    }

    /// Handles a message, and ends before `deadline`.
    ///
    /// # Errors
    /// When the message does not belong to this queue, or a store, the bucket or the queue fails. It must then be
    /// redelivered, which does no harm.
    pub async fn handle(&self, body: &str, deadline: EpochMs) -> Result<Handled, DropError> {
        match DropMessage::from_json(body)? {
            DropMessage::Test => Ok(Handled::Done),
            DropMessage::Step { file, step } => self.advance(&file, Some(step), deadline).await,
            DropMessage::Put(files) => match files.as_slice() {
                [file] => self.advance(file, None, deadline).await,
                files => {
                    // Each file gets the full time of an invocation.
                    for file in files {
                        self.steps.send(&DropMessage::Put(vec![file.clone()]), Duration::ZERO).await?;
                    }
                    Ok(Handled::Done)
                }
            },
        }
    }

    /// Sends the message of the next step again, after the queue lost its messages.
    ///
    /// # Errors
    /// When the store or the queue fails.
    pub async fn send_again(&self, key: &str) -> Result<(), PortError> {
        let Some(place) = ListPlace::of(key).filter(|place| place.key == key) else { return Ok(()) };
        let message = match self.checkpoints.load(&place.key).await? {
            Some(Entry { value: Checkpoint { phase: Phase::Ended(_), .. }, .. }) => return Ok(()),
            Some(Entry { value, .. }) => DropMessage::Step { file: place.key, step: value.step },
            None => DropMessage::Put(vec![place.key]),
        };
        self.steps.send(&message, Duration::ZERO).await
    }

    async fn advance(&self, key: &str, step: Option<u64>, deadline: EpochMs) -> Result<Handled, DropError> {
        let Some(place) = ListPlace::of(key) else {
            info!(event = "not_a_list", "a file is neither in/LOCATION/contacts/NAME nor the mapping of one");
            return Ok(Handled::Done);
        };
        let standing = self.checkpoints.load(&place.key).await?;
        match step {
            Some(step) => self.step(place, standing, step, deadline).await,
            None => self.begin(place, standing).await,
        }
    }

    /// Starts an import after a list or its mapping was put into the bucket. It only sends the message of the first
    /// step, because a redelivered S3 message says nothing about the import's progress.
    async fn begin(&self, place: ListPlace, standing: Option<Entry<Checkpoint>>) -> Result<Handled, DropError> {
        let Some(file) = self.files.head(&place.key).await? else { return Ok(Handled::Done) };
        let (content, facts) = self.content(&place, &file).await?;
        let now = self.now();
        let (rev, checkpoint) = match standing {
            None => (0, Checkpoint::begin(content, 1, now)),
            Some(Entry { rev, value }) if value.content == content && value.stands(now) => {
                let has_ended = value.has_ended();
                let mut run = StepRun { place, file, deadline: now, checkpoint: value, facts, rev };
                // The current or next step reads the upload time itself.
                let is_told = !has_ended || self.save_marked(&mut run).await?;
                return Ok(if is_told { Handled::Done } else { Handled::Again });
            }
            // Resume where messages were lost.
            Some(Entry { rev, value }) if value.content == content && !value.has_ended() => {
                (rev, Checkpoint { step: value.step + 1, ..value })
            }
            Some(Entry { rev, value }) => {
                let step = value.step + 1;
                (rev, value.anew(content, step, now))
            }
        };
        let step = checkpoint.step;
        let mut run = StepRun { place, file, deadline: now, checkpoint, facts, rev };
        self.announce(&mut run, step, SOONEST).await
    }

    /// Runs a step of an import, and sends the message of the next.
    async fn step(
        &self,
        place: ListPlace,
        standing: Option<Entry<Checkpoint>>,
        step: u64,
        deadline: EpochMs,
    ) -> Result<Handled, DropError> {
        let Some(Entry { rev, value }) = standing else { return Ok(Handled::Again) };
        // The step before sent this message, died, and ended the import when it ran again.
        if value.step > step || value.has_ended() {
            return Ok(Handled::Done);
        }
        // A message may arrive before its checkpoint is stored.
        if value.step < step {
            return Ok(Handled::Again);
        }
        let Some(file) = self.files.head(&place.key).await? else { return self.gone(&place, rev, value).await };
        let (content, facts) = self.content(&place, &file).await?;
        let checkpoint = if value.content == content { value } else { value.anew(content, step, self.now()) };
        let checkpoint = Checkpoint { expected_until: deadline + LOST_AFTER, ..checkpoint };
        let mut run = StepRun { place, file, deadline, checkpoint, facts, rev };
        if !self.save_marked(&mut run).await? {
            return Ok(Handled::Again);
        }
        let next = match run.checkpoint.phase.clone() {
            Phase::Putting { next } => self.put_list(&mut run, next).await?,
            Phase::Waiting { since, ended } => self.wait(&mut run, since, ended).await?,
            Phase::Ended(_) => return Ok(Handled::Done),
        };
        match next {
            StepEnd::Overtaken => Ok(Handled::Again),
            StepEnd::Step(after) => self.announce(&mut run, step + 1, after).await,
            StepEnd::End(end) => {
                let (location, etag) = (&run.place.location, &run.checkpoint.content.file);
                info!(event = "list_ended", %location, etag, end = ?end);
                run.checkpoint.phase = Phase::Ended(end);
                Ok(if self.save(&mut run).await? { Handled::Done } else { Handled::Again })
            }
        }
    }

    /// Sends the message of a step, then stores it as the next. The other way round, a lost message would stall the
    /// import.
    async fn announce(&self, run: &mut StepRun, step: u64, after: Duration) -> Result<Handled, DropError> {
        let after = after.clamp(SOONEST, LATEST);
        self.steps.send(&DropMessage::Step { file: run.place.key.clone(), step }, after).await?;
        run.checkpoint.step = step;
        run.checkpoint.expected_until = self.now() + after + LOST_AFTER;
        Ok(if self.save_marked(run).await? { Handled::Done } else { Handled::Again })
    }

    /// Ends the import of a list that was deleted. Contacts already put are still sent, but no row can be reported.
    async fn gone(&self, place: &ListPlace, rev: u64, value: Checkpoint) -> Result<Handled, DropError> {
        let reason =
            "the file was deleted before all of it was imported and told; contacts that were put by then go out";
        self.tell(place, &ListReport::refused(place, &value.content, None, reason)).await?;
        let mut ended = Checkpoint { phase: Phase::Ended(ImportEnd::Refused), ..value };
        ended.keep_since(self.now());
        self.checkpoints.replace(&place.key, rev, &ended).await?;
        Ok(Handled::Done)
    }

    /// The current content of a list, and the location's facts. The mapping is the list's own, that of all lists of
    /// its location, or that of the location's settings.
    async fn content(&self, place: &ListPlace, file: &FileInfo) -> Result<(Content, Option<LocationFacts>), PortError> {
        let facts = self.facts.load(&place.location).await?.map(|stored| stored.value);
        let meaning = facts.as_ref().map(|facts| facts.meaning().to_string());
        let mut content = Content { file: file.etag.clone(), mapping: None, facts: meaning };
        for key in place.mappings() {
            if let Some(mapping) = self.files.head(&key).await? {
                content.mapping = Some((key, mapping.etag));
                break;
            }
        }
        if content.mapping.is_none()
            && let Some(mapping) = self.mapping_of_settings(place).await?
        {
            content.mapping = Some((MAPPING_OF_SETTINGS.to_owned(), ContentHash::of(mapping.as_bytes()).to_string()));
        }
        Ok((content, facts))
    }

    /// The mapping in the location's settings, as JSON.
    pub(crate) async fn mapping_of_settings(&self, place: &ListPlace) -> Result<Option<String>, PortError> {
        let stored = self.engine.ports().registry.stored(&place.location).await?;
        let mapping = stored.and_then(|stored| stored.overlay.mapping);
        Ok(mapping.map(|mapping| serde_json::Value::Object(mapping).to_string()))
    }

    /// Writes `report.json`.
    pub(crate) async fn tell(&self, place: &ListPlace, report: &ListReport) -> Result<(), DropError> {
        let json = serde_json::to_vec_pretty(report)?;
        Ok(self.files.put(&place.out("report.json"), json, "application/json").await?)
    }

    /// Stores the checkpoint. If the file was uploaded anew, stores the mark that makes the list findable first.
    async fn save_marked(&self, run: &mut StepRun) -> Result<bool, PortError> {
        let uploaded_at = run.file.modified_at;
        let before = run.checkpoint.shown.uploaded_at;
        if before == Some(uploaded_at) || !run.place.is_of_contacts() {
            return self.save(run).await;
        }
        let deleted_from = uploaded_at + self.files_kept;
        let mark = Mark::of(&run.place, uploaded_at, deleted_from);
        // On a conflict, the same mark exists: its writer lost the reply or died.
        self.marks.replace(&mark.key(), 0, &mark).await?;
        run.checkpoint.shown.uploaded_at = Some(uploaded_at);
        run.checkpoint.shown.deleted_from = Some(deleted_from);
        if !self.save(run).await? {
            return Ok(false);
        }
        // If removal fails, the old mark's time differs from the checkpoint's, so readers skip it.
        if let Some(before) = before {
            self.marks.remove(&Mark::of(&run.place, before, deleted_from).key(), None).await?;
        }
        Ok(true)
    }

    /// Stores the checkpoint. Returns false if another invocation has begun a step of this import.
    pub(crate) async fn save(&self, run: &mut StepRun) -> Result<bool, PortError> {
        run.checkpoint.keep_since(self.now());
        match self.checkpoints.replace(&run.place.key, run.rev, &run.checkpoint).await? {
            Replaced::Written { rev } => {
                run.rev = rev;
                Ok(true)
            }
            Replaced::Conflict(_) => Ok(false),
        }
    }

    pub(crate) fn now(&self) -> EpochMs {
        self.engine.ports().clock.now()
    }
}
