//! `cargo ghl-sync migrate`: migrates one account into another with the functions that do it in AWS.

mod accounts;
mod examine;
mod outcome;
mod progress;
mod shown;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_migrate::{MigrationView, Migrator};
use ghl_sync_model::{MappingOverrides, MigrationId, MigrationOverlay, MigrationRequest, MigrationStatus, Secret};

use crate::cli::{MigrateArgs, PipelinesArg};
use crate::deliver::{CUT_SHORT, INTERRUPTED, SCHEDULE};
use crate::sandbox::{Sandbox, SandboxOptions};
use crate::stack::{self, Ghl, OwnAccess, Stack, StackOptions};
use crate::{Failure, ask, callers_vars, sandbox_options, signals};
use outcome::MigrationOutcome;
use progress::Bars;

/// Interval of the progress check.
const REFRESH: Duration = Duration::from_millis(200);
/// Actor named in the audit of a migration.
const BY: Option<&str> = Some("cargo ghl-sync");
/// Most migrations in a data directory that are searched for one to resume.
const LISTED: u32 = 100;

pub(crate) async fn run(args: MigrateArgs) -> Result<ExitCode, Failure> {
    if args.source == args.target {
        return Err("--target is the same as --source".into());
    }
    let overrides = args.mapping.as_deref().map(read_mapping).transpose()?.unwrap_or_default();
    let stack = Stack::start(options(&args)?).await?;
    if let Some(sandbox) = &stack.sandbox {
        fill_once(sandbox, &args)?;
    }
    let begun = begin(&stack.migrator, &args, &overrides).await?;
    let running = stack.functions.clone().start(SCHEDULE);
    signals::end(stack.engine.shutdown(), Some(stack.functions.time_to_drain()))?;
    let stopped = accompany(&stack.migrator, &args, &begun.id, &overrides).await?;
    let all_ended = stack.functions.drain(running).await;
    let stopped = stopped.map(|stopped| if all_ended { stopped } else { CUT_SHORT });

    let outcome = MigrationOutcome::of(&stack, &args, &begun, stopped).await?;
    print!("\n{outcome}");
    if let Some(file) = &args.json {
        write(file, serde_json::to_string_pretty(&outcome.to_json()?)? + "\n")?;
    }
    if let Some(dir) = &args.report {
        outcome.write_reports(dir)?;
        println!("report     {}", dir.join("migration.html").display());
    }
    Ok(if outcome.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(file: &Path, text: impl AsRef<[u8]>) -> Result<(), Failure> {
    std::fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()).into())
}

fn read_mapping(file: &Path) -> Result<MappingOverrides, Failure> {
    let failed = |error: &dyn std::fmt::Display| -> Failure { format!("{}: {error}", file.display()).into() };
    let text = std::fs::read_to_string(file).map_err(|error| failed(&error))?;
    ghl_sync_model::json::from_str(&text).map_err(|error| failed(&error))
}

fn options(args: &MigrateArgs) -> Result<StackOptions, Failure> {
    let tokens = [&args.source_token, &args.target_token];
    let ghl = match &args.ghl_url {
        Some(_) if tokens.iter().any(|token| token.is_empty()) => {
            return Err("--ghl-url needs tokens in SOURCE_GHL_TOKEN and TARGET_GHL_TOKEN".into());
        }
        Some(url) => Ghl::Url { url: url.clone(), token: Secret::default() },
        None => Ghl::Sandbox(Box::new(SandboxOptions {
            missing_scopes: missing_scopes(args),
            ..sandbox_options(&args.faults)
        })),
    };
    let access = |api: crate::args::ApiArg, token: &Secret| OwnAccess { api: api.into(), token: Some(token.clone()) };
    let own = BTreeMap::from([
        (args.source.clone(), access(args.source_api, &args.source_token)),
        (args.target.clone(), access(args.target_api, &args.target_token)),
    ]);
    Ok(StackOptions {
        locations: vec![args.source.clone(), args.target.clone()],
        own,
        limit: args.quota.limit,
        window_ms: args.quota.window_ms,
        daily: args.quota.daily,
        function_timeout: args.function_timeout,
        data_dir: args.quota.data_dir.clone(),
        ghl,
        bind: stack::LOOPBACK,
        vars: callers_vars(),
        ..StackOptions::default()
    })
}

/// Scopes that the target's token lacks.
fn missing_scopes(args: &MigrateArgs) -> BTreeSet<(String, String)> {
    let is_missing = args.size.target_pipelines == PipelinesArg::Missing;
    is_missing.then(|| (args.target.to_string(), "pipelines.create".to_owned())).into_iter().collect()
}

/// Creates the accounts, unless an earlier run did. A run that was killed may have created only a part of them.
fn fill_once(sandbox: &Sandbox, args: &MigrateArgs) -> Result<(), Failure> {
    let done = args.quota.data_dir.as_ref().map(|dir| dir.join("accounts"));
    if done.as_ref().is_some_and(|done| done.exists()) {
        return Ok(());
    }
    sandbox.reset()?;
    accounts::fill(sandbox, &args.source, &args.target, &args.size)?;
    if let Some(done) = done {
        write(&done, "made up\n")?;
    }
    Ok(())
}

