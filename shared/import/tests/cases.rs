//! Lists that went wrong once, here or elsewhere: each value arrives as it was meant, or its row and column are told.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{import, list, questions, us};
use ghl_sync_import::{
    DateOrder, FieldCatalogue, ImportError, ImportOptions, LooksLike, Mapping, NotAList, Question, SamePerson,
};
use serde_json::json;

fn phones(text: &str) -> Vec<Option<String>> {
    list(text).contacts.into_iter().map(|(_, contact)| contact.phone).collect()
}

#[test]
fn an_open_quote_swallows_nobody() {
    for column in ["City", "Notes", "Tags"] {
        let told = list(&format!(
            "Email,First Name,{column}\na@example.com,A,x\nb@example.com,B,\"y\nc@example.com,C,z\nd@example.com,D,z\n"
        ));
        assert_eq!((told.rows(), told.held()), (vec![2, 4, 5], vec![3]), "{column}");
    }
    let told = list("Email,City,First Name\na@example.com,Ulm,A\nb@example.com,\"Lund,B\nc@example.com,Graz,C\n");
    assert_eq!((told.rows(), told.held()), (vec![2, 4], vec![3]));
    let pair = "Email,First Name,Notes\na@example.com,A,x\nb@example.com,B,\"24 inch\nc@example.com,C,y\nd@example.com,D,\"30 inch\ne@example.com,E,z\n";
    let told = list(pair);
    assert_eq!((told.rows(), told.held()), (vec![2, 4, 6], vec![3, 5]));
    assert!(told.held_back.iter().all(|problem| problem.message.contains("quote")));
}

#[test]
fn one_bad_byte_damages_one_cell() {
    let mut bytes =
        "Email,First Name,City\np@example.com,Zoë,Köln\nq@example.com,José,Málaga\nr@example.com,".as_bytes().to_vec();
    bytes.extend(b"Ren\xe9,Lyon\n");
    let told = import(&bytes, us()).unwrap();
    assert_eq!(told.contact(2).first_name.as_deref(), Some("Zoë"));
    assert_eq!((told.contact(4).city.as_deref(), told.cells()), (Some("Lyon"), vec![(4, "First Name")]));
}

#[test]
fn another_encoding_is_asked_about_with_samples_and_read_when_told() {
    for (bytes, label, name) in [
        (include_bytes!("data/windows-1251.csv").as_slice(), "windows-1251", "Иван"),
        (include_bytes!("data/macintosh.csv").as_slice(), "mac", "José"),
        (b"Email,First Name\nt@example.com,\x91\xbe\x98Y\n".as_slice(), "shift_jis", "太郎"),
        (b"Email;First Name\nl@example.com;\xa3ukasz\n".as_slice(), "windows-1250", "Łukasz"),
        (b"Email;First Name\nl@example.com;Jos\xe9\n".as_slice(), "windows-1252", "José"),
    ] {
        assert!(questions(bytes, us()).contains("--encoding"), "{label}");
        let told = import(bytes, ImportOptions { encoding: Some(label.to_owned()), ..us() }).unwrap();
        assert_eq!(told.contact(2).first_name.as_deref(), Some(name));
    }
    assert!(questions(include_bytes!("data/windows-1251.csv"), us()).contains("Иван"));
    let unknown = import(b"Email\n\xe9\n", ImportOptions { encoding: Some("klingon".to_owned()), ..us() });
    assert!(matches!(unknown, Err(ImportError::UnknownEncoding(_))));
}

#[test]
fn trunk_zeros_and_second_numbers_are_no_part_of_a_number() {
    let told = list(
        "Email,Phone\na@example.com,+44 (0)20 7946 0018\nb@example.com,+49 (0)30 5550123\nc@example.com,0044 7700 900123\n\
         d@example.com,+49 30 555012/13\ne@example.com,202-555-0143 / 202-555-0144\nf@example.com,+49 30 555099 - 99\n",
    );
    let phones: Vec<Option<&str>> = told.contacts.iter().map(|(_, contact)| contact.phone.as_deref()).collect();
    let expected = [
        Some("+442079460018"),
        Some("+49305550123"),
        Some("+447700900123"),
        Some("+4930555012"),
        Some("+12025550143"),
        None,
    ];
    assert_eq!(phones, expected);
    assert_eq!(told.cells(), [(5, "Phone"), (6, "Phone"), (7, "Phone")]);
}

