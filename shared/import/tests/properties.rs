//! Properties of any list: a table comes back unchanged in whatever form it is written, and whatever the bytes, each
//! row is a contact, held back, or reported as no person.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::io::Write;

use common::workbook::{Workbook, inline};
use common::{import, us};
use ghl_sync_import::{DateOrder, ImportOptions, SamePerson};
use proptest::prelude::*;

/// A table of people: names, cities and notes of any letters, blanks and separators.
#[derive(Debug, Clone)]
struct People(Vec<[String; 3]>);

fn people() -> impl Strategy<Value = People> {
    let text = "[A-Za-zÀ-žА-я家族,;|\t\"'’() &.]{0,12}|[A-Z][a-z]{1,8}\n[A-Z][a-z]{1,8}";
    let is_plain = |text: &String| {
        let trimmed = text.trim();
        // Exclude spreadsheet or database marks and words for empty, which are read as such.
        trimmed == text
            && !trimmed.starts_with(['\'', '"', '='])
            && !trimmed.chars().all(|c| "-.?/'\"".contains(c) || c.is_whitespace())
            && !looks_misread(trimmed)
            && !["null", "none", "nan", "na", "nil", "nat", "tbd", "nd"].contains(&trimmed.to_lowercase().as_str())
    };
    let cell = prop_oneof![text.prop_filter("plain", is_plain), "[A-Z][a-z]{2,8}".prop_filter("plain", is_plain)];
    prop::collection::vec((cell.clone(), cell.clone(), cell), 1..8)
        .prop_map(|rows| People(rows.into_iter().map(|(a, b, c)| [a, b, c]).collect()))
}

/// Whether two adjacent characters look like one UTF-8 letter read as Windows-1252, which is reported.
fn looks_misread(text: &str) -> bool {
    let signs: Vec<char> = text.chars().collect();
    signs.windows(2).any(|pair| ('À'..='ô').contains(&pair[0]) && "’ŒœŠšŸŽž".contains(pair[1]))
}

impl People {
    fn header() -> [&'static str; 4] {
        ["Email", "First Name", "City", "Company"]
    }

    fn rows(&self) -> impl Iterator<Item = [String; 4]> {
        self.0.iter().enumerate().map(|(n, [a, b, c])| [format!("p{n}@example.com"), a.clone(), b.clone(), c.clone()])
    }

