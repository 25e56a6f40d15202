//! Positions in lists of records, encoded as text for clients that page through them.

use crate::{AuditKey, ContentHash, EpochMs, ImportId, ImportStanding, LocationId, RecordKey};

/// Characters of a cursor's checksum.
const SUM_CHARS: usize = 8;

/// Position in the list of a location's failed records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedCursor {
    /// When the last record before the position failed.
    pub failed_at: EpochMs,
    /// Key of that record.
    pub key: RecordKey,
}

/// Position in the list of all records of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordCursor {
    /// Key of the last record before the position.
    pub key: RecordKey,
}

/// Position in the list of an import's records with the same standing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportCursor {
    /// Key of the last record before the position.
    pub key: RecordKey,
}

/// Position in the overview of all locations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverviewCursor {
    /// How urgently the last location before the position needs attention: 0 is the most urgent.
    pub rank: u8,
    /// Work that location had to do.
    pub backlog: u64,
    /// Id of that location.
    pub location: LocationId,
}

/// Position in the list of all locations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocationCursor {
    /// The last location before the position.
    pub location: LocationId,
}

/// Position in the log of outcomes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutcomeCursor {
    /// The page, by its key in the log: lower-case letters, digits, `_` and `#`.
    pub place: String,
    /// Index of the first unread outcome on that page.
    pub index: u32,
}

/// Position in the audit trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditCursor {
    /// The last entry before the position.
    pub entry: AuditKey,
}

/// Position in the list of a location's contact lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    /// When the last list before the position was uploaded.
    pub at: EpochMs,
    /// Digits of the hash of that list's key.
    pub list: String,
}

/// The text is not a valid cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`cursor` is not one that a page before gave")]
pub struct InvalidCursor;

