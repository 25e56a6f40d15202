//! The list itself: a copy on the local disk, and the result of the first pass.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_import::{ByteSource, FileImportError, ImportOptions, ImportPlan, Mapping, RecordStream, RowOutcome};
use ghl_sync_model::{ContentHash, EpochMs};
use time::OffsetDateTime;

use crate::checkpoint::ImportEnd;
use crate::importer::{Importer, MAPPING_OF_SETTINGS};
use crate::report::{ListReport, OpenQuestions};
use crate::run::{StepEnd, StepRun};
use crate::{DropError, ListPlace};

/// Largest list in bytes. It must fit on a function's disk of 512 MB.
const LONGEST: u64 = 200 << 20;
/// Bytes fetched per request.
const PART: u64 = 8 << 20;
/// Largest mapping in bytes.
const LONGEST_MAPPING: u64 = 1 << 20;
/// Rows to skip before yielding to other tasks.
const AT_ONCE: u64 = 2_000;

/// Result of opening a list.
enum OpenedList {
    /// It can be imported.
    List(Box<ImportPlan>, Arc<Copy>),
    /// A question must be answered first.
    Asks(OpenQuestions),
    /// Nothing can be read from it; the text says why.
    Refused(String),
    /// The list or its mapping has changed since.
    Changed,
}

/// A local copy of a list.
pub(crate) struct Copy(File);

impl ByteSource for Copy {
    fn open(&self) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(Cursor { file: &self.0, at: 0 }))
    }
}

/// A reader with its own position in the shared file.
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
    /// The list, or how the step ends without one. The report then says why.
    pub(crate) async fn list(
        &self,
        run: &mut StepRun,
    ) -> Result<Result<(Box<ImportPlan>, Arc<Copy>), StepEnd>, DropError> {
        Ok(match self.open(run).await? {
            OpenedList::List(plan, copy) => {
                run.checkpoint.shown.rows = Some(plan.rows());
                Ok((plan, copy))
            }
            OpenedList::Asks(asks) => {
                run.checkpoint.shown.rows = asks.plan.as_ref().map(|plan| plan.rows());
                self.tell(&run.place, &ListReport::asks(run, asks)).await?;
                Err(StepEnd::End(ImportEnd::NeedsMapping))
            }
            OpenedList::Refused(reason) => Err(self.refuse(run, &reason).await?),
            // The next step starts from the new content.
            OpenedList::Changed => Err(StepEnd::Step(Duration::ZERO)),
        })
    }

    /// Refuses a list that could be read before but not any more.
    pub(crate) async fn damaged(&self, run: &StepRun, error: &FileImportError) -> Result<StepEnd, DropError> {
        self.refuse(run, &format!("the file cannot be read to its end: {error}")).await
    }

    /// Ends the import, with the reason in the report.
    pub(crate) async fn refuse(&self, run: &StepRun, reason: &str) -> Result<StepEnd, DropError> {
        let report = ListReport::refused(&run.place, &run.checkpoint.content, run.facts.as_ref(), reason);
        self.tell(&run.place, &report).await?;
        Ok(StepEnd::End(ImportEnd::Refused))
    }

    /// Fetches the list and reads all its rows once.
    async fn open(&self, run: &StepRun) -> Result<OpenedList, DropError> {
        if run.file.size > LONGEST {
            let most = LONGEST >> 20;
            return Ok(OpenedList::Refused(format!(
                "the file has more than {most} MiB: split it, or pack it with gzip"
            )));
        }
        let mapping = match self.mapping(run).await? {
            Ok(mapping) => mapping,
            Err(opened) => return Ok(opened),
        };
        let Some(copy) = self.fetch(&run.place, run).await? else { return Ok(OpenedList::Changed) };
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
            Ok(plan) if plan.questions().is_empty() => OpenedList::List(Box::new(plan), copy),
            Ok(plan) => {
                let asks = OpenQuestions::of(plan.questions());
                OpenedList::Asks(OpenQuestions { plan: Some(Box::new(plan)), ..asks })
            }
            Err(FileImportError::Open { questions }) => OpenedList::Asks(OpenQuestions::of(&questions)),
            Err(ref error @ FileImportError::NoUsableColumn { ref columns }) => {
                OpenedList::Asks(OpenQuestions::where_columns_go(error.to_string(), columns))
            }
            Err(
                error @ (FileImportError::Mapping(_)
                | FileImportError::NoSuchSheet { .. }
                | FileImportError::UnknownEncoding(_)
                | FileImportError::UnknownCountry(_)),
            ) => OpenedList::Asks(OpenQuestions::one(error.to_string())),
            Err(
                error @ (FileImportError::Read(_)
                | FileImportError::Packed(_)
                | FileImportError::Empty
                | FileImportError::NotAList(_)
                | FileImportError::TooLarge { .. }
                | FileImportError::Workbook(_)
                | FileImportError::NoHeader { .. }),
            ) => OpenedList::Refused(error.to_string()),
        })
    }

    async fn mapping(&self, run: &StepRun) -> Result<Result<Mapping, OpenedList>, DropError> {
        let Some((key, etag)) = &run.checkpoint.content.mapping else { return Ok(Ok(Mapping::default())) };
        if key == MAPPING_OF_SETTINGS {
            let mapping = self.mapping_of_settings(&run.place).await?;
            let mapping = mapping.filter(|mapping| ContentHash::of(mapping.as_bytes()).to_string() == *etag);
            let Some(json) = mapping else { return Ok(Err(OpenedList::Changed)) };
            return Ok(read_mapping(key, json.as_bytes()));
        }
        let Some(found) = self.files.head(key).await? else { return Ok(Err(OpenedList::Changed)) };
        if found.size > LONGEST_MAPPING {
            return Ok(Err(OpenedList::Asks(OpenQuestions::one(format!("{key}: a mapping has 1 MiB at most")))));
        }
        let Some(json) = self.files.read(key, etag, 0, found.size).await? else { return Ok(Err(OpenedList::Changed)) };
        Ok(read_mapping(key, &json))
    }

    /// Copies the list to an unnamed temporary file. `None` if the list has changed since.
    async fn fetch(&self, place: &ListPlace, run: &StepRun) -> Result<Option<Copy>, DropError> {
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

/// Parses the mapping `json` found at `key`.
fn read_mapping(key: &str, json: &[u8]) -> Result<Mapping, OpenedList> {
    Mapping::from_json(json).map_err(|error| OpenedList::Asks(OpenQuestions::one(format!("{key}: {error}"))))
}

/// Skips `count` outcomes. Every reading of the list yields the same outcomes in the same order.
pub(crate) async fn pass_over(records: &mut RecordStream<'_>, count: u64) -> Result<(), FileImportError> {
    for passed in 0..count {
        if passed % AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
        records.next().transpose()?;
    }
    Ok(())
}

/// The next `count` outcomes; fewer at the end of the list.
pub(crate) fn some(records: &mut RecordStream<'_>, count: usize) -> Result<Vec<RowOutcome>, FileImportError> {
    records.by_ref().take(count).collect()
}

/// The day of an import, the same in all its steps.
fn day(began_at: EpochMs) -> Option<time::Date> {
    let seconds = i64::try_from(began_at.0 / 1000).ok()?;
    OffsetDateTime::from_unix_timestamp(seconds).ok().map(OffsetDateTime::date)
}
