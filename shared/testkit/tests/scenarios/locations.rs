//! Listing locations, changing them together, and removing them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Clock, LocationRegistry};
use ghl_sync_engine::standing::LocationState;
use ghl_sync_model::{
    CredentialsKind, KnownCredentials, LocationFacts, LocationId, LocationProfile, Reach, ReportedFacts,
    SettingsOverlay,
};
use ghl_sync_operate::{
    CredentialsEnd, ListedLocations, LocationFilter, OverviewPage, PutSettingsError, Removal, SettingsChange,
};
use ghl_sync_testkit::{CallFault, Op, PortFault, Setup, World, block_on_paused};

use crate::fixtures::{HOUR, MINUTE, SECOND, contact, contacts, each_await, exact, loc};

const DAY: Duration = Duration::from_secs(86_400);

fn id(number: usize) -> LocationId {
    LocationId::new(format!("l{number:04}")).unwrap()
}

/// `count` locations besides the one of the fixtures.
fn with_locations(count: usize) -> Arc<World> {
    let mut setup = exact();
    setup.locations.extend((0..count).filter_map(|number| Setup::settings(id(number).as_str())));
    setup.start()
}

fn change(location: LocationId, change: impl Fn(&mut SettingsOverlay) + Send + Sync + 'static) -> SettingsChange {
    let change = Box::new(move |set: &SettingsOverlay| {
        let mut set = set.clone();
        change(&mut set);
        Ok(set)
    });
    SettingsChange { location, expected: None, change, is_written_anyway: false }
}

fn tagged(location: LocationId, tag: &'static str) -> SettingsChange {
    change(location, move |set| set.tags = Some(vec![tag.to_owned()]))
}

/// All locations that match a filter, read in pages of `limit`, and the most that a page looked at.
async fn listed(world: &World, filter: &LocationFilter, limit: usize) -> (Vec<String>, usize) {
    let (mut ids, mut most, mut after) = (Vec::new(), 0, None);
    loop {
        let page: ListedLocations = world.operator().locations(filter, after, limit).await.unwrap();
        assert!(page.locations.len() <= limit);
        ids.extend(page.locations.into_iter().map(|location| location.id.to_string()));
        most = most.max(page.looked_at);
        after = page.next;
        if after.is_none() {
            return (ids, most);
        }
    }
}

#[test]
fn a_list_has_each_location_once_and_no_page_looks_at_more_than_five_hundred() {
    block_on_paused(async {
        let world = with_locations(1_200);
        let mut expected: Vec<String> = (0..1_200).map(|number| id(number).to_string()).collect();
        expected.push("loc".to_owned());
        for limit in [7, 100, 200] {
            let (ids, most) = listed(&world, &LocationFilter::default(), limit).await;
            assert!(ids == expected, "{limit}: {} of {}", ids.len(), expected.len());
            assert!(most <= limit.next_multiple_of(100), "{most} looked at for {limit}");
        }
        world.operator().change_settings(vec![tagged(id(7), "rare"), tagged(id(1_150), "rare")]).await;
        let rare = LocationFilter { tag: Some("RARE".to_owned()), ..LocationFilter::default() };
        let first = world.operator().locations(&rare, None, 50).await.unwrap();
        assert_eq!((first.locations.len(), first.looked_at, first.next), (1, 500, Some(id(499))));
        assert_eq!(listed(&world, &rare, 50).await.0, ["l0007", "l1150"]);
        // A key that is bound to locations sees only these, and only if they are known.
        let own: BTreeSet<LocationId> = [id(3), id(900), LocationId::new("nobody").unwrap()].into();
        let bound_to = |locations: BTreeSet<LocationId>, tags: &[&str]| {
            let tags = tags.iter().map(|tag| (*tag).to_owned()).collect();
            LocationFilter { own: Some(Arc::new(Reach { locations, tags })), ..LocationFilter::default() }
        };
        assert_eq!(listed(&world, &bound_to(own.clone(), &[]), 1).await.0, ["l0003", "l0900"]);
        // A key that is also bound to a tag sees the locations with the tag. A page reveals nothing of others except
        // where it ended.
        for limit in [1, 50] {
            assert_eq!(
                listed(&world, &bound_to(own.clone(), &["Rare"]), limit).await.0,
                ["l0003", "l0007", "l0900", "l1150"]
            );
        }
        let first = world.operator().locations(&bound_to(BTreeSet::new(), &["rare"]), None, 50).await.unwrap();
        assert_eq!((first.locations.len(), first.looked_at), (1, 1));
        assert_eq!(first.next, LocationId::new("l049").ok(), "a place, and no id of somebody else's");
    });
}

