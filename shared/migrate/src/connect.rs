//! The stage that checks that both accounts answer.

use super::step::MigrationStep;
use super::trouble::{Continuation, Interrupted};
use ghl_sync_engine::usecase::DirectError;
use ghl_sync_model::{Account, Answer, Call, Cause, LocationId, RemoteLocation, Side};

impl MigrationStep<'_> {
    pub(super) async fn connect(&mut self) -> Result<Continuation, Interrupted> {
        for side in [Side::Source, Side::Target] {
            let account = self.account(side).await?;
            match side {
                Side::Source => self.migration.source_account = Some(account),
                Side::Target => self.migration.target_account = Some(account),
            }
        }
        let target = self.migration.target.clone();
        let settings = self.engine.ports().registry.location(&target).await?;
        if settings.is_some_and(|settings| settings.dry_run) && !self.migration.dry_run {
            let reason = format!("location {target} is in dry run: nothing would reach it. Ask for a preview instead");
            return Ok(Continuation::fail(reason));
        }
        Ok(Continuation::Advance)
    }

    async fn account(&self, side: Side) -> Result<Account, Interrupted> {
        let location = self.migration.location(side).clone();
        let settings = self.engine.ports().registry.location(&location).await?;
        let api = settings.map(|settings| settings.api).unwrap_or_default();
        let engine = self.engine_of(side);
        let calls = self.calls(&engine, &location, side).await?;
        let answer = calls.call(&Call::GetLocation).await;
        calls.close().await?;
        let remote = match answer {
            Ok(Answer::Location(remote)) => remote,
            // Its content is informative only.
            Ok(_) => unnamed(&location),
            Err(DirectError::Failed(failure))
                if matches!(failure.cause, Some(Cause::Unsupported | Cause::Forbidden)) =>
            {
                unnamed(&location)
            }
            Err(error) => return Err(Interrupted::Call { side, error }),
        };
        Ok(Account { location: remote, api })
    }
}

fn unnamed(location: &LocationId) -> RemoteLocation {
    RemoteLocation {
        id: location.clone(),
        name: location.to_string(),
        company: None,
        timezone: None,
        country: None,
        allow_duplicate_contact: None,
        allow_duplicate_opportunity: None,
    }
}
