//! Poison records: a record that crashes our own code.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::Crm;
use ghl_sync_engine::usecase::{Engine, Ports};
use ghl_sync_model::{Call, ErrorCode, LocationId, Reply};

use crate::deployment::{Deployment, by_hand, failed_messages, options, vars};
use crate::records::contacts;

/// A GHL client that panics on one contact.
struct Panicking {
    crm: Arc<dyn Crm>,
    email: &'static str,
}

#[async_trait]
impl Crm for Panicking {
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply {
        assert!(!format!("{call:?}").contains(self.email), "the client panics, as the test wants it");
        self.crm.call(location, call, timeout).await
    }

    async fn preview(&self, location: &LocationId, call: &Call) -> String {
        self.crm.preview(location, call).await
    }
}

#[tokio::test]
async fn a_record_that_panics_the_consumer_fails_alone_among_50_and_is_counted() {
    let mut options = options();
    options.vars.extend(vars(&[("GHL_SYNC_MAX_ATTEMPTS", "1")]));
    let mut deployment = Deployment::with(options).await;
    let metrics = deployment.measured();
    let crm = Arc::new(Panicking { crm: deployment.engine.ports().crm.clone(), email: "c17@example.com" });
    let ports = Ports { crm, ..deployment.engine.ports().clone() };
    deployment.engine = Engine::new(ports, deployment.engine.config().clone());
    let records = contacts(50);
    deployment.put(&records).await;

    let response = deployment.consume(by_hand(&records)).await.unwrap();
    assert_eq!(failed_messages(&response), [""; 0], "the message is done with");
    deployment.run_until_synced().await;
    assert_eq!(deployment.failed().await, ["contact#c17"]);
    let error = deployment.record(&records[17]).await.last_error.unwrap();
    assert_eq!((error.code, error.status), (ErrorCode::Internal, None));
    assert_eq!(error.message, "our own code panicked on this record");
    let stats = deployment.stats();
    assert_eq!((stats.contacts, stats.calls, stats.duplicates), (49, 49, 0));
    assert_eq!((metrics.sum("RecordsFailed"), metrics.sum("RecordsSucceeded")), (1, 49));
}
