//! What holds of a whole file.

use std::collections::HashSet;

use proptest::prelude::*;

use super::*;

fn imported(text: &str) -> Import {
    read(text.as_bytes(), &ImportOptions::default()).unwrap()
}

fn only_contact(text: &str) -> Contact {
    let import = imported(text);
    let [ImportedContact { contact, .. }] = &*import.contacts else { panic!("{:?}", import.problems) };
    contact.clone()
}

fn problems(text: &str) -> Vec<String> {
    imported(text).problems.iter().map(Problem::to_string).collect()
}

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn the_sample_list_is_taken_whole() {
    let import = read(include_bytes!("../../../events/contacts.csv"), &ImportOptions::default()).unwrap();
    assert_eq!((import.contacts.len(), import.rows), (60, 60));
    assert_eq!((import.problems, import.unmapped), (vec![], vec![]));
    let phones: HashSet<_> = import.contacts.iter().filter_map(|imported| imported.contact.phone.as_ref()).collect();
    assert_eq!(phones.len(), 60);
}

#[test]
fn every_field_finds_its_place() {
    let contact = only_contact(
        "First Name,Last Name,Full Name,Email,Phone,Company/Business Name,Street Address,City,State,Postal Code,\
         Country,Website,Time Zone,Gender,Source,Date of Birth,DND,Tags\n\
         Ann,Lee, Ann Lee ,Ann@Example.com,(504) 621-8927,\"Lee, Ltd\",1 Main St,Newark,NJ,7102,\
         usa,https://example.com,America/New_York,female,Fair,2/3/1990,yes,\"vip, new\"\n",
    );
    let expected = Contact {
        first_name: some("Ann"),
        last_name: some("Lee"),
        name: some("Ann Lee"),
        email: some("Ann@Example.com"),
        phone: some("+15046218927"),
        company_name: some("Lee, Ltd"),
        address1: some("1 Main St"),
        city: some("Newark"),
        state: some("NJ"),
        postal_code: some("07102"),
        country: some("US"),
        website: some("https://example.com"),
        timezone: some("America/New_York"),
        gender: some("female"),
        source: some("Fair"),
        date_of_birth: some("1990-02-03"),
        dnd: Some(true),
        tags: vec!["vip".to_owned(), "new".to_owned()],
        ..Contact::default()
    };
    assert_eq!(contact, expected);
}

#[test]
fn an_empty_cell_is_an_absent_field() {
    let contact = only_contact("First Name;Email;Tags;City\n \u{a0};a@b.co;;\n");
    assert_eq!(contact, Contact { email: some("a@b.co"), ..Contact::default() });
}

#[test]
fn a_zip_code_is_restored_in_the_united_states_only() {
    let cases = [
        ("US,NJ", "08014", 1),
        (",NJ", "08014", 1),
        (",", "08014", 1),
        ("Puerto Rico,", "08014", 1),
        ("CH,", "8014", 0),
        (",NSW", "8014", 0),
        ("Atlantis,NJ", "8014", 0),
    ];
    for (place, zip, restored) in cases {
        let import = imported(&format!("Email,Zip,Country,State\na@b.co,8014,{place}\n"));
        assert_eq!(import.contacts[0].contact.postal_code.as_deref(), Some(zip), "{place}");
        assert_eq!(import.zip_restored, restored, "{place}");
    }
}

#[test]
fn a_national_number_is_read_where_the_country_is_known() {
    let cases = [(",", true), ("US,", true), ("Canada,ON", true), (",ON", true), ("DE,", false), ("Atlantis,", false)];
    for (place, is_read) in cases {
        let import = imported(&format!("Email,Phone,Country,State\na@b.co,504-621-8927,{place}\n"));
        assert_eq!(import.contacts[0].contact.phone.is_some(), is_read, "{place}");
    }
    let abroad = ImportOptions { assume_us: false, ..ImportOptions::default() };
    let import = read(b"Email,Phone\na@b.co,504-621-8927\n", &abroad).unwrap();
    assert_eq!(import.contacts[0].contact.phone, None);
}

#[test]
fn a_bad_value_is_left_out_and_its_row_goes_on() {
    let cases = [
        ("Phone", "12", "is not a US phone number, and without `+` it can be no other"),
        ("Phone", "none", "is not a phone number"),
        ("Country", "Atlantis", "is not a known country: give its two-letter code"),
        ("DOB", "31/12/1990", "is not a date like 1990-12-31 or 12/31/1990"),
        ("DND", "SMS", "is neither yes nor no"),
        ("Time Zone", "Eastern", "is not a time zone like America/New_York"),
        ("City", "Z\u{fffd}rich", "has a character that cannot be read"),
    ];
    for (column, value, message) in cases {
        let text = format!("Email,{column}\na@b.co,{value}\n");
        assert_eq!(problems(&text), [format!("row 2, column `{column}`: {message} (value left out)")]);
        assert_eq!(only_contact(&text), Contact { email: some("a@b.co"), ..Contact::default() });
    }
    let text = "Email,Phone\nnobody,504-621-8927 x9\n";
    assert_eq!(only_contact(text), Contact { phone: some("+15046218927"), ..Contact::default() });
    assert_eq!(
        problems(text),
        [
            "row 2, column `Email`: is not an e-mail address (value left out)",
            "row 2, column `Phone`: has an extension, which GHL has no place for (value cut)",
        ]
    );
}

