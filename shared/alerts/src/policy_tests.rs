#![allow(clippy::unwrap_used, reason = "tests")]

use std::collections::BTreeSet;

use proptest::collection::{btree_map, vec};
use proptest::prelude::*;

use super::*;

const START: EpochMs = EpochMs(1_795_000_000_000);
const MINUTE: Duration = Duration::from_secs(60);
const RULES: AlertRules = AlertRules { percent: 5, minimum: 20 };

fn id(name: &str) -> LocationId {
    LocationId::new(name).unwrap()
}

fn share(failed: u64, ended: u64) -> Share {
    Share { failed, ended }
}

fn trouble(name: &str, kind: AlertKind) -> AlertFindings {
    AlertFindings { troubles: vec![(id(name), kind, None)], ..AlertFindings::default() }
}

fn failures(of: &[(&str, Share)], total: Share) -> AlertFindings {
    AlertFindings {
        failures: of.iter().map(|(name, share)| (id(name), *share)).collect(),
        total,
        ..AlertFindings::default()
    }
}

/// Location and kind of each alert.
fn about(alerts: &[Alert]) -> Vec<(Option<&str>, AlertKind)> {
    alerts.iter().map(|alert| (alert.location.as_ref().map(LocationId::as_str), alert.kind)).collect()
}

#[test]
fn failures_are_too_many_from_the_share_and_the_number_on_that_are_set() {
    let table = [
        (share(1, 19), false),
        (share(1, 20), true),
        (share(1, 21), false),
        (share(0, 500), false),
        (share(19, 19), false),
        (share(25, 500), true),
        (share(24, 500), false),
        (share(u64::MAX / 2, u64::MAX), true),
    ];
    for (share, too_many) in table {
        assert_eq!(RULES.are_too_many(share), too_many, "{share:?}");
    }
}

#[test]
fn one_bad_record_among_three_hundred_locations_tells_nobody_and_many_in_one_location_name_it() {
    let quiet: Vec<(String, Share)> = (0..300).map(|n| (format!("loc{n}"), share(u64::from(n == 7), 10))).collect();
    let quiet: Vec<(&str, Share)> =
        quiet.iter().filter(|(_, it)| it.failed > 0).map(|(name, it)| (name.as_str(), *it)).collect();
    let base = judge(&AlertState::default(), &failures(&[], share(0, 0)), &RULES, START);
    let change = judge(&base.watch, &failures(&quiet, share(1, 3000)), &RULES, START + 5 * MINUTE);
    assert_eq!((about(&change.begun), about(&change.over)), (vec![], vec![]));

    let loud = failures(&[("loc7", share(30, 100)), ("loc8", share(1, 500))], share(32, 3600));
    let change = judge(&change.watch, &loud, &RULES, START + 10 * MINUTE);
    assert_eq!(about(&change.begun), [(Some("loc7"), AlertKind::Failures)], "and nothing of all together");
    assert_eq!(change.begun[0].share, Some(share(30, 100)));
}

#[test]
fn failures_that_are_spread_thin_are_told_of_all_locations_together() {
    let many: Vec<(String, Share)> = (0..30).map(|n| (format!("loc{n}"), share(1, 10))).collect();
    let many: Vec<(&str, Share)> = many.iter().map(|(name, it)| (name.as_str(), *it)).collect();
    let base = judge(&AlertState::default(), &failures(&[], share(10, 100_000)), &RULES, START);
    let change = judge(&base.watch, &failures(&many, share(40, 100_300)), &RULES, START + 5 * MINUTE);
    assert_eq!(about(&change.begun), [(None, AlertKind::Failures)]);
    assert_eq!(change.begun[0].share, Some(share(30, 300)), "what was before the hour does not count");
    let later = judge(&change.watch, &failures(&[], share(40, 100_300)), &RULES, START + 70 * MINUTE);
    assert_eq!(about(&later.over), [(None, AlertKind::Failures)]);
}

#[test]
fn a_breaker_is_told_of_once_it_has_lasted_and_a_refused_token_at_once() {
    let seen = trouble("a", AlertKind::Breaker);
    let mut watch = AlertState::default();
    for (minute, told) in [(0, 0), (5, 0), (10, 1), (15, 0)] {
        let change = judge(&watch, &seen, &RULES, START + minute * MINUTE);
        assert_eq!(change.begun.len(), told, "after {minute} min");
        watch = change.watch;
    }
    let over = judge(&watch, &AlertFindings::default(), &RULES, START + 20 * MINUTE);
    assert_eq!((about(&over.over), over.over[0].since), (vec![(Some("a"), AlertKind::Breaker)], START));
    let short = judge(&AlertState::default(), &seen, &RULES, START);
    let closed = judge(&short.watch, &AlertFindings::default(), &RULES, START + 5 * MINUTE);
    assert_eq!((closed.over, closed.watch.alerts), (vec![], vec![]), "what was not told does not end");
    assert_eq!(judge(&AlertState::default(), &trouble("a", AlertKind::Credentials), &RULES, START).begun.len(), 1);
}

