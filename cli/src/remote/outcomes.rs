//! What became of records, told as it happens.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::LocationId;
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;

use super::args::{StackArgs, since};
use super::client::Told;
use crate::{Failure, signals};

/// Between two requests that found nothing.
const PAUSE: Duration = Duration::from_secs(3);
/// Most outcomes of a page.
const PAGE: &str = "500";

#[derive(Debug, Args)]
pub(crate) struct OutcomesArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// Of this location alone.
    #[arg(long, value_name = "ID")]
    location: Option<LocationId>,
    /// From here on: the cursor that this command printed last, a time as RFC 3339 writes it, or a span before now, like
    /// 2h. Without it, all that are kept.
    #[arg(long, value_name = "CURSOR")]
    since: Option<String>,
    /// Go on with what happens, until Ctrl-C.
    #[arg(long)]
    follow: bool,
}

#[derive(Debug, Deserialize)]
struct Page {
    outcomes: Vec<Value>,
    cursor: String,
    has_more: bool,
}

#[derive(Debug, Deserialize)]
struct Outcome {
    #[serde(rename = "type")]
    kind: String,
    timestamp: String,
    data: About,
}

#[derive(Debug, Deserialize)]
struct About {
    location_id: String,
    record: Option<Record>,
    ghl_id: Option<String>,
    import: Option<String>,
    error: Option<Code>,
    #[serde(default)]
    fields: Vec<String>,
}

#[derive(Debug, Deserialize)]
struct Record {
    kind: String,
    id: String,
}

#[derive(Debug, Deserialize)]
struct Code {
    code: String,
}

/// `ghl-sync outcomes`: one a line, with `--json` as the stack tells it. Where to go on is told at the end.
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
        let Told { read: Page { outcomes, cursor, has_more }, .. } =
            remote.ask::<Page>(Method::GET, &path, None).await?;
        for outcome in &outcomes {
            match Outcome::deserialize(outcome) {
                Ok(read) if !args.stack.json => println!("{}", line(&read)),
                // As it is told; and so is what a newer stack tells.
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

fn line(Outcome { kind, timestamp, data }: &Outcome) -> String {
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
