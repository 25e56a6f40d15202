//! The engine in thousands of small worlds where everything goes wrong, and the rules that hold all the same.
//!
//! A world ([`Scenario`]) is the real use cases and policies over the in-memory ports of the engine's `testing` module,
//! on a clock that jumps from event to event. It follows from a seed, or is read from a file. [`run`] lives through it
//! and says which rules were broken; [`shrink`] makes a broken world as small as it can be.

mod actor;
mod campaign;
mod content;
mod deletes;
mod ends;
mod imports;
mod mirrors;
mod names;
mod pacing;
mod people;
mod random;
mod rules;
mod run;
mod scenario;
mod shrink;
mod stage;
mod undos;

pub use ghl_sync_testkit::WindowKind;

pub use campaign::{BrokenSeed, Campaign, CampaignReport};
pub use pacing::{PACING_SPAN, PacingCase, PacingRow, pacing, pacing_cases};
pub use rules::Broken;
pub use run::{Figures, Outcome, run};
pub use scenario::{Expect, Hosts, Limit, Numbers, Place, Puts, Scenario, Server, Span, Trouble, What};
pub use shrink::shrink;
