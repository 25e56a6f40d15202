//! `ghl-sync plan`: shows what an import would do. Writes `mapping.json` and sends nothing.

use std::fmt;
use std::process::ExitCode;

use ghl_sync_import::{KnownIds, MappedBy, MappedColumn};
use ghl_sync_model::Payload;

use super::args::{PlanArgs, RealArgs};
use super::check::CheckedLocation;
use super::{compared, mapping_file, reach};
use crate::list::{self, List, ListDestination, ListError};
use crate::{Failure, exit};

pub(crate) async fn run(args: PlanArgs) -> Result<ExitCode, Failure> {
    let written = [("--rejects", args.list.rejects.as_deref()), ("--write-mapping", args.write_mapping.as_deref())];
    list::keep_apart(Some(&args.file), &written)?;
    let reached = reach(&args.real).await?;
    let checked = reached.as_ref().map(|(_, checked)| checked);
    let place = checked.map(|checked| place(checked, KnownIds::default())).unwrap_or_default();
    let mut list = match list::read(Some(&args.file), &args.list, place, None) {
        Ok(list) => list,
        Err(ListError::Open(report, error)) => return exit::asks(&report, &error, None),
        Err(ListError::Failed(failure)) => return Err(failure),
    };
    print!("\n{}", MappingTable(&list));
    print!("\n{}", FirstPayloads(&list));
    print!("\n{}", ImportEstimate::of(&list, &args.real, checked));
    match &reached {
        Some((stack, _)) if !args.offline => match compared::compare(stack, &args.real, &mut list.contacts).await? {
            Ok(told) => {
                let held_back = list.report.left_out;
                println!(
                    "in GHL     {} new, {} updated, {} unchanged, {held_back} held back",
                    told.new, told.updated, told.unchanged
                );
                if told.unread > 0 {
                    println!(
                        "           {} of its contacts cannot be read (longer than 1 MB, or without an id) and were passed over",
                        told.unread
                    );
                }
            }
            Err(error) => {
                println!("in GHL     its contacts could not be read, so new and updated are not told apart: {error}")
            }
        },
        _ => println!("in GHL     not read, so new and updated are not told apart"),
    }
    let file = mapping_file::write(&args, &list.mapping)?;
    println!("mapping    {}; nothing was sent", file.display());
    let (list_file, mapping) = (args.file.display(), file.display());
    println!("next       ghl-sync import {list_file} --location {} --mapping {mapping}", args.real.location);
    Ok(exit::of_rows(&list.report, &args.list))
}

/// Facts about a location that answered, for reading a list.
pub(super) fn place(checked: &CheckedLocation, ids: KnownIds) -> ListDestination {
    ListDestination { country: checked.country(), fields: checked.fields(), ids }
}

/// Expected people, calls and time of an import.
pub(crate) struct ImportEstimate {
    people: u64,
    held_back: u64,
    calls: u64,
    limit: u64,
    window_ms: u64,
    daily_left: Option<u64>,
}

impl ImportEstimate {
    pub(super) fn of(list: &List, args: &RealArgs, checked: Option<&CheckedLocation>) -> ImportEstimate {
        let limit = checked.map_or(args.quota.limit, |checked| checked.burst_limit);
        ImportEstimate::new(list, limit.into(), args.quota.window_ms, checked.and_then(|checked| checked.daily_left))
    }

    /// For a quota of `limit` calls per window of `window_ms` milliseconds.
    pub(crate) fn new(list: &List, limit: u64, window_ms: u64, daily_left: Option<u64>) -> ImportEstimate {
        let (people, held_back) = (list.contacts.len(), list.report.left_out);
        ImportEstimate { people, held_back, calls: people + list.tagged, limit: limit.max(1), window_ms, daily_left }
    }

    /// The first window's calls go at once; each further window waits for the one before.
    fn seconds(&self) -> u64 {
        (self.calls * self.window_ms).div_ceil(self.limit * 1000).max(1)
    }
}

impl fmt::Display for ImportEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ImportEstimate { people, held_back, calls, limit, window_ms, daily_left } = self;
        let window = *window_ms as f64 / 1000.0;
        writeln!(f, "plan       {people} people, {held_back} held back")?;
        let time = humantime::format_duration(std::time::Duration::from_secs(self.seconds()));
        write!(f, "calls      {calls} at most: about {time} at {limit} calls in {window} s")?;
        match daily_left {
            Some(left) if left < calls => {
                writeln!(f, "; only {left} are left today, the rest goes out on the days that follow")
            }
            Some(left) => writeln!(f, "; {left} are left today"),
            None => writeln!(f),
        }
    }
}

/// The field of each column, the reason, and how many cells could be read.
pub(crate) struct MappingTable<'a>(pub(crate) &'a List);

impl fmt::Display for MappingTable<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let List { columns, report, .. } = self.0;
        let width = |of: fn(&MappedColumn) -> usize| columns.iter().map(of).max().unwrap_or_default().clamp(6, 40);
        let (names, fields) = (
            width(|it| it.column.chars().count()),
            width(|it| it.field.as_deref().map_or(8, |field| field.chars().count())),
        );
        for column in columns {
            let MappedColumn { column: name, field, filled, samples, .. } = column;
            let field = field.as_deref().unwrap_or("not used");
            let samples: Vec<String> = samples.iter().map(|sample| format!("{sample:?}")).collect();
            writeln!(
                f,
                "{name:names$}  {field:fields$}  {:30}  {filled:>6} cells  {}",
                confidence(column, report.problems.lost_of(name)),
                samples.join(", ")
            )?;
        }
        Ok(())
    }
}

/// Confidence in a column's field: who assigned it, and the share of cells that could be read as that field.
fn confidence(column: &MappedColumn, lost: u64) -> String {
    let why = match column.by {
        None => return String::new(),
        Some(MappedBy::Told) => "you said so",
        Some(MappedBy::Name) => "its name",
        Some(MappedBy::CustomField) => "a custom field's name",
    };
    let sure = match lost {
        0 => "certain",
        lost if lost * 10 <= column.filled => "likely",
        _ => "doubtful",
    };
    match lost {
        0 => format!("{sure} ({why})"),
        lost => format!("{sure} ({why}; {lost} not read)"),
    }
}

/// Payloads that GHL would get for the first people.
struct FirstPayloads<'a>(&'a List);

impl fmt::Display for FirstPayloads<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for imported in &self.0.first {
            writeln!(f, "row {:<6} {}", imported.row, Payload::Contact(imported.contact.clone()).to_json())?;
        }
        if let more @ 1.. = self.0.contacts.len().saturating_sub(self.0.first.len() as u64) {
            writeln!(f, "and {more} more")?;
        }
        Ok(())
    }
}
