//! A deployed stack from a terminal. `ghl-sync import --api` puts a list into one of its locations: the program reads
//! and maps the list; the stack sends it, even if the program ends.

mod access;
mod answers;
mod args;
mod client;
mod commands;
mod imports;
mod locations;
mod mirror;
mod outcomes;
mod put;
mod records;
mod replay;
mod report;
mod wait;

use std::fmt;
use std::path::Path;
use std::process::ExitCode;

use ghl_sync_engine::usecase::Shutdown;

use crate::list::{self, List, ListDestination, ListError};
use crate::real::{ImportArgs, ImportEstimate, MappingTable, checked_place};
use crate::{Failure, ask, exit, signals};
pub(crate) use access::{audit, keys};
use answers::LocationAnswer;
pub(crate) use args::{
    AuditArgs, FailedArgs, ImportsArgs, KeysArgs, PauseArgs, RecordArgs, ReplayArgs, ResumeArgs, StatusArgs,
};
use client::Remote;
pub(crate) use commands::{failed, pause, record, resume, status};
use imports::RemoteImport;
pub(crate) use imports::imports;
pub(crate) use locations::{LocationsArgs, locations};
use mirror::RemoteMirror;
pub(crate) use outcomes::{OutcomesArgs, outcomes};
pub(crate) use records::{EraseArgs, FailuresArgs, ForgetArgs, RecordsArgs, erase, failures, forget, records};
pub(crate) use replay::replay;
use report::RemoteReport;

pub(crate) async fn import(args: ImportArgs, url: &str) -> Result<ExitCode, Failure> {
    let (real, json) = (&args.real, args.output.json.as_deref());
    let remote = Remote::at(url, &args.credential)?;
    let location = remote.location(&real.location).await?;
    print!("{}", ReachedStack { remote: &remote, location: &location });
    let ids = real.ids()?;
    let place = ListDestination { ids: ids.read()?, ..checked_place(real).await? };
    let list = match list::read(Some(&args.file), &args.list, place, json) {
        Ok(list) => list,
        Err(ListError::Open(report, error)) => return exit::asks(&report, &error, json),
        Err(ListError::Failed(failure)) => return Err(failure),
    };
    list.refuse_if_held()?;
    let undoable = args.undoable || list.mapping.undoable;
    let pace = location.settings.pace;
    print!("\n{}\n{}", MappingTable(&list), ImportEstimate::new(&list, pace.limit, pace.window_ms, None));
    let people = list.contacts.len();
    if !args.yes && people > 0 && !ask::whether_to_send(people, real.location.as_str())? {
        return Ok(ExitCode::FAILURE);
    }
    let List { mut contacts, report, learned, .. } = list;
    let mut through = RemoteReport::new(&remote, &real.location, report, &args)?;
    let refused = match RemoteMirror::begin(&remote, &real.location, &args.mirror) {
        Some(mut mirror) => {
            let refused = mirror.put_all(&mut contacts, &mut through).await?;
            ids.write(learned)?;
            through.nobody_missing = mirror.commit(through.list().left_out, refused.len() as u64).await?;
            refused
        }
        None => {
            let import =
                RemoteImport::begin(&remote, &real.location, (&args.file, undoable), &mut contacts, through.list())
                    .await?;
            through.import_id = import.as_ref().map(|import| import.id.clone());
            let under = through.import_id.clone();
            let refused = put::all(&remote, &real.location, under.as_ref(), &mut contacts, &mut through).await?;
            ids.write(learned)?;
            if let Some(import) = &import {
                let written = [args.list.rejects.as_deref(), args.output.results.as_deref()];
                let files: Vec<&Path> = written.into_iter().flatten().collect();
                import.complete(&files).await?;
            }
            refused
        }
    };
    // The stack has everything from here on. A user who interrupts the wait gets the current state.
    let interrupted = Shutdown::default();
    signals::end(&interrupted, None)?;
    println!("{}", through.put_so_far());
    wait::for_all(&remote, &real.location, &mut contacts, &refused, &mut through, &interrupted).await?;
    through.finish(&args)
}

/// A reachable stack.
struct ReachedStack<'a> {
    remote: &'a Remote,
    location: &'a LocationAnswer,
}

impl fmt::Display for ReachedStack<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "stack      {}; it knows the location", self.remote.base())?;
        let settings = &self.location.settings;
        if settings.dry_run {
            writeln!(f, "           the location is on a dry run: nothing reaches GHL")?;
        }
        if !settings.enabled {
            writeln!(f, "           the location is not enabled: what is put waits until it is")?;
        }
        writeln!(f)
    }
}