#[test]
fn the_order_of_dates_is_proven_by_the_column_or_asked() {
    let births = |text: &str, order| {
        let told = import(text.as_bytes(), ImportOptions { date_order: order, ..us() }).unwrap();
        told.contacts.into_iter().map(|(_, contact)| contact.date_of_birth.unwrap_or_default()).collect::<Vec<_>>()
    };
    let day_first = "Email,Date of Birth\na@example.com,03/04/1991\nb@example.com,15/04/1991\n";
    assert_eq!(births(day_first, None), ["1991-04-03", "1991-04-15"]);
    let unproven = "Email,Country,DOB\na@example.com,United Kingdom,03/04/1991\n";
    assert!(questions(unproven.as_bytes(), us()).contains("--day-first"));
    assert_eq!(births(unproven, Some(DateOrder::DayFirst)), ["1991-04-03"]);
    assert_eq!(births(unproven, Some(DateOrder::MonthFirst)), ["1991-03-04"]);
}

#[test]
fn a_national_number_is_of_the_rows_country_or_of_none() {
    assert_eq!(
        phones(
            "State,Phone,Email\nMaharashtra,98765 43210,a@example.com\nJalisco,33 3555 0199,b@example.com\nHamburg,4055501234,c@example.com\nTX,(202) 555-0143,d@example.com\n"
        ),
        [None, None, None, Some("+12025550143".to_owned())]
    );
    assert_eq!(phones("Country,Phone,Email\nIndia,98765 43210,a@example.com\n"), [Some("+919876543210".to_owned())]);
    let told = import(b"Email,Phone\na@example.com,202-555-0143\n", ImportOptions::default()).unwrap();
    assert_eq!((told.contact(2).phone.as_deref(), told.cells()), (None, vec![(2, "Phone")]));
}

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
fn what_a_later_row_of_the_person_refuses_holds_for_the_one_that_is_imported() {
    let told = list(
        "Email,First Name,Unsubscribed\nann@example.com,Ann,\nbo@example.com,Bo,\nann@example.com,Ann,2024-05-01\n",
    );
    assert_eq!((told.contact(2).dnd, told.contact(3).dnd, told.held()), (Some(true), None, vec![4]));
}

#[test]
fn short_rows_are_padded_and_long_ones_told() {
    let told = list(
        "First Name,Email,City,Notes\nJill,jill@example.com,Rome,\nGreg,greg@example.com\nKim,kim@example.com,Oslo,x,y\n\"Lee, Jr\",lee@example.com,Bern,x,,\n",
    );
    assert_eq!((told.rows(), told.held()), (vec![2, 3, 5], vec![4]));
}

#[test]
fn the_first_filled_of_several_columns_is_taken() {
    let told = list(
        "First Name,Email,Email Address,Home Phone,Business Phone,Mobile Phone,Company,Account Name\n\
         Ida,,ida@example.com,,(202) 555-0143,,,Acme\nPer,per@example.com,,,,(202) 555-0144,Beta,\n",
    );
    let (ida, per) = (told.contact(2), told.contact(3));
    assert_eq!(
        (ida.email.as_deref(), ida.phone.as_deref(), ida.company_name.as_deref()),
        (Some("ida@example.com"), Some("+12025550143"), Some("Acme"))
    );
    assert_eq!((per.phone.as_deref(), per.company_name.as_deref()), (Some("+12025550144"), Some("Beta")));
}

#[test]
fn marks_of_spreadsheets_are_no_part_of_a_value() {
    let told = list(
        "First Name,Email,Phone,Zip,State\nIda,i@example.com,=\"2025550143\",=\"07030\",NJ\nPer,p@example.com,'+12025550144,'00501,NY\n't Hooft,t@example.com,,,\n",
    );
    assert_eq!(
        (told.contact(2).postal_code.as_deref(), told.contact(2).phone.as_deref()),
        (Some("07030"), Some("+12025550143"))
    );
    assert_eq!(
        (told.contact(3).postal_code.as_deref(), told.contact(3).phone.as_deref()),
        (Some("00501"), Some("+12025550144"))
    );
    assert_eq!((told.contact(4).first_name.as_deref(), told.cells()), (Some("'t Hooft"), vec![]));
}

