//! Lists from many sources and in many languages, with their expected results: every loss is reported.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::fmt::Write as _;

use common::{import, us};
use ghl_sync_import::{FileImportError, ImportOptions, ListQuestion};
use ghl_sync_model::Contact;

/// Full result of a list: contacts, rows held back, cells reported, columns not used.
fn outcome(country: &str, maps: &[&str], list: &str) -> String {
    let mut options = ImportOptions { country: Some(country.to_owned()), ..us() };
    for map in maps {
        options.mapping.add(map).unwrap();
    }
    let mut lines = String::new();
    let told = match import(list.as_bytes(), options) {
        Ok(told) => told,
        Err(FileImportError::Open { questions }) => {
            let asked = questions.iter().filter_map(|question| match question {
                ListQuestion::UnusedColumn { column, looks_like, .. } => {
                    Some(format!("asked: {column} ({looks_like:?})\n"))
                }
                _ => None,
            });
            return asked.collect();
        }
        Err(error) => return format!("refused: {error}\n"),
    };
    for (row, contact) in &told.contacts {
        writeln!(lines, "{row} {}", serde_json::to_string(contact).unwrap()).unwrap();
    }
    for problem in told.held_back.iter().chain(&told.problems) {
        let column = problem.column.as_deref().unwrap_or("-");
        writeln!(lines, "{}: {} ({})", problem.row, column, problem.effect).unwrap();
    }
    let columns = |list: &[String]| list.join(" | ");
    let noted: Vec<String> = told.notes.iter().filter_map(|note| note.column.clone()).collect();
    let not_people: Vec<String> = told.not_people.iter().map(u64::to_string).collect();
    for (what, list) in [("not used", noted), ("no people", not_people)] {
        if !list.is_empty() {
            writeln!(lines, "{what}: {}", columns(&list)).unwrap();
        }
    }
    lines
}

/// Each list in the file begins with `===`, its name, the location's country and its mapping; the expected result
/// follows `>>>`. (Takes four seconds, because it reads phone numbers of some twenty countries.)
#[test]
fn whatever_of_a_list_does_not_arrive_is_told() {
    let lists = include_str!("data/lists.txt");
    let mut wrong = String::new();
    for section in lists.split("=== ").skip(1) {
        let (head, rest) = section.split_once('\n').unwrap();
        let (list, expected) = rest.split_once(">>>\n").unwrap();
        let (_, about) = head.split_once(' ').unwrap();
        let (country, maps) = about.split_once(' ').unwrap_or((about, ""));
        let maps: Vec<&str> = maps.split(';').filter(|map| !map.is_empty()).collect();
        let found = outcome(country, &maps, list);
        if found != expected {
            write!(wrong, "=== {head}\n{found}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "other outcomes than the file says:\n{wrong}=== end");
}

/// Each line of the file gives the expected result for a person with this cell in a column of this name.
#[test]
fn a_refusal_is_kept_or_asked_about_whatever_its_column_is_called() {
    let mut wrong = String::new();
    for line in include_str!("data/refusals.txt").lines() {
        let (expected, about) = line.split_once(" | ").unwrap();
        let (name, cell) = about.rsplit_once(" | ").unwrap();
        let list = format!("First Name,Email,Phone,\"{name}\"\nA,a@example.com,+12025550143,\"{cell}\"\n");
        let found = match import(list.as_bytes(), us()) {
            Ok(told) => match told.contacts.first() {
                Some((_, contact)) => closed(contact),
                None => "left out".to_owned(),
            },
            Err(FileImportError::Open { .. }) => "asked".to_owned(),
            Err(error) => error.to_string(),
        };
        if found != expected {
            writeln!(wrong, "{found} | {about}").unwrap();
        }
    }
    assert!(wrong.is_empty(), "other outcomes than the file says:\n{wrong}end");
}

fn closed(contact: &Contact) -> String {
    if contact.dnd.is_some() {
        return "all".to_owned();
    }
    let json = serde_json::to_value(&contact.dnd_settings).unwrap();
    let channels = json.as_object().map(|channels| channels.keys().cloned().collect::<Vec<_>>().join("+"));
    channels.unwrap_or_else(|| "open".to_owned())
}
