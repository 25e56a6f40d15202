//! Start-up of every function: environment → [`Config`], telemetry, and the adapters wired to the engine's ports.
//! Everything here happens once, before the first event.

mod accounts;
mod clock;
mod config;
mod connect;
mod emf;
mod init_error;
mod locations;
mod no_calls;
mod randomness;
mod registry;
mod secrets;
mod sink;
mod sqs_event;
mod start;
mod telemetry;
mod trace;
mod webhooks;

pub use clock::SystemClock;
pub use config::{
    AlertsConfig, ApiAccess, ApiKey, Config, ConfigError, ConfigFault, ConnectConfig, DropConfig, JwtAccess,
    MigrationEnvConfig, OutcomesConfig, is_secure,
};
pub use connect::Connecting;
pub use emf::{EmfSink, FunctionSink};
pub use locations::{LocationConfig, Locations};
pub use randomness::FastRandomness;
pub use registry::StoredLocations;
pub use secrets::{AwsSecretError, read_from_aws};
pub use sink::{LogSink, causes};
pub use sqs_event::{NotFromSqs, dead_letter, sqs_messages};
pub use start::{ApiParts, Runtime, StartError, serve};
pub use telemetry::{init as init_telemetry, lines_to as log_lines_to};
pub use webhooks::Webhooks;

/// Compiles the examples in the documentation.
#[cfg(doctest)]
#[doc = include_str!("../../../docs/API.md")]
struct ApiExamples;
