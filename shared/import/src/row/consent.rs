//! The consent stated in a row: in consent columns, and in unexpected places.

use super::place::RowPlace;
use super::{Cells, RowReader};
use crate::consent::{
    Channels, ConsentColumn, ConsentReading, Says, is_marked, is_no, is_opt_out_tag, is_opt_out_word, name_refuses,
    remark_refuses, says_opt_out, speaks_of_subscription, value_refuses,
};
use crate::identity::{self, Keys};
use crate::mapping::{Field, Target};
use crate::table::Row;
use crate::values::{date, email, lists, looks_like_contact_data, phone, status, text};
use crate::{ListProblem, ProblemEffect};

const SAYS_NO: &str = "says that the person must not be contacted: put that into a column `DND`";
/// Most addresses and numbers to look at in a row.
const MOST_KEYS: usize = 50;

/// A row that is left out.
#[derive(Debug)]
pub(crate) struct LeftOut {
    pub(crate) problem: ListProblem,
    /// Whether the reason lies in other rows, so that the row alone would be read differently.
    pub(crate) is_by_others: bool,
}

impl From<ListProblem> for LeftOut {
    fn from(problem: ListProblem) -> LeftOut {
        LeftOut { problem, is_by_others: false }
    }
}

/// Closed channels.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Closed {
    pub(crate) all: Channels,
    /// Those closed only because of how other rows fill the column.
    pub(crate) by_others: Channels,
}

/// The identity of a row, and what it closes for all rows of the same person.
#[derive(Debug, Default)]
pub(crate) struct RowConsent {
    pub(crate) keys: Keys,
    /// Keys of further addresses and numbers, if the row closes something.
    pub(crate) others: Vec<u64>,
    pub(crate) closed: Channels,
    /// Channels closed if this column is about subscriptions; about nothing else, if `true`.
    pub(crate) if_of_subscription: Vec<(usize, bool, Channels)>,
}

impl RowReader<'_> {
    /// The keys that identify the row's person.
    pub(crate) fn keys(&self, row: &Row) -> Keys {
        let mut cells = Cells::new(self, row);
        let place = cells.place();
        cells.keys(&place)
    }

    /// The keys with the row's consent. A row that cannot be read closes all channels.
    pub(crate) fn told(&self, row: &Row) -> RowConsent {
        let mut cells = Cells::new(self, row);
        let place = cells.place();
        let keys = cells.keys(&place);
        let is_shifted =
            (row.cells.len() > self.columns.all().len() || cells.check_shifted().is_err()) && self.may_refuse(row);
        let by_cells = match cells.consent() {
            Ok(closed) if cells.check_remarks().is_ok() && !is_shifted => closed.all,
            _ => Channels::ALL,
        };
        let closed = by_cells.and(cells.closed_by_values());
        let if_of_subscription = if closed.has(Channels::ALL) { Vec::new() } else { cells.if_of_subscription() };
        let mut told = RowConsent { keys, others: Vec::new(), closed, if_of_subscription };
        if !told.closed.is_none() || !told.if_of_subscription.is_empty() {
            let others = cells.further_keys(place.code.as_deref(), is_shifted);
            told.others = others.into_iter().filter(|key| !keys.all().any(|own| own == *key)).collect();
        }
        told
    }

    /// The same for a row with cells in the wrong columns: everybody it names must not be contacted.
    pub(crate) fn told_of_broken(&self, row: &Row) -> RowConsent {
        if !self.may_refuse(row) {
            return RowConsent::default();
        }
        let cells = Cells::new(self, row);
        RowConsent {
            others: cells.further_keys(self.options.country.as_deref(), true),
            closed: Channels::ALL,
            ..RowConsent::default()
        }
    }

    /// Whether a row may refuse contact in a misplaced cell.
    pub(crate) fn may_refuse(&self, row: &Row) -> bool {
        self.columns.all().iter().any(|column| matches!(column.target, Target::Consent(_)))
            || row.cells.iter().any(|cell| says_opt_out(cell) || is_opt_out_tag(cell))
    }
}

