//! Pure decisions of the migration: what a location's structure and records become in another location.

mod carry;
mod compare;
mod decisions;
mod fields;
mod forecast;
mod id_map;
mod mapping;
mod meaning;
mod names;
mod overrides;
mod pairing;
mod people;
mod pipelines;
mod progress;
mod readiness;
#[cfg(test)]
mod tests;

pub use carry::{Carried, carry_contact, carry_opportunity};
pub use compare::{contact_snapshot, differences, expected_contact, expected_opportunity, opportunity_snapshot};
pub use decisions::MappingRules;
pub use fields::fits;
pub use forecast::{CallBudget, Survey, forecast};
pub use id_map::IdMap;
pub use mapping::map_structure;
pub use names::{likeness, name_hash, normalised};
pub use pipelines::map_pipelines;
pub use progress::progress;
pub use readiness::summarise;
