//! Data from GHL: webhook events that it sends, and changes and facts that we read.
//!
//! [`WebhookReceiver`] stores the last known state of a record. [`Reconciler`] reads what has changed, and [`conflict`]
//! decides who wins when GHL and we differ. A record that becomes due again goes out through the engine, like any
//! other. [`FactsReader`] reads the facts of a location itself.

mod asks;
pub mod conflict;
mod facts;
mod pull;
mod receive_webhook;
mod reconcile;

pub use facts::FactsReader;
pub use receive_webhook::{REPEATED, ReceiveError, WebhookPorts, WebhookReceiver, WebhookRules};

use ghl_sync_engine::usecase::{Engine, Ports};

/// Reads changes in GHL and resolves conflicts with our records. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    engine: Engine,
}

impl Reconciler {
    /// A reconciler that uses `engine` and its ports.
    #[must_use]
    pub fn new(engine: Engine) -> Reconciler {
        Reconciler { engine }
    }

    fn ports(&self) -> &Ports {
        self.engine.ports()
    }
}
