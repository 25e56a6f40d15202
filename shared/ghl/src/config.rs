//! GHL's addresses, and the errors that prevent creating a client.

use crate::transport::SetupError;

/// GHL's addresses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientConfig {
    /// Base URL of API v2.
    pub v2_base_url: String,
    /// Base URL of API v1, including its path.
    pub v1_base_url: String,
}

impl Default for ClientConfig {
    /// GHL's own hosts.
    fn default() -> Self {
        ClientConfig {
            v2_base_url: "https://services.leadconnectorhq.com".to_owned(),
            v1_base_url: "https://rest.gohighlevel.com/v1".to_owned(),
        }
    }
}

/// Why a client could not be created.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// A base URL is invalid.
    #[error("`{url}` is not a base URL: {problem}")]
    BaseUrl {
        /// The configured text, or only the host if the URL holds credentials.
        url: String,
        /// What makes it invalid.
        problem: String,
    },
    /// TLS cannot be set up, usually because the system has no root certificates.
    #[error("TLS cannot be set up")]
    Tls(#[source] rustls::Error),
    /// The HTTP client cannot be set up.
    #[error("the HTTP client cannot be set up")]
    Http(#[source] reqwest::Error),
}

impl From<SetupError> for ClientError {
    fn from(error: SetupError) -> Self {
        match error {
            SetupError::Tls(error) => ClientError::Tls(error),
            SetupError::Http(error) => ClientError::Http(error),
        }
    }
}
