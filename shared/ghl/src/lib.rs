//! The GoHighLevel (GHL) API client: API v2 and legacy v1 behind the engine's CRM port.
//!
//! One [`Call`](ghl_sync_model::Call) is exactly one HTTP request. The client does not retry, follow redirects, pace
//! or judge: it turns a call into a request, and translates the outcome into the engine's terms. The engine decides
//! what to do about it.
//!
//! A call passes through these modules: [`GhlClient`] asks [`Accounts`] for the location's token, `v2` or `v1` writes
//! the request, `transport` sends it, and `headers`, `answer` and `error` read the answer. [`OAuthClient`] obtains
//! tokens and turns a user's consent into a grant.
//!
//! Our knowledge of GHL's API comes from its OpenAPI files (GoHighLevel/highlevel-api-docs, `apps/contacts.json` and
//! `apps/opportunities.json`) and from publicly observed answers of the production API. Where neither covers a point,
//! the code says "unverified".

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

pub use accounts::{Accounts, ApiAccount, NoAccount};
pub use client::GhlClient;
pub use config::{ClientConfig, ClientError};
pub use oauth::OAuthClient;
pub use transport::tls;
