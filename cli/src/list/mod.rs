//! A contact list of the command line: read by `ghl-sync-import`, told to people, and written to files.

mod apart;
mod args;
mod contacts;
mod files;
mod report;
mod source;

use std::path::Path;

use ghl_sync_import::{
    FieldCatalogue, ImportError, ImportOptions, ImportedContact, KnownIds, MappedColumn, Mapping, Outcome, Plan, plan,
};

use crate::Failure;
use crate::exit::Usage;
pub(crate) use apart::keep_apart;
pub(crate) use args::{ListArgs, OutputArgs};
pub(crate) use contacts::{Contacts, Lines};
pub(crate) use files::Results;
pub(crate) use ghl_sync_import::report::{ImportReport, RecordResult};
use report::Summary;
use source::ListSource;

/// The contact list that is read when none is named.
const DEFAULT_CSV: &[u8] = include_bytes!("../../../events/contacts.csv");
/// So many contacts are shown.
const FIRST: usize = 10;
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
    pub(crate) contacts: Contacts,
    /// How many contacts have tags.
    pub(crate) tagged: u64,
    /// The first of them.
    pub(crate) first: Vec<ImportedContact>,
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
    let mut list = read_from(&ListSource::of_bytes(DEFAULT_CSV), &args, Place::in_sandbox(KnownIds::default()), false)
        .map_err(Unread::into_failure)?;
    Ok(crate::repeat::repeat(&list.contacts.all()?, count as usize))
}

/// Reads the list of a file, of standard input (`-`), or the project's own, and says what was found in it. All problems are
/// kept for `json` only.
pub(crate) fn read(file: Option<&Path>, args: &ListArgs, place: Place, json: Option<&Path>) -> Result<List, Unread> {
    let source = match file {
        Some(file) => ListSource::of_path(file)?,
        None => ListSource::of_bytes(DEFAULT_CSV),
    };
    let list = read_from(&source, args, place, json.is_some())?;
    println!("{}", Summary(&list.report));
    Ok(list)
}

fn read_from(source: &ListSource, args: &ListArgs, place: Place, keeps_problems: bool) -> Result<List, Unread> {
    let options = options(args, place)?;
    let plan = match plan(source, options) {
        Ok(plan) => plan,
        Err(ImportError::Open { questions }) => {
            let report = ImportReport { questions: questions.clone(), ..ImportReport::default() };
            return Err(Unread::Open(report.into(), ImportError::Open { questions }));
        }
        Err(error) => return Err(source.named(error).into()),
    };
    let report = ImportReport::of_plan(&plan, if keeps_problems { usize::MAX } else { 0 });
    if !plan.questions().is_empty() {
        let error = ImportError::Open { questions: plan.questions().to_vec() };
        return Err(Unread::Open(report.into(), error));
    }
    let mut rejects = match &args.rejects {
        Some(file) => Some(files::Rejects::create(file, plan.header())?),
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
    rejects.map(files::Rejects::finish).transpose()?;
    Ok(list)
}

impl List {
    /// A mapping may say that its list is only looked at; `plan` does that.
    pub(crate) fn refuse_if_held(&self) -> Result<(), Usage> {
        if !self.mapping.hold {
            return Ok(());
        }
        Err(Usage(
            "the mapping says `hold`: take that out of it to import the list, or say `plan` to look at it".to_owned(),
        ))
    }

    fn take_records(
        &mut self,
        plan: &Plan,
        source: &ListSource,
        mut rejects: Option<&mut files::Rejects>,
    ) -> Result<(), Failure> {
        let mut records = plan.records(source)?;
        for outcome in records.by_ref() {
            match outcome? {
                Outcome::Record(mut contact) => {
                    let problems = std::mem::take(&mut contact.problems);
                    if let Some(rejects) = rejects.as_deref_mut() {
                        rejects.write(&contact.cells, &contact.dnd, &problems)?;
                    }
                    self.report.problems.extend(problems);
                    self.take_contact(*contact)?;
                }
                Outcome::HeldBack(row) => {
                    if let Some(rejects) = rejects.as_deref_mut() {
                        rejects.write(&row.cells, &row.dnd, std::slice::from_ref(&row.problem))?;
                    }
                    self.report.problems.extend([row.problem]);
                }
                Outcome::NotAPerson(row) => self.report.problems.extend([row.problem]),
            }
        }
        self.report.take(records.tally());
        self.report.problems.sort();
        self.learned = records.into_learned();
        Ok(())
    }

    fn take_contact(&mut self, mut contact: ImportedContact) -> Result<(), Failure> {
        contact.cells = Vec::new();
        // Tags go by a call of their own: an upsert would replace those that a contact has.
        self.tagged += u64::from(!contact.contact.tags.is_empty());
        if self.first.len() < FIRST {
            self.first.push(contact.clone());
        }
        self.contacts.push(contact).map_err(|error| format!("the contacts cannot be kept in a file: {error}").into())
    }
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
