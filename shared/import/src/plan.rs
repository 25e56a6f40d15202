//! The first pass: finds the meaning of columns, repeated people, and open questions.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::breaks::{Break, Breaks};
use crate::columns_seen::{ColumnStats, notes, questions};
use crate::consent::Channels;
use crate::identity::KeyCounter;
use crate::mapping::{Column, Columns, CustomFieldType, Field, Target};
use crate::parts::{Above, Parts};
use crate::row::{Proofs, RowConsent, RowReader};
use crate::table::{self, Layout};
use crate::values::{country, date, number};
use crate::{ByteSource, FileImportError, ImportOptions, ListProblem, ListQuestion, SamePerson};

/// A list that has been read once and is ready to import.
#[derive(Debug)]
pub struct ImportPlan {
    pub(crate) options: ImportOptions,
    pub(crate) layout: Layout,
    pub(crate) columns: Columns,
    pub(crate) proofs: Proofs,
    /// Number of rows for each key that more than one row has.
    pub(crate) repeated: HashMap<u64, u32>,
    /// Channels that any row with a repeated key closes.
    pub(crate) closed: HashMap<u64, Channels>,
    /// Lines that are not whole rows.
    pub(crate) broken: HashMap<u64, Break>,
    seen: Vec<ColumnStats>,
    questions: Vec<ListQuestion>,
    notes: Vec<ListProblem>,
    rows: u64,
}

/// A column and its target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappedColumn {
    /// Its name in the list.
    pub column: String,
    /// The field it goes into, as a mapping names it; `None` if unused.
    pub field: Option<String>,
    /// Why it goes there; `None` if unused.
    pub by: Option<MappedBy>,
    /// Number of rows with a value in it.
    pub filled: u64,
    /// Its first values. They may be personal data.
    pub samples: Vec<String>,
}

/// The reason for a column's target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MappedBy {
    /// The caller's mapping.
    Told,
    /// The column's name.
    Name,
    /// The name or key of one of the location's custom fields.
    CustomField,
}

/// Reads a list once, from the first row to the last. Ambiguities go to [`ImportPlan::questions`].
///
/// # Errors
/// [`FileImportError`] if the whole file is unusable, or its form is ambiguous (an encoding, a sheet).
pub fn plan(source: &dyn ByteSource, mut options: ImportOptions) -> Result<ImportPlan, FileImportError> {
    options.known = options.known.sorted();
    answer(&mut options);
    options.country = location_country(options.country)?;
    let layout = table::layout(source, &options)?;
    let columns = Columns::of_header(&layout.columns, &options.mapping, &options.fields)?;
    if !columns.says_who() {
        let columns = columns.all().iter().map(|column| column.name.clone()).collect();
        return Err(FileImportError::NoUsableColumn { columns });
    }
    let mut pass = Pass::new(&columns, layout.refused_by);
    let no_proofs = Proofs::default();
    let reader = RowReader { columns: &columns, options: &options, proofs: &no_proofs };
    let mut rows = layout.rows(source)?;
    while let Some(row) = rows.next()? {
        let has_columns = row.fault.is_none_or(table::Fault::has_columns);
        if has_columns && !row.is_blank() && table::not_a_person(&row, &layout.columns).is_none() {
            let above = pass.parts.above(&row, &columns);
            pass.take(&row, &reader, above);
        } else if !row.is_blank() {
            pass.breaks.interrupt();
            if row.fault.is_some_and(table::Fault::may_refuse) {
                pass.close(reader.told_of_broken(&row));
            }
        }
        rows.recycle(row.cells);
    }
    let mut questions = questions(&columns, &pass.seen);
    let hidden = layout.hidden_rows();
    if hidden > 0 && options.hidden_rows.is_none() {
        questions.push(ListQuestion::HiddenRows { rows: hidden });
    }
    let proofs = pass.proofs(&columns, &options, &mut questions);
    let proofs = Proofs { counts_from_1904: layout.counts_from_1904, ..proofs };
    let (repeated, closed) = pass.repeated_and_closed();
    let mut notes = notes(&columns, &pass.seen, layout.header_row);
    notes.extend(layout.notes.iter().cloned());
    let (seen, rows, broken) = (pass.seen, pass.rows, pass.breaks.into_found());
    Ok(ImportPlan { options, layout, columns, proofs, repeated, closed, broken, seen, questions, notes, rows })
}

/// Applies the mapping's answers to the options, and stores the final answers in the mapping.
fn answer(options: &mut ImportOptions) {
    let answers = &mut options.mapping.answers;
    if let Some(same_person) = answers.same_person {
        options.same_person = same_person;
    }
    options.country = answers.country.clone().or_else(|| options.country.take());
    options.encoding = options.encoding.take().or_else(|| answers.encoding.clone());
    options.date_order = options.date_order.or(answers.date_order);
    options.decimal_mark = options.decimal_mark.or(answers.decimal_mark);
    options.sheet = options.sheet.take().or_else(|| answers.sheet.clone());
    options.hidden_rows = options.hidden_rows.or(answers.hidden_rows);
    *answers = crate::Answers {
        encoding: options.encoding.clone(),
        date_order: options.date_order,
        decimal_mark: options.decimal_mark,
        sheet: options.sheet.clone(),
        hidden_rows: options.hidden_rows,
        country: answers.country.take(),
        same_person: Some(options.same_person).filter(|same_person| *same_person != SamePerson::default()),
    };
}

