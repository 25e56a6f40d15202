//! Workbooks with cells that show something other than their value.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::workbook::{Workbook, inline, number, typed};
use common::{ImportResult, import, questions, us};
use ghl_sync_import::{FieldCatalogue, FileImportError, HiddenRows, ImportOptions};
use serde_json::json;

fn header(names: &[&str]) -> String {
    names.iter().map(|name| inline(name)).collect()
}

fn read(book: &Workbook) -> ImportResult {
    import(&book.bytes(), us()).unwrap()
}

/// One person with this cell in the second column, in a workbook with these formats.
fn one(name: &str, cell: String, formats: &[&'static str]) -> ImportResult {
    let rows = [header(&["Email", name]), inline("a@example.com") + &cell];
    read(&Workbook { formats: formats.to_vec(), ..Workbook::of(&rows) })
}

#[test]
fn a_birthday_is_the_day_that_its_format_shows_or_is_told() {
    let birth = |value: &str, format: &'static str| {
        let told = one("Birthday", number(value, 1), &[format]);
        (told.contact(2).date_of_birth.clone(), told.cells().len())
    };
    for format in
        ["mm-dd-yy", "dd.mm.yyyy", "[$-407]d. mmmm yyyy;@", "yyyy\\-mm\\-dd", "m/d/yy h:mm", "dd/mm/yyyy;@", "General"]
    {
        assert_eq!(birth("33373", format), (Some("1991-05-15".to_owned()), 0), "{format}");
    }
    assert_eq!(birth("33373.5", "m/d/yy h:mm"), (Some("1991-05-15".to_owned()), 0));
    // Entered without a year or a day, for which Excel adds the current year or the first of the month.
    for format in ["d-mmm", "mmm-yy", "dd/mm", "yyyy"] {
        assert_eq!(birth("45427", format), (None, 1), "{format}");
    }
    let early = Workbook {
        formats: vec!["yyyy-mm-dd"],
        counts_from_1904: true,
        ..Workbook::of(&[
            header(&["Email", "Birthday"]),
            inline("a@example.com") + &number("31911", 1),
            inline("b@example.com") + &number("31911", 0),
        ])
    };
    let told = read(&early);
    assert_eq!((told.contact(2).date_of_birth.as_deref(), told.cells()), (Some("1991-05-15"), vec![(3, "Birthday")]));
    assert_eq!(
        one("Birthday", typed("d", "1991-05-15T00:00:00"), &[]).contact(2).date_of_birth.as_deref(),
        Some("1991-05-15")
    );
}

#[test]
fn phone_numbers_that_are_numbers_arrive_whole() {
    let phone = |value: &str, format: &'static str| {
        let told = one("Phone", number(value, 1), &[format]);
        (told.contact(2).phone.clone(), told.cells().len())
    };
    let some = |text: &str| Some(text.to_owned());
    for (value, format) in [
        ("2025550143", "General"),
        ("2025550143.0", "0"),
        ("2.025550143E9", "0.00E+00"),
        ("12025550143", "0"),
        ("2025550143", "[<=9999999]###\\-####;\\(###\\)\\ ###\\-####"),
        ("2025550143", "000\\-000\\-0000"),
    ] {
        assert_eq!(phone(value, format), (some("+12025550143"), 0), "{value} {format}");
    }
    assert_eq!(phone("4.915123456789E12", "\\+0"), (some("+4915123456789"), 0));
    assert_eq!(phone("4915123456789", "\"+\"#"), (some("+4915123456789"), 0));
    // More digits than a spreadsheet keeps.
    assert_eq!(phone("1.2025550143202E17", "0"), (None, 1));
}

#[test]
fn leading_zeros_of_a_format_are_a_part_of_the_code() {
    let code =
        |value: &str, format: &'static str| one("Zip", number(value, 1), &[format]).contact(2).postal_code.clone();
    for (value, format, shown) in [
        ("7030", "00000", "07030"),
        ("7030", "General", "07030"),
        ("70301234", "00000\\-0000", "07030-1234"),
        ("1067", "[$-407]00000", "01067"),
        ("94105.0", "0", "94105"),
    ] {
        assert_eq!(code(value, format).as_deref(), Some(shown), "{format}");
    }
}