#[test]
fn a_bad_row_is_left_out_and_the_others_go_on() {
    let long = "x".repeat(70_000);
    let cases = [
        ("Ann,,12,", "row 3, column `Phone`: is not a US phone number, and without `+` it can be no other"),
        ("Ann,nobody,,", "row 3, column `E-mail`: is not an e-mail address"),
        ("Ann,a@b.co", "row 3: the number of its cells is 2, and the header's is 4"),
        ("Ann,a@b.co,,,x", "row 3: the number of its cells is 5, and the header's is 4"),
        (
            "\"Ann\nLee\",a@b.co",
            "row 3: the number of its cells is 2, and the header's is 4: perhaps a quote is left open",
        ),
        (
            &format!("Ann,a@b.co,,{long}"),
            "row 3, column `City`: is longer than 65536 bytes: perhaps a quote is left open",
        ),
        ("Ann,FIRST@B.CO,,", "row 3: is the same contact as row 2"),
        (
            ",,,Paris",
            "row 3, column `E-mail`: field `email` is missing, and so are phone, name, firstName, lastName and \
             companyName: nothing says who this is",
        ),
    ];
    for (row, problem) in cases {
        let text = format!("Name,E-mail,Phone,City\n,first@b.co,,\n{row}\n,last@b.co,,,\n");
        let import = imported(&text);
        assert_eq!((import.rows, import.contacts.len(), import.rows_left_out()), (3, 2, 1), "{row}");
        assert_eq!(problems(&text), [format!("{problem} (row left out)")]);
    }
}

#[test]
fn blank_rows_are_counted_and_are_no_problem() {
    let import = imported("Email,Phone\n,\na@b.co,\n\n , \nc@d.co,\n,,,\n");
    assert_eq!((import.rows, import.blank_rows, import.problems.len()), (2, 3, 0));
    assert_eq!(import.contacts.iter().map(|imported| imported.row).collect::<Vec<_>>(), [3, 6]);
}

#[test]
fn a_huge_cell_costs_no_more_than_its_row() {
    let text = format!("Email,Notes\na@b.co,{}\nc@d.co,\n", "x".repeat(10 << 20));
    let import = imported(&text);
    assert_eq!(import.contacts.len(), 1);
    assert!(import.summary().to_string().len() < 1000);
}

#[test]
fn a_quote_left_open_is_a_problem_of_its_row() {
    let import = imported("Email,Notes\na@b.co,x\n\"b@b.co,x\nc@b.co,x\n");
    assert_eq!(import.contacts.len(), 1);
    assert!(import.problems[0].to_string().starts_with("row 3: the number of its cells is 1"), "{:?}", import.problems);
}

#[test]
fn the_same_file_addresses_the_same_records() {
    let list = |text| imported(text).contacts.into_iter().map(|imported| imported.id).collect::<Vec<_>>();
    let before = list("Email,City\na@b.co,Rome\nc@d.co,Oslo\n");
    let after = list("City;E-mail\nBern;c@d.co\nBern;A@B.CO\n");
    assert_eq!(before, [after[1].clone(), after[0].clone()]);
}

#[test]
fn a_contact_becomes_a_put() {
    let imported = imported("Email\na@b.co\n").contacts.remove(0);
    let (id, contact) = (imported.id.clone(), imported.contact.clone());
    let location_id = LocationId::new("loc").unwrap();
    let put = imported.into_put(location_id.clone(), Priority::Low);
    let payload = Payload::Contact(contact);
    assert_eq!(
        put,
        PutRecord { location_id, id, payload, priority: Priority::Low, ghl_id: None, is_new: false, conflict: None }
    );
}

#[test]
fn the_summary_tells_what_came_of_the_file_and_no_personal_data() {
    let bad: String = (0..12).map(|n| format!("nobody-{n},621-89{n:02},\n")).collect();
    let told = imported(&format!("E-mail,Phone,Zip\na@b.co,504-621-8927,8014\n{bad}"));
    let summary = told.summary().to_string();
    assert!(
        summary.starts_with(
            "rows read:       13, of which 1 became contacts and 12 were left out\n\
             columns used:    E-mail as email, Phone as phone, Zip as postalCode\n\
             columns not used: none\n\
             text:            UTF-8, cells separated by commas\n\
             ZIP codes:       1 got back their leading zeros\n\
             problems:        24\n  row 3, column `E-mail`: is not an e-mail address (value left out)\n"
        ),
        "{summary}"
    );
    assert!(summary.ends_with("\n  and 14 more"), "{summary}");
    for personal in ["nobody", "621", "a@b.co"] {
        assert!(!summary.contains(personal), "{summary}");
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes, &ImportOptions::default());
    }

    #[test]
    fn every_row_is_a_contact_or_a_problem(
        cells in "(First Name|E-?mail|phone1|zip|DOB)[,;\t]Email\n([a@.+19x\u{e9}\"\n,; /-]{0,12}\n){0,8}",
    ) {
        if let Ok(import) = read(cells.as_bytes(), &ImportOptions::default()) {
            let left_out = import.problems.iter().filter(|problem| problem.effect == Effect::RowLeftOut).count();
            prop_assert_eq!(import.rows_left_out(), left_out as u64);
            prop_assert_eq!(import.rows, (import.contacts.len() + left_out) as u64);
            for imported in import.contacts {
                prop_assert!(Payload::Contact(imported.contact).check().is_ok());
            }
        }
    }
}
