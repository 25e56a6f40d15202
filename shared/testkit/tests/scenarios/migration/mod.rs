//! Migrations of one simulated location into another.

mod afterwards;
mod asking;
mod cancel;
mod complete;
mod connection;
mod crash;
mod fixtures;
mod people;
mod pipelines;
mod reality;
mod refusal;
mod rollback;
mod shutdown;
mod sizes;
mod stores;
mod trouble;
mod twins;
