//! A stand-in for GoHighLevel that examines its callers: it answers as GHL does, counts as GHL says it counts, and
//! refuses whatever GHL would refuse.
//!
//! [`Sandbox::start`] serves API v2 at `/` and the legacy API at `/v1`. Each request takes one way through the modules:
//! `server` accepts it, `exchange` counts it (`meter`, `limits`), decides what goes wrong (`faults`) and who
//! is calling (`access`), and `routes` hands it to the endpoint, which checks the body against GHL's field lists
//! (`validate`, `dto`) and writes to the `store`.
//!
//! Three numbers of [`Stats`] are the examination's result: `breaches` (requests beyond a limit), `duplicates` (records
//! that a caller made twice) and `max_in_any_window` (the proof, from arrival times, that no window held too much).

mod access;
mod answer;
mod clock;
mod contact_filter;
mod contact_search;
mod contacts;
mod control;
mod custom_fields;
mod dto;
mod exchange;
mod faults;
mod field_values;
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
mod server;
mod stats;
mod store;
mod v1;
mod validate;
mod visit;
mod world;

#[cfg(test)]
mod tests;

pub use faults::FaultChange;
pub use options::{Installed, OAuthOptions, RetryAfterMode, SandboxOptions, Tokens, WindowKind};
pub use pipelines::{Pipeline, Stage, default_pipelines};
pub use seed::{Contents, SeedError, Seeding, Unwritable};
pub use server::Sandbox;
pub use stats::Stats;
