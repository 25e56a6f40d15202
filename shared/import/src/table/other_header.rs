//! A second header below the first, as in a file joined from two exports.

use std::collections::HashMap;

use super::people::is_header;
use super::{Fault, Row};
use crate::consent;
use crate::mapping::{self, Alias};
use crate::name::key;

/// Interpretation of rows below the latest header.
#[derive(Debug)]
pub(super) struct Headers {
    /// The first header's names, with their positions.
    places: HashMap<String, Vec<usize>>,
    width: usize,
    below: Below,
}

#[derive(Debug, PartialEq, Eq)]
enum Below {
    /// By the first header.
    First,
    /// By a header with the same names in another order: the target of each cell.
    Reordered(Vec<Option<usize>>),
    /// Unknown: the header names other columns.
    Other { says_consent: bool },
}

impl Headers {
    pub(super) fn of(columns: &[String]) -> Headers {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (index, name) in columns.iter().enumerate() {
            places.entry(same(name)).or_default().push(index);
        }
        Headers { places, width: columns.len(), below: Below::First }
    }

    /// Puts a row's cells into the order of the first header, or marks the row faulty if their meaning is unknown.
    pub(super) fn apply(&mut self, row: &mut Row, columns: &[String]) {
        if row.fault.is_none() && may_be_names(&row.cells) {
            let same = || is_header(row, columns).then_some(Below::First);
            match same().or_else(|| self.read(&row.cells)) {
                Some(Below::Other { says_consent }) => {
                    self.below = Below::Other { says_consent };
                    row.fault = Some(Fault::OtherHeader);
                    return;
                }
                Some(below) => self.below = below,
                None => {}
            }
        }
        match &self.below {
            Below::First => {}
            Below::Reordered(places) => reorder(&mut row.cells, places, self.width),
            Below::Other { says_consent } if row.fault.is_none() && !row.is_blank() => {
                row.fault = Some(Fault::BelowOtherHeader { says_consent: *says_consent });
            }
            Below::Other { .. } => {}
        }
    }

    /// How to read the rows below this one, if it is a header.
    fn read(&self, cells: &[String]) -> Option<Below> {
        let names = || cells.iter().filter(|cell| !crate::values::is_blank(cell));
        let count = names().count();
        let (mut of_first, mut known, mut unknown) = (0, 0, 0);
        let (mut says_who, mut says_consent) = (false, false);
        for name in names() {
            let alias = mapping::alias(name);
            says_who |= matches!(alias, Some(Alias::Field(field) | Alias::Further(field)) if field.says_who());
            let consent = consent::of_column(name);
            says_consent |= consent.is_some();
            if self.places.contains_key(&same(name)) {
                of_first += 1;
            } else if alias.is_some() || consent.is_some() {
                known += 1;
            } else {
                unknown += 1;
                if unknown * 4 > count {
                    return None;
                }
            }
        }
        if of_first == count && of_first >= 2 {
            return Some(self.order(cells));
        }
        // All cells are column names; or most are, and some of them are the first header's.
        let is_header = says_who && of_first + known >= 2 && (unknown == 0 || of_first >= 2);
        is_header.then_some(Below::Other { says_consent })
    }

    fn order(&self, cells: &[String]) -> Below {
        let mut taken: HashMap<String, usize> = HashMap::new();
        let place = |name: &String| {
            let name = same(name);
            let nth = taken.entry(name.clone()).or_default();
            let place = self.places.get(&name).and_then(|places| places.get(*nth)).copied();
            *nth += 1;
            place
        };
        let places: Vec<Option<usize>> = cells.iter().map(place).collect();
        let is_same = places.iter().enumerate().all(|(index, place)| place.is_none_or(|place| place == index));
        if is_same { Below::First } else { Below::Reordered(places) }
    }
}

fn reorder(cells: &mut Vec<String>, places: &[Option<usize>], width: usize) {
    let mut ordered = vec![String::new(); width];
    // A cell below no name is surplus, and reported.
    let mut surplus = Vec::new();
    for (index, cell) in cells.drain(..).enumerate() {
        match places.get(index).copied().flatten().and_then(|place| ordered.get_mut(place)) {
            Some(place) => *place = cell,
            None if crate::values::is_blank(&cell) => {}
            None => surplus.push(cell),
        }
    }
    ordered.append(&mut surplus);
    *cells = ordered;
}

/// The form in which names are compared.
fn same(name: &str) -> String {
    let key = key(name);
    if key.is_empty() { name.trim().to_owned() } else { key }
}

/// A cheap test that excludes most rows: whether no cell looks like an address or number.
fn may_be_names(cells: &[String]) -> bool {
    let is_number =
        |cell: &String| cell.bytes().any(|byte| byte.is_ascii_digit()) && !cell.chars().any(char::is_alphabetic);
    !cells.iter().any(|cell| memchr::memchr(b'@', cell.as_bytes()).is_some() || cell.len() > 200 || is_number(cell))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn below(second: &[&str]) -> Option<Below> {
        let columns = ["Email", "First Name", "Email Opt Out", "SMS Opt Out", "Level"].map(str::to_owned);
        let cells: Vec<String> = second.iter().map(|name| (*name).to_owned()).collect();
        if may_be_names(&cells) { Headers::of(&columns).read(&cells) } else { None }
    }

    #[test]
    fn a_header_is_obeyed_where_all_its_names_are_those_of_the_first() {
        assert_eq!(below(&["Email", "First Name", "Email Opt Out", "SMS Opt Out", "Level"]), Some(Below::First));
        let swapped = [Some(1), Some(0), Some(3), None];
        assert_eq!(below(&["first name", "EMAIL", "SMS Opt Out", ""]), Some(Below::Reordered(swapped.to_vec())));
        for other in [
            &["Email", "First Name", "Unsubscribed"][..],
            &["E-mail", "Full name"],
            &["Email", "First Name", "Level", "Shoe size"],
        ] {
            assert!(matches!(below(other), Some(Below::Other { .. })), "{other:?}");
        }
        for person in [&["a@x.co", "Email"][..], &["", "Ann", "Email", "Level"], &["", "Ann"], &["", "", "no", "no"]] {
            assert_eq!(below(person), None, "{person:?}");
        }
    }
}
