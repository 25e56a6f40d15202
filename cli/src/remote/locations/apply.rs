//! Shows a plan, asks for confirmation, and carries it out.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use ghl_sync_model::LocationId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::super::answers::FieldProblemAnswer;
use super::super::args::StackArgs;
use super::super::client::{Remote, RemoteAnswer, RemoteError};
use super::plan::{LocationChange, LocationPlan};
use super::{LOCATIONS, file, remove_one, stored, text_of};
use crate::{Failure, UsageError, ask, exit};

/// Changes per request: as many as take some seconds.
const TOGETHER: usize = 50;

#[derive(Debug, Args)]
pub(super) struct ApplyArgs {
    #[command(flatten)]
    stack: StackArgs,
    #[command(flatten)]
    how: ApplyMode,
    /// The file; `-` is standard input.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Remove everything that the file does not name: settings of its locations, and all other locations. Records are
    /// kept.
    #[arg(long)]
    prune: bool,
}

/// Options for carrying out a plan.
#[derive(Debug, Args)]
pub(super) struct ApplyMode {
    /// Only show what would change.
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Only show what would change, and exit with status 4 if there is anything.
    #[arg(long, conflicts_with_all = ["yes", "dry_run"])]
    check: bool,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// The stack's answer to a request with changes.
#[derive(Debug, Deserialize)]
struct PatchAnswer {
    locations: Vec<PatchedLocationAnswer>,
}

#[derive(Debug, Deserialize)]
struct PatchedLocationAnswer {
    /// Index in the request, from 0.
    index: usize,
    result: String,
    #[serde(default)]
    errors: Vec<FieldProblemAnswer>,
}

/// `ghl-sync locations apply`.
pub(super) async fn apply(args: &ApplyArgs) -> Result<ExitCode, Failure> {
    let wanted = file::read(&text_of(&args.file)?);
    let wanted = wanted.map_err(|problems| UsageError(format!("{}: {problems}", args.file.display())))?;
    let remote = args.stack.remote()?;
    let plan = LocationPlan::of(&wanted, stored(&remote).await?, args.prune);
    carry_out(&remote, &args.stack, &args.how, &plan).await
}

/// Shows `plan` and carries it out, unless only the plan was requested.
pub(super) async fn carry_out(
    remote: &Remote,
    stack: &StackArgs,
    how: &ApplyMode,
    plan: &LocationPlan,
) -> Result<ExitCode, Failure> {
    let mut answer = plan.to_json();
    if !stack.json {
        print!("{plan}");
    }
    if plan.is_empty() || how.dry_run || how.check {
        answer["applied"] = json!(false);
        stack.tell(&answer, || if plan.is_empty() { "nothing to change\n".to_owned() } else { String::new() })?;
        let differs = how.check && !plan.is_empty();
        return Ok(if differs { ExitCode::from(exit::DIFFERS) } else { ExitCode::SUCCESS });
    }
    match if how.yes { Some(true) } else { ask::yes("Do this?")? } {
        Some(true) => {}
        Some(false) => {
            println!("nothing was changed");
            return Ok(ExitCode::FAILURE);
        }
        None => return Err(UsageError("nobody can be asked here: --yes does it without a question".to_owned()).into()),
    }
    let mut problems = change_all(remote, &plan.changes).await?;
    let changed = plan.changes.len() - problems.len();
    let mut removed = 0;
    for listed in &plan.removals {
        match remove_one(remote, &listed.id, false, &mut |_| ()).await {
            Ok(_) => removed += 1,
            Err(failure) => problems.push((listed.id.clone(), failure.to_string())),
        }
    }
    answer["applied"] = json!(true);
    answer["done"] = json!({ "changed": changed, "removed": removed });
    let told = problems.iter().map(|(location, problem)| json!({ "location_id": location, "problem": problem }));
    answer["problems"] = told.collect();
    stack.tell(&answer, || format!("{changed} are set, {removed} are removed, {} failed\n", problems.len()))?;
    problems.iter().for_each(|(location, problem)| eprintln!("error: {location}: {problem}"));
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Makes all changes. Returns those that failed, with the reasons.
async fn change_all(remote: &Remote, changes: &[LocationChange]) -> Result<Vec<(LocationId, String)>, Failure> {
    let mut problems = Vec::new();
    for changes in changes.chunks(TOGETHER) {
        let items: Vec<Value> = changes.iter().map(LocationChange::item).collect();
        let asked = json!({ "locations": items });
        match remote.ask::<PatchAnswer>(Method::PATCH, LOCATIONS, Some(&asked)).await {
            Ok(RemoteAnswer { read, .. }) => {
                let wrong =
                    read.locations.into_iter().filter(|told| !["changed", "unchanged"].contains(&&*told.result));
                problems.extend(wrong.filter_map(|PatchedLocationAnswer { index, result, errors }| {
                    Some((changes.get(index)?.location.clone(), words(&result, &errors)))
                }));
            }
            // The stack accepted none of them; each error names its place.
            Err(RemoteError::Refused { errors, detail, .. }) if !errors.is_empty() => {
                problems.extend(changes.iter().enumerate().map(|(index, change)| {
                    let place = format!("locations[{index}]");
                    let own = errors.iter().filter(|error| error.field.split('.').next() == Some(&place));
                    let own: Vec<String> = own
                        .map(|error| format!("{} {}", error.field[place.len()..].trim_start_matches('.'), error.detail))
                        .collect();
                    (change.location.clone(), if own.is_empty() { detail.clone() } else { own.join("; ") })
                }));
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(problems)
}

fn words(result: &str, errors: &[FieldProblemAnswer]) -> String {
    let errors: Vec<String> = errors.iter().map(|error| format!("{} {}", error.field, error.detail)).collect();
    if errors.is_empty() { result.to_owned() } else { errors.join("; ").trim().to_owned() }
}
