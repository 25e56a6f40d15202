//! Waits, with progress, until a stack has sent a list.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::{Kind, LocationId, RecordKey};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::answers::{LookupRequest, RecordStateAnswer, Wait};
use super::client::{Remote, RemoteError};
use super::report::RemoteReport;
use crate::Failure;
use crate::list::{Contacts, RecordResultRow};
use crate::progress::RunProgress;

/// Most open records checked at once, those put first.
const WINDOW: usize = 100;
/// Interval between two checks.
const EVERY: Duration = Duration::from_secs(2);
/// If nothing ended for this long, the cause is looked up, at this interval.
const QUIET: Duration = Duration::from_secs(10);
/// How long the stack may take for a final answer once the user stops waiting.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// Longest expected wait for GHL. If it takes longer, the user is told to come back later.
const TOO_LONG: Duration = Duration::from_secs(15 * 60);

/// Waits until all records are final, none will be for a long time, or the user has `interrupted` it. Adds each
/// result to `report`.
pub(super) async fn for_all(
    remote: &Remote,
    location: &LocationId,
    contacts: &mut Contacts,
    refused: &HashSet<u64>,
    report: &mut RemoteReport,
    interrupted: &Shutdown,
) -> Result<(), Failure> {
    let mut progress = RunProgress::start(contacts.len());
    let mut stopped: Option<String> = None;
    for chunk in contacts.chunks()? {
        let key = |id| RecordKey { kind: Kind::Contact, id }.to_string();
        let rows = chunk?.into_iter().filter(|contact| !refused.contains(&contact.row));
        let rows: Vec<(u64, String)> = rows.map(|contact| (contact.row, key(contact.id))).collect();
        let mut open = OpenRecords::new(rows);
        while !open.is_empty() {
            if stopped.is_none() && interrupted.is_asked() {
                stopped = Some("interrupted; the stack goes on by itself".to_owned());
            }
            if stopped.is_some() {
                open.tell_rest(remote, location, report).await?;
                continue;
            }
            let ended = tokio::select! {
                ended = open.look(remote, location, report) => ended?,
                () = interrupted.asked() => continue,
            };
            progress.say(report.ended(), &open.words);
            stopped = open.stopped.take();
            if ended < WINDOW && stopped.is_none() && !open.is_empty() {
                tokio::select! {
                    () = tokio::time::sleep(EVERY) => {}
                    () = interrupted.asked() => {}
                }
            }
        }
    }
    progress.finish();
    report.stopped = stopped;
    Ok(())
}

/// Records that are not final, in the order they were put.
struct OpenRecords {
    rows: Vec<(u64, String)>,
    quiet_since: Instant,
    /// What they are waiting for.
    words: String,
    stopped: Option<String>,
}

