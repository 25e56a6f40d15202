//! Connection tests: whether both accounts can be reached, and what their tokens may read.

use std::time::Duration;

use super::Migrator;
use ghl_sync_engine::ports::PortError;
use ghl_sync_engine::usecase::{Invocation, Question, QuestionResult};
use ghl_sync_model::{
    Access, Answer, Call, Connection, ConnectionTest, ConnectionTestAnswer, ConnectionTestOrder, InvalidId, LocationId,
    MigrationId, MigrationPage, PageContent, PageKind, Side, fingerprint,
};

/// How often the requester checks for the answer.
const LOOK: Duration = Duration::from_millis(200);
/// An answer is kept for this long after its requester stopped waiting.
const KEPT: Duration = Duration::from_secs(86_400);

impl Migrator {
    /// Requests a test of both accounts from the function that has their tokens, and waits for the answer; `None` if
    /// there is none within `patience`.
    ///
    /// # Errors
    /// If a store or the queue fails.
    pub async fn order_connection_test(
        &self,
        source: &LocationId,
        target: &LocationId,
        patience: Duration,
    ) -> Result<Option<ConnectionTest>, PortError> {
        let ports = self.ports();
        let until = ports.clock.now() + patience;
        let order = ConnectionTestOrder {
            id: test_id(source, target).map_err(|invalid| PortError::new("name a connection test", invalid))?,
            nonce: (ports.randomness.roll() * f64::from(u32::MAX)) as u64,
            source: source.clone(),
            target: target.clone(),
            until,
        };
        self.queue.order_connection_test(&order).await?;
        loop {
            let now = ports.clock.now();
            ports.clock.sleep_until((now + LOOK).min(until)).await;
            let pages = self.store.pages(&order.id, PageKind::ConnectionTest, 0, 1).await?;
            let answer = pages.into_iter().find_map(|page| match page.content {
                PageContent::ConnectionTest(answer) if answer.nonce == order.nonce => Some(answer.test),
                _ => None,
            });
            if answer.is_some() || now >= until {
                return Ok(answer);
            }
        }
    }

    /// Performs the requested test, unless nobody waits for it any more.
    ///
    /// # Errors
    /// If a store fails.
    pub async fn answer_connection_test(
        &self,
        order: &ConnectionTestOrder,
        invocation: &Invocation,
    ) -> Result<(), PortError> {
        let deadline = invocation.deadline.min(order.until);
        if self.ports().clock.now() >= deadline {
            return Ok(());
        }
        let invocation = Invocation { deadline, ..invocation.clone() };
        let test = self.test_connection(&order.source, &order.target, &invocation).await?;
        let answer = ConnectionTestAnswer { nonce: order.nonce, test };
        let page = MigrationPage { number: 0, content: PageContent::ConnectionTest(Box::new(answer)) };
        self.store.put_page(&order.id, PageKind::ConnectionTest, &page, order.until + KEPT).await
    }

    /// Reads a sample of each kind of data from both accounts.
    ///
    /// # Errors
    /// If a store fails. An account that does not answer is a result, not an error.
    pub async fn test_connection(
        &self,
        source: &LocationId,
        target: &LocationId,
        invocation: &Invocation,
    ) -> Result<ConnectionTest, PortError> {
        Ok(ConnectionTest {
            source: self.connection(source, Side::Source, invocation).await?,
            target: self.connection(target, Side::Target, invocation).await?,
        })
    }

    async fn connection(
        &self,
        location: &LocationId,
        side: Side,
        invocation: &Invocation,
    ) -> Result<Connection, PortError> {
        let report = self.engine.check_access(location, questions(), invocation).await?;
        let said = |asked: &QuestionResult| asked.error().map(|error| format!("the {}: {error}", side.as_str()));
        let error = match &report.not_asked {
            Some(error) => Some(error.to_string()),
            None => report.refused().and_then(said),
        };
        let access = report.asked.iter().map(|asked| Access {
            what: asked.question.what.to_owned(),
            required: asked.question.required || asked.is_about_token(),
            ok: asked.answer.is_ok(),
            error: said(asked),
        });
        let account = report.asked.iter().find_map(|asked| match &asked.answer {
            Ok(Answer::Location(account)) => Some(account.clone()),
            _ => None,
        });
        Ok(Connection {
            location: location.clone(),
            api: report.api,
            ok: error.is_none(),
            error,
            account,
            access: access.collect(),
            daily_left: report.daily_left,
            burst_limit: report.burst_limit,
        })
    }
}

fn questions() -> Vec<Question> {
    let questions = [
        ("location", false, Call::GetLocation),
        ("custom_fields", true, Call::ListCustomFields),
        ("pipelines", true, Call::ListPipelines),
        ("contacts", true, Call::ContactsPage { cursor: None, limit: 1 }),
        ("custom_values", false, Call::ListCustomValues),
        ("tags", false, Call::ListTags),
        ("users", false, Call::ListUsers),
    ];
    questions.into_iter().map(|(what, required, call)| Question { what, required, call }).collect()
}

/// Storage key of the answer for these two locations: each test replaces the previous one.
fn test_id(source: &LocationId, target: &LocationId) -> Result<MigrationId, InvalidId> {
    MigrationId::new(format!("test-{}", fingerprint([source.as_str(), target.as_str()])))
}