impl Cells<'_> {
    fn keys(&mut self, place: &RowPlace) -> Keys {
        let (email, phone) = (self.email(), self.phone(place.code.as_deref()));
        identity::keys_in_list(self.own_id().as_deref(), email.as_deref(), phone.as_deref())
    }

    /// Channels on which the contact must not be messaged. An unreadable cell leaves the row out.
    pub(super) fn consent(&self) -> Result<Closed, LeftOut> {
        let mut closed = Closed::default();
        for (index, column) in self.reader.columns.all().iter().enumerate() {
            let Target::Consent(consent) = column.target else { continue };
            let cell = self.row.cells.get(index).map_or("", String::as_str);
            let alone = self.alone(consent, cell);
            let proofs = &self.reader.proofs;
            let reading = if proofs.subscriptions.contains(&index) {
                consent.read_among_subscriptions(cell, proofs.of_subscriptions_only.contains(&index))
            } else {
                alone
            };
            match reading {
                ConsentReading::Nothing => {}
                ConsentReading::Out(channels) => {
                    closed.all = closed.all.and(channels);
                    if alone == ConsentReading::Nothing {
                        closed.by_others = closed.by_others.and(channels);
                    }
                }
                ConsentReading::Unreadable => {
                    let message = if column.name == crate::report::DND {
                        "is to say whether the person must not be contacted: write yes or no"
                    } else {
                        "cannot be read as a consent or its refusal: write yes, no, or channels such as `Email, SMS`"
                    };
                    let problem = self.problem(index, ProblemEffect::RowLeftOut, message);
                    return Err(LeftOut { problem, is_by_others: alone != ConsentReading::Unreadable });
                }
            }
        }
        Ok(closed)
    }

    fn alone(&self, consent: ConsentColumn, cell: &str) -> ConsentReading {
        if consent.says != Says::Until {
            return consent.read(cell);
        }
        let text = text::value(cell);
        let Some(today) = self.reader.options.today else { return consent.read(cell) };
        let is_endless =
            || ["never", "unlimited", "forever", "unbegrenzt", "open"].contains(&text.to_lowercase().as_str());
        if text.is_empty() || text::is_null(&text) || is_endless() {
            return ConsentReading::Nothing;
        }
        let out = ConsentReading::Out(consent.channels);
        match date::read(&text, self.reader.options.date_order, Some(today), None) {
            date::DateReading::Day(day) if day < today => out,
            date::DateReading::Day(_) | date::DateReading::None => ConsentReading::Nothing,
            // Whichever number is the month, the year can decide.
            date::DateReading::Either { year, .. } if year < today.year() => out,
            date::DateReading::Either { year, .. } if year > today.year() => ConsentReading::Nothing,
            date::DateReading::Either { .. } | date::DateReading::Refused(_) => ConsentReading::Unreadable,
        }
    }

    /// Additional channels that status columns close if they turn out to be about subscriptions.
    fn if_of_subscription(&self) -> Vec<(usize, bool, Channels)> {
        let mut closed = Vec::new();
        for (index, column) in self.reader.columns.all().iter().enumerate() {
            let Target::Consent(consent) = column.target else { continue };
            let cell = self.row.cells.get(index).map_or("", String::as_str);
            if consent.says != Says::Status || cell.is_empty() || consent.read(cell) != ConsentReading::Nothing {
                continue;
            }
            for is_strict in [false, true] {
                let channels = match consent.read_among_subscriptions(cell, is_strict) {
                    ConsentReading::Nothing => continue,
                    ConsentReading::Out(channels) => channels,
                    ConsentReading::Unreadable => Channels::ALL,
                };
                closed.push((index, is_strict, channels));
                break;
            }
        }
        closed
    }

    /// Channels closed by tags and custom fields: a tag such as `unsubscribed`, a note such as `do not call`.
    pub(super) fn closed_by_values(&self) -> Channels {
        let cells = self.reader.columns.of(Field::Tags).iter().filter_map(|index| self.value(*index));
        let is_closed = cells.into_iter().any(|cell| {
            lists::list(&cell).iter().any(|tag| is_opt_out_tag(tag) || says_opt_out(tag) || is_marked(tag))
        });
        if is_closed || self.refusing_custom().is_some() { Channels::ALL } else { Channels::NONE }
    }

    /// A custom field that says that the person must not be contacted.
    pub(super) fn refusing_custom(&self) -> Option<usize> {
        let columns = self.reader.columns.all().iter().enumerate();
        let customs = columns.filter(|(_, column)| matches!(column.target, Target::Custom(_)));
        let refuses =
            |index: &usize| self.value(*index).is_some_and(|value| is_opt_out_word(&value) || says_opt_out(&value));
        customs.map(|(index, _)| index).find(refuses)
    }

    /// Leaves the row out for `202-555-0143 (do not call)`, a no in place of an address or number, or a company `DO
    /// NOT CONTACT`.
    pub(super) fn check_remarks(&self) -> Result<(), ListProblem> {
        if let Some(index) = self.refusing_cell() {
            return Err(self.problem(index, ProblemEffect::RowLeftOut, SAYS_NO));
        }
        // Spanish uses one word for state and status.
        for index in self.reader.columns.of(Field::State) {
            if self.value(*index).is_some_and(|value| speaks_of_subscription(&value) || status::is_end(&value)) {
                let message =
                    "speaks of a subscription, and is no state: map the column to `subscription.email` or `ignore`";
                return Err(self.problem(*index, ProblemEffect::RowLeftOut, message));
            }
        }
        Ok(())
    }

    /// A cell of a name, address, number or similar field that refuses contact.
    fn refusing_cell(&self) -> Option<usize> {
        for (field, indexes) in self.reader.columns.by_field() {
            let refuses: fn(&str) -> bool = match field {
                Field::Email | Field::Phone => |value| says_opt_out(value) || is_no(value) || remark_refuses(value),
                Field::Name | Field::FirstName | Field::LastName | Field::LastNamePrefix | Field::SecondLastName => {
                    name_refuses
                }
                Field::Company
                | Field::Address
                | Field::AddressLine2
                | Field::City
                | Field::Website
                | Field::Gender
                | Field::Source => value_refuses,
                _ => continue,
            };
            let cell = |index: &usize| self.row.cells.get(*index).map(|cell| text::value(cell));
            if let Some(index) = indexes.iter().find(|index| cell(index).is_some_and(|cell| refuses(&cell))) {
                return Some(*index);
            }
        }
        None
    }

    /// Keys of the row's further addresses and numbers; from all cells if `in_all`, for rows with misplaced cells.
    fn further_keys(&self, country: Option<&str>, in_all: bool) -> Vec<u64> {
        let columns = self.reader.columns;
        let is_of = |index: usize, field| columns.of(field).contains(&index);
        let mut keys = Vec::new();
        for (index, cell) in
            self.row.cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty() && cell.len() < 4_000)
        {
            let value = text::value(cell);
            if value.contains('@') && (in_all || is_of(index, Field::Email)) {
                let is_sign = |c: char| c.is_whitespace() || ",;|<>()[]{}\"':/".contains(c);
                let addresses =
                    value.split(is_sign).map(|word| word.trim_end_matches('.')).filter(|word| email::is_address(word));
                keys.extend(
                    addresses
                        .take(MOST_KEYS)
                        .flat_map(|address| identity::keys_in_list(None, Some(address), None).all()),
                );
            } else if is_of(index, Field::Phone) || (in_all && looks_like_contact_data(&value)) {
                for part in value.split([',', ';', '|', '\n']).flat_map(|part| part.split(" / ")).take(MOST_KEYS) {
                    // `617-555-0111 DNC`
                    let number = part.trim_matches(|c: char| !(c.is_ascii_digit() || "+()".contains(c)));
                    let number = number.find(char::is_alphabetic).and_then(|end| number.get(..end)).unwrap_or(number);
                    if let Ok(phone) = phone::phone(number.trim(), country) {
                        keys.extend(identity::keys_in_list(None, None, Some(&phone.e164)).all());
                    }
                }
            }
        }
        keys.truncate(MOST_KEYS);
        keys
    }
}
