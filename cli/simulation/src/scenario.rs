//! A simulated world and its troubles, as data.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_model::{LocationId, Priority};
use ghl_sync_testkit::{Op, PortFault, WindowKind};
use serde::{Deserialize, Serialize};

/// A span of milliseconds, both ends included.
pub type Span = (u64, u64);

/// A world: its properties, the records put into it, its troubles, and the expected result. Everything random follows
/// from `seed`. Times are milliseconds since the world began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// Purpose of the scenario.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Seed of everything random.
    pub seed: u64,
    /// The locations.
    pub locations: Vec<ScenarioLocation>,
    /// The quota we are configured to keep.
    pub quota: Limit,
    /// Behaviour of GHL.
    pub server: Server,
    /// Our side: the hosts, the stores, the queue.
    pub hosts: Hosts,
    /// Records that are put, and when.
    pub puts: Vec<Puts>,
    /// Interval at which all locations are reconciled; absent means never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile_every_ms: Option<u64>,
    /// Troubles that happen during the run.
    #[serde(default)]
    pub troubles: Vec<ScenarioTrouble>,
    /// Expected figures, besides the rules that always hold.
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    pub expect: Expect,
}

/// A location of the world.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioLocation {
    /// Id that its records are put under.
    pub name: LocationId,
    /// Rate scope whose quota it shares.
    pub scope: LocationId,
}

/// A quota of calls per window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Calls per window.
    pub limit: NonZeroU32,
    /// Length of a window in milliseconds.
    pub window_ms: u64,
}

/// How GHL behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// The real limit, where it differs from the one we were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroU32>,
    /// How it counts its windows.
    pub counting: WindowKind,
    /// Whether its answers carry quota headers.
    pub headers: bool,
    /// `Retry-After` of its 429s, in milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Calls per day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<u64>,
    /// Network latency one way, in milliseconds.
    pub network_ms: Span,
    /// Time a request takes at the server, in milliseconds.
    pub work_ms: Span,
    /// How long its search lags behind writes, in milliseconds.
    pub search_lag_ms: u64,
}

/// Our hosts, stores and queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    /// Largest difference between two clocks, in milliseconds.
    pub clock_skew_ms: u64,
    /// Time after which a function is killed, in milliseconds.
    pub function_timeout_ms: u64,
    /// Time after which an undeleted message is delivered again, in milliseconds.
    pub visibility_ms: u64,
    /// Latency to a store or the queue, one way, in milliseconds.
    pub store_ms: Span,
    /// How late the indexes show a change, in milliseconds.
    pub index_lag_ms: Span,
    /// Most records in a batch.
    pub batch_size: u32,
    /// Most concurrent calls in a scope.
    #[serde(default = "usual_concurrency")]
    pub concurrency: u32,
}

fn usual_concurrency() -> u32 {
    5
}

/// Records of one location that are put at one time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Puts {
    /// Time of the put, in milliseconds since the world began.
    pub at_ms: u64,
    /// Index of the location, from 0.
    pub location: usize,
    /// Contacts with an email address: those with these numbers, end excluded. The same number put again is the same
    /// contact with newer content.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub contacts: Numbers,
    /// Opportunities of the contacts with these numbers.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub opportunities: Numbers,
    /// Contacts with neither email nor phone. They are put only once.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub nameless: Numbers,
    /// Contacts with their own ids but the email addresses of the contacts with these numbers.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub shared: Numbers,
    /// Three opportunities in one pipeline for each contact with these numbers: two with the same name, one with
    /// another.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub twins: Numbers,
    /// Whether others created the contacts before, and the records carry values that GHL then drops silently: a gender,
    /// and a phone number of another contact.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
    /// Whether the contacts consent to messages and calls.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consents: bool,
    /// Whether they form an import that an operator may cancel.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub import: bool,
    /// Whether an operator may undo that import.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undoable: bool,
    /// Extra bytes in each contact.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub large_bytes: u32,
    /// Priority of the records.
    pub priority: Priority,
    /// Whether the producer starts the location at once, as an API does.
    #[serde(default)]
    pub starts: bool,
    /// Whether the producer dies before it notifies the gate.
    #[serde(default)]
    pub dies: bool,
}

/// A range of numbers, end excluded.
pub type Numbers = (u32, u32);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(bytes: &u32) -> bool {
    *bytes == 0
}

fn is_nothing((from, to): &Numbers) -> bool {
    from >= to
}

/// A fault that lasts for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScenarioTrouble {
    /// Start, in milliseconds since the world began.
    pub from_ms: u64,
    /// End, in milliseconds since the world began.
    pub until_ms: u64,
    /// Probability that it hits a call, message or invocation, per thousand.
    pub per_mille: u64,
    /// Kind of trouble.
    pub what: TroubleKind,
}

