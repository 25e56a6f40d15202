//! A contact list of the command line: read by `ghl-sync-import`, told to people, and written to files.

mod args;
mod files;
mod report;
mod source;

use std::path::Path;

use ghl_sync_import::{
    FieldCatalogue, ImportError, ImportOptions, ImportedContact, KnownIds, MappedColumn, Mapping, Outcome, Plan, plan,
};

use crate::Failure;
pub(crate) use args::ListArgs;
pub(crate) use files::{RecordResult, write_results};
pub(crate) use report::ImportReport;
use report::Summary;
use source::ListSource;

/// The contact list that is read when none is named.
const DEFAULT_CSV: &[u8] = include_bytes!("../../../events/contacts.csv");
/// The country of the sandbox's locations.
const SANDBOX_COUNTRY: &str = "US";

/// What is known of the place that a list goes to.
#[derive(Default)]
pub(crate) struct Place {
    /// ISO 3166 two letters.
    pub(crate) country: Option<String>,
    /// Its custom fields.
    pub(crate) fields: FieldCatalogue,
    /// The ids that contacts got in earlier imports.
    pub(crate) ids: KnownIds,
}

impl Place {
    pub(crate) fn in_sandbox(ids: KnownIds) -> Place {
        Place { country: Some(SANDBOX_COUNTRY.to_owned()), ids, ..Place::default() }
    }
}

/// A list that was read.
pub(crate) struct List {
    pub(crate) columns: Vec<MappedColumn>,
    /// What reads this list the same way.
    pub(crate) mapping: Mapping,
    pub(crate) contacts: Vec<ImportedContact>,
    pub(crate) report: ImportReport,
    /// The ids that its contacts have.
    pub(crate) learned: KnownIds,
}

/// Why a list was not read.
pub(crate) enum Unread {
    /// Something must be answered first.
    Open(Box<ImportReport>, ImportError),
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Unread {
    fn from(error: E) -> Unread {
        Unread::Failed(error.into())
    }
}

impl Unread {
    pub(crate) fn into_failure(self) -> Failure {
        match self {
            Unread::Open(_, error) => error.into(),
            Unread::Failed(failure) => failure,
        }
    }
}

/// So many made-up contacts.
pub(crate) fn made_up(count: u32) -> Result<Vec<ImportedContact>, Failure> {
    let args = ListArgs::default();
    let list = read_from(&ListSource::of_bytes(DEFAULT_CSV), &args, Place::in_sandbox(KnownIds::default()))
        .map_err(Unread::into_failure)?;
    Ok(crate::repeat::repeat(&list.contacts, count as usize))
}

/// Reads the list of a file, of standard input (`-`), or the project's own, and says what was found in it.
pub(crate) fn read(file: Option<&Path>, args: &ListArgs, place: Place) -> Result<List, Unread> {
    let source = match file {
        Some(file) => ListSource::of_path(file)?,
        None => ListSource::of_bytes(DEFAULT_CSV),
    };
    let list = read_from(&source, args, place)?;
    println!("{}", Summary(&list.report));
    Ok(list)
}

fn read_from(source: &ListSource, args: &ListArgs, place: Place) -> Result<List, Unread> {
    let options = options(args, place)?;
    let plan = match plan(source, options) {
        Ok(plan) => plan,
        Err(ImportError::Open { questions }) => {
            let report = ImportReport { questions: questions.clone(), ..ImportReport::default() };
            return Err(Unread::Open(report.into(), ImportError::Open { questions }));
        }
        Err(error) => return Err(source.named(error).into()),
    };
    let mut report = ImportReport::of_plan(&plan);
    if !plan.questions().is_empty() {
        let error = ImportError::Open { questions: plan.questions().to_vec() };
        return Err(Unread::Open(report.into(), error));
    }
    let mut rejects = match &args.rejects {
        Some(file) => Some(files::Rejects::create(file, plan.header())?),
        None => None,
    };
    let (contacts, learned) = records(&plan, source, &mut report, rejects.as_mut())?;
    rejects.map(files::Rejects::finish).transpose()?;
    Ok(List { columns: plan.mapping(), mapping: plan.mapping_file(), contacts, report, learned })
}

fn records(
    plan: &Plan,
    source: &ListSource,
    report: &mut ImportReport,
    mut rejects: Option<&mut files::Rejects>,
) -> Result<(Vec<ImportedContact>, KnownIds), Failure> {
    let mut contacts = Vec::new();
    let mut records = plan.records(source)?;
    for outcome in records.by_ref() {
        match outcome? {
            Outcome::Record(mut contact) => {
                let problems = std::mem::take(&mut contact.problems);
                if let Some(rejects) = rejects.as_deref_mut() {
                    rejects.write(&contact.cells, &problems)?;
                }
                report.problems.extend(problems);
                contact.cells = Vec::new();
                contacts.push(*contact);
            }
            Outcome::HeldBack(row) => {
                if let Some(rejects) = rejects.as_deref_mut() {
                    rejects.write(&row.cells, std::slice::from_ref(&row.problem))?;
                }
                report.problems.push(row.problem);
            }
            Outcome::NotAPerson(row) => report.problems.push(row.problem),
        }
    }
    report.take(records.tally());
    let learned = records.learned().clone();
    report.problems.sort_by_key(|problem| problem.row);
    Ok((contacts, learned))
}

fn options(args: &ListArgs, place: Place) -> Result<ImportOptions, Failure> {
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
