//! Mirrors: a source sends its whole list, and contacts that are missing from it are dealt with.
//!
//! A run is sent in parts. Each part puts its contacts like any put, so unchanged ones cost nothing, and stores their
//! ids. Committing a run compares it with the previously committed run; until then, nothing happens to missing
//! contacts.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use ghl_sync_engine::ports::{Entry, Loaded, PortError, Put, Replaced, Versioned};
use ghl_sync_model::{
    Kind, LocationId, Mirror, MirrorName, MirrorPart, MirrorPartKey, MirrorRun, OnMissing, Payload, Record, RecordId,
    RecordKey, RunId, is_same_tag,
};

use crate::{DeletionError, OperateError, Operator};

/// Most contacts of a part.
pub const MAX_PART: usize = 5_000;
/// Most parts of a run: half a million contacts.
pub const MAX_PARTS: u32 = 100;
/// Most bytes of ids in a part: a DynamoDB item holds 400 KB.
const MAX_PART_BYTES: usize = 300_000;
/// Records processed together.
const AT_ONCE: usize = 100;
/// Longest time that one request works: API Gateway stops waiting after 30 s.
const LONGEST: Duration = Duration::from_secs(12);

/// Why a contact was left, if an earlier request knew the reason.
const LEFT_BEFORE: &str = "it could not be dealt with when the run was committed; the next run finds it missing again";

/// A request to commit a run.
#[derive(Debug, Clone, PartialEq)]
pub struct Commit {
    /// Id of the run.
    pub run: RunId,
    /// Number of parts that were sent.
    pub parts: u32,
    /// What to do with missing contacts.
    pub on_missing: OnMissing,
    /// Largest accepted share of missing contacts, 0 to 1. If more are missing, nothing is done: the source looks
    /// broken.
    pub max_missing: f64,
    /// Number of missing contacts that earlier requests have dealt with.
    pub done: u64,
}

/// Results of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CommitReport {
    /// Contacts in this run.
    pub present: u64,
    /// Contacts in the previous run.
    pub before: u64,
    /// Contacts of the previous run that are missing in this one.
    pub missing: u64,
    /// Missing contacts that have been dealt with so far.
    pub done: u64,
    /// Contacts that this request tagged, or made due for deletion.
    pub changed: u64,
    /// Contacts that this request could not deal with, and why.
    pub left: Vec<(RecordKey, String)>,
    /// Whether the run is committed. If not, repeat the request to continue.
    pub complete: bool,
}

/// Why a run is not committed, or a part is rejected.
#[derive(Debug, thiserror::Error)]
pub enum MirrorError {
    /// The location is unknown, or a store failed.
    #[error(transparent)]
    Operate(#[from] OperateError),
    /// The ids of the part are too long in total.
    #[error("the ids of the part have {0} bytes, and a part may have {MAX_PART_BYTES}: send smaller parts")]
    PartTooLarge(usize),
    /// The run is already committed, with other contacts in this part.
    #[error("the run {0} is committed with other contacts: send another list under another run")]
    Committed(RunId),
    /// A part is missing.
    #[error("part {0} of the run was never sent: send it, then commit again")]
    NoPart(u32),
    /// Items of the run were rejected.
    #[error("{0} items of the run were refused, so nobody is taken for missing: mend them, or commit with `keep`")]
    Refused(u64),
    /// So many contacts are missing that the source looks broken.
    #[error(
        "{missing} of {before} contacts are missing, more than the {percent} % that are allowed: is the list whole? A \
         higher `max_missing` allows it"
    )]
    TooManyMissing {
        /// Missing contacts.
        missing: u64,
        /// Contacts in the previous run.
        before: u64,
        /// The accepted percentage.
        percent: f64,
    },
    /// Somebody else committed a run of the same mirror.
    #[error("another run was committed in between: send the list again")]
    Overtaken,
}

impl From<PortError> for MirrorError {
    fn from(error: PortError) -> MirrorError {
        MirrorError::Operate(error.into())
    }
}