#[test]
fn a_separator_line_is_a_hint_and_no_header() {
    for (text, delimiter) in [
        ("sep=;\r\nName;Email\r\nIda;i@example.com\r\n", "semicolon"),
        ("sep=,\r\nName,Email\r\nIda,i@example.com\r\n", "comma"),
    ] {
        let told = list(text);
        assert_eq!(
            (told.plan.delimiter().as_deref(), told.plan.header_row(), told.rows()),
            (Some(delimiter), 2, vec![3])
        );
    }
}

#[test]
fn words_for_nothing_are_nothing() {
    let told = list(
        "First Name,Last Name,Email,Phone,Company,City,Tags,Source\nIda,NULL,ida@example.com,NULL,N/A,null,NULL,\\N\n\
         NaN,Noe,per@example.com,n/a,#N/A,None,none,#REF!\nNan,Koppinger,nan@example.com,,,,,\nKim,Null,n/a,n/a,,,,\n",
    );
    let json = serde_json::to_value(told.contact(2)).unwrap();
    assert_eq!(json, json!({ "firstName": "Ida", "email": "ida@example.com" }));
    let json = serde_json::to_value(told.contact(3)).unwrap();
    assert_eq!(json, json!({ "lastName": "Noe", "email": "per@example.com" }));
    assert_eq!(told.contact(4).first_name.as_deref(), Some("Nan"));
    assert_eq!((told.contact(5).last_name.as_deref(), told.cells()), (None, vec![(3, "Source"), (5, "Last Name")]));
}

#[test]
fn na_beside_american_numbers_is_not_namibia_and_no_is_not_norway() {
    let told = list(
        "First Name,Email,Phone,Country,Zip\nIda,i@example.com,(202) 555-0143,NA,2138\nPer,p@example.com,(202) 555-0144,N/A,2139\n\
         Uwe,u@example.com,(202) 555-0145,no,2140\nNils,n@example.com,+47 22 12 34 56,NO,0150\n",
    );
    let countries: Vec<Option<&str>> = told.contacts.iter().map(|(_, contact)| contact.country.as_deref()).collect();
    assert_eq!(countries, [None, None, None, Some("NO")]);
    assert!(told.contacts.iter().all(|(_, contact)| contact.phone.is_some()));
    assert_eq!(told.cells(), [(4, "Country")]);
    assert_eq!(told.contact(5).postal_code.as_deref(), Some("0150"));
}

