//! The client: account, request, exchange, verdict.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::Crm;
use ghl_sync_model::{Answer, Api, Call, Cause, Failure, KnownCredentials, LocationId, Quota, Reply, Secret};
use reqwest::{StatusCode, Url};
use tokio::time::{Instant, timeout_at};

use crate::accounts::{Account, Accounts, NoAccount};
use crate::config::{ClientConfig, ClientError};
use crate::oauth::OAuthClient;
use crate::request::{Request, Unsupported};
use crate::text::one_line;
use crate::transport::{Body, CONNECT_TIMEOUT, Host, HttpAnswer, Transport, most_of};
use crate::{answer, error, headers, v1, v2};

/// Longest time that a call may take, whatever its timeout says.
const LONGEST_CALL: Duration = Duration::from_secs(3600);

/// GHL over HTTP. One per process: it holds the connections.
pub struct GhlClient {
    v2: Host,
    v1: Host,
    transport: Transport,
    accounts: Arc<dyn Accounts>,
}

impl GhlClient {
    /// A client of the APIs at `config`, with the tokens of `accounts`.
    ///
    /// # Errors
    /// When a base URL is not an `http` or `https` URL, or TLS is needed and cannot be set up.
    pub fn new(config: ClientConfig, accounts: Arc<dyn Accounts>) -> Result<GhlClient, ClientError> {
        let oauth = OAuthClient::new(&config)?;
        GhlClient::beside(&oauth, config, accounts)
    }

    /// The same, on the connections of `oauth`, which `accounts` may have its tokens from.
    ///
    /// # Errors
    /// Likewise.
    pub fn beside(
        oauth: &OAuthClient,
        config: ClientConfig,
        accounts: Arc<dyn Accounts>,
    ) -> Result<GhlClient, ClientError> {
        let v2 = Host::v2(&config)?;
        let v1 = Host { base: base_url(&config.v1_base_url)?, version: None };
        Ok(GhlClient { v2, v1, transport: oauth.transport.clone(), accounts })
    }

    fn host(&self, api: Api) -> &Host {
        match api {
            Api::V2 => &self.v2,
            Api::V1 => &self.v1,
        }
    }

    /// A reply, or a failure that came before any answer.
    async fn try_call(&self, location: &LocationId, call: &Call, deadline: Instant) -> Result<Reply, Failure> {
        let account = self.account(location, deadline).await?;
        let request = request(account.api, location, call)
            .map_err(|Unsupported(lacking)| not_sent(Some(Cause::Unsupported), lacking))?;
        let host = self.host(account.api);
        let answer = self.transport.exchange(host, Some(&account.token), &request, most_of(call), deadline).await?;
        let mut reply = read(&account, location, call, answer);
        if let Err(failure) = &mut reply.answer
            && failure.cause == Some(Cause::Credentials)
            && timeout_at(deadline, self.has_another(location, &account.token, failure)).await == Ok(true)
        {
            failure.cause = Some(Cause::StaleToken);
        }
        Ok(reply)
    }

    /// Whether another token can be had in the place of the one that GHL did not accept.
    async fn has_another(&self, location: &LocationId, token: &Secret, failure: &Failure) -> bool {
        match error::may_be_stale(failure) {
            true => self.accounts.refused(location, token).await,
            false => self.accounts.replaced(location, token).await,
        }
    }

    async fn account(&self, location: &LocationId, deadline: Instant) -> Result<Account, Failure> {
        match timeout_at(deadline, self.accounts.account(location)).await {
            Ok(Ok(account)) => Ok(account),
            Ok(Err(NoAccount::Refused(reason))) => Err(not_sent(Some(Cause::Credentials), &reason)),
            Ok(Err(NoAccount::Unavailable(reason))) => Err(not_sent(None, &reason)),
            Err(_) => Err(not_sent(None, "the time was up before the token was there")),
        }
    }
}

#[async_trait]
impl Crm for GhlClient {
    async fn call(&self, location: &LocationId, call: &Call, timeout: Duration) -> Reply {
        let deadline = Instant::now() + timeout.min(LONGEST_CALL);
        match self.try_call(location, call, deadline).await {
            Ok(reply) => reply,
            Err(failure) => Reply { status: failure.status, quota: Quota::default(), answer: Err(failure) },
        }
    }

