//! A contact list, as somebody's spreadsheet has written it.

#![no_main]

use ghl_sync_import::{DateOrder, DecimalMark, ImportOptions, Outcome, plan};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    let options = ImportOptions {
        country: Some("US".to_owned()),
        date_order: Some(DateOrder::DayFirst),
        decimal_mark: Some(DecimalMark::Point),
        ..ImportOptions::default()
    };
    let Ok(plan) = plan(&file, options) else { return };
    let Ok(mut records) = plan.records(&file) else { return };
    let (mut contacts, mut held_back, mut not_people) = (0, 0, 0);
    for outcome in records.by_ref() {
        match outcome {
            Ok(Outcome::Record(contact)) => contacts += contact.rows.len() as u64,
            Ok(Outcome::HeldBack(_)) => held_back += 1,
            Ok(Outcome::NotAPerson(_)) => not_people += 1,
            Err(_) => return,
        }
    }
    // Every row is in a contact, or says why it is in none.
    let tally = records.tally();
    assert_eq!(tally.rows, contacts + held_back + not_people, "a row is lost");
});
