//! Plans the changes that make locations match a file. Pure; the plan is shown before it is carried out.

use std::collections::BTreeMap;
use std::fmt;

use ghl_sync_model::{LocationId, patch_between};
use serde_json::{Map, Value, json};

use super::ListedLocationAnswer;
use super::file::DesiredSettings;

/// Field whose value is not shown, because a URL may hold a secret.
const HIDDEN: &str = "outcomes_webhook";

/// Planned changes and removals.
#[derive(Debug, Default)]
pub(super) struct LocationPlan {
    /// Locations to add or change.
    pub(super) changes: Vec<LocationChange>,
    /// Locations to remove.
    pub(super) removals: Vec<ListedLocationAnswer>,
    /// Number of locations that already match.
    pub(super) unchanged: usize,
    /// Number of locations that the file does not name and that stay.
    pub(super) not_named: usize,
}

/// A change of one location.
#[derive(Debug)]
pub(super) struct LocationChange {
    pub(super) location: LocationId,
    /// Revision of its settings; 0 for a new location.
    pub(super) revision: u64,
    is_new: bool,
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl LocationPlan {
    /// The plan that brings `stored` to `wanted`. With `prune`, it removes what the file does not name: settings of
    /// its locations, and other locations. Locations named in the environment must be switched off by hand.
    pub(super) fn of(
        wanted: &BTreeMap<LocationId, DesiredSettings>,
        stored: BTreeMap<LocationId, ListedLocationAnswer>,
        prune: bool,
    ) -> LocationPlan {
        let mut plan = LocationPlan::default();
        for (location, wish) in wanted {
            let known = stored.get(location);
            let before = known.map(|known| known.overrides.clone()).unwrap_or_default();
            let mut after = if prune { Map::new() } else { before.clone() };
            wish.cleared.iter().for_each(|field| _ = after.remove(field));
            after.extend(wish.set.clone());
            if known.is_some() && before == after {
                plan.unchanged += 1;
                continue;
            }
            plan.changes.push(LocationChange {
                location: location.clone(),
                revision: known.map_or(0, |known| known.revision),
                is_new: known.is_none(),
                before,
                after,
            });
        }
        let others = stored.into_iter().filter(|(location, _)| !wanted.contains_key(location));
        let (removals, kept): (Vec<ListedLocationAnswer>, Vec<ListedLocationAnswer>) =
            others.map(|(_, listed)| listed).partition(|listed| prune && !listed.in_environment);
        LocationPlan { removals, not_named: kept.len(), ..plan }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.removals.is_empty()
    }

    /// JSON for programs.
    pub(super) fn to_json(&self) -> Value {
        let changes = self.changes.iter().map(|change| {
            let action = if change.is_new { "add" } else { "change" };
            json!({ "location_id": change.location, "action": action, "fields": change.fields() })
        });
        let removals = self.removals.iter().map(|listed| json!({ "location_id": listed.id, "action": "remove" }));
        json!({
            "changes": changes.chain(removals).collect::<Vec<_>>(),
            "unchanged": self.unchanged,
            "not_named": self.not_named,
        })
    }
}

impl LocationChange {
    /// The change as an item of the API's bulk request.
    pub(super) fn item(&self) -> Value {
        let mut item = patch_between(&self.before, &self.after);
        item.insert("location_id".to_owned(), json!(self.location));
        item.insert("revision".to_owned(), json!(self.revision));
        Value::Object(item)
    }

    /// Names of the fields that change.
    fn fields(&self) -> Vec<&String> {
        let changed = self.after.iter().filter(|(name, value)| self.before.get(*name) != Some(value));
        let gone = self.before.iter().filter(|(name, _)| !self.after.contains_key(*name));
        let mut fields: Vec<&String> = changed.chain(gone).map(|(name, _)| name).collect();
        fields.sort_unstable();
        fields
    }
}

impl fmt::Display for LocationPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| write!(f, "{change}"))?;
        for ListedLocationAnswer { id, name, due, .. } in &self.removals {
            let name = name.as_deref().unwrap_or_default();
            let due = if due.count > 0 { format!("  {} records are due: they wait", due.count) } else { String::new() };
            writeln!(f, "- {id}  {name}{due}")?;
        }
        let added = self.changes.iter().filter(|change| change.is_new).count();
        let (changed, removed) = (self.changes.len() - added, self.removals.len());
        let LocationPlan { unchanged, not_named, .. } = self;
        writeln!(f, "{added} to add, {changed} to change, {removed} to remove, {unchanged} unchanged")?;
        match *not_named {
            0 => Ok(()),
            others => writeln!(f, "{others} more are known, and stay as they are"),
        }
    }
}

