//! Tests the adapters through the real SDKs, over HTTP, against an embedded DynamoDB and an embedded SQS.

#[cfg(test)]
mod awaiting;
#[cfg(test)]
mod capacity;
#[cfg(test)]
mod counters;
#[cfg(test)]
mod dead_letters;
#[cfg(test)]
mod failed;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fixtures;
#[cfg(test)]
mod gates;
#[cfg(test)]
mod gone;
#[cfg(test)]
mod imports;
#[cfg(test)]
mod items;
#[cfg(test)]
mod known_states;
#[cfg(test)]
mod load;
#[cfg(test)]
mod locations;
#[cfg(test)]
mod migrations;
#[cfg(test)]
mod put;
#[cfg(test)]
mod queue;
#[cfg(test)]
mod reconcile;
mod retention;
#[cfg(test)]
mod secrets;
#[cfg(test)]
mod servers;
#[cfg(test)]
mod settle;
#[cfg(test)]
mod standings;
#[cfg(test)]
mod tables;
#[cfg(test)]
mod tokens;
