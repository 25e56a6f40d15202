//! A source, a target, and a driver of migrations between them.

use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{Clock, ItemStore, Loaded};
use ghl_sync_engine::usecase::Invocation;
use ghl_sync_migrate::Migrator;
use ghl_sync_model::{
    Contact, CustomField, FieldDefinition, FieldType, GhlId, Holder, Kind, LocationId, MappingOverrides, Migration,
    MigrationId, MigrationOverlay, MigrationReport, MigrationRequest, MigrationStatus, NewField, NewPipeline,
    Opportunity, OpportunityStatus, Pipeline, Record, User,
};
use ghl_sync_testkit::{CallFault, FailNth, MemoryMigrationQueue, MemoryMigrationStore, Setup, World, dying_at_await};
use serde_json::{Number, json};

use crate::fixtures::{MINUTE, SECOND};

pub(crate) fn source() -> LocationId {
    LocationId::new("source").unwrap()
}

pub(crate) fn target() -> LocationId {
    LocationId::new("target").unwrap()
}

/// The size of a source.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) contacts: usize,
    pub(crate) fields: usize,
    pub(crate) stages: [usize; 2],
    pub(crate) opportunities: usize,
}

impl Size {
    /// The account that the second seed reports on.
    pub(crate) const SEED: Size = Size { contacts: 198, fields: 35, stages: [10, 9], opportunities: 60 };
    pub(crate) const SMALL: Size = Size { contacts: 12, fields: 6, stages: [3, 2], opportunities: 5 };
}

pub(crate) struct Scene {
    pub(crate) world: Arc<World>,
    pub(crate) store: Arc<MemoryMigrationStore>,
    pub(crate) queue: Arc<MemoryMigrationQueue>,
    pub(crate) migrator: Migrator,
}

/// A world with two locations.
pub(crate) fn setup() -> Setup {
    let locations = ["source", "target"].into_iter().filter_map(Setup::settings).collect();
    let mut setup = Setup { locations, storm: 100_000, ..Setup::default() };
    setup.ghl.pipelines = &[];
    setup
}

impl Scene {
    /// From now on GHL refuses every call for one of the source's contacts in the target.
    pub(crate) fn target_refuses_the_first_person(&self) {
        self.world.ghl.on_call(|seen| {
            let is_it = seen.subject == "person0@example.test" && seen.location.as_str() == "target";
            is_it.then(|| CallFault::status(422))
        });
    }

    /// A source of this size, and an empty target.
    pub(crate) async fn of(size: Size) -> Scene {
        let scene = Scene::empty(setup());
        scene.fill_source(size);
        scene.world.run_for(20 * SECOND).await; // GHL's lists show it by now.
        scene
    }

    pub(crate) fn empty(setup: Setup) -> Scene {
        let world = setup.start();
        let store = Arc::new(MemoryMigrationStore::new(world.items.clone()));
        let queue = Arc::new(MemoryMigrationQueue::new(world.clock));
        let faulty_store = Arc::new(FailNth::new(store.clone(), world.faults.clone()));
        let faulty_queue = Arc::new(FailNth::new(queue.clone(), world.faults.clone()));
        let items: Arc<dyn ItemStore> = Arc::new(FailNth::new(world.items.clone(), world.faults.clone()));
        let engine = world.engine.clone();
        let migrator = Migrator::new(engine, &items, faulty_store, faulty_queue, MigrationOverlay::default());
        Scene { world, store, queue, migrator }
    }

    pub(crate) fn fill_source(&self, size: Size) {
        let ghl = &self.world.ghl;
        let fields: Vec<FieldDefinition> = (0..size.fields).map(|n| self.field(&source(), n)).collect();
        for tag in ["vip", "lead", "never used"] {
            ghl.add_tag(&source(), tag).unwrap();
        }
        ghl.add_custom_value(&source(), "Office hours", "9 to 5").unwrap();
        for location in [source(), target()] {
            let id = GhlId::new(format!("u-{location}")).unwrap();
            ghl.add_user(&location, User { id, name: "Ann Owner".into(), email: Some("ann@example.test".into()) });
        }
        let pipelines: Vec<Pipeline> = (0..2).map(|n| self.pipeline(&source(), n, size.stages[n])).collect();
        let contacts: Vec<GhlId> = (0..size.contacts).map(|n| self.contact(n, &fields)).collect();
        for n in 0..size.opportunities {
            let opportunity = opportunity(n, &pipelines[n % 2], &fields);
            ghl.add_opportunity(&source(), &contacts[n % contacts.len()], opportunity).unwrap();
        }
    }