#[test]
fn errors_are_told_and_hold_a_row_back_where_consent_is_asked() {
    for (error, cells) in [
        ("#N/A", vec![]),
        ("#NULL!", vec![]),
        ("#REF!", vec![(2, "City")]),
        ("#VALUE!", vec![(2, "City")]),
        ("#DIV/0!", vec![(2, "City")]),
        ("#NAME?", vec![(2, "City")]),
        ("#NUM!", vec![(2, "City")]),
    ] {
        let told = one("City", typed("e", error), &[]);
        assert_eq!((told.contact(2).city.as_deref(), told.rows(), told.cells()), (None, vec![2], cells), "{error}");
        assert_eq!(one("Unsubscribed", typed("e", error), &[]).held(), [2], "{error}");
        assert_eq!(one("Email opt-in", typed("e", error), &[]).held(), [2], "{error}");
    }
    assert_eq!(one("Unsubscribed", typed("b", "1"), &[]).contact(2).dnd, Some(true));
    assert_eq!(one("Unsubscribed", typed("b", "0"), &[]).contact(2).dnd, None);
    assert!(one("Email opt-in", typed("b", "0"), &[]).contact(2).dnd_settings.is_some());
    assert_eq!(one("Unsubscribed", number("1", 0), &[]).contact(2).dnd, Some(true));
}

/// Two people with such a cell between others; the cells carry positions.
fn with_strange_error(column: &str, error: &str) -> Workbook {
    let cell = |place: &str, text: &str| inline(text).replacen("<c ", &format!("<c r=\"{place}\" "), 1);
    let strange = format!("<c r=\"B2\" t=\"e\"><f>X()</f><v>{error}</v></c>");
    let rows = [
        cell("A1", "Email") + &cell("B1", column) + &cell("C1", "First Name"),
        cell("A2", "a@example.com") + &strange + &cell("C2", "Ann"),
        cell("A3", "b@example.com") + &cell("B3", "no") + &cell("C3", "Bo"),
    ];
    Workbook::of(&rows)
}

#[test]
fn an_error_of_a_newer_function_damages_its_own_cell_only() {
    for error in ["#SPILL!", "#CALC!", "#FIELD!", "#BUSY!", "#PYTHON!", "#GETTING_DATA"] {
        let told = read(&with_strange_error("City", error));
        assert_eq!((told.rows(), told.cells()), (vec![2, 3], vec![(2, "City")]), "{error}");
        assert_eq!((told.contact(2).first_name.as_deref(), told.contact(3).city.as_deref()), (Some("Ann"), Some("no")));
        let told = read(&with_strange_error("Unsubscribed", error));
        assert_eq!((told.rows(), told.held()), (vec![3], vec![2]), "{error}");
    }
}

#[test]
fn hidden_rows_are_asked_about_and_left_out_or_imported_as_told() {
    let person = |name: &str, dnd: &str| inline(name) + &inline(&format!("{name}@example.com")) + &inline(dnd);
    let rows = [
        format!("<row r=\"1\">{}</row>", header(&["First Name", "Email", "DND"])),
        format!("<row r=\"2\">{}</row>", person("ann", "")),
        format!("<row r=\"3\" hidden=\"1\">{}</row>", person("bo", "")),
        format!("<row r=\"4\" hidden=\"true\">{}</row>", person("ann", "yes")),
        "<row r=\"5\" hidden=\"1\"/>".to_owned(),
    ];
    let book = Workbook { sheets: vec![("People", "visible", rows.concat(), String::new())], ..Workbook::default() };
    let asked = questions(&book.bytes(), us());
    assert!(asked.contains("hides 2 rows") && asked.contains("--hidden-rows"), "{asked}");
    let told = |hidden_rows| import(&book.bytes(), ImportOptions { hidden_rows: Some(hidden_rows), ..us() }).unwrap();
    let all = told(HiddenRows::Import);
    assert_eq!((all.rows(), all.held()), (vec![2, 3], vec![4]));
    let shown = told(HiddenRows::LeaveOut);
    assert_eq!((shown.rows(), shown.not_people.clone()), (vec![2], vec![3, 4]));
    assert_eq!(
        (all.contact(2).dnd, shown.contact(2).dnd),
        (Some(true), Some(true)),
        "a refusal counts, also a hidden one"
    );
    let shown_only = Workbook::of(&[header(&["Email"]), inline("a@example.com")]);
    assert_eq!(read(&shown_only).rows(), [2]);
}

#[test]
fn formulas_are_their_values_and_those_that_have_none_are_told() {
    let with_value = "<c t=\"str\"><f>A2&amp;\"x\"</f><v>Rome</v></c>";
    assert_eq!(one("City", with_value.to_owned(), &[]).contact(2).city.as_deref(), Some("Rome"));
    let number = "<c><f>A1+1</f><v>7030</v></c>";
    assert_eq!(one("Zip", number.to_owned(), &[]).contact(2).postal_code.as_deref(), Some("07030"));
    let empty = "<c t=\"str\"><f>IF(A1=1,\"x\",\"\")</f><v></v></c>";
    assert_eq!(one("City", empty.to_owned(), &[]).cells(), []);
    for formula in ["VLOOKUP(A2,Old!A:B,2,FALSE)", "\"Ro\"&amp;\"me\"", "_xlfn.XLOOKUP(A2,B:B,C:C)"] {
        let told = one("City", format!("<c><f>{formula}</f><v></v></c>"), &[]);
        assert_eq!((told.contact(2).city.as_deref(), told.cells()), (None, vec![(2, "City")]), "{formula}");
        assert_eq!(one("Unsubscribed", format!("<c><f>{formula}</f></c>"), &[]).held(), [2], "{formula}");
    }
}

