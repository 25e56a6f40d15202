//! Decides which events follow from a change of a record, and when a delivery is retried.

use std::time::Duration;

use crate::{OutcomeEvent, OutcomeKind, RecordChange, RecordFacts};

/// The events that follow from `change`, in order.
///
/// An outcome is new if its timestamp changed. A write repeated because its reply was lost changes nothing, so it
/// gives no event. A version that GHL accepts again because somebody changed the record there does.
#[must_use]
pub fn events_of(change: &RecordChange) -> Vec<OutcomeEvent> {
    let Some(new) = &change.new else { return Vec::new() };
    let nothing = RecordFacts::default();
    let old = change.old.as_ref().unwrap_or(&nothing);
    let event = |kind, at, version| {
        let mut event = OutcomeEvent::new(kind, at, &change.location_id, &change.key, version);
        event.data.ghl_id.clone_from(&new.ghl_id);
        event.data.import.clone_from(&new.import);
        event
    };
    let mut events = Vec::new();
    if let (Some(version), Some(at)) = (new.accepted_version, new.accepted_at)
        && (old.accepted_version, old.accepted_at) != (new.accepted_version, new.accepted_at)
    {
        events.push(event(OutcomeKind::Accepted, at, version));
        if !new.not_stored.is_empty() {
            let mut not_stored = event(OutcomeKind::NotStored, at, version);
            not_stored.data.fields = field_names(new.not_stored.iter().map(String::as_str));
            events.push(not_stored);
        }
    }
    if let Some(at) = new.failed_at.filter(|_| new.failed_at != old.failed_at) {
        let mut failed = event(OutcomeKind::Failed, at, new.version);
        failed.data.error.clone_from(&new.last_error);
        events.push(failed);
    }
    if let Some(at) = new.superseded_at.filter(|_| new.superseded_at != old.superseded_at) {
        events.push(event(OutcomeKind::Superseded, at, new.version));
    }
    if let Some(done) = new.undone.as_ref().filter(|_| new.undone != old.undone) {
        let mut undone = event(OutcomeKind::Undone, done.at, new.version);
        // A deleted record has no id any more.
        undone.data.ghl_id = new.ghl_id.clone().or_else(|| old.ghl_id.clone());
        undone.data.deleted = done.deleted;
        undone.data.fields = field_names(done.left.iter().map(|left| left.field.as_str()));
        events.push(undone);
    }
    events
}

/// GHL's names of fields. The text after a dot comes from the producer, such as a custom field's key, and is cut off.
fn field_names<'a>(fields: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut names: Vec<String> = fields.filter_map(|field| field.split('.').next()).map(str::to_owned).collect();
    names.sort();
    names.dedup();
    names
}

/// How many events, at most `most`, can be sent together: up to the first that shares a record with an earlier one.
/// Entries of a request can fail one by one, and an event must not overtake another of the same record.
pub(crate) fn sendable<K: PartialEq>(keys: &[K], most: usize) -> usize {
    let most = keys.len().min(most);
    (1..most).find(|at| keys[..*at].contains(&keys[*at])).unwrap_or(most)
}

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// Seconds to wait after each failed try of a delivery, three days in total. SQS hides a message for 12 hours at most.
const RESTS: [u64; 14] = [
    5 * SECOND,
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    2 * HOUR,
    4 * HOUR,
    8 * HOUR,
    11 * HOUR,
    11 * HOUR,
    11 * HOUR,
    11 * HOUR,
    11 * HOUR,
];

/// Most tries of a delivery, equal to the queue's `maxReceiveCount`. After the last it becomes a dead letter.
pub const MAX_TRIES: usize = RESTS.len() + 1;

