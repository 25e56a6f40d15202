//! Decides when reconciling may use quota, and who wins when GHL and we differ.

use std::time::Duration;

use ghl_sync_engine::policy::comparison::{self, all_same};
use ghl_sync_engine::policy::{has_unsent_opt_out, without_consent};
use ghl_sync_limiter::{Gate, Rules, WaitReason};
use ghl_sync_model::{
    Conflict, Contact, ContentHash, EpochMs, LocationSettings, Payload, Priority, Record, Resolution, Undo,
};

/// Work that starts or is due within this time goes first.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// The share of a day's calls that is reserved for all other work: one in this many.
const KEPT_SHARE: u64 = 2;
/// How far GHL's clock may be ahead of ours: a change this soon after our write counts as that write.
const OWN_WRITE: Duration = Duration::from_secs(15);

/// Whether, as far as the gate shows, no other work of the scope needs its quota now: no batch is running or about to,
/// no pause or breaker blocks calls, and at least half of the day's calls are left.
#[must_use]
pub fn has_quota_to_spare(gate: &Gate, now: EpochMs, rules: &Rules) -> bool {
    let planned = gate.live_plan(now).is_some_and(|plan| plan.starts_at <= now + SOON);
    let at_work = gate.live_run(now).is_some() || planned;
    let open = matches!(gate.opening(now, rules).reason, None | Some(WaitReason::Pace)) && gate.breaker().is_closed();
    let limit = gate.daily_limit(rules);
    let left = gate.daily_left_for(now, Priority::Low, rules);
    !at_work && open && left >= limit / KEPT_SHARE
}

/// The conflict rule for `record`: the location's, if somebody set it; else the producer's, once GHL has accepted the
/// record; else the location's default.
#[must_use]
pub fn rule_for(settings: &LocationSettings, record: &Record) -> Conflict {
    let of_record = record.conflict.filter(|_| !settings.conflict_is_set && record.accepted_version.is_some());
    of_record.unwrap_or(settings.conflict)
}

/// Decides about `record`, whose contact GHL shows as `theirs`, last changed at `changed_at`; `None` if it stays as it
/// is. Only fields that the record sets are compared, in GHL's form. Consent (`dnd`, `dndSettings`) is not compared: it
/// makes nothing due, and GHL's consent always stands.
///
/// A record with an unsent opt-out is not superseded, so the opt-out goes out. A record that failed or was part of a
/// dry run is left to a person, and one that is to be deleted is deleted. One whose content was dropped cannot be
/// compared, and one whose import is undone is not sent again. A due record is sent anyway, unless GHL's content wins.
#[must_use]
pub fn resolve(rule: Conflict, record: &Record, theirs: &Contact, changed_at: EpochMs) -> Option<Resolution> {
    let Payload::Contact(ours) = &record.payload else { return None };
    let is_left = record.failed_at.is_some() || record.dry_run.is_some() || record.content_dropped_at.is_some();
    let is_undone = matches!(record.undo, Some(Undo::Asked { .. } | Undo::Done(_)));
    if is_left || record.deletion || is_undone {
        return None;
    }
    let ours = &without_consent(ours);
    let compared = comparison::contact(ours, theirs);
    if all_same(&compared) {
        let decided = record.overruled.is_some() || record.superseded_at.is_some();
        return (decided && record.due_at.is_none()).then_some(Resolution::Agree);
    }
    if !changed_elsewhere(record, changed_at) {
        return None;
    }
    let ours_stands = match rule {
        Conflict::Ours => true,
        Conflict::Theirs => false,
        Conflict::Newest => record.put_at.is_some_and(|put_at| put_at >= changed_at),
    };
    if !ours_stands {
        if has_unsent_opt_out(record, theirs) {
            return None;
        }
        return record.superseded_at.is_none().then_some(Resolution::Supersede { changed_at });
    }
    let shown: Vec<&str> = compared.iter().map(|compared| compared.shown.as_str()).collect();
    let overruled = ContentHash::of(shown.join("\n").as_bytes());
    let is_new = record.due_at.is_none() && record.overruled != Some(overruled);
    is_new.then_some(Resolution::Resend { overruled })
}

