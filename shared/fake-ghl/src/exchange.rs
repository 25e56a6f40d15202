//! One request, from its arrival to its answer.

use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::access::{self, Access};
use super::answer::Answer;
use super::consent;
use super::control;
use super::fake::FakeGhl;
use super::faults::{Fault, Progress};
use super::limits::{Limits, Verdict};
use super::request::Request;
use super::times::millis;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the connection is to be closed without an answer")]
pub struct NoAnswer;

impl FakeGhl {
    /// Answers `request`, or not, as soon as GHL would.
    ///
    /// # Errors
    /// When the connection is to be closed without an answer.
    pub async fn answer(&self, request: &Request) -> Result<Response<Vec<u8>>, NoAnswer> {
        if let Some(answer) = control::handle(self, request) {
            return Ok(answer.into());
        }
        if let Some(answer) = consent::handle(self, request) {
            return Ok(answer.into());
        }
        if request.segments().first() == Some(&"oauth") {
            // No limit of these requests is known; they count toward no location's.
            let issued = || self.issuer().handle(request, self.now(), |location| self.name_of(location));
            return perform(self, issued).await.map(Response::from);
        }
        let Access { location, verdict: may_go_on } =
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
            Ok(Answer::too_many_requests())
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

/// Does the `work` of an admitted request, unless something goes wrong.
async fn perform(ghl: &FakeGhl, work: impl FnOnce() -> Answer) -> Result<Answer, NoAnswer> {
    let plan = ghl.faults().plan(ghl.now());
    tokio::time::sleep(plan.latency / 2).await;
    match plan.fault {
        Some(Fault::ServerError) => return Ok(Answer::server_error()),
        Some(Fault::Unavailable) => return Ok(Answer::gateway_page(StatusCode::SERVICE_UNAVAILABLE)),
        Some(Fault::BadGateway(Progress::BeforeWrite)) => return Ok(Answer::gateway_page(StatusCode::BAD_GATEWAY)),
        Some(Fault::Reset(Progress::BeforeWrite)) => return Err(NoAnswer),
        Some(Fault::Page(status)) => return Ok(Answer::gateway_page(status)),
        Some(
            Fault::BadGateway(Progress::AfterWrite)
            | Fault::Reset(Progress::AfterWrite)
            | Fault::Late(_)
            | Fault::OtherLocation,
        )
        | None => {}
    }
    let answer = work();
    tokio::time::sleep(plan.latency / 2).await;
    match plan.fault {
        Some(Fault::BadGateway(_)) => Ok(Answer::gateway_page(StatusCode::BAD_GATEWAY)),
        Some(Fault::Reset(_)) => Err(NoAnswer),
        Some(Fault::OtherLocation) => Ok(answer.of_another_location()),
        Some(Fault::Late(delay)) => {
            tokio::time::sleep(delay).await;
            Ok(answer)
        }
        _ => Ok(answer),
    }
}

/// GHL's headers, which are on every answer.
fn quota_headers(limits: Limits, verdict: Verdict) -> HeaderMap {
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