impl fmt::Display for LocationChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.after.get("name").and_then(Value::as_str).unwrap_or_default();
        writeln!(f, "{} {}  {name}", if self.is_new { "+" } else { "~" }, self.location)?;
        for field in self.fields() {
            let shown = |value: Option<&Value>| match value {
                None => "(not set)".to_owned(),
                Some(_) if field == HIDDEN => "(set)".to_owned(),
                Some(value) => value.to_string(),
            };
            let (before, after) = (self.before.get(field), self.after.get(field));
            writeln!(f, "    {field:<24} {} -> {}", shown(before), shown(after))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ListedCount, ListedCredentials};
    use super::*;

    fn id(id: &str) -> LocationId {
        LocationId::new(id).unwrap()
    }

    fn listed(location: &str, overrides: Value) -> (LocationId, ListedLocationAnswer) {
        let listed = ListedLocationAnswer {
            id: id(location),
            revision: 3,
            name: None,
            tags: Vec::new(),
            state: None,
            trouble: false,
            due: ListedCount { count: 2 },
            failed: ListedCount { count: 0 },
            credentials: ListedCredentials { expires_at: None, days_left: None },
            in_environment: location == "named",
            overrides: overrides.as_object().unwrap().clone(),
        };
        (id(location), listed)
    }

    fn wish(set: Value, cleared: &[&str]) -> DesiredSettings {
        let cleared = cleared.iter().map(|field| (*field).to_owned()).collect();
        DesiredSettings { set: set.as_object().unwrap().clone(), cleared }
    }

    fn stored() -> BTreeMap<LocationId, ListedLocationAnswer> {
        let pace = json!({ "limit": 80, "window_ms": 10_000 });
        BTreeMap::from([
            listed("same", json!({ "name": "A" })),
            listed("other", json!({ "name": "B", "pace": pace, "dry_run": true })),
            listed("old", json!({})),
            listed("named", json!({})),
        ])
    }

    fn wanted() -> BTreeMap<LocationId, DesiredSettings> {
        BTreeMap::from([
            (id("same"), wish(json!({ "name": "A" }), &["tags"])),
            (id("other"), wish(json!({ "pace": { "limit": 5, "window_ms": 10_000 } }), &["dry_run"])),
            (id("new"), wish(json!({ "tags": ["x"] }), &[])),
        ])
    }

    #[test]
    fn a_plan_changes_what_differs_and_leaves_what_the_file_does_not_name() {
        let plan = LocationPlan::of(&wanted(), stored(), false);
        let items: Vec<Value> = plan.changes.iter().map(LocationChange::item).collect();
        assert_eq!(
            items,
            [
                json!({ "location_id": "new", "revision": 0, "tags": ["x"] }),
                json!({ "location_id": "other", "revision": 3, "pace": { "limit": 5 }, "dry_run": null }),
            ]
        );
        assert_eq!((plan.removals.len(), plan.unchanged, plan.not_named), (0, 1, 2));
        let shown = plan.to_string();
        for words in [
            "+ new  \n    tags                     (not set) -> [\"x\"]\n",
            "~ other  B\n    dry_run                  true -> (not set)\n",
            "1 to add, 1 to change, 0 to remove, 1 unchanged\n2 more are known",
        ] {
            assert!(shown.contains(words), "{words}: {shown}");
        }
    }

    #[test]
    fn pruning_takes_away_what_the_file_does_not_name_but_no_location_of_the_environment() {
        let plan = LocationPlan::of(&wanted(), stored(), true);
        let removed: Vec<&str> = plan.removals.iter().map(|listed| listed.id.as_str()).collect();
        assert_eq!((removed, plan.not_named), (vec!["old"], 1));
        let other = plan.changes.iter().find(|change| change.location.as_str() == "other").unwrap();
        assert_eq!(other.item()["name"], Value::Null);
        assert!(plan.to_string().contains("- old    2 records are due: they wait\n"), "{plan}");
    }

    #[test]
    fn what_was_applied_needs_no_change_and_a_secret_of_a_url_is_not_shown() {
        let hook = json!({ "outcomes_webhook": { "url": "https://a.example/?key=hush", "secret": "ssm:/a" } });
        let wanted = BTreeMap::from([(id("a"), wish(hook.clone(), &[]))]);
        let plan = LocationPlan::of(&wanted, BTreeMap::new(), false);
        assert!(!plan.to_string().contains("hush") && plan.to_string().contains("(not set) -> (set)"), "{plan}");
        assert!(!plan.to_json().to_string().contains("hush"));
        let after = BTreeMap::from([listed("a", hook)]);
        for prune in [false, true] {
            assert!(LocationPlan::of(&wanted, after.clone(), prune).is_empty());
        }
    }
}
