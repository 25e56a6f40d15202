//! What a simulated world is like and what goes wrong in it, as data.

use std::num::NonZeroU32;
use std::time::Duration;

use ghl_sync_model::{LocationId, Priority};
use ghl_sync_testkit::{Op, PortFault, WindowKind};
use serde::{Deserialize, Serialize};

/// A span of milliseconds, both ends included.
pub type Span = (u64, u64);

/// A world, what is put into it, what goes wrong in it, and what must come of it. Everything that is left to chance
/// follows from `seed`. Times are milliseconds since the world began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it shows.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub about: String,
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// The locations.
    pub locations: Vec<Place>,
    /// The quota that we are told to keep to.
    pub quota: Limit,
    /// GHL.
    pub server: Server,
    /// Our side: the hosts, the stores, the queue.
    pub hosts: Hosts,
    /// What is put in.
    pub puts: Vec<Puts>,
    /// How often all locations are reconciled; never if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reconcile_every_ms: Option<u64>,
    /// What goes wrong.
    #[serde(default)]
    pub troubles: Vec<Trouble>,
    /// What must come of it, beside the rules that always hold.
    #[serde(default, skip_serializing_if = "Expect::is_empty")]
    pub expect: Expect,
}

/// A location.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Place {
    /// The id that its records are put under.
    pub name: LocationId,
    /// What it shares its quota with.
    pub scope: LocationId,
}

/// A quota.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limit {
    /// Calls in a window.
    pub limit: NonZeroU32,
    /// How long a window lasts, in milliseconds.
    pub window_ms: u64,
}

/// How GHL behaves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its limit, where it is not the one that we were told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<NonZeroU32>,
    /// How it counts its windows.
    pub counting: WindowKind,
    /// Whether its answers tell of the quota.
    pub headers: bool,
    /// `Retry-After` of its 429s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// Calls in a day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub daily_limit: Option<u64>,
    /// What the network takes one way.
    pub network_ms: Span,
    /// What a request takes at the server.
    pub work_ms: Span,
    /// How long its search does not show what was written.
    pub search_lag_ms: u64,
}

/// Our side.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hosts {
    /// The most by which two clocks differ.
    pub clock_skew_ms: u64,
    /// After this long a function is killed.
    pub function_timeout_ms: u64,
    /// A message that is not deleted comes again after this.
    pub visibility_ms: u64,
    /// What the way to a store or the queue takes, and the way back.
    pub store_ms: Span,
    /// How late the indexes show a change.
    pub index_lag_ms: Span,
    /// Most records in a batch.
    pub batch_size: u32,
    /// Most calls at once in a scope.
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
    /// When they are put, in milliseconds since the world began.
    pub at_ms: u64,
    /// Where: the location of this number, from 0.
    pub location: usize,
    /// Contacts with an e-mail address: those of these numbers, from the first to before the second. The same number
    /// put again is the same contact with newer content.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub contacts: Numbers,
    /// Opportunities of the contacts of these numbers.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub deals: Numbers,
    /// Contacts with neither e-mail nor phone. They are put once only.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub nameless: Numbers,
    /// Contacts with ids of their own and the e-mail addresses of the contacts of these numbers.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub shared: Numbers,
    /// Three opportunities in one pipeline for each of the contacts of these numbers: two of one name, one of another.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub twins: Numbers,
    /// Whether the contacts are there before, made by others, and name what GHL then drops without a word: a gender, and
    /// a phone number that another contact has.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub dropped: bool,
    /// Whether the contacts say that they may be written to and called.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub consents: bool,
    /// Whether they are an import, which an operator may cancel.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub import: bool,
    /// Whether that import can be undone, which an operator may do.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undoable: bool,
    /// Bytes that each contact has besides.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub large_bytes: u32,
    /// How urgent.
    pub priority: Priority,
    /// Whether the producer starts the location at once, as an API does.
    #[serde(default)]
    pub starts: bool,
    /// Whether the producer dies before it tells the gate.
    #[serde(default)]
    pub dies: bool,
}

/// Numbers, from the first to before the second.
pub type Numbers = (u32, u32);

#[expect(clippy::trivially_copy_pass_by_ref, reason = "as serde calls it")]
fn is_zero(bytes: &u32) -> bool {
    *bytes == 0
}

fn is_nothing((from, to): &Numbers) -> bool {
    from >= to
}

/// Something goes wrong for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trouble {
    /// From when on.
    pub from_ms: u64,
    /// When it ends, in milliseconds since the world began.
    pub until_ms: u64,
    /// Of a thousand things that it can happen to, so many meet it.
    pub per_mille: u64,
    /// What goes wrong.
    pub what: What,
}

