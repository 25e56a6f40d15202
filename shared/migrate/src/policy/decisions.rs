//! Rules of the mapping, a person's decisions, and the pairing of items of one kind.

use std::collections::BTreeMap;

use super::pairing::{Match, Pairing, Thing, rounded};
use ghl_sync_model::{Mapped, MappedTo, MatchMethod, MigrationSettings, Suggestion};

/// The rules of a mapping.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MappingRules {
    /// Least similarity of two names to count as the same.
    pub similarity_threshold: f64,
    /// Opportunities are skipped, so pipelines need no counterpart.
    pub skip_opportunities: bool,
}

impl From<&MigrationSettings> for MappingRules {
    fn from(settings: &MigrationSettings) -> MappingRules {
        MappingRules {
            similarity_threshold: settings.similarity_threshold,
            skip_opportunities: settings.skip_opportunities,
        }
    }
}

/// A person's decisions, by the item's index in the source.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// Whether several source items may become one target item.
    share: bool,
    pairs: BTreeMap<usize, usize>,
    others: BTreeMap<usize, MappedTo>,
}

impl Decisions {
    pub(super) fn new(share: bool) -> Decisions {
        Decisions { share, ..Decisions::default() }
    }

    pub(super) fn give(&mut self, source: usize, target: usize) {
        self.pairs.insert(source, target);
    }

    pub(super) fn set(&mut self, source: usize, target: MappedTo) {
        self.others.insert(source, target);
    }

    pub(super) fn apply(&self, pairing: &mut Pairing<'_>) {
        self.pairs.iter().for_each(|(source, target)| pairing.decide(*source, Some(*target), self.share));
        self.others.keys().for_each(|source| pairing.decide(*source, None, false));
    }

    /// The decision about `source`, unless it is a pair.
    pub(super) fn of(&self, source: usize) -> Option<&MappedTo> {
        self.others.get(&source)
    }
}

pub(super) fn described(
    source: &Thing<'_>,
    target: MappedTo,
    how: MatchMethod,
    confidence: f64,
    explanation: String,
) -> Mapped {
    Mapped {
        source_id: source.id.clone(),
        source_name: source.name.to_owned(),
        pipeline_id: None,
        target,
        how,
        confidence: rounded(confidence),
        explanation,
    }
}

/// Why two items are the same, in words.
pub(super) fn explained(found: Match, key: Option<&str>) -> String {
    match found.how {
        MatchMethod::ExactKey => format!("Same key, {}.", key.unwrap_or_default()),
        MatchMethod::ExactName if found.confidence < 1.0 => {
            "Same name, but for case, spaces and punctuation.".to_owned()
        }
        MatchMethod::ExactName => "Same name.".to_owned(),
        MatchMethod::Similar => {
            format!("The names are {:.0} % alike, and the types go together.", found.confidence * 100.0)
        }
        MatchMethod::Override | MatchMethod::Position | MatchMethod::Created | MatchMethod::None => {
            "A person said so.".to_owned()
        }
    }
}

/// Asks whether a source item is one of the similar target items.
pub(super) fn question(what: &str, name: &str, suggestions: Vec<Suggestion>) -> (MappedTo, String) {
    let like: Vec<&str> = suggestions.iter().map(|suggestion| suggestion.name.as_str()).collect();
    let explanation = format!(
        "The target has a {what} like it, {like:?}; nothing proves that they mean the same. Choose it, or `create`, or `skip`."
    );
    (MappedTo::Ask { reason: format!("is {what} \"{name}\" one of {like:?}?"), suggestions }, explanation)
}

/// Pairs the items of one kind by `how_to`; those without a counterpart become the result of `otherwise`.
pub(super) fn paired(
    what: &str,
    sources: &[Thing<'_>],
    targets: &[Thing<'_>],
    decisions: &Decisions,
    how_to: impl Fn(&mut Pairing<'_>),
    otherwise: impl Fn(usize, &Pairing<'_>) -> (MappedTo, String),
) -> Vec<Mapped> {
    let mut pairing = Pairing::new(sources, targets);
    decisions.apply(&mut pairing);
    how_to(&mut pairing);
    let entry = |place: usize| {
        let thing = &sources[place];
        match (pairing.found()[place], decisions.of(place)) {
            (Some(found), _) => {
                let counterpart = targets[found.target];
                let target = MappedTo::Existing { id: counterpart.id.clone(), name: counterpart.name.to_owned() };
                described(thing, target, found.how, found.confidence, explained(found, counterpart.key))
            }
            (None, Some(MappedTo::Create { .. })) => {
                let target = MappedTo::Create { name: thing.name.trim().to_owned() };
                described(thing, target, MatchMethod::Override, 1.0, "A person said so.".to_owned())
            }
            (None, Some(decided)) => {
                described(thing, decided.clone(), MatchMethod::Override, 1.0, "A person said so.".to_owned())
            }
            (None, None) if !pairing.doubts(place).is_empty() => {
                let (target, explanation) = question(what, thing.name, pairing.doubts(place));
                described(thing, target, MatchMethod::None, 0.0, explanation)
            }
            (None, None) => {
                let (target, explanation) = otherwise(place, &pairing);
                described(thing, target, MatchMethod::None, 0.0, explanation)
            }
        }
    };
    (0..sources.len()).map(entry).collect()
}
