//! Events about imports and locations.

use ghl_sync_engine::ports::{Loaded, Outbox, Versioned};
use ghl_sync_engine::usecase::{GateNotice, GateTrouble};
use ghl_sync_model::{
    EpochMs, ErrorCode, Import, ImportId, ImportState, Kind, LastError, LocationId, Payload, PutRecord, ScopeId,
};
use ghl_sync_notify::{ChangedItem, OutcomeEvent, RecordChange, RecordFacts, StreamChange};

use crate::World;

/// An import reported complete at this time.
fn completed(at: u64) -> Import {
    Import { state: ImportState::Complete, finished_at: Some(EpochMs(at)), ..Import::begun(EpochMs(1)) }
}

/// Events about imports and locations, once for each id.
fn told_of_others(world: &World) -> Vec<OutcomeEvent> {
    let mut taken = world.taken();
    taken.retain(|event| event.data.record.is_none());
    taken.dedup_by(|a, b| a.id == b.id);
    taken
}

#[tokio::test(start_paused = true)]
async fn an_import_is_told_finished_once_all_has_ended_and_it_is_complete_whichever_comes_last() {
    for complete_first in [true, false] {
        let world = World::start();
        let (location, id): (LocationId, ImportId) = (world.location.clone(), ImportId::new("imp-1").unwrap());
        let (imports, key) = (Versioned::<Import>::new(world.items.clone()), (location.clone(), id.clone()));
        let seen =
            || StreamChange { read: Ok(ChangedItem::Import(location.clone(), id.clone())), sequence: "i".to_owned() };
        let complete = async |rev, at| {
            imports.replace(&key, rev, &completed(at)).await.unwrap();
            assert_eq!(world.tell(&[seen()]).await, None);
        };
        let payload = Payload::from_json(Kind::Contact, r#"{"email":"ann@example.com"}"#).unwrap();
        let put =
            PutRecord { import: Some(id.clone()), ..PutRecord::new(location.clone(), "ann".parse().unwrap(), payload) };
        world.outbox.put(&put, EpochMs(5)).await.unwrap();
        let load = async || match world.outbox.load(&location, &[put.key()]).await.unwrap().pop() {
            Some(Loaded::Record(record)) => *record,
            other => panic!("{other:?}"),
        };
        let pending = load().await;
        if complete_first {
            complete(0, 100).await;
        }
        assert_eq!(told_of_others(&world), [], "one is pending");
        let error = LastError { code: ErrorCode::Cancelled, status: None, message: String::new(), at: EpochMs(9) };
        assert!(world.outbox.withdraw(&pending, &error, EpochMs(9)).await.unwrap());
        let change = RecordChange {
            location_id: location.clone(),
            key: put.key(),
            old: Some(RecordFacts::from(&pending)),
            new: Some(RecordFacts::from(&load().await)),
        };
        let ended =
            || StreamChange { read: Ok(ChangedItem::Record(Box::new(change.clone()))), sequence: "r".to_owned() };
        assert_eq!(world.tell(&[ended()]).await, None);
        if !complete_first {
            assert_eq!(told_of_others(&world), [], "more may come");
            complete(0, 100).await;
        }
        let told = told_of_others(&world);
        let [finished] = &told[..] else { panic!("{told:?}") };
        let json: serde_json::Value = serde_json::from_str(&finished.to_json()).unwrap();
        let count = |count: u64| serde_json::json!({ "count": count, "capped": false });
        assert_eq!(json["type"], "import.finished");
        let counts = serde_json::json!({ "accepted": count(0), "failed": count(1), "other": count(0) });
        assert_eq!(json["data"], serde_json::json!({ "location_id": "loc", "import": "imp-1", "counts": counts }));
        // The streams repeat the changes, and the import is reported complete again.
        assert_eq!(world.tell(&[ended(), seen()]).await, None);
        assert_eq!(told_of_others(&world).len(), 1);
        complete(1, 200).await;
        assert_eq!(told_of_others(&world).len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_noticed_of_a_scope_is_told_to_its_locations_with_one_id_however_often_it_comes() {
    let world = World::start();
    let notices = Versioned::<GateNotice>::new(world.items.clone());
    let scope: ScopeId = "loc".parse().unwrap();
    for (trouble, kind) in [
        (GateTrouble::Paused, "location.paused"),
        (GateTrouble::CredentialsRefused, "credentials.refused"),
        (GateTrouble::BreakerOpened, "breaker.opened"),
    ] {
        let change =
            || StreamChange { read: Ok(ChangedItem::Trouble(trouble, scope.clone())), sequence: "n".to_owned() };
        assert_eq!(world.tell(&[change()]).await, None, "there is nothing to tell yet");
        let before = told_of_others(&world).len();
        notices.replace(&(trouble, scope.clone()), 0, &GateNotice { at: EpochMs(7), of: EpochMs(5) }).await.unwrap();
        assert_eq!(world.tell(&[change(), change()]).await, None);
        let told = told_of_others(&world);
        assert_eq!((told.len(), told[before].kind.as_str(), told[before].at), (before + 1, kind, EpochMs(7)));
    }
}
