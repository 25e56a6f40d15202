//! The list itself: a copy on this machine's disk, and what its first pass says.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_import::{ImportError, ImportOptions, Mapping, Outcome, Plan, Records, Source};
use ghl_sync_model::{ContentHash, EpochMs};
use time::OffsetDateTime;

use crate::checkpoint::End;
use crate::importer::{Importer, MAPPING_OF_SETTINGS};
use crate::report::{Asks, Report};
use crate::run::{Next, Run};
use crate::{DropError, Place};

/// The longest list. It must fit on a function's disk of 512 MB.
const LONGEST: u64 = 200 << 20;
/// So much of it is fetched at once.
const PART: u64 = 8 << 20;
/// The longest mapping.
const LONGEST_MAPPING: u64 = 1 << 20;
/// Rows that are passed over before others get their turn.
const AT_ONCE: u64 = 2_000;

/// A list that was looked at.
enum Opened {
    /// It can be imported.
    List(Box<Plan>, Arc<Copy>),
    /// Something must be answered first.
    Asks(Asks),
    /// Nothing can be read from it, for this reason.
    Refused(String),
    /// It, or its mapping, is another one by now.
    Changed,
}

/// The bytes of a list.
pub(crate) struct Copy(File);

impl Source for Copy {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(Cursor { file: &self.0, at: 0 }))
    }
}

/// Reads with a place of its own, however many read the file.
struct Cursor<'f> {
    file: &'f File,
    at: u64,
}

impl Read for Cursor<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.at)?;
        self.at += length as u64;
        Ok(length)
    }
}

impl Importer {
    /// The list, or how the step ends without one: the report says why.
    pub(crate) async fn list(&self, run: &mut Run) -> Result<Result<(Box<Plan>, Arc<Copy>), Next>, DropError> {
        Ok(match self.open(run).await? {
            Opened::List(plan, copy) => {
                run.checkpoint.shown.rows = Some(plan.rows());
                Ok((plan, copy))
            }
            Opened::Asks(asks) => {
                run.checkpoint.shown.rows = asks.plan.as_ref().map(|plan| plan.rows());
                self.tell(&run.place, &Report::asks(run, asks)).await?;
                Err(Next::End(End::NeedsMapping))
            }
            Opened::Refused(reason) => Err(self.refuse(run, &reason).await?),
            // The next step begins with what is there by then.
            Opened::Changed => Err(Next::Step(Duration::ZERO)),
        })
    }

    /// A list that could be read once, and cannot be any more.
    pub(crate) async fn damaged(&self, run: &Run, error: &ImportError) -> Result<Next, DropError> {
        self.refuse(run, &format!("the file cannot be read to its end: {error}")).await
    }

    /// The report says why nothing is imported.
    pub(crate) async fn refuse(&self, run: &Run, reason: &str) -> Result<Next, DropError> {
        let report = Report::refused(&run.place, &run.checkpoint.content, run.facts.as_ref(), reason);
        self.tell(&run.place, &report).await?;
        Ok(Next::End(End::Refused))
    }