/// Kind of trouble.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum TroubleKind {
    /// GHL answers with this status and does nothing.
    Status(u16),
    /// GHL does what was requested, but answers with this status.
    DoneBut(u16),
    /// GHL does not answer.
    NoAnswer {
        /// Whether it does what was requested.
        done: bool,
    },
    /// GHL receives the request this many milliseconds after its caller gave up.
    ArrivesLate(u64),
    /// GHL cannot be reached.
    Unreachable,
    /// GHL answers 429 although the quota is not used up.
    TooMany {
        /// `Retry-After` in milliseconds, if sent.
        retry_after_ms: Option<u64>,
    },
    /// GHL rejects the token of this location.
    TokenExpired {
        /// Index of the location, from 0.
        location: usize,
    },
    /// Another client uses this location's quota.
    Others {
        /// Index of the location, from 0.
        location: usize,
        /// Mean interval between its calls, in milliseconds.
        every_ms: u64,
        /// Calls per burst.
        burst: u32,
    },
    /// A message gets lost.
    MessageLost,
    /// A message arrives this many milliseconds late.
    MessageLate(u64),
    /// A message arrives twice, the second time this many milliseconds later.
    MessageTwice(u64),
    /// Someone sends batches by hand.
    ByHand {
        /// Index of the location, from 0.
        location: usize,
        /// Interval between two batches, in milliseconds.
        every_ms: u64,
    },
    /// People opt contacts out in GHL, of everything or of SMS.
    OptOuts {
        /// Index of the location, from 0.
        location: usize,
        /// Mean interval between two opt-outs, in milliseconds.
        every_ms: u64,
    },
    /// An operator deletes contacts in GHL that no other record refers to.
    Deletes {
        /// Index of the location, from 0.
        location: usize,
        /// Mean interval between two deletions, in milliseconds.
        every_ms: u64,
    },
    /// An operator cancels imports.
    Cancels {
        /// Index of the location, from 0.
        location: usize,
        /// Mean interval between two cancellations, in milliseconds.
        every_ms: u64,
    },
    /// An operator undoes imports that can be undone.
    Undos {
        /// Index of the location, from 0.
        location: usize,
        /// Mean interval between two undos, in milliseconds.
        every_ms: u64,
    },
    /// A source mirrors its whole list, a few people who come and go.
    Mirrors {
        /// Index of the location, from 0.
        location: usize,
        /// Mean interval between two lists, in milliseconds.
        every_ms: u64,
    },
    /// A call to a store or the queue fails.
    Store {
        /// The failing operation; all operations if absent.
        op: Option<Op>,
        /// How the store fails.
        fault: PortFault,
    },
    /// An invocation dies within this many milliseconds.
    DiesWithin(u64),
    /// An invocation dies at one of this many first awaits.
    DiesAtAwait(u64),
    /// All running invocations die when the trouble starts.
    AllDie,
    /// The process is told to end when the trouble starts: it drains, stays down, and is restarted.
    EndsInOrder {
        /// Downtime in milliseconds.
        down_ms: u64,
    },
}

/// Ranges for the figures of the run.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// 429s ÷ calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_share: Option<(f64, f64)>,
    /// Calls to GHL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<(f64, f64)>,
    /// Gate writes ÷ calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate_writes_per_call: Option<(f64, f64)>,
    /// When the last record was final, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained_s: Option<(f64, f64)>,
    /// Invocations started.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invocations: Option<(f64, f64)>,
    /// Records that failed for good.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<(f64, f64)>,
}

impl Expect {
    fn is_empty(&self) -> bool {
        *self == Expect::default()
    }
}

impl Scenario {
    /// Time at which the last trouble and put are over.
    #[must_use]
    pub fn calm_from(&self) -> Duration {
        let troubles = self.troubles.iter().map(|trouble| trouble.until_ms);
        Duration::from_millis(troubles.chain(self.puts.iter().map(|puts| puts.at_ms)).max().unwrap_or(0))
    }

    /// Whether any of its troubles matches `is`.
    #[must_use]
    pub fn has(&self, is: impl Fn(&TroubleKind) -> bool) -> bool {
        self.troubles.iter().any(|trouble| is(&trouble.what))
    }

    /// Whether the theorem's assumptions hold, so that no window may exceed the limit.
    #[must_use]
    pub fn theorem_holds(&self) -> bool {
        let arrives_in_time = |what: &TroubleKind| !matches!(what, TroubleKind::ArrivesLate(late) if *late > 5000);
        self.hosts.clock_skew_ms <= 50
            && self.server.limit.is_none_or(|limit| limit >= self.quota.limit)
            && self.troubles.iter().all(|trouble| arrives_in_time(&trouble.what))
    }

    /// Whether GHL has no reason to answer 429.
    #[must_use]
    pub fn is_never_throttled(&self) -> bool {
        self.theorem_holds()
            && self.server.counting != WindowKind::Approximate
            && self.server.daily_limit.is_none()
            && !self.has(|what| matches!(what, TroubleKind::Others { .. }))
    }
}
