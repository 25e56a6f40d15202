//! The functions with their real adapters, against embedded DynamoDB and SQS and the GHL sandbox.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]

mod access;
mod api;
mod api_audit;
mod api_bad_input;
mod api_events;
mod api_hostile;
mod api_ids;
mod api_keys;
mod api_migration;
mod api_mirrors;
mod api_objects;
mod api_records;
mod api_session;
mod caller;
mod compatibility;
mod credentials;
mod deployment;
mod docs;
mod document;
mod drops;
mod events;
mod every_write;
mod faults;
mod flow;
mod imports;
mod ingest;
mod intermediary;
mod large_pages;
mod logs;
mod metrics;
mod migrator;
mod notifier;
mod permissions;
mod poison;
mod reconcile;
mod records;
mod redrive;
mod signing;
mod stores;
mod structure;
mod template;
mod template_safety;
mod webhooks;
mod wiretap;
