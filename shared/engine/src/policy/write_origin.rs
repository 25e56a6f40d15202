//! Decides whether a state that GHL reports is only our own write coming back.

use serde::Serialize;
use std::time::Duration;
use strum::IntoStaticStr;

use super::comparison::{all_same, compared};
use ghl_sync_model::{EpochMs, KnownState, Payload};

/// How far GHL's clock may be behind ours. GHL also accepts a call before we have its answer.
const EARLY: Duration = Duration::from_secs(15);
/// A write's event happens at most this long after we have the answer.
const LATE: Duration = Duration::from_secs(60);

/// Who caused a known state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, Serialize)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum WriteOrigin {
    /// Our own write.
    OwnWrite,
    /// Somebody else changed the record in GHL since our write.
    Elsewhere,
}

impl WriteOrigin {
    /// The origin as reports write it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The origin of `known`, if `accepted` is the last content that GHL accepted from us, at `accepted_at`.
///
/// An event does not say who caused it. It is our own if it happened at the time of our write *and* has our value in
/// each field that we sent. GHL rewrites some values (letter case, white space, the form of phone numbers), so those
/// are compared loosely; fields that events do not show (gender, time zone) are not compared. In doubt the origin is
/// [`WriteOrigin::Elsewhere`].
#[must_use]
pub fn origin(accepted: &Payload, accepted_at: EpochMs, known: &KnownState) -> WriteOrigin {
    let in_time = accepted_at - EARLY <= known.at && known.at <= accepted_at + LATE;
    let same = known.content.as_ref().and_then(|theirs| compared(accepted, theirs)).is_some_and(|all| all_same(&all));
    if in_time && same { WriteOrigin::OwnWrite } else { WriteOrigin::Elsewhere }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::{Kind, RemoteContent};

    const WRITTEN: EpochMs = EpochMs(1_795_262_400_000);

    fn origin_of(kind: Kind, ours: &str, theirs: &str, at: EpochMs) -> WriteOrigin {
        let ours = Payload::from_json(kind, ours).unwrap();
        let content = Some(RemoteContent::from_json(kind, theirs).unwrap());
        let known = KnownState { at, event_id: "e".parse().unwrap(), content, deleted_at: None, keep_until: None };
        origin(&ours, WRITTEN, &known)
    }

    #[test]
    fn an_event_at_the_time_of_our_write_that_shows_what_we_wrote_is_our_own() {
        use WriteOrigin::{Elsewhere, OwnWrite};
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
        assert_eq!(origin_of(Kind::Contact, ours, theirs, WRITTEN), WriteOrigin::OwnWrite);
    }

    #[test]
    fn an_opportunity_is_compared_by_what_we_sent() {
        let ours = r#"{"contactId":"c","pipelineId":"p","name":"Roof","status":"won","monetaryValue":10}"#;
        let theirs = |value: &str| {
            format!(
                r#"{{"contactId":"c","pipelineId":"p","pipelineStageId":"s","name":"Roof","status":"won","monetaryValue":{value}}}"#
            )
        };
        assert_eq!(origin_of(Kind::Opportunity, ours, &theirs("10.0"), WRITTEN), WriteOrigin::OwnWrite);
        assert_eq!(origin_of(Kind::Opportunity, ours, &theirs("11"), WRITTEN), WriteOrigin::Elsewhere);
    }

    #[test]
    fn a_deletion_is_never_our_own() {
        let ours = Payload::from_json(Kind::Contact, r#"{"email":"a@b.c"}"#).unwrap();
        let known = KnownState {
            at: WRITTEN,
            event_id: "e".parse().unwrap(),
            content: None,
            deleted_at: Some(WRITTEN),
            keep_until: None,
        };
        assert_eq!(origin(&ours, WRITTEN, &known), WriteOrigin::Elsewhere);
    }
}
