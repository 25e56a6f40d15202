//! The identity that a request claims.

use axum::extract::Request;
use ghl_sync_model::EpochMs;
use ghl_sync_operate::Operator;
use ghl_sync_runtime::{ApiAccess, JwtAccess};
use lambda_http::aws_lambda_events::apigw::ApiGatewayRequestAuthorizer;
use lambda_http::request::RequestContext;

use crate::caller::Caller;
use crate::callers::{Callers, NotLetIn};
use crate::jwt;
use crate::sessions::{Cookie, from_our_page};
use crate::shown::PresentedKey;

/// The identity that a request claims.
pub enum Claim {
    /// It claims none.
    Nobody,
    /// API Gateway verified it.
    Principal(Caller),
    /// API Gateway verified it, and this caller may not enter.
    Refused(NotLetIn),
    /// The owner of this key.
    Key(PresentedKey),
    /// The owner of this session.
    Session(Cookie),
    /// A browser sent this automatically, possibly at the request of another site's page.
    Forgeable(Box<Claim>),
}

impl Claim {
    /// Reads the claim of `request`. A request that `changes` something must not come from another site's page.
    #[must_use]
    pub fn of(request: &Request, access: &ApiAccess, changes: bool) -> Claim {
        let (shown, cookie) = match access {
            ApiAccess::Iam => return principal(request).map_or(Claim::Nobody, Claim::Principal),
            ApiAccess::Jwt(access) => return holder(request, access),
            ApiAccess::Keys(_) => (PresentedKey::of(request), Cookie::of(request)),
        };
        let (claim, by_browser) = match (shown, cookie) {
            (Some(shown), _) if shown.by_browser => (Claim::Key(shown), true),
            (Some(shown), _) => (Claim::Key(shown), false),
            (None, Some(cookie)) => (Claim::Session(cookie), true),
            (None, None) => return Claim::Nobody,
        };
        let is_forgeable = by_browser && changes && !from_our_page(request.headers());
        if is_forgeable { Claim::Forgeable(Box::new(claim)) } else { claim }
    }

    /// Verifies the claim; `None` if there is none.
    ///
    /// # Errors
    /// If the claim is false.
    pub async fn check(self, callers: &Callers, operator: &Operator, now: EpochMs) -> Result<Option<Caller>, NotLetIn> {
        match self {
            Claim::Nobody => Ok(None),
            Claim::Principal(caller) => Ok(Some(caller)),
            Claim::Refused(refused) => Err(refused),
            Claim::Key(shown) => callers.owner(operator, now, &shown).await.map(Some),
            Claim::Session(cookie) => callers.signed_in(operator, now, &cookie).await.map(Some),
            Claim::Forgeable(claim) => match *claim {
                Claim::Key(shown) => callers.owner(operator, now, &shown).await.map(drop),
                Claim::Session(cookie) => callers.signed_in(operator, now, &cookie).await.map(drop),
                Claim::Nobody | Claim::Principal(_) | Claim::Refused(_) | Claim::Forgeable(_) => Ok(()),
            }
            .and(Err(NotLetIn::Forged)),
        }
    }
}

/// The principal that API Gateway let in. An event that did not pass its check has no principal.
fn principal(request: &Request) -> Option<Caller> {
    let iam = authorizer(request)?.iam.as_ref()?;
    iam.user_arn.as_deref().filter(|arn| !arn.is_empty()).map(Caller::with_all_rights)
}

/// The holder of the token that API Gateway verified. Browsers never send it automatically, so no page can forge
/// requests.
fn holder(request: &Request, access: &JwtAccess) -> Claim {
    let Some(jwt) = authorizer(request).and_then(|authorizer| authorizer.jwt.as_ref()) else { return Claim::Nobody };
    jwt::owner(&jwt.claims, access).map_or_else(Claim::Refused, Claim::Principal)
}

fn authorizer(request: &Request) -> Option<&ApiGatewayRequestAuthorizer> {
    match request.extensions().get::<RequestContext>() {
        Some(RequestContext::ApiGatewayV2(context)) => context.authorizer.as_ref(),
        _ => None,
    }
}
