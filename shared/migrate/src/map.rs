//! The stages that map the structure, forecast the cost, and wait for approval.

use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use crate::policy::{CallBudget, MappingRules, Survey, forecast, map_structure};
use ghl_sync_model::{
    Created, LocationId, MappedTo, MappingReport, MigrationStatus, PageContent, PageKind, Part, PartReport, Priority,
};

impl MigrationStep<'_> {
    pub(super) async fn map(&mut self) -> Result<Continuation, Interrupted> {
        let settings = self.migrator.settings_of(&self.migration).await?;
        let rules = MappingRules::from(&settings);
        let (source, target) = (self.source_structure().await?, self.target_structure().await?);
        let report = match map_structure(&source, &target, &self.migration.overrides, rules) {
            Ok(report) => report,
            Err(errors) => {
                let errors: Vec<String> = errors.iter().map(ToString::to_string).collect();
                let errors = errors.join("; ");
                return Ok(Continuation::ask(format!(
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
        Ok(Continuation::Advance)
    }

    pub(super) async fn await_approval(&mut self) -> Result<Continuation, Interrupted> {
        if self.migration.dry_run {
            return Ok(Continuation::Stop(MigrationStatus::Done, None));
        }
        let report = self.mapping().await?;
        let questions: Vec<String> = report
            .questions()
            .map(|(part, mapped)| format!("{} \"{}\": {}", part.as_str(), mapped.source_name, mapped.explanation))
            .collect();
        Ok(if !questions.is_empty() {
            Continuation::ask(format!("the mapping has questions: {}", questions.join("; ")))
        } else if self.migration.approved || self.migration.auto_approve {
            Continuation::Advance
        } else {
            Continuation::Stop(MigrationStatus::AwaitingApproval, None)
        })
    }

    async fn survey(&self) -> Result<Survey, Interrupted> {
        let mut survey = Survey::default();
        let migration = &self.migration;
        let lists = [
            (PageKind::SourceContacts, migration.source_contacts.pages),
            (PageKind::TargetContacts, migration.target_contacts.pages),
            (PageKind::SourceOpportunities, migration.source_opportunities.pages),
            (PageKind::TargetOpportunities, migration.target_opportunities.pages),
        ];
        for (kind, count) in lists {
            for page in self.migrator.read_pages(&migration.id, kind, count).await? {
                match page.content {
                    PageContent::SourceContacts(contacts) => survey.source_contacts.extend(contacts),
                    PageContent::ExistingContacts(contacts) => survey.target_contacts.extend(contacts),
                    PageContent::Opportunities(opportunities) if kind == PageKind::SourceOpportunities => {
                        survey.source_opportunities.extend(opportunities)
                    }
                    PageContent::Opportunities(opportunities) => survey.target_opportunities.extend(opportunities),
                    _ => {}
                }
            }
        }
        Ok(survey)
    }

    /// The calls that a location may still make.
    async fn allowance(&self, location: &LocationId) -> Result<CallBudget, Interrupted> {
        let ports = self.engine.ports();
        let Some(settings) = ports.registry.location(location).await? else {
            return Ok(CallBudget { per_second: 10.0, daily: 200_000, left_today: 200_000 });
        };
        let rules = self.engine.config().rules(&settings);
        let gate = self.engine.gate(&settings.scope, &rules).await?.gate;
        Ok(CallBudget {
            per_second: gate.configured_pace(&rules).rate(),
            daily: gate.daily_limit(&rules),
            left_today: gate.daily_left_for(self.now(), Priority::Low, &rules),
        })
    }

    /// Counts the results for the structure so far.
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
