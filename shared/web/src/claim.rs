//! Who a request says that it comes from.

use axum::extract::Request;
use ghl_sync_model::EpochMs;
use ghl_sync_operate::Operator;
use ghl_sync_runtime::ApiAccess;
use lambda_http::request::RequestContext;

use crate::callers::{Caller, Callers, NotLetIn};
use crate::sessions::{Cookie, from_our_page};
use crate::shown::Shown;

/// Who a request says that it comes from.
pub enum Claim {
    /// It says nothing.
    Nobody,
    /// API Gateway knows.
    Principal(Caller),
    /// Whoever has this key.
    Key(Shown),
    /// Whoever has signed in.
    Session(Cookie),
    /// A browser shows this, and some other page may have made it do so.
    Forgeable(Box<Claim>),
}

impl Claim {
    /// What `request` says. Where it `changes` something, it must not come from a page of somebody else.
    #[must_use]
    pub fn of(request: &Request, access: &ApiAccess, changes: bool) -> Claim {
        let (shown, cookie) = match access {
            ApiAccess::Iam => return principal(request).map_or(Claim::Nobody, Claim::Principal),
            ApiAccess::Keys(_) => (Shown::of(request), Cookie::of(request)),
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

    /// Who it is, if the claim is true; `None` where nobody claims anything.
    ///
    /// # Errors
    /// When it is not true.
    pub async fn check(self, callers: &Callers, operator: &Operator, now: EpochMs) -> Result<Option<Caller>, NotLetIn> {
        match self {
            Claim::Nobody => Ok(None),
            Claim::Principal(caller) => Ok(Some(caller)),
            Claim::Key(shown) => callers.owner(operator, now, &shown).await.map(Some),
            Claim::Session(cookie) => callers.signed_in(operator, now, &cookie).await.map(Some),
            Claim::Forgeable(claim) => match *claim {
                Claim::Key(shown) => callers.owner(operator, now, &shown).await.map(drop),
                Claim::Session(cookie) => callers.signed_in(operator, now, &cookie).await.map(drop),
                Claim::Nobody | Claim::Principal(_) | Claim::Forgeable(_) => Ok(()),
            }
            .and(Err(NotLetIn::Forged)),
        }
    }
}

/// Whom API Gateway has let in. An event that did not pass its check has nobody in it.
fn principal(request: &Request) -> Option<Caller> {
    let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>() else {
        return None;
    };
    let iam = context.authorizer.as_ref()?.iam.as_ref()?;
    iam.user_arn.as_deref().filter(|arn| !arn.is_empty()).map(Caller::with_all_rights)
}
