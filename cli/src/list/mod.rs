//! Reads a contact list for the command line with `ghl-sync-import`, reports on it, and writes its files.

mod apart;
mod args;
mod contacts;
mod files;
mod report;
mod source;

use std::path::Path;

use ghl_sync_import::{
    FieldCatalogue, FileImportError, ImportOptions, ImportPlan, ImportedContact, KnownIds, MappedColumn, Mapping,
    RowOutcome, plan,
};

use crate::Failure;
use crate::UsageError;
pub(crate) use apart::keep_apart;
pub(crate) use args::{ListArgs, OutputArgs};
pub(crate) use contacts::{Contacts, LineStore};
pub(crate) use files::ResultsFile;
pub(crate) use ghl_sync_import::report::{ImportReport, RecordResultRow};
use report::ListReportSummary;
use source::ListSource;

/// The contact list used when none is named.
const DEFAULT_CSV: &[u8] = include_bytes!("../../../events/contacts.csv");
/// Number of contacts kept for display.
const FIRST: usize = 10;
/// The country of the sandbox's locations.
const SANDBOX_COUNTRY: &str = "US";

/// Facts about the place that a list goes to.
#[derive(Default)]
pub(crate) struct ListDestination {
    /// ISO 3166 code of two letters.
    pub(crate) country: Option<String>,
    /// Custom fields of the location.
    pub(crate) fields: FieldCatalogue,
    /// Ids that contacts got in earlier imports.
    pub(crate) ids: KnownIds,
}

impl ListDestination {
    pub(crate) fn in_sandbox(ids: KnownIds) -> ListDestination {
        ListDestination { country: Some(SANDBOX_COUNTRY.to_owned()), ids, ..ListDestination::default() }
    }
}

/// A list that was read.
pub(crate) struct List {
    pub(crate) columns: Vec<MappedColumn>,
    /// Mapping that reads this list the same way.
    pub(crate) mapping: Mapping,
    pub(crate) contacts: Contacts,
    /// Number of contacts with tags.
    pub(crate) tagged: u64,
    /// The first contacts, for display.
    pub(crate) first: Vec<ImportedContact>,
    pub(crate) report: ImportReport,
    /// Ids of its contacts.
    pub(crate) learned: KnownIds,
}

/// Reason why a list was not read.
pub(crate) enum ListError {
    /// A question must be answered first.
    Open(Box<ImportReport>, FileImportError),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for ListError {
    fn from(error: E) -> ListError {
        ListError::Failed(error.into())
    }
}

impl ListError {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            ListError::Open(_, error) => error.into(),
            ListError::Failed(failure) => failure,
        }
    }
}

/// `count` made-up contacts.
pub(crate) fn made_up(count: u32) -> Result<Vec<ImportedContact>, Failure> {
    let args = ListArgs::default();
    let place = ListDestination::in_sandbox(KnownIds::default());
    let mut list =
        read_from(&ListSource::of_bytes(DEFAULT_CSV), &args, place, false).map_err(ListError::into_failure)?;
    Ok(crate::repeat::repeat(&list.contacts.all()?, count as usize))
}

/// Reads a list from a file, from standard input (`-`), or the bundled one, and prints a summary. All problems are
/// kept only if `json` is given.
pub(crate) fn read(
    file: Option<&Path>,
    args: &ListArgs,
    place: ListDestination,
    json: Option<&Path>,
) -> Result<List, ListError> {
    let source = match file {
        Some(file) => ListSource::of_path(file)?,
        None => ListSource::of_bytes(DEFAULT_CSV),
    };
    let list = read_from(&source, args, place, json.is_some())?;
    println!("{}", ListReportSummary(&list.report));
    Ok(list)
}

fn read_from(
    source: &ListSource,
    args: &ListArgs,
    place: ListDestination,
    keeps_problems: bool,
) -> Result<List, ListError> {
    let options = options(args, place)?;
    let plan = match plan(source, options) {
        Ok(plan) => plan,
        Err(FileImportError::Open { questions }) => {
            let report = ImportReport { questions: questions.clone(), ..ImportReport::default() };
            return Err(ListError::Open(report.into(), FileImportError::Open { questions }));
        }
        Err(error) => return Err(source.named(error).into()),
    };
    let report = ImportReport::of_plan(&plan, if keeps_problems { usize::MAX } else { 0 });
    if !plan.questions().is_empty() {
        let error = FileImportError::Open { questions: plan.questions().to_vec() };
        return Err(ListError::Open(report.into(), error));
    }
    let mut rejects = match &args.rejects {
        Some(file) => Some(files::RejectsFile::create(file, plan.header())?),
        None => None,
    };
    let mut list = List {
        columns: plan.mapping(),
        mapping: plan.mapping_file(),
        contacts: Contacts::none(),
        tagged: 0,
        first: Vec::new(),
        report,
        learned: KnownIds::default(),
    };
    list.take_records(&plan, source, rejects.as_mut())?;
    rejects.map(files::RejectsFile::finish).transpose()?;
    Ok(list)
}

impl List {
    /// Refuses a list whose mapping only allows inspection, as `plan` does.
    pub(crate) fn refuse_if_held(&self) -> Result<(), UsageError> {
        if !self.mapping.hold {
            return Ok(());
        }
        Err(UsageError(
            "the mapping says `hold`: take that out of it to import the list, or say `plan` to look at it".to_owned(),
        ))
    }

    fn take_records(
        &mut self,
        plan: &ImportPlan,
        source: &ListSource,
        mut rejects: Option<&mut files::RejectsFile>,
    ) -> Result<(), Failure> {
        let mut records = plan.records(source)?;
        for outcome in records.by_ref() {
            match outcome? {
                RowOutcome::Record(mut contact) => {
                    let problems = std::mem::take(&mut contact.problems);
                    if let Some(rejects) = rejects.as_deref_mut() {
                        rejects.write(&contact.cells, &contact.dnd, &problems)?;
                    }
                    self.report.problems.extend(problems);
                    self.take_contact(*contact)?;
                }
                RowOutcome::HeldBack(row) => {
                    if let Some(rejects) = rejects.as_deref_mut() {
                        rejects.write(&row.cells, &row.dnd, std::slice::from_ref(&row.problem))?;
                    }
                    self.report.problems.extend([row.problem]);
                }
                RowOutcome::NotAPerson(row) => self.report.problems.extend([row.problem]),
            }
        }
        self.report.take(records.tally());
        self.report.problems.sort();
        self.learned = records.into_learned();
        Ok(())
    }

    fn take_contact(&mut self, mut contact: ImportedContact) -> Result<(), Failure> {
        contact.cells = Vec::new();
        // Tags need their own call, because an upsert would replace a contact's existing tags.
        self.tagged += u64::from(!contact.contact.tags.is_empty());
        if self.first.len() < FIRST {
            self.first.push(contact.clone());
        }
        self.contacts.push(contact).map_err(|error| format!("the contacts cannot be kept in a file: {error}").into())
    }
}

fn options(args: &ListArgs, place: ListDestination) -> Result<ImportOptions, Failure> {
    let mut mapping = match &args.mapping {
        Some(file) => {
            let json = std::fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
            Mapping::from_json(&json).map_err(|error| format!("{}: {error}", file.display()))?
        }
        None => Mapping::default(),
    };
    args.map.iter().try_for_each(|text| mapping.add(text))?;
    args.answer(&mut mapping.answers);
    Ok(ImportOptions {
        country: place.country,
        mapping,
        today: Some(time::OffsetDateTime::now_utc().date()),
        fields: place.fields,
        known: place.ids,
        ..ImportOptions::default()
    })
}
