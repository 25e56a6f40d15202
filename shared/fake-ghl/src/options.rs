//! How a sandbox is set up.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ghl_sync_model::Secret;
use serde::{Deserialize, Serialize};

use super::store::{Pipeline, default_pipelines};

/// The settings of a sandbox. The default is a healthy production location: GHL's documented limits, no faults.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Requests that a location may make per window.
    pub limit: u32,
    /// Length of the window.
    pub window: Duration,
    /// How the window is counted.
    pub window_kind: WindowKind,
    /// Requests of a location's quota that somebody else makes in each window, spread over it. What is refused is not
    /// sent again.
    pub others: u32,
    /// Requests that a location may make in the 24 hours from its first one.
    pub daily_limit: u64,
    /// How long an answer takes: a random span of this range. The request counts on arrival, before any of it; half
    /// of it passes before the write, half after.
    pub latency: RangeInclusive<Duration>,
    /// Share of the admitted requests, `0.0..=1.0`, that meet an injected fault: an error, a gateway's page, a
    /// connection that closes without an answer, or an answer that is very late.
    pub error_rate: f64,
    /// An outage that begins `.0` after the first request and lasts for `.1`.
    pub outage: Option<(Duration, Duration)>,
    /// Whether a 429 says when to come back.
    pub retry_after: RetryAfterMode,
    /// How long the search index takes to show a write, and reads of pipelines to show a change of theirs.
    pub search_lag: Duration,
    /// The location's setting of this name: whether a second contact of the same e-mail or phone may be created.
    pub allow_duplicate_contact: bool,
    /// The location's setting of this name: whether a contact may have a second opportunity in the same pipeline.
    pub allow_duplicate_opportunity: bool,
    /// Whether an update of a contact may have a `companyName`, as GHL was seen to take it; without, it is a 422.
    pub updates_take_company: bool,
    /// Scopes that a location's token lacks: location and scope, such as `locations/tags.write`.
    pub missing_scopes: BTreeSet<(String, String)>,
    /// The pipelines that a location has unless it was given others.
    pub pipelines: Vec<Pipeline>,
    /// The tokens that are accepted.
    pub tokens: Tokens,
    /// The app that people may install on the consent page, if there is one. Its tokens are accepted beside `tokens`.
    pub marketplace: Option<Marketplace>,
    /// Seed of everything that is injected at random.
    pub seed: u64,
    /// Where whoever runs it keeps the records, in `sandbox.jsonl`. Without it they are gone when the process is.
    pub data_dir: Option<PathBuf>,
}

impl Default for SandboxOptions {
    fn default() -> Self {
        SandboxOptions {
            limit: 100,
            window: Duration::from_secs(10),
            window_kind: WindowKind::Strict,
            others: 0,
            daily_limit: 200_000,
            latency: Duration::ZERO..=Duration::ZERO,
            error_rate: 0.0,
            outage: None,
            retry_after: RetryAfterMode::Never,
            search_lag: Duration::from_secs(10),
            allow_duplicate_contact: false,
            allow_duplicate_opportunity: false,
            updates_take_company: true,
            missing_scopes: BTreeSet::new(),
            pipelines: default_pipelines(),
            tokens: Tokens::Any("sandbox".to_owned()),
            marketplace: None,
            seed: 0,
            data_dir: None,
        }
    }
}

/// How the requests of a window are counted. GHL does not say how it does; a caller should survive every way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// Exactly: a request is refused if the window that ends with it, `(t - window, t]`, is full. Whatever a fixed
    /// window (aligned to multiples of its length) would refuse, this refuses too, wherever its edges are.
    #[default]
    #[serde(rename = "sliding")]
    Strict,
    /// By windows aligned to multiples of their length: each begins anew with the whole limit. A caller who keeps to
    /// it only so much may send twice the limit around an edge.
    Fixed,
    /// With two counters: the current fixed window's count, plus the last one's weighted by how much of it the
    /// sliding window still covers. It may refuse a caller who keeps to the limit exactly.
    Approximate,
}

/// Whether a 429 has a `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryAfterMode {
    /// Never, as GHL was always seen to do.
    #[default]
    Never,
    /// Always, in whole seconds.
    Seconds,
    /// On one of two, by chance.
    Sometimes,
}

/// The bearer tokens that are accepted, and whose they are.
#[derive(Clone, PartialEq, Eq)]
pub enum Tokens {
    /// One token for every location; requests say which one they mean, or name a record of it. Requests of the legacy
    /// API, which never name a location, all belong to the location `v1`.
    Any(String),
    /// Each token is one location's: token to location id.
    PerLocation(BTreeMap<String, String>),
    /// Tokens that the sandbox issues itself, and that expire.
    OAuth(OAuthOptions),
}

impl fmt::Debug for Tokens {
    /// Whose they are, never the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Tokens::Any(_) => f.write_str("Any([redacted])"),
            Tokens::PerLocation(tokens) => f.debug_tuple("PerLocation").field(&tokens.values()).finish(),
            Tokens::OAuth(app) => f.debug_tuple("OAuth").field(app).finish(),
        }
    }
}

/// An app that is installed, and how long its tokens are good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthOptions {
    /// Whoever asks with another one is refused.
    pub client_id: String,
    /// What must come with the `client_id`.
    pub client_secret: Secret,
    /// The refresh token that the installation gave.
    pub refresh_token: Secret,
    /// Where it is installed.
    pub installed: Installed,
    /// How long access tokens are good, in whole seconds.
    pub lifetime: Duration,
}

/// An app of the marketplace, and the agency that may install it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marketplace {
    /// The id of its key.
    pub client_id: String,
    /// What must come with the `client_id`.
    pub client_secret: Secret,
    /// How long access tokens are good, in whole seconds.
    pub lifetime: Duration,
    /// The agency.
    pub company: String,
    /// The locations of the agency.
    pub locations: Vec<String>,
    /// The scopes that the app has; `None` if it has all that are asked for.
    pub scopes: Option<BTreeSet<String>>,
}

/// Where an app is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// In one location.
    Location(String),
    /// In an agency, and in all of its locations.
    Company(String),
}
