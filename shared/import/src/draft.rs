//! A contact as read from rows, before it becomes a record.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::ListProblem;
use crate::consent::Channels;
use crate::mapping::{Custom, Field};

/// A contact as read from rows.
#[derive(Debug, Clone, Default)]
pub(crate) struct Draft {
    /// Its first row.
    pub(crate) row: u64,
    /// All rows it is made of.
    pub(crate) rows: Vec<u64>,
    pub(crate) fields: BTreeMap<Field, String>,
    pub(crate) tags: Vec<String>,
    pub(crate) custom: Vec<(Custom, Value)>,
    /// Channels on which the contact must not be messaged.
    pub(crate) closed: Channels,
    /// Those of them closed by other rows and headings, not by the row itself.
    pub(crate) closed_by_others: Channels,
    /// The list's own id.
    pub(crate) own_id: Option<String>,
    pub(crate) problems: Vec<ListProblem>,
    /// The row as in the list, if it has problems.
    pub(crate) cells: Vec<String>,
}

impl Draft {
    pub(crate) fn field(&self, field: Field) -> Option<&str> {
        self.fields.get(&field).map(String::as_str)
    }

    /// Merges another row of the same person. Where two values differ, one wins and the other becomes a problem.
    pub(crate) fn merge(&mut self, other: Draft, last_wins: bool) {
        let loser = if last_wins { self.row } else { other.row };
        let winner = if last_wins { other.row } else { self.row };
        for (field, value) in other.fields {
            let known = self.fields.get(&field).cloned();
            match known {
                Some(known) if is_same(field, &known, &value) => {}
                Some(known) => {
                    let sent = if last_wins { value } else { known };
                    self.problems.push(ListProblem {
                        field: Some(field.as_str().to_owned()),
                        effect: crate::ProblemEffect::ValueLeftOut,
                        value_sent: Some(sent.clone()),
                        ..ListProblem::row(
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
                    self.problems.push(ListProblem {
                        field: Some(custom.name()),
                        effect: crate::ProblemEffect::ValueLeftOut,
                        ..ListProblem::row(
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
        // Rejects list a merged contact under its first row.
        self.closed_by_others = self.closed_by_others.and(other.closed);
        self.own_id = self.own_id.take().or(other.own_id);
        self.rows.extend(other.rows);
        self.problems.extend(other.problems);
    }
}

fn is_same(field: Field, a: &str, b: &str) -> bool {
    if field == Field::Email { a.eq_ignore_ascii_case(b) } else { a == b }
}
