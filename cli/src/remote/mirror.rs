//! A list as a mirror of a stack: sent whole each time, so that who is missing in it is known to be gone.

use std::collections::HashSet;

use ghl_sync_import::ImportedContact;
use ghl_sync_model::LocationId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::OffsetDateTime;

use super::answers::{Committed, Put, PutItem, PutResult};
use super::client::{Remote, RemoteError, Told};
use super::put::{ROUNDS, lines, refuse_all, take};
use super::report::RemoteReport;
use crate::Failure;
use crate::args::MirrorArgs;
use crate::list::Contacts;

/// Contacts of a part, at most: what the API takes.
const MAX_PART: usize = 5_000;
/// Contacts that could not be dealt with and are named.
const SHOWN: usize = 10;

/// A run of a mirror, while it is sent.
pub(super) struct RemoteMirror<'a> {
    remote: &'a Remote,
    args: &'a MirrorArgs,
    path: String,
    parts: u32,
}

impl<'a> RemoteMirror<'a> {
    /// A run of the mirror that `args` name; `None` if they name none.
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

    /// Puts all of them, part by part. Returns the rows that the stack refuses.
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

    /// What the stack could not store is put again with the whole part: a part that comes again replaces the one before.
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
            let Put { shared, items } = match self.remote.put_lines(Method::PUT, &path, body).await {
                Ok(answer) => answer,
                // If all of them are refused, it is a part of nobody, of which it is known that somebody was in it.
                Err(error) => return refuse_all(error, contacts.len(), |index| contacts.get(index), refused, report),
            };
            let told: HashSet<usize> = items.iter().map(|item| item.index).collect();
            let is_stored = |item: &PutItem| item.result != PutResult::Failed;
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

    /// Ends the run. Returns why nobody was taken for missing, if that is so although somebody asked for it.
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
            let Told { read, .. } = match self.remote.ask::<Committed>(Method::POST, &path, Some(&asked)).await {
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
