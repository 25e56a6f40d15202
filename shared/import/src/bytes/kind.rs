//! What kind of file the first bytes are of.

use crate::NotAList;

/// How many bytes tell it.
pub(crate) const BYTES_NEEDED: usize = 8192;

/// A kind of file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// As far as one can see.
    Text,
    /// A ZIP archive, as workbooks are.
    Zip,
    /// No list.
    NotAList(NotAList),
}

/// What stands at the very start of a file of some kind.
const MAGIC: &[(&[u8], Kind)] = &[
    (b"PK\x03\x04", Kind::Zip),
    (b"PK\x05\x06", Kind::NotAList(NotAList::Archive)),
    (b"%PDF", Kind::NotAList(NotAList::Pdf)),
    (b"\x89PNG", Kind::NotAList(NotAList::Image)),
    (b"\xff\xd8\xff", Kind::NotAList(NotAList::Image)),
    (b"GIF8", Kind::NotAList(NotAList::Image)),
    (b"RIFF", Kind::NotAList(NotAList::Image)),
    (b"II*\0", Kind::NotAList(NotAList::Image)),
    (b"MM\0*", Kind::NotAList(NotAList::Image)),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::NotAList(NotAList::OldWorkbook)),
    (b"{\\rtf", Kind::NotAList(NotAList::Document)),
    (b"SQLite format 3\0", Kind::NotAList(NotAList::Database)),
    (b"PGDMP", Kind::NotAList(NotAList::Database)),
    (b"Rar!", Kind::NotAList(NotAList::Archive)),
    (b"7z\xbc\xaf", Kind::NotAList(NotAList::Archive)),
    (b"BZh", Kind::NotAList(NotAList::Archive)),
    (b"\xfd7zXZ", Kind::NotAList(NotAList::Archive)),
    (b"\x28\xb5\x2f\xfd", Kind::NotAList(NotAList::Archive)),
    (b"PAR1", Kind::NotAList(NotAList::Database)),
    (b"\xff\xfe\0\0", Kind::NotAList(NotAList::Utf32)),
    (b"\0\0\xfe\xff", Kind::NotAList(NotAList::Utf32)),
];

/// What stands at the start of a text of some kind, in lower case, below white space and a BOM.
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

/// The kind of a file that begins so.
pub(crate) fn of(start: &[u8]) -> Kind {
    if let Some((_, kind)) = MAGIC.iter().find(|(magic, _)| start.starts_with(magic)) {
        return *kind;
    }
    if is_utf32(start) {
        return Kind::NotAList(NotAList::Utf32);
    }
    let text = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let text: String =
        text.trim_ascii_start().iter().take(64).map(|byte| char::from(byte.to_ascii_lowercase())).collect();
    let is = |what: &&(&str, NotAList)| match what.1 {
        // A header cell may begin with a bracket; a JSON array goes on with a value.
        NotAList::Json => text.strip_prefix('[').is_some_and(|rest| rest.trim_start().starts_with(['{', '[', ']'])),
        _ => text.starts_with(what.0),
    };
    match TEXTS.iter().find(is) {
        Some((_, what)) => Kind::NotAList(*what),
        None if text.contains("<html") => Kind::NotAList(NotAList::Html),
        None => Kind::Text,
    }
}

/// Four bytes a character, of which two are zero.
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
        let cases: [(&[u8], Kind); 15] = [
            (b"%PDF-1.7", Kind::NotAList(NotAList::Pdf)),
            (b"\x89PNG\r\n", Kind::NotAList(NotAList::Image)),
            (b"\n <!DOCTYPE HTML><title>Log in", Kind::NotAList(NotAList::Html)),
            (b"\xef\xbb\xbf<html>", Kind::NotAList(NotAList::Html)),
            (b"<?xml version=\"1.0\"?><html>", Kind::NotAList(NotAList::Xml)),
            (b"BEGIN:VCARD\r\n", Kind::NotAList(NotAList::VCard)),
            (b"[{\"email\":1}]", Kind::NotAList(NotAList::Json)),
            (b"[Email],[Name]", Kind::Text),
            (b"PK\x03\x04", Kind::Zip),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", Kind::NotAList(NotAList::OldWorkbook)),
            (b"Email,Name", Kind::Text),
            (b"", Kind::Text),
            (b"E\0\0\0m\0\0\0a\0\0\0i\0\0\0", Kind::NotAList(NotAList::Utf32)),
            (b"\xff\xfe\0\0E\0\0\0", Kind::NotAList(NotAList::Utf32)),
            (b"E\0m\0a\0i\0l\0,\0a\0b\0", Kind::Text),
        ];
        for (bytes, kind) in cases {
            assert_eq!(of(bytes), kind, "{bytes:?}");
        }
    }
}
