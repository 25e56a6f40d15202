//! Replays failed records, whole or without a field, step by step until all are handled.

use std::process::ExitCode;

use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::EpochMs;
use reqwest::Method;
use serde_json::{Value, json};

use super::answers::ReplayAnswer;
use super::args::ReplayArgs;
use super::client::RemoteAnswer;
use super::commands::line;
use crate::{Failure, signals};

/// `ghl-sync replay`: runs until everything requested is done, or the user interrupts between two steps.
pub(crate) async fn replay(args: ReplayArgs) -> Result<ExitCode, Failure> {
    let remote = args.stack.remote()?;
    let does = if args.without.is_empty() { "replay" } else { "failures/mend" };
    let path = format!("/v1/locations/{}/{does}", args.location);
    let interrupted = Shutdown::default();
    signals::end(&interrupted, None)?;
    let mut asked = asked(&args);
    let mut sum = ReplayAnswer::default();
    loop {
        let RemoteAnswer { read, .. } = remote.ask::<ReplayAnswer>(Method::POST, &path, Some(&asked)).await?;
        sum.replayed += read.replayed;
        sum.skipped += read.skipped;
        sum.not_written += read.not_written;
        read.why.into_iter().for_each(|(why, count)| *sum.why.entry(why).or_default() += count);
        sum.cursor = read.cursor;
        let Some(cursor) = sum.cursor.as_ref().filter(|_| !interrupted.is_asked()) else { break };
        eprintln!("{} looked at, {} due again so far", sum.looked_at(), sum.replayed);
        asked["cursor"] = json!(cursor);
    }
    let looked_at = sum.looked_at();
    let ReplayAnswer { replayed, skipped, why, not_written, cursor } = sum;
    let is_done = cursor.is_none();
    let mut answer = json!({ "replayed": replayed, "skipped": skipped, "not_written": not_written, "looked_at": looked_at,
        "complete": is_done });
    if !args.without.is_empty() {
        answer["why"] = json!(why);
    }
    args.stack.tell(&answer, || {
        let mut told = format!("{replayed} are due again, {skipped} were left as they are\n");
        for (why, count) in why.iter().filter(|(_, count)| **count > 0) {
            line(&mut told, format_args!("{count:>6} × {why}"));
        }
        if not_written > 0 {
            line(&mut told, format_args!("{not_written} could not be written: replay again"));
        }
        if !is_done {
            line(&mut told, format_args!("interrupted: there are more; replay again"));
        }
        told
    })?;
    Ok(if is_done && not_written == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn asked(args: &ReplayArgs) -> Value {
    let mut asked = which(args);
    if !args.without.is_empty() {
        asked["without"] = json!(args.without);
    }
    asked
}

fn which(args: &ReplayArgs) -> Value {
    let ReplayArgs { all, cause, code, import, kind, since, records, .. } = args;
    if *all {
        return json!({ "all": true });
    }
    if !records.is_empty() {
        return json!({ "records": records.iter().map(ToString::to_string).collect::<Vec<_>>() });
    }
    json!({ "cause": cause, "code": code, "import": import, "kind": kind, "since": since.map(EpochMs::to_rfc3339) })
}