/// What goes wrong.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum What {
    /// GHL answers with this status, and does nothing.
    Status(u16),
    /// GHL does what it was asked, and answers with this status.
    DoneBut(u16),
    /// GHL does not answer.
    NoAnswer {
        /// Whether it does what it was asked.
        done: bool,
    },
    /// GHL gets the request so many milliseconds after its caller gave up.
    ArrivesLate(u64),
    /// GHL is not reached.
    Unreachable,
    /// GHL answers 429 although the quota is not used up.
    TooMany {
        /// With this `Retry-After`, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// GHL does not accept the token of this location.
    TokenExpired {
        /// Its number, from 0.
        location: usize,
    },
    /// Somebody else calls GHL at the expense of this location's quota.
    Others {
        /// Its number, from 0.
        location: usize,
        /// One call in so many milliseconds, on average.
        every_ms: u64,
        /// So many at a time.
        burst: u32,
    },
    /// A message gets lost.
    MessageLost,
    /// A message comes so much later.
    MessageLate(u64),
    /// A message comes twice, the second time so much later.
    MessageTwice(u64),
    /// Somebody sends batches by hand, one in so many milliseconds.
    ByHand {
        /// The location's number, from 0.
        location: usize,
        /// One in so many milliseconds.
        every_ms: u64,
    },
    /// People opt contacts out in GHL, everywhere or of SMS.
    OptOuts {
        /// The location's number, from 0.
        location: usize,
        /// One contact in so many milliseconds, on average.
        every_ms: u64,
    },
    /// An operator deletes contacts in GHL, where no other record is about them.
    Deletes {
        /// The location's number, from 0.
        location: usize,
        /// One in so many milliseconds, on average.
        every_ms: u64,
    },
    /// An operator cancels imports.
    Cancels {
        /// The location's number, from 0.
        location: usize,
        /// One in so many milliseconds, on average.
        every_ms: u64,
    },
    /// An operator undoes imports that can be undone.
    Undos {
        /// The location's number, from 0.
        location: usize,
        /// One in so many milliseconds, on average.
        every_ms: u64,
    },
    /// A source sends its whole list, of a few people who come and go.
    Mirrors {
        /// The location's number, from 0.
        location: usize,
        /// Once in so many milliseconds, on average.
        every_ms: u64,
    },
    /// A call of a store or the queue fails.
    Store {
        /// Which; all of them if it is not said.
        op: Option<Op>,
        /// How the store fails.
        fault: PortFault,
    },
    /// An invocation dies within so many milliseconds.
    DiesWithin(u64),
    /// An invocation dies at one of its first so many awaits.
    DiesAtAwait(u64),
    /// All invocations that are under way die when it begins.
    AllDie,
    /// The process is told to end when it begins: it drains, is gone for so long, and is started again.
    EndsInOrder {
        /// How long it is gone.
        down_ms: u64,
    },
}

/// Ranges in which figures of the run must lie.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Expect {
    /// 429s ÷ calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub throttled_share: Option<(f64, f64)>,
    /// Calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub calls: Option<(f64, f64)>,
    /// Gate writes ÷ calls.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate_writes_per_call: Option<(f64, f64)>,
    /// When the last record was final, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub drained_s: Option<(f64, f64)>,
    /// Invocations that were begun.
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
    /// When the last of its troubles and puts is over.
    #[must_use]
    pub fn calm_from(&self) -> Duration {
        let troubles = self.troubles.iter().map(|trouble| trouble.until_ms);
        Duration::from_millis(troubles.chain(self.puts.iter().map(|puts| puts.at_ms)).max().unwrap_or(0))
    }

    /// Whether any of its troubles is one of these.
    #[must_use]
    pub fn has(&self, is: impl Fn(&What) -> bool) -> bool {
        self.troubles.iter().any(|trouble| is(&trouble.what))
    }

    /// Whether the theorem's assumptions hold, so that no window may hold more than the limit.
    #[must_use]
    pub fn theorem_holds(&self) -> bool {
        let arrives_in_time = |what: &What| !matches!(what, What::ArrivesLate(late) if *late > 5000);
        self.hosts.clock_skew_ms <= 50
            && self.server.limit.is_none_or(|limit| limit >= self.quota.limit)
            && self.troubles.iter().all(|trouble| arrives_in_time(&trouble.what))
    }

    /// Whether GHL has no reason to answer 429 of its own accord.
    #[must_use]
    pub fn is_never_throttled(&self) -> bool {
        self.theorem_holds()
            && self.server.counting != WindowKind::Approximate
            && self.server.daily_limit.is_none()
            && !self.has(|what| matches!(what, What::Others { .. }))
    }
}
