//! The contact lists that `sync` reads or refuses, and its messages about their rows.

use super::*;

#[test]
fn a_file_that_is_no_contact_list_is_refused_with_the_reason() {
    let folder = folder("not-a-list");
    let missing = run(&mut local(&["sync", text(&folder.join("missing.csv"))]));
    assert_eq!(missing.status, Some(1));
    assert!(missing.err.contains("missing.csv: No such file"), "{}", missing.err);

    let cases: [(&str, &[u8], &str); 8] = [
        ("empty.csv", b"", "the file is empty"),
        ("blank.csv", b" \r\n\r\n", "the file is empty"),
        ("archive.zip", b"PK\x03\x04rest", "another ZIP archive whose end is missing"),
        ("login.csv", b"<!DOCTYPE html><title>Log in</title>", "an HTML page"),
        ("list.pdf", b"%PDF-1.7", "a PDF document"),
        ("binary.csv", b"\0\x01\x02\x03\x04\x05\x06\x07", "binary data"),
        ("no-header.csv", b"Ada,ada@example.com\n", "no row names the columns"),
        ("no-column.csv", b"City,Score\nBoston,7\n", "the columns are: City, Score"),
    ];
    for (name, bytes, reason) in cases {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let ended = run(&mut local(&["sync", text(&file)]));
        assert_eq!(ended.status, Some(1), "{name}");
        assert!(ended.err.starts_with("error: ") && ended.err.contains(reason), "{name}: {}", ended.err);
        assert!(!ended.err.contains("ada@"), "{name}: {}", ended.err);
    }
}

#[test]
fn lists_in_other_encodings_are_understood() {
    let folder = folder("encodings");
    let list = "First Name,Email\r\nZoë,zoe@example.com\r\nJosé,jose@example.com\r\n";
    let utf16 = std::iter::once(0xfeff).chain(list.encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let latin1: Vec<u8> = list.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect();
    let with_mark = format!("\u{feff}{list}").into_bytes();
    let cases: [(&str, Vec<u8>, &str); 3] = [
        ("utf16.csv", utf16, "UTF-16LE"),
        ("latin1.csv", latin1.clone(), "windows-1252"),
        ("mark.csv", with_mark, "UTF-8"),
    ];
    for (name, bytes, encoding) in cases {
        let file = folder.join(name);
        std::fs::write(&file, bytes).unwrap();
        let told = if name == "latin1.csv" { vec!["--encoding", encoding] } else { vec![] };
        let (ended, report) = sync(&folder, &[&[text(&file)], told.as_slice()].concat());
        assert_eq!((ended.status, records(&report)), (Some(0), [2, 0, 0, 0]), "{name}: {}", ended.err);
        assert!(ended.out.contains(encoding), "{name}: {}", ended.out);
    }

    // An unproven encoding is asked about, and nothing is put.
    let file = folder.join("latin1.csv");
    std::fs::write(&file, latin1).unwrap();
    let (ended, report) = sync(&folder, &[text(&file)]);
    assert_eq!(ended.status, Some(2), "{}", ended.err);
    assert!(ended.err.contains("--encoding windows-1252") && ended.err.contains("Zoë"), "{}", ended.err);
    assert_eq!(report.pointer("/import/questions/0/question"), Some(&Value::from("encoding")));
}

#[test]
fn good_rows_go_on_without_the_bad_ones() {
    let folder = folder("bad-rows");
    let file = folder.join("list.csv");
    let rows = [
        "First Name,Last Name,Email,Phone,Shoe Size",
        "Ada,Byron,ada@example.com,+1 617-555-0100,7",
        "Grace,Hopper,this is no address,+1 617-555-0101,8",
        ",,,,9",
        "Ada,Byron,ADA@example.com,+1 617-555-0100,7",
        "Alan,Turing,alan@example.com,call me,10",
        "Too,Few",
        "",
        "Edsger,Dijkstra,edsger@example.com,,,surplus",
    ];
    std::fs::write(&file, rows.join("\n")).unwrap();
    let (rejects, results) = (folder.join("rejects.csv"), folder.join("results.csv"));
    let (ended, report) = sync(&folder, &[text(&file), "--rejects", text(&rejects), "--results", text(&results)]);
    assert_eq!(ended.status, Some(3), "{}", ended.err);
    assert_eq!((whole(&report, "/records/total"), records(&report)), (4, [4, 0, 0, 0]));
    for line in [
        "rows read:       7, of which 4 became contacts and 3 were left out; 1 blank rows besides",
        "columns not used: Shoe Size",
        "row 3, column `Email`: is not an e-mail address (value left out)",
        "row 4: has no e-mail address, phone number, name or company",
        "row 5: has the e-mail address of row 2",
        "row 6, column `Phone`: is not a phone number (value left out)",
        "row 9: has 6 cells, and the header has 5",
    ] {
        assert!(ended.out.contains(line), "{line}: {}", ended.out);
    }
    let counts = ["rows", "accepted", "left_out", "header_row"].map(|name| whole(&report, &format!("/import/{name}")));
    assert_eq!(counts, [7, 4, 3, 1]);
    let problem = report
        .pointer("/import/problems")
        .and_then(Value::as_array)
        .unwrap()
        .iter()
        .find(|problem| problem["row"] == 3);
    assert_eq!(problem.unwrap()["field"], "email");
    let rejected = std::fs::read_to_string(rejects).unwrap();
    let lines: Vec<&str> = rejected.lines().collect();
    assert_eq!(lines[0], "First Name,Last Name,Email,Phone,Shoe Size,_row,_column,_problem,_dnd");
    assert_eq!(lines.len(), 6, "{rejected}");
    assert!(lines[1].starts_with("Grace,Hopper,this is no address,+1 617-555-0101,8,3,Email,"), "{rejected}");
    let results = std::fs::read_to_string(results).unwrap();
    let states: Vec<&str> = results.lines().skip(1).filter_map(|line| line.split(',').nth(2)).collect();
    assert_eq!(states, ["synced"; 4], "{results}");

    // The corrected rows are the same records; mere warnings can be allowed.
    let (ended, report) = sync(&folder, &[text(&file), "--allow-rejects"]);
    assert_eq!((ended.status, whole(&report, "/import/left_out")), (Some(0), 3));
    assert!(!ended.out.contains("this is no address") && !ended.out.contains("call me"), "{}", ended.out);
}
