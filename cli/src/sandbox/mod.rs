//! The fake GHL on a local port: API v2 at `/`, the legacy API at `/v1`.

mod journal;
mod server;

#[cfg(test)]
mod tests;

pub use ghl_sync_fake_ghl::{
    Contents, FaultChange, Installed, Marketplace, OAuthOptions, RetryAfterMode, SandboxOptions, SandboxPipeline,
    SandboxTokens, SeedError, Seeding, Stage, Stats, Unwritable, WindowKind, default_pipelines,
};
pub use server::Sandbox;
