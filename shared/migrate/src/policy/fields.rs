//! Which fields can stand for each other, and the names of new fields in the target.

use std::collections::BTreeSet;

use super::decisions::{Decisions, described, explained, question};
use super::meaning::are_equal;
use super::names::normalised;
use super::pairing::{Pairing, Thing, bare_key};
use ghl_sync_model::{FieldDefinition, FieldType, Kind, Mapped, MappedTo, MatchMethod, TypeConflict};

/// Whether every value of a field of type `from` is also valid for type `to`.
#[must_use]
pub fn fits(from: &FieldType, to: &FieldType) -> bool {
    from == to || group(from).is_some_and(|group_of| Some(group_of) == group(to))
}

/// Whether the values also keep their meaning: a number is no amount of money.
fn means_the_same(from: &FieldType, to: &FieldType) -> bool {
    let is_money = |data_type: &FieldType| *data_type == FieldType::Monetory;
    fits(from, to) && is_money(from) == is_money(to)
}

/// Groups types whose values have the same notation.
fn group(data_type: &FieldType) -> Option<u8> {
    match data_type {
        FieldType::Text | FieldType::LargeText => Some(0),
        FieldType::Numerical | FieldType::Monetory | FieldType::Float => Some(1),
        FieldType::SingleOptions | FieldType::Radio => Some(2),
        FieldType::Checkbox | FieldType::MultipleOptions => Some(3),
        _ => None,
    }
}

/// The mapping of the custom fields.
pub(super) struct MappedFields {
    pub(super) fields: Vec<Mapped>,
    pub(super) conflicts: Vec<TypeConflict>,
    pub(super) warnings: Vec<String>,
}

pub(super) fn map_fields(
    source: &[FieldDefinition],
    target: &[FieldDefinition],
    decisions: &Decisions,
    threshold: f64,
) -> MappedFields {
    let (sources, targets) = (fields_as_things(source), fields_as_things(target));
    let mut pairing = Pairing::new(&sources, &targets);
    decisions.apply(&mut pairing);
    let same_model = |s: usize, t: usize| source[s].model == target[t].model;
    let may_pair = |s: usize, t: usize| same_model(s, t) && means_the_same(&source[s].data_type, &target[t].data_type);
    pairing.pair(Some(threshold), may_pair);
    let key = |field: &FieldDefinition| field.key.as_deref().map(bare_key);
    let is_named_alike = |s: usize, t: usize| {
        let (from, to) = (&source[s], &target[t]);
        are_equal(&from.name, &to.name) || (key(from).is_some() && key(from) == key(to))
    };
    let fits_only = |s: usize, t: usize| same_model(s, t) && fits(&source[s].data_type, &target[t].data_type);
    pairing.doubt(|s, t| fits_only(s, t) && is_named_alike(s, t));
    let mut names = FreeNames::new(target);
    let mut mapped = MappedFields { fields: Vec::new(), conflicts: Vec::new(), warnings: Vec::new() };
    for (place, field) in source.iter().enumerate() {
        let entry = match (pairing.found()[place], decisions.of(place)) {
            (Some(found), _) => {
                let counterpart = &target[found.target];
                mapped.warnings.extend(option_warning(field, counterpart));
                let name = counterpart.name.clone();
                let target = MappedTo::Existing { id: counterpart.id.clone(), name };
                described(
                    &sources[place],
                    target,
                    found.how,
                    found.confidence,
                    explained(found, counterpart.key.as_deref()),
                )
            }
            (None, Some(MappedTo::Skip { reason })) => described(
                &sources[place],
                MappedTo::Skip { reason: reason.clone() },
                MatchMethod::Override,
                1.0,
                "A person said so.".to_owned(),
            ),
            (None, None) if !pairing.doubts(place).is_empty() => {
                let (target, explanation) = question("field", &field.name, pairing.doubts(place));
                described(&sources[place], target, MatchMethod::None, 0.0, explanation)
            }
            (None, decided) => {
                let conflict = conflicting(field, target);
                let name = names.take(field, conflict.is_some());
                let how = if decided.is_some() { MatchMethod::Override } else { MatchMethod::None };
                let explanation = why_created(field, conflict, &name);
                mapped.conflicts.extend(conflict.map(|other| type_conflict(field, other, &explanation)));
                described(&sources[place], MappedTo::Create { name }, how, 1.0, explanation)
            }
        };
        mapped.fields.push(entry);
    }
    mapped
}

pub(super) fn fields_as_things(fields: &[FieldDefinition]) -> Vec<Thing<'_>> {
    fields.iter().map(|field| Thing { id: &field.id, key: field.key.as_deref(), name: &field.name }).collect()
}

/// The target field that would match except for its type.
fn conflicting<'t>(field: &FieldDefinition, target: &'t [FieldDefinition]) -> Option<&'t FieldDefinition> {
    let key = field.key.as_deref().map(bare_key);
    target.iter().find(|other| {
        other.model == field.model
            && !fits(&field.data_type, &other.data_type)
            && (normalised(&other.name) == normalised(&field.name)
                || (key.is_some() && other.key.as_deref().map(bare_key) == key))
    })
}

fn why_created(field: &FieldDefinition, conflict: Option<&FieldDefinition>, name: &str) -> String {
    match conflict {
        Some(other) => format!(
            "The target's \"{}\" is {}, this one {}; values of one do not go into the other. A field \"{name}\" is made.",
            other.name, other.data_type, field.data_type
        ),
        None if name == field.name => "The target has none like it; it is made.".to_owned(),
        None => format!("The target has none like it; it is made as \"{name}\", since its own name is taken."),
    }
}

fn type_conflict(field: &FieldDefinition, other: &FieldDefinition, resolution: &str) -> TypeConflict {
    TypeConflict {
        source_id: field.id.clone(),
        source_name: field.name.clone(),
        source_type: field.data_type.clone(),
        target_id: other.id.clone(),
        target_name: other.name.clone(),
        target_type: other.data_type.clone(),
        resolution: resolution.to_owned(),
    }
}

fn option_warning(field: &FieldDefinition, counterpart: &FieldDefinition) -> Option<String> {
    let known: BTreeSet<String> = counterpart.options.iter().map(|option| option.trim().to_lowercase()).collect();
    let lacking: Vec<&str> = field
        .options
        .iter()
        .filter(|option| !known.contains(&option.trim().to_lowercase()))
        .map(String::as_str)
        .collect();
    (counterpart.data_type.has_options() && !lacking.is_empty()).then(|| {
        format!("Field \"{}\": the target's \"{}\" lacks the options {lacking:?}.", field.name, counterpart.name)
    })
}

/// Names still free in the target. GHL derives a field's key from its name, so a name may be used once per model.
struct FreeNames(BTreeSet<(Kind, String)>);

impl FreeNames {
    fn new(target: &[FieldDefinition]) -> FreeNames {
        FreeNames(target.iter().map(|field| (field.model, normalised(&field.name))).collect())
    }

    fn take(&mut self, field: &FieldDefinition, says_type: bool) -> String {
        let own = field.name.trim().to_owned();
        let base = if says_type { format!("{own} ({})", field.data_type.as_str().to_lowercase()) } else { own };
        let numbered = (2..).map(|number| format!("{base} ({number})"));
        let free =
            std::iter::once(base.clone()).chain(numbered).find(|name| self.0.insert((field.model, normalised(name))));
        free.unwrap_or(base)
    }
}