/// A running migration.
struct StartedMigration {
    id: MigrationId,
    /// Whether an earlier run started it.
    is_resumed: bool,
}

/// Resumes an earlier run's migration of these two accounts, or starts a new one.
async fn begin(
    migrator: &Migrator,
    args: &MigrateArgs,
    overrides: &MappingOverrides,
) -> Result<StartedMigration, Failure> {
    let earlier = earlier(migrator, args).await?;
    if args.rollback {
        let MigrationView { migration, .. } = earlier.ok_or("there is no migration of these accounts to roll back")?;
        if migration.status != MigrationStatus::RollingBack {
            migrator.rollback(&migration.id, BY).await?;
        }
        println!("migration {} is rolled back", migration.id);
        return Ok(StartedMigration { id: migration.id, is_resumed: true });
    }
    if let Some(MigrationView { migration, .. }) = earlier {
        let (status, stage) = (migration.status, migration.stage);
        println!("goes on with migration {}, which is {} at {}", migration.id, status.as_str(), stage.as_str());
        match status {
            MigrationStatus::NeedsInput if args.mapping.is_some() && agreed(args)? => {
                drop(migrator.approve(&migration.id, overrides.clone(), BY).await?);
            }
            MigrationStatus::NeedsInput | MigrationStatus::Paused | MigrationStatus::Failed => {
                drop(migrator.resume(&migration.id, BY).await?);
            }
            _ => {}
        }
        return Ok(StartedMigration { id: migration.id, is_resumed: true });
    }
    let request = MigrationRequest {
        source: args.source.clone(),
        target: args.target.clone(),
        auto_approve: false,
        settings: MigrationOverlay::default(),
        overrides: overrides.clone(),
    };
    let started = if args.dry_run { migrator.preview(request, BY).await } else { migrator.start(request, BY).await };
    let migration = started?;
    println!("migration {} of {} into {}", migration.id, args.source, args.target);
    Ok(StartedMigration { id: migration.id, is_resumed: false })
}

/// The last unfinished migration of these two accounts, or, for a rollback, the last one not rolled back.
async fn earlier(migrator: &Migrator, args: &MigrateArgs) -> Result<Option<MigrationView>, Failure> {
    for line in migrator.list(LISTED).await? {
        if line.source != args.source || line.target != args.target {
            continue;
        }
        let Some(view) = migrator.status(&line.migration_id).await? else { continue };
        let (status, dry_run) = (view.migration.status, view.migration.dry_run);
        let is_over = status.is_over() && !view.migration.goes_on();
        let is_meant = if args.rollback { status != MigrationStatus::RolledBack } else { !is_over };
        if is_meant && dry_run == args.dry_run {
            return Ok(Some(view));
        }
    }
    Ok(None)
}

/// Watches a migration until it ends or needs a person. Returns the reason if it stopped before its end.
async fn accompany(
    migrator: &Migrator,
    args: &MigrateArgs,
    id: &MigrationId,
    overrides: &MappingOverrides,
) -> Result<Option<&'static str>, Failure> {
    loop {
        let Some(view) = watch(migrator, id).await? else {
            return Ok(Some(INTERRUPTED));
        };
        let (status, dry_run) = (view.migration.status, view.migration.dry_run);
        let is_asking = matches!(status, MigrationStatus::AwaitingApproval | MigrationStatus::NeedsInput);
        if is_asking || dry_run {
            show(migrator, &view).await?;
        }
        if status != MigrationStatus::AwaitingApproval {
            return Ok(None);
        }
        if !agreed(args)? {
            return Ok(Some("nobody agreed"));
        }
        migrator.approve(id, overrides.clone(), BY).await?;
    }
}

/// Shows progress until the migration stops; `None` if the shutdown came first.
async fn watch(migrator: &Migrator, id: &MigrationId) -> Result<Option<MigrationView>, Failure> {
    let mut bars = Bars::start();
    let mut refresh = tokio::time::interval(REFRESH);
    let shutdown = migrator.engine().shutdown();
    let ended = loop {
        tokio::select! {
            _ = refresh.tick() => {}
            () = shutdown.asked() => break None,
        }
        let view = migrator.status(id).await?.ok_or("the migration is gone")?;
        bars.show(&view);
        if !view.migration.goes_on() {
            break Some(view);
        }
    };
    bars.finish();
    Ok(ended)
}

async fn show(migrator: &Migrator, view: &MigrationView) -> Result<(), Failure> {
    if let Some(mapping) = migrator.mapping(&view.migration.id).await? {
        shown::print_mapping(&mapping.report);
    }
    if let Some(forecast) = &view.migration.forecast {
        shown::print_forecast(forecast);
    }
    Ok(())
}

/// Whether the user agrees. Made-up accounts need no agreement.
fn agreed(args: &MigrateArgs) -> Result<bool, Failure> {
    if args.auto || args.ghl_url.is_none() {
        return Ok(true);
    }
    let answer = ask::yes("Migrate like this?")?;
    if answer.is_none() {
        println!("nobody is asked here; run it again with --auto to agree (and with the same --data-dir to go on)");
    }
    Ok(answer == Some(true))
}
