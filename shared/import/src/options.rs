//! What the caller knows about a list.

use crate::mapping::{FieldCatalogue, Mapping};
use crate::{DateOrder, DecimalMark, HiddenRows, SamePerson};

/// What the caller knows about a list and wants of it. The default proves everything from the data or asks.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The location's country: two letters as in `RemoteLocation::country`, or a name. It reads national phone numbers
    /// of rows that name no country, unless the row speaks against it. Without it no such number is guessed: it is left
    /// out and told.
    pub country: Option<String>,
    /// The text's encoding by its WHATWG label, where the bytes do not prove it.
    pub encoding: Option<String>,
    /// Which number of 03/04/1991 is the day, where the column does not prove it.
    pub date_order: Option<DateOrder>,
    /// What 1.234 is, where the column does not prove it.
    pub decimal_mark: Option<DecimalMark>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// What becomes of rows that a workbook's sheet hides.
    pub hidden_rows: Option<HiddenRows>,
    /// Columns mapped by the caller, and constants.
    pub mapping: Mapping,
    /// The location's custom fields: [`FieldCatalogue::of_location`].
    pub fields: FieldCatalogue,
    /// What becomes of rows with one e-mail address or one phone number.
    pub same_person: SamePerson,
    /// The day of the import: nobody is born after it. `None` is no limit.
    pub today: Option<time::Date>,
    /// Ids that contacts got in earlier imports.
    pub known: crate::KnownIds,
}