#[test]
fn an_alert_of_failures_goes_on_until_the_share_is_half_of_what_began_it() {
    let mut watch = AlertState::default();
    let of = |failed, ended| failures(&[("a", share(failed, ended))], share(0, 0));
    for (number, (found, begun, over)) in
        [(of(5, 100), 1, 0), (of(4, 100), 0, 0), (of(3, 100), 0, 0), (of(2, 100), 0, 1), (of(4, 100), 0, 0)]
            .into_iter()
            .enumerate()
    {
        let change = judge(&watch, &found, &RULES, START + number as u32 * 5 * MINUTE);
        assert_eq!((change.begun.len(), change.over.len()), (begun, over), "{number}");
        watch = change.watch;
    }
}

#[test]
fn more_alerts_than_there_is_room_for_are_counted_and_those_that_were_told_stay() {
    let troubles = |from: usize, to: usize| AlertFindings {
        troubles: (from..to).map(|n| (id(&format!("loc{n:05}")), AlertKind::Credentials, None)).collect(),
        ..AlertFindings::default()
    };
    let first = judge(&AlertState::default(), &troubles(1000, 1100), &RULES, START);
    assert_eq!((first.begun.len(), first.more), (100, 0));
    let all = judge(&first.watch, &troubles(0, 5000), &RULES, START + MINUTE);
    assert_eq!((all.begun.len(), all.more, all.over.len()), (MOST - 100, 5000 - MOST, 0));
    let size = serde_json::to_string(&all.watch).unwrap().len();
    assert!(size < 200_000, "an item holds 400 KB: {size}");
}

/// A check, some time after the previous one.
#[derive(Debug, Clone)]
struct Look {
    after: Duration,
    found: AlertFindings,
}

fn looks() -> impl Strategy<Value = Vec<Look>> {
    let kind = prop_oneof![Just(AlertKind::Credentials), Just(AlertKind::Breaker), Just(AlertKind::Throttled)];
    let name = |n: u8| id(&format!("loc{n}"));
    let troubles = btree_map(0..4u8, kind, 0..4)
        .prop_map(move |of| of.into_iter().map(|(n, kind)| (name(n), kind, None)).collect::<Vec<_>>());
    let failures = btree_map(0..4u8, (0..40u64, 0..400u64), 0..4).prop_map(move |of| {
        of.into_iter().map(|(n, (failed, more))| (name(n), share(failed, failed + more))).collect::<Vec<_>>()
    });
    let more = (0..50u64, 0..500u64).prop_map(|(failed, accepted)| share(failed, failed + accepted));
    // Random totals stand in for the counts of ended records.
    let found =
        (troubles, failures, more).prop_map(|(troubles, failures, total)| AlertFindings { troubles, failures, total });
    let look = (0..40u32, found).prop_map(|(minutes, found)| Look { after: minutes * MINUTE, found });
    vec(look, 1..30).prop_map(|mut looks| {
        let mut total = Share::default();
        for look in &mut looks {
            total = total.and(look.found.total);
            look.found.total = total;
        }
        looks
    })
}

proptest! {
    /// Each alert is announced in turn once when it begins and once when it ends, and no announced alert is forgotten
    /// before its end is announced.
    #[test]
    fn what_has_begun_is_over_before_it_begins_again(looks in looks()) {
        let (mut watch, mut now) = (AlertState::default(), START);
        let mut on: BTreeSet<(Option<LocationId>, AlertKind)> = BTreeSet::new();
        for Look { after, found } in looks {
            now = now + after;
            let change = judge(&watch, &found, &RULES, now);
            for alert in &change.over {
                prop_assert!(on.remove(&(alert.location.clone(), alert.kind)), "{alert:?} was not on");
            }
            for alert in &change.begun {
                prop_assert!(on.insert((alert.location.clone(), alert.kind)), "{alert:?} was on");
                prop_assert!(now.since(alert.since) >= alert.kind.patience());
            }
            let known: BTreeSet<_> = change.watch.alerts.iter().filter(|it| it.told)
                .map(|it| (it.location.clone(), it.kind)).collect();
            prop_assert_eq!(&known, &on);
            prop_assert!(change.watch.sums.len() < 20, "an hour of sums, and no more");
            watch = change.watch;
        }
    }
}
