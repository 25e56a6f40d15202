//! `ghl-sync check`: tests whether a location can be reached, what its token may read, and how much quota is left.

use std::fmt;
use std::process::ExitCode;
use std::time::Duration;

use ghl_sync_engine::ports::Clock;
use ghl_sync_engine::usecase::{AccessReport, DirectError, Engine, EngineConfig, Invocation, Question, QuestionResult};
use ghl_sync_import::FieldCatalogue;
use ghl_sync_limiter::{Backoff, PauseReason, WaitReason};
use ghl_sync_model::{Answer, Call, Cause, EpochMs, FieldDefinition, Holder, LocationId, RemoteLocation};
use ghl_sync_runtime::SystemClock;

use super::args::{CheckArgs, RealArgs};
use crate::Failure;
use crate::stack::Stack;

/// Longest wait for all answers when nothing else was requested.
const PATIENCE: Duration = Duration::from_secs(3);
/// Longest wait for one answer from GHL.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);
/// Time that a use of the gate reserves for finishing.
const TO_FINISH: Duration = Duration::from_millis(1600);

/// The quota held by a killed process is released within this time.
const HELD_BY_KILLED: Duration = Duration::from_secs(90);

/// Questions to ask GHL.
const QUESTIONS: [Question; 3] = [
    Question::LOCATION,
    Question { what: "contacts", required: true, call: Call::ContactsPage { cursor: None, limit: 1 } },
    Question::CUSTOM_FIELDS,
];

pub(crate) async fn run(args: CheckArgs) -> Result<ExitCode, Failure> {
    let stack = Stack::start(args.real.stack_options(args.real.data_dir_of_reader()?).await?).await?;
    print!("{}", check(&stack, &args.real).await?);
    Ok(ExitCode::SUCCESS)
}

/// A location that answered.
pub(super) struct CheckedLocation {
    location: LocationId,
    account: Option<RemoteLocation>,
    fields: Option<Vec<FieldDefinition>>,
    /// What the token may not read, with GHL's message.
    refused: Vec<(&'static str, &'static str, String)>,
    /// Calls per window that other clients leave.
    pub(super) burst_limit: u32,
    limit: u32,
    window: Duration,
    pub(super) daily_left: Option<u64>,
    daily: u64,
}

/// Asks the location in `args` through `stack`.
pub(super) async fn check(stack: &Stack, args: &RealArgs) -> Result<CheckedLocation, Failure> {
    let report = ask(stack, &args.location).await?;
    judge(stack, args, report).await
}

/// Like `check`, but waits until the quota held by a killed process is released.
pub(super) async fn check_once_free(stack: &Stack, args: &RealArgs) -> Result<CheckedLocation, Failure> {
    let last = SystemClock.now() + HELD_BY_KILLED;
    let mut report = ask(stack, &args.location).await?;
    while let Some(at) = held_until(&report).filter(|at| *at <= last) {
        let wait = SystemClock.now().until(at) + Duration::from_millis(100);
        println!("waiting    {} s, until what an interrupted run held of the quota is free again", wait.as_secs());
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = stack.engine.shutdown().asked() => break,
        }
        report = ask(stack, &args.location).await?;
    }
    judge(stack, args, report).await
}

/// Time from which a blocked question can be asked; `None` if only a pause blocks it, or nothing does.
fn held_until(report: &AccessReport) -> Option<EpochMs> {
    let answers = report.asked.iter().filter_map(|asked| asked.answer.as_ref().err());
    answers.chain(&report.not_asked).find_map(|error| match error {
        DirectError::Wait(wait) if !matches!(wait.reason, WaitReason::Pause(_)) => Some(wait.at),
        _ => None,
    })
}

async fn judge(stack: &Stack, args: &RealArgs, mut report: AccessReport) -> Result<CheckedLocation, Failure> {
    if is_paused_for_token(&report) {
        // An earlier run paused it. The token may have changed since; the answer will tell.
        stack.operator().resume(&args.location).await?;
        report = ask(stack, &args.location).await?;
    }
    if let Some(error) = &report.not_asked {
        return Err(not_asked(error).into());
    }
    let unanswered =
        report.asked.iter().find(|asked| failure_of(asked).is_some_and(|failure| failure.status.is_none()));
    if let Some(asked) = unanswered.or_else(|| report.refused()) {
        return Err(refusal(asked, args).into());
    }
    let mut checked = CheckedLocation {
        location: args.location.clone(),
        account: None,
        fields: None,
        refused: Vec::new(),
        burst_limit: report.burst_limit.unwrap_or(args.quota.limit),
        limit: args.quota.limit,
        window: Duration::from_millis(args.quota.window_ms),
        daily_left: report.daily_left,
        daily: args.quota.daily,
    };
    for asked in report.asked {
        let error = asked.error();
        match (asked.answer, error) {
            (Ok(Answer::Location(account)), _) => checked.account = Some(account),
            (Ok(Answer::CustomFields(fields)), _) => checked.fields = Some(fields),
            (Err(_), Some(error)) => {
                checked.refused.push((asked.question.what, asked.question.scope(), error));
            }
            (Ok(_), _) | (Err(_), None) => {}
        }
    }
    Ok(checked)
}

async fn ask(stack: &Stack, location: &LocationId) -> Result<AccessReport, Failure> {
    let config = stack.engine.config();
    let config = EngineConfig {
        backoff: Backoff { max_retries: 0, ..config.backoff },
        request_timeout: ANSWER_WITHIN,
        ..config.clone()
    };
    let engine = Engine::new(stack.engine.ports().clone(), config);
    let invocation = Invocation {
        holder: Holder::new(format!("check/{:016x}", fastrand::u64(..)))?,
        deadline: SystemClock.now() + PATIENCE + TO_FINISH,
    };
    Ok(engine.check_access(location, QUESTIONS.into(), &invocation).await?)
}