    /// Fetches the list and looks at it from its first row to its last.
    async fn open(&self, run: &Run) -> Result<Opened, DropError> {
        if run.file.size > LONGEST {
            let most = LONGEST >> 20;
            return Ok(Opened::Refused(format!("the file has more than {most} MiB: split it, or pack it with gzip")));
        }
        let mapping = match self.mapping(run).await? {
            Ok(mapping) => mapping,
            Err(opened) => return Ok(opened),
        };
        let Some(copy) = self.fetch(&run.place, run).await? else { return Ok(Opened::Changed) };
        let copy = Arc::new(copy);
        let options = ImportOptions { mapping, today: day(run.checkpoint.began_at), ..ImportOptions::default() };
        let options = match &run.facts {
            Some(facts) => options.knowing(facts),
            None => options,
        };
        let source = Arc::clone(&copy);
        // A million rows take seconds.
        let planned = tokio::task::spawn_blocking(move || ghl_sync_import::plan(&*source, options)).await?;
        Ok(match planned {
            Ok(plan) if plan.questions().is_empty() => Opened::List(Box::new(plan), copy),
            Ok(plan) => {
                let asks = Asks::of(plan.questions());
                Opened::Asks(Asks { plan: Some(Box::new(plan)), ..asks })
            }
            Err(ImportError::Open { questions }) => Opened::Asks(Asks::of(&questions)),
            Err(ref error @ ImportError::NoUsableColumn { ref columns }) => {
                Opened::Asks(Asks::where_columns_go(error.to_string(), columns))
            }
            Err(
                error @ (ImportError::Mapping(_)
                | ImportError::NoSuchSheet { .. }
                | ImportError::UnknownEncoding(_)
                | ImportError::UnknownCountry(_)),
            ) => Opened::Asks(Asks::one(error.to_string())),
            Err(
                error @ (ImportError::Read(_)
                | ImportError::Packed(_)
                | ImportError::Empty
                | ImportError::NotAList(_)
                | ImportError::TooLarge { .. }
                | ImportError::Workbook(_)
                | ImportError::NoHeader { .. }),
            ) => Opened::Refused(error.to_string()),
        })
    }

    async fn mapping(&self, run: &Run) -> Result<Result<Mapping, Opened>, DropError> {
        let Some((key, etag)) = &run.checkpoint.content.mapping else { return Ok(Ok(Mapping::default())) };
        if key == MAPPING_OF_SETTINGS {
            let mapping = self.mapping_of_settings(&run.place).await?;
            let mapping = mapping.filter(|mapping| ContentHash::of(mapping.as_bytes()).to_string() == *etag);
            let Some(json) = mapping else { return Ok(Err(Opened::Changed)) };
            return Ok(read_mapping(key, json.as_bytes()));
        }
        let Some(found) = self.files.head(key).await? else { return Ok(Err(Opened::Changed)) };
        if found.size > LONGEST_MAPPING {
            return Ok(Err(Opened::Asks(Asks::one(format!("{key}: a mapping has 1 MiB at most")))));
        }
        let Some(json) = self.files.read(key, etag, 0, found.size).await? else { return Ok(Err(Opened::Changed)) };
        Ok(read_mapping(key, &json))
    }

    /// The list in a file that nobody else sees, and that is gone with this process; `None` if it is another one by now.
    async fn fetch(&self, place: &Place, run: &Run) -> Result<Option<Copy>, DropError> {
        let mut copy = tempfile::tempfile()?;
        let mut start = 0;
        while start < run.file.size {
            let length = PART.min(run.file.size - start);
            let part = self.files.read(&place.key, &run.file.etag, start, length).await?;
            let Some(part) = part.filter(|part| !part.is_empty()) else { return Ok(None) };
            copy.write_all(&part)?;
            start += part.len() as u64;
        }
        Ok(Some(Copy(copy)))
    }
}

/// What `json`, found at `key`, says; or what is wrong with it.
fn read_mapping(key: &str, json: &[u8]) -> Result<Mapping, Opened> {
    Mapping::from_json(json).map_err(|error| Opened::Asks(Asks::one(format!("{key}: {error}"))))
}

/// Passes `count` outcomes over: they are the same, in the same order, whoever reads the list.
pub(crate) async fn pass_over(records: &mut Records<'_>, count: u64) -> Result<(), ImportError> {
    for passed in 0..count {
        if passed % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        records.next().transpose()?;
    }
    Ok(())
}

/// Some outcomes; none at the end of the list.
pub(crate) fn some(records: &mut Records<'_>, count: usize) -> Result<Vec<Outcome>, ImportError> {
    records.by_ref().take(count).collect()
}

/// The day of an import: the same in all of its steps.
fn day(began_at: EpochMs) -> Option<time::Date> {
    let seconds = i64::try_from(began_at.0 / 1000).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok().map(OffsetDateTime::date)
}
