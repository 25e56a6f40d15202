//! Detects the kind of a file by its first bytes.

use crate::NotAList;

/// Number of bytes to examine.
pub(crate) const BYTES_NEEDED: usize = 8192;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// Probably text.
    Text,
    /// A ZIP archive, as workbooks are.
    Zip,
    /// Not a list.
    NotAList(NotAList),
}

/// Signatures at the start of binary files.
const MAGIC: &[(&[u8], FileKind)] = &[
    (b"PK\x03\x04", FileKind::Zip),
    (b"PK\x05\x06", FileKind::NotAList(NotAList::Archive)),
    (b"%PDF", FileKind::NotAList(NotAList::Pdf)),
    (b"\x89PNG", FileKind::NotAList(NotAList::Image)),
    (b"\xff\xd8\xff", FileKind::NotAList(NotAList::Image)),
    (b"GIF8", FileKind::NotAList(NotAList::Image)),
    (b"RIFF", FileKind::NotAList(NotAList::Image)),
    (b"II*\0", FileKind::NotAList(NotAList::Image)),
    (b"MM\0*", FileKind::NotAList(NotAList::Image)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::NotAList(NotAList::OldWorkbook)),
    (b"{\\rtf", FileKind::NotAList(NotAList::Document)),
    (b"SQLite format 3\0", FileKind::NotAList(NotAList::Database)),
    (b"PGDMP", FileKind::NotAList(NotAList::Database)),
    (b"Rar!", FileKind::NotAList(NotAList::Archive)),
    (b"7z\xbc\xaf", FileKind::NotAList(NotAList::Archive)),
    (b"BZh", FileKind::NotAList(NotAList::Archive)),
    (b"\xfd7zXZ", FileKind::NotAList(NotAList::Archive)),
    (b"\x28\xb5\x2f\xfd", FileKind::NotAList(NotAList::Archive)),
    (b"PAR1", FileKind::NotAList(NotAList::Database)),
    (b"\xff\xfe\0\0", FileKind::NotAList(NotAList::Utf32)),
    (b"\0\0\xfe\xff", FileKind::NotAList(NotAList::Utf32)),
];

/// Beginnings of text formats, in lower case, after white space and a BOM.
const TEXTS: &[(&str, NotAList)] = &[
    ("<!doctype html", NotAList::Html),
    ("<html", NotAList::Html),
    ("<head", NotAList::Html),
    ("<body", NotAList::Html),
    ("<table", NotAList::Html),
    ("<!--", NotAList::Html),
    ("<?xml", NotAList::Xml),
    ("begin:vcard", NotAList::VCard),
    ("[", NotAList::Json),
    ("create table", NotAList::Database),
    ("insert into", NotAList::Database),
    ("-- mysql dump", NotAList::Database),
    ("-- postgresql database dump", NotAList::Database),
];

/// The kind of a file with these first bytes.
pub(crate) fn of(start: &[u8]) -> FileKind {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return *kind;
    }
    if is_utf32(start) {
        return FileKind::NotAList(NotAList::Utf32);
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text: String =
        text.trim_ascii_start().iter().take(64).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let is = |what: &&(&str, NotAList)| match what.1 {
        // A header cell may begin with a bracket too, but in a JSON array a value follows.
        NotAList::Json => text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', '[', ']'])),
        _ => text.starts_with(what.0),
    };
    match TEXTS.iter().find(is) {
        Some((_, what)) => FileKind::NotAList(*what),
        None if text.contains("<html") => FileKind::NotAList(NotAList::Html),
        None => FileKind::Text,
    }
}

/// Whether two of every four bytes are zero, as in UTF-32.
fn is_utf32(start: &[u8]) -> bool {
    let characters = start.get(..start.len() / 4 * 4).unwrap_or_default().chunks_exact(4).take(64);
    let is_zero = |bytes: Option<&[u8]>| bytes.is_some_and(|bytes| bytes.iter().all(|byte| *byte == 0));
    let is_one = |bytes: &[u8]| is_zero(bytes.get(..2)) != is_zero(bytes.get(2..));
    characters.len() >= 4 && characters.clone().all(is_one)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_no_lists_are_known_by_their_first_bytes() {
        let cases: [(&[u8], FileKind); 15] = [
            (b"%PDF-1.7", FileKind::NotAList(NotAList::Pdf)),
            (b"\x89PNG\r\n", FileKind::NotAList(NotAList::Image)),
            (b"\n <!DOCTYPE HTML><title>Log in", FileKind::NotAList(NotAList::Html)),
            (b"\xef\xbb\xbf<html>", FileKind::NotAList(NotAList::Html)),
            (b"<?xml version=\"1.0\"?><html>", FileKind::NotAList(NotAList::Xml)),
            (b"BEGIN:VCARD\r\n", FileKind::NotAList(NotAList::VCard)),
            (b"[{\"email\":1}]", FileKind::NotAList(NotAList::Json)),
            (b"[Email],[Name]", FileKind::Text),
            (b"PK\x03\x04", FileKind::Zip),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", FileKind::NotAList(NotAList::OldWorkbook)),
            (b"Email,Name", FileKind::Text),
            (b"", FileKind::Text),
            (b"E\0\0\0m\0\0\0a\0\0\0i\0\0\0", FileKind::NotAList(NotAList::Utf32)),
            (b"\xff\xfe\0\0E\0\0\0", FileKind::NotAList(NotAList::Utf32)),
            (b"E\0m\0a\0i\0l\0,\0a\0b\0", FileKind::Text),
        ];
        for (bytes, kind) in cases {
            assert_eq!(of(bytes), kind, "{bytes:?}");
        }
    }
}
