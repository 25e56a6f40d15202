//! Reads what `calamine` does not report from a workbook's XML: hidden rows, and the positions of unknown errors.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Cursor};

use quick_xml::events::{BytesStart, Event};
use quick_xml::{Reader, XmlVersion};
use zip::ZipArchive;

/// Findings in a sheet's XML.
#[derive(Debug, Default)]
pub(super) struct SheetXml {
    /// Hidden rows, as a spreadsheet numbers them.
    pub(super) hidden: Vec<u64>,
    /// Row and column, from 0, of errors that `calamine` rejects, in the XML's order.
    pub(super) strange_errors: Vec<(u32, u32)>,
    /// Whether any cell lacks its position.
    pub(super) has_unplaced: bool,
}

/// Errors that `calamine` reads.
const KNOWN_ERRORS: &[&str] = &["#DIV/0!", "#N/A", "#NAME?", "#NULL!", "#NUM!", "#REF!", "#VALUE!"];

/// Reads a sheet of a workbook. `None` if its XML is missing or invalid.
pub(super) fn read(workbook: &[u8], name: &str) -> Option<SheetXml> {
    let mut archive = ZipArchive::new(Cursor::new(workbook)).ok()?;
    let id = sheets(&mut archive)?.remove(name)?;
    let target = relations(&mut archive)?.remove(&id)?;
    let path = match target.strip_prefix('/') {
        Some(path) => path.to_owned(),
        None => format!("xl/{target}"),
    };
    marks(&mut part(&mut archive, &path)?)
}

type Archive<'a> = ZipArchive<Cursor<&'a [u8]>>;

/// Opens a file of the archive. (Some programs write backslashes or another case into its directory.)
fn part<'a, 'b>(archive: &'a mut Archive<'b>, path: &str) -> Option<Reader<impl BufRead + use<'a, 'b>>> {
    let is_it = |name: &str| name.replace('\\', "/").eq_ignore_ascii_case(path);
    let name = archive.file_names().filter_map(Result::ok).find(|name| is_it(name))?.into_owned();
    Some(Reader::from_reader(BufReader::new(archive.by_name(&name).ok()?)))
}

/// Relation ids of the sheets, by name.
fn sheets(archive: &mut Archive<'_>) -> Option<HashMap<String, String>> {
    let mut sheets = HashMap::new();
    each_start(&mut part(archive, "xl/workbook.xml")?, |start| {
        if start.local_name().as_ref() == "sheet"
            && let (Some(name), Some(id)) = (attribute(start, "name"), attribute(start, "id"))
        {
            sheets.insert(name, id);
        }
    })?;
    Some(sheets)
}

/// Paths of the workbook's parts, by relation id.
fn relations(archive: &mut Archive<'_>) -> Option<HashMap<String, String>> {
    let mut targets = HashMap::new();
    each_start(&mut part(archive, "xl/_rels/workbook.xml.rels")?, |start| {
        if let (Some(id), Some(target)) = (attribute(start, "Id"), attribute(start, "Target")) {
            targets.insert(id, target);
        }
    })?;
    Some(targets)
}

fn each_start(xml: &mut Reader<impl BufRead>, mut take: impl FnMut(&BytesStart<'_>)) -> Option<()> {
    let mut buffer = Vec::new();
    loop {
        match xml.read_event_into(&mut buffer).ok()? {
            Event::Start(start) | Event::Empty(start) => take(&start),
            Event::Eof => return Some(()),
            _ => {}
        }
        buffer.clear();
    }
}

/// An attribute by its name without prefix.
fn attribute(start: &BytesStart<'_>, name: &str) -> Option<String> {
    let mut attributes = start.attributes();
    let mut attributes = attributes.with_checks(false).filter_map(Result::ok);
    let found = attributes.find(|attribute| attribute.key.local_name().as_ref() == name)?;
    Some(found.normalized_value(XmlVersion::Implicit1_0).ok()?.into_owned())
}

/// Reads a sheet's XML as `calamine` does: a row or cell without a position follows the one before.
fn marks(xml: &mut Reader<impl BufRead>) -> Option<SheetXml> {
    let (mut found, mut buffer) = (SheetXml::default(), Vec::new());
    let (mut row, mut column, mut in_error, mut in_value) = (0_u32, 0_u32, false, false);
    loop {
        match xml.read_event_into(&mut buffer).ok()? {
            event @ (Event::Start(_) | Event::Empty(_)) => {
                let is_whole = matches!(event, Event::Empty(_));
                let (Event::Start(start) | Event::Empty(start)) = event else { return None };
                match start.local_name().as_ref() {
                    "row" => {
                        row = attribute(&start, "r").and_then(|number| number.parse().ok()).map_or(row, before);
                        let is_flat = attribute(&start, "ht").is_some_and(|height| height.parse() == Ok(0.0));
                        if is_flat
                            || attribute(&start, "hidden").is_some_and(|hidden| hidden == "1" || hidden == "true")
                        {
                            found.hidden.push(u64::from(row) + 1);
                        }
                        column = 0;
                        row += u32::from(is_whole);
                    }
                    "c" => {
                        let place = attribute(&start, "r").and_then(|place| column_of(&place));
                        found.has_unplaced |= place.is_none();
                        column = place.unwrap_or(column);
                        in_error = !is_whole && attribute(&start, "t").as_deref() == Some("e");
                        column += u32::from(is_whole);
                    }
                    "v" => in_value = !is_whole,
                    _ => {}
                }
            }
            Event::Text(text) if in_error && in_value && !KNOWN_ERRORS.contains(&text.as_ref()) => {
                found.strange_errors.push((row, column));
            }
            Event::End(end) => match end.local_name().as_ref() {
                "row" => row += 1,
                "c" => (column, in_error) = (column + 1, false),
                "v" => in_value = false,
                "sheetData" => return Some(found),
                _ => {}
            },
            Event::Eof => return None,
            _ => {}
        }
        buffer.clear();
    }
}

fn before(number: u32) -> u32 {
    number.saturating_sub(1)
}

/// The column of a position such as `AB12`, from 0.
fn column_of(place: &str) -> Option<u32> {
    let letters = place.bytes().take_while(u8::is_ascii_alphabetic);
    let number = letters.fold(0_u32, |sum, letter| {
        sum.saturating_mul(26).saturating_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)
    });
    number.checked_sub(1)
}