/// Reason why nothing was asked. For an expired time limit, a time of day would explain nothing.
fn not_asked(error: &DirectError) -> String {
    match error {
        DirectError::Wait(wait) if matches!(wait.reason, WaitReason::Deadline) => {
            format!("GHL could not be asked within {} s: this machine is busy; try again", PATIENCE.as_secs())
        }
        error => error.to_string(),
    }
}

fn is_paused_for_token(report: &AccessReport) -> bool {
    let answers = report.asked.iter().filter_map(|asked| asked.answer.as_ref().err());
    answers.chain(&report.not_asked).any(|error| {
        let DirectError::Wait(wait) = error else { return false };
        matches!(wait.reason, WaitReason::Pause(PauseReason::Credentials | PauseReason::OtherLocation))
    })
}

fn failure_of(asked: &QuestionResult) -> Option<&ghl_sync_model::Failure> {
    match &asked.answer {
        Err(DirectError::Failed(failure)) => Some(failure),
        _ => None,
    }
}

/// GHL's message, with advice.
fn refusal(asked: &QuestionResult, args: &RealArgs) -> String {
    let said = asked.error().unwrap_or_default();
    let Some(failure) = failure_of(asked) else { return said };
    let RealArgs { location, ghl_url, .. } = args;
    let advice = match &failure.cause {
        None if failure.status.is_none() => format!("is {ghl_url} right, and does this machine reach it?"),
        Some(Cause::Credentials | Cause::Forbidden | Cause::StaleToken) if failure.message.contains("scope") => {
            format!("the token needs the scope {}; add it to the private integration", asked.question.scope())
        }
        Some(Cause::Credentials | Cause::Forbidden | Cause::StaleToken) if failure.status.is_some() => {
            format!("the token is wrong, has expired, or is not one of location {location}")
        }
        Some(Cause::OtherLocation) => format!("the token is one of another location than {location}"),
        Some(Cause::Gateway) => format!("that is no answer of GHL's: is {ghl_url} right?"),
        _ => return said,
    };
    format!("{said}\n  {advice}")
}

impl CheckedLocation {
    /// The location's name, or its id if GHL gives none.
    pub(super) fn name(&self) -> &str {
        self.account.as_ref().map_or(self.location.as_str(), |account| &account.name)
    }

    /// ISO 3166 code of two letters.
    pub(super) fn country(&self) -> Option<String> {
        self.account.as_ref().and_then(|account| account.country.clone())
    }

    /// Custom fields of its contacts.
    pub(super) fn fields(&self) -> FieldCatalogue {
        self.fields.clone().map(FieldCatalogue::of_location).unwrap_or_default()
    }
}

impl fmt::Display for CheckedLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "location   {} ({})", self.name(), self.location)?;
        if let Some(RemoteLocation { country, timezone, .. }) = &self.account {
            country.iter().chain(timezone).try_for_each(|word| write!(f, ", {word}"))?;
        }
        let refused = |what: &str| self.refused.iter().any(|(refused, ..)| *refused == what);
        let read: Vec<&str> = QUESTIONS.iter().map(|question| question.what).filter(|what| !refused(what)).collect();
        writeln!(f, "\ntoken      accepted; it reads: {}", read.join(", "))?;
        for (what, scope, error) in &self.refused {
            writeln!(f, "           it does not read: {what} (scope {scope}): {error}")?;
        }
        writeln!(f, "           whether it may write (contacts.write) shows when something is sent")?;
        let (free, window) = (self.burst_limit, self.window.as_secs_f64());
        write!(f, "quota      {free} of {} calls in {window} s are free", self.limit)?;
        if let Some(left) = self.daily_left {
            write!(f, "; {left} of {} left today", self.daily)?;
        }
        writeln!(f)
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct CheckCommandLine {
        #[command(flatten)]
        real: RealArgs,
    }

    fn refused(status: Option<u16>, cause: Option<Cause>, message: &str) -> String {
        let failure = ghl_sync_model::Failure { status, sent: status.is_some(), cause, message: message.to_owned() };
        let [_, question, _] = QUESTIONS;
        let asked = QuestionResult { question, answer: Err(DirectError::Failed(failure)) };
        refusal(&asked, &CheckCommandLine::parse_from(["check", "--location", "loc1"]).real)
    }

    #[test]
    fn a_refusal_has_ghls_words_first_and_then_what_may_be_done() {
        let cases = [
            (Some(401), Some(Cause::Credentials), "Invalid JWT", "wrong, has expired, or is not one of location loc1"),
            (
                Some(401),
                Some(Cause::Credentials),
                "The token is not authorized for this scope.",
                "needs the scope contacts.readonly",
            ),
            (Some(403), Some(Cause::OtherLocation), "another", "of another location than loc1"),
            (None, None, "connection refused", "is https://services.leadconnectorhq.com right"),
            (Some(404), Some(Cause::Gateway), "not found", "no answer of GHL's"),
        ];
        for (status, cause, message, advice) in cases {
            let said = refused(status, cause, message);
            let (words, advised) = said.split_once('\n').unwrap();
            assert!(words.ends_with(message) && advised.contains(advice), "{said}");
        }
        assert!(!refused(None, Some(Cause::Credentials), "the file has mode 644").contains('\n'));
        assert!(!refused(Some(422), None, "what is that").contains('\n'));
    }
}
