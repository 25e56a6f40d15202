//! What is to be done so that locations are as a file says: pure, and shown before it is done.

use std::collections::BTreeMap;
use std::fmt;

use ghl_sync_model::{LocationId, patch_between};
use serde_json::{Map, Value, json};

use super::Listed;
use super::file::Wish;

/// Fields whose values are not shown: a URL may hold a secret.
const HIDDEN: &str = "outcomes_webhook";

/// What is to be done.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// Locations to be made known, or changed.
    pub(super) changes: Vec<Change>,
    /// Locations to be removed.
    pub(super) removals: Vec<Listed>,
    /// So many are as they shall be.
    pub(super) unchanged: usize,
    /// So many the file does not name, and they stay.
    pub(super) not_named: usize,
}

/// A change of one location.
#[derive(Debug)]
pub(super) struct Change {
    pub(super) location: LocationId,
    /// The revision of its settings; 0 of one that is not known.
    pub(super) revision: u64,
    is_new: bool,
    before: Map<String, Value>,
    after: Map<String, Value>,
}

impl Plan {
    /// What makes `stored` as `wanted` says. With `prune`, what the file does not name goes: settings of its locations, and
    /// locations; those that the environment names are switched off by hand.
    pub(super) fn of(wanted: &BTreeMap<LocationId, Wish>, stored: BTreeMap<LocationId, Listed>, prune: bool) -> Plan {
        let mut plan = Plan::default();
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
            plan.changes.push(Change {
                location: location.clone(),
                revision: known.map_or(0, |known| known.revision),
                is_new: known.is_none(),
                before,
                after,
            });
        }
        let others = stored.into_iter().filter(|(location, _)| !wanted.contains_key(location));
        let (removals, kept): (Vec<Listed>, Vec<Listed>) =
            others.map(|(_, listed)| listed).partition(|listed| prune && !listed.in_environment);
        Plan { removals, not_named: kept.len(), ..plan }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.changes.is_empty() && self.removals.is_empty()
    }

    /// For programs.
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

impl Change {
    /// The change as the API takes it among many.
    pub(super) fn item(&self) -> Value {
        let mut item = patch_between(&self.before, &self.after);
        item.insert("location_id".to_owned(), json!(self.location));
        item.insert("revision".to_owned(), json!(self.revision));
        Value::Object(item)
    }

    /// The fields that change.
    fn fields(&self) -> Vec<&String> {
        let changed = self.after.iter().filter(|(name, value)| self.before.get(*name) != Some(value));
        let gone = self.before.iter().filter(|(name, _)| !self.after.contains_key(*name));
        let mut fields: Vec<&String> = changed.chain(gone).map(|(name, _)| name).collect();
        fields.sort_unstable();
        fields
    }
}

impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.changes.iter().try_for_each(|change| write!(f, "{change}"))?;
        for Listed { id, name, due, .. } in &self.removals {
            let name = name.as_deref().unwrap_or_default();
            let due = if due.count > 0 { format!("  {} records are due: they wait", due.count) } else { String::new() };
            writeln!(f, "- {id}  {name}{due}")?;
        }
        let added = self.changes.iter().filter(|change| change.is_new).count();
        let (changed, removed) = (self.changes.len() - added, self.removals.len());
        let Plan { unchanged, not_named, .. } = self;
        writeln!(f, "{added} to add, {changed} to change, {removed} to remove, {unchanged} unchanged")?;
        match *not_named {
            0 => Ok(()),
            others => writeln!(f, "{others} more are known, and stay as they are"),
        }
    }
}

impl fmt::Display for Change {
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
    use super::super::{Count, Credentials};
    use super::*;

    fn id(id: &str) -> LocationId {
        LocationId::new(id).unwrap()
    }

    fn listed(location: &str, overrides: Value) -> (LocationId, Listed) {
        let listed = Listed {
            id: id(location),
            revision: 3,
            name: None,
            tags: Vec::new(),
            state: None,
            trouble: false,
            due: Count { count: 2 },
            failed: Count { count: 0 },
            credentials: Credentials { expires_at: None, days_left: None },
            in_environment: location == "named",
            overrides: overrides.as_object().unwrap().clone(),
        };
        (id(location), listed)
    }

    fn wish(set: Value, cleared: &[&str]) -> Wish {
        let cleared = cleared.iter().map(|field| (*field).to_owned()).collect();
        Wish { set: set.as_object().unwrap().clone(), cleared }
    }

    fn stored() -> BTreeMap<LocationId, Listed> {
        let pace = json!({ "limit": 80, "window_ms": 10_000 });
        BTreeMap::from([
            listed("same", json!({ "name": "A" })),
            listed("other", json!({ "name": "B", "pace": pace, "dry_run": true })),
            listed("old", json!({})),
            listed("named", json!({})),
        ])
    }

    fn wanted() -> BTreeMap<LocationId, Wish> {
        BTreeMap::from([
            (id("same"), wish(json!({ "name": "A" }), &["tags"])),
            (id("other"), wish(json!({ "pace": { "limit": 5, "window_ms": 10_000 } }), &["dry_run"])),
            (id("new"), wish(json!({ "tags": ["x"] }), &[])),
        ])
    }

    #[test]
    fn a_plan_changes_what_differs_and_leaves_what_the_file_does_not_name() {
        let plan = Plan::of(&wanted(), stored(), false);
        let items: Vec<Value> = plan.changes.iter().map(Change::item).collect();
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
        let plan = Plan::of(&wanted(), stored(), true);
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
        let plan = Plan::of(&wanted, BTreeMap::new(), false);
        assert!(!plan.to_string().contains("hush") && plan.to_string().contains("(not set) -> (set)"), "{plan}");
        assert!(!plan.to_json().to_string().contains("hush"));
        let after = BTreeMap::from([listed("a", hook)]);
        for prune in [false, true] {
            assert!(Plan::of(&wanted, after.clone(), prune).is_empty());
        }
    }
}
