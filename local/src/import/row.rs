//! From a row's cells to a contact.

use ghl_sync_engine::domain::Contact;

use super::columns::{Columns, Field};
use super::phone::{self, Phone};
use super::place::{self, Place};
use super::table::Row;
use super::{Effect, ImportOptions, Problem, values};

/// The cells of one row, by field, and what was found wrong with them.
pub(super) struct Cells<'a> {
    row: &'a Row,
    columns: &'a Columns,
    options: &'a ImportOptions,
    pub(super) problems: Vec<Problem>,
    /// Whether the ZIP code got back leading zeros.
    pub(super) zip_restored: bool,
}

impl<'a> Cells<'a> {
    /// The cells of a row that has what the header says.
    pub(super) fn of_row(row: &'a Row, columns: &'a Columns, options: &'a ImportOptions) -> Result<Self, Problem> {
        if let Some(index) = row.cells.iter().position(|cell| cell.len() > options.max_cell_bytes) {
            let message = format!("is longer than {} bytes: perhaps a quote is left open", options.max_cell_bytes);
            return Err(Problem::row_left_out(row.number, columns.name_at(index).map(str::to_owned), message));
        }
        // Cells beyond the header's are no harm as long as they are empty.
        let surplus = row.cells.iter().skip(columns.count()).any(|cell| !cell.trim().is_empty());
        if surplus || row.cells.len() < columns.count() {
            let mut message =
                format!("the number of its cells is {}, and the header's is {}", row.cells.len(), columns.count());
            if row.cells.iter().any(|cell| cell.contains('\n')) {
                message.push_str(": perhaps a quote is left open");
            }
            return Err(Problem::row_left_out(row.number, None, message));
        }
        Ok(Self { row, columns, options, problems: Vec::new(), zip_restored: false })
    }

    /// The contact that the row describes.
    ///
    /// A row is left out if its e-mail address and phone number are unreadable, as far as it has them: GHL would not
    /// recognise the contact when it sees it again.
    pub(super) fn contact(&mut self) -> Result<Contact, Problem> {
        let country = self.parsed(Field::Country, place::country);
        let state = self.text(Field::State);
        let place = self.place(country.as_deref(), state.as_deref());
        let problems_before = self.problems.len();
        let email = self.parsed(Field::Email, values::email);
        let phone = self.phone(place);
        if email.is_none()
            && phone.is_none()
            && self.problems.len() > problems_before
            && let Some(unreadable) = self.problems.pop()
        {
            return Err(Problem { effect: Effect::RowLeftOut, ..unreadable });
        }
        Ok(Contact {
            first_name: self.text(Field::FirstName),
            last_name: self.text(Field::LastName),
            name: self.text(Field::Name),
            email,
            phone,
            address1: self.text(Field::Address),
            city: self.text(Field::City),
            state,
            postal_code: self.postal_code(place),
            website: self.text(Field::Website),
            timezone: self.parsed(Field::Timezone, values::timezone),
            gender: self.text(Field::Gender),
            source: self.text(Field::Source),
            country,
            company_name: self.text(Field::Company),
            date_of_birth: self.parsed(Field::DateOfBirth, values::date),
            dnd: self.parsed(Field::Dnd, values::flag),
            tags: self.text(Field::Tags).map(|tags| values::tags(&tags)).unwrap_or_default(),
            ..Contact::default()
        })
    }

    fn place(&self, country: Option<&str>, state: Option<&str>) -> Place {
        match country {
            Some(code) => Place::of_country(code),
            None if self.raw(Field::Country).is_some() => Place::Elsewhere,
            None => Place::of_state(state, self.options.assume_us),
        }
    }

    fn phone(&mut self, place: Place) -> Option<String> {
        let Phone { e164, extension_dropped } =
            self.parsed(Field::Phone, |text| phone::parse(text, place.dials_plus_one()))?;
        if extension_dropped {
            self.report(Field::Phone, "has an extension, which GHL has no place for", Effect::ValueCut);
        }
        Some(e164)
    }

    fn postal_code(&mut self, place: Place) -> Option<String> {
        let text = self.text(Field::PostalCode)?;
        match place::with_leading_zeros(&text).filter(|_| place == Place::UnitedStates) {
            Some(restored) => {
                self.zip_restored = true;
                Some(restored)
            }
            None => Some(text),
        }
    }

    fn parsed<T>(&mut self, field: Field, parse: impl FnOnce(&str) -> Result<T, &'static str>) -> Option<T> {
        let text = self.text(field)?;
        parse(&text).map_err(|message| self.report(field, message, Effect::ValueLeftOut)).ok()
    }

    fn text(&mut self, field: Field) -> Option<String> {
        let text = self.raw(field)?.to_owned();
        if text.contains(char::REPLACEMENT_CHARACTER) {
            self.report(field, "has a character that cannot be read", Effect::ValueLeftOut);
            return None;
        }
        Some(text)
    }

    fn raw(&self, field: Field) -> Option<&'a str> {
        let is_space = |c: char| c.is_whitespace() || matches!(c, '\u{200b}' | '\u{feff}');
        let cell = self.row.cells.get(self.columns.index_of(field)?)?;
        Some(cell.trim_matches(is_space)).filter(|text| !text.is_empty())
    }

    fn report(&mut self, field: Field, message: &str, effect: Effect) {
        let column = self.columns.index_of(field).and_then(|index| self.columns.name_at(index)).map(str::to_owned);
        self.problems.push(Problem { row: self.row.number, column, message: message.to_owned(), effect });
    }
}
