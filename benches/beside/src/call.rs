//! Single calls, and a client that retries refused ones.

use std::time::Duration;

use async_trait::async_trait;
use reqwest::StatusCode;

use crate::backoff::Backoff;
use crate::breaker::Breaker;
use crate::client::{Client, GaveUp};
use crate::pace::Pace;
use crate::task::Person;

/// Token that the sandbox of a local stack accepts.
pub(crate) const TOKEN: &str = "pit-local";
/// Version header for API v2.
pub(crate) const VERSION: &str = "2021-07-28";
/// Timeout after which a request counts as failed.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(10);

/// Makes single calls.
#[derive(Debug, Clone)]
pub(crate) struct Caller {
    http: reqwest::Client,
    url: String,
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accepted,
    /// 429, a server error, or no response: a retry may succeed.
    ForNow,
    ForGood,
}

impl Caller {
    pub(crate) fn new(url: &str) -> Result<Caller, reqwest::Error> {
        let http = reqwest::Client::builder().timeout(TIMEOUT).retry(reqwest::retry::never()).build()?;
        Ok(Caller { http, url: format!("{url}/contacts/upsert") })
    }

    async fn call(&self, person: &Person) -> Answer {
        let request = self.http.post(&self.url).bearer_auth(TOKEN).header("Version", VERSION).json(&person.body());
        match request.send().await.map(|response| response.status()) {
            Ok(status) if status.is_success() => Answer::Accepted,
            Ok(status) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => Answer::ForNow,
            Ok(_) => Answer::ForGood,
            Err(_) => Answer::ForNow,
        }
    }
}

/// A client that waits for its pace before each call, and for its backoff after a refusal.
pub(crate) struct Retrying {
    pub(crate) caller: Caller,
    pub(crate) pace: Pace,
    pub(crate) backoff: Backoff,
    pub(crate) breaker: Option<Breaker>,
}

#[async_trait]
impl Client for Retrying {
    async fn upsert(&self, person: &Person) -> Result<(), GaveUp> {
        if let Some(breaker) = &self.breaker {
            breaker.until_closed().await;
        }
        let done = self.upsert_with_retries(person).await;
        if let Some(breaker) = &self.breaker {
            breaker.note(done.is_ok());
        }
        done
    }

    fn store_writes(&self) -> u64 {
        self.pace.store_writes()
    }
}

impl Retrying {
    async fn upsert_with_retries(&self, person: &Person) -> Result<(), GaveUp> {
        let mut retry = 0;
        loop {
            self.pace.permit().await;
            match self.caller.call(person).await {
                Answer::Accepted => return Ok(()),
                Answer::ForGood => return Err(GaveUp),
                Answer::ForNow => tokio::time::sleep(self.backoff.delay(retry, fastrand::f64()).ok_or(GaveUp)?).await,
            }
            retry += 1;
        }
    }
}