/// The record whose content GHL took last, among those that GHL has as one contact: only that record can be in conflict
/// with GHL. Our own writes overwrote the others, and sending one of them again would only overwrite this one.
#[must_use]
pub fn last_accepted(records: Vec<Record>) -> Option<Record> {
    records.into_iter().max_by(|a, b| (a.accepted_at, a.put_at, &a.key).cmp(&(b.accepted_at, b.put_at, &b.key)))
}

/// Whether the change is later than our last write and our last decision.
fn changed_elsewhere(record: &Record, changed_at: EpochMs) -> bool {
    let ours_at = record.accepted_at.or(record.put_at).map(|at| at + OWN_WRITE);
    ours_at.is_none_or(|at| changed_at > at) && record.superseded_at.is_none_or(|at| changed_at > at)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::{Kind, put_once};

    const ACCEPTED: EpochMs = EpochMs(1_795_262_400_000);

    fn record(json: &str) -> Record {
        let payload = Payload::from_json(Kind::Contact, json).unwrap();
        Record {
            put_at: Some(ACCEPTED - Duration::from_secs(1)),
            ghl_id: Some("G1".parse().unwrap()),
            accepted_version: Some(1),
            accepted_hash: Some(payload.hash()),
            accepted_at: Some(ACCEPTED),
            ..put_once("contact#a", payload)
        }
    }

    fn ann() -> Record {
        record(r#"{"firstName":"Ann","email":"ann@example.com"}"#)
    }

    fn shown(json: &str) -> Contact {
        serde_json::from_str(json).unwrap()
    }

    fn bob() -> Contact {
        shown(r#"{"firstName":"Bob","email":"ann@example.com","city":"Ulm"}"#)
    }

    fn later(seconds: u64) -> EpochMs {
        ACCEPTED + Duration::from_secs(seconds)
    }

    #[test]
    fn the_location_s_rule_says_who_wins_where_somebody_else_changed_a_field_of_ours() {
        let changed_at = later(60);
        let resend = |resolution| matches!(resolution, Some(Resolution::Resend { .. }));
        assert!(resend(resolve(Conflict::Ours, &ann(), &bob(), changed_at)));
        for rule in [Conflict::Theirs, Conflict::Newest] {
            assert_eq!(
                resolve(rule, &ann(), &bob(), changed_at),
                Some(Resolution::Supersede { changed_at }),
                "{rule:?}"
            );
        }
        // Both sides have changed: the record was put again and has not gone out yet.
        for (put_at, newest_is_ours) in [(later(59), false), (later(61), true)] {
            let due = Record { put_at: Some(put_at), due_at: Some(later(3600)), version: 2, ..ann() };
            assert_eq!(resolve(Conflict::Ours, &due, &bob(), changed_at), None, "it is sent anyway");
            assert_eq!(resolve(Conflict::Theirs, &due, &bob(), changed_at), Some(Resolution::Supersede { changed_at }));
            assert_eq!(resolve(Conflict::Newest, &due, &bob(), changed_at).is_none(), newest_is_ours);
        }
    }

    #[test]
    fn consent_makes_nothing_due_and_an_opt_out_that_has_not_gone_out_yet_is_not_superseded() {
        let opted_in = record(
            r#"{"firstName":"Ann","email":"ann@example.com","dnd":false,
            "dndSettings":{"SMS":{"status":"inactive"}}}"#,
        );
        let opted_out = shown(
            r#"{"firstName":"Ann","email":"ann@example.com","dnd":true,
            "dndSettings":{"SMS":{"status":"active"}}}"#,
        );
        for rule in [Conflict::Ours, Conflict::Theirs, Conflict::Newest] {
            assert_eq!(resolve(rule, &opted_in, &opted_out, later(60)), None, "{rule:?}");
        }
        for out in [r#""dnd":true"#, r#""dndSettings":{"SMS":{"status":"active"}}"#] {
            let ours = record(&format!(r#"{{"firstName":"Ann","email":"ann@example.com",{out}}}"#));
            let due = Record { due_at: Some(later(3600)), version: 2, ..ours.clone() };
            assert_eq!(resolve(Conflict::Theirs, &due, &bob(), later(60)), None, "{out}");
            // GHL has the opt-out, from this record or from somebody else.
            let bob_out = Contact { dnd: opted_out.dnd, dnd_settings: opted_out.dnd_settings.clone(), ..bob() };
            let superseded = Some(Resolution::Supersede { changed_at: later(60) });
            assert_eq!(resolve(Conflict::Theirs, &due, &bob_out, later(60)), superseded, "{out}");
            assert_eq!(resolve(Conflict::Theirs, &ours, &bob(), later(60)), superseded, "{out}");
        }
    }

    #[test]
    fn who_put_a_record_says_who_wins_once_it_is_accepted_unless_the_location_s_rule_was_set() {
        let (_, default) = ghl_sync_testkit::Setup::settings("loc").unwrap();
        let set = LocationSettings { conflict_is_set: true, ..default.clone() };
        let migrated = Record { conflict: Some(Conflict::Theirs), ..ann() };
        let on_its_way = Record { accepted_version: None, ..migrated.clone() };
        assert_eq!(rule_for(&default, &migrated), Conflict::Theirs);
        assert_eq!(rule_for(&default, &ann()), Conflict::Ours);
        assert_eq!(rule_for(&default, &on_its_way), Conflict::Ours);
        assert_eq!(rule_for(&set, &migrated), Conflict::Ours);
    }

    #[test]
    fn a_change_that_is_our_own_write_or_of_other_fields_or_mere_form_decides_nothing() {
        let same = shown(r#"{"firstName":" ann","email":"ANN@example.com","city":"Ulm","tags":["x"]}"#);
        for rule in [Conflict::Ours, Conflict::Theirs, Conflict::Newest] {
            assert_eq!(resolve(rule, &ann(), &bob(), later(15)), None, "at the time of our own write");
            assert_eq!(resolve(rule, &ann(), &same, later(3600)), None);
        }
    }

    #[test]
    fn what_was_overruled_once_is_not_overruled_again_until_both_agreed_in_between() {
        let Some(Resolution::Resend { overruled }) = resolve(Conflict::Ours, &ann(), &bob(), later(60)) else {
            panic!()
        };
        let sent_again = Record { overruled: Some(overruled), accepted_at: Some(later(100)), ..ann() };
        assert_eq!(resolve(Conflict::Ours, &sent_again, &bob(), later(200)), None);
        let other = shown(r#"{"firstName":"Eve","email":"ann@example.com"}"#);
        assert!(resolve(Conflict::Ours, &sent_again, &other, later(200)).is_some());
        let same = shown(r#"{"firstName":"Ann","email":"ann@example.com"}"#);
        assert_eq!(resolve(Conflict::Ours, &sent_again, &same, later(101)), Some(Resolution::Agree));
    }

    #[test]
    fn a_superseded_record_stays_so_until_somebody_restores_its_content() {
        let superseded = Record { superseded_at: Some(later(60)), ..ann() };
        assert_eq!(resolve(Conflict::Theirs, &superseded, &bob(), later(120)), None);
        assert_eq!(resolve(Conflict::Ours, &superseded, &bob(), later(60)), None, "no change since");
        assert!(resolve(Conflict::Ours, &superseded, &bob(), later(61)).is_some());
        let same = shown(r#"{"firstName":"Ann","email":"ann@example.com"}"#);
        assert_eq!(resolve(Conflict::Theirs, &superseded, &same, later(120)), Some(Resolution::Agree));
    }

    #[test]
    fn of_several_records_of_one_contact_the_one_that_was_accepted_last_stands_for_it() {
        let other = |key: &str, accepted_at| Record { key: key.parse().unwrap(), accepted_at, ..ann() };
        let never = other("contact#never", None);
        let due = Record { put_at: Some(later(900)), due_at: Some(later(900)), ..other("contact#due", Some(later(5))) };
        let last = other("contact#last", Some(later(7)));
        let records = vec![ann(), never.clone(), last.clone(), due];
        assert_eq!(last_accepted(records), Some(last));
        assert_eq!(last_accepted(vec![never.clone()]), Some(never));
        assert_eq!(last_accepted(Vec::new()), None);
    }

    #[test]
    fn records_that_failed_or_were_not_sent_are_left_to_a_person() {
        let failed = Record { failed_at: Some(ACCEPTED), ..ann() };
        let shown = Record { dry_run: Some(String::new()), ..ann() };
        for record in [failed, shown] {
            assert_eq!(resolve(Conflict::Theirs, &record, &bob(), later(60)), None);
        }
    }
}