#[test]
fn texts_are_whole_whatever_their_runs_blanks_and_escapes() {
    let shared = Workbook {
        shared: vec![
            "<t>Email</t>",
            "<t>City</t>",
            "<r><rPr><b/></rPr><t>a@exam</t></r><r><t>ple.com</t></r>",
            "<r><t xml:space=\"preserve\">San </t></r><r><rPr><i/></rPr><t>José</t></r><rPh sb=\"0\" eb=\"1\"><t>x</t></rPh>",
            "<t xml:space=\"preserve\">  b@example.com </t>",
            "<t>Line_x000D_\nTwo</t>",
        ],
        ..Workbook::of(&[
            typed("s", "0") + &typed("s", "1"),
            typed("s", "2") + &typed("s", "3"),
            typed("s", "4") + &typed("s", "5"),
        ])
    };
    let told = read(&shared);
    assert_eq!(
        (told.contact(2).email.as_deref(), told.contact(2).city.as_deref()),
        (Some("a@example.com"), Some("San José"))
    );
    assert_eq!(told.contact(3).email.as_deref(), Some("b@example.com"));
    let city = told.contact(3).city.clone().unwrap_or_default();
    assert!(!city.contains("_x000D_") && city.starts_with("Line") && city.ends_with("Two"), "{city:?}");
}

#[test]
fn titles_merged_cells_and_empty_rows_and_columns_move_nobody() {
    let text = |at: &str, text: &str| format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{text}</t></is></c>");
    let rows = [
        format!("<row r=\"2\">{}</row>", text("B2", "Our customers")),
        format!("<row r=\"4\">{}{}{}</row>", text("C4", "Email"), text("D4", "Company"), text("E4", "Address")),
        format!("<row r=\"5\">{}{}{}</row>", text("E5", "Street"), text("F5", "City"), text("G5", "Zip")),
        format!("<row r=\"6\">{}{}{}</row>", text("C6", "a@example.com"), text("D6", "Acme"), text("F6", "Rome")),
        format!("<row r=\"7\">{}</row>", text("C7", "b@example.com")),
        "<row r=\"8\"><c r=\"C8\" s=\"1\"/></row>".to_owned(),
        format!("<row r=\"9\">{}{}</row>", text("C9", "c@example.com"), text("D9", "Other")),
    ];
    let merged = "<mergeCells><mergeCell ref=\"B2:G2\"/><mergeCell ref=\"C4:C5\"/><mergeCell ref=\"D4:D5\"/>\
                  <mergeCell ref=\"E4:G4\"/><mergeCell ref=\"D6:D8\"/></mergeCells>";
    let book = Workbook { sheets: vec![("S", "visible", rows.concat(), merged.to_owned())], ..Workbook::default() };
    let told = read(&book);
    assert_eq!((told.plan.header_row(), told.rows()), (5, vec![6, 7, 9]));
    let companies: Vec<Option<&str>> = told.contacts.iter().map(|(_, it)| it.company_name.as_deref()).collect();
    assert_eq!(companies, [Some("Acme"), Some("Acme"), Some("Other")]);
    assert_eq!(told.contact(6).city.as_deref(), Some("Rome"));
}

#[test]
fn of_several_sheets_that_with_the_people_is_read_and_others_are_named() {
    let row = |cells: &[&str]| format!("<row>{}</row>", header(cells));
    let people = row(&["Email", "City"]) + &row(&["a@example.com", "Rome"]);
    let others = row(&["Email", "City"]) + &row(&["z@example.com", "Oslo"]);
    let codes = row(&["Country", "Code"]) + &row(&["Germany", "DE"]);
    let bare = row(&["y@example.com", "Oslo"]);
    let book = |sheets: &[(&'static str, &'static str, &String)]| Workbook {
        sheets: sheets.iter().map(|(name, state, rows)| (*name, *state, (*rows).clone(), String::new())).collect(),
        ..Workbook::default()
    };
    let told = read(&book(&[("Codes", "visible", &codes), ("People", "visible", &people)]));
    assert_eq!((told.plan.sheet(), told.notes.len()), (Some("People"), 0));
    let told = read(&book(&[("Old", "hidden", &others), ("People", "visible", &people), ("Bare", "visible", &bare)]));
    assert_eq!((told.plan.sheet(), told.contacts.len()), (Some("People"), 1));
    let noted: Vec<&str> = told.notes.iter().map(|note| note.message.as_str()).collect();
    assert!(noted[0].contains("`Old`") && noted[1].contains("`Bare`") && noted.len() == 2, "{noted:?}");
    let both = book(&[("Old", "visible", &others), ("People", "visible", &people)]).bytes();
    assert!(matches!(import(&both, us()), Err(FileImportError::Open { .. })));
    let told = import(&both, ImportOptions { sheet: Some("Old".to_owned()), ..us() }).unwrap();
    assert_eq!(told.contact(2).city.as_deref(), Some("Oslo"));
    let hidden_only = read(&book(&[("Old", "veryHidden", &others), ("Codes", "visible", &codes)]));
    assert_eq!(hidden_only.plan.sheet(), Some("Old"));
}

