//! What the mapping goes by, what a person decided, and how things of one kind are paired.

use std::collections::BTreeMap;

use super::pairing::{Match, Pairing, Thing, rounded};
use ghl_sync_model::{How, Mapped, MappedTo, MigrationSettings, Suggestion};

/// What the mapping goes by.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MappingRules {
    /// How alike two names must be to be taken for the same.
    pub similarity_threshold: f64,
    /// Opportunities are left out, and so pipelines need no counterpart.
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

/// What a person decided about things, by their place in the list of the source.
#[derive(Debug, Default)]
pub(super) struct Decisions {
    /// Several of the source may become one of the target.
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

    /// What was decided about `source`, if it is no pair.
    pub(super) fn of(&self, source: usize) -> Option<&MappedTo> {
        self.others.get(&source)
    }
}

pub(super) fn described(
    source: &Thing<'_>,
    target: MappedTo,
    how: How,
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

/// Why two things are one, in words.
pub(super) fn explained(found: Match, key: Option<&str>) -> String {
    match found.how {
        How::ExactKey => format!("Same key, {}.", key.unwrap_or_default()),
        How::ExactName if found.confidence < 1.0 => "Same name, but for case, spaces and punctuation.".to_owned(),
        How::ExactName => "Same name.".to_owned(),
        How::Similar => format!("The names are {:.0} % alike, and the types go together.", found.confidence * 100.0),
        How::Override | How::Position | How::Created | How::None => "A person said so.".to_owned(),
    }
}

/// The question whether a thing of the source is one that looks like it.
pub(super) fn question(what: &str, name: &str, suggestions: Vec<Suggestion>) -> (MappedTo, String) {
    let like: Vec<&str> = suggestions.iter().map(|suggestion| suggestion.name.as_str()).collect();
    let explanation = format!(
        "The target has a {what} like it, {like:?}; nothing proves that they mean the same. Choose it, or `create`, or `skip`."
    );
    (MappedTo::Ask { reason: format!("is {what} \"{name}\" one of {like:?}?"), suggestions }, explanation)
}

/// Things of one kind, paired as `how_to` says; those without a counterpart become what `otherwise` says.
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
                described(thing, target, How::Override, 1.0, "A person said so.".to_owned())
            }
            (None, Some(decided)) => {
                described(thing, decided.clone(), How::Override, 1.0, "A person said so.".to_owned())
            }
            (None, None) if !pairing.doubts(place).is_empty() => {
                let (target, explanation) = question(what, thing.name, pairing.doubts(place));
                described(thing, target, How::None, 0.0, explanation)
            }
            (None, None) => {
                let (target, explanation) = otherwise(place, &pairing);
                described(thing, target, How::None, 0.0, explanation)
            }
        }
    };
    (0..sources.len()).map(entry).collect()
}
