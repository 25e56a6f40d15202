//! Whether both accounts can be reached, and what their tokens may read.

use super::Migrator;
use crate::domain::{Api, Call, Cause, LocationId, RemoteLocation, Side};
use crate::ports::PortError;
use crate::usecase::direct::DirectCalls;
use crate::usecase::{DirectError, Invocation};

/// What a test of both accounts showed.
#[derive(Debug, Clone, PartialEq)]
pub struct ConnectionTest {
    /// The source.
    pub source: Connection,
    /// The target.
    pub target: Connection,
}

/// What a test of an account showed.
#[derive(Debug, Clone, PartialEq)]
pub struct Connection {
    /// Which location.
    pub location: LocationId,
    /// Its API, if the location is known.
    pub api: Option<Api>,
    /// Whether it answered, with everything in reach that a migration cannot do without.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
    /// The location, if GHL showed it.
    pub account: Option<RemoteLocation>,
    /// What the token may read.
    pub access: Vec<Access>,
    /// Calls that are left today.
    pub daily_left: Option<u64>,
    /// Calls that the quota allows in a window.
    pub burst_limit: Option<u32>,
}

/// Whether a token may read something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// What: `location`, `custom_fields`, …
    pub what: &'static str,
    /// Whether a migration cannot do without it.
    pub required: bool,
    /// Whether it may.
    pub ok: bool,
    /// Why not.
    pub error: Option<String>,
}

impl Migrator {
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
        let settings = ports.directory.location(location).await?;
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
        match engine.direct_calls(location, invocation).await {
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
            let gate = ports.gates.load(&settings.scope).await?.gate;
            let now = ports.clock.now();
            connection.daily_left = Some(gate.daily().left(now, settings.daily_limit));
            connection.burst_limit = Some(gate.pacing().pace(now, settings.pace).limit.get());
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
            Ok(crate::domain::Answer::Location(account)) => {
                connection.account = Some(account);
                None
            }
            Ok(_) => None,
            Err(DirectError::Failed(failure)) => Some((failure.cause.clone(), failure.to_string())),
            Err(error) => Some((None, error.to_string())),
        };
        let is_token = matches!(&error, Some((Some(Cause::Credentials | Cause::StaleToken), _)));
        let error = error.map(|(_, error)| format!("the {}: {error}", side.as_str()));
        connection.access.push(Access { what, required: required || is_token, ok: error.is_none(), error });
        if is_token {
            return;
        }
    }
}