#[test]
fn custom_fields_get_what_the_sheet_shows() {
    let definition = |name: &str, data_type: &str| {
        serde_json::from_value(
            json!({ "id": name, "key": null, "name": name, "model": "contact", "data_type": data_type }),
        )
        .unwrap()
    };
    let fields = FieldCatalogue::of_location([
        definition("Share", "TEXT"),
        definition("Rate", "NUMERICAL"),
        definition("Member", "TEXT"),
        definition("Seen", "DATE"),
    ]);
    let rows = [
        header(&["Email", "Share", "Rate", "Member", "Seen"]),
        inline("a@example.com")
            + &number("0.07", 1)
            + &number("0.30000000000000004", 0)
            + &number("42", 2)
            + &number("45427.25", 3),
        inline("b@example.com") + &number("0.5", 0) + &number("1234.5", 4) + &number("1.2345678901234567E17", 0),
    ];
    let book = Workbook { formats: vec!["0%", "000000", "d/m/yyyy h:mm", "#,##0.00 \"€\""], ..Workbook::of(&rows) };
    let told = import(&book.bytes(), ImportOptions { fields, ..us() }).unwrap();
    let values = |row| {
        let json = serde_json::to_value(told.contact(row)).unwrap();
        json["customFields"].as_array().unwrap().iter().map(|field| field["value"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(values(2), [json!("7%"), json!(0.3), json!("000042"), json!("2024-05-15")]);
    assert_eq!((values(3), told.cells()), (vec![json!("0.5"), json!(1234.5)], vec![(3, "Member")]));
}

#[test]
fn a_refusal_is_what_the_sheet_shows_and_holds_for_all_columns_that_it_is_merged_over() {
    let shown = |value: &str, format: &'static str| {
        let told = one("Unsubscribed", number(value, 1), &[format]);
        told.contact(2).dnd
    };
    assert_eq!(shown("0", "\"No\";;\"Yes\""), Some(true));
    assert_eq!(shown("1", "\"No\";;\"Yes\""), None);
    assert_eq!(shown("2", "[=1]\"No\";\"Yes\""), Some(true));
    let rows = [
        inline("Email") + &inline("Email Opt Out") + &inline("SMS Opt Out"),
        inline("a@example.com") + &inline("yes"),
        inline("b@example.com") + &inline("no"),
    ];
    let mut book = Workbook::of(&rows);
    book.sheets[0].3 = "<mergeCells count=\"1\"><mergeCell ref=\"B2:C2\"/></mergeCells>".to_owned();
    let told = import(&book.bytes(), us()).unwrap();
    let closed = serde_json::to_value(&told.contact(2).dnd_settings).unwrap();
    assert!(closed["Email"].is_object() && closed["SMS"].is_object(), "{closed}");
    assert!(told.contact(3).dnd_settings.is_none());
}

#[test]
fn ids_with_letters_of_a_format_are_two() {
    let rows = [
        inline("Email") + &inline("Member No"),
        inline("a@example.com") + &number("7", 1),
        inline("b@example.com") + &number("7", 2),
    ];
    let book = Workbook { formats: vec!["\"M-\"0000", "\"S-\"0000"], ..Workbook::of(&rows) };
    let mut options = us();
    options.mapping.add("Member No=id").unwrap();
    assert_eq!(import(&book.bytes(), options).unwrap().rows(), [2, 3]);
}

#[test]
fn the_name_of_a_sheet_may_refuse_contact() {
    let rows = |name: &'static str| {
        let mut book = Workbook::of(&[header(&["Name", "Email"]), inline("Ann") + &inline("a@example.com")]);
        book.sheets[0].0 = name;
        book
    };
    assert_eq!((read(&rows("Do Not Contact")).held(), read(&rows("Contacts")).rows()), (vec![2], vec![2]));
}
