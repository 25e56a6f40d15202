//! Turns a row's cells into a contact draft.

mod consent;
mod custom;
mod place;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

pub(crate) use consent::{LeftOut, RowConsent};

use crate::draft::Draft;
use crate::mapping::{Columns, Field, Target};
use crate::table::Row;
use crate::values::{date, email, lists, phone, text, timezone};
use crate::{DecimalMark, ImportOptions, ListProblem, ProblemEffect};

/// Longest cell in bytes that goes into a contact.
const MAX_CELL_BYTES: usize = 64 << 10;

/// Facts proven by the columns of a list.
#[derive(Debug, Clone, Default)]
pub(crate) struct Proofs {
    pub(crate) date_orders: HashMap<usize, date::Orders>,
    pub(crate) decimal_marks: HashMap<usize, DecimalMark>,
    /// Status columns with a cell about subscribing or unsubscribing.
    pub(crate) subscriptions: HashSet<usize>,
    /// Those of them with a cell that says "subscribed".
    pub(crate) of_subscriptions_only: HashSet<usize>,
    /// Whether serial day numbers count from 1904 instead of 1900.
    pub(crate) counts_from_1904: bool,
}

/// Reads rows.
pub(crate) struct RowReader<'a> {
    pub(crate) columns: &'a Columns,
    pub(crate) options: &'a ImportOptions,
    pub(crate) proofs: &'a Proofs,
}

impl RowReader<'_> {
    /// Reads a row. An error leaves the row out.
    pub(crate) fn read(&self, row: &Row) -> Result<Draft, LeftOut> {
        if row.cells.len() > self.columns.all().len() {
            let message = format!(
                "has {} cells, and the header has {}: put cells in quotes that hold the sign between cells",
                row.cells.len(),
                self.columns.all().len()
            );
            return Err(ListProblem::row(row.number, message).into());
        }
        let mut cells = Cells::new(self, row);
        cells.check_lengths()?;
        let mut draft = cells.draft()?;
        draft.problems = cells.problems;
        if !draft.problems.is_empty() {
            draft.cells.clone_from(&row.cells);
        }
        Ok(draft)
    }
}

impl RowReader<'_> {
    /// Reads a date in the order proven by its column.
    fn date(&self, index: usize, text: &str, country: Option<&str>) -> Result<Option<time::Date>, &'static str> {
        let RowReader { proofs, options, .. } = self;
        if proofs.counts_from_1904 && text.parse::<f64>().is_ok_and(|number| number < 100_000.0) {
            return Err("is a number in a workbook whose days count from 1904: give the cell the format of a date");
        }
        let order = proofs.date_orders.get(&index).and_then(|orders| orders.of(text));
        match date::read(text, order, options.today, country) {
            date::DateReading::Day(day) => Ok(Some(day)),
            date::DateReading::None => Ok(None),
            date::DateReading::Refused(message) => Err(message),
            date::DateReading::Either { .. } => Err("may be two dates: say --day-first or --month-first"),
        }
    }
}

struct Cells<'a> {
    reader: &'a RowReader<'a>,
    row: &'a Row,
    problems: Vec<ListProblem>,
}

impl<'a> Cells<'a> {
    fn new(reader: &'a RowReader<'a>, row: &'a Row) -> Self {
        Self { reader, row, problems: Vec::new() }
    }

