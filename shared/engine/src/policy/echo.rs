//! Whether what GHL tells of a record is only our own write coming back.

use std::time::Duration;

use crate::domain::{Contact, EpochMs, KnownState, Marker, Opportunity, Payload, RemoteContent, RemoteOpportunity};

/// GHL's clock may be behind ours by so much, and a call is accepted before its answer is here.
const EARLY: Duration = Duration::from_secs(15);
/// The event of a write happens this long after we have its answer, at most.
const LATE: Duration = Duration::from_secs(60);

/// Digits of a phone number that are compared: those before them are the country's.
const NATIONAL_DIGITS: usize = 10;

/// Where a known state came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// It is what we wrote.
    OwnWrite,
    /// Somebody else changed the record in GHL since we wrote it.
    Elsewhere,
}

impl Origin {
    /// The origin as it is written.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Origin::OwnWrite => "own_write",
            Origin::Elsewhere => "elsewhere",
        }
    }
}

/// Where `known` came from, if `accepted` is what GHL accepted last from us, at `accepted_at`.
///
/// An event does not say who caused it. It is our own if it happened at the time of our write *and* says of each field
/// that we sent what we sent. GHL rewrites some values (letters' case, blanks, the form of phone numbers), so those are
/// compared loosely; fields that events do not show (gender, time zone) are not compared. Doubt is [`Origin::Elsewhere`].
#[must_use]
pub fn origin(accepted: &Payload, accepted_at: EpochMs, known: &KnownState) -> Origin {
    let in_time = accepted_at - EARLY <= known.at && known.at <= accepted_at + LATE;
    let same = match (accepted, &known.content) {
        (Payload::Contact(ours), Some(RemoteContent::Contact(theirs))) => contact_shows(theirs, ours),
        (Payload::Opportunity(ours), Some(RemoteContent::Opportunity(theirs))) => opportunity_shows(theirs, ours),
        _ => false,
    };
    if in_time && same { Origin::OwnWrite } else { Origin::Elsewhere }
}

fn contact_shows(theirs: &Contact, ours: &Contact) -> bool {
    in_our_fields(ours, theirs) == in_our_fields(ours, ours)
}

/// What `contact` says in the fields that `ours` names, in the form in which contacts are compared.
pub(super) fn in_our_fields(ours: &Contact, contact: &Contact) -> Vec<String> {
    let full_name = full_name(contact);
    let source = contact.source.as_deref().map(Marker::taken_out_of);
    let texts = [
        (&ours.first_name, contact.first_name.as_deref()),
        (&ours.last_name, contact.last_name.as_deref()),
        (&ours.name, full_name.as_deref()),
        (&ours.email, contact.email.as_deref()),
        (&ours.address1, contact.address1.as_deref()),
        (&ours.city, contact.city.as_deref()),
        (&ours.state, contact.state.as_deref()),
        (&ours.postal_code, contact.postal_code.as_deref()),
        (&ours.website, contact.website.as_deref()),
        (&ours.source, source.as_deref()),
        (&ours.country, contact.country.as_deref()),
        (&ours.company_name, contact.company_name.as_deref()),
        (&ours.assigned_to, contact.assigned_to.as_deref()),
    ];
    let texts = texts.into_iter().filter(|(ours, _)| ours.is_some()).map(|(_, text)| folded(text.unwrap_or_default()));
    let phone = ours.phone.as_ref().map(|_| national_number(contact.phone.as_deref()));
    // Events have the date with a time of day.
    let birthday = contact.date_of_birth.as_deref().unwrap_or_default();
    let birthday = ours.date_of_birth.as_ref().map(|_| birthday.split('T').next().unwrap_or_default().to_owned());
    let dnd = ours.dnd.map(|_| contact.dnd.unwrap_or(false).to_string());
    let tagged = |tag: &String| contact.tags.iter().any(|theirs| folded(theirs) == folded(tag)).to_string();
    // GHL shows custom fields by id. One that we sent by key cannot be found, and is not compared.
    let custom = ours.custom_fields.iter().filter(|field| field.id.is_some()).map(|field| {
        let shown = contact.custom_fields.iter().find(|shown| shown.id == field.id);
        shown.map_or_else(String::new, |shown| text_of(&shown.value))
    });
    texts.chain(phone).chain(birthday).chain(dnd).chain(ours.tags.iter().map(tagged)).chain(custom).collect()
}

/// GHL's search shows the parts of a name only.
fn full_name(contact: &Contact) -> Option<String> {
    let parts =
        || [&contact.first_name, &contact.last_name].into_iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    contact.name.clone().or_else(|| Some(parts()).filter(|name| !name.is_empty()))
}

fn opportunity_shows(theirs: &RemoteOpportunity, ours: &Opportunity) -> bool {
    let number = |number: &serde_json::Number| number.as_f64();
    shows(theirs.name.as_deref(), Some(&ours.name))
        && shows(theirs.contact_id.as_deref(), ours.contact_id.as_ref().map(|id| id.as_str()))
        && shows(theirs.pipeline_id.as_deref(), Some(ours.pipeline_id.as_str()))
        && shows(theirs.pipeline_stage_id.as_deref(), ours.pipeline_stage_id.as_ref().map(|id| id.as_str()))
        && shows(theirs.status.as_deref(), ours.status.map(|status| status.as_str()))
        && shows(theirs.assigned_to.as_deref(), ours.assigned_to.as_deref())
        && ours
            .monetary_value
            .as_ref()
            .and_then(number)
            .is_none_or(|worth| theirs.monetary_value.as_ref().and_then(number) == Some(worth))
}

