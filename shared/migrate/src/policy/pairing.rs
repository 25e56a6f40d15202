//! Finding for each thing of the source its counterpart in the target: by key, then by name, then by likeness. No
//! counterpart is given twice. What is not certain is no match but a doubt, for a person to settle.

use super::meaning::{Verdict, are_equal, compare, is_about_consent};
use super::names::likeness;
use ghl_sync_model::{GhlId, How, Suggestion};

/// A thing with a name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing<'a> {
    pub(super) id: &'a GhlId,
    pub(super) key: Option<&'a str>,
    pub(super) name: &'a str,
}

/// A counterpart that was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    /// Its place in the list of the target.
    pub(super) target: usize,
    pub(super) how: How,
    pub(super) confidence: f64,
}

/// Names of one key that are so alike, and not the same, were meant to be told apart.
const NEARLY: f64 = 0.85;

/// Sources and targets, and who has found whom.
pub(super) struct Pairing<'a> {
    sources: &'a [Thing<'a>],
    targets: &'a [Thing<'a>],
    found: Vec<Option<Match>>,
    /// Targets that may be that of a source, for a person to say.
    doubts: Vec<Vec<usize>>,
    /// Sources that nothing is looked for any more.
    closed: Vec<bool>,
    taken: Vec<bool>,
}

