//! Statistics on the cells of each column over the whole list.

use crate::consent::{
    self, is_about_an_end, is_about_blocking, is_about_contacting, is_denial, is_foreign_yes_or_no, is_never, is_no,
    is_opt_out_word, is_refusal, is_stop, is_yes_or_no, says_opt_out,
};
use crate::mapping::{Column, Columns, Field, Target};
use crate::table::Row;
use crate::values::{email, phone, text};
use crate::{ListProblem, ListQuestion, LooksLike, ProblemEffect};

const SAMPLES: usize = 3;
const SAMPLE_CHARS: usize = 40;

/// Statistics on a column's cells.
#[derive(Debug, Clone, Default)]
pub(crate) struct ColumnStats {
    /// Rows with a value in this column.
    pub(crate) filled: u64,
    pub(crate) samples: Vec<String>,
    emails: u64,
    phones: u64,
    /// Cells with digits that may be a phone number or an id.
    bare_phones: u64,
    opt_outs: u64,
    /// Cells with a yes or a no.
    answers: u64,
    /// Cells with a no.
    denials: u64,
    /// Answers in a language for which we know few column names.
    foreign_answers: u64,
    /// Cells with a word for "never".
    nevers: u64,
    /// Cells that begin like a refusal in words: `I do not agree`.
    refusals: u64,
    /// Rows in which another column of the same field is used instead.
    second: u64,
}

impl ColumnStats {
    pub(crate) fn take_row(seen: &mut [ColumnStats], row: &Row, columns: &Columns) {
        for ((column, seen), cell) in columns.all().iter().zip(seen.iter_mut()).zip(&row.cells) {
            let value = text::value(cell);
            if value.is_empty() || text::is_null(&value) {
                let is_none = column.target == Target::Unknown && crate::name::key(&value) == "none";
                if is_none && is_about_contacting(&column.name) {
                    (seen.filled, seen.answers) = (seen.filled + 1, seen.answers + 1);
                }
                continue;
            }
            seen.filled += 1;
            if seen.samples.len() < SAMPLES {
                seen.samples
                    .push(value.chars().take(SAMPLE_CHARS).map(|c| if c.is_control() { ' ' } else { c }).collect());
            }
            match column.target {
                Target::Unknown => seen.observe(&value, true),
                Target::NoPlace => {
                    seen.observe(&value, false);
                    // Google repeats a custom field's name in each row.
                    let is_name =
                        column.name.starts_with("Custom Field") && consent::of_column(&value).flatten().is_some();
                    seen.opt_outs += u64::from(is_name);
                    seen.refusals += u64::from(value.len() > 3 && is_refusal(&value.to_lowercase()));
                }
                Target::Field(Field::Email | Field::Phone) if value.len() <= 8 => {
                    seen.answers += u64::from(is_yes_or_no(&value));
                    seen.denials += u64::from(is_no(&value));
                }
                _ => {}
            }
        }
        let customs = columns.all().iter().enumerate().filter_map(|(index, column)| match &column.target {
            Target::Custom(custom) => Some((index, custom.name())),
            _ => None,
        });
        let mut by_name: Vec<(String, Vec<usize>)> = Vec::new();
        for (index, name) in customs {
            match by_name.iter_mut().find(|(known, _)| *known == name) {
                Some((_, indexes)) => indexes.push(index),
                None => by_name.push((name, vec![index])),
            }
        }
        for (_, indexes) in by_name.iter().filter(|(_, indexes)| indexes.len() > 1) {
            count_second(seen, row, indexes);
        }
        for (field, indexes) in columns.by_field() {
            if !field.is_joined() && !field.is_of_address() {
                count_second(seen, row, indexes);
            }
        }
        count_other_addresses(seen, row, columns);
    }

