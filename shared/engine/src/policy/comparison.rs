//! Compares a record with GHL's copy of it, field by field, allowing for the way GHL rewrites values. Used by
//! reconciling, by the check for whether an event is our own write, and by the check for fields that GHL did not store.

use serde_json::{Number, Value};

use ghl_sync_model::{
    Contact, CustomField, EpochMs, Marker, Opportunity, Payload, RemoteContent, RemoteOpportunity, TextForm,
    is_same_tag,
};

/// Number of trailing digits of a phone number to compare if one side has no country code.
const NATIONAL_DIGITS: usize = 10;
const DAY_MS: u64 = 24 * 3_600_000;

/// A field that a record sets, compared with GHL's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComparedField {
    /// GHL's name of the field, or `customFields.ID` for a custom field.
    pub(super) field: String,
    /// Whether both values mean the same.
    pub(super) is_same: bool,
    /// Whether GHL shows any value.
    pub is_shown: bool,
    /// GHL's value, normalized so that it is the same however GHL writes it.
    pub shown: String,
}

/// Whether all fields are the same.
#[must_use]
pub fn all_same(compared: &[ComparedField]) -> bool {
    compared.iter().all(|compared| compared.is_same)
}

/// Compares a record with GHL's copy; `None` if the two are of different kinds.
pub(super) fn compared(ours: &Payload, theirs: &RemoteContent) -> Option<Vec<ComparedField>> {
    match (ours, theirs) {
        (Payload::Contact(ours), RemoteContent::Contact(theirs)) => Some(contact(ours, theirs)),
        (Payload::Opportunity(ours), RemoteContent::Opportunity(theirs)) => Some(opportunity(ours, theirs)),
        (Payload::Contact(_), RemoteContent::Opportunity(_)) | (Payload::Opportunity(_), RemoteContent::Contact(_)) => {
            None
        }
    }
}

/// The fields that a record sets and for which GHL shows another value, under GHL's names, a custom field as
/// `customFields.ID`. Fields that GHL does not show in every view and custom fields named by key are left out.
#[must_use]
pub fn differing(ours: &Payload, theirs: &RemoteContent) -> Vec<String> {
    let differ = compared(ours, theirs).unwrap_or_default().into_iter().filter(|compared| !compared.is_same);
    let mut fields: Vec<String> = differ.map(|compared| compared.field).collect();
    fields.dedup();
    fields
}

/// Text fields of a contact that some of GHL's views omit.
const NOT_IN_EVERY_VIEW: [&str; 2] = ["timezone", "gender"];

/// Compares the contact fields that every view of GHL shows. That excludes gender, time zone, `dndSettings`, and custom
/// fields named by key, since GHL shows only ids.
#[must_use]
pub fn contact(ours: &Contact, theirs: &Contact) -> Vec<ComparedField> {
    let Contact { phone, dnd, tags, remove_tags, custom_fields, .. } = ours;
    let their_name = full_name(theirs);
    let texts = Contact::TEXTS.into_iter().filter(|field| !NOT_IN_EVERY_VIEW.contains(&field.name));
    let mut compared: Vec<ComparedField> = texts
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
        compared.push(ComparedField {
            field: "phone".to_owned(),
            is_same: same_phone(ours, theirs),
            is_shown: !theirs.is_empty(),
            shown: national_number(theirs),
        });
    }
    if let Some(ours) = dnd {
        let shown = theirs.dnd.unwrap_or(false);
        compared.push(ComparedField {
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
        ComparedField {
            field: field.to_owned(),
            is_same: is_there == shall_be_there,
            is_shown: !theirs.tags.is_empty(),
            shown: is_there.to_string(),
        }
    }));
    compared.extend(customs(custom_fields, &theirs.custom_fields));
    compared
}

/// Compares the fields that the opportunity sets.
pub(super) fn opportunity(ours: &Opportunity, theirs: &RemoteOpportunity) -> Vec<ComparedField> {
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
    let mut compared: Vec<ComparedField> = texts
        .into_iter()
        .filter_map(|(field, ours, theirs, form)| text(field, ours?, theirs.as_deref(), form))
        .collect();
    if let Some(ours) = monetary_value.as_ref().and_then(Number::as_f64) {
        // GHL does not distinguish no value from a value of 0.
        let shown = theirs.monetary_value.as_ref().and_then(Number::as_f64);
        compared.push(ComparedField {
            field: "monetaryValue".to_owned(),
            is_same: same_number(ours, shown.unwrap_or_default()),
            is_shown: shown.is_some(),
            shown: shown.unwrap_or_default().to_string(),
        });
    }
    compared.extend(customs(custom_fields, &theirs.custom_fields));
    compared
}