/// A run compared with the previous one.
struct ComparedRun {
    entry: Entry<Mirror>,
    present: u64,
    before: u64,
    refused: u64,
    /// Missing contacts, in the previous run's order.
    missing: Vec<RecordId>,
}

impl Operator {
    /// The state of the mirror `name` of `location`; empty if no run was ever committed.
    ///
    /// # Errors
    /// If the location is unknown, or a store fails.
    pub async fn mirror(&self, location: &LocationId, name: &MirrorName) -> Result<Mirror, OperateError> {
        self.known(location).await?;
        let key = (location.clone(), name.clone());
        Ok(self.mirrors().load(&key).await?.map(|entry| entry.value).unwrap_or_default())
    }

    /// Stores the ids in a part of a run, after its contacts were put. Sending the part again replaces it. A committed
    /// run accepts only the same part again: other contacts would never be found missing.
    ///
    /// # Errors
    /// [`MirrorError`]; repeating the call is safe.
    pub async fn take_mirror_part(
        &self,
        key: &MirrorPartKey,
        ids: Vec<RecordId>,
        refused: u64,
    ) -> Result<(), MirrorError> {
        let bytes = ids.iter().map(|id| id.as_str().len() + 3).sum();
        if bytes > MAX_PART_BYTES {
            return Err(MirrorError::PartTooLarge(bytes));
        }
        let part = MirrorPart { ids, refused, at: self.ports().clock.now() };
        let parts = self.mirror_parts();
        let standing = parts.load(key).await?;
        let mirror = self.mirrors().load(&(key.location.clone(), key.name.clone())).await?;
        if mirror.and_then(|entry| entry.value.committed).is_some_and(|committed| committed.run == key.run) {
            let is_same = |entry: &Entry<MirrorPart>| entry.value.ids == part.ids && entry.value.refused == refused;
            return if standing.is_some_and(|entry| is_same(&entry)) {
                Ok(())
            } else {
                Err(MirrorError::Committed(key.run.clone()))
            };
        }
        let mut rev = standing.map_or(0, |entry| entry.rev);
        // Only a repetition of the same request can conflict, and it stores the same.
        for _ in 0..3 {
            match parts.replace(key, rev, &part).await? {
                Replaced::Written { .. } => return Ok(()),
                Replaced::Conflict(standing) => rev = standing.map_or(0, |entry| entry.rev),
            }
        }
        Err(MirrorError::Overtaken)
    }

    /// Commits a run: deals with the contacts of the previous run that are missing in this one, and then makes this one
    /// current. Many missing contacts take more than one call: continue with `done` until it is complete.
    ///
    /// # Errors
    /// [`MirrorError`]; until a run is complete, the previous one stays current, so repeating the call is safe. For a
    /// run that is already complete, the result again lists the contacts that were left.
    pub async fn commit_mirror(
        &self,
        location: &LocationId,
        name: &MirrorName,
        commit: &Commit,
    ) -> Result<CommitReport, MirrorError> {
        self.known(location).await?;
        let ComparedRun { entry, present, before, refused, missing } = self.compare(location, name, commit).await?;
        if entry.value.committed.as_ref().is_some_and(|last| last.run == commit.run) {
            let left = self.left_over(location, name, commit).await?;
            return Ok(CommitReport { present, left, complete: true, ..CommitReport::default() });
        }
        let count = missing.len() as u64;
        let mut committed = CommitReport { present, before, missing: count, done: count, ..CommitReport::default() };
        if commit.on_missing != OnMissing::Keep && count > 0 {
            if refused > 0 {
                return Err(MirrorError::Refused(refused));
            }
            #[expect(clippy::cast_precision_loss, reason = "a share of at most half a million")]
            if count as f64 > before as f64 * commit.max_missing {
                let percent = commit.max_missing * 100.0;
                return Err(MirrorError::TooManyMissing { missing: count, before, percent });
            }
            committed.done = commit.done.min(count);
            self.deal_with(location, &missing, &commit.on_missing, &mut committed).await?;
        }
        let parts = self.carry_over(location, name, commit, &committed.left).await?;
        if committed.done < count {
            return Ok(committed);
        }
        let at = self.ports().clock.now();
        let run = MirrorRun { run: commit.run.clone(), parts, present, at };
        let mirror = Mirror { committed: Some(run) };
        let key = (location.clone(), name.clone());
        match self.mirrors().replace(&key, entry.rev, &mirror).await? {
            Replaced::Written { .. } => Ok(CommitReport { complete: true, ..committed }),
            Replaced::Conflict(_) => Err(MirrorError::Overtaken),
        }
    }