impl<'a> Pairing<'a> {
    pub(super) fn new(sources: &'a [Thing<'a>], targets: &'a [Thing<'a>]) -> Pairing<'a> {
        let (found, doubts) = (vec![None; sources.len()], vec![Vec::new(); sources.len()]);
        Pairing {
            sources,
            targets,
            found,
            doubts,
            closed: vec![false; sources.len()],
            taken: vec![false; targets.len()],
        }
    }

    /// `target` is that of `source`, because a person said so; with `shared` it may be that of others, too.
    pub(super) fn decide(&mut self, source: usize, target: Option<usize>, shared: bool) {
        self.closed[source] = true;
        if let Some(target) = target {
            self.give(source, Match { target, how: How::Override, confidence: 1.0 });
            self.taken[target] = !shared;
        }
    }

    /// Pairs what `fits` and has the same key, or else the same name, or else names that are at least `threshold` alike
    /// and mean the same.
    pub(super) fn pair(&mut self, threshold: Option<f64>, fits: impl Fn(usize, usize) -> bool) {
        let key = |thing: &Thing<'_>| thing.key.map(bare_key).filter(|key| !key.is_empty());
        let (sources, targets) = (self.sources, self.targets);
        let has_key = |s: usize, t: usize| key(&sources[s]).is_some_and(|wanted| key(&targets[t]) == Some(wanted));
        // Without likeness the key is an identity of its own: an e-mail address, a tag.
        let is_identity = threshold.is_none();
        let says_the_same = |s: usize, t: usize| is_identity || is_certain_by_key(sources[s].name, targets[t].name);
        self.pair_equal(&|s, t| fits(s, t) && has_key(s, t) && says_the_same(s, t), How::ExactKey, 1.0);
        let same = |s: usize, t: usize| sources[s].name.trim() == targets[t].name.trim();
        self.pair_equal(&|s, t| fits(s, t) && same(s, t), How::ExactName, 1.0);
        self.pair_equal(&|s, t| fits(s, t) && are_equal(sources[s].name, targets[t].name), How::ExactName, 0.98);
        if let Some(threshold) = threshold {
            self.doubt(|s, t| has_key(s, t) && fits(s, t));
            self.pair_alike(&fits, threshold);
        }
    }

    fn pair_equal(&mut self, is_pair: &impl Fn(usize, usize) -> bool, how: How, confidence: f64) {
        for source in self.open() {
            let mut targets = 0..self.targets.len();
            if let Some(target) = targets.find(|target| !self.taken[*target] && is_pair(source, *target)) {
                self.give(source, Match { target, how, confidence });
            }
        }
    }

    /// A person must say whether such pairs are one, where nothing better is found.
    pub(super) fn doubt(&mut self, is_doubtful: impl Fn(usize, usize) -> bool) {
        for source in self.open() {
            let doubtful = (0..self.targets.len()).filter(|target| is_doubtful(source, *target));
            self.doubts[source].extend(doubtful);
        }
    }

    /// The most alike first, so that a good match is not spoiled by a worse one before it.
    fn pair_alike(&mut self, fits: &impl Fn(usize, usize) -> bool, threshold: f64) {
        let mut pairs = Vec::new();
        for source in self.open() {
            for target in (0..self.targets.len()).filter(|target| !self.taken[*target] && fits(source, *target)) {
                match compare(self.sources[source].name, self.targets[target].name) {
                    Verdict::Same(confidence) if confidence >= threshold => pairs.push((confidence, source, target)),
                    Verdict::Doubtful(confidence) if confidence >= threshold => self.doubts[source].push(target),
                    _ => {}
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (confidence, source, target) in pairs {
            if self.found[source].is_none() && !self.taken[target] {
                self.give(source, Match { target, how: How::Similar, confidence });
            }
        }
    }

    fn give(&mut self, source: usize, found: Match) {
        self.taken[found.target] = true;
        self.found[source] = Some(found);
    }

    fn open(&self) -> Vec<usize> {
        (0..self.sources.len()).filter(|source| self.found[*source].is_none() && !self.closed[*source]).collect()
    }

    /// What was found for each source.
    pub(super) fn found(&self) -> &[Option<Match>] {
        &self.found
    }

    /// What `source` may be and a person must say; nothing where no such target is left.
    pub(super) fn doubts(&self, source: usize) -> Vec<Suggestion> {
        let mut left: Vec<usize> = self.doubts[source].iter().copied().filter(|target| !self.taken[*target]).collect();
        left.sort_unstable();
        left.dedup();
        let name = self.sources[source].name;
        let suggestion = |target: usize| {
            let Thing { id, name: other, .. } = self.targets[target];
            Suggestion { id: id.clone(), name: other.to_owned(), confidence: rounded(likeness(name, other)) }
        };
        let mut doubts: Vec<Suggestion> = left.into_iter().map(suggestion).collect();
        doubts.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        doubts.truncate(3);
        doubts
    }

    /// What `source` may be, whether it fits or not, the most alike first.
    pub(super) fn suggestions(&self, source: usize) -> Vec<Suggestion> {
        let name = self.sources[source].name;
        let mut near: Vec<Suggestion> = self
            .targets
            .iter()
            .map(|target| Suggestion {
                id: target.id.clone(),
                name: target.name.to_owned(),
                confidence: rounded(likeness(name, target.name)),
            })
            .filter(|near| near.confidence >= 0.5)
            .collect();
        near.sort_by(|a, b| b.confidence.total_cmp(&a.confidence));
        near.truncate(3);
        near
    }
}

/// Whether a shared key is enough. A key is made of the first name that a field had; the names of today may have become
/// two things since, and so may what they say of consent.
fn is_certain_by_key(a: &str, b: &str) -> bool {
    if is_about_consent(a) || is_about_consent(b) {
        return are_equal(a, b);
    }
    match compare(a, b) {
        Verdict::Same(_) => true,
        // A new label for the same thing, perhaps in another language; what is nearly the same asks.
        Verdict::Doubtful(alike) => alike < NEARLY,
        Verdict::Different => false,
    }
}

/// A key without the braces in which templates write it.
pub(super) fn bare_key(key: &str) -> String {
    key.trim_matches(|c: char| c == '{' || c == '}' || c.is_whitespace()).to_lowercase()
}

/// A confidence with two digits.
pub(super) fn rounded(confidence: f64) -> f64 {
    (confidence * 100.0).round() / 100.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(count: usize) -> Vec<GhlId> {
        (0..count).map(|n| GhlId::new(format!("i{n}")).unwrap()).collect()
    }

    fn things<'a>(ids: &'a [GhlId], names: &'a [&'a str]) -> Vec<Thing<'a>> {
        ids.iter().zip(names).map(|(id, name)| Thing { id, key: None, name }).collect()
    }

    #[test]
    fn the_best_match_wins_whoever_comes_first() {
        let ids = ids(3);
        let sources = things(&ids, &["Roof types", "Roof type", "Roof typ"]);
        let targets = things(&ids, &["Roof type"]);
        let mut pairing = Pairing::new(&sources, &targets);
        pairing.pair(Some(0.8), |_, _| true);
        let found: Vec<bool> = pairing.found().iter().map(Option::is_some).collect();
        assert_eq!(found, [false, true, false]);
    }

    #[test]
    fn names_that_are_the_same_but_for_pictures_go_to_the_very_same_first() {
        let ids = ids(2);
        let sources = things(&ids, &["Deal ❄", "Deal 🔥"]);
        let targets = things(&ids, &["Deal 🔥", "Deal ❄"]);
        let mut pairing = Pairing::new(&sources, &targets);
        pairing.pair(Some(0.8), |_, _| true);
        let found: Vec<usize> = pairing.found().iter().flatten().map(|found| found.target).collect();
        assert_eq!(found, [1, 0]);
    }
}
