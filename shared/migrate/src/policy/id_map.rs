//! Translation of ids of the source's structure into the target's.

use std::collections::BTreeMap;

use super::overrides::SKIPPED;
use ghl_sync_model::{Created, FieldDefinition, FieldType, GhlId, Mapped, MappedTo, MappingReport, Part, Structure};

/// The target's ids of the source's structure, with the reasons for missing ones.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct IdMap {
    ids: BTreeMap<Part, BTreeMap<GhlId, GhlId>>,
    left_out: BTreeMap<GhlId, String>,
    /// Target tags by source name, where the names differ; `None` if the tag is left out.
    tags: BTreeMap<String, Option<String>>,
    /// Name and type of the source's fields.
    fields: BTreeMap<GhlId, (String, FieldType)>,
}

impl IdMap {
    /// The ids from `report` and from the items created since, according to the `journal`.
    #[must_use]
    pub fn new(report: &MappingReport, journal: &[Created], source: &Structure) -> IdMap {
        let mut map = IdMap::default();
        for part in Part::ALL {
            for mapped in report.of(part) {
                match &mapped.target {
                    MappedTo::Existing { id, .. } => map.set(part, &mapped.source_id, id),
                    MappedTo::Skip { reason } => map.leave_out(&mapped.source_id, reason),
                    MappedTo::Ask { reason, .. } => map.leave_out(&mapped.source_id, reason),
                    MappedTo::Create { .. } => map.leave_out(&mapped.source_id, "it could not be made in the target"),
                }
            }
        }
        for tag in &report.tags {
            match &tag.target {
                MappedTo::Existing { name, .. } if *name != tag.source_name => {
                    map.tags.insert(tag_key(&tag.source_name), Some(name.clone()));
                }
                MappedTo::Skip { .. } => drop(map.tags.insert(tag_key(&tag.source_name), None)),
                _ => {}
            }
        }
        // An item does not count if it was later left out, or replaced by another one.
        let stands = |created: &&Created| {
            let given_up = |mapped: &Mapped| match &mapped.target {
                MappedTo::Skip { .. } => true,
                MappedTo::Existing { id, .. } => created.id.as_ref().is_some_and(|made| made != id),
                MappedTo::Create { .. } | MappedTo::Ask { .. } => false,
            };
            let of_it = |mapped: &&Mapped| mapped.source_id == created.source_id;
            !created.deleted && !report.of(created.part).iter().find(of_it).is_some_and(given_up)
        };
        for created in journal.iter().filter(stands) {
            if let Some(id) = &created.id {
                map.set(created.part, &created.source_id, id);
            }
            created.stages.iter().for_each(|(from, to)| map.set(Part::Stages, from, to));
        }
        let of_field = |field: &FieldDefinition| (field.id.clone(), (field.name.clone(), field.data_type.clone()));
        map.fields = source.custom_fields.iter().map(of_field).collect();
        map
    }

    fn set(&mut self, part: Part, from: &GhlId, to: &GhlId) {
        self.left_out.remove(from);
        self.ids.entry(part).or_default().insert(from.clone(), to.clone());
    }

    fn leave_out(&mut self, id: &GhlId, reason: &str) {
        self.left_out.insert(id.clone(), reason.to_owned());
    }

    /// The target's id of a source item.
    ///
    /// # Errors
    /// The reason if there is none.
    pub fn id(&self, part: Part, source_id: &str) -> Result<&GhlId, &str> {
        let unknown = "the source does not say what it is";
        let source_id = GhlId::new(source_id).map_err(|_| unknown)?;
        match self.ids.get(&part).and_then(|ids| ids.get(&source_id)) {
            Some(id) => Ok(id),
            None => Err(self.left_out.get(&source_id).map_or(unknown, String::as_str)),
        }
    }

    /// Whether a person chose to leave out this source item.
    #[must_use]
    pub fn is_left_out_by_choice(&self, source_id: &str) -> bool {
        GhlId::new(source_id).is_ok_and(|id| self.left_out.get(&id).is_some_and(|reason| reason == SKIPPED))
    }

    /// The target's name of a tag; `None` if it is left out.
    #[must_use]
    pub fn tag<'t>(&'t self, name: &'t str) -> Option<&'t str> {
        self.tags.get(&tag_key(name)).map_or(Some(name), |other| other.as_deref())
    }

    /// Name and type of a source field.
    #[must_use]
    pub fn field(&self, source_id: &str) -> Option<(&str, &FieldType)> {
        let id = GhlId::new(source_id).ok()?;
        self.fields.get(&id).map(|(name, data_type)| (name.as_str(), data_type))
    }

    /// The source's name of a field, by the target's id.
    #[must_use]
    pub fn name_of_target_field(&self, target_id: &str) -> Option<&str> {
        let fields = self.ids.get(&Part::CustomFields)?;
        let (source_id, _) = fields.iter().find(|(_, target)| target.as_str() == target_id)?;
        self.fields.get(source_id).map(|(name, _)| name.as_str())
    }
}

fn tag_key(name: &str) -> String {
    name.trim().to_lowercase()
}
