use std::collections::BTreeSet;

use ghl_sync_model::{
    EpochMs, FieldDifference, FieldType, Finding, GhlId, Kind, KindReport, Mapped, MappedTo, MappingReport,
    MatchMethod, MigrationReport, MigrationStage, MigrationStatus, NotCarried, Problem, ReportVerify, Suggestion,
    TypeConflict,
};
use serde_json::json;

use super::{ReportDocument, csv, html};

fn id(text: &str) -> GhlId {
    GhlId::new(text).unwrap()
}

fn report() -> MigrationReport {
    serde_json::from_value(json!({
        "migration_id": "mig-1", "source": "loc_old", "target": "loc_new", "status": "done", "stage": "finish",
        "dry_run": false, "contacts": {"source": 3, "migrated": 2, "failed": 1}, "opportunities": {}, "custom_fields": {},
        "custom_values": {}, "tags": {}, "users": {}, "pipelines": {}, "stages": {}, "readiness_percent": 100,
        "ghl": {"calls": 12}, "seconds": 4.2, "started_at": 0, "finished_at": 4200,
        "verify": {"checked": 3, "ok": 0, "missing": 1, "different": 1, "merged": 1, "not_carried": 1},
    }))
    .unwrap()
}

fn mapped(name: &str, target: MappedTo) -> Mapped {
    Mapped {
        source_id: id(&format!("s-{name}")),
        source_name: name.to_owned(),
        pipeline_id: None,
        target,
        how: MatchMethod::Similar,
        confidence: 0.912,
        explanation: format!("because of {name}"),
    }
}

fn mapping() -> MappingReport {
    let suggestion = Suggestion { id: id("t-9"), name: "Sales 2".to_owned(), confidence: 0.7 };
    MappingReport {
        custom_fields: vec![
            mapped("Shoe", MappedTo::Existing { id: id("t-1"), name: "Shoe size".to_owned() }),
            mapped("Hat", MappedTo::Create { name: "Hat".to_owned() }),
            mapped("Sock", MappedTo::Skip { reason: "somebody said so".to_owned() }),
        ],
        pipelines: vec![mapped("Sales", MappedTo::Ask { reason: "unsure".to_owned(), suggestions: vec![suggestion] })],
        type_conflicts: vec![TypeConflict {
            source_id: id("s-age"),
            source_name: "Age".to_owned(),
            source_type: FieldType::Numerical,
            target_id: id("t-age"),
            target_name: "Age".to_owned(),
            target_type: FieldType::Date,
            resolution: "made under another name".to_owned(),
        }],
        warnings: vec!["users cannot be read".to_owned()],
        ..MappingReport::default()
    }
}

/// A finding of each kind, with a distinct value in each place.
fn findings() -> Vec<Finding> {
    let finding = |source: &str, target: Option<&str>, problem| Finding {
        kind: Kind::Contact,
        source_id: id(source),
        target_id: target.map(id),
        problem,
    };
    let differs = |field: &str, expected: &str, found: &str| FieldDifference {
        field: field.to_owned(),
        expected: expected.to_owned(),
        found: found.to_owned(),
    };
    let extra = NotCarried {
        additional_emails: vec!["second@example.com".to_owned()],
        additional_phones: vec!["+13125550199".to_owned()],
        attachments: vec!["https://files.example/a.pdf".to_owned()],
        lost_reason: Some("reason-77".to_owned()),
        followers: vec!["user-88".to_owned()],
    };
    let not_carried = Problem::NotCarried {
        created_at: Some(EpochMs(1_704_067_200_000)),
        extra,
        fields: vec!["Old list: no such field".to_owned()],
    };
    vec![
        finding("src-1", None, Problem::Missing { reason: "GHL refused it".to_owned() }),
        finding(
            "src-2",
            Some("tgt-2"),
            Problem::Different { fields: vec![differs("city", "Paris", "Lyon"), differs("state", "IL", "")] },
        ),
        finding("src-3", Some("tgt-2"), Problem::Merged { with: id("src-2") }),
        finding("src-4", Some("tgt-4"), not_carried),
    ]
}

/// Every text of the mapping and the findings above that the report must contain.
const TOLD: [&str; 33] = [
    "loc_old",
    "loc_new",
    "Shoe",
    "Shoe size",
    "91 % alike",
    "because of Hat",
    "made anew",
    "left out",
    "to be decided",
    "perhaps Sales 2",
    "Age",
    "NUMERICAL",
    "DATE",
    "made under another name",
    "users cannot be read",
    "src-1",
    "GHL refused it",
    "src-2",
    "tgt-2",
    "city",
    "Paris",
    "Lyon",
    "src-3",
    "is one with src-2",
    "src-4",
    "tgt-4",
    "2024-01-01T00:00:00.000Z",
    "second@example.com",
    "+13125550199",
    "https://files.example/a.pdf",
    "reason-77",
    "user-88",
    "Old list: no such field",
];

fn table(document: &ReportDocument<'_>) -> (String, Vec<Vec<String>>) {
    let mut bytes = Vec::new();
    csv(document, &mut bytes).unwrap();
    let rows = ::csv::Reader::from_reader(bytes.as_slice())
        .records()
        .map(|row| row.unwrap().iter().map(str::to_owned).collect())
        .collect();
    (String::from_utf8(bytes).unwrap(), rows)
}