    /// Shows the request of the location's own API.
    async fn preview(&self, location: &LocationId, call: &Call) -> String {
        let api = self.accounts.api(location).await;
        match request(api, location, call) {
            Ok(request) => request.preview(&self.host(api).base),
            Err(Unsupported(lacking)) => format!("nothing: {lacking}"),
        }
    }

    async fn credentials(&self, location: &LocationId) -> Option<KnownCredentials> {
        self.accounts.known_credentials(location).await
    }
}

impl fmt::Debug for GhlClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GhlClient").field("v2", &self.v2.base.as_str()).field("v1", &self.v1.base.as_str()).finish()
    }
}

impl Host {
    /// API v2 at its address.
    pub(crate) fn v2(config: &ClientConfig) -> Result<Host, ClientError> {
        Ok(Host { base: base_url(&config.v2_base_url)?, version: Some(v2::VERSION) })
    }
}

impl Transport {
    /// Connections to where `config` says that GHL is.
    pub(crate) fn to(config: &ClientConfig) -> Result<Transport, ClientError> {
        let bases = [base_url(&config.v2_base_url)?, base_url(&config.v1_base_url)?];
        let https = bases.iter().any(|base| base.scheme() == "https");
        Ok(Transport::new(https, CONNECT_TIMEOUT)?)
    }
}

fn base_url(text: &str) -> Result<Url, ClientError> {
    let invalid = |problem: String| ClientError::BaseUrl { url: text.to_owned(), problem };
    let url = Url::parse(text).map_err(|error| invalid(error.to_string()))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(invalid("neither http nor https".to_owned()));
    }
    // They would compete with the token, and do not belong into an error message either.
    if !url.username().is_empty() || url.password().is_some() {
        let url = url.host_str().unwrap_or_default().to_owned();
        return Err(ClientError::BaseUrl { url, problem: "it has a user name or a password".to_owned() });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment".to_owned()));
    }
    Ok(url)
}

fn request(api: Api, location: &LocationId, call: &Call) -> Result<Request, Unsupported> {
    match api {
        Api::V2 => v2::request(location, call),
        Api::V1 => v1::request(call),
    }
}

pub(crate) fn not_sent(cause: Option<Cause>, message: &str) -> Failure {
    Failure { status: None, sent: false, cause, message: message.to_owned() }
}

fn read(account: &Account, location: &LocationId, call: &Call, http: HttpAnswer) -> Reply {
    let quota = headers::quota(&http.headers);
    let answer = verdict(account, location, call, http.status, http.body);
    let status = match &answer {
        Ok(_) => Some(http.status.as_u16()),
        Err(failure) => failure.status,
    };
    Reply { answer, status, quota }
}

pub(crate) fn verdict(
    account: &Account,
    location: &LocationId,
    call: &Call,
    status: StatusCode,
    body: Body,
) -> Result<Answer, Failure> {
    let failed = |cause, message| Failure { status: Some(status.as_u16()), sent: true, cause, message };
    match body {
        Body::Read(body) if status.is_success() => {
            answer::read(account.api, location, call, &body).map_err(|misread| {
                let said = error::message_in_success(&clean(&account.token, &body));
                let said = said.map(|words| format!(": {words}")).unwrap_or_default();
                failed(Some(misread.cause), one_line(&format!("{}{said}", misread.problem)))
            })
        }
        Body::Read(body) => {
            let failure = error::failure(call, status.as_u16(), &clean(&account.token, &body));
            // What is gone need not be deleted.
            let is_gone = call.is_deletion() && failure.cause == Some(Cause::Missing);
            if is_gone { Ok(Answer::Deleted) } else { Err(failure) }
        }
        Body::TooLong => Err(failed(Some(Cause::TooLong), answer::TOO_LONG.to_owned())),
        // These statuses say it all.
        Body::Broken(reason) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            Err(failed(None, reason))
        }
        // All others need the body to be understood. Without it, it is as if there had been no answer.
        Body::Broken(reason) => Err(Failure { status: None, sent: true, cause: None, message: reason }),
    }
}

/// Bytes of an answer as text, without our own token should the server have echoed it.
fn clean(token: &Secret, body: &[u8]) -> String {
    token.redact(String::from_utf8_lossy(body).into_owned())
}
