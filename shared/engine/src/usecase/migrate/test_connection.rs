//! Whether both accounts can be reached, and what their tokens may read.

use std::time::Duration;

use super::Migrator;
use crate::ports::PortError;
use crate::usecase::direct::DirectCalls;
use crate::usecase::{DirectError, Invocation};
use ghl_sync_model::fingerprint;
use ghl_sync_model::{
    Access, Answer, Call, Cause, Connection, ConnectionTest, ConnectionTestAnswer, ConnectionTestOrder, InvalidId,
    LocationId, MigrationId, MigrationPage, PageContent, PageKind, Priority, Side,
};

/// How often whoever waits for a test looks for its answer.
const LOOK: Duration = Duration::from_millis(200);
/// An answer can be looked at for so long after anybody waited for it.
const KEPT: Duration = Duration::from_secs(86_400);

impl Migrator {
    /// Orders a test of both accounts from whoever has their tokens, and waits for the answer; `None` if there is none
    /// after `patience`.
    ///
    /// # Errors
    /// When a store or the queue fails.
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

    /// Does what `order` asks for, unless nobody waits for it any more.
    ///
    /// # Errors
    /// When a store fails.
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

    /// Asks both accounts for a little of everything.
    ///
    /// # Errors
    /// When a store fails. That an account does not answer is in the test.
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
        let ports = self.ports();
        let settings = ports.registry.location(location).await?;
        let mut connection = Connection {
            location: location.clone(),
            api: settings.as_ref().map(|settings| settings.api),
            ok: false,
            error: None,
            account: None,
            access: Vec::new(),
            daily_left: None,
            burst_limit: None,
        };
        let (engine, tally) = self.engine.tallied();
        match engine.direct_calls(location, Priority::Normal, invocation).await {
            Ok(calls) => {
                ask(&calls, side, &mut connection).await;
                calls.close().await?;
                let refused = connection.access.iter().find(|access| access.required && !access.ok);
                connection.error = refused.and_then(|access| access.error.clone());
                connection.ok = refused.is_none();
            }
            Err(DirectError::Port(error)) => return Err(error),
            Err(error) => connection.error = Some(error.to_string()),
        }
        engine.count("test_connection", location, tally.take(), None).await;
        if let Some(settings) = settings {
            let rules = engine.config().rules(&settings);
            let gate = engine.gate(&settings.scope, &rules).await?.gate;
            let now = ports.clock.now();
            connection.daily_left = Some(gate.daily_left(now, &rules));
            connection.burst_limit = Some(gate.allowed_pace(now, &rules).limit.get());
        }
        Ok(connection)
    }
}

async fn ask(calls: &DirectCalls<'_>, side: Side, connection: &mut Connection) {
    let questions = [
        ("location", false, Call::GetLocation),
        ("custom_fields", true, Call::ListCustomFields),
        ("pipelines", true, Call::ListPipelines),
        ("contacts", true, Call::ContactsPage { cursor: None, limit: 1 }),
        ("custom_values", false, Call::ListCustomValues),
        ("tags", false, Call::ListTags),
        ("users", false, Call::ListUsers),
    ];
    for (what, required, call) in questions {
        let answer = calls.call(&call).await;
        let error = match answer {
            Ok(Answer::Location(account)) => {
                connection.account = Some(account);
                None
            }
            Ok(_) => None,
            Err(DirectError::Failed(failure)) => Some((failure.cause.clone(), failure.to_string())),
            Err(error) => Some((None, error.to_string())),
        };
        let is_token = matches!(&error, Some((Some(Cause::Credentials | Cause::StaleToken | Cause::OtherLocation), _)));
        let error = error.map(|(_, error)| format!("the {}: {error}", side.as_str()));
        connection.access.push(Access {
            what: what.to_owned(),
            required: required || is_token,
            ok: error.is_none(),
            error,
        });
        if is_token {
            return;
        }
    }
}

/// What the answer to a test of these two is written under: each test in the place of the one before.
fn test_id(source: &LocationId, target: &LocationId) -> Result<MigrationId, InvalidId> {
    MigrationId::new(format!("test-{}", fingerprint([source.as_str(), target.as_str()])))
}
