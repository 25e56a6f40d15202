//! Whether a record says the same as GHL shows, field by field, given how GHL rewrites what it is told. Reconciling, the
//! question whose write an event is, and the question whether GHL stored what was sent all ask here.

use serde_json::{Number, Value};

use ghl_sync_model::{
    Contact, CustomField, EpochMs, Marker, Opportunity, Payload, RemoteContent, RemoteOpportunity, TextForm,
    is_same_tag,
};

/// Digits of a phone number that are compared where one side does not name the country.
const NATIONAL_DIGITS: usize = 10;
const DAY_MS: u64 = 24 * 3_600_000;

/// A field that a record names, beside what GHL shows in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// GHL's name of the field; of a custom field `customFields.ID`.
    pub(super) field: String,
    /// Whether both say the same.
    pub(super) is_same: bool,
    /// Whether GHL shows anything in it.
    pub is_shown: bool,
    /// What GHL shows, in a form that is the same however GHL writes it.
    pub shown: String,
}

/// Whether nothing differs.
#[must_use]
pub fn all_same(compared: &[Compared]) -> bool {
    compared.iter().all(|compared| compared.is_same)
}

/// Compares a record with what GHL shows of it; `None` if they are not of one kind.
pub(super) fn compared(ours: &Payload, theirs: &RemoteContent) -> Option<Vec<Compared>> {
    match (ours, theirs) {
        (Payload::Contact(ours), RemoteContent::Contact(theirs)) => Some(contact(ours, theirs)),
        (Payload::Opportunity(ours), RemoteContent::Opportunity(theirs)) => Some(opportunity(ours, theirs)),
        (Payload::Contact(_), RemoteContent::Opportunity(_)) | (Payload::Opportunity(_), RemoteContent::Contact(_)) => {
            None
        }
    }
}

/// The fields that a record names and of which GHL shows something else, by GHL's names, a custom field as
/// `customFields.ID`. A field that GHL does not show in every view, or that is named by a key, is none of them.
#[must_use]
pub fn differing(ours: &Payload, theirs: &RemoteContent) -> Vec<String> {
    let differ = compared(ours, theirs).unwrap_or_default().into_iter().filter(|compared| !compared.is_same);
    let mut fields: Vec<String> = differ.map(|compared| compared.field).collect();
    fields.dedup();
    fields
}

/// Texts of a contact that not every view of GHL shows.
const NOT_IN_EVERY_VIEW: [&str; 2] = ["timezone", "gender"];

/// Compares the fields of a contact that every view of GHL shows: not gender, time zone and `dndSettings`, and no
/// custom field that is named by key, since GHL shows ids only.
#[must_use]
pub fn contact(ours: &Contact, theirs: &Contact) -> Vec<Compared> {
    let Contact { phone, dnd, tags, remove_tags, custom_fields, .. } = ours;
    let their_name = full_name(theirs);
    let texts = Contact::TEXTS.into_iter().filter(|field| !NOT_IN_EVERY_VIEW.contains(&field.name));
    let mut compared: Vec<Compared> = texts
        .filter_map(|field| {
            let (our_text, their_text) = (field.of(ours)?, field.of(theirs));
            let form = match field.form {
                TextForm::Words | TextForm::Email => folded,
                TextForm::WebAddress => address,
                TextForm::Country => country_code,
                TextForm::Id => exact,
                TextForm::Day => day,
                TextForm::Phone => return None,
            };
            match field.name {
                "name" => text(field.name, our_text, their_name.as_deref(), form),
                "source" => {
                    let theirs = their_text.map(Marker::taken_out_of);
                    text(field.name, &Marker::taken_out_of(our_text), theirs.as_deref(), form)
                }
                name => text(name, our_text, their_text, form),
            }
        })
        .collect();
    if let Some(ours) = phone {
        let theirs = theirs.phone.as_deref().unwrap_or_default();
        compared.push(Compared {
            field: "phone".to_owned(),
            is_same: same_phone(ours, theirs),
            is_shown: !theirs.is_empty(),
            shown: national_number(theirs),
        });
    }
    if let Some(ours) = dnd {
        let shown = theirs.dnd.unwrap_or(false);
        compared.push(Compared {
            field: "dnd".to_owned(),
            is_same: *ours == shown,
            is_shown: theirs.dnd.is_some(),
            shown: shown.to_string(),
        });
    }
    let wanted = tags.iter().map(|tag| ("tags", tag, true));
    let unwanted = remove_tags.iter().map(|tag| ("removeTags", tag, false));
    compared.extend(wanted.chain(unwanted).map(|(field, tag, shall_be_there)| {
        let is_there = theirs.tags.iter().any(|theirs| is_same_tag(theirs, tag));
        Compared {
            field: field.to_owned(),
            is_same: is_there == shall_be_there,
            is_shown: !theirs.tags.is_empty(),
            shown: is_there.to_string(),
        }
    }));
    compared.extend(customs(custom_fields, &theirs.custom_fields));
    compared
}

