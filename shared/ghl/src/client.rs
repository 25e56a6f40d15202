//! The client: finds the account, builds the request, exchanges it and judges the answer.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use ghl_sync_engine::ports::Crm;
use ghl_sync_model::{Answer, Api, Call, Cause, Failure, KnownCredentials, LocationId, Quota, Reply, Secret};
use reqwest::{StatusCode, Url};
use tokio::time::{Instant, timeout_at};

use crate::accounts::{Accounts, ApiAccount, NoAccount};
use crate::config::{ClientConfig, ClientError};
use crate::oauth::OAuthClient;
use crate::request::{ApiRequest, Unsupported};
use crate::text::one_line;
use crate::transport::{ApiHost, CONNECT_TIMEOUT, HttpAnswer, ResponseBody, Transport, most_of};
use crate::{answer, error, headers, v1, v2};

/// Upper bound on the duration of a call, whatever timeout it was given.
const LONGEST_CALL: Duration = Duration::from_secs(3600);

/// GHL over HTTP. Use one per process: it owns the connections.
pub struct GhlClient {
    v2: ApiHost,
    v1: ApiHost,
    transport: Transport,
    accounts: Arc<dyn Accounts>,
}

impl GhlClient {
    /// Creates a client of the APIs at `config` with the tokens of `accounts`.
    ///
    /// # Errors
    /// If a base URL is not an `http` or `https` URL, or TLS is needed and cannot be set up.
    pub fn new(config: ClientConfig, accounts: Arc<dyn Accounts>) -> Result<GhlClient, ClientError> {
        let oauth = OAuthClient::new(&config)?;
        GhlClient::beside(&oauth, config, accounts)
    }

    /// Like [`GhlClient::new`], but shares the connections of `oauth`, from which `accounts` may get its tokens.
    ///
    /// # Errors
    /// If a base URL is not an `http` or `https` URL.
    pub fn beside(
        oauth: &OAuthClient,
        config: ClientConfig,
        accounts: Arc<dyn Accounts>,
    ) -> Result<GhlClient, ClientError> {
        let v2 = ApiHost::v2(&config)?;
        let v1 = ApiHost { base: base_url(&config.v1_base_url)?, version: None };
        Ok(GhlClient { v2, v1, transport: oauth.transport.clone(), accounts })
    }

    fn host(&self, api: Api) -> &ApiHost {
        match api {
            Api::V2 => &self.v2,
            Api::V1 => &self.v1,
        }
    }

    /// Makes the call. `Err` is a failure that came before any answer.
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

    /// Whether another token can replace the one that GHL rejected.
    async fn has_another(&self, location: &LocationId, token: &Secret, failure: &Failure) -> bool {
        match error::may_be_stale(failure) {
            true => self.accounts.refused(location, token).await,
            false => self.accounts.replaced(location, token).await,
        }
    }

    async fn account(&self, location: &LocationId, deadline: Instant) -> Result<ApiAccount, Failure> {
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

    /// Shows the request for the API that serves the location.
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

impl ApiHost {
    /// API v2 at its configured address.
    pub(crate) fn v2(config: &ClientConfig) -> Result<ApiHost, ClientError> {
        Ok(ApiHost { base: base_url(&config.v2_base_url)?, version: Some(v2::VERSION) })
    }
}

impl Transport {
    /// Opens connections to the hosts in `config`.
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
    // Credentials in the URL would compete with the token, and must not appear in an error message either.
    if !url.username().is_empty() || url.password().is_some() {
        let url = url.host_str().unwrap_or_default().to_owned();
        return Err(ClientError::BaseUrl { url, problem: "it has a user name or a password".to_owned() });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(invalid("it has a query or a fragment".to_owned()));
    }
    Ok(url)
}

fn request(api: Api, location: &LocationId, call: &Call) -> Result<ApiRequest, Unsupported> {
    match api {
        Api::V2 => v2::request(location, call),
        Api::V1 => v1::request(call),
    }
}

pub(crate) fn not_sent(cause: Option<Cause>, message: &str) -> Failure {
    Failure { status: None, sent: false, cause, message: message.to_owned() }
}

fn read(account: &ApiAccount, location: &LocationId, call: &Call, http: HttpAnswer) -> Reply {
    let quota = headers::quota(&http.headers);
    let answer = verdict(account, location, call, http.status, http.body);
    let status = match &answer {
        Ok(_) => Some(http.status.as_u16()),
        Err(failure) => failure.status,
    };
    Reply { answer, status, quota }
}

pub(crate) fn verdict(
    account: &ApiAccount,
    location: &LocationId,
    call: &Call,
    status: StatusCode,
    body: ResponseBody,
) -> Result<Answer, Failure> {
    let failed = |cause, message| Failure { status: Some(status.as_u16()), sent: true, cause, message };
    match body {
        ResponseBody::Read(body) if status.is_success() => {
            answer::read(account.api, location, call, &body).map_err(|misread| {
                let said = error::message_in_success(&clean(&account.token, &body));
                let said = said.map(|words| format!(": {words}")).unwrap_or_default();
                failed(Some(misread.cause), one_line(&format!("{}{said}", misread.problem)))
            })
        }
        ResponseBody::Read(body) => {
            let failure = error::failure(call, status.as_u16(), &clean(&account.token, &body));
            // The record is gone already: the deletion's goal is reached.
            let is_gone = call.is_deletion() && failure.cause == Some(Cause::Missing);
            if is_gone { Ok(Answer::Deleted) } else { Err(failure) }
        }
        ResponseBody::TooLong => Err(failed(Some(Cause::TooLong), answer::TOO_LONG.to_owned())),
        // These statuses are clear without a body.
        ResponseBody::Broken(reason) if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() => {
            Err(failed(None, reason))
        }
        // All other statuses need the body. Without it, treat the call as unanswered.
        ResponseBody::Broken(reason) => Err(Failure { status: None, sent: true, cause: None, message: reason }),
    }
}

/// Converts answer bytes to text and redacts our own token in case the server echoed it.
fn clean(token: &Secret, body: &[u8]) -> String {
    token.redact(String::from_utf8_lossy(body).into_owned())
}
