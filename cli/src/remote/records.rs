//! Records from a terminal: finding them, explaining failures, forgetting and erasing them.

use std::process::ExitCode;

use clap::Args;
use ghl_sync_model::{Kind, LocationId, RecordKey};
use reqwest::Method;
use serde_json::{Value, json};

use super::answers::{ErasureAnswer, FailuresAnswer, RecordsAnswer, Status};
use super::args::{StackArgs, kind};
use super::client::RemoteAnswer;
use crate::{Failure, UsageError, ask};

/// Most records per page.
const PAGE: usize = 200;

#[derive(Debug, Args)]
pub(crate) struct RecordsArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The location.
    #[arg(long, value_name = "ID")]
    location: LocationId,
    /// Start of a name, a company or an email address, digits of a phone number, or a whole id.
    text: Option<String>,
    /// Only records in this state: due, waiting, accepted, failed, dry_run or superseded.
    #[arg(long, value_name = "STATE", value_parser = ["due", "waiting", "accepted", "failed", "dry_run", "superseded"])]
    state: Option<String>,
    /// Only contacts, or only opportunities.
    #[arg(long, value_name = "KIND", value_parser = kind)]
    kind: Option<Kind>,
    /// Most records to list.
    #[arg(long, value_name = "N", default_value_t = 200)]
    limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct FailuresArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The location.
    #[arg(long, value_name = "ID")]
    location: LocationId,
}

#[derive(Debug, Args)]
pub(crate) struct ForgetArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The location that the records were put into.
    #[arg(long, value_name = "ID")]
    location: LocationId,
    /// First delete them in GHL as well.
    #[arg(long)]
    in_ghl: bool,
    /// The records, as KIND#ID.
    #[arg(value_name = "RECORD", required = true)]
    records: Vec<RecordKey>,
}

#[derive(Debug, Args)]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    stack: StackArgs,
    /// The location.
    #[arg(long, value_name = "ID")]
    location: LocationId,
    /// Email address of the person.
    #[arg(long, value_name = "ADDRESS", required_unless_present = "phone")]
    email: Option<String>,
    /// Phone number of the person.
    #[arg(long, value_name = "NUMBER")]
    phone: Option<String>,
    /// Do not ask for confirmation.
    #[arg(long)]
    yes: bool,
}

/// `ghl-sync records`.
pub(crate) async fn records(args: RecordsArgs) -> Result<ExitCode, Failure> {
    let RecordsArgs { stack, location, text, state, kind, limit } = args;
    let asked = [("q", text), ("state", state), ("kind", kind.map(|kind| kind.to_string()))];
    let asked = asked.into_iter().filter_map(|(name, value)| Some((name, value?))).collect();
    list(&RecordListing { stack: &stack, location: &location, asked, limit, none: "there is none" }, line).await
}

/// A request to list records.
pub(super) struct RecordListing<'a> {
    pub(super) stack: &'a StackArgs,
    pub(super) location: &'a LocationId,
    /// Names and values of the selecting query.
    pub(super) asked: Vec<(&'static str, String)>,
    /// Most records to list.
    pub(super) limit: usize,
    /// Message if there are none.
    pub(super) none: &'static str,
}

/// Lists records page by page, each formatted by `line` unless JSON is requested.
pub(super) async fn list(listing: &RecordListing<'_>, line: impl Fn(&Status) -> String) -> Result<ExitCode, Failure> {
    let RecordListing { stack, location, asked, limit, none } = listing;
    let (remote, mut cursor, mut told, mut raws) = (stack.remote()?, None::<String>, String::new(), Vec::new());
    loop {
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(asked).extend_pairs(cursor.map(|cursor| ("cursor", cursor)));
        query.append_pair("limit", &PAGE.min(limit - raws.len()).to_string());
        let path = format!("/v1/locations/{location}/records?{}", query.finish());
        let RemoteAnswer { mut raw, read } = remote.ask::<RecordsAnswer>(Method::GET, &path, None).await?;
        read.records.iter().for_each(|status| told += &line(status));
        if let Some(Value::Array(page)) = raw.get_mut("records").map(Value::take) {
            raws.extend(page);
        }
        cursor = read.cursor;
        if cursor.is_none() || raws.len() >= *limit {
            break;
        }
    }
    let has_more = cursor.is_some();
    stack.tell(&json!({ "records": raws, "has_more": has_more }), || match (told.is_empty(), has_more) {
        (true, false) => format!("{none}\n"),
        (_, true) => told + "there are more; --limit N lists more of them\n",
        (false, false) => told,
    })?;
    Ok(ExitCode::SUCCESS)
}

