//! Handles one request, from its arrival to its answer.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::access::{self, CallerAccess};
use super::answer::SandboxAnswer;
use super::consent;
use super::control;
use super::fake::FakeGhl;
use super::faults::{InjectedFault, RequestProgress};
use super::limits::{Limits, QuotaVerdict};
use super::request::SandboxRequest;
use super::times::millis;

/// The connection must be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be closed without an answer")]
pub struct NoAnswer;

impl FakeGhl {
    /// Answers `request` after GHL's latency.
    ///
    /// # Errors
    /// If the connection must be closed without an answer.
    pub async fn answer(&self, request: &SandboxRequest) -> Result<Response<Vec<u8>>, NoAnswer> {
        if let Some(answer) = control::handle(self, request) {
            return Ok(answer.into());
        }
        if let Some(answer) = consent::handle(self, request) {
            return Ok(answer.into());
        }
        if request.segments().first() == Some(&"oauth") {
            // We know of no limit on these requests, so they count toward no location.
            let issued = || self.issuer().handle(request, self.now(), |location| self.name_of(location));
            return perform(self, issued).await.map(Response::from);
        }
        let CallerAccess { location, verdict: may_go_on } =
            access::examine(&self.tokens, &mut self.issuer(), self.now(), request, &self.store());
        let (limits, verdict) = {
            let mut meter = self.meter();
            (meter.limits(), meter.arrive(&location, self.now()))
        };
        let mut headers = quota_headers(limits, verdict);

        let answered = if let Some(wait) = verdict.refused_for {
            if self.faults().tells_retry_after() {
                headers.insert(header::RETRY_AFTER, HeaderValue::from(millis(wait).div_ceil(1_000)));
            }
            Ok(SandboxAnswer::too_many_requests())
        } else {
            perform(self, || may_go_on.map_or_else(|refusal| refusal, |()| self.visit(request, &location))).await
        };

        let status = answered.as_ref().ok().map(|answer| answer.status);
        self.meter().answer(&location, status, self.now());
        answered.map(|answer| {
            let mut response = Response::from(answer);
            response.headers_mut().extend(headers);
            response
        })
    }
}

/// Does the `work` of an admitted request, unless a fault is injected.
async fn perform(ghl: &FakeGhl, work: impl FnOnce() -> SandboxAnswer) -> Result<SandboxAnswer, NoAnswer> {
    let plan = ghl.faults().plan(ghl.now());
    tokio::time::sleep(plan.latency / 2).await;
    match plan.fault {
        Some(InjectedFault::ServerError) => return Ok(SandboxAnswer::server_error()),
        Some(InjectedFault::Unavailable) => return Ok(SandboxAnswer::gateway_page(StatusCode::SERVICE_UNAVAILABLE)),
        Some(InjectedFault::BadGateway(RequestProgress::BeforeWrite)) => {
            return Ok(SandboxAnswer::gateway_page(StatusCode::BAD_GATEWAY));
        }
        Some(InjectedFault::Reset(RequestProgress::BeforeWrite)) => return Err(NoAnswer),
        Some(InjectedFault::Page(status)) => return Ok(SandboxAnswer::gateway_page(status)),
        Some(
            InjectedFault::BadGateway(RequestProgress::AfterWrite)
            | InjectedFault::Reset(RequestProgress::AfterWrite)
            | InjectedFault::Late(_)
            | InjectedFault::OtherLocation,
        )
        | None => {}
    }
    let answer = work();
    tokio::time::sleep(plan.latency / 2).await;
    match plan.fault {
        Some(InjectedFault::BadGateway(_)) => Ok(SandboxAnswer::gateway_page(StatusCode::BAD_GATEWAY)),
        Some(InjectedFault::Reset(_)) => Err(NoAnswer),
        Some(InjectedFault::OtherLocation) => Ok(answer.of_another_location()),
        Some(InjectedFault::Late(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(answer)
        }
        _ => Ok(answer),
    }
}

/// GHL's quota headers, which every answer carries.
fn quota_headers(limits: Limits, verdict: QuotaVerdict) -> HeaderMap {
    let headers = [
        ("x-ratelimit-max", u64::from(limits.limit)),
        ("x-ratelimit-remaining", u64::from(verdict.remaining)),
        ("x-ratelimit-interval-milliseconds", millis(limits.window)),
        ("x-ratelimit-limit-daily", limits.daily_limit),
        ("x-ratelimit-daily-remaining", verdict.daily_remaining),
        ("x-ratelimit-daily-reset", millis(verdict.daily_reset)),
    ];
    headers.into_iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from(value))).collect()
}
