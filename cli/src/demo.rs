//! `cargo ghl-sync demo`: sends a contact list through the whole system into the sandbox.

use std::path::Path;
use std::process::ExitCode;

use ghl_sync_import::KnownIds;
use ghl_sync_model::{LocationId, Priority, PutRecord};

use crate::args::ApiArg;
use crate::cli::DemoArgs;
use crate::deliver::{Job, deliver};
use crate::known_ids::IdsFile;
use crate::list::{self, Contacts, ListArgs, ListDestination, ListError};
use crate::repeat::repeat;
use crate::stack::Stack;
use crate::{Failure, UsageError, exit, real, sandbox_options, stack_options};

pub(crate) async fn run(args: DemoArgs) -> Result<ExitCode, Failure> {
    if args.oauth && args.ghl.api == ApiArg::V1 {
        return Err(UsageError("--oauth is of API v2: the legacy API knows keys only".to_owned()).into());
    }
    args.output.keep_apart(args.csv.as_deref(), &args.list)?;
    let data_dir = args.ghl.quota.data_dir.as_deref();
    real::refuse_data_of_imports(data_dir)?;
    // Repeated people are made up, so their ids are not worth keeping.
    let ids = IdsFile::of(data_dir.filter(|_| args.locations == 1 && args.records.is_none()), &args.ghl.location);
    let place = match &args.ghl.ghl_url {
        Some(_) => ListDestination { ids: ids.read()?, ..ListDestination::default() },
        None => ListDestination::in_sandbox(ids.read()?),
    };
    let mut list = match list::read(args.csv.as_deref(), &args.list, place, args.output.json.as_deref()) {
        Ok(list) => list,
        Err(ListError::Open(report, error)) => return exit::asks(&report, &error, args.output.json.as_deref()),
        Err(ListError::Failed(failure)) => return Err(failure),
    };
    if let Some(records) = args.records {
        list.contacts = Contacts::of(repeat(&list.contacts.all()?, records as usize))?;
    }
    let locations = locations(&args.ghl.location, args.locations)?;
    let mut options = stack_options(&args.ghl, sandbox_options(&args.faults)).await?;
    options.locations.clone_from(&locations);
    options.dry_run = args.dry_run;
    options.oauth = args.oauth.then_some(args.token_lifetime);
    let stack = Stack::start(options).await?;
    let job = Job {
        locations,
        ids: &ids,
        quota: &args.ghl.quota,
        output: &args.output,
        list: &args.list,
        dashboard: args.dashboard,
        shows_tokens: args.oauth,
    };
    deliver(&stack, list, job).await
}

/// Reads a list as records of one location.
pub(crate) fn read_records(csv: &Path, location: &LocationId) -> Result<Vec<PutRecord>, Failure> {
    let mut list = list::read(Some(csv), &ListArgs::default(), ListDestination::in_sandbox(KnownIds::default()), None)
        .map_err(ListError::into_failure)?;
    let contacts = list.contacts.all()?.into_iter();
    Ok(contacts.map(|contact| contact.into_put(location.clone(), Priority::Normal)).collect())
}

/// The ids of `count` locations, named after `stem`.
pub(crate) fn locations(stem: &LocationId, count: u32) -> Result<Vec<LocationId>, Failure> {
    if count == 1 {
        return Ok(vec![stem.clone()]);
    }
    (1..=count).map(|number| Ok(LocationId::new(format!("{stem}_{number}"))?)).collect()
}