/// The standing is stored after the settings. If that fails, it still has the old tags.
#[test]
fn who_is_bound_to_a_tag_sees_nobody_who_has_lost_it_whatever_was_written_down() {
    block_on_paused(async {
        let world = with_locations(3);
        let (operator, registry) = (world.operator(), &world.engine.ports().registry);
        operator.change_settings(vec![tagged(id(0), "dental"), tagged(id(1), "dental")]).await;
        for number in 0..2 {
            operator.pause(&id(number), None, None).await.unwrap();
        }
        let reach = Reach { tags: ["Dental".to_owned()].into(), ..Reach::default() };
        let page = OverviewPage { own: Some(Arc::new(reach.clone())), ..OverviewPage::default() };
        let seen = async || {
            let overview = operator.overview(&page).await.unwrap();
            assert_eq!(overview.summary.locations, overview.locations.len() as u64);
            let series = operator.series(Some(&reach)).await.unwrap().locations.into_iter();
            let mut series: Vec<String> = series.map(|location| location.location.id.to_string()).collect();
            let health = operator.health(Some(&reach)).await.unwrap().locations.into_iter();
            let mut health: Vec<String> = health.map(|location| location.id.to_string()).collect();
            let overview = overview.locations.into_iter();
            let mut overview: Vec<String> = overview.map(|location| location.location.id.to_string()).collect();
            for ids in [&mut series, &mut health, &mut overview] {
                ids.sort();
            }
            assert!(series == overview && health == overview, "{series:?} {health:?} {overview:?}");
            overview
        };
        assert_eq!(seen().await, ["l0000", "l0001"]);
        let stored = registry.stored(&id(0)).await.unwrap().unwrap();
        let untagged = SettingsOverlay { tags: None, ..stored.overlay };
        registry.store(&id(0), stored.rev, &untagged).await.unwrap();
        assert_eq!(seen().await, ["l0001"], "its standing still has the tag");
        assert!(!operator.reaches(&reach, &id(0)).await.unwrap() && operator.reaches(&reach, &id(1)).await.unwrap());
    });
}

