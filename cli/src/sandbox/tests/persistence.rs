//! State that survives the process.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use serde_json::json;

use super::*;

/// A directory that is removed after the test.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Dir {
        let dir = std::env::temp_dir().join(format!("ghl-sandbox-{name}-{}", std::process::id()));
        drop(fs::remove_dir_all(&dir));
        Dir(dir)
    }

    fn options(&self) -> SandboxOptions {
        SandboxOptions { data_dir: Some(self.0.clone()), ..options() }
    }

    fn journal(&self) -> PathBuf {
        self.0.join("sandbox.jsonl")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        drop(fs::remove_dir_all(&self.0));
    }
}

#[tokio::test]
async fn every_accepted_write_outlives_the_process() {
    let dir = Dir::new("outlives");
    let it = Examination::begin(dir.options()).await;
    let kept = it
        .contact(json!({"email": "a@example.com", "tags": ["a"], "customFields": [{"id": "f", "field_value": 1}]}))
        .await;
    let deleted = it.contact(json!({"email": "b@example.com"})).await;
    it.send(Method::DELETE, &format!("/contacts/{deleted}"), json!({})).await;
    let pipeline = "pipeline-sales";
    let opportunity = json!({
        "locationId": LOCATION, "pipelineId": pipeline, "name": "Roof", "status": "open", "contactId": kept,
    });
    it.post("/opportunities/", opportunity.clone()).await;
    let seed = it.sandbox.seed(LOCATION);
    seed.custom_field(json!({"name": "Size", "dataType": "TEXT"})).expect("a field");
    let value = seed.custom_value("Hours", "9–5").expect("a value");
    seed.pipelines(&[("Deals", &["New"])]).expect("pipelines");
    it.send(Method::DELETE, &format!("/locations/{LOCATION}/customValues/{value}"), json!({})).await;
    let (_, before) = it.get(&format!("/contacts/{kept}")).await;
    let contents = it.sandbox.contents(LOCATION);
    it.sandbox.stop().await;

    let it = Examination::begin(dir.options()).await;
    assert_eq!(it.get(&format!("/contacts/{kept}")).await.1["contact"], before["contact"]);
    assert_eq!(it.sandbox.contents(LOCATION), contents);
    assert_eq!(it.get(&format!("/contacts/{deleted}")).await.0, 400);
    let (status, _) = it.post("/contacts/", json!({"locationId": LOCATION, "email": "a@example.com"})).await;
    assert_eq!(status, 400, "it still knows the e-mail address");
    let stats = it.sandbox.stats();
    assert_eq!((stats.contacts, stats.opportunities, stats.duplicates), (1, 1, 0));
}

#[tokio::test]
async fn a_torn_last_line_is_cut_off_and_does_not_spoil_the_next() {
    let dir = Dir::new("torn");
    let it = Examination::begin(dir.options()).await;
    it.contact(json!({"email": "a@example.com"})).await;
    it.sandbox.stop().await;
    let mut journal = fs::OpenOptions::new().append(true).open(dir.journal()).expect("a journal");
    journal.write_all(br#"{"contact":{"id":"x","loc"#).expect("a write");
    drop(journal);

    let it = Examination::begin(dir.options()).await;
    it.contact(json!({"email": "b@example.com"})).await;
    it.sandbox.stop().await;
    let it = Examination::begin(dir.options()).await;
    assert_eq!(it.sandbox.stats().contacts, 2);
    it.sandbox.reset().expect("a reset");
    assert_eq!(fs::read(dir.journal()).expect("a journal"), b"");
}

#[tokio::test]
async fn a_journal_that_is_damaged_elsewhere_is_not_passed_over() {
    let dir = Dir::new("damaged");
    fs::create_dir_all(&dir.0).expect("a directory");
    fs::write(dir.journal(), "{\"contact\": 1}\n").expect("a write");
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    assert!(Sandbox::start(dir.options(), bind).await.is_err());
}