#[test]
fn both_forms_tell_every_finding_and_all_of_the_mapping() {
    let (report, mapping, findings) = (report(), mapping(), findings());
    let document = ReportDocument { report: &report, mapping: Some(&mapping), findings: &findings };
    let (text, page) = (table(&document).0, html(&document));
    for told in TOLD {
        assert!(text.contains(told), "the table does not tell {told}: {text}");
        assert!(page.contains(told), "the page does not tell {told}: {page}");
    }
    assert!(page.contains("3 records need attention"), "{page}");
}

#[test]
fn a_row_tells_one_thing_and_every_field_that_differs_has_one() {
    let (report, findings) = (report(), findings());
    let (_, rows) = table(&ReportDocument { report: &report, mapping: None, findings: &findings });
    let of_records: Vec<_> = rows.iter().filter(|row| row[0] == "record").collect();
    assert_eq!(of_records.len(), 1 + 2 + 1 + 7, "{of_records:?}");
    let of_city = ["record", "contact", "src-2", "", "tgt-2", "", "different", "city", "Paris", "Lyon", ""];
    assert!(of_records.iter().any(|row| **row == of_city), "{of_records:?}");
    assert_eq!(rows.iter().filter(|row| row[0] == "count").count(), 8);
    assert_eq!(rows.iter().map(Vec::len).collect::<BTreeSet<_>>(), BTreeSet::from([11]));
}

#[test]
fn what_a_record_says_is_no_formula_where_the_table_is_opened() {
    let dangerous = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "=cmd|'/c calc'!A1"];
    let fields = dangerous.map(|text| FieldDifference {
        field: text.to_owned(),
        expected: text.to_owned(),
        found: format!("safe {text}"),
    });
    let problem = Problem::Different { fields: fields.to_vec() };
    let findings = [Finding { kind: Kind::Contact, source_id: id("s"), target_id: None, problem }];
    let report = report();
    let (_, rows) = table(&ReportDocument { report: &report, mapping: None, findings: &findings });
    let cells: Vec<&[String]> = rows.iter().filter(|row| row[0] == "record").map(|row| &row[7..10]).collect();
    assert_eq!(cells.len(), dangerous.len());
    for (cells, text) in cells.iter().zip(dangerous) {
        // Another cell or row starts here for readers that split differently.
        let text = text.replace("\t=", "\t'=").replace("\r=", "\r'=").replace("\n=", "\n'=");
        assert_eq!(*cells, [format!("'{text}"), format!("'{text}"), format!("safe {text}")]);
    }
}

#[test]
fn what_a_record_says_is_text_on_the_page() {
    let hostile = r#"<script>alert("x")</script><img src=x onerror='y'>&amp;"#;
    let report = report();
    let mapping = MappingReport {
        tags: vec![mapped("tag", MappedTo::Create { name: hostile.to_owned() })],
        warnings: vec![hostile.to_owned()],
        ..MappingReport::default()
    };
    let missing = Problem::Missing { reason: hostile.to_owned() };
    let findings = [Finding { kind: Kind::Opportunity, source_id: id("s"), target_id: None, problem: missing }];
    let page = html(&ReportDocument { report: &report, mapping: Some(&mapping), findings: &findings });
    assert!(!page.contains("<script") && !page.contains("<img"), "{page}");
    assert_eq!(page.matches("&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;").count(), 3, "{page}");
    assert!(page.contains("&amp;amp;"));
}

#[test]
fn the_page_loads_nothing() {
    let (report, mapping, findings) = (report(), mapping(), findings());
    let page = html(&ReportDocument { report: &report, mapping: Some(&mapping), findings: &findings });
    for what in ["<script", "<link", "<iframe", "<img", "src=", "url(", "@import"] {
        assert!(!page.contains(what), "{what}");
    }
    assert!(page.contains("default-src 'none'") && page.contains("@media print"));
}

#[test]
fn a_long_list_is_cut_on_the_page_and_whole_in_the_table() {
    let report = report();
    let finding = |number: u32| Finding {
        kind: Kind::Contact,
        source_id: id(&format!("src-{number}")),
        target_id: None,
        problem: Problem::Missing { reason: "gone".to_owned() },
    };
    let findings: Vec<Finding> = (0..1_500).map(finding).collect();
    let document = ReportDocument { report: &report, mapping: None, findings: &findings };
    let page = html(&document);
    assert!(page.contains("The first 1000 of 1500"), "{page}");
    assert!(page.contains("src-999<") && !page.contains("src-1000<"));
    assert_eq!(table(&document).1.iter().filter(|row| row[0] == "record").count(), 1_500);
}

#[test]
fn the_verdict_is_good_only_of_a_migration_that_ended_with_everything_there() {
    let complete = ReportVerify { checked: 3, ok: 3, ..ReportVerify::default() };
    let all = KindReport { source: 3, migrated: 3, ..KindReport::default() };
    let done = MigrationReport { contacts: all, verify: Some(complete), ..report() };
    let unverified = MigrationReport { verify: None, ..report() };
    let preview = MigrationReport { dry_run: true, ..done.clone() };
    let asking = MigrationReport {
        status: MigrationStatus::NeedsInput,
        stage: MigrationStage::Pipelines,
        reason: Some("a pipeline is missing".to_owned()),
        finished_at: None,
        ..done.clone()
    };
    let cases = [
        (done, true, "Complete"),
        (report(), false, "3 records need attention"),
        (unverified, false, "1 records need attention"),
        (preview, true, "A preview: nothing was written"),
        (asking, false, "needs_input at pipelines: a pipeline is missing"),
    ];
    for (report, good, words) in cases {
        let page = html(&ReportDocument { report: &report, mapping: None, findings: &[] });
        assert_eq!(page.contains("class=\"verdict good\""), good, "{words}");
        assert!(page.contains(words), "{words}: {page}");
    }
}
