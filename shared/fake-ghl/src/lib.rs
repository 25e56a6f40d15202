//! A stand-in for GoHighLevel that tests its callers: it answers as GHL does, counts as GHL says it counts, and
//! refuses everything that GHL would refuse. It has no port, no clock and no randomness of its own.
//!
//! [`FakeGhl`] answers API v2 at `/` and the legacy API at `/v1`. Every request passes through the same modules:
//! `exchange` counts it (`meter`, `limits`), injects faults (`faults`) and identifies the caller (`access`); `routes`
//! passes it to the endpoint, which checks the body against GHL's field lists (`validate`, `dto`) and writes to the
//! `store`.
//!
//! Three numbers of [`Stats`] are the result of a test: `breaches` (requests beyond a limit), `duplicates` (records
//! that a caller created twice) and `max_in_any_window` (the proof, from arrival times, that no window held too many
//! requests).

mod access;
mod answer;
mod consent;
mod contact_filter;
mod contact_search;
mod contacts;
mod control;
mod custom_fields;
mod dto;
mod exchange;
mod fake;
mod faults;
mod field_values;
mod ids;
mod limits;
mod locations;
mod meter;
mod oauth;
mod opportunities;
mod opportunity_search;
mod options;
mod paging;
mod phone;
mod pipelines;
mod request;
mod routes;
mod scopes;
mod seed;
mod stats;
mod store;
mod times;
mod v1;
mod validate;
mod visit;

pub use exchange::NoAnswer;
pub use fake::FakeGhl;
pub use faults::FaultChange;
pub use limits::{BurstWindow, DayWindow};
pub use options::{Installed, Marketplace, OAuthOptions, RetryAfterMode, SandboxOptions, SandboxTokens, WindowKind};
pub use request::SandboxRequest;
pub use seed::{Contents, SeedError, Seeding, Unwritable};
pub use stats::Stats;
pub use store::{Journal, SandboxPipeline, Stage, default_pipelines};
