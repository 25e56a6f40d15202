//! The engine in thousands of small, faulty worlds, and the rules that must hold in all of them.
//!
//! A world ([`Scenario`]) runs the real use cases and policies over in-memory ports (`ghl-sync-testkit`), on a clock
//! that jumps from event to event. It is generated from a seed or read from a file. [`run`] plays it through and
//! reports the rules it broke; [`shrink`] makes a broken world as small as possible.

mod actor;
mod broken;
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

pub use broken::Broken;
pub use campaign::{BrokenSeed, Campaign, CampaignReport};
pub use pacing::{PACING_SPAN, PacingCase, PacingRow, pacing, pacing_cases};
pub use run::{Figures, ScenarioOutcome, run};
pub use scenario::{
    Expect, Hosts, Limit, Numbers, Puts, Scenario, ScenarioLocation, ScenarioTrouble, Server, Span, TroubleKind,
};
pub use shrink::shrink;
