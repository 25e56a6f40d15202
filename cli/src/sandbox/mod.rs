//! The fake GHL behind a port of this machine: API v2 at `/`, the legacy API at `/v1`.

mod journal;
mod server;

#[cfg(test)]
mod tests;

pub use ghl_sync_fake_ghl::{
    Contents, FaultChange, Installed, Marketplace, OAuthOptions, Pipeline, RetryAfterMode, SandboxOptions, SeedError,
    Seeding, Stage, Stats, Tokens, Unwritable, WindowKind, default_pipelines,
};
pub use server::Sandbox;
