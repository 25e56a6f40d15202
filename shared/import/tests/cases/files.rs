//! From a file's bytes to rows and cells: encodings, delimiters, quotes, files that are not lists and lines that are
//! not rows.

use ghl_sync_import::{FileImportError, ImportOptions, NotAList};

use crate::common::{import, list, questions, us};

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
        (include_bytes!("../data/windows-1251.csv").as_slice(), "windows-1251", "Иван"),
        (include_bytes!("../data/macintosh.csv").as_slice(), "mac", "José"),
        (b"Email,First Name\nt@example.com,\x91\xbe\x98Y\n".as_slice(), "shift_jis", "太郎"),
        (b"Email;First Name\nl@example.com;\xa3ukasz\n".as_slice(), "windows-1250", "Łukasz"),
        (b"Email;First Name\nl@example.com;Jos\xe9\n".as_slice(), "windows-1252", "José"),
    ] {
        assert!(questions(bytes, us()).contains("--encoding"), "{label}");
        let told = import(bytes, ImportOptions { encoding: Some(label.to_owned()), ..us() }).unwrap();
        assert_eq!(told.contact(2).first_name.as_deref(), Some(name));
    }
    assert!(questions(include_bytes!("../data/windows-1251.csv"), us()).contains("Иван"));
    let unknown = import(b"Email\n\xe9\n", ImportOptions { encoding: Some("klingon".to_owned()), ..us() });
    assert!(matches!(unknown, Err(FileImportError::UnknownEncoding(_))));
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
fn cells_are_separated_by_what_makes_sense_of_the_header() {
    for sign in [',', ';', '\t', '|', ':', '^', '~'] {
        let text = "First Name,Email,City\nIda,ida@example.com,Rome\n".replace(',', &sign.to_string());
        assert_eq!(list(&text).contact(2).city.as_deref(), Some("Rome"), "{sign}");
    }
    let told = list("Name;Email;Address (street, city, zip)\nIda;i@example.com;1 Elm St, Salem, 97301\n");
    assert_eq!(told.contact(2).address1.as_deref(), Some("1 Elm St, Salem, 97301"));
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
fn short_rows_are_padded_and_long_ones_told() {
    let told = list(
        "First Name,Email,City,Notes\nJill,jill@example.com,Rome,\nGreg,greg@example.com\nKim,kim@example.com,Oslo,x,y\n\"Lee, Jr\",lee@example.com,Bern,x,,\n",
    );
    assert_eq!((told.rows(), told.held()), (vec![2, 3, 5], vec![4]));
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
fn each_row_that_is_left_out_is_named() {
    let rows: String = (0..60)
        .map(|n| if n % 2 == 0 { format!("P{n},p{n}@example.com\n") } else { format!("P{n},p{n}@example\n") })
        .collect();
    let told = list(&format!("First Name,Email\n{rows}"));
    assert_eq!(told.held(), (0..60).filter(|n| n % 2 == 1).map(|n| n + 2).collect::<Vec<u64>>());
    assert!(told.held_back.iter().all(|problem| problem.column.as_deref() == Some("Email")));
}

#[test]
fn a_corrected_list_of_rejects_is_read_without_a_question() {
    let told = list("Email,Do Not Call,_row,_column,_problem\na@example.com,yes,7,Do Not Call,cannot be read\n");
    assert_eq!((told.rows(), told.notes), (vec![2], vec![]));
}

#[test]
fn files_that_are_no_lists_are_said_to_be_so() {
    let cases: [(&[u8], NotAList); 6] = [
        (b"%PDF-1.4\n1 0 obj", NotAList::Pdf),
        (b"\x89PNG\r\n\x1a\n", NotAList::Image),
        (b"<!DOCTYPE html><html><title>Log in</title>", NotAList::Html),
        (b"PK\x03\x04 no workbook PK\x05\x06", NotAList::Archive),
        (b"PK\x03\x04 no end", NotAList::CutArchive),
        (b"\0\x01\x02\x03\x04\x05\x06\x07", NotAList::Binary),
    ];
    for (bytes, what) in cases {
        assert!(matches!(import(bytes, us()), Err(FileImportError::NotAList(found)) if found == what), "{what:?}");
    }
    assert!(matches!(import(b" \n", us()), Err(FileImportError::Empty)));
    assert!(matches!(import(b"", us()), Err(FileImportError::Empty)));
    assert!(matches!(import(b"ida@example.com,Ida\n", us()), Err(FileImportError::NoHeader { .. })));
    assert!(matches!(import(b"Foo,Bar\n1,2\n", us()), Err(FileImportError::NoUsableColumn { .. })));
}

#[test]
fn a_packed_list_that_is_cut_off_is_said_to_be_so() {
    let whole = include_bytes!("../data/packed.csv.gz");
    assert!(import(whole, us()).is_ok());
    let error = import(&whole[..whole.len() - 12], us()).err().unwrap();
    assert!(matches!(error, FileImportError::Packed(_)), "{error}");
}