    /// Adds the source's pipelines to the target, since GHL's API cannot create them.
    pub(crate) fn pipelines_in_target(&self, size: Size) {
        for n in 0..2 {
            self.pipeline(&target(), n, size.stages[n]);
        }
    }

    pub(crate) fn field(&self, location: &LocationId, n: usize) -> FieldDefinition {
        let model = if n % 6 == 5 { Kind::Opportunity } else { Kind::Contact };
        let types = [
            FieldType::Text,
            FieldType::Numerical,
            FieldType::MultipleOptions,
            FieldType::Date,
            FieldType::SingleOptions,
            FieldType::Text,
        ];
        let field = new_field(&format!("Field number {n}"), model, types[n % 6].clone());
        self.world.ghl.add_custom_field(location, field).unwrap()
    }

    fn pipeline(&self, location: &LocationId, n: usize, stages: usize) -> Pipeline {
        let name = ["Sales 🏠", "Service"][n].to_owned();
        let stages = (0..stages).map(|stage| format!("Stage {n}-{stage}")).collect();
        self.world.ghl.add_pipeline(location, &NewPipeline { name, stages }).unwrap()
    }

    /// Checks that everything is in the target exactly once.
    pub(crate) async fn assert_complete(&self, id: &MigrationId, size: Size) {
        let report = self.migrator.report(id).await.unwrap().unwrap();
        assert_eq!(report.status, MigrationStatus::Done, "{:?}", report.reason);
        let (contacts, opportunities) = (size.contacts as u64, size.opportunities as u64);
        assert_eq!((report.contacts.migrated, report.opportunities.migrated), (contacts, opportunities), "{report:#?}");
        let verify = report.verify.unwrap();
        let findings = self.migrator.findings(id, 0).await.unwrap();
        assert_eq!(
            (verify.ok, verify.missing, verify.different, verify.merged),
            (contacts + opportunities, 0, 0, 0),
            "{findings:#?}"
        );
        assert_eq!(verify.target_total, contacts + opportunities);
        assert_eq!(report.custom_fields.migrated, size.fields as u64);
        assert!(self.world.ghl.doubles().is_empty(), "{:?}", self.world.ghl.doubles());
        assert_eq!(self.world.ghl.over_quota(), 0);
    }

    fn contact(&self, n: usize, fields: &[FieldDefinition]) -> GhlId {
        let of_contacts = fields.iter().filter(|field| field.model == Kind::Contact);
        let contact = Contact {
            first_name: Some(format!("Zoë {n}")),
            last_name: Some("O'Neil-Müller".into()),
            email: Some(format!("Person{n}@Example.test")),
            phone: n.is_multiple_of(3).then(|| format!("+1555{n:07}")),
            city: Some("São Paulo 🌆".into()),
            company_name: n.is_multiple_of(4).then(|| "Roof & Co".into()),
            assigned_to: n.is_multiple_of(2).then(|| "u-source".into()),
            custom_fields: of_contacts.map(|field| value_of(field, n)).collect(),
            ..Contact::default()
        };
        let tags: &[&str] = if n.is_multiple_of(2) { &["vip", "lead"] } else { &["lead"] };
        self.world.ghl.add_contact(&source(), contact, tags).unwrap()
    }

    pub(crate) fn request(&self) -> MigrationRequest {
        MigrationRequest {
            source: source(),
            target: target(),
            auto_approve: true,
            settings: MigrationOverlay::default(),
            overrides: MappingOverrides::default(),
        }
    }

    /// Starts a migration and drives it until it waits for a person or is over.
    pub(crate) async fn migrate(&self) -> (Migration, MigrationReport) {
        let started = self.migrator.start(self.request(), Some("test")).await.unwrap();
        self.drive(&started.id, 24 * 60 * MINUTE).await
    }

    /// Drives a migration until it waits for a person or is over.
    pub(crate) async fn drive(&self, id: &MigrationId, limit: Duration) -> (Migration, MigrationReport) {
        self.drive_dying(id, limit, |_| None).await
    }

