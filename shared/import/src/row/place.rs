//! A row's place: its address, and the country for its phone number and postal code.

use std::borrow::Cow;

use super::{Cells, whole};
use crate::ProblemEffect;
use crate::mapping::{self, Field, NumberSide};
use crate::values::{country, email, looks_like_contact_data, phone, status, text};

/// A row's place, to read its phone number and postal code.
#[derive(Debug, Clone, Default)]
pub(super) struct RowPlace {
    /// The country that the row names.
    pub(super) told: Option<String>,
    /// The same, or else the location's unless the row contradicts it.
    pub(super) code: Option<String>,
    /// Whether the row itself, and not only the location, indicates this country.
    pub(super) is_proven: bool,
    pub(super) group: Option<String>,
}

impl Cells<'_> {
    /// The row's place. Its address comes from the first group of columns with a filled cell; parts of two are never
    /// mixed.
    pub(super) fn place(&mut self) -> RowPlace {
        let group = self.reader.columns.address_group(|index| self.value(index).is_some()).map(str::to_owned);
        let state = self.raw_of_address(Field::State, group.as_deref());
        let location = self.reader.options.country.as_deref();
        let elsewhere = country::of_state(state.as_deref(), location);
        let is_of_state =
            state.as_deref().zip(elsewhere.as_deref()).is_some_and(|(state, code)| country::is_state_of(state, code));
        let Some(cell) = self
            .reader
            .columns
            .of_address(Field::Country, group.as_deref())
            .iter()
            .copied()
            .find(|index| self.filled(*index))
        else {
            return RowPlace { told: None, code: elsewhere, is_proven: is_of_state, group };
        };
        let raw = self.row.cells.get(cell).map(|cell| text::value(cell).into_owned()).unwrap_or_default();
        if country::is_ambiguous(&raw) {
            return match self.is_of(&raw.to_uppercase()) {
                Some(true) => {
                    RowPlace { told: Some(raw.to_uppercase()), code: Some(raw.to_uppercase()), is_proven: true, group }
                }
                _ => {
                    let (what, effect) = match raw.to_uppercase().as_str() {
                        "NA" => ("is read as nothing; if it is Namibia, write the name", ProblemEffect::Note),
                        _ => ("may be Norway or a no: write the country's name", ProblemEffect::ValueLeftOut),
                    };
                    self.tell(cell, effect, what);
                    RowPlace { told: None, code: elsewhere, is_proven: is_of_state, group }
                }
            };
        }
        if text::is_null(&raw) {
            return RowPlace { told: None, code: elsewhere, is_proven: is_of_state, group };
        }
        if let Some(code) = phone::country_of_dial_code(text::whole_number(&raw)) {
            self.tell(
                cell,
                ProblemEffect::Note,
                "is a dialling code: phone numbers are read by it, and no country is sent",
            );
            return RowPlace { told: None, code: Some(code), is_proven: true, group };
        }
        match country::country(&raw) {
            Some(code) if self.may_be_state(cell, &raw, &code, state.as_deref(), group.as_deref()) => {
                self.tell(
                    cell,
                    ProblemEffect::ValueLeftOut,
                    "may be a state of the US: write the country's name, and the state into a column `State`",
                );
                // A number valid in both countries proves neither.
                let is_open = state.is_none() && code != "CA" && self.reads_phone(&code);
                RowPlace { told: None, code: elsewhere.filter(|_| !is_open), is_proven: is_of_state, group }
            }
            Some(code) => RowPlace { told: Some(code.clone()), code: Some(code), is_proven: true, group },
            None => {
                self.tell(
                    cell,
                    ProblemEffect::ValueLeftOut,
                    "is not a known country: write its English name or its two-letter code",
                );
                RowPlace { told: None, code: None, is_proven: false, group }
            }
        }
    }

    /// Whether the row's phone number belongs to this country; `None` without a number.
    fn is_of(&self, code: &str) -> Option<bool> {
        let cell = self.first_phone()?;
        let prefix = if code == "NO" { "+47" } else { "+264" };
        Some(phone::phone(&cell, Some(code)).is_ok_and(|phone| phone.e164.starts_with(prefix)))
    }

    /// Whether a country cell such as `CA` or `DE` is more likely a state, because the row is about the US.
    fn may_be_state(&self, index: usize, raw: &str, code: &str, state: Option<&str>, group: Option<&str>) -> bool {
        let name = crate::name::key(self.reader.columns.name(index));
        let is_code = name.contains("code") || name.contains("iso") || name == "cc";
        if is_code || self.reader.options.country.as_deref() != Some("US") || !country::may_be_state(raw) {
            return false;
        }
        let state_of = |country| state.is_some_and(|state| country::is_state_of(state, country));
        if state_of(code) || state_of("US") {
            return !state_of(code);
        }
        let is_zip = |text: String| text.len() == 5 && text.bytes().all(|byte| byte.is_ascii_digit());
        let is_zip = code == "CA" && self.raw_of_address(Field::PostalCode, group).is_some_and(is_zip);
        is_zip || self.first_phone().is_some_and(|cell| phone::is_american(&cell))
    }

    fn first_phone(&self) -> Option<Cow<'_, str>> {
        self.reader.columns.of(Field::Phone).iter().find_map(|index| self.value(*index))
    }

    fn reads_phone(&self, code: &str) -> bool {
        self.first_phone().is_some_and(|cell| phone::phone(&cell, Some(code)).is_ok())
    }

    fn filled(&self, index: usize) -> bool {
        self.row.cells.get(index).is_some_and(|cell| !text::is_blank(cell))
    }

    fn raw_of_address(&self, field: Field, group: Option<&str>) -> Option<String> {
        self.reader.columns.of_address(field, group).iter().find_map(|index| self.value(*index)).map(Cow::into_owned)
    }

    pub(super) fn of_address(&mut self, field: Field, group: Option<&str>) -> Option<String> {
        self.of_address_at(field, group).map(|(_, text)| text)
    }

    fn of_address_at(&mut self, field: Field, group: Option<&str>) -> Option<(usize, String)> {
        let wanted = self.reader.columns.of_address(field, group);
        let read = |_, text: &str| match field {
            Field::City | Field::State if looks_like_contact_data(text) => {
                Err("is an e-mail address or a phone number: put it into a column of them")
            }
            Field::State if status::is_status(text) => {
                Err("is a status, and no state: map the column to `subscription.email`, a custom field or `ignore`")
            }
            _ => whole(text),
        };
        self.first_at(field, |index| wanted.contains(&index), read)
    }

    /// The street with its number, and the address's further lines and columns.
    pub(super) fn address(&mut self, place: &RowPlace) -> Option<String> {
        let group = place.group.as_deref();
        let street = self.street(place);
        let mut lines: Vec<String> = street.into_iter().collect();
        for (index, text) in self.all_of_address(Field::AddressLine2, group) {
            let unit = mapping::unit(self.reader.columns.name(index)).filter(|_| !text.contains(char::is_alphabetic));
            let line = unit.map_or_else(|| text.clone(), |unit| format!("{unit} {}", text.trim_start_matches('#')));
            if !lines.iter().any(|known| says(known, &text)) {
                lines.push(line);
            }
        }
        (!lines.is_empty()).then(|| lines.join(", "))
    }

    fn street(&mut self, place: &RowPlace) -> Option<String> {
        let columns = self.reader.columns;
        let group = place.group.as_deref();
        let wanted = columns.of_address(Field::Address, group);
        let read = |_, text: &str| {
            if email::is_address(text) {
                Err("is an e-mail address: put it into a column of them")
            } else {
                whole(text)
            }
        };
        let street = self.first_at(Field::Address, |index| wanted.contains(&index), read);
        let numbers = self.all_of_address(Field::HouseNumber, group);
        let texts: Vec<&str> = numbers.iter().map(|(_, text)| text.as_str()).collect();
        let number = texts.join(" ");
        let Some((at, street)) = street else { return (!number.is_empty()).then_some(number) };
        let Some((first, _)) = numbers.first().filter(|_| !says(&street, &number)) else { return Some(street) };
        Some(match mapping::side(columns.name(*first), place.code.as_deref(), *first < at) {
            NumberSide::Before => format!("{number} {street}"),
            NumberSide::After => format!("{street} {number}"),
        })
    }

    /// All filled cells for a part of the address, with their columns.
    fn all_of_address(&mut self, field: Field, group: Option<&str>) -> Vec<(usize, String)> {
        let mut found = Vec::new();
        for index in self.reader.columns.of_address(field, group).iter().copied() {
            let Some(value) = self.value(index) else { continue };
            match text::damage(&value) {
                Some(damage) => self.tell(index, ProblemEffect::ValueLeftOut, damage),
                None => found.push((index, text::whole_number(&value).to_owned())),
            }
        }
        found
    }

    /// The postal code. Five-digit codes get back the zeros that a spreadsheet dropped. A note says so if the row does
    /// not indicate the location's country: 1010 may be in Vienna, 2000 in Sydney.
    pub(super) fn postal_code(&mut self, place: &RowPlace, email: Option<&str>, phone: Option<&str>) -> Option<String> {
        let (index, code) = self.of_address_at(Field::PostalCode, place.group.as_deref())?;
        let code = text::narrow(&code).into_owned();
        let code = code.strip_prefix("z:").unwrap_or(&code);
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let code = text::whole_number(code);
        let is_of = |has: fn(&str) -> bool| place.code.as_deref().is_some_and(has);
        let is_short_zip = digits(code)
            && (code.len() == 4 && is_of(country::has_five_digits) || code.len() == 3 && is_of(country::has_zip_codes));
        let country = place.code.as_deref().filter(|_| is_short_zip);
        let Some(country) = country else { return Some(code.to_owned()) };
        let whole = format!("{code:0>5}");
        let is_here = phone.map(|phone| phone::is_of_country(phone, country));
        let is_of_domain = || email.is_some_and(|email| email::is_of_country(email, country));
        if place.is_proven || is_here.unwrap_or_else(is_of_domain) {
            return Some(whole);
        }
        // In the other countries, neighbours have codes of four digits.
        if country::has_zip_codes(country) && is_here.is_none() {
            let message = "got a 0 before it, as a ZIP code that a spreadsheet has shortened; if it is of another country, fill a \
                           column Country";
            self.tell(index, ProblemEffect::Note, message);
            return Some(whole);
        }
        let message = "may have lost its first 0, or be of another country: write it whole, or fill a column Country";
        self.tell(index, ProblemEffect::Note, message);
        Some(code.to_owned())
    }
}

/// Whether an address already contains a part as separate words: `Main St 5` contains `5`, but `Main St 15` does not.
fn says(address: &str, part: &str) -> bool {
    let is_edge = |c: Option<char>| c.is_none_or(|c| !c.is_alphanumeric());
    address.match_indices(part).any(|(at, _)| {
        let (before, after) = (address.get(..at), address.get(at + part.len()..));
        is_edge(before.and_then(|text| text.chars().next_back())) && is_edge(after.and_then(|text| text.chars().next()))
    })
}
