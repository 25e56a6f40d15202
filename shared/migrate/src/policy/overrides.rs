//! Whether a person's decisions can be followed.

use std::collections::{BTreeMap, BTreeSet};

use super::decisions::Decisions;
use super::names::normalised;
use super::pairing::{Thing, bare_key};
use ghl_sync_model::{Choice, MappedTo, OverrideError, Part};

/// Permitted decisions about items of one kind.
pub(super) struct Allowed<'f> {
    pub(super) part: Part,
    pub(super) create: bool,
    /// Whether several source items may become one target item.
    pub(super) share: bool,
    /// Why a pair is impossible; `None` if it is possible.
    pub(super) objection: &'f dyn Fn(usize, usize) -> Option<String>,
}

/// Turns `choices` into decisions about `sources`, and lists those that cannot be followed.
pub(super) fn decide(
    choices: &BTreeMap<String, Choice>,
    sources: &[Thing<'_>],
    targets: &[Thing<'_>],
    allowed: &Allowed<'_>,
) -> (Decisions, Vec<OverrideError>) {
    let mut decisions = Decisions::new(allowed.share);
    let mut errors = Vec::new();
    let mut used: BTreeMap<usize, &str> = BTreeMap::new();
    let mut fail = |entry: &str, reason: String| {
        errors.push(OverrideError { part: allowed.part, entry: entry.to_owned(), reason });
    };
    for (entry, choice) in choices {
        let Some(source) = find(sources, entry) else {
            fail(entry, "is no id, key or name of the source".to_owned());
            continue;
        };
        match choice {
            Choice::Skip => decisions.skip(source),
            Choice::Create if allowed.create => decisions.create(source),
            Choice::Create => fail(entry, format!("cannot be created: GHL has no call for {}", allowed.part.as_str())),
            Choice::Use(wanted) => match find(targets, wanted) {
                _ if closes_cycle(choices, entry) => {
                    fail(entry, format!("is part of a cycle: {}", cycle(choices, entry)))
                }
                None => fail(entry, format!("`{wanted}` is no id, key or name of the target, nor `create` nor `skip`")),
                Some(target) => {
                    if let Some(objection) = (allowed.objection)(source, target) {
                        fail(entry, objection);
                    } else if let Some(other) = used.insert(target, entry).filter(|_| !allowed.share) {
                        fail(entry, format!("`{wanted}` is also given to `{other}`; two cannot become one"));
                    } else {
                        decisions.give(source, target);
                    }
                }
            },
        }
    }
    (decisions, errors)
}

/// The item with this id, else key, else name.
fn find(things: &[Thing<'_>], wanted: &str) -> Option<usize> {
    let by_id = things.iter().position(|thing| thing.id.as_str() == wanted);
    let by_key = || things.iter().position(|thing| thing.key.is_some_and(|key| bare_key(key) == bare_key(wanted)));
    let by_name = || things.iter().position(|thing| thing.name.trim() == wanted.trim());
    let by_likeness = || things.iter().position(|thing| normalised(thing.name) == normalised(wanted));
    by_id.or_else(by_key).or_else(by_name).or_else(by_likeness)
}

/// Whether following the entries from `start` leads back to it through at least one other entry.
fn closes_cycle(choices: &BTreeMap<String, Choice>, start: &str) -> bool {
    let path = follow(choices, start);
    path.len() > 1 && next(choices, path[path.len() - 1]) == Some(start)
}

fn cycle(choices: &BTreeMap<String, Choice>, start: &str) -> String {
    let mut path = follow(choices, start);
    path.push(start);
    path.join(" → ")
}

fn follow<'c>(choices: &'c BTreeMap<String, Choice>, start: &'c str) -> Vec<&'c str> {
    let mut seen = BTreeSet::from([start]);
    let mut path = vec![start];
    let mut at = start;
    while let Some(to) = next(choices, at).filter(|to| choices.contains_key(*to) && seen.insert(to)) {
        path.push(to);
        at = to;
    }
    path
}

fn next<'c>(choices: &'c BTreeMap<String, Choice>, entry: &str) -> Option<&'c str> {
    match choices.get(entry) {
        Some(Choice::Use(wanted)) => Some(wanted),
        _ => None,
    }
}

/// The reason of an item that a person chose to leave out.
pub(super) const SKIPPED: &str = "left out, as a person said";

impl Decisions {
    fn skip(&mut self, source: usize) {
        self.set(source, MappedTo::Skip { reason: SKIPPED.to_owned() });
    }

    fn create(&mut self, source: usize) {
        self.set(source, MappedTo::Create { name: String::new() });
    }
}
