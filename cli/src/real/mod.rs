//! The commands for real locations: `check`, `plan`, `import`. None of them reaches a location by default.

mod args;
mod check;
mod compared;
mod data_dir;
mod import;
mod mapping_file;
mod plan;

use std::path::PathBuf;

use ghl_sync_import::KnownIds;

use crate::args::ApiArg;
use crate::known_ids::IdsFile;
use crate::list::ListDestination;
use crate::stack::{Ghl, Stack, StackOptions};
use crate::{Failure, UsageError, accounts, callers_vars};
use check::CheckedLocation;

pub(crate) use args::{CheckArgs, ImportArgs, PlanArgs, RealArgs};
pub(crate) use check::run as check;
pub(crate) use data_dir::refuse as refuse_data_of_imports;
pub(crate) use import::run as import;
pub(crate) use plan::run as plan;
pub(crate) use plan::{ImportEstimate, MappingTable};

impl RealArgs {
    /// Whether there are credentials for calls to GHL.
    fn has_token(&self) -> bool {
        !self.token.is_empty() || accounts::reference(&callers_vars()).is_some()
    }

    /// Ids that the contacts of this location got in earlier imports.
    pub(crate) fn ids(&self) -> Result<IdsFile, Failure> {
        Ok(IdsFile::of(Some(&data_dir::claim(self)?), &self.location))
    }

    /// Options of a stack for the location, with its state in `data_dir`, if any.
    async fn stack_options(&self, data_dir: Option<PathBuf>) -> Result<StackOptions, Failure> {
        let mut vars = callers_vars();
        let token = accounts::token(&self.token, &mut vars).await?;
        if token.is_empty() && self.ghl_api == ApiArg::V1 {
            return Err(UsageError("--ghl-api v1 takes the location's key from GHL_TOKEN".to_owned()).into());
        }
        if self.ghl_url == args::GHL_URL {
            vars.entry("GHL_V1_BASE_URL".to_owned()).or_insert_with(|| args::GHL_V1_URL.to_owned());
        }
        Ok(StackOptions {
            locations: vec![self.location.clone()],
            api: self.ghl_api.into(),
            limit: self.quota.limit,
            window_ms: self.quota.window_ms,
            daily: self.quota.daily,
            dry_run: vars.get("GHL_DRY_RUN").is_some_and(|value| value.eq_ignore_ascii_case("true")),
            data_dir,
            ghl: Ghl::Url { url: self.ghl_url.clone(), token },
            vars,
            ..StackOptions::default()
        })
    }

    /// Directory for the state of a command that sends nothing: none, unless its credentials may be exchanged for new
    /// ones, which must not be lost.
    fn data_dir_of_reader(&self) -> Result<Option<PathBuf>, Failure> {
        let vars = callers_vars();
        let is_file = accounts::reference(&vars).is_some_and(|reference| reference.starts_with("file:"));
        let is_exchanged = is_file || self.token.expose().trim_start().starts_with('{');
        is_exchanged.then(|| data_dir::claim(self)).transpose()
    }
}

/// Facts about the location for reading a list, requested from GHL if there is a token.
pub(crate) async fn checked_place(real: &RealArgs) -> Result<ListDestination, Failure> {
    Ok(match reach(real).await? {
        Some((_, checked)) => plan::place(&checked, KnownIds::default()),
        None => ListDestination::default(),
    })
}

/// The location, if there is a token to reach it. Prints the findings.
async fn reach(real: &RealArgs) -> Result<Option<(Stack, CheckedLocation)>, Failure> {
    if !real.has_token() {
        println!("no token: the location's custom fields and its country are not known (GHL_TOKEN)\n");
        return Ok(None);
    }
    let stack = Stack::start(real.stack_options(real.data_dir_of_reader()?).await?).await?;
    let checked = check::check(&stack, real).await?;
    print!("{checked}\n");
    Ok(Some((stack, checked)))
}