fn line(status: &Status) -> String {
    let Status { record, state, name, ghl_id, last_error, .. } = status;
    let (name, ghl_id) = (name.as_deref().unwrap_or_default(), ghl_id.as_deref().unwrap_or("-"));
    let error = match last_error {
        Some(error) if state == "failed" => format!("  {}: {}", error.code, error.message),
        _ => String::new(),
    };
    format!("{state:<10} {record:<32} {ghl_id:<24} {name}{error}\n")
}

/// `ghl-sync failures`.
pub(crate) async fn failures(args: FailuresArgs) -> Result<ExitCode, Failure> {
    let path = format!("/v1/locations/{}/failures", args.location);
    let RemoteAnswer { raw, read: FailuresAnswer { causes, capped } } =
        args.stack.remote()?.ask(Method::GET, &path, None).await?;
    args.stack.tell(&raw, || {
        let mut told = String::new();
        for cause in &causes {
            let status = cause.status.map(|status| format!(" {status}")).unwrap_or_default();
            told += &format!("{:>6} × {}{status}: {}\n", cause.count, cause.code, cause.cause);
            let replay = cause.id.as_ref().map(|id| format!("; replay --cause {id}")).unwrap_or_default();
            told += &format!("         such as {}{replay}\n", cause.example);
        }
        match (told.is_empty(), capped) {
            (true, _) => "nothing stands as failed\n".to_owned(),
            (false, true) => told + "of the 1,000 that failed first; there are more\n",
            (false, false) => told,
        }
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `ghl-sync forget`.
pub(crate) async fn forget(args: ForgetArgs) -> Result<ExitCode, Failure> {
    let remote = args.stack.remote()?;
    for record in &args.records {
        let id: String = form_urlencoded::byte_serialize(record.id.as_str().as_bytes()).collect();
        let id = id.replace('+', "%20");
        let query = if args.in_ghl { "?in_ghl=true" } else { "" };
        let path = format!("/v1/locations/{}/records/{}/{id}{query}", args.location, record.kind);
        remote.ask::<Value>(Method::DELETE, &path, None).await?;
    }
    let count = args.records.len();
    let what = if args.in_ghl { "to_delete" } else { "forgotten" };
    args.stack.tell(&json!({ what: count }), || match args.in_ghl {
        true => format!("{count} records will be deleted in GHL, and then here\n"),
        false => format!("{count} records are forgotten here; what GHL has of them stays there\n"),
    })?;
    Ok(ExitCode::SUCCESS)
}

/// `ghl-sync erase`: repeats the request until the whole location was searched.
pub(crate) async fn erase(args: EraseArgs) -> Result<ExitCode, Failure> {
    let remote = args.stack.remote()?;
    let who: Vec<&str> = [&args.email, &args.phone].into_iter().flatten().map(String::as_str).collect();
    let question = format!("Delete all that this stack keeps of {} in {}?", who.join(", "), args.location);
    match if args.yes { Some(true) } else { ask::yes(&question)? } {
        Some(true) => {}
        Some(false) => {
            println!("nothing was deleted");
            return Ok(ExitCode::FAILURE);
        }
        None => return Err(UsageError("nobody can be asked here: --yes deletes without a question".to_owned()).into()),
    }
    let path = format!("/v1/locations/{}/erase", args.location);
    let mut asked = json!({ "email": args.email, "phone": args.phone });
    let (mut opportunities, mut known_states) = (Vec::new(), 0);
    let contacts = loop {
        let RemoteAnswer { read, .. } = remote.ask::<ErasureAnswer>(Method::POST, &path, Some(&asked)).await?;
        opportunities.extend(read.opportunities);
        known_states += read.known_states;
        let Some(cursor) = read.cursor else { break read.contacts };
        asked["cursor"] = json!(cursor);
        asked["contacts"] = serde_json::to_value(&read.contacts)?;
    };
    let answer = json!({ "contacts": contacts, "opportunities": opportunities, "known_states": known_states });
    args.stack.tell(&answer, || {
        let mut told = String::new();
        for contact in &contacts {
            let in_ghl = contact.ghl_id.as_ref().map(|id| format!("; in GHL it still is {id}")).unwrap_or_default();
            told += &format!("erased     {}{in_ghl}\n", contact.record);
        }
        opportunities.iter().for_each(|record| told += &format!("erased     {record}\n"));
        if told.is_empty() { "nothing is kept of them here\n".to_owned() } else { told }
    })?;
    Ok(ExitCode::SUCCESS)
}
