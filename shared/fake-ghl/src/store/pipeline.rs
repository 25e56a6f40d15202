//! Pipelines. Every location has the default ones unless it was given others.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::Ids;

/// A sales pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxPipeline {
    /// Id by which opportunities name it.
    pub id: String,
    /// Unique in its location, regardless of case.
    pub name: String,
    /// Stages in order. A new opportunity that names no stage goes to the first one.
    pub stages: Vec<Stage>,
    /// Other properties, by the names under which reads return them.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
}

/// A stage of a pipeline.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stage {
    /// Id by which opportunities name it.
    pub id: String,
    /// Unique in its pipeline, regardless of case.
    pub name: String,
    /// Other properties, by the names under which reads return them.
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
}

/// The pipelines of a location, and the earlier versions that reads still show.
#[derive(Debug, Clone, Default)]
pub(crate) struct Pipelines {
    current: Vec<SandboxPipeline>,
    /// Earlier versions and the time until which each was current, in milliseconds since the epoch; oldest first.
    earlier: Vec<(u64, Vec<SandboxPipeline>)>,
}

/// Id and name.
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
pub fn default_pipelines() -> Vec<SandboxPipeline> {
    DEFAULT
        .iter()
        .map(|((id, name), stages)| {
            SandboxPipeline::new(id, name, stages.iter().map(|(id, name)| Stage::new(id, name)).collect())
        })
        .collect()
}

impl Pipelines {
    pub(crate) fn current(&self) -> &[SandboxPipeline] {
        &self.current
    }

    /// The pipelines that reads show at `now`, with a lag of `lag` milliseconds.
    pub(crate) fn shown(&self, now: u64, lag: u64) -> &[SandboxPipeline] {
        let stale = self.earlier.iter().find(|(until, _)| now < until.saturating_add(lag));
        stale.map_or(&self.current, |(_, pipelines)| pipelines)
    }

    /// Pipelines that reads show at once.
    pub(crate) fn of(pipelines: Vec<SandboxPipeline>) -> Pipelines {
        Pipelines { current: pipelines, earlier: Vec::new() }
    }

    /// Writes pipelines at `at`; reads show them after `lag` milliseconds.
    pub(crate) fn write(&mut self, pipelines: Vec<SandboxPipeline>, at: u64, lag: u64) {
        self.earlier.retain(|(until, _)| at < until.saturating_add(lag));
        self.earlier.push((at, std::mem::replace(&mut self.current, pipelines)));
    }
}

impl SandboxPipeline {
    /// A pipeline without settings.
    #[must_use]
    pub fn new(id: &str, name: &str, stages: Vec<Stage>) -> SandboxPipeline {
        SandboxPipeline { id: id.to_owned(), name: name.to_owned(), stages, settings: Map::new() }
    }

    /// A pipeline with these names and new ids.
    pub(crate) fn named(name: &str, stages: &[&str], ids: &mut Ids) -> SandboxPipeline {
        let id = ids.next();
        SandboxPipeline::new(&id, name, stages.iter().map(|name| Stage::new(&ids.next(), name)).collect())
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
        let mut named = |name| vec![SandboxPipeline::named(name, &["a"], &mut ids)];
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
