//! The engine in the world of `ghl_sync_testkit`: what it promises, whatever happens. Paused time, everything
//! random from seeds; one crate, so that it is linked once.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod breaker;
mod consent;
mod contacts;
mod counters;
mod crash;
mod crash_anywhere;
mod credentials;
mod credentials_refused;
mod credentials_world;
mod deadline;
mod doors;
mod drop;
mod dry_run;
mod facts;
mod far_times;
mod fixtures;
mod handover;
mod host;
mod imports;
mod in_between;
mod keys;
mod listing;
mod locations;
mod migration;
mod mirror;
mod not_stored;
mod notices;
mod operate;
mod opportunities;
mod order;
mod own_deals;
mod poison_records;
mod put_and_start;
mod quota;
mod reconcile;
mod reconcile_conflicts;
mod reconcile_pace;
mod redrive;
mod refusal;
mod retention;
mod retry;
mod safety;
mod scope;
mod shared_contacts;
mod shutdown;
mod silence;
mod standings;
mod stores;
mod throttle;
mod undo;
mod undo_histories;
mod waits;
mod webhooks;