    fn observe(&mut self, value: &str, also_contact_data: bool) {
        let is_foreign = is_foreign_yes_or_no(value);
        self.answers += u64::from(is_foreign || is_yes_or_no(value));
        self.denials += u64::from(is_denial(value));
        self.foreign_answers += u64::from(is_foreign);
        self.nevers += u64::from(is_never(value));
        if says_opt_out(value) || is_opt_out_word(value) || is_stop(value) {
            self.opt_outs += 1;
        } else if also_contact_data && value.contains('@') && value.len() < 400 {
            self.emails += u64::from(email::emails(value).is_ok_and(|emails| !emails.has_rest));
        } else if also_contact_data && phone::looks_like_phone(value) {
            self.phones += 1;
        } else if also_contact_data && phone::may_be_phone(value) {
            self.bare_phones += 1;
        }
    }
}

/// Counts filled cells of a field's columns other than the one used.
fn count_second(seen: &mut [ColumnStats], row: &Row, indexes: &[usize]) {
    if indexes.len() < 2 {
        return;
    }
    let mut used: Option<String> = None;
    for index in indexes {
        let value = text::value(row.cells.get(*index).map_or("", String::as_str));
        if value.is_empty() || text::is_null(&value) {
            continue;
        }
        match &used {
            None => used = Some(value.into_owned()),
            Some(used) if *used == value => {}
            Some(_) => seen.get_mut(*index).into_iter().for_each(|seen| seen.second += 1),
        }
    }
}

/// Counts address cells that do not belong to the row's chosen address.
fn count_other_addresses(seen: &mut [ColumnStats], row: &Row, columns: &Columns) {
    let says = |index: usize| {
        row.cells.get(index).map(|cell| text::value(cell)).filter(|it| !text::is_null(it) && !it.is_empty())
    };
    let group = columns.address_group(|index| says(index).is_some());
    for field in Field::ALL.into_iter().filter(|field| field.is_of_address()) {
        if columns.of(field).len() < 2 && !columns.has_several_addresses() {
            continue;
        }
        let used = columns.of_address(field, group);
        if !field.is_joined() {
            count_second(seen, row, &used);
        }
        for index in columns.of(field).iter().filter(|index| !used.contains(index)) {
            let Some(value) = says(*index) else { continue };
            if !used.iter().any(|used| says(*used).is_some_and(|used| used == value)) {
                seen.get_mut(*index).into_iter().for_each(|seen| seen.second += 1);
            }
        }
    }
}

/// Questions about unused columns that look important.
pub(crate) fn questions(columns: &Columns, seen: &[ColumnStats]) -> Vec<ListQuestion> {
    let mut questions = Vec::new();
    for (column, seen) in columns.all().iter().zip(seen) {
        // One opt-out is enough. Addresses and numbers can appear in notes, so they must fill half of the cells.
        let most = |count: u64| count > 0 && count * 2 >= seen.filled;
        // A fax number's opt-out does not matter: GHL sends no faxes.
        let is_of_fax = crate::name::key(&column.name).contains("fax") && column.target == Target::NoPlace;
        let blocked = seen.filled.saturating_sub(seen.denials);
        let looks_like = if let Target::Field(_) = column.target {
            // A column `SMS` with only yes and no holds no phone numbers. (Rows with a no are left out.)
            (seen.answers == seen.filled && seen.answers > seen.denials).then_some((LooksLike::Consent, seen.answers))
        } else if seen.opt_outs > 0 && !is_of_fax {
            Some((LooksLike::Consent, seen.opt_outs))
        } else if seen.filled > 0 && !is_of_fax && asks_for_consent(column, seen) {
            Some((LooksLike::Consent, seen.filled))
        } else if blocked > 0 && column.target == Target::Unknown && is_about_blocking(&column.name) {
            Some((LooksLike::Consent, blocked))
        } else if are_answers(seen) && speaks_of_contacting(column, seen) {
            Some((LooksLike::Consent, seen.answers))
        } else if most(seen.emails) {
            Some((LooksLike::Email, seen.emails))
        } else if most(seen.phones) && !is_of_peoples_ids(&column.name) {
            Some((LooksLike::Phone, seen.phones))
        } else if most(seen.phones + seen.bare_phones) && !is_of_ids(&column.name) {
            Some((LooksLike::Phone, seen.phones + seen.bare_phones))
        } else {
            None
        };
        if let Some((looks_like, cells)) = looks_like {
            questions.push(ListQuestion::UnusedColumn { column: column.name.clone(), looks_like, cells });
        }
    }
    questions
}

