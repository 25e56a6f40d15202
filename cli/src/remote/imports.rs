//! Imports of a stack: the one that a list belongs to, and the commands that list, show, cancel and undo imports.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use ghl_sync_engine::usecase::Shutdown;
use ghl_sync_model::{ContentHash, ImportId, LocationId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::answers::{
    CancelAnswer, ImportCountsAnswer, ImportStatusAnswer, ImportUndoAnswer, ImportsAnswer, ListedImportAnswer,
    UndoAnswer,
};
use super::args::ImportsArgs;
use super::client::{Remote, RemoteAnswer, RemoteError};
use super::commands::line;
use crate::list::{Contacts, ImportReport};
use crate::{Failure, signals};

/// Longest part of an id taken from the file's name, followed by this many digits of a hash.
const NAME_CHARS: usize = 40;
const HASH_DIGITS: usize = 12;
/// Longest name that a stack keeps, in bytes, and most kinds of problems.
const LONGEST_NAME: usize = 200;
const MOST_KINDS: usize = 50;

/// The import that a list belongs to. The same list into the same location is the same import, so that running the
/// command again continues it.
pub(super) struct RemoteImport<'a> {
    remote: &'a Remote,
    path: String,
    pub(super) id: ImportId,
}

impl<'a> RemoteImport<'a> {
    /// Tells the stack that the import starts or continues. `None` if the stack is too old for imports.
    pub(super) async fn begin(
        remote: &'a Remote,
        location: &LocationId,
        (file, undoable): (&Path, bool),
        contacts: &mut Contacts,
        report: &ImportReport,
    ) -> Result<Option<RemoteImport<'a>>, Failure> {
        let name = name(file);
        let id = id_of(location, &name, contacts)?;
        let path = format!("/v1/locations/{location}/imports/{id}");
        let mut told = json!({
            "name": in_bounds(&name),
            "state": "open",
            "rows": report.rows,
            "records": report.contacts,
            "problems": problems(report),
        });
        if undoable {
            // A stack of an earlier version refuses the field, which is better than finding out at the undo.
            told["undoable"] = true.into();
        }
        match remote.ask::<Value>(Method::PUT, &path, Some(&told)).await {
            Ok(_) => Ok(Some(RemoteImport { remote, path, id })),
            Err(RemoteError::Refused { status: StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED, .. }) => {
                println!("the stack is older than this program: the list goes there without an import of its own");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Tells the stack that all records were put, and names the files that describe them.
    pub(super) async fn complete(&self, files: &[&Path]) -> Result<(), Failure> {
        let files: Vec<String> = files.iter().map(|file| in_bounds(&name(file)).to_owned()).collect();
        let told = json!({ "state": "complete", "files": files });
        self.remote.ask::<Value>(Method::PUT, &self.path, Some(&told)).await?;
        Ok(())
    }
}

/// The file's name without its folders.
fn name(file: &Path) -> String {
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = if name == "-" || name.is_empty() { "standard input".to_owned() } else { name };
    name.chars().map(|c| if c.is_control() { '?' } else { c }).collect()
}

fn in_bounds(name: &str) -> &str {
    let end = (0..=LONGEST_NAME.min(name.len())).rev().find(|end| name.is_char_boundary(*end)).unwrap_or(0);
    &name[..end]
}

/// An id derived from the location, the file's name, and the content of its contacts.
fn id_of(location: &LocationId, name: &str, contacts: &mut Contacts) -> Result<ImportId, Failure> {
    let mut hash = ContentHash::of(format!("{location}\n{name}").as_bytes());
    for chunk in contacts.chunks()? {
        for contact in chunk? {
            let content = serde_json::to_string(&contact.contact)?;
            hash = ContentHash::of(format!("{hash}\n{}\n{content}", contact.id).as_bytes());
        }
    }
    let word = |c: char| if c.is_ascii_alphanumeric() || c == '_' { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().take(NAME_CHARS).map(word).collect();
    let hash: String = hash.to_string().chars().take(HASH_DIGITS).collect();
    Ok(ImportId::new(format!("{}-{hash}", name.trim_matches('-')))?)
}

/// The most frequent kinds of problems (values left out or altered), with their numbers.
fn problems(report: &ImportReport) -> BTreeMap<String, u64> {
    let mut kinds: Vec<(String, u64)> = report.problems.by_kind().collect();
    kinds.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    kinds.into_iter().take(MOST_KINDS).map(|(kind, count)| (in_bounds(&kind).to_owned(), count)).collect()
}

/// `ghl-sync imports`: lists the imports, or shows one; handles `--cancel` and `--undo`.
pub(crate) async fn imports(args: ImportsArgs) -> Result<ExitCode, Failure> {
    let (stack, remote) = (&args.stack, args.stack.remote()?);
    let all = format!("/v1/locations/{}/imports", args.location);
    let Some(id) = &args.import else {
        let RemoteAnswer { raw, read } = remote.ask::<ImportsAnswer>(Method::GET, &all, None).await?;
        stack.tell(&raw, || listed(&read))?;
        return Ok(ExitCode::SUCCESS);
    };
    let path = format!("{all}/{id}");
    if args.cancel {
        let sum = cancel(&remote, &path).await?;
        let CancelAnswer { withdrawn, skipped, not_written, .. } = sum;
        let answer = json!({ "withdrawn": withdrawn, "skipped": skipped, "not_written": not_written });
        stack.tell(&answer, || cancelled(&sum))?;
        return Ok(if not_written == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    if args.undo {
        let sum = undo(&remote, &path).await?;
        let UndoAnswer { asked, skipped, not_undoable, not_written, ref cursor } = sum;
        let is_done = cursor.is_none();
        let answer = json!({ "asked": asked, "skipped": skipped, "not_undoable": not_undoable, "not_written": not_written,
            "complete": is_done });
        stack.tell(&answer, || asked_for(&sum))?;
        return Ok(if is_done && not_written == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let RemoteAnswer { raw, read } = remote.ask::<ImportStatusAnswer>(Method::GET, &path, None).await?;
    stack.tell(&raw, || shown(&read))?;
    Ok(ExitCode::SUCCESS)
}

/// Cancels the import step by step, until no record is pending.
async fn cancel(remote: &Remote, path: &str) -> Result<CancelAnswer, Failure> {
    let (mut sum, mut asked) = (CancelAnswer::default(), json!({}));
    loop {
        let RemoteAnswer { read, .. } =
            remote.ask::<CancelAnswer>(Method::POST, &format!("{path}/cancel"), Some(&asked)).await?;
        sum.withdrawn += read.withdrawn;
        sum.skipped += read.skipped;
        sum.not_written += read.not_written;
        let Some(cursor) = read.cursor else { return Ok(sum) };
        asked = json!({ "cursor": cursor });
    }
}

/// Requests the undo step by step, until all records are due for it or the user interrupts between two steps.
async fn undo(remote: &Remote, path: &str) -> Result<UndoAnswer, Failure> {
    let interrupted = Shutdown::default();
    signals::end(&interrupted, None)?;
    let (mut sum, mut asked) = (UndoAnswer::default(), json!({}));
    loop {
        let RemoteAnswer { read, .. } =
            remote.ask::<UndoAnswer>(Method::POST, &format!("{path}/undo"), Some(&asked)).await?;
        sum.asked += read.asked;
        sum.skipped += read.skipped;
        sum.not_undoable += read.not_undoable;
        sum.not_written += read.not_written;
        sum.cursor = read.cursor;
        let Some(cursor) = sum.cursor.as_ref().filter(|_| !interrupted.is_asked()) else { return Ok(sum) };
        eprintln!("{} are due for being undone so far", sum.asked);
        asked = json!({ "cursor": cursor });
    }
}

fn asked_for(UndoAnswer { asked, skipped, not_undoable, not_written, cursor }: &UndoAnswer) -> String {
    let mut told = format!("{asked} are being undone, {skipped} were so already; look again how far it is\n");
    if *not_undoable > 0 {
        line(&mut told, format_args!("{not_undoable} were put before the import was undoable, and stay as they are"));
    }
    if *not_written > 0 {
        line(&mut told, format_args!("{not_written} could not be written: undo again"));
    }
    if cursor.is_some() {
        line(&mut told, format_args!("interrupted: there are more; undo again"));
    }
    told
}

fn cancelled(CancelAnswer { withdrawn, skipped, not_written, .. }: &CancelAnswer) -> String {
    let mut told = format!("{withdrawn} were withdrawn and stand as failed (CANCELLED); {skipped} had ended already\n");
    if *not_written > 0 {
        line(&mut told, format_args!("{not_written} could not be withdrawn: cancel again"));
    }
    told
}

fn listed(ImportsAnswer { imports }: &ImportsAnswer) -> String {
    let mut told = String::new();
    for ListedImportAnswer { id, name, state, created_at } in imports {
        line(&mut told, format_args!("{created_at}  {state:<9}  {id}  {}", name.as_deref().unwrap_or_default()));
    }
    if told.is_empty() {
        told.push_str("no imports\n");
    }
    told
}

fn shown(import: &ImportStatusAnswer) -> String {
    let ImportStatusAnswer { id, name, state, created_at, finished_at, rows, records, problems, files, counts, undo } =
        import;
    let mut told = format!("import     {id}\n");
    let texts =
        [("name", name.as_ref()), ("state", Some(state)), ("began", Some(created_at)), ("ended", finished_at.as_ref())];
    for (what, text) in texts {
        text.into_iter().for_each(|text| line(&mut told, format_args!("{what:<10} {text}")));
    }
    for (what, number) in [("rows", rows), ("records", records)] {
        number.iter().for_each(|number| line(&mut told, format_args!("{what:<10} {number}")));
    }
    let ImportCountsAnswer { pending, accepted, failed, other } = counts;
    for (what, count) in [("pending", pending), ("accepted", accepted), ("failed", failed), ("other", other)] {
        line(&mut told, format_args!("{what:<10} {count}"));
    }
    if let Some(ImportUndoAnswer { until, undone, left }) = undo {
        line(&mut told, format_args!("undone     {undone}"));
        line(&mut told, format_args!("left       {left}"));
        if state != "undone" {
            line(&mut told, format_args!("undo until {until}"));
        }
    }
    problems.iter().for_each(|(kind, count)| line(&mut told, format_args!("problem    {count} × {kind}")));
    files.iter().for_each(|file| line(&mut told, format_args!("file       {file}")));
    told
}

#[cfg(test)]
mod tests {
    use ghl_sync_import::ImportedContact;
    use ghl_sync_model::Contact;

    use super::*;

    fn contacts(names: &[&str]) -> Contacts {
        let contact = |name: &&str| Contact { first_name: Some((*name).to_owned()), ..Contact::default() };
        let rows = names.iter().map(contact).zip(1..);
        Contacts::of(rows.map(|(contact, row)| ImportedContact::of_contact(row, contact))).unwrap()
    }

    #[test]
    fn the_same_list_into_the_same_location_is_the_same_import_and_no_other_is() {
        let of = |location: &str, file: &str, names: &[&str]| {
            let location = LocationId::new(location).unwrap();
            id_of(&location, &name(Path::new(file)), &mut contacts(names)).unwrap().to_string()
        };
        let id = of("loc", "in/Köln – Leads 2026.csv", &["Ada", "Eve"]);
        assert!(id.starts_with("k-ln---leads-2026-csv-") && id.len() == "k-ln---leads-2026-csv-".len() + 12, "{id}");
        assert_eq!(of("loc", "other/Köln – Leads 2026.csv", &["Ada", "Eve"]), id, "wherever the file lies");
        for other in [
            of("other", "Köln – Leads 2026.csv", &["Ada", "Eve"]),
            of("loc", "Leads.csv", &["Ada", "Eve"]),
            of("loc", "Köln – Leads 2026.csv", &["Ada"]),
            of("loc", "Köln – Leads 2026.csv", &["Eve", "Ada"]),
        ] {
            assert_ne!(other, id);
        }
        assert!(of("loc", "-", &[]).starts_with("standard-input-"));
        assert!(of("loc", &"ä".repeat(300), &[]).len() <= 64, "whatever the file is called");
    }

    #[test]
    fn a_name_is_cut_between_characters() {
        assert_eq!(in_bounds("a.csv"), "a.csv");
        assert_eq!(in_bounds(&"ä".repeat(150)).chars().count(), 100);
        assert_eq!(name(Path::new("in/a\nb.csv")), "a?b.csv");
    }
}
