//! Checks a location's access by asking GHL a few read-only questions.

use super::direct::DirectCalls;
use super::{DirectError, Engine, Invocation};
use crate::ports::PortError;
use ghl_sync_model::{Answer, Api, Call, Cause, LocationId, Priority};

/// A read-only question to a location's GHL account.
#[derive(Debug, Clone, PartialEq)]
pub struct Question {
    /// Its name, for people and programs.
    pub what: &'static str,
    /// Whether the location is unusable if this question is refused.
    pub required: bool,
    /// The call; it must only read.
    pub call: Call,
}

impl Question {
    /// The location itself: its name, time zone and country.
    pub const LOCATION: Question = Question { what: "location", required: false, call: Call::GetLocation };
    /// The definitions of its custom fields.
    pub const CUSTOM_FIELDS: Question =
        Question { what: "custom fields", required: false, call: Call::ListCustomFields };
    /// Its opportunity pipelines with their stages: GHL's ids and the names that it shows.
    pub const PIPELINES: Question = Question { what: "pipelines", required: false, call: Call::ListPipelines };

    /// The scope that a private integration token needs for the question; empty if unknown.
    #[must_use]
    pub fn scope(&self) -> &'static str {
        match self.call {
            Call::GetLocation => "locations.readonly",
            Call::ContactsPage { .. } => "contacts.readonly",
            Call::ListCustomFields => "locations/customFields.readonly",
            Call::ListPipelines => "opportunities.readonly",
            _ => "",
        }
    }
}

/// How to ask a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuestionContext {
    /// Priority of the calls.
    pub priority: Priority,
    /// The work under which the calls are counted.
    pub work: &'static str,
}

/// A question with its result.
#[derive(Debug)]
pub struct QuestionResult {
    /// The question.
    pub question: Question,
    /// GHL's answer, or why there is none.
    pub answer: Result<Answer, DirectError>,
}

impl QuestionResult {
    /// Whether GHL rejected the token itself: no other question would be answered either.
    #[must_use]
    pub fn is_about_token(&self) -> bool {
        let Err(DirectError::Failed(failure)) = &self.answer else { return false };
        matches!(failure.cause, Some(Cause::Credentials | Cause::StaleToken | Cause::OtherLocation))
    }

    /// The error to report if the question was refused.
    #[must_use]
    pub fn error(&self) -> Option<String> {
        match &self.answer {
            Ok(_) => None,
            Err(DirectError::Failed(failure)) => Some(failure.to_string()),
            Err(error) => Some(error.to_string()),
        }
    }
}

/// A location's answers, and what is left of its quota.
#[derive(Debug)]
pub struct AccessReport {
    /// The API that serves the location; `None` if the location is unknown here.
    pub api: Option<Api>,
    /// The questions asked, up to the first one that failed because of the token.
    pub asked: Vec<QuestionResult>,
    /// Why nothing was asked.
    pub not_asked: Option<DirectError>,
    /// Calls left today.
    pub daily_left: Option<u64>,
    /// Calls allowed per window.
    pub burst_limit: Option<u32>,
}

impl AccessReport {
    /// The first required question that was refused, or the one that failed because of the token.
    #[must_use]
    pub fn refused(&self) -> Option<&QuestionResult> {
        self.asked.iter().find(|asked| asked.answer.is_err() && (asked.question.required || asked.is_about_token()))
    }
}

impl Engine {
    /// Asks `location` the questions on behalf of somebody who waits for the answers.
    ///
    /// # Errors
    /// If a store fails. GHL's refusals are in the report.
    pub async fn check_access(
        &self,
        location: &LocationId,
        questions: Vec<Question>,
        invocation: &Invocation,
    ) -> Result<AccessReport, PortError> {
        let asking = QuestionContext { priority: Priority::Normal, work: "test_connection" };
        self.ask_location(location, questions, asking, invocation).await
    }

    /// Asks `location` the questions one after the other, under its gate.
    ///
    /// # Errors
    /// If a store fails. GHL's refusals are in the report.
    pub async fn ask_location(
        &self,
        location: &LocationId,
        questions: Vec<Question>,
        QuestionContext { priority, work }: QuestionContext,
        invocation: &Invocation,
    ) -> Result<AccessReport, PortError> {
        let settings = self.ports.registry.location(location).await?;
        let api = settings.as_ref().map(|settings| settings.api);
        let mut report = AccessReport { api, asked: Vec::new(), not_asked: None, daily_left: None, burst_limit: None };
        let (engine, tally) = self.tallied();
        match engine.direct_calls(location, priority, invocation).await {
            Ok(calls) => {
                report.asked = ask(&calls, questions).await;
                calls.close().await?;
            }
            Err(DirectError::Port(error)) => return Err(error),
            Err(error) => report.not_asked = Some(error),
        }
        engine.count(work, location, tally.take(), None).await;
        if let Some(settings) = settings {
            let rules = engine.config.rules(&settings);
            let gate = engine.gate(&settings.scope, &rules).await?.gate;
            let now = self.ports.clock.now();
            report.daily_left = Some(gate.daily_left(now, &rules));
            report.burst_limit = Some(gate.allowed_pace(now, &rules).limit.get());
        }
        Ok(report)
    }
}

async fn ask(calls: &DirectCalls<'_>, questions: Vec<Question>) -> Vec<QuestionResult> {
    let mut all = Vec::with_capacity(questions.len());
    for question in questions {
        let answer = calls.call(&question.call).await;
        let asked = QuestionResult { question, answer };
        let is_over = asked.is_about_token();
        all.push(asked);
        if is_over {
            break;
        }
    }
    all
}
