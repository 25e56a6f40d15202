//! Contacts so large that a hundred of them exceed a DynamoDB item (400 KB), or the part of a GHL response that is read
//! (1 MB). Runs against the embedded DynamoDB and the sandbox, which both enforce these limits.

use std::time::Duration;

use ghl_sync_cli::sandbox::Unwritable;
use ghl_sync_cli::stack::StackOptions;
use ghl_sync_engine::ports::{Clock, RemoteKey};
use ghl_sync_engine::usecase::Engine;
use ghl_sync_model::{GhlId, Kind, MigrationStatus};
use ghl_sync_runtime::SystemClock;
use lambda_runtime::LambdaEvent;
use serde_json::json;

use crate::caller::Caller;
use crate::deployment::{Deployment, context_with, failed_messages, location, sqs_event};
use crate::migrator::{SOURCE, TARGET, drive, request, two_locations};
use crate::reconcile::in_a_minute;

const MINUTE: Duration = Duration::from_secs(60);
/// DynamoDB's limit for one item.
const ITEM_BYTES: usize = 400 * 1024;

/// Two locations, one with `count` contacts: each has notes of this many bytes, and files of about the same size, which
/// no call can write, so that the comparison produces large findings.
async fn with_large_contacts(count: usize, bytes: usize) -> Deployment {
    let deployment = Deployment::with(StackOptions { limit: 1000, ..two_locations() }).await;
    let seed = deployment.sandbox().seed(SOURCE);
    let field = seed.custom_field(json!({ "name": "Notes", "dataType": "LARGE_TEXT", "model": "contact" })).unwrap();
    let hour_ago = SystemClock.now().0 - 3_600_000;
    for n in 0..count {
        let body = json!({
            "firstName": "Ann",
            "email": format!("large{n}@example.com"),
            "customFields": [{ "id": field, "field_value": "x".repeat(bytes) }],
        });
        let file = |part: usize| format!("https://files.example.com/{n}/{part}/{}", "y".repeat(950));
        let files = Unwritable { attachments: (0..bytes / 1000).map(file).collect(), ..Unwritable::default() };
        seed.contact(body, &files, hour_ago + n as u64).unwrap();
    }
    deployment
}

async fn migrated_compared_and_reconciled(count: usize, bytes: usize) {
    let deployment = with_large_contacts(count, bytes).await;
    let migrator = deployment.migrator();
    let id = migrator.start(request(TARGET), None).await.unwrap().id;
    let report = drive(&deployment, &migrator, &id).await;
    assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
    let verify = report.verify.unwrap();
    assert_eq!((verify.ok, verify.missing, verify.different), (count as u64, 0, 0));
    let (source, target) = (deployment.sandbox().contents(SOURCE), deployment.sandbox().contents(TARGET));
    assert_eq!(target.contacts.len(), count);
    let notes = |contact: &serde_json::Value| contact["customFields"][0]["value"].as_str().map(str::len);
    assert!(target.contacts.iter().all(|contact| notes(contact) == Some(bytes)));

    // The findings exceed one item, and are listed page by page.
    let caller = Caller::of(&deployment).await;
    let (mut findings, mut told, mut page) = (0, 0, json!(0));
    while !page.is_null() {
        let read = caller.get(&format!("/api/v1/migration/{id}/findings?page={page}")).await;
        told += read.text.len();
        findings += read.json()["findings"].as_array().unwrap().len();
        page = read.json()["next"].clone();
    }
    assert_eq!(findings, count);
    assert!(told > ITEM_BYTES, "{told} bytes of findings");
    let largest = deployment.stored().await.iter().map(String::len).max().unwrap();
    assert!(largest < ITEM_BYTES, "an item of {largest} bytes");

    for (of, contacts) in [(SOURCE, source.contacts), (TARGET, target.contacts)] {
        let ids = contacts.iter().map(|contact| contact["id"].as_str().unwrap().parse().unwrap()).collect();
        all_are_read(&in_a_minute(&deployment.engine), of, ids).await;
    }
    assert_eq!(deployment.stats().breaches, 0);
}

/// Reconciling reads every contact in `of`, over several rounds.
async fn all_are_read(engine: &Engine, of: &str, ids: Vec<GhlId>) {
    let location = location(of);
    let body = json!({ "v": 1, "reconcile": of }).to_string();
    let mut unread = ids;
    for _ in 0..10 {
        let asked = LambdaEvent::new(sqs_event([(Some("reconcile"), body.as_str())]), context_with(5 * MINUTE));
        assert_eq!(failed_messages(&consumer::handle(engine, asked).await.unwrap()), [""; 0]);
        let mut left = Vec::new();
        for id in unread {
            let key = RemoteKey { location: &location, kind: Kind::Contact, ghl_id: &id };
            if engine.ports().known.load(key).await.unwrap().is_none() {
                left.push(id);
            }
        }
        unread = left;
        if unread.is_empty() {
            return;
        }
    }
    panic!("{of}: {} contacts were never read", unread.len());
}

#[tokio::test]
async fn findings_of_more_than_an_item_holds_end_no_migration() {
    migrated_compared_and_reconciled(105, 6_000).await;
}

#[tokio::test]
async fn pages_of_ghl_of_more_than_is_read_at_once_stop_neither_a_migration_nor_reconciling() {
    migrated_compared_and_reconciled(110, 12_000).await;
}