    fn mirrors(&self) -> Versioned<Mirror> {
        Versioned::new(self.ports().items.clone())
    }

    fn mirror_parts(&self) -> Versioned<MirrorPart> {
        Versioned::new(self.ports().items.clone())
    }

    /// Finds the contacts of the previously committed run that are missing in this run.
    async fn compare(
        &self,
        location: &LocationId,
        name: &MirrorName,
        commit: &Commit,
    ) -> Result<ComparedRun, MirrorError> {
        let key = (location.clone(), name.clone());
        let entry = self.mirrors().load(&key).await?.unwrap_or_default();
        let (mut present, mut refused) = (HashSet::new(), 0);
        for part in 0..commit.parts {
            let part = self.part(location, name, &commit.run, part).await?;
            refused += part.refused;
            present.extend(part.ids.iter().map(digest));
        }
        let mut missing = Vec::new();
        let mut before = 0;
        // A run that is committed again has nobody missing.
        let last = entry.value.committed.as_ref().filter(|last| last.run != commit.run);
        if let Some(MirrorRun { run, parts, .. }) = last {
            let mut seen = HashSet::new();
            for part in 0..*parts {
                for id in self.part(location, name, run, part).await?.ids {
                    if seen.insert(digest(&id)) {
                        before += 1;
                        missing.extend(Some(id).filter(|id| !present.contains(&digest(id))));
                    }
                }
            }
        }
        Ok(ComparedRun { entry, present: present.len() as u64, before, refused, missing })
    }

    async fn part(
        &self,
        location: &LocationId,
        name: &MirrorName,
        run: &RunId,
        part: u32,
    ) -> Result<MirrorPart, MirrorError> {
        let key = MirrorPartKey { location: location.clone(), name: name.clone(), run: run.clone(), part };
        let found = self.mirror_parts().load(&key).await?;
        found.map(|entry| entry.value).ok_or(MirrorError::NoPart(part))
    }

    /// Keeps contacts that could not be dealt with in the run, in a part of their own, so that the next run finds them
    /// missing again. Returns the run's number of parts, including that one.
    async fn carry_over(
        &self,
        location: &LocationId,
        name: &MirrorName,
        commit: &Commit,
        left: &[(RecordKey, String)],
    ) -> Result<u32, MirrorError> {
        let key = part_of_left(location, name, commit);
        let standing = self.mirror_parts().load(&key).await?;
        let mut ids = standing.map(|entry| entry.value.ids).unwrap_or_default();
        let before = ids.len();
        for (key, _) in left {
            if !ids.contains(&key.id) {
                ids.push(key.id.clone());
            }
        }
        let extra = u32::from(!ids.is_empty());
        if ids.len() > before {
            self.take_mirror_part(&key, ids, 0).await?;
        }
        Ok(commit.parts + extra)
    }

    /// The contacts that were kept in a committed run because they could not be dealt with.
    async fn left_over(
        &self,
        location: &LocationId,
        name: &MirrorName,
        commit: &Commit,
    ) -> Result<Vec<(RecordKey, String)>, MirrorError> {
        let part = self.mirror_parts().load(&part_of_left(location, name, commit)).await?;
        let ids = part.map(|entry| entry.value.ids).unwrap_or_default();
        let left = |id| (RecordKey { kind: Kind::Contact, id }, LEFT_BEFORE.to_owned());
        Ok(ids.into_iter().map(left).collect())
    }