/// Whether `theirs` shows `ours`, if we have anything.
fn shows(theirs: Option<&str>, ours: Option<&str>) -> bool {
    ours.is_none_or(|ours| folded(ours) == folded(theirs.unwrap_or_default()))
}

fn folded(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

/// The digits that stay the same whether the country is dialled or not.
fn national_number(phone: Option<&str>) -> String {
    let digits: String = phone.unwrap_or_default().chars().filter(char::is_ascii_digit).collect();
    let digits = digits.trim_start_matches('0');
    digits[digits.len().saturating_sub(NATIONAL_DIGITS)..].to_owned()
}

fn text_of(value: &serde_json::Value) -> String {
    folded(&value.as_str().map_or_else(|| value.to_string(), str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Kind;

    const WRITTEN: EpochMs = EpochMs(1_795_262_400_000);

    fn origin_of(kind: Kind, ours: &str, theirs: &str, at: EpochMs) -> Origin {
        let ours = Payload::from_json(kind, ours).unwrap();
        let content = Some(RemoteContent::from_json(kind, theirs).unwrap());
        let known = KnownState { at, event_id: "e".parse().unwrap(), content, deleted_at: None };
        origin(&ours, WRITTEN, &known)
    }

    #[test]
    fn an_event_at_the_time_of_our_write_that_shows_what_we_wrote_is_our_own() {
        use Origin::{Elsewhere, OwnWrite};
        let ours = r#"{"firstName":"Ann","email":"Ann@example.com","phone":"+1 (202) 555-0101","dateOfBirth":"1990-12-31",
                       "gender":"female","tags":["VIP"],"customFields":[{"id":"f1","value":5},{"key":"contact.x","value":1}]}"#;
        let theirs = r#"{"firstName":"ann ","email":"ann@example.com","phone":"+12025550101","city":"Here",
                         "dateOfBirth":"1990-12-31T00:00:00.000Z","tags":["vip","old"],"customFields":[{"id":"f1","value":"5"}]}"#;
        let seconds = |seconds| WRITTEN + Duration::from_secs(seconds);
        let earlier = |seconds| WRITTEN - Duration::from_secs(seconds);
        let times = [
            (WRITTEN, OwnWrite),
            (seconds(60), OwnWrite),
            (seconds(61), Elsewhere),
            (earlier(15), OwnWrite),
            (earlier(16), Elsewhere),
        ];
        for (at, expected) in times {
            assert_eq!(origin_of(Kind::Contact, ours, theirs, at), expected, "{at}");
        }
        let changes = [
            (r#""firstName":"ann ""#, r#""firstName":"Anna""#),
            (r#""phone":"+12025550101""#, r#""phone":"+12025550102""#),
            (r#""phone":"+12025550101""#, r#""phone":"+13025550101""#),
            (r#""tags":["vip","old"]"#, r#""tags":["old"]"#),
            (r#""value":"5""#, r#""value":"6""#),
            ("1990-12-31T", "1991-12-31T"),
            (r#","email":"ann@example.com""#, ""),
        ];
        for (from, to) in changes {
            assert!(theirs.contains(from), "{from}");
            let changed = theirs.replace(from, to);
            assert_eq!(origin_of(Kind::Contact, ours, &changed, WRITTEN), Elsewhere, "{to}");
        }
    }

    #[test]
    fn the_forms_that_ghl_gives_names_phone_numbers_and_sources_are_no_changes() {
        let ours = r#"{"name":"Ann Lee","phone":"0660 5550123","source":"Fair"}"#;
        let theirs =
            r#"{"firstName":"ann","lastName":"lee","phone":"+436605550123","source":"Fair ghlsync0123456789abcdef"}"#;
        assert_eq!(origin_of(Kind::Contact, ours, theirs, WRITTEN), Origin::OwnWrite);
    }

    #[test]
    fn an_opportunity_is_compared_by_what_we_sent() {
        let ours = r#"{"contactId":"c","pipelineId":"p","name":"Roof","status":"won","monetaryValue":10}"#;
        let theirs = |value: &str| {
            format!(
                r#"{{"contactId":"c","pipelineId":"p","pipelineStageId":"s","name":"Roof","status":"won","monetaryValue":{value}}}"#
            )
        };
        assert_eq!(origin_of(Kind::Opportunity, ours, &theirs("10.0"), WRITTEN), Origin::OwnWrite);
        assert_eq!(origin_of(Kind::Opportunity, ours, &theirs("11"), WRITTEN), Origin::Elsewhere);
    }

    #[test]
    fn a_deletion_is_never_our_own() {
        let ours = Payload::from_json(Kind::Contact, r#"{"email":"a@b.c"}"#).unwrap();
        let known =
            KnownState { at: WRITTEN, event_id: "e".parse().unwrap(), content: None, deleted_at: Some(WRITTEN) };
        assert_eq!(origin(&ours, WRITTEN, &known), Origin::Elsewhere);
    }
}
