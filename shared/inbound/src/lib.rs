//! What GHL tells of its own accord, or when it is asked: webhooks, and changes that a location is read for.
//!
//! [`WebhookReceiver`] stores the last known state of a record; [`Reconciler`] reads what has changed, and decides by
//! [`conflict`] who wins where GHL and we differ. A record that is due again goes out through the engine, like any other.
//! [`FactsReader`] reads what a location itself is.

mod asks;
pub mod conflict;
mod facts;
mod pull;
mod receive_webhook;
mod reconcile;

pub use facts::FactsReader;
pub use receive_webhook::{REPEATED, ReceiveError, WebhookPorts, WebhookReceiver, WebhookRules};

use ghl_sync_engine::usecase::{Engine, Ports};

/// Reads what GHL has changed, and settles it. Cheap to clone.
#[derive(Clone)]
pub struct Reconciler {
    engine: Engine,
}

impl Reconciler {
    /// Over `engine` and its ports.
    #[must_use]
    pub fn new(engine: Engine) -> Reconciler {
        Reconciler { engine }
    }

    fn ports(&self) -> &Ports {
        self.engine.ports()
    }
}
