//! Settings of a sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::time::Duration;

use ghl_sync_model::Secret;
use serde::{Deserialize, Serialize};

use super::store::{SandboxPipeline, default_pipelines};

/// The settings of a sandbox. The default is a healthy production location: GHL's documented limits, no faults.
#[derive(Debug, Clone)]
pub struct SandboxOptions {
    /// Requests that a location may make per window.
    pub limit: u32,
    /// Length of the window.
    pub window: Duration,
    /// How requests in the window are counted.
    pub window_kind: WindowKind,
    /// Requests that another client makes against a location's quota in each window, spread over it. That client does
    /// not repeat refused requests.
    pub others: u32,
    /// Requests that a location may make in the 24 hours from its first one.
    pub daily_limit: u64,
    /// Latency of an answer: random within this range. The request counts on arrival, before the latency; half of it
    /// passes before the write, half after.
    pub latency: RangeInclusive<Duration>,
    /// Share of the admitted requests, `0.0..=1.0`, that meet an injected fault: an error, a gateway's page, a
    /// connection that closes without an answer, or a very late answer.
    pub error_rate: f64,
    /// An outage that starts `.0` after the first request and lasts `.1`.
    pub outage: Option<(Duration, Duration)>,
    /// Whether a 429 has a `Retry-After`.
    pub retry_after: RetryAfterMode,
    /// How long writes take to appear in the search index, and changes of pipelines in reads.
    pub search_lag: Duration,
    /// The location's `allowDuplicateContact` setting: whether a second contact with the same e-mail or phone may be
    /// created.
    pub allow_duplicate_contact: bool,
    /// The location's `allowDuplicateOpportunity` setting: whether a contact may have a second opportunity in the
    /// same pipeline.
    pub allow_duplicate_opportunity: bool,
    /// Whether an update of a contact may have a `companyName`, which GHL was seen to accept. If not, it gets a 422.
    pub updates_take_company: bool,
    /// Scopes that a location's token lacks, as pairs of location and scope, such as `locations/tags.write`.
    pub missing_scopes: BTreeSet<(String, String)>,
    /// The pipelines of every location that was not given others.
    pub pipelines: Vec<SandboxPipeline>,
    /// The accepted tokens.
    pub tokens: SandboxTokens,
    /// The app that people can install on the consent page, if any. Its tokens are accepted in addition to `tokens`.
    pub marketplace: Option<Marketplace>,
    /// Seed of all random faults.
    pub seed: u64,
    /// Directory in which the sandbox's host keeps the records (`sandbox.jsonl`). Without it, they end with the
    /// process.
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
            tokens: SandboxTokens::Any("sandbox".to_owned()),
            marketplace: None,
            seed: 0,
            data_dir: None,
        }
    }
}

/// How the requests of a window are counted. GHL does not say how it counts; a caller should survive every kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum WindowKind {
    /// Exact: a request is refused if the window that ends with it, `(t - window, t]`, is full. This refuses
    /// everything that a fixed window (aligned to multiples of its length) would refuse, wherever its edges are.
    #[default]
    #[serde(rename = "sliding")]
    Strict,
    /// Windows aligned to multiples of their length, each starting with the whole limit. A caller that relies on this
    /// may send twice the limit around an edge.
    Fixed,
    /// Two counters: the current fixed window's count, plus the last one's, weighted by how much of it the sliding
    /// window still covers. This may refuse a caller who exactly keeps to the limit.
    Approximate,
}

/// Whether a 429 has a `Retry-After` header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum RetryAfterMode {
    /// Never. GHL has never been seen to send one.
    #[default]
    Never,
    /// Always, in whole seconds.
    Seconds,
    /// On a random half of the answers.
    Sometimes,
}

/// The accepted bearer tokens and their owners.
#[derive(Clone, PartialEq, Eq)]
pub enum SandboxTokens {
    /// One token for every location; requests name the location or a record of it. Requests of the legacy API, which
    /// never name a location, all belong to the location `v1`.
    Any(String),
    /// Each token belongs to one location. Maps token to location id.
    PerLocation(BTreeMap<String, String>),
    /// Tokens that the sandbox issues itself, and that expire.
    OAuth(OAuthOptions),
}

impl fmt::Debug for SandboxTokens {
    /// Shows the owners, never the tokens.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SandboxTokens::Any(_) => f.write_str("Any([redacted])"),
            SandboxTokens::PerLocation(tokens) => f.debug_tuple("PerLocation").field(&tokens.values()).finish(),
            SandboxTokens::OAuth(app) => f.debug_tuple("OAuth").field(app).finish(),
        }
    }
}

/// An installed app and the lifetime of its tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OAuthOptions {
    /// Requests with another client id are refused.
    pub client_id: String,
    /// The secret that belongs to `client_id`.
    pub client_secret: Secret,
    /// The first refresh token, from the installation.
    pub refresh_token: Secret,
    /// Where the app is installed.
    pub installed: Installed,
    /// Lifetime of access tokens, in whole seconds.
    pub lifetime: Duration,
}

/// An app of the marketplace, and the agency that may install it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Marketplace {
    /// The app's client id.
    pub client_id: String,
    /// The secret that belongs to `client_id`.
    pub client_secret: Secret,
    /// Lifetime of access tokens, in whole seconds.
    pub lifetime: Duration,
    /// Company id of the agency.
    pub company: String,
    /// The locations of the agency.
    pub locations: Vec<String>,
    /// The scopes of the app; `None` if it gets every scope it asks for.
    pub scopes: Option<BTreeSet<String>>,
}

/// Where an app is installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Installed {
    /// In one location.
    Location(String),
    /// In an agency and all its locations.
    Company(String),
}