#[test]
fn what_nobody_sees_is_taken_out() {
    let told = list(
        "First Name,Email,Phone\nIda,ida@exam\u{200b}ple.com,+1 202 555 0143\nPer,\u{200b}per@example.com\u{a0},\u{202a}+1 202 555 0144\u{202c}\nMax,max@example.com\u{ad},\nIda,ida@example.com,\n",
    );
    assert_eq!(told.contact(2).email.as_deref(), Some("ida@example.com"));
    assert_eq!(told.contact(3).phone.as_deref(), Some("+12025550144"));
    assert_eq!((told.contact(4).email.as_deref(), told.held()), (Some("max@example.com"), vec![5]));
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
fn an_unused_column_that_looks_like_contact_data_is_asked_about() {
    let asked = |text: &str| match import(text.as_bytes(), us()) {
        Err(ImportError::Open { questions }) => questions,
        _ => Vec::new(),
    };
    let column = |looks_like| Question::UnusedColumn { column: "Reach".to_owned(), looks_like, cells: 1 };
    assert_eq!(asked("Name,Reach\nIda,ida@example.com\n"), [column(LooksLike::Email)]);
    assert_eq!(asked("Name,Reach\nIda,(202) 555-0143\n"), [column(LooksLike::Phone)]);
    assert_eq!(asked("Name,Reach\nIda,2024-05-01\n"), []);
}

#[test]
fn cells_are_separated_by_what_makes_sense_of_the_header() {
    for sign in [',', ';', '\t', '|', ':', '^', '~'] {
        let text = "First Name,Email,City\nIda,ida@example.com,Rome\n".replace(',', &sign.to_string());
        assert_eq!(list(&text).contact(2).city.as_deref(), Some("Rome"), "{sign}");
    }
    let told = list("Name;Email;Address (street, city, zip)\nIda;i@example.com;1 Elm St, Salem, 97301\n");
    assert_eq!(told.contact(2).address1.as_deref(), Some("1 Elm St, Salem, 97301"));
}

#[test]
fn the_first_address_of_a_cell_is_used_and_others_are_told() {
    let told = list(
        "First Name,Email\nIda,ida@example.com; ida.moe@example.org\nPer,Per Noe <per@example.com>\nUwe,mailto:uwe@example.com\n\
         Eva,”eva@example.com”\nPia,pia@example\nJan,jan..x@example.com\n",
    );
    assert_eq!((told.rows(), told.held(), told.cells()), (vec![2, 3, 4, 5], vec![6, 7], vec![(2, "Email")]));
    assert_eq!(told.problems[0].value_sent.as_deref(), Some("ida@example.com"));
}

#[test]
fn mysql_writes_quotes_and_nothing_in_its_own_way() {
    let told = list(
        "\"id\",\"Email\",\"City\",\"Company\"\n\"1\",\"i@example.com\",\\N,\"Moe \\\"Best\\\" Tools, Ltd\"\n\"2\",\"p@example.com\",\"Rome\",\\N\n",
    );
    assert_eq!(
        (told.contact(2).company_name.as_deref(), told.contact(2).city.as_deref()),
        (Some("Moe \"Best\" Tools, Ltd"), None)
    );
    assert_eq!(told.contact(3).company_name, None);
}

#[test]
fn utf16_without_a_mark_is_read_and_a_nul_damages_its_cell() {
    let utf16: Vec<u8> =
        "First Name\tEmail\r\nZoë\tzoe@example.com\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(import(&utf16, us()).unwrap().contact(2).first_name.as_deref(), Some("Zoë"));
    let told = list("First Name,Email,City\nIda,ida@example.com,Ro\0me\nPer,per@example.com,Oslo\n");
    assert_eq!((told.contact(2).city.as_deref(), told.cells()), (None, vec![(2, "City")]));
}

#[test]
fn dates_of_birth_are_read_in_the_usual_forms_and_none_is_in_the_future() {
    let forms = [
        "33373",
        "1991-05-15 00:00:00",
        "1991-05-15T00:00:00.000Z",
        "15.05.1991",
        "\"May 15, 1991\"",
        "5/15/91",
        "1991/05/15",
        "5/15/1991 12:00:00 AM",
        "19910515",
        "15-05-1991",
    ];
    let rows: String = forms.iter().enumerate().map(|(n, form)| format!("p{n}@example.com,{form}\n")).collect();
    let told = list(&format!(
        "Email,Date of Birth\n{rows}zero@example.com,0000-00-00\nold@example.com,12/31/1899\nnew@example.com,3/27/2091\n"
    ));
    for row in 2..12 {
        assert_eq!(told.contact(row).date_of_birth.as_deref(), Some("1991-05-15"), "{row}");
    }
    assert_eq!(told.cells(), [(13, "Date of Birth"), (14, "Date of Birth")]);
}

#[test]
fn country_names_of_any_usual_form_are_read() {
    let names = [
        "Turkey",
        "Türkiye",
        "\"Korea, Republic of\"",
        "CHE",
        "United States of America (USA)",
        "U.S. of A.",
        "UK - England",
        "Viet Nam",
    ];
    let rows: String = names.iter().enumerate().map(|(n, name)| format!("p{n}@example.com,{name},\n")).collect();
    let told =
        list(&format!("Email,Country,Phone\n{rows}j@example.com,Jamaica,876-555-0143\nx@example.com,Atlantis,\n"));
    let codes: Vec<&str> = told.contacts.iter().filter_map(|(_, contact)| contact.country.as_deref()).collect();
    assert_eq!(codes, ["TR", "TR", "KR", "CH", "US", "US", "GB", "VN", "JM"]);
    assert_eq!((told.contact(10).phone.as_deref(), told.cells()), (Some("+18765550143"), vec![(11, "Country")]));
}

#[test]
fn titles_repeated_headers_and_totals_are_no_people() {
    let told = list(
        "Customers 2024,,\n,,\n\"First Name\",\"Phone Number\n(mobile)\",\"E-mail Address \"\nIda,2025550143,ida@example.com\n\
         First Name,Phone Number,E-mail Address\nPer,2025550144,\nTotal: 2,,\n",
    );
    assert_eq!((told.plan.header_row(), told.rows(), told.not_people), (3, vec![4, 6], vec![5, 7]));
}

#[test]
fn digits_that_a_spreadsheet_has_lost_are_told() {
    let told = list(
        "First Name,Email,Phone,Zip,State\nIda,i@example.com,1.20256E+10,7030,NJ\nKim,k@example.com,########,,\nUwe,u@example.com,2025550145.0,501.0,NY\n",
    );
    assert_eq!(
        (told.cells(), told.contact(2).postal_code.as_deref()),
        (vec![(2, "Phone"), (3, "Phone")], Some("07030"))
    );
    assert_eq!(
        (told.contact(4).phone.as_deref(), told.contact(4).postal_code.as_deref()),
        (Some("+12025550145"), Some("00501"))
    );
}

#[test]
fn long_and_foreign_texts_are_not_altered() {
    let long = "A".repeat(5000);
    let told = list(&format!(
        "First Name,Last Name,Email,City,Tags\n👩\u{200d}👩\u{200d}👧,Åsa,f@example.com,تل أبيب,\"家族,עברית\"\n{long},McDONALD,l@example.com,,\n"
    ));
    let contact = told.contact(2);
    assert_eq!(
        (contact.first_name.as_deref(), contact.city.as_deref()),
        (Some("👩\u{200d}👩\u{200d}👧"), Some("تل أبيب"))
    );
    assert_eq!(
        (told.contact(3).first_name.as_deref(), told.contact(3).last_name.as_deref()),
        (Some(long.as_str()), Some("McDONALD"))
    );
}

#[test]
fn each_row_that_is_left_out_is_named() {
    let rows: String = (0..60)
        .map(|n| if n % 2 == 0 { format!("P{n},p{n}@example.com\n") } else { format!("P{n},p{n}@example\n") })
        .collect();
    let told = list(&format!("First Name,Email\n{rows}"));
    assert_eq!(told.held(), (0..60).filter(|n| n % 2 == 1).map(|n| n + 2).collect::<Vec<u64>>());
    assert!(told.held_back.iter().all(|problem| problem.column.as_deref() == Some("Email")));
}

#[test]
fn files_that_are_no_lists_are_said_to_be_so() {
    let cases: [(&[u8], NotAList); 5] = [
        (b"%PDF-1.4\n1 0 obj", NotAList::Pdf),
        (b"\x89PNG\r\n\x1a\n", NotAList::Image),
        (b"<!DOCTYPE html><html><title>Log in</title>", NotAList::Html),
        (b"PK\x03\x04 no workbook", NotAList::Archive),
        (b"\0\x01\x02\x03\x04\x05\x06\x07", NotAList::Binary),
    ];
    for (bytes, what) in cases {
        assert!(matches!(import(bytes, us()), Err(ImportError::NotAList(found)) if found == what), "{what:?}");
    }
    assert!(matches!(import(b" \n", us()), Err(ImportError::Empty)));
    assert!(matches!(import(b"", us()), Err(ImportError::Empty)));
    assert!(matches!(import(b"ida@example.com,Ida\n", us()), Err(ImportError::NoHeader { .. })));
    assert!(matches!(import(b"Foo,Bar\n1,2\n", us()), Err(ImportError::NoUsableColumn { .. })));
}

#[test]
fn a_corrected_list_of_rejects_is_read_without_a_question() {
    let told = list("Email,Do Not Call,_row,_column,_problem\na@example.com,yes,7,Do Not Call,cannot be read\n");
    assert_eq!((told.rows(), told.notes), (vec![2], vec![]));
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
fn constants_and_custom_fields_go_into_each_contact() {
    let mapping = br#"{"version":1,"columns":{"Budget":"contact.budget"},"tags":["import-2026"],"source":"Fair"}"#;
    let options = ImportOptions { mapping: Mapping::from_json(mapping).unwrap(), ..us() };
    let told = import(b"Email,Budget,Source\na@example.com,100,\nb@example.com,,Web\n", options).unwrap();
    let json = serde_json::to_value(told.contact(2)).unwrap();
    assert_eq!(json["customFields"], json!([{ "key": "contact.budget", "value": "100" }]));
    assert_eq!((told.contact(2).source.as_deref(), told.contact(3).source.as_deref()), (Some("Fair"), Some("Web")));
    assert_eq!(told.contact(3).tags, ["import-2026"]);
}

#[test]
fn the_mapping_that_a_plan_writes_imports_the_list_the_same_way() {
    for bytes in [
        include_bytes!("data/shopify.csv").as_slice(),
        include_bytes!("data/mailchimp-unsubscribed.csv"),
        include_bytes!("data/outlook.csv"),
        include_bytes!("data/zoho.csv"),
    ] {
        let first = import(bytes, us()).unwrap();
        let json = serde_json::to_vec(&first.plan.mapping_file()).unwrap();
        let again = import(bytes, ImportOptions { mapping: Mapping::from_json(&json).unwrap(), ..us() }).unwrap();
        assert_eq!(first.contacts, again.contacts);
    }
}

#[test]
fn without_the_locations_country_no_national_number_is_guessed() {
    let text = "Email,Phone\na@example.com,202-555-0143\nb@example.com,+1 202 555 0144\nc@example.com,2025550145\n";
    let phones = |country: Option<&str>| {
        let country = country.map(str::to_owned);
        import(text.as_bytes(), ImportOptions { country, ..us() }).map(|told| {
            let phones: Vec<_> = told.contacts.into_iter().filter_map(|(_, contact)| contact.phone).collect();
            (phones, told.problems.len())
        })
    };
    for country in [None, Some(""), Some(" ")] {
        assert_eq!(phones(country).unwrap(), (vec!["+12025550144".to_owned()], 2), "{country:?}");
    }
    for country in ["US", "us", "United States"] {
        assert_eq!(phones(Some(country)).unwrap().0, ["+12025550143", "+12025550144", "+12025550145"], "{country}");
    }
    assert!(matches!(phones(Some("Atlantis")), Err(ImportError::UnknownCountry(_))));
    let alone = import(b"Name,Phone\nAnn,202-555-0143\n", ImportOptions { country: None, ..us() }).unwrap();
    assert_eq!((alone.rows(), alone.held()), (vec![], vec![2]));
}

#[test]
fn custom_fields_of_the_location_take_columns_by_name_key_and_id_and_keep_their_types() {
    let field = |id: &str, name: &str, model: &str, data_type: &str, options: &[&str]| {
        let key = format!("{model}.{}", name.to_lowercase().replace(' ', "_"));
        let definition =
            json!({ "id": id, "key": key, "name": name, "model": model, "data_type": data_type, "options": options });
        serde_json::from_value(definition).unwrap()
    };
    let fields = || {
        FieldCatalogue::of_location([
            field("cf1", "Shoe Size", "contact", "NUMERICAL", &[]),
            field("cf2", "Colour", "contact", "SINGLE_OPTIONS", &["Red", "Blue"]),
            field("cf3", "Budget", "opportunity", "MONETORY", &[]),
            field("cf4", "Colours", "contact", "CHECKBOX", &["Red", "Blue"]),
        ])
    };
    let text = "Email,Shoe Size,contact.colour,Budget,All\na@b.co,42,red,10,\"blue,red\"\nb@b.co,big,Green,10,\n";
    let mut mapping = Mapping::default();
    mapping.add("All=cf4").unwrap();
    let told = import(text.as_bytes(), ImportOptions { fields: fields(), mapping, ..us() }).unwrap();
    let values = |at: usize| {
        let fields = told.contacts[at].1.custom_fields.iter();
        fields.map(|field| (field.id.clone().unwrap(), field.value.clone())).collect::<Vec<_>>()
    };
    let expected = [("cf1", json!(42)), ("cf2", json!("Red")), ("cf4", json!(["Blue", "Red"]))];
    assert_eq!(values(0), expected.map(|(id, value)| (id.to_owned(), value)));
    assert_eq!((values(1), told.problems.len()), (vec![], 2));
    assert!(told.notes.iter().any(|note| note.column.as_deref() == Some("Budget")));
    // A location without custom fields has no place for any; of one that nobody has looked at, the key is believed.
    let with = |fields| {
        let mut mapping = Mapping::default();
        mapping.add("Budget=contact.budget").unwrap();
        import(text.as_bytes(), ImportOptions { fields, mapping, ..us() })
    };
    assert!(matches!(with(FieldCatalogue::of_location([])), Err(ImportError::Mapping(_))));
    assert!(with(FieldCatalogue::default()).is_ok());
}

#[test]
fn a_list_in_which_everybody_is_twice_is_merged_in_time() {
    let row = |person: usize| format!("p{person}@example.com,+1202{:07}\n", 2_000_000 + person);
    let half: String = (0..3_000).map(row).collect();
    let text = format!("Email,Phone\n{half}{half}");
    let told = import(text.as_bytes(), ImportOptions { same_person: SamePerson::MergeFirst, ..us() }).unwrap();
    assert_eq!((told.contacts.len(), told.held().len()), (3_000, 0));
}
