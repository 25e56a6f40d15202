//! Who is calling, and which location a request belongs to.

use std::time::Duration;

use super::answer::Answer;
use super::oauth::Issuer;
use super::options::Tokens;
use super::request::Request;
use super::store::{Store, V1_LOCATION};

/// A request's location, and whether it may go on.
#[derive(Debug)]
pub(crate) struct Access {
    /// Whose allowance the request counts against. Empty when the request does not tell.
    pub(crate) location: String,
    pub(crate) verdict: Result<(), Answer>,
}

/// Looks at the token, the `Version` and the location of `request`.
pub(crate) fn examine(tokens: &Tokens, issuer: &mut Issuer, now: Duration, request: &Request, store: &Store) -> Access {
    let token = request.bearer().unwrap_or_default();
    let (location, verdict) = match tokens {
        Tokens::Any(accepted) if accepted == token => (location_told_by(request, store).to_owned(), Ok(())),
        Tokens::PerLocation(locations) if locations.contains_key(token) => {
            let location = locations.get(token).cloned().unwrap_or_default();
            let verdict = check_location(&location, request);
            (location, verdict)
        }
        _ => match issuer.location_of(token, now) {
            Some(location) if issuer.is_not_for(token, request) => (location, Err(Answer::missing_scope())),
            Some(location) => {
                let verdict = check_location(&location, request);
                (location, verdict)
            }
            // Requests with a token that has expired count toward its location all the same.
            None if matches!(tokens, Tokens::OAuth(_)) => {
                (location_told_by(request, store).to_owned(), Err(invalid_token(request)))
            }
            None => (String::new(), Err(invalid_token(request))),
        },
    };
    Access { location, verdict: verdict.and_then(|()| request.check_version()) }
}

/// The location that the request names, or else that of the record it names.
fn location_told_by<'a>(request: &'a Request, store: &'a Store) -> &'a str {
    let named = request.named_location();
    let of_record = || request.segments().into_iter().find_map(|segment| store.location_of(segment));
    named.or_else(of_record).unwrap_or(if request.is_v1() { V1_LOCATION } else { "" })
}

fn check_location(location: &str, request: &Request) -> Result<(), Answer> {
    match request.named_location() {
        Some(named) if named != location => Err(Answer::wrong_location()),
        _ => Ok(()),
    }
}

fn invalid_token(request: &Request) -> Answer {
    if request.is_v1() {
        Answer::v1_invalid_key()
    } else {
        Answer::unauthorized("Invalid token: access token is invalid")
    }
}