impl OpenRecords {
    fn new(rows: Vec<(u64, String)>) -> OpenRecords {
        OpenRecords { rows, quiet_since: Instant::now(), words: String::new(), stopped: None }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Checks the first of them, reports the final ones, and removes those from the open records. Returns their
    /// number.
    ///
    /// May be dropped at any await: reported records are no longer open, and nothing else is lost.
    async fn look(
        &mut self,
        remote: &Remote,
        location: &LocationId,
        report: &mut RemoteReport,
    ) -> Result<usize, Failure> {
        let mut found = outcomes(remote, location, self.first()).await?;
        let looked_at = self.take_first();
        let window = looked_at.len();
        let mut still_open = Vec::new();
        for (row, key) in looked_at {
            match found.remove(&key) {
                Some(outcome) if is_final(&outcome.state) => report.take(&result(row, outcome))?,
                Some(_) => still_open.push((row, key)),
                None => report.take(&lost(row, &key))?,
            }
        }
        let ended = window - still_open.len();
        let first = still_open.first().map(|(_, key)| key.clone());
        self.rows.splice(0..0, still_open);
        if ended > 0 {
            self.quiet_since = Instant::now();
            self.words.clear();
        } else if let Some(key) = first.filter(|_| self.quiet_since.elapsed() > QUIET) {
            self.ask_why(remote, location, &key).await?;
        }
        Ok(ended)
    }

    /// Reports the remaining records in their current state, because nobody waits for them. If the stack does not
    /// answer in time, they count as pending.
    async fn tell_rest(
        &mut self,
        remote: &Remote,
        location: &LocationId,
        report: &mut RemoteReport,
    ) -> Result<(), Failure> {
        let asked = outcomes(remote, location, self.first());
        let mut found = match tokio::time::timeout(LAST_LOOK, asked).await {
            Ok(Ok(found)) => Some(found),
            Ok(Err(_)) | Err(_) => None,
        };
        for (row, key) in self.take_first() {
            let told = match &mut found {
                None => pending(row, &key),
                Some(found) => found.remove(&key).map_or_else(|| lost(row, &key), |outcome| result(row, outcome)),
            };
            report.take(&told)?;
        }
        Ok(())
    }

    fn first(&self) -> &[(u64, String)] {
        self.rows.get(..WINDOW).unwrap_or(&self.rows)
    }

    fn take_first(&mut self) -> Vec<(u64, String)> {
        let rest = self.rows.split_off(self.first().len());
        std::mem::replace(&mut self.rows, rest)
    }

    async fn ask_why(&mut self, remote: &Remote, location: &LocationId, key: &str) -> Result<(), Failure> {
        let id = key.split_once('#').map_or(key, |(_, id)| id);
        let status = remote.status(location, id).await?;
        let Some(wait) = status.and_then(|status| status.waits_for) else { return Ok(()) };
        self.words = words(&wait);
        if is_hopeless(&wait, OffsetDateTime::now_utc()) {
            self.stopped = Some(format!("nothing can be sent for a while: it {}", self.words));
        }
        Ok(())
    }
}

async fn outcomes(
    remote: &Remote,
    location: &LocationId,
    rows: &[(u64, String)],
) -> Result<BTreeMap<String, RecordStateAnswer>, RemoteError> {
    let records = rows.iter().map(|(_, key)| key.as_str()).collect();
    let outcomes = remote.lookup(location, &LookupRequest { records }).await?.records;
    Ok(outcomes.into_iter().map(|outcome| (outcome.record.clone(), outcome)).collect())
}

/// Whether a record in this state is neither in flight nor waiting.
fn is_final(state: &str) -> bool {
    !matches!(state, "due" | "waiting")
}

fn words(wait: &Wait) -> String {
    match &wait.until {
        Some(until) => format!("waits ({}) until {until}", wait.reason),
        None => format!("waits ({})", wait.reason),
    }
}

/// Whether waiting makes no sense, because only a person can end the wait or it takes too long.
fn is_hopeless(wait: &Wait, now: OffsetDateTime) -> bool {
    let until = wait.until.as_deref().and_then(|until| OffsetDateTime::parse(until, &Rfc3339).ok());
    match until {
        Some(until) => until - now > TOO_LONG,
        None => matches!(wait.reason.as_str(), "disabled" | "operator" | "credentials" | "other_location"),
    }
}

fn result(row: u64, outcome: RecordStateAnswer) -> RecordResultRow {
    let RecordStateAnswer { record, state, ghl_id, not_stored, error } = outcome;
    RecordResultRow {
        row,
        record: record.split_once('#').map_or(record.clone(), |(_, id)| id.to_owned()),
        state: match state.as_str() {
            "accepted" => "synced",
            "dry_run" | "superseded" => "skipped",
            state if is_final(state) => "failed",
            _ => "pending",
        },
        ghl_id: ghl_id.unwrap_or_default(),
        error: error.map(|error| error.message).unwrap_or_default(),
        not_stored,
    }
}

/// A record that the stack accepted but no longer knows.
fn lost(row: u64, key: &str) -> RecordResultRow {
    RecordResultRow { state: "failed", error: "the stack does not know it any more".to_owned(), ..pending(row, key) }
}

/// A record in the stack whose state is unknown.
fn pending(row: u64, key: &str) -> RecordResultRow {
    RecordResultRow {
        row,
        record: key.split_once('#').map_or(key, |(_, id)| id).to_owned(),
        state: "pending",
        ghl_id: String::new(),
        error: String::new(),
        not_stored: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_person_must_end_or_takes_long_is_not_waited_for() {
        let now = OffsetDateTime::parse("2026-11-28T12:00:00Z", &Rfc3339).unwrap();
        let of = |reason: &str, until: Option<&str>| {
            is_hopeless(&Wait { reason: reason.to_owned(), until: until.map(str::to_owned) }, now)
        };
        assert!(of("operator", None) && of("disabled", None));
        assert!(of("daily_quota", Some("2026-11-29T00:00:00Z")));
        assert!(!of("breaker", Some("2026-11-28T12:01:00Z")) && !of("batch", None) && !of("record", None));
    }
}