#[test]
fn locations_are_found_by_what_they_do_what_they_are_called_and_when_their_credentials_end() {
    block_on_paused(async {
        let world = with_locations(4);
        let operator = world.operator();
        let end = world.clock.now() + 20 * DAY;
        let known = |expires_at| {
            let kind = CredentialsKind::Oauth;
            Some(KnownCredentials { reference: "env:GHL_TOKEN".parse().unwrap(), kind, expires_at })
        };
        let profile = |name: &str, expires_at| LocationProfile {
            name: Some(name.to_owned()),
            company: Some("Acme GmbH".to_owned()),
            credentials: known(expires_at),
            ..LocationProfile::default()
        };
        world.items.keep(&id(0), &profile("Praxis Süd", Some(end)));
        world.items.keep(&id(1), &profile("Praxis Nord", None));
        let changes = vec![
            change(id(1), move |set| set.credentials_expire_at = Some(end + 100 * DAY)),
            change(id(2), |set| set.enabled = Some(false)),
            change(id(3), |set| set.name = Some("Desk".to_owned())),
        ];
        assert!(operator.change_settings(changes).await.iter().all(Result::is_ok));
        operator.pause(&id(3), None, None).await.unwrap();
        let found = async |filter: LocationFilter| listed(&world, &filter, 50).await.0;
        let none = LocationFilter::default;
        let text = |text: &str| LocationFilter { text: Some(text.to_owned()), ..none() };
        assert_eq!(found(text("SÜD")).await, ["l0000"]);
        assert_eq!(found(text("acme")).await, ["l0000", "l0001"]);
        assert_eq!(found(text("desk")).await, ["l0003"]);
        let state = |state| LocationFilter { state: Some(state), ..none() };
        assert_eq!(found(state(LocationState::Stopped)).await, ["l0002"]);
        assert_eq!(found(state(LocationState::Paused)).await, ["l0003"]);
        assert_eq!(found(LocationFilter { in_trouble: Some(true), ..none() }).await, ["l0003"]);
        let within = |days| LocationFilter { expires_within: Some(DAY * days), ..none() };
        assert!(found(within(19)).await.is_empty());
        assert_eq!(found(within(20)).await, ["l0000"]);
        assert_eq!(found(within(200)).await, ["l0000", "l0001"]);
        // Facts about other credentials do not count.
        let rotated = vec![change(id(0), |set| set.credentials = Some("ssm:/new".parse().unwrap()))];
        operator.change_settings(rotated).await;
        assert!(found(within(20)).await.is_empty());
        let page = operator.locations(&none(), None, 10).await.unwrap();
        let end_of = |at: usize| {
            let location = &page.locations[at];
            CredentialsEnd::of(&location.stored.effective(), location.profile.as_ref(), page.time)
        };
        assert_eq!((end_of(0).kind, end_of(0).days_left), (None, None));
        assert_eq!((end_of(1).kind, end_of(1).days_left), (Some(CredentialsKind::Oauth), Some(119)));
        // The overview has the names, too, including ours.
        let page = |text: &str| OverviewPage { text: Some(text.to_owned()), ..OverviewPage::default() };
        let overview = operator.overview(&page("desk")).await.unwrap();
        assert_eq!(overview.locations.len(), 1);
        assert_eq!(overview.locations[0].location.name.as_deref(), Some("Desk"));
        let overview = operator.overview(&page("l0001")).await.unwrap();
        assert_eq!(overview.locations[0].location.name.as_deref(), Some("Praxis Nord"));
    });
}

#[test]
fn many_changes_are_one_wait_and_a_wrong_one_spoils_no_other() {
    block_on_paused(async {
        let world = with_locations(100);
        let started = world.clock.now();
        let mut changes: Vec<SettingsChange> =
            (0..100).map(|number| change(id(number), |set| set.dry_run = Some(true))).collect();
        changes[7] = change(id(7), |set| set.daily_limit = Some(0));
        changes[8] = SettingsChange { expected: Some(9), ..tagged(id(8), "a") };
        changes[9].location = LocationId::new("nobody").unwrap();
        let done = world.operator().change_settings(changes).await;
        assert!(world.clock.now().since(started) < 3 * SECOND, "they wait together");
        let wrong: Vec<usize> = (0..100).filter(|number| done[*number].is_err()).collect();
        assert_eq!(wrong, [7, 8, 9]);
        assert!(matches!(&done[7], Err(PutSettingsError::Settings(wrong)) if wrong.field == "daily_limit"));
        assert!(matches!(&done[8], Err(PutSettingsError::Changed { current: 0 })));
        assert!(matches!(&done[9], Err(PutSettingsError::Unknown(_))));
        assert!(done.iter().flatten().all(|changed| changed.is_written && changed.view.rev == 1));
        let again = (0..5)
            .map(|number| SettingsChange { expected: Some(0), ..change(id(number), |set| set.dry_run = Some(true)) });
        let again = world.operator().change_settings(again.collect()).await;
        let unchanged = |changed: &ghl_sync_operate::ChangedSettings| !changed.is_written && changed.view.rev == 1;
        assert!(again.iter().all(|done| done.as_ref().is_ok_and(unchanged)), "a repeated request finds it done");
    });
}