    fn delimited(&self, sign: char, end: &str, quote_all: bool) -> String {
        let cell = |text: &str| {
            let needs_quotes = quote_all || text.contains([sign, '"', '\n', '\r']);
            if needs_quotes { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
        };
        let line =
            |cells: &[&str]| cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(&sign.to_string()) + end;
        let rows = self.rows().map(|row| line(&row.each_ref().map(String::as_str)));
        line(&Self::header()) + &rows.collect::<String>()
    }

    fn json_lines(&self) -> String {
        let names = Self::header();
        let object = |row: [String; 4]| {
            let pairs = names.iter().zip(row).map(|(name, value)| ((*name).to_owned(), value.into()));
            serde_json::Value::Object(pairs.collect()).to_string() + "\n"
        };
        self.rows().map(object).collect()
    }

    /// A workbook with one sheet of strings.
    fn workbook(&self) -> Vec<u8> {
        let rows = std::iter::once(Self::header().map(str::to_owned)).chain(self.rows());
        let rows: Vec<String> = rows.map(|row| row.iter().map(|text| inline(text)).collect()).collect();
        Workbook::of(&rows).bytes()
    }

    /// Checks that the list yields exactly this table.
    fn assert_read(&self, bytes: &[u8], what: &str) {
        let told = import(bytes, us()).unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(told.contacts.len(), self.0.len(), "{what}: {:?}", told.held_back);
        for ((_, contact), row) in told.contacts.iter().zip(self.rows()) {
            let said = [&contact.email, &contact.first_name, &contact.city, &contact.company_name]
                .map(|field| field.clone().unwrap_or_default());
            assert_eq!(said, row, "{what}");
        }
        assert_eq!(told.problems, [], "{what}");
    }
}

fn utf16(text: &str, with_mark: bool) -> Vec<u8> {
    let mark = if with_mark { "\u{feff}" } else { "" };
    mark.encode_utf16().chain(text.encode_utf16()).flat_map(u16::to_le_bytes).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(bytes).unwrap();
    packed.finish().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_table_comes_back_the_same_from_text_with_any_delimiter(
        people in people(),
        sign in prop::sample::select(vec![',', ';', '\t', '|']),
        end in prop::sample::select(vec!["\n", "\r\n", "\r"]),
        quote_all in any::<bool>(),
    ) {
        let text = people.delimited(sign, end, quote_all);
        people.assert_read(text.as_bytes(), "UTF-8");
        people.assert_read(format!("\u{feff}{text}").as_bytes(), "UTF-8 with a mark");
        people.assert_read(&utf16(&text, true), "UTF-16");
        people.assert_read(&gzip(text.as_bytes()), "gzip");
        people.assert_read(format!("sep={sign}\r\n{text}").as_bytes(), "with a separator line");
        people.assert_read(format!("Customers{end}{end}{text}").as_bytes(), "with a title");
    }

    #[test]
    fn a_table_comes_back_the_same_from_json_lines_and_workbooks(people in people()) {
        people.assert_read(people.json_lines().as_bytes(), "NDJSON");
        people.assert_read(&people.workbook(), "XLSX");
    }

    #[test]
    fn whatever_the_bytes_are_nothing_panics_and_no_row_vanishes(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = import(&bytes, us());
        let _ = import(&[b"Email,Name\n".as_slice(), &bytes].concat(), us());
        let _ = import(&[b"\x1f\x8b".as_slice(), &bytes].concat(), us());
        let _ = import(&[b"PK\x03\x04xl/workbook".as_slice(), &bytes].concat(), us());
    }

    #[test]
    fn whatever_the_cells_are_each_person_is_accepted_held_back_or_told(
        text in "(First Name|E-?mail|phone1|zip|DOB|DND|Tags)[,;\t|](Email|Country|Unsubscribed|State)[,;]Phone\n([a@.+19x\u{e9}\"\\\\\n,;/ NA-]{0,14}\n){0,8}",
        same_person in prop::sample::select(vec![SamePerson::HoldBack, SamePerson::MergeFirst, SamePerson::MergeLast, SamePerson::KeepApart]),
    ) {
        let options = ImportOptions { same_person, date_order: Some(DateOrder::DayFirst), ..us() };
        if let Ok(told) = import(text.as_bytes(), options) {
            for (_, contact) in told.contacts {
                prop_assert!(ghl_sync_model::Payload::Contact(contact).check().is_ok());
            }
        }
    }

    #[test]
    fn each_person_of_a_list_with_stray_quotes_is_accepted_or_told(
        quotes in prop::collection::vec(0_usize..40, 0..4),
        rows in 3_usize..8,
    ) {
        let mut lines: Vec<String> = (0..rows).map(|n| format!("p{n}@example.com,Name{n},City{n}")).collect();
        for at in quotes {
            let line = at % rows;
            let at = at % lines[line].len();
            lines[line].insert(at, '"');
        }
        let told = import(format!("Email,Name,City\n{}\n", lines.join("\n")).as_bytes(), us()).unwrap();
        for (n, line) in lines.iter().enumerate() {
            let row = n as u64 + 2;
            let email = format!("p{n}@example.com");
            let accepted = told.contacts.iter().any(|(_, contact)| contact.email.as_deref() == Some(email.as_str()));
            let is_told = told.held().contains(&row) || told.problems.iter().any(|problem| problem.row == row)
                // Lines held together by one quote are reported under the first of them.
                || told.held_back.iter().any(|problem| problem.row < row && problem.message.contains("other people"));
            let is_whole = !line.contains('"');
            prop_assert!(accepted || is_told || !is_whole, "{} of {:?}", email, lines);
            // No person ends up in another person's cell.
            for (_, contact) in &told.contacts {
                let city = contact.city.clone().unwrap_or_default();
                prop_assert!(!city.contains('@'), "{} of {:?}", city, lines);
            }
        }
    }
}