/// Compares an opportunity.
pub(super) fn opportunity(ours: &Opportunity, theirs: &RemoteOpportunity) -> Vec<Compared> {
    let Opportunity {
        contact_record: _,
        contact_id,
        pipeline_id,
        name,
        status,
        pipeline_stage_id,
        monetary_value,
        assigned_to,
        custom_fields,
    } = ours;
    let texts = [
        ("name", Some(name.as_str()), &theirs.name, folded as fn(&str) -> String),
        ("contactId", contact_id.as_ref().map(|id| id.as_str()), &theirs.contact_id, exact),
        ("pipelineId", Some(pipeline_id.as_str()), &theirs.pipeline_id, exact),
        ("pipelineStageId", pipeline_stage_id.as_ref().map(|id| id.as_str()), &theirs.pipeline_stage_id, exact),
        ("status", status.map(|status| status.as_str()), &theirs.status, folded),
        ("assignedTo", assigned_to.as_deref(), &theirs.assigned_to, exact),
    ];
    let mut compared: Vec<Compared> = texts
        .into_iter()
        .filter_map(|(field, ours, theirs, form)| text(field, ours?, theirs.as_deref(), form))
        .collect();
    if let Some(ours) = monetary_value.as_ref().and_then(Number::as_f64) {
        // No value and a value of nothing are the same to GHL.
        let shown = theirs.monetary_value.as_ref().and_then(Number::as_f64);
        compared.push(Compared {
            field: "monetaryValue".to_owned(),
            is_same: same_number(ours, shown.unwrap_or_default()),
            is_shown: shown.is_some(),
            shown: shown.unwrap_or_default().to_string(),
        });
    }
    compared.extend(customs(custom_fields, &theirs.custom_fields));
    compared
}

/// A text that a view of GHL may show, or not.
pub(super) fn text(field: &str, ours: &str, theirs: Option<&str>, form: fn(&str) -> String) -> Option<Compared> {
    let theirs = theirs.unwrap_or_default();
    let shown = form(theirs);
    Some(Compared { field: field.to_owned(), is_same: form(ours) == shown, is_shown: !theirs.trim().is_empty(), shown })
}

/// Custom fields by id. One that we sent by key cannot be found.
pub(super) fn customs<'a>(ours: &'a [CustomField], theirs: &'a [CustomField]) -> impl Iterator<Item = Compared> + 'a {
    ours.iter().filter_map(move |ours| {
        let id = ours.id.as_ref()?;
        let shown = theirs.iter().find(|shown| shown.id.as_ref() == Some(id)).map(|shown| &shown.value);
        Some(Compared {
            field: format!("customFields.{id}"),
            is_same: same_value(&ours.value, shown.unwrap_or(&Value::Null)),
            is_shown: shown.is_some_and(|shown| !is_nothing(shown)),
            shown: shown.map(plain).unwrap_or_default(),
        })
    })
}

/// GHL's search shows the parts of a name only.
fn full_name(contact: &Contact) -> Option<String> {
    let parts =
        || [&contact.first_name, &contact.last_name].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    contact.name.clone().or_else(|| Some(parts()).filter(|name| !name.is_empty()))
}

/// GHL changes blanks and letters' case.
pub(super) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// An id is what it is.
fn exact(text: &str) -> String {
    text.trim().to_owned()
}

/// A web address, whose last slash means nothing.
fn address(text: &str) -> String {
    folded(text).trim_end_matches('/').to_owned()
}

/// GHL keeps a country by its code, and was seen to show it by its name.
fn country_code(text: &str) -> String {
    let letters_of =
        |text: &str| -> String { text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect() };
    let letters = letters_of(text);
    let everyday = EVERYDAY_NAMES.iter().find(|(name, _)| *name == letters).map(|(_, code)| (*code).to_owned());
    let official = || {
        let country = rust_iso3166::ALL.iter().find(|country| {
            [country.alpha2, country.alpha3, country.name].into_iter().any(|name| letters_of(name) == letters)
        });
        country.map(|country| country.alpha2.to_lowercase())
    };
    everyday.or_else(official).unwrap_or_else(|| folded(text))
}

/// Names of countries in everyday use that the standard calls otherwise.
const EVERYDAY_NAMES: [(&str, &str); 17] = [
    ("unitedstates", "us"),
    ("unitedkingdom", "gb"),
    ("uk", "gb"),
    ("greatbritain", "gb"),
    ("russia", "ru"),
    ("southkorea", "kr"),
    ("northkorea", "kp"),
    ("vietnam", "vn"),
    ("venezuela", "ve"),
    ("bolivia", "bo"),
    ("iran", "ir"),
    ("tanzania", "tz"),
    ("taiwan", "tw"),
    ("moldova", "md"),
    ("turkey", "tr"),
    ("czechrepublic", "cz"),
    ("netherlands", "nl"),
];

