//! `ghl-sync import`: sends a list to a location from this machine.

use std::process::ExitCode;

use ghl_sync_model::Priority;

use super::args::ImportArgs;
use super::check::check_once_free;
use super::data_dir;
use super::plan::{ImportEstimate, MappingTable, place};
use crate::deliver::{Job, deliver};
use crate::known_ids::IdsFile;
use crate::list::{self, ListError};
use crate::stack::Stack;
use crate::{Failure, ask, exit, remote};

/// Most records that are counted exactly.
const MOST_COUNTED: u32 = 1_000_000;

pub(crate) async fn run(args: ImportArgs) -> Result<ExitCode, Failure> {
    args.output.keep_apart(Some(&args.file), &args.list)?;
    if let Some(url) = args.api.clone() {
        return remote::import(args, &url).await;
    }
    let real = &args.real;
    let mut options = real.stack_options(None).await?;
    let dir = data_dir::claim(real)?;
    let ids = IdsFile::of(Some(&dir), &real.location);
    options.data_dir = Some(dir);
    let stack = Stack::start(options).await?;
    let checked = check_once_free(&stack, real).await?;
    print!("{checked}\n");
    let json = args.output.json.as_deref();
    let list = match list::read(Some(&args.file), &args.list, place(&checked, ids.read()?), json) {
        Ok(list) => list,
        Err(ListError::Open(report, error)) => return exit::asks(&report, &error, json),
        Err(ListError::Failed(failure)) => return Err(failure),
    };
    list.refuse_if_held()?;
    let earlier = stack.engine.ports().outbox.count_due(&real.location, Priority::Normal, MOST_COUNTED).await?.tallied;
    if earlier.count > 0 {
        println!("earlier    {} records of an earlier import are still to be sent, and go out as well", earlier.count);
    }
    print!("\n{}\n{}", MappingTable(&list), ImportEstimate::of(&list, real, Some(&checked)));
    let (people, whom) = (list.contacts.len(), format!("{} ({})", checked.name(), real.location));
    if !args.yes && people > 0 && !ask::whether_to_send(people, &whom)? {
        return Ok(ExitCode::FAILURE);
    }
    let job = Job {
        locations: vec![real.location.clone()],
        ids: &ids,
        quota: &real.quota,
        output: &args.output,
        list: &args.list,
        dashboard: false,
        shows_tokens: false,
    };
    deliver(&stack, list, job).await
}
