//! Values of single cells: phone numbers, addresses, dates, countries, texts, and words for empty.

use ghl_sync_import::{DateOrder, FileImportError, ImportOptions};
use serde_json::json;

use crate::common::{import, list, questions, us};

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

fn phones(text: &str) -> Vec<Option<String>> {
    list(text).contacts.into_iter().map(|(_, contact)| contact.phone).collect()
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
    assert!(matches!(phones(Some("Atlantis")), Err(FileImportError::UnknownCountry(_))));
    let alone = import(b"Name,Phone\nAnn,202-555-0143\n", ImportOptions { country: None, ..us() }).unwrap();
    assert_eq!((alone.rows(), alone.held()), (vec![], vec![2]));
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
fn what_nobody_sees_is_taken_out() {
    let told = list(
        "First Name,Email,Phone\nIda,ida@exam\u{200b}ple.com,+1 202 555 0143\nPer,\u{200b}per@example.com\u{a0},\u{202a}+1 202 555 0144\u{202c}\nMax,max@example.com\u{ad},\nIda,ida@example.com,\n",
    );
    assert_eq!(told.contact(2).email.as_deref(), Some("ida@example.com"));
    assert_eq!(told.contact(3).phone.as_deref(), Some("+12025550144"));
    assert_eq!((told.contact(4).email.as_deref(), told.held()), (Some("max@example.com"), vec![5]));
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
