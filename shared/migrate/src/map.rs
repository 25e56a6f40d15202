//! What becomes of each thing, what it will cost, and whether a person agrees.

use super::step::Step;
use super::trouble::{Interrupted, Next};
use crate::policy::{Allowance, MappingRules, Survey, forecast, map_structure};
use ghl_sync_model::{
    Created, LocationId, MappedTo, MappingReport, MigrationStatus, PageContent, PageKind, Part, PartReport, Priority,
};

impl Step<'_> {
    pub(super) async fn map(&mut self) -> Result<Next, Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        let rules = MappingRules::from(&settings);
        let (source, target) = (self.source_structure().await?, self.target_structure().await?);
        let report = match map_structure(&source, &target, &self.migration.overrides, rules) {
            Ok(report) => report,
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                let errors = errors.join("; ");
                return Ok(Next::ask(format!(
                    "the mapping file cannot be followed: {errors}. Cancel this, mend the file, and start again"
                )));
            }
        };
        let survey = self.survey().await?;
        let (of_source, of_target) =
            (self.allowance(&self.migration.source).await?, self.allowance(&self.migration.target).await?);
        let forecast = forecast(&report, &survey, settings.skip_opportunities, of_source, of_target, self.now());
        self.migration.mapping = self.put_mapping(&report).await?;
        self.migration.summary = Some(report.summary);
        self.migration.forecast = Some(forecast);
        self.count_parts(&report, &[]);
        Ok(Next::Advance)
    }

    pub(super) async fn await_approval(&mut self) -> Result<Next, Interrupted> {
        if self.migration.dry_run {
            return Ok(Next::Stop(MigrationStatus::Done, None));
        }
        let report = self.mapping().await?;
        let questions: Vec<String> = report
            .questions()
            .map(|(part, mapped)| format!("{} \"{}\": {}", part.as_str(), mapped.source_name, mapped.explanation))
            .collect();
        Ok(if !questions.is_empty() {
            Next::ask(format!("the mapping has questions: {}", questions.join("; ")))
        } else if self.migration.approved || self.migration.auto_approve {
            Next::Advance
        } else {
            Next::Stop(MigrationStatus::AwaitingApproval, None)
        })
    }

    async fn survey(&self) -> Result<Survey, Interrupted> {
        let mut survey = Survey::default();
        let migration = &self.migration;
        let lists = [
            (PageKind::SourceContacts, migration.source_contacts.pages),
            (PageKind::TargetContacts, migration.target_contacts.pages),
            (PageKind::SourceDeals, migration.source_deals.pages),
            (PageKind::TargetDeals, migration.target_deals.pages),
        ];
        for (kind, count) in lists {
            for page in self.migrator.read_pages(&migration.id, kind, count).await? {
                match page.content {
                    PageContent::SourceContacts(contacts) => survey.source_contacts.extend(contacts),
                    PageContent::ExistingContacts(contacts) => survey.target_contacts.extend(contacts),
                    PageContent::Deals(deals) if kind == PageKind::SourceDeals => survey.source_deals.extend(deals),
                    PageContent::Deals(deals) => survey.target_deals.extend(deals),
                    _ => {}
                }
            }
        }
        Ok(survey)
    }

    /// What a location may still do.
    async fn allowance(&self, location: &LocationId) -> Result<Allowance, Interrupted> {
        let ports = self.engine.ports();
        let Some(settings) = ports.registry.location(location).await? else {
            return Ok(Allowance { per_second: 10.0, daily: 200_000, left_today: 200_000 });
        };
        let rules = self.engine.config().rules(&settings);
        let gate = self.engine.gate(&settings.scope, &rules).await?.gate;
        Ok(Allowance {
            per_second: gate.configured_pace(&rules).rate(),
            daily: gate.daily_limit(&rules),
            left_today: gate.daily_left_for(self.now(), Priority::Low, &rules),
        })
    }

    /// Counts what became of the structure so far.
    pub(super) fn count_parts(&mut self, report: &MappingReport, journal: &[Created]) {
        for part in Part::ALL {
            let mut counted = PartReport { source: report.of(part).len() as u64, ..PartReport::default() };
            for mapped in report.of(part) {
                let made = journal.iter().find(|made| made.part == part && made.source_id == mapped.source_id);
                let is_made = made.is_some_and(|made| made.id.is_some())
                    || (part == Part::Stages && journal.iter().any(|made| made.stages.contains_key(&mapped.source_id)));
                let is_there = matches!(mapped.target, MappedTo::Existing { .. });
                counted.created += u64::from(is_made);
                counted.migrated += u64::from(is_made || is_there);
                counted.failed += u64::from(!is_made && !is_there && made.is_some_and(|made| made.refused.is_some()));
            }
            *self.migration.parts.of_mut(part) = counted;
        }
    }
}