impl FailedCursor {
    /// Encodes the position as opaque text for the list of `location`. It ends with a checksum of the text and the
    /// location: a cursor that was cut, altered or given for another location would skip records silently.
    #[must_use]
    pub fn to_text(&self, location: &LocationId) -> String {
        with_sum(&format!("{:x}.{}", self.failed_at.0, hex(&self.key)), location.as_str())
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote for the same location.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str, location: &LocationId) -> Result<FailedCursor, InvalidCursor> {
        let mut parts = text.split('.');
        let (failed_at, key) = parts.next().zip(parts.next()).ok_or(InvalidCursor)?;
        let failed_at = EpochMs(u64::from_str_radix(failed_at, 16).map_err(|_| InvalidCursor)?);
        let cursor = FailedCursor { failed_at, key: key_of(key)? };
        if cursor.to_text(location) == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl RecordCursor {
    /// Encodes the position; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self, location: &LocationId) -> String {
        with_sum(&hex(&self.key), location.as_str())
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote for the same location.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str, location: &LocationId) -> Result<RecordCursor, InvalidCursor> {
        let (key, _) = text.split_once('.').ok_or(InvalidCursor)?;
        let cursor = RecordCursor { key: key_of(key)? };
        if cursor.to_text(location) == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl ImportCursor {
    /// Encodes the position, for this list only; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self, location: &LocationId, import: &ImportId, standing: ImportStanding) -> String {
        with_sum(&hex(&self.key), &format!("{location}#{import}#{}", standing.as_str()))
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote for the same list.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(
        text: &str,
        location: &LocationId,
        import: &ImportId,
        standing: ImportStanding,
    ) -> Result<ImportCursor, InvalidCursor> {
        let (key, _) = text.split_once('.').ok_or(InvalidCursor)?;
        let cursor = ImportCursor { key: key_of(key)? };
        if cursor.to_text(location, import, standing) == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl OverviewCursor {
    /// The list's name in the checksum; no location id can equal it.
    const LIST: &str = "#overview";

    /// Encodes the position; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self) -> String {
        with_sum(&format!("{:x}.{:x}.{}", self.rank, self.backlog, self.location), Self::LIST)
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str) -> Result<OverviewCursor, InvalidCursor> {
        let mut parts = text.split('.');
        let (Some(rank), Some(backlog), Some(location)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(InvalidCursor);
        };
        let cursor = OverviewCursor {
            rank: u8::from_str_radix(rank, 16).map_err(|_| InvalidCursor)?,
            backlog: u64::from_str_radix(backlog, 16).map_err(|_| InvalidCursor)?,
            location: LocationId::new(location).map_err(|_| InvalidCursor)?,
        };
        if cursor.to_text() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl LocationCursor {
    /// The list's name in the checksum; no location id can equal it.
    const LIST: &str = "#locations";

    /// Encodes the position; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self) -> String {
        with_sum(self.location.as_str(), Self::LIST)
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str) -> Result<LocationCursor, InvalidCursor> {
        let (location, _) = text.rsplit_once('.').ok_or(InvalidCursor)?;
        let cursor = LocationCursor { location: LocationId::new(location).map_err(|_| InvalidCursor)? };
        if cursor.to_text() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl OutcomeCursor {
    /// Encodes the position; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self) -> String {
        with_sum(&format!("{}.{:x}", self.place.replace('#', "-"), self.index), "outcomes")
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str) -> Result<OutcomeCursor, InvalidCursor> {
        let mut parts = text.split('.');
        let (place, index) = parts.next().zip(parts.next()).ok_or(InvalidCursor)?;
        let index = u32::from_str_radix(index, 16).map_err(|_| InvalidCursor)?;
        let cursor = OutcomeCursor { place: place.replace('-', "#"), index };
        if cursor.to_text() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl AuditCursor {
    /// Encodes the position; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self) -> String {
        let (at, request_id) = &self.entry;
        with_sum(&format!("{:x}.{request_id}", at.0), "audit")
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str) -> Result<AuditCursor, InvalidCursor> {
        let mut parts = text.split('.');
        let (at, request_id) = parts.next().zip(parts.next()).ok_or(InvalidCursor)?;
        let at = EpochMs(u64::from_str_radix(at, 16).map_err(|_| InvalidCursor)?);
        let cursor = AuditCursor { entry: (at, request_id.to_owned()) };
        if cursor.to_text() == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

impl ListCursor {
    /// Encodes the position; see [`FailedCursor::to_text`].
    #[must_use]
    pub fn to_text(&self, location: &LocationId) -> String {
        with_sum(&format!("{:x}.{}", self.at.0, self.list), &format!("{location}#lists"))
    }

    /// Decodes the text that [`to_text`](Self::to_text) wrote for the same location.
    ///
    /// # Errors
    /// If `text` is anything else.
    pub fn from_text(text: &str, location: &LocationId) -> Result<ListCursor, InvalidCursor> {
        let mut parts = text.split('.');
        let (at, list) = parts.next().zip(parts.next()).ok_or(InvalidCursor)?;
        let at = EpochMs(u64::from_str_radix(at, 16).map_err(|_| InvalidCursor)?);
        let cursor = ListCursor { at, list: list.to_owned() };
        if cursor.to_text(location) == text { Ok(cursor) } else { Err(InvalidCursor) }
    }
}

/// The position's text with a checksum of it and the list's name.
fn with_sum(place: &str, list: &str) -> String {
    let sum = ContentHash::of(format!("{list}.{place}").as_bytes()).to_string();
    format!("{place}.{}", sum.chars().take(SUM_CHARS).collect::<String>())
}

fn hex(key: &RecordKey) -> String {
    key.to_string().bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn key_of(hex: &str) -> Result<RecordKey, InvalidCursor> {
    if !hex.is_ascii() || !hex.len().is_multiple_of(2) {
        return Err(InvalidCursor);
    }
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes: Option<Vec<u8>> = hex.as_bytes().chunks(2).map(byte).collect();
    let key = String::from_utf8(bytes.ok_or(InvalidCursor)?).map_err(|_| InvalidCursor)?;
    key.parse().map_err(|_| InvalidCursor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(id: &str) -> LocationId {
        LocationId::new(id).unwrap()
    }

    #[test]
    fn a_cursor_survives_any_record_id_and_no_other_text_is_one() {
        let refused = |text: &str, of: &str| {
            assert_eq!(FailedCursor::from_text(text, &location(of)), Err(InvalidCursor), "{text}");
            assert_eq!(RecordCursor::from_text(text, &location(of)), Err(InvalidCursor), "{text}");
        };
        for key in ["contact#a", "opportunity#b#c d/e?f&g=%ü"] {
            let key: RecordKey = key.parse().unwrap();
            let failed = FailedCursor { failed_at: EpochMs(1_795_000_000_000), key: key.clone() };
            let of_all = RecordCursor { key };
            let (failed_text, all_text) = (failed.to_text(&location("a")), of_all.to_text(&location("a")));
            assert_eq!(FailedCursor::from_text(&failed_text, &location("a")), Ok(failed));
            assert_eq!(RecordCursor::from_text(&all_text, &location("a")), Ok(of_all));
            assert_eq!(RecordCursor::from_text(&failed_text, &location("a")), Err(InvalidCursor));
            assert_eq!(FailedCursor::from_text(&all_text, &location("a")), Err(InvalidCursor));
            for text in [failed_text, all_text] {
                assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'.'), "{text}");
                refused(&text, "b");
                for at in 0..text.len() {
                    refused(&text[..at], "a");
                    let altered = if &text[at..=at] == "0" { "1" } else { "0" };
                    refused(&format!("{}{altered}{}", &text[..at], &text[at + 1..]), "a");
                }
                for other in [format!("{text}0"), format!("{text}."), format!("+{text}"), text.to_uppercase()] {
                    refused(&other, "a");
                }
            }
        }
        let audit = AuditCursor { entry: (EpochMs(1_795_000_000_000), "a-B_c=".to_owned()) };
        let text = audit.to_text();
        assert_eq!(AuditCursor::from_text(&text), Ok(audit));
        for at in 0..text.len() {
            assert_eq!(AuditCursor::from_text(&text[..at]), Err(InvalidCursor));
        }
        let list = ListCursor { at: EpochMs(1_795_000_000_000), list: "0123456789abcdef".to_owned() };
        let text = list.to_text(&location("a"));
        assert_eq!(ListCursor::from_text(&text, &location("a")), Ok(list));
        assert_eq!(ListCursor::from_text(&text, &location("b")), Err(InvalidCursor));
        for at in 0..text.len() {
            assert_eq!(ListCursor::from_text(&text[..at], &location("a")), Err(InvalidCursor));
        }
        let (import, key) = (ImportId::new("x").unwrap(), "contact#a".parse().unwrap());
        let (cursor, pending) = (ImportCursor { key }, ImportStanding::Pending);
        let text = cursor.to_text(&location("a"), &import, pending);
        let read = |standing| ImportCursor::from_text(&text, &location("a"), &import, standing);
        assert_eq!((read(pending), read(ImportStanding::Failed)), (Ok(cursor), Err(InvalidCursor)));
        refused(&text, "a");
        for text in ["", ".", "1", "1.", "x.63", "1.6", "1.zz", "1.6162", "1.+1", "1.ü1", "-1.63", "0.61", "0.61.0"] {
            refused(text, "a");
        }
    }

    #[test]
    fn a_place_in_the_overview_is_read_back_and_no_other_text_is_one() {
        let place = OverviewCursor { rank: 9, backlog: 1000, location: location("a_B-1") };
        let text = place.to_text();
        assert_eq!(OverviewCursor::from_text(&text), Ok(place));
        for other in [format!("{text}0"), text.replace("3e8", "3e9"), text.replace("a_B", "a_C"), "9.0.a".to_owned()] {
            assert_eq!(OverviewCursor::from_text(&other), Err(InvalidCursor), "{other}");
        }
        let place = LocationCursor { location: location("a_B-1") };
        let text = place.to_text();
        assert_eq!(LocationCursor::from_text(&text), Ok(place));
        for other in [format!("{text}0"), text.replace("a_B", "a_C"), "a_B-1".to_owned(), ".".to_owned()] {
            assert_eq!(LocationCursor::from_text(&other), Err(InvalidCursor), "{other}");
        }
    }
}