/// The two-letter code of the caller's country; `None` if blank.
fn location_country(told: Option<String>) -> Result<Option<String>, FileImportError> {
    let told = told.filter(|told| !told.trim().is_empty());
    told.map(|told| country::country(told.trim()).ok_or(FileImportError::UnknownCountry(told))).transpose()
}

impl ImportPlan {
    /// Questions to answer before the import. Each names the option that answers it.
    #[must_use]
    pub fn questions(&self) -> &[ListQuestion] {
        &self.questions
    }

    /// Filled columns that are not used, and values for fields that already have one.
    #[must_use]
    pub fn notes(&self) -> &[ListProblem] {
        &self.notes
    }

    /// The text's encoding; `xlsx` for a workbook.
    #[must_use]
    pub fn encoding(&self) -> &str {
        &self.layout.encoding
    }

    /// Name of the delimiter, such as `comma`.
    #[must_use]
    pub fn delimiter(&self) -> Option<String> {
        self.layout.delimiter.map(|delimiter| delimiter.to_string())
    }

    /// Number of the header row; 0 if each row names its own columns.
    #[must_use]
    pub fn header_row(&self) -> u64 {
        self.layout.header_row
    }

    /// The sheet of a workbook.
    #[must_use]
    pub fn sheet(&self) -> Option<&str> {
        self.layout.sheet.as_deref()
    }

    /// Rows that look like people.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Number of e-mail addresses, phone numbers and own ids that occur in more than one row.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.repeated.len()
    }

    /// The header as it is in the list.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.layout.columns
    }

    /// The caller's mapping, completed with all answers.
    #[must_use]
    pub fn told(&self) -> &crate::Mapping {
        &self.options.mapping
    }

    /// The custom fields that columns can go into.
    #[must_use]
    pub fn custom_fields(&self) -> &[crate::KnownField] {
        self.options.fields.fields()
    }

    /// The columns, in the list's order.
    #[must_use]
    pub fn mapping(&self) -> Vec<MappedColumn> {
        let columns = self.columns.all().iter().zip(&self.seen);
        columns
            .map(|(column, seen)| MappedColumn {
                column: column.name.clone(),
                field: column.target.name(),
                by: self.mapped_by(column),
                filled: seen.filled,
                samples: seen.samples.clone(),
            })
            .collect()
    }

    fn mapped_by(&self, column: &Column) -> Option<MappedBy> {
        match &column.target {
            Target::Unknown | Target::NoPlace => None,
            _ if self.options.mapping.names(&column.name) => Some(MappedBy::Told),
            Target::Custom(_) => Some(MappedBy::CustomField),
            _ => Some(MappedBy::Name),
        }
    }

    /// A mapping that imports this list the same way, without questions or further options.
    #[must_use]
    pub fn mapping_file(&self) -> crate::Mapping {
        let mut mapping = self.options.mapping.clone();
        for column in self.columns.all() {
            let target = column.target.name().unwrap_or_else(|| "ignore".to_owned());
            if column.target != Target::Id || mapping.id_column.is_none() {
                mapping.columns.insert(column.name.clone(), target);
            }
        }
        mapping
    }
}

/// In place of a column: the closing is unconditional.
const ANY_COLUMN: u16 = u16::MAX;

/// Channels that a row closes for all rows with the same key.
struct Closing {
    key: u64,
    channels: Channels,
    /// Whether [`KeyCounter`] counts the key. If not, any single row that has it is another row.
    is_counted: bool,
    /// The closing holds only if this column is about subscriptions; about nothing else if `is_strict`. (Two bytes to
    /// save memory, since there may be many.)
    column: u16,
    is_strict: bool,
}

struct Pass {
    seen: Vec<ColumnStats>,
    dates: Vec<(usize, date::DateEvidence)>,
    numbers: Vec<(usize, number::NumberEvidence)>,
    counter: KeyCounter,
    closed: Vec<Closing>,
    subscriptions: HashSet<usize>,
    of_subscriptions_only: HashSet<usize>,
    parts: Parts,
    breaks: Breaks,
    rows: u64,
}

