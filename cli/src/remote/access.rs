//! `ghl-sync keys` and `ghl-sync audit`: who may use a stack, and who changed what.

use std::process::ExitCode;

use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::args::{AuditArgs, KeysArgs, KeysCommand, NewKeyArgs, StackArgs};
use super::client::RemoteAnswer;
use super::commands::line;
use crate::Failure;

const KEYS: &str = "/v1/keys";
/// Audit entries per request.
const PAGE: usize = 100;

/// A newly created key.
#[derive(Debug, Deserialize)]
struct CreatedKey {
    key: String,
    about: ListedKey,
}

#[derive(Debug, Deserialize)]
struct ListedKeys {
    keys: Vec<ListedKey>,
}

/// A key as described by a stack.
#[derive(Debug, Deserialize)]
struct ListedKey {
    id: String,
    name: String,
    role: String,
    locations: Option<Vec<String>>,
    /// Absent from stacks of earlier builds.
    #[serde(default)]
    tags: Vec<String>,
    state: String,
    last_used_at: Option<String>,
    expires_at: Option<String>,
}

#[derive(Debug, Deserialize)]
struct AuditAnswer {
    /// Each is an [`AuditEntryAnswer`].
    requests: Vec<Value>,
    /// Cursor of the next page; null on the last.
    cursor: Option<String>,
}

/// A request that changed something, or was not allowed to.
#[derive(Debug, Deserialize)]
struct AuditEntryAnswer {
    at: String,
    caller: String,
    operation: String,
    location: Option<String>,
    subject: Option<String>,
    status: u16,
}

/// `ghl-sync keys`.
pub(crate) async fn keys(args: KeysArgs) -> Result<ExitCode, Failure> {
    match args.command {
        KeysCommand::List { stack } => {
            let RemoteAnswer { raw, read } = stack.remote()?.ask::<ListedKeys>(Method::GET, KEYS, None).await?;
            stack.tell(&raw, || listed(&read))?;
        }
        KeysCommand::Create(new) => create(&new).await?,
        KeysCommand::Revoke { stack, id } => {
            stack.remote()?.ask::<Value>(Method::DELETE, &format!("{KEYS}/{id}"), None).await?;
            stack.tell(&json!({}), || format!("{id} is revoked; within 30 s it is refused everywhere\n"))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// Sent only once: if the answer were lost, a repeated request would leave a key that nobody has.
async fn create(NewKeyArgs { stack, name, role, locations, tags, expires_in }: &NewKeyArgs) -> Result<(), Failure> {
    let expires_at = expires_in.map(|span| rfc3339(OffsetDateTime::now_utc() + span)).transpose()?;
    let locations = (!locations.is_empty()).then_some(locations);
    let mut asked = json!({ "name": name, "role": role, "locations": locations, "expires_at": expires_at });
    // A stack of an earlier build refuses this field, rather than creating a key for all locations.
    if !tags.is_empty() {
        asked["tags"] = json!(tags);
    }
    let RemoteAnswer { raw, read } = stack.remote()?.ask_once::<CreatedKey>(Method::POST, KEYS, Some(&asked)).await?;
    stack.tell(&raw, || {
        let mut told = format!("key        {}\n", read.key);
        let about = &read.about;
        let lines = [("id", &about.id), ("name", &about.name), ("role", &about.role), ("good for", &reach(about))];
        lines.iter().for_each(|(what, said)| line(&mut told, format_args!("{what:<10} {said}")));
        about.expires_at.iter().for_each(|at| line(&mut told, format_args!("expires    {at}")));
        told.push_str("Callers send the key; it is shown this once.\n");
        told
    })
}

/// Formats a time to the second.
fn rfc3339(time: OffsetDateTime) -> Result<String, Failure> {
    Ok(time.replace_nanosecond(0).unwrap_or(time).format(&Rfc3339)?)
}

fn listed(ListedKeys { keys }: &ListedKeys) -> String {
    let mut told = String::new();
    for key in keys {
        let ListedKey { id, name, role, state, last_used_at, expires_at, .. } = key;
        let used = last_used_at.as_deref().map_or("never used".to_owned(), |at| format!("used {at}"));
        let expires = expires_at.as_deref().map(|at| format!(", expires {at}")).unwrap_or_default();
        let reach = reach(key);
        line(&mut told, format_args!("{id}  {state:<8} {role:<8} {name:<20} {reach}, {used}{expires}"));
    }
    if told.is_empty() {
        told.push_str("no keys but those of the template\n");
    }
    told
}

fn reach(key: &ListedKey) -> String {
    let Some(locations) = &key.locations else { return "all locations".to_owned() };
    let tags = key.tags.iter().map(|tag| format!("tag {tag:?}"));
    let locations = (!locations.is_empty()).then(|| locations.join(" "));
    locations.into_iter().chain(tags).collect::<Vec<_>>().join(", ")
}

/// `ghl-sync audit`.
pub(crate) async fn audit(AuditArgs { stack, since, limit }: AuditArgs) -> Result<ExitCode, Failure> {
    let since = since.map(|span| rfc3339(OffsetDateTime::now_utc() - span)).transpose()?;
    let (all, has_more) = trail(&stack, since.as_deref(), limit).await?;
    let answer = json!({ "requests": all, "has_more": has_more });
    let read: Vec<AuditEntryAnswer> = all.iter().map(AuditEntryAnswer::deserialize).collect::<Result<_, _>>()?;
    stack.tell(&answer, || {
        let mut told = String::new();
        read.iter().for_each(|entry| entry_words(&mut told, entry));
        match (read.is_empty(), has_more) {
            (true, _) => told.push_str("nobody changed anything\n"),
            (_, true) => line(&mut told, format_args!("there are more: --limit {} shows them", limit * 10)),
            _ => {}
        }
        told
    })?;
    Ok(ExitCode::SUCCESS)
}

/// Up to `limit` entries, and whether there are more.
async fn trail(stack: &StackArgs, since: Option<&str>, limit: usize) -> Result<(Vec<Value>, bool), Failure> {
    let (remote, mut all, mut cursor) = (stack.remote()?, Vec::new(), None::<String>);
    loop {
        let wanted = (limit - all.len()).min(PAGE).to_string();
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.append_pair("limit", &wanted);
        query.extend_pairs(since.map(|since| ("since", since)));
        query.extend_pairs(cursor.as_deref().map(|cursor| ("cursor", cursor)));
        let path = format!("/v1/audit?{}", query.finish());
        let RemoteAnswer { read, .. } = remote.ask::<AuditAnswer>(Method::GET, &path, None).await?;
        all.extend(read.requests);
        cursor = read.cursor;
        if cursor.is_none() || all.len() >= limit {
            return Ok((all, cursor.is_some()));
        }
    }
}

fn entry_words(
    told: &mut String,
    AuditEntryAnswer { at, caller, operation, location, subject, status }: &AuditEntryAnswer,
) {
    let about: Vec<&str> = [location, subject].into_iter().flatten().map(String::as_str).collect();
    line(told, format_args!("{at}  {status}  {caller:<20} {operation:<24} {}", about.join(" ")));
}
