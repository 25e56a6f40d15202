//! Rows and the people behind them: who is the same person, who refuses messages, and the ids of records.

use ghl_sync_import::{ImportOptions, Mapping, SamePerson};
use serde_json::json;

use crate::common::{import, list, questions, us};

#[test]
fn people_who_share_a_number_are_told_and_none_becomes_another() {
    let household = "First Name,Email,Phone\nAnn,ann@example.com,(202) 555-0143\nBob,bob@example.com,(202) 555-0143\nCara,,(202) 555-0143\n";
    let told = list(household);
    assert_eq!((told.rows(), told.held()), (vec![2], vec![3, 4]));
    let apart = import(household.as_bytes(), ImportOptions { same_person: SamePerson::KeepApart, ..us() }).unwrap();
    assert_eq!(apart.rows(), [2, 3, 4]);
    let split = "First Name,Email,Phone,Tags\nAnn,ann@example.com,,parent\nZed,,(202) 555-0143,\nAnn,ann@example.com,(202) 555-0143,\n";
    assert_eq!(list(split).held(), [4]);
}

#[test]
fn rows_of_one_person_are_merged_when_asked_for_and_what_loses_is_told() {
    let text = "First Name,Email,City,Tags,Unsubscribed\nAnn,ann@example.com,Rome,a,\nBo,bo@example.com,Oslo,,\nAnna,ANN@example.com,,b,yes\n";
    for (same_person, name) in [(SamePerson::MergeFirst, "Ann"), (SamePerson::MergeLast, "Anna")] {
        let told = import(text.as_bytes(), ImportOptions { same_person, ..us() }).unwrap();
        let ann = told.contact(2);
        assert_eq!((ann.first_name.as_deref(), ann.city.as_deref(), ann.dnd), (Some(name), Some("Rome"), Some(true)));
        assert_eq!(
            (ann.tags.as_slice(), told.tally.accepted, told.tally.contacts),
            (["a".to_owned(), "b".to_owned()].as_slice(), 3, 2)
        );
        assert_eq!(told.problems.iter().filter(|problem| problem.field.as_deref() == Some("firstName")).count(), 1);
    }
}

#[test]
fn a_list_in_which_everybody_is_twice_is_merged_in_time() {
    let row = |person: usize| format!("p{person}@example.com,+1202{:07}\n", 2_000_000 + person);
    let half: String = (0..3_000).map(row).collect();
    let text = format!("Email,Phone\n{half}{half}");
    let told = import(text.as_bytes(), ImportOptions { same_person: SamePerson::MergeFirst, ..us() }).unwrap();
    assert_eq!((told.contacts.len(), told.held().len()), (3_000, 0));
}

#[test]
fn a_record_keeps_its_id_when_the_list_is_corrected() {
    let before = list("Email,Phone,Name\na@example.com,,Ann\n,+12025550143,Bo\n");
    let options = |mapping| ImportOptions { known: before.learned.clone(), mapping, ..us() };
    let after = import(
        b"Name,Phone,Email\nAnna,+12025550144,A@example.com\nBo,+12025550143,bo@example.com\n",
        options(Mapping::default()),
    )
    .unwrap();
    assert_eq!(before.ids, after.ids);
    let mapping = Mapping { id_column: Some("No".to_owned()), ..Mapping::default() };
    let ids = |text: &str| import(text.as_bytes(), ImportOptions { mapping: mapping.clone(), ..us() }).unwrap().ids;
    assert_eq!(ids("No,Email\n7,a@example.com\n"), ids("No,Email\n7,b@example.com\n"));
}

#[test]
fn what_a_later_row_of_the_person_refuses_holds_for_the_one_that_is_imported() {
    let told = list(
        "Email,First Name,Unsubscribed\nann@example.com,Ann,\nbo@example.com,Bo,\nann@example.com,Ann,2024-05-01\n",
    );
    assert_eq!((told.contact(2).dnd, told.contact(3).dnd, told.held()), (Some(true), None, vec![4]));
}

#[test]
fn an_opt_out_is_kept_and_what_cannot_be_read_holds_the_row_back() {
    let told = list(
        "First Name,Email,DND\nIda,i@example.com,Email\nPer,p@example.com,\"SMS,Call\"\nUwe,u@example.com,All\nKim,k@example.com,opted out\n\
         Max,m@example.com,X\nSue,s@example.com,perhaps\nLea,l@example.com,\n",
    );
    assert_eq!(told.contact(2).dnd_settings, Some(json!({ "Email": { "status": "active" } })));
    assert_eq!(
        told.contact(3).dnd_settings,
        Some(json!({ "Call": { "status": "active" }, "SMS": { "status": "active" } }))
    );
    assert!([4, 5, 6].iter().all(|row| told.contact(*row).dnd == Some(true)));
    assert_eq!((told.held(), told.contact(8).dnd), (vec![7], None));
    let told = list(
        "Email,Email Opt Out,Do Not Call,Unsubscribed,SMS Consent,Status\ni@example.com,1,1,,No,\np@example.com,0,0,,Yes,Subscribed\n\
         u@example.com,,,2024-05-01,,\nk@example.com,,,,,Unsubscribed\n",
    );
    let channels = told.contact(2).dnd_settings.clone().unwrap();
    assert_eq!(channels.as_object().unwrap().keys().collect::<Vec<_>>(), ["Call", "Email", "SMS"]);
    assert_eq!((told.contact(3).dnd, told.contact(3).dnd_settings.clone()), (None, None));
    assert_eq!((told.contact(4).dnd, told.contact(5).dnd), (Some(true), Some(true)));
}

#[test]
fn consent_that_is_not_mapped_stops_the_import_until_it_is() {
    let text = "Email,Remarks\na@example.com,nice\nb@example.com,please do not call\n";
    assert!(questions(text.as_bytes(), us()).contains("--map 'Remarks=ignore'"));
    let mut mapping = Mapping::default();
    mapping.add("Remarks=ignore").unwrap();
    assert_eq!(import(text.as_bytes(), ImportOptions { mapping, ..us() }).unwrap().rows(), [2, 3]);
    assert_eq!(list("Email,Tags\na@example.com,\"vip, Unsubscribed\"\n").contact(2).dnd, Some(true));
    assert_eq!(list("Email,Last Name\na@example.com,Lee (DO NOT CALL)\nb@example.com,Ray\n").held(), [2]);
}

#[test]
fn a_phone_number_that_another_contact_brought_before_is_told() {
    let before = list("Name,Phone\nBob Moe,617-555-0122\n");
    let known = || ImportOptions { known: before.learned.clone(), ..us() };
    let told = import(b"Name,Email,Phone\nAnn Lee,ann@example.com,617-555-0122\n", known()).unwrap();
    assert_eq!(told.problems.iter().map(|problem| problem.field.as_deref()).collect::<Vec<_>>(), [Some("phone")]);
    let again = import(b"Name,Email,Phone\nBob Moe,bob@example.com,617-555-0122\n", known()).unwrap();
    assert!(again.problems.is_empty(), "a contact that gains an address is the same");
    let options = ImportOptions { same_person: SamePerson::KeepApart, ..known() };
    assert!(import(b"Name,Email,Phone\nAnn Lee,ann@example.com,617-555-0122\n", options).unwrap().problems.is_empty());
}
