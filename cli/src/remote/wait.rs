//! Waiting until a stack has sent a list, with progress.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::{Kind, LocationId, RecordKey};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::time::Instant;

use super::answers::{Lookup, Outcome, Wait};
use super::client::{Remote, RemoteError};
use super::report::RemoteReport;
use crate::Failure;
use crate::list::{Contacts, RecordResult};
use crate::progress::Progress;

/// So many of the records that have not ended are looked at, those that were put first.
const WINDOW: usize = 100;
/// A look each time.
const EVERY: Duration = Duration::from_secs(2);
/// Nothing ended for so long: it is asked what stands in the way, as often as this.
const QUIET: Duration = Duration::from_secs(10);
/// Whoever does not wait any more gives the stack so long to say how it stands.
const LAST_LOOK: Duration = Duration::from_secs(5);
/// Whoever waits longer than this for GHL is told to come back.
const TOO_LONG: Duration = Duration::from_secs(15 * 60);

/// Waits until all of them have ended, or nothing will for a long time, or it is `interrupted`. What became of each goes into `report`.
pub(super) async fn for_all(
    remote: &Remote,
    location: &LocationId,
    contacts: &mut Contacts,
    refused: &HashSet<u64>,
    report: &mut RemoteReport,
    interrupted: &Shutdown,
) -> Result<(), Failure> {
    let mut progress = Progress::start(contacts.len());
    let mut stopped: Option<String> = None;
    for chunk in contacts.chunks()? {
        let key = |id| RecordKey { kind: Kind::Contact, id }.to_string();
        let rows = chunk?.into_iter().filter(|contact| !refused.contains(&contact.row));
        let rows: Vec<(u64, String)> = rows.map(|contact| (contact.row, key(contact.id))).collect();
        let mut open = Open::new(rows);
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

/// Records that have not ended, in the order in which they were put.
struct Open {
    rows: Vec<(u64, String)>,
    quiet_since: Instant,
    /// What stands in their way.
    words: String,
    stopped: Option<String>,
}

impl Open {
    fn new(rows: Vec<(u64, String)>) -> Open {
        Open { rows, quiet_since: Instant::now(), words: String::new(), stopped: None }
    }

    fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Looks at the first of them. Those that have ended are reported and are open no more. Returns how many.
    ///
    /// May be dropped at any await: what is reported is open no more, and nothing else is lost.
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

    /// Reports the first of them as they stand, for they are not waited for. Where the stack does not say in time, they
    /// are pending.
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
) -> Result<BTreeMap<String, Outcome>, RemoteError> {
    let records = rows.iter().map(|(_, key)| key.as_str()).collect();
    let outcomes = remote.lookup(location, &Lookup { records }).await?.records;
    Ok(outcomes.into_iter().map(|outcome| (outcome.record.clone(), outcome)).collect())
}

/// Whether a record in this state is neither on its way nor waits for something.
fn is_final(state: &str) -> bool {
    !matches!(state, "due" | "waiting")
}

fn words(wait: &Wait) -> String {
    match &wait.until {
        Some(until) => format!("waits ({}) until {until}", wait.reason),
        None => format!("waits ({})", wait.reason),
    }
}

/// Whether nobody would want to wait for it: only a person ends it, or it takes too long.
fn is_hopeless(wait: &Wait, now: OffsetDateTime) -> bool {
    let until = wait.until.as_deref().and_then(|until| OffsetDateTime::parse(until, &Rfc3339).ok());
    match until {
        Some(until) => until - now > TOO_LONG,
        None => matches!(wait.reason.as_str(), "disabled" | "operator" | "credentials" | "other_location"),
    }
}

fn result(row: u64, outcome: Outcome) -> RecordResult {
    let Outcome { record, state, ghl_id, not_stored, error } = outcome;
    RecordResult {
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

/// A record that the stack took, and does not know any more.
fn lost(row: u64, key: &str) -> RecordResult {
    RecordResult { state: "failed", error: "the stack does not know it any more".to_owned(), ..pending(row, key) }
}

/// A record that the stack has, of which it did not say how it stands.
fn pending(row: u64, key: &str) -> RecordResult {
    RecordResult {
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
