//! The caller's knowledge of a list.

use ghl_sync_model::LocationFacts;

use crate::mapping::{FieldCatalogue, Mapping};
use crate::values::country;
use crate::{DateOrder, DecimalMark, HiddenRows, SamePerson};

/// The caller's knowledge of a list, and choices about it. By default, everything must be proven by the data or asked.
#[derive(Debug, Clone, Default)]
pub struct ImportOptions {
    /// The location's country: two letters as in `RemoteLocation::country`, or a name. Used for national phone numbers
    /// in rows without a country, unless the row contradicts it. Without it such numbers are left out and reported.
    pub country: Option<String>,
    /// The text's encoding by its WHATWG label, if the bytes do not prove it.
    pub encoding: Option<String>,
    /// Which number of 03/04/1991 is the day, if the column does not prove it.
    pub date_order: Option<DateOrder>,
    /// The meaning of 1.234, if the column does not prove it.
    pub decimal_mark: Option<DecimalMark>,
    /// The sheet to read from a workbook.
    pub sheet: Option<String>,
    /// Treatment of rows that a workbook's sheet hides.
    pub hidden_rows: Option<HiddenRows>,
    /// The caller's mapping of columns, and constants.
    pub mapping: Mapping,
    /// The location's custom fields: [`FieldCatalogue::of_location`].
    pub fields: FieldCatalogue,
    /// Treatment of rows that share an e-mail address or a phone number.
    pub same_person: SamePerson,
    /// The day of the import, the latest possible date of birth; `None` for no limit.
    pub today: Option<time::Date>,
    /// Ids of contacts from earlier imports.
    pub known: crate::KnownIds,
}

impl ImportOptions {
    /// Adds the location's facts. A country that is not recognized is ignored.
    #[must_use]
    pub fn knowing(self, facts: &LocationFacts) -> ImportOptions {
        let is_known = |told: &&str| country::country(told.trim()).is_some();
        ImportOptions {
            country: facts.country().filter(is_known).map(str::to_owned),
            fields: facts.fields.as_ref().map(|fact| FieldCatalogue::of_known(&fact.value)).unwrap_or_default(),
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use ghl_sync_model::{EpochMs, Fact, FieldDefinition, KnownFields, LocationFacts, ReportedFacts};
    use serde_json::json;

    use super::*;

    fn facts(country: &str, left_out: u32) -> LocationFacts {
        let field = json!({
            "id": "f1", "name": "Shoe size", "key": "contact.shoe_size", "model": "contact", "data_type": "NUMERICAL",
        });
        let fields: Vec<FieldDefinition> = vec![serde_json::from_value(field).unwrap()];
        let account = json!({ "id": "loc1", "name": "Practice", "country": country });
        let account = Some(serde_json::from_value(account).unwrap());
        let reported = ReportedFacts { account, ..ReportedFacts::default() };
        let told = LocationFacts::told(EpochMs(1), None, reported, Vec::new(), false);
        LocationFacts { fields: Some(Fact { as_of: EpochMs(1), value: KnownFields { fields, left_out } }), ..told }
    }

    #[test]
    fn a_country_that_is_none_does_not_stop_a_list() {
        assert_eq!(ImportOptions::default().knowing(&facts("DE", 0)).country.as_deref(), Some("DE"));
        assert_eq!(ImportOptions::default().knowing(&facts("Atlantis", 0)).country, None);
    }

    #[test]
    fn where_fields_are_left_out_a_mapping_may_name_any_key() {
        let list = "Name,Email,Shoe size,Hat\nAda,ada@example.com,41,6\n";
        let plan_with = |left_out| {
            let mut options = ImportOptions::default().knowing(&facts("DE", left_out));
            options.mapping.add("Hat=contact.hat").unwrap();
            crate::plan(&list.as_bytes(), options)
        };
        assert!(matches!(plan_with(0), Err(crate::FileImportError::Mapping(_))));
        let plan = plan_with(1).unwrap();
        let targets: Vec<String> = plan.mapping_file().columns.into_values().collect();
        assert!(targets.contains(&"contact.hat".to_owned()), "{targets:?}");
        assert!(targets.contains(&"contact.shoe_size".to_owned()), "known by its name: {targets:?}");
    }
}
