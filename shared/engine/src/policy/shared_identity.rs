//! Finds contacts that GHL may merge.

use std::collections::BTreeMap;
use strum::IntoStaticStr;

use super::comparison::national_number;
use ghl_sync_model::{LocationId, Payload, PutRecord, RecordKey};

/// The field by which GHL may match two contacts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum SharedBy {
    /// Their e-mail address.
    Email,
    /// Their phone number.
    Phone,
}

impl SharedBy {
    /// The field's name as reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Contact records that share an e-mail address or a phone number: GHL may merge them into one contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedIdentity {
    /// Location that owns the records.
    pub location_id: LocationId,
    /// The field that they share.
    pub by: SharedBy,
    /// The records, each once; two or more.
    pub records: Vec<RecordKey>,
}

/// The groups in `records` that share an e-mail address or a phone number, in order of first appearance. Addresses are
/// compared without white space and case, numbers by their last ten digits. If several records have the same key, the
/// last one counts.
#[must_use]
pub fn shared_identities(records: &[PutRecord]) -> Vec<SharedIdentity> {
    let mut last: BTreeMap<(&LocationId, RecordKey), usize> = BTreeMap::new();
    for (index, record) in records.iter().enumerate() {
        last.insert((&record.location_id, record.key()), index);
    }
    let mut holders: BTreeMap<(&LocationId, SharedBy, String), Vec<usize>> = BTreeMap::new();
    for index in last.into_values() {
        let Payload::Contact(contact) = &records[index].payload else { continue };
        let email = contact.email.as_deref().map(|email| (SharedBy::Email, email.trim().to_lowercase()));
        let phone = contact.phone.as_deref().map(|phone| (SharedBy::Phone, national_number(phone)));
        for (by, value) in email.into_iter().chain(phone).filter(|(_, value)| !value.is_empty()) {
            holders.entry((&records[index].location_id, by, value)).or_default().push(index);
        }
    }
    let mut shared: Vec<(SharedBy, Vec<usize>)> = Vec::new();
    for ((_, by, _), mut indexes) in holders {
        indexes.sort_unstable();
        if indexes.len() > 1 {
            shared.push((by, indexes));
        }
    }
    shared.sort_by(|(by, indexes), (other_by, others)| (indexes, by).cmp(&(others, other_by)));
    let identity = |(by, indexes): (SharedBy, Vec<usize>)| {
        let location_id = records[*indexes.first()?].location_id.clone();
        Some(SharedIdentity { location_id, by, records: indexes.iter().map(|index| records[*index].key()).collect() })
    };
    shared.into_iter().filter_map(identity).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::Kind;

    fn put(location: &str, id: &str, json: &str) -> PutRecord {
        PutRecord::new(
            LocationId::new(location).unwrap(),
            id.parse().unwrap(),
            Payload::from_json(Kind::Contact, json).unwrap(),
        )
    }

    fn told(records: &[PutRecord]) -> Vec<String> {
        let one = |shared: SharedIdentity| {
            let keys: Vec<String> = shared.records.iter().map(ToString::to_string).collect();
            format!("{} {} {}", shared.location_id, shared.by.as_str(), keys.join(","))
        };
        shared_identities(records).into_iter().map(one).collect()
    }

    #[test]
    fn records_of_one_address_or_number_are_named_however_these_are_written() {
        let family = [
            put("loc", "ann", r#"{"email":"Home@example.com","phone":"+1 (202) 555-0101"}"#),
            put("loc", "bob", r#"{"email":"bob@example.com","phone":"202.555.0101"}"#),
            put(
                "loc",
                "cy",
                r#"{"email":"home@EXAMPLE.com ","phone":"+12025550199"}"#.replace(".com ", ".com").as_str(),
            ),
            put("loc", "dee", r#"{"phone":"0012025550101"}"#),
            put("loc", "eve", r#"{"name":"Eve"}"#),
            put("loc", "fay", r#"{"name":"Fay"}"#),
        ];
        assert_eq!(
            told(&family),
            ["loc phone contact#ann,contact#bob,contact#dee", "loc email contact#ann,contact#cy"]
        );
    }

    #[test]
    fn a_record_shares_nothing_with_itself_with_another_location_or_with_what_it_said_before() {
        let a = |location, id| put(location, id, r#"{"email":"a@example.com"}"#);
        assert_eq!(told(&[a("loc", "1"), a("loc", "1"), a("other", "2")]), [""; 0]);
        let corrected = put("loc", "1", r#"{"email":"b@example.com"}"#);
        assert_eq!(told(&[a("loc", "1"), corrected, a("loc", "2")]), [""; 0]);
    }
}
