//! Phone numbers as people write them.

use super::*;

fn read(cell: &str, country: Option<&str>) -> Option<(String, bool)> {
    phone(cell, country).ok().map(|phone| (phone.e164, phone.left.is_some()))
}

proptest::proptest! {
    #[test]
    fn a_plain_number_of_north_america_is_what_the_library_makes_of_it(
        start in "\\+?1?[ (.-]?", cell in "[0-9]{2,4}[) .-]{0,3}[0-9]{2,4}[ .-]{0,3}[0-9]{3,5}(\\.0)?",
        country in proptest::sample::select(vec![Some("US"), Some("CA"), Some("DE"), None]),
    ) {
        let cell = start + &cell;
        if let Some(e164) = plain_north_american(&cell, country) {
            proptest::prop_assert_eq!(any_phone(&cell, country), Ok(Phone { e164, left: None }));
        }
    }
}

#[test]
fn a_number_becomes_e164() {
    let cases = [
        ("504-621-8927", Some("US"), "+15046218927"),
        ("(504) 621-8927", Some("US"), "+15046218927"),
        ("1 504.621.8927", Some("US"), "+15046218927"),
        ("504\u{a0}621\u{2013}8927", Some("US"), "+15046218927"),
        ("+44 (0)20 7946 0018", None, "+442079460018"),
        ("+49 (0)30 5550123", None, "+49305550123"),
        ("+44 07700 900123", None, "+447700900123"),
        ("0044 20 7946 0018", Some("US"), "+442079460018"),
        ("+33 (0)1 99 00 12 34", None, "+33199001234"),
        ("00 1 202 555 0143", Some("US"), "+12025550143"),
        ("+39 06 698 12345", None, "+390669812345"),
        ("030/123456", Some("DE"), "+4930123456"),
        ("98765 43210", Some("IN"), "+919876543210"),
        ("２０２５５５０１４３", Some("US"), "+12025550143"),
        ("p:+12025550143", None, "+12025550143"),
        ("tel:+12025550143", None, "+12025550143"),
        ("2025550145.0", Some("US"), "+12025550145"),
        ("1.2025550143E+10", Some("US"), "+12025550143"),
        ("12025550146", Some("US"), "+12025550146"),
        ("+15556667777", None, "+15556667777"),
    ];
    for (cell, country, e164) in cases {
        assert_eq!(read(cell, country), Some((e164.to_owned(), false)), "{cell}");
    }
}

#[test]
fn what_does_not_fit_in_is_told() {
    let cases = [
        ("504-621-8927 x12", "+15046218927"),
        ("504-621-8927, Extension: 12", "+15046218927"),
        ("+49 30 555012/13", "+4930555012"),
        ("+49 30 555012, +49 30 555013", "+4930555012"),
        ("202-555-0143 / 202-555-0144", "+12025550143"),
        ("+1 202-555-0143 ::: +1 202-555-0144", "+12025550143"),
        ("202-555-0143 (home)", "+12025550143"),
    ];
    for (cell, e164) in cases {
        assert_eq!(read(cell, Some("US")), Some((e164.to_owned(), true)), "{cell}");
    }
}

#[test]
fn what_is_not_sure_is_refused() {
    let us = [
        "",
        "+",
        "unknown",
        "621-8927",
        "1.20256E+10",
        "########",
        "104-621-8927",
        "+49 30 555012 - 99",
        "442079460018",
        "0000000000",
        "+11234567890",
        "504-621-8927 or later",
        "(555) 555-5555",
        "9999999999",
        "504+6218927",
    ];
    for cell in us {
        assert_eq!(read(cell, Some("US")), None, "{cell}");
    }
    assert_eq!(read("4915123456789", Some("DE")), None, "it may have lost its plus");
    assert_eq!(read("442079460018", Some("GB")), Some(("+442079460018".to_owned(), false)));
    for cell in ["504-621-8927", "98765 43210", "412 345 678"] {
        assert_eq!(phone(cell, None), Err(NO_COUNTRY), "{cell}");
    }
}

#[test]
fn dates_prices_and_ids_do_not_look_like_phone_numbers() {
    for cell in ["+1 202 555 0143", "(202) 555-0143", "202-555-0143", "020 7946 0018", "+442079460018"] {
        assert!(looks_like_phone(cell), "{cell}");
    }
    for cell in [
        "2024-05-01",
        "15/04/1991",
        "2025550143",
        "1234567.89",
        "-123.456789",
        "2024-03-01 10:22:11",
        "Elm St 12345678",
    ] {
        assert!(!looks_like_phone(cell), "{cell}");
    }
}
