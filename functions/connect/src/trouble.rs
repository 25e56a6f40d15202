//! What goes wrong, in words for whoever sits before the browser.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use ghl_sync_access::TokenError;
use ghl_sync_access::ports::SecretError;
use ghl_sync_engine::ports::PortError;
use ghl_sync_model::LocationId;
use ghl_sync_operate::PutSettingsError;
use ghl_sync_web::NotLetIn;
use tracing::error;

use crate::pages;

/// What goes wrong.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Trouble {
    #[error("Nobody is signed in, or no more. Sign in with the key of an admin, then begin again.")]
    SignIn,
    #[error("Only an admin may connect an account. Sign in with another key.")]
    NotAdmin,
    #[error("This was not asked for by a page of this stack. Open the page Connect and use its links and buttons.")]
    Forged,
    #[error("Many wrong keys came from your address. Wait a moment, then sign in.")]
    Wait { retry_after_s: u64 },
    #[error(
        "This stack checks AWS signatures (ApiAuth=iam) or tokens (ApiAuth=jwt), which browsers do not send by \
         themselves. Deploy it with ApiAuth=key, or connect by hand: docs/CREDENTIALS.md says how."
    )]
    NoKeys,
    #[error("No app is set up for this stack. Its parameter GhlApp must say where the app's id and key are.")]
    NoApp,
    #[error("The app's key cannot be used: {0}.")]
    BadApp(String),
    #[error("The name by which this stack was called cannot be told.")]
    NoName,
    #[error("The system has no random bytes. Try again.")]
    NoRandomness,
    #[error("This browser did not begin this, or too long ago. Begin again on the page Connect.")]
    Stranger,
    #[error("It took more than ten minutes. Begin again on the page Connect.")]
    TooLate,
    #[error(
        "GoHighLevel has sent this browser here before. If nothing was connected, begin again on the page Connect."
    )]
    Used,
    #[error("GoHighLevel says that the consent was not given. Nothing was connected.")]
    Denied,
    #[error("GoHighLevel sent no code along. Begin again on the page Connect.")]
    NoCode,
    #[error("GoHighLevel refuses: {0}. Begin again on the page Connect.")]
    Refused(String),
    #[error("GoHighLevel cannot be reached, or does not answer as it should: {0}. Begin again in a moment.")]
    Unreachable(String),
    #[error(
        "GoHighLevel does not accept this token for the location {location}: {why}. It was not stored, and what the \
         location had before stays. Copy the token once more from that location (Settings, Private Integrations), look at \
         the location's id, then try again."
    )]
    TokenRefused { location: LocationId, why: String },
    #[error(
        "GoHighLevel could not be asked whether it accepts this token for the location {location}: {why}. It was not \
         stored, and what the location had before stays. Try again in a moment."
    )]
    TokenUntried { location: LocationId, why: String },
    #[error("GoHighLevel does not say for which location or agency the consent is.")]
    ForNobody,
    #[error("{field} {reason}.")]
    Invalid { field: &'static str, reason: String },
    #[error("There is no such connection.")]
    Unknown,
    #[error("It is not connected any more.")]
    Over,
    #[error("Where credentials are kept says no: {0}.")]
    Secrets(String),
    #[error("A store did not answer. Try again; doing it twice does no harm.")]
    Store,
    #[error("Something went wrong here. The log has the request.")]
    Panicked,
}

impl Trouble {
    /// Why a token that somebody brings for `location` is not taken.
    pub(crate) fn of_token(location: LocationId, error: TokenError) -> Trouble {
        match error {
            TokenError::Refused(why) | TokenError::AgencyToken(why) | TokenError::Inactive(why) => {
                Trouble::TokenRefused { location, why: without_end(why) }
            }
            TokenError::Unanswered(why) | TokenError::NotDone(why) => {
                Trouble::TokenUntried { location, why: without_end(why) }
            }
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            Trouble::SignIn => StatusCode::UNAUTHORIZED,
            Trouble::NotAdmin | Trouble::Forged | Trouble::Stranger => StatusCode::FORBIDDEN,
            Trouble::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
            Trouble::NoKeys | Trouble::NoApp | Trouble::BadApp(_) | Trouble::Used | Trouble::Over => {
                StatusCode::CONFLICT
            }
            Trouble::TooLate => StatusCode::GONE,
            Trouble::Denied | Trouble::NoCode | Trouble::Refused(_) | Trouble::NoName => StatusCode::BAD_REQUEST,
            Trouble::Unreachable(_) | Trouble::TokenUntried { .. } | Trouble::ForNobody => StatusCode::BAD_GATEWAY,
            Trouble::Invalid { .. } | Trouble::TokenRefused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            Trouble::Unknown => StatusCode::NOT_FOUND,
            Trouble::NoRandomness | Trouble::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            Trouble::Secrets(_) | Trouble::Store => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// What may help.
    pub(crate) fn way_out(&self) -> (&'static str, &'static str) {
        match self {
            Trouble::SignIn | Trouble::NotAdmin | Trouble::Wait { .. } => ("/sign-in?to=connect", "Sign in"),
            _ => ("/connect", "Connect"),
        }
    }
}

/// GHL's words as a part of a sentence of ours.
fn without_end(words: String) -> String {
    words.trim_end_matches('.').to_owned()
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        let mut response = (self.status(), pages::trouble(&self)).into_response();
        if let Trouble::Wait { retry_after_s } = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        response
    }
}

impl From<NotLetIn> for Trouble {
    fn from(refused: NotLetIn) -> Trouble {
        match refused {
            NotLetIn::Nobody | NotLetIn::SignedOut => Trouble::SignIn,
            NotLetIn::NoRole { .. } | NotLetIn::NoSubject => Trouble::NotAdmin,
            NotLetIn::Forged => Trouble::Forged,
            NotLetIn::Wait { retry_after_s } => Trouble::Wait { retry_after_s },
            NotLetIn::Port(failed) => failed.into(),
        }
    }
}

impl From<PortError> for Trouble {
    fn from(failed: PortError) -> Trouble {
        error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
        Trouble::Store
    }
}

impl From<SecretError> for Trouble {
    fn from(error: SecretError) -> Trouble {
        match error {
            SecretError::Missing(why) => {
                error!(event = "port_failed", action = "secrets", error = why);
                Trouble::Secrets(why)
            }
            SecretError::Port(failed) => failed.into(),
        }
    }
}

impl From<PutSettingsError> for Trouble {
    fn from(error: PutSettingsError) -> Trouble {
        match error {
            PutSettingsError::Settings(wrong) => Trouble::Invalid { field: wrong.field, reason: wrong.reason },
            PutSettingsError::Unknown(_) => Trouble::Unknown,
            // Others were faster each time. (Settings that a patch makes unreadable are none of ours: no patch is made.)
            PutSettingsError::Changed { .. } | PutSettingsError::Fault(_) => Trouble::Store,
            PutSettingsError::Port(failed) => failed.into(),
        }
    }
}

impl From<TokenError> for Trouble {
    fn from(error: TokenError) -> Trouble {
        match error {
            TokenError::Refused(why) | TokenError::AgencyToken(why) | TokenError::Inactive(why) => {
                Trouble::Refused(why)
            }
            TokenError::Unanswered(why) | TokenError::NotDone(why) => Trouble::Unreachable(why),
        }
    }
}
