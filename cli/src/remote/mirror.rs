//! A list as a mirror of a stack: sent completely each time, so that missing contacts are known to be gone.

use std::collections::HashSet;

use ghl_sync_import::ImportedContact;
use ghl_sync_model::LocationId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::answers::{CommitAnswer, PutAnswer, PutItemAnswer, PutResultAnswer};
use super::client::{Remote, RemoteAnswer, RemoteError};
use super::put::{ROUNDS, lines, refuse_all, take};
use super::report::RemoteReport;
use crate::Failure;
use crate::args::MirrorArgs;
use crate::list::Contacts;

/// Most contacts per part, the API's limit.
const MAX_PART: usize = 5_000;
/// Most failed contacts that are named.
const SHOWN: usize = 10;

/// A mirror run that is being sent.
pub(super) struct RemoteMirror<'a> {
    remote: &'a Remote,
    args: &'a MirrorArgs,
    path: String,
    parts: u32,
}

impl<'a> RemoteMirror<'a> {
    /// Begins a run of the mirror in `args`; `None` if they name none.
    pub(super) fn begin(remote: &'a Remote, location: &LocationId, args: &'a MirrorArgs) -> Option<RemoteMirror<'a>> {
        let name = args.mirror.as_ref()?;
        let run = format!("{}-{:04x}", OffsetDateTime::now_utc().unix_timestamp(), fastrand::u16(..));
        Some(RemoteMirror {
            remote,
            args,
            path: format!("/v1/locations/{location}/mirrors/{name}/runs/{run}"),
            parts: 0,
        })
    }

    /// Puts all contacts, part by part. Returns the rows that the stack refuses.
    pub(super) async fn put_all(
        &mut self,
        contacts: &mut Contacts,
        report: &mut RemoteReport,
    ) -> Result<HashSet<u64>, Failure> {
        let mut refused = HashSet::new();
        for chunk in contacts.chunks()? {
            let chunk = chunk?;
            let mut rest: &[ImportedContact] = &chunk;
            while !rest.is_empty() {
                let lines = lines(rest, MAX_PART);
                let (now, later) = rest.split_at(lines.len().max(1).min(rest.len()));
                self.put_part(now, &lines, &mut refused, report).await?;
                rest = later;
            }
        }
        Ok(refused)
    }

    /// Puts a part. If the stack failed to store some of it, the whole part is put again and replaces the earlier
    /// one.
    async fn put_part(
        &mut self,
        contacts: &[ImportedContact],
        lines: &[String],
        refused: &mut HashSet<u64>,
        report: &mut RemoteReport,
    ) -> Result<(), Failure> {
        let path = format!("{}/parts/{}", self.path, self.parts);
        for _ in 0..ROUNDS {
            let body: String = lines.iter().flat_map(|line| [line.as_str(), "\n"]).collect();
            let PutAnswer { shared, items } = match self.remote.put_lines(Method::PUT, &path, body).await {
                Ok(answer) => answer,
                // If all contacts are refused, the part is empty, but the stack knows that it had contacts.
                Err(error) => return refuse_all(error, contacts.len(), |index| contacts.get(index), refused, report),
            };
            let told: HashSet<usize> = items.iter().map(|item| item.index).collect();
            let is_stored = |item: &PutItemAnswer| item.result != PutResultAnswer::Failed;
            if !items.iter().all(is_stored) || !(0..contacts.len()).all(|index| told.contains(&index)) {
                continue;
            }
            shared.iter().for_each(|shared| report.shared(&shared.by, &shared.records));
            for item in &items {
                let Some(contact) = contacts.get(item.index) else { continue };
                take(item, contact, refused, report)?;
            }
            self.parts += 1;
            return Ok(());
        }
        Err("the stack could not store a part of the list; run the same command again".into())
    }

    /// Ends the run. If missing contacts should have been handled but were not, returns the reason.
    pub(super) async fn commit(&self, left_out: u64, refused: u64) -> Result<Option<String>, Failure> {
        let on_missing = self.args.on_missing.as_str();
        if on_missing != "keep" && left_out + refused > 0 {
            let rows = left_out + refused;
            return Ok(Some(format!(
                "{rows} rows were left out, so nobody is taken for missing: mend them, then run again"
            )));
        }
        if self.parts == 0 {
            return Ok(Some("the list has nobody, so nobody is taken for missing".to_owned()));
        }
        let path = format!("{}/commit", self.path);
        let mut asked = json!({ "parts": self.parts, "on_missing": on_missing, "max_missing": self.args.max_missing });
        let (mut changed, mut left) = (0, Vec::new());
        let missing = loop {
            let answer = self.remote.ask::<CommitAnswer>(Method::POST, &path, Some(&asked)).await;
            let RemoteAnswer { read, .. } = match answer {
                Ok(told) => told,
                Err(RemoteError::Refused { status: StatusCode::CONFLICT, detail, .. }) => return Ok(Some(detail)),
                Err(error) => return Err(error.into()),
            };
            changed += read.changed;
            left.extend(read.left);
            if read.complete {
                break read.missing;
            }
            asked["done"] = Value::from(read.done);
        };
        println!("mirror     {missing} are missing since the last time ({on_missing}), {changed} of them changed");
        for left in left.iter().take(SHOWN) {
            println!("           {} could not be: {}", left.record, left.detail);
        }
        if let more @ 1.. = left.len().saturating_sub(SHOWN) {
            println!("           and {more} more");
        }
        Ok(None)
    }
}
