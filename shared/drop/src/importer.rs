//! A message of the importer's queue, from its arrival to the next one.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Entry, ItemStore, PortError, Replaced, Versioned};
use ghl_sync_engine::usecase::Engine;
use ghl_sync_model::{ContentHash, EpochMs, LocationFacts};
use tracing::info;

use crate::checkpoint::{Checkpoint, Content, End, Phase};
use crate::mark::Mark;
use crate::ports::{FileInfo, Files, StepQueue};
use crate::report::Report;
use crate::run::{Next, Run};
use crate::{DropError, DropMessage, Place};

/// A step's message arrives after this time at the soonest: by then the checkpoint that it goes by is written.
const SOONEST: Duration = Duration::from_secs(2);
/// And after this at the latest; SQS allows no more.
const LATEST: Duration = Duration::from_secs(15 * 60);
/// Later than its time by this, a step is taken to be lost, and a list that is dropped again goes on with it. Longer than a
/// message stays invisible whose invocation died.
const LOST_AFTER: Duration = Duration::from_secs(45 * 60);
/// Files are kept for so long, unless it is told otherwise.
const FILES_KEPT: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the mapping of a location's settings is called where a key of the bucket stands else.
pub(crate) const MAPPING_OF_SETTINGS: &str = "the settings of the location";

/// What becomes of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handled {
    /// It is done with.
    Done,
    /// It must come again: somebody else is at this import, or has not yet written how far it is.
    Again,
}

/// Imports the lists of a bucket. Cheap to clone.
#[derive(Clone)]
pub struct Importer {
    pub(crate) engine: Engine,
    pub(crate) files: Arc<dyn Files>,
    steps: Arc<dyn StepQueue>,
    checkpoints: Versioned<Checkpoint>,
    marks: Versioned<Mark>,
    /// For how long the bucket keeps a file.
    files_kept: Duration,
    facts: Versioned<LocationFacts>,
}

