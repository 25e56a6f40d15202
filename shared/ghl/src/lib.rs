//! The GoHighLevel (GHL) API client: API v2 and legacy v1 behind the engine's CRM port.
//!
//! One [`Call`](ghl_sync_model::Call) is exactly one HTTP request. The client does not retry, does not follow
//! redirects, does not pace and does not judge: it turns a call into a request, and whatever comes back into the
//! engine's words. What to do about it is the engine's business.
//!
//! The way of a call, top down: [`GhlClient`] asks [`Accounts`] for the location's token, `v2` or `v1` writes the
//! request, `transport` sends it, and `headers`, `answer` and `error` read what came back. [`OAuthClient`] has tokens
//! issued, and turns somebody's consent into a grant.
//!
//! What is known of GHL's API comes from its OpenAPI files (GoHighLevel/highlevel-api-docs, `apps/contacts.json` and
//! `apps/opportunities.json`) and from what the production API was publicly seen to answer. Where neither says
//! anything, the code says "unverified".

mod accounts;
mod answer;
mod client;
mod config;
mod consent;
mod error;
mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod headers;
pub mod in_process;
mod iso8601;
mod oauth;
mod request;
mod shown;
mod text;
mod transport;
mod v1;
mod v2;
pub mod webhook;

pub use accounts::{Account, Accounts, NoAccount};
pub use client::GhlClient;
pub use config::{ClientConfig, ClientError};
pub use oauth::OAuthClient;
pub use transport::tls;