    /// The same, but step number `n` (from 1) dies at the await that `dies` returns.
    pub(crate) async fn drive_dying(
        &self,
        id: &MigrationId,
        limit: Duration,
        mut dies: impl FnMut(u64) -> Option<u64>,
    ) -> (Migration, MigrationReport) {
        let began = self.world.clock.now();
        let mut steps = 0;
        loop {
            let Ok(Some(view)) = self.migrator.status(id).await else {
                continue;
            };
            let migration = view.migration;
            if !migration.goes_on() {
                self.world.faults.heal();
                let report = self.migrator.report(id).await.unwrap().unwrap();
                return (migration, report);
            }
            assert!(self.world.clock.now().since(began) < limit, "still under way: {migration:#?}");
            match self.queue.receive() {
                Some(message) => {
                    steps += 1;
                    let invocation = self.invocation(steps);
                    let step = self.migrator.step(&message, &invocation);
                    // If a store fails, the next message or the schedule completes the step.
                    let _ = dying_at_await(dies(steps).unwrap_or(u64::MAX), step).await;
                }
                None => self.world.run_for(SECOND).await,
            }
            if self.queue.waiting() == 0 {
                let _ = self.migrator.revive().await;
            }
        }
    }

    /// All records of the target's outbox.
    pub(crate) async fn records_of_target(&self) -> Vec<Record> {
        let page = self.world.engine.ports().outbox.listed(&target(), None, None, 1_000).await.unwrap();
        let record = |loaded: Loaded| match loaded {
            Loaded::Record(record) => *record,
            Loaded::Damaged { key, reason } => panic!("{key}: {reason}"),
        };
        page.records.into_iter().map(record).collect()
    }

    /// Performs steps until records of contacts are under way.
    pub(crate) async fn step_until_contacts_are_put(&self, id: &MigrationId) {
        let mut steps = 0;
        while self.migrator.status(id).await.unwrap().unwrap().migration.contacts.open.is_empty() {
            match self.queue.receive() {
                Some(message) => {
                    steps += 1;
                    self.migrator.step(&message, &self.invocation(steps)).await.unwrap();
                }
                None => self.world.run_for(SECOND).await,
            }
        }
    }

    pub(crate) fn invocation(&self, number: u64) -> Invocation {
        let now = self.world.clock.now();
        Invocation { holder: Holder::new(format!("step-{number}-{now}")).unwrap(), deadline: now + MINUTE }
    }
}

pub(crate) fn new_field(name: &str, model: Kind, data_type: FieldType) -> NewField {
    let options = if data_type.has_options() { vec!["Red".to_owned(), "Green".into()] } else { Vec::new() };
    NewField {
        name: name.to_owned(),
        model,
        data_type,
        options,
        placeholder: None,
        position: None,
        accepted_formats: Vec::new(),
        multiple_files: None,
        max_files: None,
    }
}

fn value_of(field: &FieldDefinition, n: usize) -> CustomField {
    let value = match field.data_type {
        FieldType::Numerical => json!(n),
        FieldType::MultipleOptions => json!(["Green", "Red"]),
        FieldType::Date => json!("2026-10-15"),
        FieldType::SingleOptions => json!("Red"),
        _ => json!(format!("täxt {n} ✨")),
    };
    CustomField { id: Some(field.id.to_string()), key: None, value }
}

fn opportunity(n: usize, pipeline: &Pipeline, fields: &[FieldDefinition]) -> Opportunity {
    let of_opportunities = fields.iter().filter(|field| field.model == Kind::Opportunity);
    let stages = &pipeline.stages;
    Opportunity {
        contact_record: None,
        contact_id: Some(GhlId::new("whose").unwrap()),
        pipeline_id: pipeline.id.clone(),
        name: format!("Deal {n} 💰"),
        status: Some([OpportunityStatus::Open, OpportunityStatus::Won, OpportunityStatus::Lost][n % 3]),
        pipeline_stage_id: Some(stages[n % stages.len()].id.clone()),
        monetary_value: Some(Number::from(n * 100)),
        assigned_to: Some("u-source".into()),
        custom_fields: of_opportunities.map(|field| value_of(field, n)).collect(),
    }
}
