//! GHL's OAuth, the token stores, and processes that call GHL with the stored tokens.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use ghl_sync_access::{AccessTokens, NoToken, TokenPorts};
use ghl_sync_engine::ports::Versioned;
use ghl_sync_model::{CredentialsRef, Holder, LocationId, Secret};
use ghl_sync_testkit::{
    FailNth, MemoryItems, MemorySecrets, Noted, OAuthSettings, PortFaults, RecordingSink, SimulatedOAuth, TestClock,
    TestRandomness,
};

use crate::fixtures::loc;

/// GHL, the stores, and a factory of processes.
pub(crate) struct Tokens {
    pub(crate) clock: TestClock,
    pub(crate) oauth: SimulatedOAuth,
    pub(crate) secrets: Arc<MemorySecrets>,
    pub(crate) store: Arc<MemoryItems>,
    pub(crate) faults: Arc<PortFaults>,
    sink: Arc<RecordingSink>,
}

impl Tokens {
    pub(crate) fn start(settings: OAuthSettings, secret: &str, seed: u64) -> Tokens {
        let clock = TestClock::start();
        let secrets = Arc::new(MemorySecrets::default());
        secrets.put(&reference(), secret);
        Tokens {
            clock,
            oauth: SimulatedOAuth::new(clock, settings, "refresh-0"),
            secrets,
            store: Arc::default(),
            faults: Arc::new(PortFaults::new(1..=4, TestRandomness::seeded(seed))),
            sink: Arc::new(RecordingSink::new(clock)),
        }
    }

    pub(crate) fn of_location(lifetime: Duration, seed: u64) -> Tokens {
        let settings = OAuthSettings { lifetime, ..OAuthSettings::default() };
        Tokens::start(settings, &location_grant("refresh-0"), seed)
    }

    /// A process called `name` with a clock that is ahead by `ahead_ms`.
    pub(crate) fn process_ahead(&self, name: &str, ahead_ms: i64) -> Process {
        let ports = TokenPorts {
            clock: Arc::new(self.clock.skewed(ahead_ms)),
            secrets: self.secrets.clone(),
            tokens: Versioned::new(Arc::new(FailNth::new(self.store.clone(), self.faults.clone()))),
            endpoint: Arc::new(self.oauth.clone()),
            sink: self.sink.clone(),
        };
        let tokens = AccessTokens::new(ports, Holder::new(name).unwrap(), Duration::from_millis(50));
        Process { tokens, oauth: self.oauth.clone() }
    }

    pub(crate) fn process(&self, name: &str) -> Process {
        self.process_ahead(name, 0)
    }

    pub(crate) fn processes(&self, count: usize) -> Vec<Process> {
        (0..count).map(|number| self.process(&format!("process-{number}"))).collect()
    }

    pub(crate) fn reasons(&self) -> Vec<String> {
        self.sink.pick(|_, noted| match noted {
            Noted::CredentialsRefused { reason, .. } => Some(reason.clone()),
            _ => None,
        })
    }
}

pub(crate) struct Process {
    pub(crate) tokens: AccessTokens,
    oauth: SimulatedOAuth,
}

impl Process {
    pub(crate) async fn token(&self) -> Result<Secret, NoToken> {
        self.tokens.of(&loc(), &reference()).await
    }

    /// Makes a call as the engine does: with a token, and once more with another one if GHL rejects the first.
    pub(crate) async fn call(&self, location: &LocationId) -> Result<(), String> {
        for attempt in 1..=2 {
            let token = self.tokens.of(location, &reference()).await.map_err(|none| none.to_string())?;
            tokio::time::sleep(Duration::from_millis(40)).await;
            let accepted = self.oauth.accepts(&token, location);
            tokio::time::sleep(Duration::from_millis(40)).await;
            if accepted {
                return Ok(());
            }
            if attempt == 2 || !self.tokens.refused(location, &reference(), &token).await {
                break;
            }
        }
        Err("401".to_owned())
    }

    /// A batch: five workers with `calls` calls each. Returns how many failed.
    pub(crate) async fn batch(&self, location: &LocationId, calls: usize) -> usize {
        let worker = async || {
            let mut failed = 0;
            for _ in 0..calls {
                failed += usize::from(self.call(location).await.is_err());
            }
            failed
        };
        join_all((0..5).map(|_| worker())).await.into_iter().sum()
    }
}

pub(crate) fn reference() -> CredentialsRef {
    "ssm:/ghl-sync/app".parse().unwrap()
}

pub(crate) fn agency_grant() -> String {
    let of_company = r#""user_type":"Company","company_id":"agency"}"#;
    location_grant("refresh-0").replace(r#""user_type":"Location"}"#, of_company)
}

pub(crate) fn location_grant(refresh_token: &str) -> String {
    format!(r#"{{"client_id":"app","client_secret":"hush","refresh_token":"{refresh_token}","user_type":"Location"}}"#)
}

pub(crate) fn agency() -> OAuthSettings {
    OAuthSettings { user_type: "Company", ..OAuthSettings::default() }
}
