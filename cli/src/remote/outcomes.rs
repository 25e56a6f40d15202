//! Prints the outcomes of records as they happen.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::LocationId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::args::{StackArgs, since};
use super::client::RemoteAnswer;
use crate::{Failure, signals};

/// Delay after a request that found nothing.
const PAUSE: Duration = Duration::from_secs(3);
/// Most outcomes per page.
const PAGE: &str = "500";

#[derive(Debug, Args)]
pub(crate) struct OutcomesArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Only this location.
    #[arg(long, value_name = "ID")]
    location: Option<LocationId>,
    /// Start from here: the cursor that this command printed last, an RFC 3339 time, or a span before now, like 2h.
    /// By default, all outcomes kept.
    #[arg(long, value_name = "CURSOR")]
    since: Option<String>,
    /// Keep printing new outcomes until Ctrl-C.
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Deserialize)]
struct OutcomesAnswer {
    outcomes: Vec<Value>,
    cursor: String,
    has_more: bool,
}

#[derive(Debug, Deserialize)]
struct OutcomeEventAnswer {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: OutcomeSubject,
}

#[derive(Debug, Deserialize)]
struct OutcomeSubject {
    location_id: String,
    record: Option<OutcomeSubjectRecord>,
    ghl_id: Option<String>,
    import: Option<String>,
    error: Option<OutcomeErrorCode>,
    #[serde(default)]
    fields: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct OutcomeSubjectRecord {
    kind: String,
    id: String,
}

#[derive(Debug, Deserialize)]
struct OutcomeErrorCode {
    code: String,
}

/// `ghl-sync outcomes`: one per line, or raw with `--json`. Prints the cursor for the next run at the end.
pub(crate) async fn outcomes(args: OutcomesArgs) -> Result<ExitCode, Failure> {
    let remote = args.stack.remote()?;
    let interrupted = Shutdown::default();
    signals::end(&interrupted, None)?;
    // A cursor is neither a time nor a span.
    let mut from = args.since.map(|text| since(&text).map_or(text, |at| at.to_rfc3339()));
    loop {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", PAGE).extend_pairs(args.location.as_ref().map(|id| ("location", id.as_str())));
        query.extend_pairs(from.as_ref().map(|from| ("since", from)));
        let path = format!("/v1/outcomes?{}", query.finish());
        let RemoteAnswer { read: OutcomesAnswer { outcomes, cursor, has_more }, .. } =
            remote.ask::<OutcomesAnswer>(Method::GET, &path, None).await?;
        for outcome in &outcomes {
            match OutcomeEventAnswer::deserialize(outcome) {
                Ok(read) if !args.stack.json => println!("{}", line(&read)),
                // Raw, if requested or if a newer stack sends an unknown kind.
                _ => println!("{outcome}"),
            }
        }
        from = Some(cursor);
        if interrupted.is_asked() || (!has_more && !args.follow) {
            break;
        }
        if !has_more {
            tokio::select! {
                () = tokio::time::sleep(PAUSE) => {}
                () = interrupted.asked() => {}
            }
        }
    }
    if let Some(from) = from {
        eprintln!("go on with --since {from}");
    }
    Ok(ExitCode::SUCCESS)
}

fn line(OutcomeEventAnswer { kind, timestamp, data }: &OutcomeEventAnswer) -> String {
    let record = data.record.as_ref().map(|record| format!("{}#{}", record.kind, record.id)).unwrap_or_default();
    let more = [
        data.ghl_id.clone(),
        data.error.as_ref().map(|error| error.code.clone()),
        (!data.fields.is_empty()).then(|| data.fields.join(", ")),
        data.import.as_ref().map(|import| format!("import {import}")),
    ];
    let more: Vec<String> = more.into_iter().flatten().collect();
    format!("{timestamp}  {kind:<20} {} {record}  {}", data.location_id, more.join("  ")).trim_end().to_owned()
}