/// A day as `YYYY-MM-DD`. GHL shows it with a time of day, and takes it with several separators, month before day.
fn day(text: &str) -> String {
    let day = text.trim().split(['T', ' ']).next().unwrap_or_default();
    if let Ok(ms) = day.parse::<u64>()
        && ms >= 100_000_000
    {
        return day_of(ms);
    }
    let parts: Vec<&str> = day.split(['-', '/', '.']).collect();
    let numbers: Option<Vec<u32>> = parts.iter().map(|part| part.parse().ok()).collect();
    match (numbers.as_deref(), parts.first().map(|part| part.len())) {
        (Some([year, month, day]), Some(4)) => format!("{year:04}-{month:02}-{day:02}"),
        (Some([day, month, year]), _) if *day > 12 => format!("{year:04}-{month:02}-{day:02}"),
        (Some([month, day, year]), _) => format!("{year:04}-{month:02}-{day:02}"),
        _ => folded(day),
    }
}

/// The day of a time, in UTC; the number itself where a time has no date.
pub(super) fn day_of(ms: u64) -> String {
    if EpochMs(ms) > EpochMs::LAST_DATED {
        return ms.to_string();
    }
    EpochMs(ms).to_rfc3339().chars().take("YYYY-MM-DD".len()).collect()
}

/// Whether two ways to write a number reach the same phone. The country counts where both name it.
pub(super) fn same_phone(ours: &str, theirs: &str) -> bool {
    let international = |phone: &str| {
        let phone = phone.trim().replace("(0)", "");
        let named = phone.strip_prefix('+').or_else(|| phone.strip_prefix("00"))?;
        Some(named.chars().filter(char::is_ascii_digit).collect::<String>())
    };
    match (international(ours), international(theirs)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        _ => national_number(ours) == national_number(theirs),
    }
}

/// The digits that stay the same whether the country is dialled or not.
pub(super) fn national_number(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    digits[digits.len().saturating_sub(NATIONAL_DIGITS)..].to_owned()
}

/// Whether GHL shows the value that was sent. Numbers may be texts and texts numbers, dates have a time of day or are
/// milliseconds, and a list of one may be that one.
fn same_value(ours: &Value, theirs: &Value) -> bool {
    if is_nothing(ours) || is_nothing(theirs) {
        return is_nothing(ours) && is_nothing(theirs);
    }
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => sorted(ours) == sorted(theirs),
        (Value::Array(ours), theirs) if ours.len() == 1 => same_value(&ours[0], theirs),
        (ours, Value::Array(theirs)) if theirs.len() == 1 => same_value(ours, &theirs[0]),
        // Files: GHL adds to each what it knows of it.
        (Value::Object(ours), Value::Object(theirs)) => ours.keys().all(|key| theirs.contains_key(key)),
        (Value::Object(_) | Value::Array(_), _) | (_, Value::Object(_) | Value::Array(_)) => false,
        (ours, theirs) => same_scalar(ours, theirs),
    }
}

fn same_scalar(ours: &Value, theirs: &Value) -> bool {
    let (our_text, their_text) = (plain(ours), plain(theirs));
    if our_text == their_text {
        return true;
    }
    let has_number = ours.is_number() || theirs.is_number();
    let numbers = (number(&our_text, has_number), number(&their_text, has_number));
    if let (Some(ours), Some(theirs)) = numbers
        && same_number(ours, theirs)
    {
        return true;
    }
    same_date(&our_text, theirs)
}

/// A date that was sent, and how GHL shows it: without a time of day, or at midnight, or in milliseconds. A time of day
/// that GHL dropped is a difference.
fn same_date(ours: &str, theirs: &Value) -> bool {
    let is_day = |text: &str| {
        let bytes = text.as_bytes();
        bytes.len() == 10
            && bytes
                .iter()
                .enumerate()
                .all(|(at, byte)| if matches!(at, 4 | 7) { *byte == b'-' } else { byte.is_ascii_digit() })
    };
    let midnight = |text: &str| match text.split_once('t') {
        None => is_day(text).then(|| text.to_owned()),
        Some((day, time)) => {
            let is_midnight = time.trim_end_matches('z').chars().all(|c| matches!(c, '0' | ':' | '.'));
            (is_day(day) && is_midnight).then(|| day.to_owned())
        }
    };
    let Some(ours) = midnight(ours) else { return false };
    match theirs {
        Value::Number(ms) => ms.as_u64().is_some_and(|ms| ms % DAY_MS == 0 && day_of(ms) == ours),
        theirs => midnight(&plain(theirs)).is_some_and(|theirs| theirs == ours),
    }
}

/// A number that is written as one. Without a number on either side, `007` is a text.
fn number(text: &str, is_numeric: bool) -> Option<f64> {
    let digits = text.trim_start_matches('-');
    let has_leading_zero = digits.len() > 1 && digits.starts_with('0') && !digits.starts_with("0.");
    let is_plain = digits.starts_with(|c: char| c.is_ascii_digit()) && (is_numeric || !has_leading_zero);
    text.parse().ok().filter(|_| is_plain)
}

fn same_number(ours: f64, theirs: f64) -> bool {
    (ours - theirs).abs() <= f64::EPSILON * ours.abs().max(theirs.abs())
}

pub(super) fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        Value::Array(items) => items.iter().all(is_nothing),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

fn sorted(items: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = items.iter().filter(|item| !is_nothing(item)).map(plain).collect();
    texts.sort();
    texts.dedup();
    texts
}

/// A value as text, whatever GHL made of blanks and case.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) => sorted(items).join(", "),
        value => folded(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    }
}
