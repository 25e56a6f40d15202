//! The pipelines that every location of the sandbox has. (GHL lets nobody make one by API.)

use serde_json::{Value, json};

/// A sales pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pipeline {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
    /// Its stages, in order.
    pub stages: &'static [Stage],
}

/// A stage of a pipeline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stage {
    /// Its id.
    pub id: &'static str,
    /// Its name.
    pub name: &'static str,
}

/// The pipelines, with the same ids in every location and after every start.
pub const PIPELINES: &[Pipeline] = &[
    Pipeline {
        id: "pipeline-sales",
        name: "Sales",
        stages: &[
            Stage { id: "sales-new", name: "New" },
            Stage { id: "sales-qualified", name: "Qualified" },
            Stage { id: "sales-closed", name: "Closed" },
        ],
    },
    Pipeline {
        id: "pipeline-onboarding",
        name: "Onboarding",
        stages: &[
            Stage { id: "onboarding-invited", name: "Invited" },
            Stage { id: "onboarding-started", name: "Started" },
            Stage { id: "onboarding-done", name: "Done" },
        ],
    },
    Pipeline {
        id: "pipeline-renewal",
        name: "Renewal",
        stages: &[Stage { id: "renewal-due", name: "Due" }, Stage { id: "renewal-renewed", name: "Renewed" }],
    },
];

impl Pipeline {
    pub(crate) fn find(id: &str) -> Option<&'static Pipeline> {
        PIPELINES.iter().find(|pipeline| pipeline.id == id)
    }

    pub(crate) fn has_stage(&self, id: &str) -> bool {
        self.stages.iter().any(|stage| stage.id == id)
    }

    pub(crate) fn to_v2(self, location: &str) -> Value {
        let stages: Vec<Value> = self
            .stages
            .iter()
            .enumerate()
            .map(|(position, stage)| json!({"id": stage.id, "name": stage.name, "position": position}))
            .collect();
        json!({
            "id": self.id,
            "name": self.name,
            "stages": stages,
            "showInFunnel": true,
            "showInPieChart": true,
            "locationId": location,
            "colorRenderMode": "none",
        })
    }

    pub(crate) fn to_v1(self) -> Value {
        let stages: Vec<Value> = self.stages.iter().map(|stage| json!({"id": stage.id, "name": stage.name})).collect();
        json!({"id": self.id, "name": self.name, "stages": stages})
    }
}
