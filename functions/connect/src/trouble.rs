//! Errors, in words for the person in front of the browser.

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

/// Why a request failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ConnectError {
    #[error("You are not signed in, or your session has ended. Sign in with the key of an admin, then begin again.")]
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
    #[error("The host name of this request is unknown.")]
    NoName,
    #[error("The system has no random bytes. Try again.")]
    NoRandomness,
    #[error("This browser did not begin this connection, or began it too long ago. Begin again on the page Connect.")]
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
    #[error("The credentials store failed: {0}.")]
    Secrets(String),
    #[error("A store did not answer. Try again; doing it twice does no harm.")]
    Store,
    #[error("Something went wrong here. The log has the request.")]
    Panicked,
}

impl ConnectError {
    /// Why a token for `location` is rejected.
    pub(crate) fn of_token(location: LocationId, error: TokenError) -> ConnectError {
        match error {
            TokenError::Refused(why) | TokenError::AgencyToken(why) | TokenError::Inactive(why) => {
                ConnectError::TokenRefused { location, why: without_end(why) }
            }
            TokenError::Unanswered(why) | TokenError::NotDone(why) => {
                ConnectError::TokenUntried { location, why: without_end(why) }
            }
        }
    }

    pub(crate) fn status(&self) -> StatusCode {
        match self {
            ConnectError::SignIn => StatusCode::UNAUTHORIZED,
            ConnectError::NotAdmin | ConnectError::Forged | ConnectError::Stranger => StatusCode::FORBIDDEN,
            ConnectError::Wait { .. } => StatusCode::TOO_MANY_REQUESTS,
            ConnectError::NoKeys
            | ConnectError::NoApp
            | ConnectError::BadApp(_)
            | ConnectError::Used
            | ConnectError::Over => StatusCode::CONFLICT,
            ConnectError::TooLate => StatusCode::GONE,
            ConnectError::Denied | ConnectError::NoCode | ConnectError::Refused(_) | ConnectError::NoName => {
                StatusCode::BAD_REQUEST
            }
            ConnectError::Unreachable(_) | ConnectError::TokenUntried { .. } | ConnectError::ForNobody => {
                StatusCode::BAD_GATEWAY
            }
            ConnectError::Invalid { .. } | ConnectError::TokenRefused { .. } => StatusCode::UNPROCESSABLE_ENTITY,
            ConnectError::Unknown => StatusCode::NOT_FOUND,
            ConnectError::NoRandomness | ConnectError::Panicked => StatusCode::INTERNAL_SERVER_ERROR,
            ConnectError::Secrets(_) | ConnectError::Store => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The path and title of a page that may help.
    fn way_out(&self) -> (&'static str, &'static str) {
        match self {
            ConnectError::SignIn | ConnectError::NotAdmin | ConnectError::Wait { .. } => {
                ("/sign-in?to=connect", "Sign in")
            }
            _ => ("/connect", "Connect"),
        }
    }
}

/// Drops the final full stop of GHL's message, so that it fits into a sentence.
fn without_end(words: String) -> String {
    words.trim_end_matches('.').to_owned()
}

impl IntoResponse for ConnectError {
    fn into_response(self) -> Response {
        let mut response = (self.status(), pages::trouble(&self.to_string(), self.way_out())).into_response();
        if let ConnectError::Wait { retry_after_s } = self {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(retry_after_s));
        }
        response
    }
}

impl From<NotLetIn> for ConnectError {
    fn from(refused: NotLetIn) -> ConnectError {
        match refused {
            NotLetIn::Nobody | NotLetIn::SignedOut => ConnectError::SignIn,
            NotLetIn::NoRole { .. } | NotLetIn::NoSubject => ConnectError::NotAdmin,
            NotLetIn::Forged => ConnectError::Forged,
            NotLetIn::Wait { retry_after_s } => ConnectError::Wait { retry_after_s },
            NotLetIn::Port(failed) => failed.into(),
        }
    }
}

impl From<PortError> for ConnectError {
    fn from(failed: PortError) -> ConnectError {
        error!(event = "port_failed", action = failed.action, error = ghl_sync_runtime::causes(&failed));
        ConnectError::Store
    }
}

impl From<SecretError> for ConnectError {
    fn from(error: SecretError) -> ConnectError {
        match error {
            SecretError::Missing(why) => {
                error!(event = "port_failed", action = "secrets", error = why);
                ConnectError::Secrets(why)
            }
            SecretError::Port(failed) => failed.into(),
        }
    }
}

impl From<PutSettingsError> for ConnectError {
    fn from(error: PutSettingsError) -> ConnectError {
        match error {
            PutSettingsError::Settings(wrong) => ConnectError::Invalid { field: wrong.field, reason: wrong.reason },
            PutSettingsError::Unknown(_) => ConnectError::Unknown,
            // Others were faster each time. (`Fault` cannot happen: it comes from patches only, and this code makes
            // none.)
            PutSettingsError::Changed { .. } | PutSettingsError::Fault(_) => ConnectError::Store,
            PutSettingsError::Port(failed) => failed.into(),
        }
    }
}

impl From<TokenError> for ConnectError {
    fn from(error: TokenError) -> ConnectError {
        match error {
            TokenError::Refused(why) | TokenError::AgencyToken(why) | TokenError::Inactive(why) => {
                ConnectError::Refused(why)
            }
            TokenError::Unanswered(why) | TokenError::NotDone(why) => ConnectError::Unreachable(why),
        }
    }
}