impl Importer {
    /// Puts contacts by `engine`, keeps in `items` how far it is, and goes on by messages to `steps`.
    #[must_use]
    pub fn new(
        engine: Engine,
        items: &Arc<dyn ItemStore>,
        files: Arc<dyn Files>,
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

    /// The same, of a bucket that keeps files for so long.
    #[must_use]
    pub fn keeping(self, files_kept: Duration) -> Importer {
        Importer { files_kept, ..self }
    }

    /// The same, with another engine.
    #[must_use]
    pub fn with_engine(&self, engine: Engine) -> Importer {
        Importer { engine, ..self.clone() }
    }

    /// Does what a message says, and ends before `deadline`.
    ///
    /// # Errors
    /// When the message is none of this queue's, or a store, the bucket or the queue fails: it must come again, which does
    /// no harm.
    pub async fn handle(&self, body: &str, deadline: EpochMs) -> Result<Handled, DropError> {
        match DropMessage::from_json(body)? {
            DropMessage::Test => Ok(Handled::Done),
            DropMessage::Step { file, step } => self.look_at(&file, Some(step), deadline).await,
            DropMessage::Put(files) => match files.as_slice() {
                [file] => self.look_at(file, None, deadline).await,
                files => {
                    // Each has the whole time of an invocation for itself.
                    for file in files {
                        self.steps.send(&DropMessage::Put(vec![file.clone()]), Duration::ZERO).await?;
                    }
                    Ok(Handled::Done)
                }
            },
        }
    }

    /// Sends the message of the step that comes next, after the queue was lost with all that was in it.
    ///
    /// # Errors
    /// When the store or the queue does not answer.
    pub async fn send_again(&self, key: &str) -> Result<(), PortError> {
        let Some(place) = Place::of(key).filter(|place| place.key == key) else { return Ok(()) };
        let message = match self.checkpoints.load(&place.key).await? {
            Some(Entry { value: Checkpoint { phase: Phase::Ended(_), .. }, .. }) => return Ok(()),
            Some(Entry { value, .. }) => DropMessage::Step { file: place.key, step: value.step },
            None => DropMessage::Put(vec![place.key]),
        };
        self.steps.send(&message, Duration::ZERO).await
    }

    async fn look_at(&self, key: &str, step: Option<u64>, deadline: EpochMs) -> Result<Handled, DropError> {
        let Some(place) = Place::of(key) else {
            info!(event = "not_a_list", "a file is neither in/LOCATION/contacts/NAME nor the mapping of one");
            return Ok(Handled::Done);
        };
        let standing = self.checkpoints.load(&place.key).await?;
        match step {
            Some(step) => self.step(place, standing, step, deadline).await,
            None => self.begin(place, standing).await,
        }
    }

    /// Somebody says that a list, or its mapping, was put into the bucket. Only the message of the first step follows: a
    /// message of S3 that comes again says nothing of how far its import is.
    async fn begin(&self, place: Place, standing: Option<Entry<Checkpoint>>) -> Result<Handled, DropError> {
        let Some(file) = self.files.head(&place.key).await? else { return Ok(Handled::Done) };
        let (content, facts) = self.content(&place, &file).await?;
        let now = self.now();
        let (rev, checkpoint) = match standing {
            None => (0, Checkpoint::begin(content, 1, now)),
            Some(Entry { rev, value }) if value.content == content && value.stands(now) => {
                let has_ended = value.has_ended();
                let mut run = Run { place, file, deadline: now, checkpoint: value, facts, rev };
                // The step that is under way, or the next, sees when the file was put there by itself.
                let is_told = !has_ended || self.save_marked(&mut run).await?;
                return Ok(if is_told { Handled::Done } else { Handled::Again });
            }
            // It goes on where its messages were lost.
            Some(Entry { rev, value }) if value.content == content && !value.has_ended() => {
                (rev, Checkpoint { step: value.step + 1, ..value })
            }
            Some(Entry { rev, value }) => {
                let step = value.step + 1;
                (rev, value.anew(content, step, now))
            }
        };
        let step = checkpoint.step;
        let mut run = Run { place, file, deadline: now, checkpoint, facts, rev };
        self.announce(&mut run, step, SOONEST).await
    }

    /// Makes a step of an import, and sends the message of the next.
    async fn step(
        &self,
        place: Place,
        standing: Option<Entry<Checkpoint>>,
        step: u64,
        deadline: EpochMs,
    ) -> Result<Handled, DropError> {
        let Some(Entry { rev, value }) = standing else { return Ok(Handled::Again) };
        // It ended in the step before, which had died once this message was sent, and was made again.
        if value.step > step || value.has_ended() {
            return Ok(Handled::Done);
        }
        // A message may be sooner than the checkpoint that it goes by.
        if value.step < step {
            return Ok(Handled::Again);
        }
        let Some(file) = self.files.head(&place.key).await? else { return self.gone(&place, rev, value).await };
        let (content, facts) = self.content(&place, &file).await?;
        let checkpoint = if value.content == content { value } else { value.anew(content, step, self.now()) };
        let checkpoint = Checkpoint { expected_until: deadline + LOST_AFTER, ..checkpoint };
        let mut run = Run { place, file, deadline, checkpoint, facts, rev };
        if !self.save_marked(&mut run).await? {
            return Ok(Handled::Again);
        }
        let next = match run.checkpoint.phase.clone() {
            Phase::Putting { next } => self.put_list(&mut run, next).await?,
            Phase::Waiting { since, ended } => self.wait(&mut run, since, ended).await?,
            Phase::Ended(_) => return Ok(Handled::Done),
        };
        match next {
            Next::Overtaken => Ok(Handled::Again),
            Next::Step(after) => self.announce(&mut run, step + 1, after).await,
            Next::End(end) => {
                let (location, etag) = (&run.place.location, &run.checkpoint.content.file);
                info!(event = "list_ended", %location, etag, end = ?end);
                run.checkpoint.phase = Phase::Ended(end);
                Ok(if self.save(&mut run).await? { Handled::Done } else { Handled::Again })
            }
        }
    }

    /// Sends the message of a step, and then writes down that it is the next: were the message lost, nobody would go on.
    async fn announce(&self, run: &mut Run, step: u64, after: Duration) -> Result<Handled, DropError> {
        let after = after.clamp(SOONEST, LATEST);
        self.steps.send(&DropMessage::Step { file: run.place.key.clone(), step }, after).await?;
        run.checkpoint.step = step;
        run.checkpoint.expected_until = self.now() + after + LOST_AFTER;
        Ok(if self.save_marked(run).await? { Handled::Done } else { Handled::Again })
    }

    /// A list that is not there any more. What was put of it goes out; nobody can tell of its rows.
    async fn gone(&self, place: &Place, rev: u64, value: Checkpoint) -> Result<Handled, DropError> {
        let reason =
            "the file was deleted before all of it was imported and told; contacts that were put by then go out";
        self.tell(place, &Report::refused(place, &value.content, None, reason)).await?;
        let mut ended = Checkpoint { phase: Phase::Ended(End::Refused), ..value };
        ended.keep_since(self.now());
        self.checkpoints.replace(&place.key, rev, &ended).await?;
        Ok(Handled::Done)
    }

    /// What a list is by now; its mapping, which is its own, that of all lists of its location, or the one of the location's
    /// settings; and what is known of the location.
    async fn content(&self, place: &Place, file: &FileInfo) -> Result<(Content, Option<LocationFacts>), PortError> {
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

    /// The mapping that the settings of the list's location have, as JSON.
    pub(crate) async fn mapping_of_settings(&self, place: &Place) -> Result<Option<String>, PortError> {
        let stored = self.engine.ports().registry.stored(&place.location).await?;
        let mapping = stored.and_then(|stored| stored.overlay.mapping);
        Ok(mapping.map(|mapping| serde_json::Value::Object(mapping).to_string()))
    }

    /// Writes `report.json`.
    pub(crate) async fn tell(&self, place: &Place, report: &Report) -> Result<(), DropError> {
        let json = serde_json::to_vec_pretty(report)?;
        Ok(self.files.put(&place.out("report.json"), json, "application/json").await?)
    }

    /// Writes the checkpoint, and before it the mark by which the list is found, if its file is another one by now.
    async fn save_marked(&self, run: &mut Run) -> Result<bool, PortError> {
        let uploaded_at = run.file.modified_at;
        let before = run.checkpoint.shown.uploaded_at;
        if before == Some(uploaded_at) || !run.place.is_of_contacts() {
            return self.save(run).await;
        }
        let deleted_from = uploaded_at + self.files_kept;
        let mark = Mark::of(&run.place, uploaded_at, deleted_from);
        // A conflict is the same, written by an attempt whose reply was lost, or that died.
        self.marks.replace(&mark.key(), 0, &mark).await?;
        run.checkpoint.shown.uploaded_at = Some(uploaded_at);
        run.checkpoint.shown.deleted_from = Some(deleted_from);
        if !self.save(run).await? {
            return Ok(false);
        }
        // One that stays is of another time than the checkpoint's, so it is passed over.
        if let Some(before) = before {
            self.marks.remove(&Mark::of(&run.place, before, deleted_from).key(), None).await?;
        }
        Ok(true)
    }

    /// Writes the checkpoint. False if somebody else has begun a step of this import.
    pub(crate) async fn save(&self, run: &mut Run) -> Result<bool, PortError> {
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