    fn draft(&mut self) -> Result<Draft, LeftOut> {
        let closed = self.consent()?;
        self.check_remarks()?;
        self.check_shifted()?;
        let place = self.place();
        let problems_before = self.problems.len();
        let email = self.email();
        let phone = self.phone(place.code.as_deref());
        if email.is_none() && phone.is_none() {
            // Without a key GHL would not recognize the contact next time.
            let unreadable = self.problems.iter().skip(problems_before).position(ListProblem::is_loss);
            if let Some(at) = unreadable {
                let problem = self.problems.remove(problems_before + at);
                return Err(ListProblem { effect: ProblemEffect::RowLeftOut, ..problem }.into());
            }
        }
        let mut fields = std::collections::BTreeMap::new();
        let mut put = |field, value: Option<String>| drop(value.map(|value| fields.insert(field, value)));
        put(Field::Email, email.clone());
        put(Field::Phone, phone.clone());
        let (first, last, name) = (self.name(Field::FirstName), self.last_name(), self.name(Field::Name));
        let has_last_names = !self.reader.columns.of(Field::LastName).is_empty();
        // Beside `Vorname`, `Name` is the last name.
        let is_last = first.as_deref().zip(name.as_deref()).is_some_and(|(first, name)| !name.contains(first));
        let (last, name) = if is_last && !has_last_names { (name, None) } else { (last, name) };
        put(Field::FirstName, first);
        put(Field::LastName, last);
        put(Field::Name, name);
        for field in Field::ALL.into_iter().filter(|field| field.is_taken_as_it_stands()) {
            put(field, self.text(field));
        }
        put(Field::Address, self.address(&place));
        put(Field::City, self.of_address(Field::City, place.group.as_deref()));
        put(Field::State, self.of_address(Field::State, place.group.as_deref()));
        put(Field::PostalCode, self.postal_code(&place, email.as_deref(), phone.as_deref()));
        put(Field::Country, place.told.clone());
        put(Field::Timezone, self.first(Field::Timezone, timezone));
        put(Field::DateOfBirth, self.date_of_birth(place.code.as_deref()));
        let own_id = self.own_id();
        self.tell_lost_id();
        let custom = self.custom(place.code.as_deref());
        let tags = self.tags();
        let by_values = self.closed_by_values();
        if let Some(index) = self.refusing_custom() {
            self.tell(
                index,
                ProblemEffect::Note,
                "says that the person must not be contacted: all channels are closed",
            );
        }
        self.tell_misread();
        self.tell_lone_name();
        let row = self.row.number;
        Ok(Draft {
            row,
            rows: vec![row],
            fields,
            tags,
            custom,
            closed: closed.all.and(by_values),
            closed_by_others: closed.by_others,
            own_id,
            ..Draft::default()
        })
    }