/// How long a delivery waits after `tries` tries. `random` (0 to 1) adds up to 5 %, so that deliveries that failed
/// together do not return together.
#[must_use]
pub fn backoff(tries: u32, random: f64) -> Duration {
    let tries = usize::try_from(tries).unwrap_or(usize::MAX);
    let rest = RESTS[tries.clamp(1, RESTS.len()) - 1];
    Duration::from_secs(rest).mul_f64(1.0 + 0.05 * random.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::{EpochMs, RecordKey};

    use super::*;
    use crate::OutcomeError;

    /// A record before and after a change, and the events that follow.
    type Case<'a> = (Option<&'a RecordFacts>, &'a RecordFacts, &'a [(OutcomeKind, u64)]);

    fn change(old: Option<RecordFacts>, new: Option<RecordFacts>) -> RecordChange {
        RecordChange { location_id: "loc".parse().unwrap(), key: "contact#42".parse().unwrap(), old, new }
    }

    fn kinds(old: Option<&RecordFacts>, new: &RecordFacts) -> Vec<(OutcomeKind, u64)> {
        let events = events_of(&change(old.cloned(), Some(new.clone())));
        events.iter().map(|event| (event.kind, event.data.version.unwrap())).collect()
    }

    #[test]
    fn an_outcome_is_told_when_it_is_new_and_not_again() {
        use OutcomeKind::{Accepted, Failed, NotStored, Superseded, Undone};
        let put = RecordFacts { version: 3, ..RecordFacts::default() };
        let accepted = RecordFacts { accepted_version: Some(3), accepted_at: Some(EpochMs(10)), ..put.clone() };
        let not_stored = RecordFacts { not_stored: vec!["phone".to_owned()], ..accepted.clone() };
        let late = RecordFacts { accepted_version: Some(2), ..accepted.clone() };
        let failed = RecordFacts { failed_at: Some(EpochMs(11)), ..put.clone() };
        let failed_again = RecordFacts { failed_at: Some(EpochMs(12)), ..put.clone() };
        let superseded = RecordFacts { superseded_at: Some(EpochMs(13)), ..accepted.clone() };
        let put_again = RecordFacts { version: 4, ..accepted.clone() };
        let accepted_again = RecordFacts { accepted_at: Some(EpochMs(20)), ..accepted.clone() };
        let undone =
            RecordFacts { undone: Some(ghl_sync_model::Undone::new(EpochMs(14), true, Vec::new())), ..put.clone() };
        let put_after = RecordFacts { version: 4, ..put.clone() };
        let cases: [Case<'_>; 17] = [
            (None, &put, &[]),
            (Some(&put), &put, &[]),
            (None, &accepted, &[(Accepted, 3)]),
            (Some(&put), &accepted, &[(Accepted, 3)]),
            (Some(&accepted), &accepted, &[]),
            (Some(&put), &late, &[(Accepted, 2)]),
            (Some(&late), &accepted, &[(Accepted, 3)]),
            (Some(&put), &not_stored, &[(Accepted, 3), (NotStored, 3)]),
            (Some(&accepted), &accepted_again, &[(Accepted, 3)]),
            (Some(&put), &failed, &[(Failed, 3)]),
            (Some(&failed), &failed_again, &[(Failed, 3)]),
            (Some(&failed), &put, &[]),
            (Some(&accepted), &superseded, &[(Superseded, 3)]),
            (Some(&superseded), &put_again, &[]),
            (Some(&accepted), &undone, &[(Undone, 3)]),
            (Some(&undone), &undone, &[]),
            (Some(&undone), &put_after, &[]),
        ];
        for (old, new, expected) in cases {
            assert_eq!(kinds(old, new), expected, "{old:?} {new:?}");
        }
        assert_eq!(events_of(&change(Some(accepted), None)), [], "a removal is no outcome");
    }

    #[test]
    fn an_event_has_ids_and_codes_and_the_name_of_a_custom_field_stays_here() {
        let new = RecordFacts {
            version: 3,
            ghl_id: Some("ghl1".parse().unwrap()),
            import: Some("imp1".to_owned()),
            accepted_version: Some(2),
            accepted_at: Some(EpochMs(1_795_000_000_123)),
            not_stored: vec!["customFields.salary of Ann".to_owned(), "customFields.b".to_owned(), "phone".to_owned()],
            failed_at: Some(EpochMs(1_795_000_000_124)),
            last_error: Some(OutcomeError { code: "REJECTED".to_owned(), status: Some(422) }),
            ..RecordFacts::default()
        };
        let told: Vec<serde_json::Value> = events_of(&change(None, Some(new)))
            .iter()
            .map(|event| serde_json::from_str(&event.to_json()).unwrap())
            .collect();
        let about = |version: u64, more: serde_json::Value| {
            let mut about = serde_json::json!({ "location_id": "loc", "record": { "kind": "contact", "id": "42" },
                "version": version, "ghl_id": "ghl1", "import": "imp1" });
            about.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            about
        };
        assert_eq!(told[0]["data"], about(2, serde_json::json!({})));
        assert_eq!(told[1]["data"], about(2, serde_json::json!({ "fields": ["customFields", "phone"] })));
        let error = serde_json::json!({ "error": { "code": "REJECTED", "status": 422 } });
        assert_eq!(told[2]["data"], about(3, error));
        assert_eq!(
            (&told[2]["type"], &told[2]["timestamp"]),
            (&"record.failed".into(), &"2026-11-18T11:06:40.124Z".into())
        );
        let ids: std::collections::BTreeSet<_> = told.iter().map(|event| event["id"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), 3);
        assert!(ids.iter().all(|id| id.starts_with("evt_") && id.len() == 36), "{ids:?}");
    }

    #[test]
    fn what_is_sent_together_has_each_record_once() {
        let [ann, bob]: [RecordKey; 2] = ["contact#ann", "contact#bob"].map(|key| key.parse().unwrap());
        for (keys, most, expected) in [
            (Vec::<&RecordKey>::new(), 10, 0),
            (vec![&ann], 10, 1),
            (vec![&ann, &ann], 10, 1),
            (vec![&ann, &bob, &ann], 10, 2),
            (vec![&ann, &bob], 1, 1),
            (vec![&ann, &bob], 10, 2),
        ] {
            assert_eq!(sendable(&keys, most), expected, "{keys:?}");
        }
    }

    #[test]
    fn a_delivery_is_tried_for_three_days_and_never_hidden_longer_than_sqs_can() {
        let all: u64 = RESTS.iter().sum();
        assert!((3 * 24 * HOUR - 2 * HOUR..=3 * 24 * HOUR + 2 * HOUR).contains(&all), "{} h", all / HOUR);
        for tries in 0..100 {
            assert!(backoff(tries, 1.0) <= Duration::from_secs(12 * HOUR));
            assert!(backoff(tries, 0.0) <= backoff(tries + 1, 0.0));
        }
    }
}