#[test]
fn of_changes_made_at_once_none_is_lost() {
    block_on_paused(async {
        let world = exact().start();
        let add = |tag: String| {
            let change = change(loc(), move |set| set.tags.get_or_insert_default().push(tag.clone()));
            let operator = world.operator();
            async move { operator.change_one(change).await }
        };
        let done = futures::future::join_all((0..4).map(|number| add(format!("t{number}")))).await;
        assert!(done.iter().all(Result::is_ok), "{done:?}");
        let mut tags = world.registry.stored(&loc()).await.unwrap().unwrap().overlay.tags.unwrap();
        tags.sort_unstable();
        assert_eq!(tags, ["t0", "t1", "t2", "t3"]);
    });
}

#[test]
fn a_removed_location_calls_nobody_and_with_its_records_nothing_of_it_is_left() {
    for forgets in [false, true] {
        block_on_paused(async move {
            let world = exact().start();
            world.put(&contacts(600)).await.unwrap();
            world.run_for(20 * SECOND).await;
            let facts = LocationFacts::told(world.clock.now(), None, ReportedFacts::default(), Vec::new(), false);
            world.items.keep(&loc(), &facts);
            let removal = world.operator().remove_location(&loc(), forgets).await.unwrap();
            let calls = world.ghl.calls();
            let records = if forgets { 600 } else { 0 };
            let expected =
                Removal { is_complete: true, is_gone: true, keeps_records: !forgets, records, known_states: 0 };
            assert_eq!(removal, expected);
            assert!(calls > 0 && calls < 600);
            world.run_for(HOUR).await;
            assert_eq!(world.ghl.calls(), calls, "nothing is sent any more");
            assert!(world.items.entries::<LocationFacts>().is_empty());
            assert_eq!(world.counters.last_told(&loc()), None);
            assert!(listed(&world, &LocationFilter::default(), 10).await.0.is_empty());
            let again = world.operator().remove_location(&loc(), forgets).await;
            assert!(matches!(again, Err(PutSettingsError::Unknown(_))));
        });
    }
}

#[test]
fn a_removal_that_dies_anywhere_is_finished_by_the_same_again() {
    each_await(|dies_at| async move {
        let world = exact().start();
        world.put(&[contact(1), contact(2)]).await.unwrap();
        world.run_until_settled(MINUTE).await.unwrap();
        let operator = world.operator();
        let died = ghl_sync_testkit::dying_at_await(dies_at, operator.remove_location(&loc(), true)).await.is_none();
        match operator.remove_location(&loc(), true).await {
            Ok(removal) => assert!(removal.is_complete && !removal.keeps_records, "{removal:?}"),
            Err(error) => assert!(matches!(error, PutSettingsError::Unknown(_)), "{error}"),
        }
        assert!(listed(&world, &LocationFilter::default(), 10).await.0.is_empty());
        died
    });
}

#[test]
fn whatever_store_fails_a_removal_can_be_asked_for_again() {
    for op in [Op::SettingsRead, Op::SettingsStore, Op::FactsReplace, Op::CountersTell, Op::GateReplace] {
        for fault in [PortFault::Refused, PortFault::Unanswered] {
            block_on_paused(async move {
                let world = exact().start();
                world.ghl.on_call(|_| Some(CallFault::status(503)));
                world.put(&[contact(1)]).await.unwrap();
                world.run_for(SECOND).await;
                world.faults.fail(op, 1..=1, fault);
                let first = world.operator().remove_location(&loc(), true).await;
                let second = world.operator().remove_location(&loc(), true).await;
                let is_done = |done: &Result<Removal, PutSettingsError>| match done {
                    Ok(removal) => removal.is_complete,
                    Err(error) => matches!(error, PutSettingsError::Unknown(_)),
                };
                assert!(is_done(&first) || is_done(&second), "{op:?} {fault:?}: {first:?} {second:?}");
                assert!(listed(&world, &LocationFilter::default(), 10).await.0.is_empty(), "{op:?} {fault:?}");
            });
        }
    }
}
