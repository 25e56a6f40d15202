//! One request, from its arrival to its answer.

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::access::{self, Access};
use super::answer::Answer;
use super::clock::millis;
use super::control;
use super::faults::{Fault, Progress};
use super::limits::{Limits, Verdict};
use super::request::Request;
use super::routes;
use super::scopes;
use super::visit::Visit;
use super::world::World;

/// The connection is to be closed without an answer.
#[derive(Debug, thiserror::Error)]
#[error("the sandbox closes the connection without an answer")]
pub(crate) struct NoAnswer;

/// Answers `request`, or not.
pub(crate) async fn answer(world: &World, request: &Request) -> Result<Response, NoAnswer> {
    if let Some(answer) = control::handle(world, request) {
        return Ok(answer.into_response());
    }
    if request.segments().first() == Some(&"oauth") {
        // No limit of these requests is known; they count toward no location's.
        let issued = || world.issuer().handle(request, world.clock.now());
        return perform(world, issued).await.map(IntoResponse::into_response);
    }
    let Access { location, verdict: may_go_on } =
        access::examine(&world.tokens, &mut world.issuer(), world.clock.now(), request, &world.store());
    let (limits, verdict) = {
        let mut meter = world.meter();
        (meter.limits(), meter.arrive(&location, world.clock.now()))
    };
    let mut headers = quota_headers(limits, verdict);

    let answered = if let Some(wait) = verdict.refused_for {
        if world.faults().tells_retry_after() {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(millis(wait).div_ceil(1_000)));
        }
        Ok(Answer::too_many_requests())
    } else {
        perform(world, || may_go_on.map_or_else(|refusal| refusal, |()| visit(world, request, &location))).await
    };

    let status = answered.as_ref().ok().map(|answer| answer.status);
    world.meter().answer(&location, status, world.clock.now());
    answered.map(|answer| (headers, answer).into_response())
}

/// Does the `work` of an admitted request, unless something goes wrong.
async fn perform(world: &World, work: impl FnOnce() -> Answer) -> Result<Answer, NoAnswer> {
    let plan = world.faults().plan(world.clock.now());
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

/// One request at a time, so that what it finds is still so when it writes.
fn visit(world: &World, request: &Request, location: &str) -> Answer {
    if let Some(scope) = scopes::needed(request)
        && world.missing_scopes.contains(&(location.to_owned(), scope))
    {
        return Answer::missing_scope();
    }
    let mut store = world.store();
    routes::handle(&mut Visit { request, location, store: &mut store, rules: world.rules, now: world.now_ms() })
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