    /// Reports text damaged by a wrong encoding, such as `JosÃ©` for José. It is sent as it is.
    fn tell_misread(&mut self) {
        for (index, cell) in self.row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_ascii()) {
            let target = self.reader.columns.all().get(index).map(|column| &column.target);
            let is_used = matches!(target, Some(Target::Field(_) | Target::Custom(_)));
            if is_used && let Some(meant) = text::misread(cell) {
                let message =
                    format!("was read in a wrong encoding before it came into the list: `{meant}` was probably meant");
                let problem = self.problem(index, ProblemEffect::Note, message);
                self.problems.push(problem);
            }
        }
    }

    fn tell_lost_id(&mut self) {
        if let Some(index) = self.reader.columns.id
            && self.value(index).is_some_and(|id| text::has_lost_digits(&id))
        {
            let message =
                "has lost digits in a spreadsheet, and is not used as the contact's id: export the column as text";
            self.tell(index, ProblemEffect::ValueLeftOut, message);
        }
    }

    /// Reports a row with only a name: it may be a heading.
    fn tell_lone_name(&mut self) {
        let columns = self.reader.columns;
        let mut filled = (0..self.row.cells.len()).filter(|index| self.value(*index).is_some());
        let Some(only) = filled.next().filter(|_| filled.next().is_none()) else { return };
        let is_name = matches!(
            columns.all().get(only).map(|column| &column.target),
            Some(Target::Field(Field::Name | Field::FirstName | Field::LastName | Field::Company))
        );
        if is_name && columns.all().len() > 2 {
            self.tell(only, ProblemEffect::Note, "is all that the row says: if it is a heading, remove the row");
        }
    }

    fn check_lengths(&self) -> Result<(), ListProblem> {
        for (index, column) in self.reader.columns.all().iter().enumerate() {
            let is_used = !matches!(column.target, Target::Unknown | Target::NoPlace | Target::Ignored);
            if is_used && self.row.cells.get(index).is_some_and(|cell| cell.len() > MAX_CELL_BYTES) {
                let message =
                    format!("is longer than {MAX_CELL_BYTES} bytes: shorten it, or close the quote that is left open");
                return Err(self.problem(index, ProblemEffect::RowLeftOut, message));
            }
        }
        Ok(())
    }

    /// The value of a cell, if it has one.
    fn value(&self, index: usize) -> Option<Cow<'a, str>> {
        let value = text::value(self.row.cells.get(index)?);
        (!value.is_empty() && !text::is_null(&value)).then_some(value)
    }

    fn problem(&self, index: usize, effect: ProblemEffect, message: impl Into<String>) -> ListProblem {
        let columns = self.reader.columns;
        let field = columns.all().get(index).and_then(|column| column.target.name());
        ListProblem {
            row: self.row.number,
            column: Some(columns.name(index).to_owned()),
            field,
            message: message.into(),
            effect,
            value_sent: None,
        }
    }

    fn tell(&mut self, index: usize, effect: ProblemEffect, message: &str) {
        let problem = self.problem(index, effect, message);
        self.problems.push(problem);
    }

    fn tell_cut(&mut self, index: usize, message: &str, sent: &str) {
        let problem = self.problem(index, ProblemEffect::ValueCut, message);
        self.problems.push(ListProblem { value_sent: Some(sent.to_owned()), ..problem });
    }

    /// The first readable cell of a field. Unreadable ones before it are reported.
    fn first<T>(&mut self, field: Field, read: impl Fn(&str) -> Result<T, &'static str>) -> Option<T> {
        self.first_at(field, |_| true, |_, text| read(text)).map(|(_, value)| value)
    }

    fn first_at<T>(
        &mut self,
        field: Field,
        is_wanted: impl Fn(usize) -> bool,
        read: impl Fn(usize, &str) -> Result<T, &'static str>,
    ) -> Option<(usize, T)> {
        let columns = self.reader.columns;
        for index in columns.of(field).iter().copied().filter(|index| is_wanted(*index)) {
            let Some(value) = self.value(index) else { continue };
            let read = match text::damage(&value) {
                Some(damage) => Err(damage),
                None => read(index, &value),
            };
            match read {
                Ok(value) => return Some((index, value)),
                Err(message) => self.tell(index, ProblemEffect::ValueLeftOut, message),
            }
        }
        None
    }

    /// Detects shifted cells: an e-mail address in a column of names or towns, in a row without one in its proper
    /// column.
    fn check_shifted(&self) -> Result<(), ListProblem> {
        let has_email = |index: &usize| self.value(*index).is_some_and(|value| email::emails(&value).is_ok());
        if self.reader.columns.of(Field::Email).iter().any(has_email) {
            return Ok(());
        }
        for field in
            [Field::FirstName, Field::LastName, Field::Name, Field::Company, Field::Address, Field::City, Field::State]
        {
            for index in self.reader.columns.of(field) {
                if self.value(*index).is_some_and(|value| value.contains('@') && email::emails(&value).is_ok()) {
                    let message = "holds an e-mail address, and the row has none in a column of them: put it there";
                    return Err(self.problem(*index, ProblemEffect::RowLeftOut, message));
                }
            }
        }
        Ok(())
    }

    fn text(&mut self, field: Field) -> Option<String> {
        self.first(field, whole)
    }

    /// A name. For words that are names but can also mean empty (Nan, Na, Null), the row's other cells decide.
    fn name(&mut self, field: Field) -> Option<String> {
        for index in self.reader.columns.of(field) {
            let cell = self.row.cells.get(*index).map(|cell| text::value(cell)).unwrap_or_default();
            if text::is_perhaps_a_name(&cell) {
                if self
                    .row
                    .cells
                    .iter()
                    .enumerate()
                    .any(|(other, cell)| other != *index && text::is_null(&text::value(cell)))
                {
                    let message = "is read as nothing, like other cells of the row: if it is a name, leave those empty";
                    self.tell(*index, ProblemEffect::ValueLeftOut, message);
                    continue;
                }
                return Some(cell.into_owned());
            }
        }
        self.first(field, name)
    }

    /// The last name with its prefix and second part from columns of their own.
    fn last_name(&mut self) -> Option<String> {
        let name = self.name(Field::LastName);
        let (prefix, second) = (self.text(Field::LastNamePrefix), self.text(Field::SecondLastName));
        let is_new = |part: &String| name.as_ref().is_none_or(|name| !name.contains(part.as_str()));
        let parts = [prefix.filter(is_new), name.clone(), second.filter(is_new)];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| parts.join(" "))
    }

    fn email(&mut self) -> Option<String> {
        let (index, emails) = self.first_at(Field::Email, |_| true, |_, text| email::emails(text))?;
        if emails.others > 0 || emails.has_rest {
            let message = match emails.others {
                0 => "has more than an e-mail address: the address is used".to_owned(),
                others => format!("has {} e-mail addresses: the first is used", others + 1),
            };
            self.tell_cut(index, &message, &emails.first);
        }
        Some(emails.first)
    }

    fn phone(&mut self, country: Option<&str>) -> Option<String> {
        let (reader, row) = (self.reader, self.row);
        let area = |index| Some(text::value(row.cells.get(reader.columns.area_code_of(index)?)?));
        let is_fax = |index| {
            let kind = reader.columns.kind_of_phone(index).and_then(|kind| row.cells.get(kind));
            kind.is_some_and(|kind| ["fax", "pager"].iter().any(|word| kind.to_lowercase().contains(word)))
        };
        let read = |index, text: &str| match area(index).filter(|area: &Cow<'_, str>| !text::is_null(area)) {
            _ if is_fax(index) => Err("is a fax number, as the column beside it says"),
            Some(area) => phone::phone(&phone::with_area_code(&area, text), country),
            None => phone::phone(text, country),
        };
        let (index, phone) = self.first_at(Field::Phone, |_| true, read)?;
        if let Some(left) = phone.left {
            self.tell_cut(index, left, &phone.e164);
        }
        Some(phone.e164)
    }

    fn date_of_birth(&mut self, country: Option<&str>) -> Option<String> {
        let (reader, today) = (self.reader, self.reader.options.today);
        let read = |index, text: &str| {
            let day = reader.date(index, text, country)?;
            match day {
                Some(day) if today.is_some_and(|today| day > today) => Err("is a date of birth in the future"),
                Some(day) if day.year() < 1900 => Err("is a date of birth before 1900"),
                day => Ok(day.map(|day| day.to_string())),
            }
        };
        self.first_at(Field::DateOfBirth, |_| true, read).and_then(|(_, day)| day)
    }

    fn tags(&mut self) -> Vec<String> {
        let mut tags: Vec<String> = self.reader.options.mapping.tags.clone();
        for index in self.reader.columns.of(Field::Tags) {
            let Some(cell) = self.value(*index) else { continue };
            if let Some(damage) = text::damage(&cell) {
                self.tell(*index, ProblemEffect::ValueLeftOut, damage);
                continue;
            }
            if lists::is_odd_json(&cell) {
                self.tell(*index, ProblemEffect::ValueLeftOut, "is JSON that is damaged, or more than a list of tags");
                continue;
            }
            for tag in lists::without_google_groups(lists::list(&cell)) {
                if !tags.contains(&tag) {
                    tags.push(tag);
                }
            }
        }
        tags
    }

    fn own_id(&self) -> Option<String> {
        let id = self.reader.columns.id.and_then(|index| self.value(index))?;
        // If an id has lost digits, several contacts may share the rest.
        (!text::has_lost_digits(&id)).then(|| text::whole_number(&id).to_owned())
    }
}

/// Reads a name. A number (`#1001` in a column `Name`) is not one.
fn name(text: &str) -> Result<String, &'static str> {
    if text.contains(|c: char| c.is_numeric()) && !text.contains(char::is_alphabetic) {
        return Err("is a number, and no name");
    }
    whole(text)
}

/// Reads a text, unless a spreadsheet has cut its digits or it is a JSON object.
fn whole(text: &str) -> Result<String, &'static str> {
    if text::has_lost_digits(text) {
        return Err("is a number of which a spreadsheet has lost digits: export the column as text");
    }
    if text.starts_with('{') && serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(text).is_ok() {
        return Err("is a JSON object: export its parts as columns");
    }
    Ok(text.to_owned())
}