/// Whether an unused column may hold refusals, whatever its cells look like: its name has a legend that only a human
/// understands, or says when a consent ends; or a cell says that somebody does not agree or never wants messages.
fn asks_for_consent(column: &Column, seen: &ColumnStats) -> bool {
    let name = &column.name;
    let is_unknown = column.target == Target::Unknown;
    let is_of_consent = consent::of_column(name).is_some();
    (is_unknown && consent::has_unclear_legend(name) && (is_of_consent || is_about_contacting(name)))
        || (is_unknown && is_about_an_end(name))
        || (seen.refusals > 0 && is_of_consent)
        || (seen.nevers > 0 && is_unknown && is_about_contacting(name))
}

fn speaks_of_contacting(column: &Column, seen: &ColumnStats) -> bool {
    let has_no_words = !column.name.contains(char::is_alphanumeric);
    is_about_contacting(&column.name)
        || is_in_other_words(column, seen)
        || (column.target == Target::Unknown && (has_no_words || says_opt_out(&column.name)))
}

/// Whether at least four fifths of a column's cells are a yes or a no.
fn are_answers(seen: &ColumnStats) -> bool {
    seen.answers > 0 && seen.answers * 5 >= seen.filled * 4
}

/// Whether a name may be about contacting, in a language for which we know too few names to rule it out.
fn is_in_other_words(column: &Column, seen: &ColumnStats) -> bool {
    let is_latin = |c: char| matches!(c, '\u{0}'..='\u{24f}' | '\u{1e00}'..='\u{1eff}');
    column.target == Target::Unknown
        && (seen.foreign_answers * 2 >= seen.answers || column.name.chars().any(|c| c.is_alphabetic() && !is_latin(c)))
}

/// Whether a name is about numbers of things.
fn is_of_ids(name: &str) -> bool {
    let key = crate::name::key(name);
    let things = [
        "id", "order", "card", "account", "invoice", "customer", "loyalty", "sku", "amount", "ticket", "serial",
        "konto", "kunden", "rechnung",
    ];
    key.ends_with("nr") || key == "no" || is_of_peoples_ids(name) || things.iter().any(|thing| key.contains(thing))
}

/// Whether a name is about numbers that states or banks assign to people.
fn is_of_peoples_ids(name: &str) -> bool {
    let key = crate::name::key(name);
    let whole = ["rg", "nif", "nie", "dni", "rfc", "ssn", "bsn", "nss", "niss", "pesel", "nip", "regon"];
    let parts = [
        "cpf",
        "cnpj",
        "curp",
        "siret",
        "siren",
        "iban",
        "passport",
        "fiscal",
        "steuer",
        "vatnumber",
        "vatid",
        "taxid",
        "partitaiva",
        "socialsecurity",
    ];
    whole.contains(&key.as_str()) || parts.iter().any(|part| key.contains(part))
}

/// Notes about filled columns that are not used, and about unused second values.
pub(crate) fn notes(columns: &Columns, seen: &[ColumnStats], header_row: u64) -> Vec<ListProblem> {
    let mut notes = Vec::new();
    for (column, seen) in columns.all().iter().zip(seen) {
        let is_unused = matches!(column.target, Target::Unknown | Target::NoPlace) && seen.filled > 0;
        let message = if is_unused {
            format!(
                "is not used: {} cells. Map it with --map '{}=contact.key' if the location has a custom field for it",
                seen.filled, column.name
            )
        } else if seen.second > 0 {
            match &column.target {
                Target::Field(field) if field.is_of_address() => {
                    format!("is not used in {} rows, which have another address before it", seen.second)
                }
                _ => format!("is not used in {} rows, where another column of the same field is filled", seen.second),
            }
        } else {
            continue;
        };
        notes.push(ListProblem {
            column: Some(column.name.clone()),
            field: column.target.name(),
            effect: ProblemEffect::Note,
            ..ListProblem::row(header_row, message)
        });
    }
    notes
}
