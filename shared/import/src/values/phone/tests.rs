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

#[test]
fn what_a_country_dials_before_numbers_of_others_is_read_as_that_in_this_country_only() {
    let cases = [
        ("011 44 20 7946 0018", "US", Some("+442079460018")),
        ("011442079460018", "CA", Some("+442079460018")),
        ("0011 44 20 7946 0018", "AU", Some("+442079460018")),
        ("010 44 20 7946 0018", "JP", Some("+442079460018")),
        ("8 10 44 20 7946 0018", "RU", Some("+442079460018")),
        ("0044 20 7946 0018", "US", Some("+442079460018")),
        ("011 4345-6789", "AR", Some("+541143456789")),
        ("011 98123-4567", "BR", Some("+5511981234567")),
        ("011 784 1234", "ZA", Some("+27117841234")),
        ("011 2345 6789", "IN", Some("+911123456789")),
    ];
    for (cell, country, e164) in cases {
        assert_eq!(read(cell, Some(country)).map(|(e164, _)| e164).as_deref(), e164, "{cell} in {country}");
    }
    assert_eq!(phone("011 4345-6789", None), Err(NO_COUNTRY));
}

#[test]
fn a_national_number_that_its_country_does_not_have_is_refused() {
    let cases = [
        ("(617) 555-0111", "GB"),
        ("(617) 555-0111", "AU"),
        ("(617) 555-0111", "DE"),
        ("(212) 736-5000", "AU"),
        ("(212) 736-5000", "DE"),
        ("212-736-5000", "DE"),
        ("98123-4567", "BR"),
        ("9876 5432", "AU"),
        ("784 1234", "ZA"),
        ("2345 6789", "IN"),
        ("234 5678", "IL"),
        ("123 45 67", "SE"),
        ("234 56 78", "TR"),
        ("345 6789", "NZ"),
        ("07700 900123", "IE"),
        ("98765 43210", "US"),
        ("291-555-0111", "US"),
    ];
    for (cell, country) in cases {
        assert_eq!(read(cell, Some(country)), None, "{cell} in {country}");
    }
    // A plus is meant literally, and some ranges are newer than the library.
    assert_eq!(read("+49 30 5550123", Some("US")), Some(("+49305550123".to_owned(), false)));
}

#[test]
fn national_numbers_are_read_as_they_are_written_where_they_belong() {
    let cases = [
        ("0212 555 12 34", "TR", "+902125551234"),
        ("(532) 123 45 67", "TR", "+905321234567"),
        ("(442) 123-4567", "MX", "+524421234567"),
        ("3514960123", "DE", "+493514960123"),
        ("0351/496-0123", "DE", "+493514960123"),
        ("(02) 9374 4000", "AU", "+61293744000"),
        ("412 345 678", "AU", "+61412345678"),
        ("011 981234567", "BR", "+5511981234567"),
        ("8 (495) 123-45-67", "RU", "+74951234567"),
        ("03-1234-5678", "JP", "+81312345678"),
        ("617 5550111", "US", "+16175550111"),
    ];
    for (cell, country, e164) in cases {
        assert_eq!(read(cell, Some(country)), Some((e164.to_owned(), false)), "{cell} in {country}");
    }
}
