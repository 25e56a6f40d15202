//! A contact list, as a spreadsheet wrote it.

#![no_main]

use ghl_sync_import::{DateOrder, DecimalMark, ImportOptions, RowOutcome, plan};
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
            Ok(RowOutcome::Record(contact)) => contacts += contact.rows.len() as u64,
            Ok(RowOutcome::HeldBack(_)) => held_back += 1,
            Ok(RowOutcome::NotAPerson(_)) => not_people += 1,
            Err(_) => return,
        }
    }
    // Every row is in a contact, or has a reason for being left out.
    let tally = records.tally();
    assert_eq!(tally.rows, contacts + held_back + not_people, "a row is lost");
});
