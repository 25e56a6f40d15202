//! Pipelines. A location has those below unless it was given others.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::Ids;

/// A sales pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pipeline {
    /// By which opportunities name it.
    pub id: String,
    /// Unique in its location, whatever its case.
    pub name: String,
    /// In order: the first is where a new opportunity goes that names none.
    pub stages: Vec<Stage>,
    /// What else it was given, by the names under which it is shown.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// By which opportunities name it.
    pub id: String,
    /// Unique in its pipeline, whatever its case.
    pub name: String,
    /// What else it was given, by the names under which it is shown.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
}

/// The pipelines of a location, and what reads still show instead.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pipelines {
    current: Vec<Pipeline>,
    /// What was so before, and until when, in milliseconds since the epoch; oldest first.
    earlier: Vec<(u64, Vec<Pipeline>)>,
}

/// An id and a name.
type Named = (&'static str, &'static str);

/// Pipelines and their stages, with the same ids in every location and after every start.
const DEFAULT: &[(Named, &[Named])] = &[
    (
        ("pipeline-sales", "Sales"),
        &[("sales-new", "New"), ("sales-qualified", "Qualified"), ("sales-closed", "Closed")],
    ),
    (
        ("pipeline-onboarding", "Onboarding"),
        &[("onboarding-invited", "Invited"), ("onboarding-started", "Started"), ("onboarding-done", "Done")],
    ),
    (("pipeline-renewal", "Renewal"), &[("renewal-due", "Due"), ("renewal-renewed", "Renewed")]),
];

/// The pipelines of a location that was given none.
#[must_use]
pub fn default_pipelines() -> Vec<Pipeline> {
    DEFAULT
        .iter()
        .map(|((id, name), stages)| {
            Pipeline::new(id, name, stages.iter().map(|(id, name)| Stage::new(id, name)).collect())
        })
        .collect()
}

impl Pipelines {
    pub(crate) fn current(&self) -> &[Pipeline] {
        &self.current
    }

    /// What reads show at `now`, if it takes them `lag` milliseconds to show a write.
    pub(crate) fn shown(&self, now: u64, lag: u64) -> &[Pipeline] {
        let stale = self.earlier.iter().find(|(until, _)| now < until.saturating_add(lag));
        stale.map_or(&self.current, |(_, pipelines)| pipelines)
    }

    /// Those that reads show at once.
    pub(crate) fn of(pipelines: Vec<Pipeline>) -> Pipelines {
        Pipelines { current: pipelines, earlier: Vec::new() }
    }

    /// A write at `at`, which reads show after `lag` milliseconds.
    pub(crate) fn write(&mut self, pipelines: Vec<Pipeline>, at: u64, lag: u64) {
        self.earlier.retain(|(until, _)| at < until.saturating_add(lag));
        self.earlier.push((at, std::mem::replace(&mut self.current, pipelines)));
    }
}

impl Pipeline {
    /// A pipeline without settings.
    #[must_use]
    pub fn new(id: &str, name: &str, stages: Vec<Stage>) -> Pipeline {
        Pipeline { id: id.to_owned(), name: name.to_owned(), stages, settings: Map::new() }
    }

    /// A pipeline of these names.
    pub(crate) fn named(name: &str, stages: &[&str], ids: &mut Ids) -> Pipeline {
        let id = ids.next();
        Pipeline::new(&id, name, stages.iter().map(|name| Stage::new(&ids.next(), name)).collect())
    }

    pub(crate) fn has_stage(&self, id: &str) -> bool {
        self.stages.iter().any(|stage| stage.id == id)
    }
}

impl Stage {
    /// A stage without settings.
    #[must_use]
    pub fn new(id: &str, name: &str) -> Stage {
        Stage { id: id.to_owned(), name: name.to_owned(), settings: Map::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_show_a_write_when_the_lag_is_over_and_not_before() {
        let mut ids = Ids::seeded(1);
        let mut named = |name| vec![Pipeline::named(name, &["a"], &mut ids)];
        let mut pipelines = Pipelines::of(named("A"));
        for (at, name) in [(1_000, "B"), (1_050, "C")] {
            pipelines.write(named(name), at, 100);
        }
        for (now, name) in [(1_000, "A"), (1_099, "A"), (1_100, "B"), (1_149, "B"), (1_150, "C")] {
            assert_eq!(pipelines.shown(now, 100)[0].name, name, "at {now}");
        }
        assert_eq!((pipelines.current()[0].name.as_str(), pipelines.shown(1_050, 0)[0].name.as_str()), ("C", "C"));
    }
}