/// Compares a text in the given normal form. GHL's view may omit the field.
pub(super) fn text(field: &str, ours: &str, theirs: Option<&str>, form: fn(&str) -> String) -> Option<ComparedField> {
    let theirs = theirs.unwrap_or_default();
    let shown = form(theirs);
    Some(ComparedField {
        field: field.to_owned(),
        is_same: form(ours) == shown,
        is_shown: !theirs.trim().is_empty(),
        shown,
    })
}

/// Compares custom fields by id. A field that we sent by key cannot be found and is left out.
pub(super) fn customs<'a>(
    ours: &'a [CustomField],
    theirs: &'a [CustomField],
) -> impl Iterator<Item = ComparedField> + 'a {
    ours.iter().filter_map(move |ours| {
        let id = ours.id.as_ref()?;
        let shown = theirs.iter().find(|shown| shown.id.as_ref() == Some(id)).map(|shown| &shown.value);
        Some(ComparedField {
            field: format!("customFields.{id}"),
            is_same: same_value(&ours.value, shown.unwrap_or(&Value::Null)),
            is_shown: shown.is_some_and(|shown| !is_nothing(shown)),
            shown: shown.map(plain).unwrap_or_default(),
        })
    })
}

/// The full name, joined from its parts if absent: GHL's search shows only the parts.
fn full_name(contact: &Contact) -> Option<String> {
    let parts =
        || [&contact.first_name, &contact.last_name].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    contact.name.clone().or_else(|| Some(parts()).filter(|name| !name.is_empty()))
}

/// Normal form for text: GHL changes white space and letter case.
pub(super) fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// Normal form for ids, which GHL does not rewrite.
fn exact(text: &str) -> String {
    text.trim().to_owned()
}

/// Normal form for web addresses: a trailing slash means nothing.
fn address(text: &str) -> String {
    folded(text).trim_end_matches('/').to_owned()
}

/// Normal form for countries. GHL stores the country code, but sometimes shows the name.
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

/// Everyday country names that differ from the standard's names.
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

/// A date as `YYYY-MM-DD`. GHL shows dates with a time of day, and accepts several separators, month before day.
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

/// The UTC date of a time in milliseconds; the number itself if it is beyond the last date we can write.
pub(super) fn day_of(ms: u64) -> String {
    if EpochMs(ms) > EpochMs::LAST_DATED {
        return ms.to_string();
    }
    EpochMs(ms).to_rfc3339().chars().take("YYYY-MM-DD".len()).collect()
}

/// Whether two notations denote the same phone number. Country codes are compared only if both have one.
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

/// The digits that stay the same with or without a country code.
pub(super) fn national_number(phone: &str) -> String {
    let digits: String = phone.chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    digits[digits.len().saturating_sub(NATIONAL_DIGITS)..].to_owned()
}

/// Whether GHL shows the value that was sent. A number may appear as a text and a text as a number, a date may have a
/// time of day or be in milliseconds, and a list of one may appear as its only item.
fn same_value(ours: &Value, theirs: &Value) -> bool {
    if is_nothing(ours) || is_nothing(theirs) {
        return is_nothing(ours) && is_nothing(theirs);
    }
    match (ours, theirs) {
        (Value::Array(ours), Value::Array(theirs)) => sorted(ours) == sorted(theirs),
        (Value::Array(ours), theirs) if ours.len() == 1 => same_value(&ours[0], theirs),
        (ours, Value::Array(theirs)) if theirs.len() == 1 => same_value(ours, &theirs[0]),
        // Files: GHL adds its own properties to each.
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

/// Whether GHL shows the date that was sent: without a time of day, at midnight, or in milliseconds. A time of day that
/// GHL dropped is a difference.
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

/// Parses a plain decimal number. Unless one side is a JSON number, `007` counts as text.
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

/// A value as text, independent of white space and case.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Array(items) => sorted(items).join(", "),
        value => folded(&value.as_str().map_or_else(|| value.to_string(), str::to_owned)),
    }
}
