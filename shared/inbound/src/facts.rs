//! Reads the facts of a location from GHL, with the consumer's token, and stores them for functions that have none.

use std::time::Duration;

use ghl_sync_engine::ports::{Entry, PortError, Versioned};
use ghl_sync_engine::usecase::{
    AccessReport, DirectError, Engine, Invocation, Question, QuestionContext, QuestionResult,
};
use ghl_sync_model::{
    Answer, Ask, Cause, LocationFacts, LocationId, LocationProfile, Priority, ReportedFacts, UnreportedFact,
};

use crate::asks::{ask_all, can_be_asked};

/// The questions to ask. Pipelines come last, because lists do without them.
const QUESTIONS: [Question; 3] = [Question::LOCATION, Question::CUSTOM_FIELDS, Question::PIPELINES];

/// Reads the facts of locations from GHL. Cheap to clone.
#[derive(Clone)]
pub struct FactsReader {
    pub(crate) engine: Engine,
    facts: Versioned<LocationFacts>,
    profiles: Versioned<LocationProfile>,
}

impl FactsReader {
    /// A reader that uses `engine` and its ports.
    #[must_use]
    pub fn new(engine: Engine) -> FactsReader {
        let items = &engine.ports().items;
        let (facts, profiles) = (Versioned::new(items.clone()), Versioned::new(items.clone()));
        FactsReader { engine, facts, profiles }
    }

    /// Reads the facts of `location` from GHL and stores them: three calls of low priority. If GHL does not answer a
    /// question, because the token lacks a scope or for any other reason, the previous facts are kept, with the reason.
    ///
    /// Never fails: facts that could not be read or stored are read again the next time, and the log says why.
    pub async fn read(&self, location: &LocationId, invocation: &Invocation) {
        if let Err(error) = self.read_and_keep(location, invocation).await {
            self.engine.port_failed(location.clone(), &error);
        }
    }

    /// Asks for the facts of all enabled locations to be read, spread over some minutes. Returns how many were asked.
    ///
    /// It starts at a random location: if the function's time runs out, it is not always the same locations that are
    /// left out.
    ///
    /// # Errors
    /// If the locations cannot be listed; or, after all others were asked, if some could not be.
    pub async fn ask_all(&self) -> Result<u32, PortError> {
        let ports = self.engine.ports();
        let mut locations = ports.registry.locations().await?;
        let roll = ports.randomness.roll();
        let first = Duration::from_secs(locations.len() as u64).mul_f64(roll).as_secs();
        let first = usize::try_from(first).unwrap_or_default().min(locations.len());
        locations.rotate_left(first);
        ask_all(&self.engine, Ask::Facts, &locations).await
    }

    async fn read_and_keep(&self, location: &LocationId, invocation: &Invocation) -> Result<(), PortError> {
        let settings = self.engine.ports().registry.location(location).await?;
        if !settings.as_ref().is_some_and(can_be_asked) {
            return Ok(());
        }
        let Entry { rev, value: before } = match self.facts.load(location).await? {
            Some(Entry { rev, value }) => Entry { rev, value: Some(value) },
            None => Entry::default(),
        };
        let asking = QuestionContext { priority: Priority::Low, work: "facts" };
        let report = self.engine.ask_location(location, QUESTIONS.into(), asking, invocation).await?;
        if matches!(report.not_asked, Some(DirectError::NotEnabled(_))) {
            return Ok(());
        }
        let now = self.engine.ports().clock.now();
        let (untold, in_passing) = untold(&report);
        let mut told = ReportedFacts::default();
        for asked in report.asked {
            match asked.answer {
                Ok(Answer::Location(account)) => told.account = Some(account),
                Ok(Answer::CustomFields(fields)) => told.fields = Some(fields),
                Ok(Answer::Pipelines(pipelines)) => told.pipelines = Some(pipelines),
                Ok(_) | Err(_) => {}
            }
        }
        let facts = LocationFacts::told(now, before, told, untold, in_passing);
        // If somebody else wrote in between, their facts are just as fresh.
        self.facts.replace(location, rev, &facts).await?;
        self.keep_profile(location, &facts).await
    }

    /// Stores what lists show of the location, if it has changed.
    async fn keep_profile(&self, location: &LocationId, facts: &LocationFacts) -> Result<(), PortError> {
        let credentials = self.engine.ports().crm.credentials(location).await;
        let before = self.profiles.load(location).await?;
        let rev = before.as_ref().map_or(0, |before| before.rev);
        let before = before.map(|before| before.value);
        let profile = LocationProfile::of(facts, credentials, before.as_ref());
        if before.as_ref() != Some(&profile) {
            self.profiles.replace(location, rev, &profile).await?;
        }
        Ok(())
    }
}

/// The questions that GHL did not answer, and whether it may answer them in a few minutes.
fn untold(report: &AccessReport) -> (Vec<UnreportedFact>, bool) {
    let mut untold = Vec::new();
    let mut in_passing = false;
    for question in QUESTIONS {
        let asked = report.asked.iter().find(|asked| asked.question == question);
        if asked.is_some_and(|asked| asked.answer.is_ok()) {
            continue;
        }
        // A question that was not asked gets the reason of the question that failed before it.
        let asked = asked.or_else(|| report.asked.iter().find(|asked| asked.answer.is_err()));
        let why = asked.and_then(QuestionResult::error).or_else(|| report.not_asked.as_ref().map(ToString::to_string));
        in_passing |= !asked.is_some_and(is_refused);
        untold.push(UnreportedFact {
            what: question.what.to_owned(),
            scope: question.scope().to_owned(),
            why: why.unwrap_or_default(),
        });
    }
    (untold, in_passing)
}

/// Whether asking again is useless until somebody changes the token.
fn is_refused(asked: &QuestionResult) -> bool {
    let Err(DirectError::Failed(failure)) = &asked.answer else { return false };
    matches!(failure.cause, Some(Cause::Forbidden | Cause::Unsupported | Cause::TooLong))
}
