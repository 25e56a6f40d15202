//! Finding each source item's counterpart in the target: by key, then by name, then by similarity. Each target item
//! is used at most once. An uncertain match becomes a doubt, for a person to settle.

use super::meaning::{NameRelation, are_equal, compare, is_about_consent};
use super::names::likeness;
use ghl_sync_model::{GhlId, MatchMethod, Suggestion};

/// A named item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Thing<'a> {
    pub(super) id: &'a GhlId,
    pub(super) key: Option<&'a str>,
    pub(super) name: &'a str,
}

/// A counterpart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Match {
    /// Its index in the target.
    pub(super) target: usize,
    pub(super) how: MatchMethod,
    pub(super) confidence: f64,
}

/// Two names with one key that are at least this similar, but not the same, were meant to be different.
const NEARLY: f64 = 0.85;

/// Source and target items with the pairs found so far.
pub(super) struct Pairing<'a> {
    sources: &'a [Thing<'a>],
    targets: &'a [Thing<'a>],
    found: Vec<Option<Match>>,
    /// Possible counterparts of each source item, for a person to decide.
    doubts: Vec<Vec<usize>>,
    /// Source items whose search is over.
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

    /// Applies a person's decision that `target`, or nothing, is the counterpart of `source`. Others may use a `shared`
    /// target, too.
    pub(super) fn decide(&mut self, source: usize, target: Option<usize>, shared: bool) {
        self.closed[source] = true;
        if let Some(target) = target {
            self.give(source, Match { target, how: MatchMethod::Override, confidence: 1.0 });
            self.taken[target] = !shared;
        }
    }

    /// Pairs items that `fits` accepts by equal key, else by equal name, else by names that are at least `threshold`
    /// similar and mean the same.
    pub(super) fn pair(&mut self, threshold: Option<f64>, fits: impl Fn(usize, usize) -> bool) {
        let key = |thing: &Thing<'_>| thing.key.map(bare_key).filter(|key| !key.is_empty());
        let (sources, targets) = (self.sources, self.targets);
        let has_key = |s: usize, t: usize| key(&sources[s]).is_some_and(|wanted| key(&targets[t]) == Some(wanted));
        // Without a similarity threshold, the key itself is an identity: an e-mail address, a tag.
        let is_identity = threshold.is_none();
        let says_the_same = |s: usize, t: usize| is_identity || is_certain_by_key(sources[s].name, targets[t].name);
        self.pair_equal(&|s, t| fits(s, t) && has_key(s, t) && says_the_same(s, t), MatchMethod::ExactKey, 1.0);
        let same = |s: usize, t: usize| sources[s].name.trim() == targets[t].name.trim();
        self.pair_equal(&|s, t| fits(s, t) && same(s, t), MatchMethod::ExactName, 1.0);
        self.pair_equal(
            &|s, t| fits(s, t) && are_equal(sources[s].name, targets[t].name),
            MatchMethod::ExactName,
            0.98,
        );
        if let Some(threshold) = threshold {
            self.doubt(|s, t| has_key(s, t) && fits(s, t));
            self.pair_alike(&fits, threshold);
        }
    }

    fn pair_equal(&mut self, is_pair: &impl Fn(usize, usize) -> bool, how: MatchMethod, confidence: f64) {
        for source in self.open() {
            let mut targets = 0..self.targets.len();
            if let Some(target) = targets.find(|target| !self.taken[*target] && is_pair(source, *target)) {
                self.give(source, Match { target, how, confidence });
            }
        }
    }

    /// Marks such pairs for a person to decide, unless a better match exists.
    pub(super) fn doubt(&mut self, is_doubtful: impl Fn(usize, usize) -> bool) {
        for source in self.open() {
            let doubtful = (0..self.targets.len()).filter(|target| is_doubtful(source, *target));
            self.doubts[source].extend(doubtful);
        }
    }

    /// Pairs the most similar first, so that a worse match does not take the place of a better one.
    fn pair_alike(&mut self, fits: &impl Fn(usize, usize) -> bool, threshold: f64) {
        let mut pairs = Vec::new();
        for source in self.open() {
            for target in (0..self.targets.len()).filter(|target| !self.taken[*target] && fits(source, *target)) {
                match compare(self.sources[source].name, self.targets[target].name) {
                    NameRelation::Same(confidence) if confidence >= threshold => {
                        pairs.push((confidence, source, target))
                    }
                    NameRelation::Doubtful(confidence) if confidence >= threshold => self.doubts[source].push(target),
                    _ => {}
                }
            }
        }
        pairs.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)).then(a.2.cmp(&b.2)));
        for (confidence, source, target) in pairs {
            if self.found[source].is_none() && !self.taken[target] {
                self.give(source, Match { target, how: MatchMethod::Similar, confidence });
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

    /// The counterpart of each source item.
    pub(super) fn found(&self) -> &[Option<Match>] {
        &self.found
    }

    /// Possible counterparts of `source` for a person to decide; empty if none is left.
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

    /// Counterparts to suggest for `source`, whether they fit or not, most similar first.
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

/// Whether a shared key proves a match. A key derives from a field's first name; the present names may mean two
/// different things, also about consent.
fn is_certain_by_key(a: &str, b: &str) -> bool {
    if is_about_consent(a) || is_about_consent(b) {
        return are_equal(a, b);
    }
    match compare(a, b) {
        NameRelation::Same(_) => true,
        // A new label for the same thing, perhaps in another language; names that are nearly the same need a
        // decision.
        NameRelation::Doubtful(alike) => alike < NEARLY,
        NameRelation::Different => false,
    }
}

/// A key without the braces of the template notation.
pub(super) fn bare_key(key: &str) -> String {
    key.trim_matches(|c: char| c == '{' || c == '}' || c.is_whitespace()).to_lowercase()
}

/// A confidence rounded to two decimals.
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
