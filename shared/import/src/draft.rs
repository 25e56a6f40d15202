//! A contact as a row describes it, before it becomes a record.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::Problem;
use crate::consent::Channels;
use crate::mapping::{Custom, Field};

/// A contact as a row describes it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// The row that it began with.
    pub(crate) row: u64,
    /// All rows that it is made of.
    pub(crate) rows: Vec<u64>,
    pub(crate) fields: BTreeMap<Field, String>,
    pub(crate) tags: Vec<String>,
    pub(crate) custom: Vec<(Custom, Value)>,
    /// On which channels the contact must not be disturbed.
    pub(crate) closed: Channels,
    /// Those of them that other rows and headings close: the row alone does not say so.
    pub(crate) closed_by_others: Channels,
    /// The list's own id.
    pub(crate) own_id: Option<String>,
    pub(crate) problems: Vec<Problem>,
    /// The row as it stands in the list, where it has problems.
    pub(crate) cells: Vec<String>,
}

impl Draft {
    pub(crate) fn field(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }

    /// Takes in another row of the same person. Of two values that differ one wins, and the other is told.
    pub(crate) fn merge(&mut self, other: Draft, last_wins: bool) {
        let loser = if last_wins { self.row } else { other.row };
        let winner = if last_wins { other.row } else { self.row };
        for (field, value) in other.fields {
            let known = self.fields.get(&field).cloned();
            match known {
                Some(known) if is_same(field, &known, &value) => {}
                Some(known) => {
                    let sent = if last_wins { value } else { known };
                    self.problems.push(Problem {
                        field: Some(field.as_str().to_owned()),
                        effect: crate::Effect::ValueLeftOut,
                        value_sent: Some(sent.clone()),
                        ..Problem::row(
                            loser,
                            format!("is the same person as row {winner}, whose {} is used", field.as_str()),
                        )
                    });
                    self.fields.insert(field, sent);
                }
                None => drop(self.fields.insert(field, value)),
            }
        }
        for (custom, value) in other.custom {
            match self.custom.iter_mut().find(|(known, _)| known.name() == custom.name()) {
                Some((_, known)) if *known == value => {}
                Some((_, known)) => {
                    self.problems.push(Problem {
                        field: Some(custom.name()),
                        effect: crate::Effect::ValueLeftOut,
                        ..Problem::row(
                            loser,
                            format!("is the same person as row {winner}, whose {} is used", custom.name()),
                        )
                    });
                    if last_wins {
                        *known = value;
                    }
                }
                None => self.custom.push((custom, value)),
            }
        }
        other.tags.into_iter().for_each(|tag| {
            if !self.tags.contains(&tag) {
                self.tags.push(tag);
            }
        });
        self.closed = self.closed.and(other.closed);
        // A row of rejects stands for the person that it began with.
        self.closed_by_others = self.closed_by_others.and(other.closed);
        self.own_id = self.own_id.take().or(other.own_id);
        self.rows.extend(other.rows);
        self.problems.extend(other.problems);
    }
}

fn is_same(field: Field, a: &str, b: &str) -> bool {
    if field == Field::Email { a.eq_ignore_ascii_case(b) } else { a == b }
}