    /// Continues after `committed.done`, for as long as a request may take.
    async fn deal_with(
        &self,
        location: &LocationId,
        missing: &[RecordId],
        on_missing: &OnMissing,
        committed: &mut CommitReport,
    ) -> Result<(), MirrorError> {
        let started = self.ports().clock.now();
        let begin = usize::try_from(committed.done).unwrap_or(usize::MAX).min(missing.len());
        for ids in missing.get(begin..).unwrap_or_default().chunks(AT_ONCE) {
            let keys: Vec<RecordKey> = ids.iter().map(|id| RecordKey { kind: Kind::Contact, id: id.clone() }).collect();
            for loaded in self.ports().outbox.load(location, &keys).await? {
                match loaded {
                    Loaded::Damaged { key, reason } => committed.left.push((key, reason)),
                    // A put needs the whole content.
                    Loaded::Record(record) if record.content_dropped_at.is_some() && on_missing.is_put() => {
                        committed.left.push((record.key, "its content was dropped; put it again first".to_owned()));
                    }
                    Loaded::Record(record) => match on_missing {
                        OnMissing::Keep => {}
                        OnMissing::Tag(tag) => committed.changed += u64::from(self.tag(&record, tag, true).await?),
                        OnMissing::Untag(tag) => committed.changed += u64::from(self.tag(&record, tag, false).await?),
                        OnMissing::Delete => self.delete_missing(&record, committed).await?,
                    },
                }
            }
            committed.done += ids.len() as u64;
            if self.ports().clock.now().since(started) >= LONGEST {
                break;
            }
        }
        Ok(())
    }

    /// Adds a tag, or removes it. Returns whether that changed the record.
    async fn tag(&self, record: &Record, tag: &str, add: bool) -> Result<bool, MirrorError> {
        let Payload::Contact(contact) = &record.payload else { return Ok(false) };
        let mut contact = contact.clone();
        let (gains, loses) = match add {
            true => (&mut contact.tags, &mut contact.remove_tags),
            false => (&mut contact.remove_tags, &mut contact.tags),
        };
        let is_it = |has: &String| is_same_tag(has, tag);
        loses.retain(|has| !is_it(has));
        if gains.iter().any(is_it) {
            return Ok(false);
        }
        gains.push(tag.to_owned());
        let payload = Payload::Contact(contact);
        let stored = self.engine.put_and_start(&[record.put_again(payload)]).await.items.into_iter().next();
        Ok(stored.transpose()?.is_some_and(|stored| stored == Put::Stored))
    }

    /// Deletes a missing contact. One that was never in GHL is forgotten, so that it does not get there later.
    async fn delete_missing(&self, record: &Record, committed: &mut CommitReport) -> Result<(), MirrorError> {
        let deleted = match self.delete_in_ghl(&record.location_id, &record.key).await {
            Err(DeletionError::NotInGhl) if record.due_at.is_none() => {
                self.forget(&record.location_id, &record.key).await?;
                Ok(())
            }
            deleted => deleted,
        };
        match deleted {
            Ok(()) => committed.changed += 1,
            Err(DeletionError::Operate(error)) => return Err(error.into()),
            Err(DeletionError::UnknownRecord) => {}
            Err(error) => committed.left.push((record.key.clone(), error.to_string())),
        }
        Ok(())
    }
}

/// The part of a run that holds the contacts that could not be dealt with.
fn part_of_left(location: &LocationId, name: &MirrorName, commit: &Commit) -> MirrorPartKey {
    MirrorPartKey { location: location.clone(), name: name.clone(), run: commit.run.clone(), part: commit.parts }
}

/// Ids with the same digest count as one, so that at worst a missing contact is kept.
fn digest(id: &RecordId) -> u64 {
    let mut hasher = DefaultHasher::new();
    id.hash(&mut hasher);
    hasher.finish()
}
