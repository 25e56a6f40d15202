//! Identifies the caller and the location of a request.

use std::time::Duration;

use super::answer::SandboxAnswer;
use super::oauth::Issuer;
use super::options::SandboxTokens;
use super::request::SandboxRequest;
use super::store::{Store, V1_LOCATION};

/// A request's location, and whether the request may proceed.
#[derive(Debug)]
pub(crate) struct CallerAccess {
    /// Location whose allowance the request counts against. Empty if the request does not reveal it.
    pub(crate) location: String,
    pub(crate) verdict: Result<(), SandboxAnswer>,
}

/// Checks the token, the `Version` and the location of `request`.
pub(crate) fn examine(
    tokens: &SandboxTokens,
    issuer: &mut Issuer,
    now: Duration,
    request: &SandboxRequest,
    store: &Store,
) -> CallerAccess {
    let token = request.bearer().unwrap_or_default();
    let (location, verdict) = match tokens {
        SandboxTokens::Any(accepted) if accepted == token => (location_told_by(request, store).to_owned(), Ok(())),
        SandboxTokens::PerLocation(locations) if locations.contains_key(token) => {
            let location = locations.get(token).cloned().unwrap_or_default();
            let verdict = check_location(&location, request);
            (location, verdict)
        }
        _ => match issuer.location_of(token, now) {
            Some(location) if issuer.is_not_for(token, request) => (location, Err(SandboxAnswer::missing_scope())),
            Some(location) => {
                let verdict = check_location(&location, request);
                (location, verdict)
            }
            // Requests with an expired token still count toward their location.
            None if matches!(tokens, SandboxTokens::OAuth(_)) => {
                (location_told_by(request, store).to_owned(), Err(invalid_token(request)))
            }
            None => (String::new(), Err(invalid_token(request))),
        },
    };
    CallerAccess { location, verdict: verdict.and_then(|()| request.check_version()) }
}

/// The location that the request names, or else the location of the record it names.
fn location_told_by<'a>(request: &'a SandboxRequest, store: &'a Store) -> &'a str {
    let named = request.named_location();
    let of_record = || request.segments().into_iter().find_map(|segment| store.location_of(segment));
    named.or_else(of_record).unwrap_or(if request.is_v1() { V1_LOCATION } else { "" })
}

fn check_location(location: &str, request: &SandboxRequest) -> Result<(), SandboxAnswer> {
    match request.named_location() {
        Some(named) if named != location => Err(SandboxAnswer::wrong_location()),
        _ => Ok(()),
    }
}

fn invalid_token(request: &SandboxRequest) -> SandboxAnswer {
    if request.is_v1() {
        SandboxAnswer::v1_invalid_key()
    } else {
        SandboxAnswer::unauthorized("Invalid token: access token is invalid")
    }
}