impl Pass {
    fn new(columns: &Columns, refused_by: Option<u64>) -> Self {
        let kinds = columns.all().iter().enumerate();
        let of = |is_wanted: fn(&Target) -> bool| {
            kinds.clone().filter(move |(_, column)| is_wanted(&column.target)).map(|(index, _)| index)
        };
        let is_date = |target: &Target| match target {
            Target::Field(Field::DateOfBirth) => true,
            Target::Custom(custom) => custom.kind == CustomFieldType::Date,
            _ => false,
        };
        let is_number = |target: &Target| match target {
            Target::Custom(custom) => matches!(custom.kind, CustomFieldType::Number | CustomFieldType::Money),
            _ => false,
        };
        Self {
            seen: vec![ColumnStats::default(); columns.all().len()],
            dates: of(is_date).map(|index| (index, date::DateEvidence::default())).collect(),
            numbers: of(is_number).map(|index| (index, number::NumberEvidence::default())).collect(),
            counter: KeyCounter::default(),
            closed: Vec::new(),
            subscriptions: HashSet::new(),
            of_subscriptions_only: HashSet::new(),
            parts: Parts::below(refused_by),
            breaks: Breaks::default(),
            rows: 0,
        }
    }

    fn take(&mut self, row: &table::Row, reader: &RowReader<'_>, above: Option<Above>) {
        self.rows += 1;
        ColumnStats::take_row(&mut self.seen, row, reader.columns);
        let cell = |index: usize| crate::values::text::value(row.cells.get(index).map_or("", String::as_str));
        self.dates.iter_mut().for_each(|(index, evidence)| evidence.take(&cell(*index)));
        self.numbers.iter_mut().for_each(|(index, evidence)| evidence.take(&cell(*index)));
        for (index, column) in reader.columns.all().iter().enumerate() {
            if let Target::Consent(consent) = column.target
                && row.cells.get(index).is_some_and(|cell| consent.is_of_subscription(cell))
            {
                self.subscriptions.insert(index);
                if row.cells.get(index).is_some_and(|cell| consent.is_of_subscription_only(cell)) {
                    self.of_subscriptions_only.insert(index);
                }
            }
        }
        let mut told = reader.told(row);
        // The row may be a heading, or a person with a remark.
        if above.is_some() {
            told.closed = Channels::ALL;
        }
        self.counter.take(told.keys);
        let others = self.breaks.take(row, told.keys, reader);
        self.close(told);
        self.close(RowConsent { others, closed: Channels::ALL, ..RowConsent::default() });
    }

    /// Stores what a row closes for other rows of the same person.
    fn close(&mut self, told: RowConsent) {
        let RowConsent { keys, others, closed, if_of_subscription } = told;
        let certain = (!closed.is_none()).then_some((ANY_COLUMN, false, closed));
        let perhaps = if_of_subscription.into_iter();
        let perhaps = perhaps
            .map(|(index, is_strict, channels)| (u16::try_from(index).unwrap_or(ANY_COLUMN), is_strict, channels));
        for (column, is_strict, channels) in certain.into_iter().chain(perhaps) {
            let counted = keys.all().map(|key| (key, true)).chain(others.iter().map(|key| (*key, false)));
            let closing = counted.map(|(key, is_counted)| Closing { key, channels, is_counted, column, is_strict });
            self.closed.extend(closing);
        }
    }

    /// Repeated keys with their counts, and the channels closed for other rows.
    fn repeated_and_closed(&mut self) -> (HashMap<u64, u32>, HashMap<u64, Channels>) {
        let counter = std::mem::take(&mut self.counter).sorted();
        let repeated = counter.repeated();
        let mut closed: HashMap<u64, Channels> = HashMap::new();
        for closing in std::mem::take(&mut self.closed) {
            let Closing { key, channels, is_counted, column, is_strict } = closing;
            let of = if is_strict { &self.of_subscriptions_only } else { &self.subscriptions };
            let holds = column == ANY_COLUMN || of.contains(&usize::from(column));
            let is_anothers = repeated.contains_key(&key) || (!is_counted && counter.has(key));
            if holds && is_anothers {
                let known = closed.entry(key).or_default();
                *known = known.and(channels);
            }
        }
        (repeated, closed)
    }

    /// Collects proven facts, and adds a question for each ambiguous column.
    fn proofs(&self, columns: &Columns, options: &ImportOptions, questions: &mut Vec<ListQuestion>) -> Proofs {
        let mut proofs = Proofs {
            subscriptions: self.subscriptions.clone(),
            of_subscriptions_only: self.of_subscriptions_only.clone(),
            ..Proofs::default()
        };
        for (index, evidence) in &self.dates {
            match evidence.orders(options.date_order) {
                Ok(orders) => drop(proofs.date_orders.insert(*index, orders)),
                Err(mixed) => {
                    questions.push(ListQuestion::DateOrder { column: columns.name(*index).to_owned(), mixed });
                }
            }
        }
        for (index, evidence) in &self.numbers {
            match evidence.mark(options.decimal_mark) {
                Ok(mark) => drop(mark.map(|mark| proofs.decimal_marks.insert(*index, mark))),
                Err(()) => questions.push(ListQuestion::DecimalMark { column: columns.name(*index).to_owned() }),
            }
        }
        proofs
    }
}
