//! The first pass: what the columns are and prove, who is there twice, and what is left to ask.

use std::collections::{HashMap, HashSet};

use serde::Serialize;

use crate::breaks::{Break, Breaks};
use crate::columns_seen::{Seen, notes, questions};
use crate::consent::Channels;
use crate::identity::Counter;
use crate::mapping::{Column, Columns, CustomFieldType, Field, Target};
use crate::parts::{Above, Parts};
use crate::row::{Proofs, RowReader, Told};
use crate::table::{self, Layout};
use crate::values::{country, date, number};
use crate::{ImportError, ImportOptions, Problem, Question, SamePerson, Source};

/// A list that was looked at from the first row to the last, and not imported yet.
#[derive(Debug)]
pub struct Plan {
    pub(crate) options: ImportOptions,
    pub(crate) layout: Layout,
    pub(crate) columns: Columns,
    pub(crate) proofs: Proofs,
    /// How many rows have a key, where it is more than one.
    pub(crate) repeated: HashMap<u64, u32>,
    /// Channels that some row of a repeated key closes.
    pub(crate) closed: HashMap<u64, Channels>,
    /// Lines that are not whole rows.
    pub(crate) broken: HashMap<u64, Break>,
    seen: Vec<Seen>,
    questions: Vec<Question>,
    notes: Vec<Problem>,
    rows: u64,
}

/// A column and where it goes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MappedColumn {
    /// Its name in the list.
    pub column: String,
    /// The field that it goes into, as a mapping names it; `None` if it is not used.
    pub field: Option<String>,
    /// Why it goes there; `None` if it is not used.
    pub by: Option<MappedBy>,
    /// In how many rows it is filled.
    pub filled: u64,
    /// Its first cells. They may be personal data.
    pub samples: Vec<String>,
}

/// What a column's place goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum MappedBy {
    /// The caller's word.
    Told,
    /// The column's name.
    Name,
    /// The name or key of one of the location's custom fields.
    CustomField,
}

/// Looks at a list from its first row to its last. What it leaves open is among [`Plan::questions`].
///
/// # Errors
/// [`ImportError`] where the file as a whole cannot be used, or its form cannot be proven (an encoding, a sheet).
pub fn plan(source: &dyn Source, mut options: ImportOptions) -> Result<Plan, ImportError> {
    options.known = options.known.sorted();
    answer(&mut options);
    options.country = location_country(options.country)?;
    let layout = table::layout(source, &options)?;
    let columns = Columns::of_header(&layout.columns, &options.mapping, &options.fields)?;
    if !columns.says_who() {
        let columns = columns.all().iter().map(|column| column.name.clone()).collect();
        return Err(ImportError::NoUsableColumn { columns });
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
        questions.push(Question::HiddenRows { rows: hidden });
    }
    let proofs = pass.proofs(&columns, &options, &mut questions);
    let proofs = Proofs { counts_from_1904: layout.counts_from_1904, ..proofs };
    let (repeated, closed) = pass.repeated_and_closed();
    let mut notes = notes(&columns, &pass.seen, layout.header_row);
    notes.extend(layout.notes.iter().cloned());
    let (seen, rows, broken) = (pass.seen, pass.rows, pass.breaks.into_found());
    Ok(Plan { options, layout, columns, proofs, repeated, closed, broken, seen, questions, notes, rows })
}

/// Takes over what the mapping answers, and keeps all answers in it.
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

/// The two letters of a country that the caller names; of a blank, none.
fn location_country(told: Option<String>) -> Result<Option<String>, ImportError> {
    let told = told.filter(|told| !told.trim().is_empty());
    told.map(|told| country::country(told.trim()).ok_or(ImportError::UnknownCountry(told))).transpose()
}

impl Plan {
    /// What must be answered before the list is imported. Each names the option that answers it.
    #[must_use]
    pub fn questions(&self) -> &[Question] {
        &self.questions
    }

    /// Columns that are not used although they are filled, and second values of a field that has one already.
    #[must_use]
    pub fn notes(&self) -> &[Problem] {
        &self.notes
    }

    /// What the text is written in; `xlsx` for a workbook.
    #[must_use]
    pub fn encoding(&self) -> &str {
        &self.layout.encoding
    }

    /// The sign between cells by its name, such as `comma`.
    #[must_use]
    pub fn delimiter(&self) -> Option<String> {
        self.layout.delimiter.map(|delimiter| delimiter.to_string())
    }

    /// The row that names the columns; 0 where each row names its own.
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

    /// E-mail addresses, phone numbers and own ids that more than one row has.
    #[must_use]
    pub fn repeated(&self) -> usize {
        self.repeated.len()
    }

    /// The header as it stands in the list.
    #[must_use]
    pub fn header(&self) -> &[String] {
        &self.layout.columns
    }

    /// What the caller says of the list, with the answers to all that was asked.
    #[must_use]
    pub fn told(&self) -> &crate::Mapping {
        &self.options.mapping
    }

    /// The custom fields that a column may go into.
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

    /// The mapping as a file that imports this list the same way without a question and without further options.
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

/// No column: what is closed is closed whatever the columns are.
const ANY_COLUMN: u16 = u16::MAX;

/// What a row closes for all rows with a key.
struct Closing {
    key: u64,
    channels: Channels,
    /// Whether the key is counted: else other rows alone may have it.
    is_counted: bool,
    /// Only if this column is one of subscriptions; of nothing else, if `is_strict`. (In two bytes: there may be many.)
    column: u16,
    is_strict: bool,
}

struct Pass {
    seen: Vec<Seen>,
    dates: Vec<(usize, date::Evidence)>,
    numbers: Vec<(usize, number::Evidence)>,
    counter: Counter,
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
            seen: vec![Seen::default(); columns.all().len()],
            dates: of(is_date).map(|index| (index, date::Evidence::default())).collect(),
            numbers: of(is_number).map(|index| (index, number::Evidence::default())).collect(),
            counter: Counter::default(),
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
        Seen::take_row(&mut self.seen, row, reader.columns);
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
        // (A row that is a heading may also be somebody with a remark.)
        if above.is_some() {
            told.closed = Channels::ALL;
        }
        self.counter.take(told.keys);
        let others = self.breaks.take(row, told.keys, reader);
        self.close(told);
        self.close(Told { others, closed: Channels::ALL, ..Told::default() });
    }

    /// Keeps what a row closes for others of the same person.
    fn close(&mut self, told: Told) {
        let Told { keys, others, closed, if_of_subscription } = told;
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

    /// How often each key is there that is there more than once, and what rows close for others.
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

    /// What is proven; what is not is asked.
    fn proofs(&self, columns: &Columns, options: &ImportOptions, questions: &mut Vec<Question>) -> Proofs {
        let mut proofs = Proofs {
            subscriptions: self.subscriptions.clone(),
            of_subscriptions_only: self.of_subscriptions_only.clone(),
            ..Proofs::default()
        };
        for (index, evidence) in &self.dates {
            match evidence.orders(options.date_order) {
                Ok(orders) => drop(proofs.date_orders.insert(*index, orders)),
                Err(mixed) => questions.push(Question::DateOrder { column: columns.name(*index).to_owned(), mixed }),
            }
        }
        for (index, evidence) in &self.numbers {
            match evidence.mark(options.decimal_mark) {
                Ok(mark) => drop(mark.map(|mark| proofs.decimal_marks.insert(*index, mark))),
                Err(()) => questions.push(Question::DecimalMark { column: columns.name(*index).to_owned() }),
            }
        }
        proofs
    }
}
