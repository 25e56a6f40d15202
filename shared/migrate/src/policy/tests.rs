//! Tables and properties of the mapping.

use proptest::prelude::*;

use super::{MappingRules, map_structure};
use ghl_sync_model::{
    CustomValue, FieldDefinition, FieldType, GhlId, Kind, MappedTo, MappingOverrides, MappingReport, MatchMethod,
    OverrideError, Part, Pipeline, PipelineStage, Structure, Tag, User,
};

const RULES: MappingRules = MappingRules { similarity_threshold: 0.85, skip_opportunities: false };

fn id(text: &str) -> GhlId {
    GhlId::new(text).unwrap()
}

fn field(key: &str, name: &str, data_type: FieldType) -> FieldDefinition {
    FieldDefinition {
        id: id(&format!("id-{key}")),
        name: name.to_owned(),
        key: Some(format!("contact.{key}")),
        model: Kind::Contact,
        data_type,
        options: Vec::new(),
        placeholder: None,
        position: None,
        accepted_formats: Vec::new(),
        multiple_files: None,
        max_files: None,
    }
}

fn fields(fields: &[(&str, &str, FieldType)]) -> Structure {
    let custom_fields = fields.iter().map(|(key, name, data_type)| field(key, name, data_type.clone())).collect();
    Structure { custom_fields, ..Structure::default() }
}

fn map(source: &Structure, target: &Structure, overrides: &str) -> Result<MappingReport, Vec<OverrideError>> {
    let overrides: MappingOverrides = serde_json::from_str(overrides).unwrap();
    map_structure(source, target, &overrides, RULES)
}

/// The mapping of each field: the target's id, or `+` and the name of a new one.
fn became(report: &MappingReport, part: Part) -> Vec<(String, MatchMethod)> {
    let short = |target: &MappedTo| match target {
        MappedTo::Existing { id, .. } => id.to_string(),
        MappedTo::Create { name } => format!("+{name}"),
        MappedTo::Skip { .. } => "-".to_owned(),
        MappedTo::Ask { .. } => "?".to_owned(),
    };
    report.of(part).iter().map(|mapped| (short(&mapped.target), mapped.how)).collect()
}

#[test]
fn fields_go_by_key_then_name_then_likeness_and_never_across_types() {
    use FieldType::{Date, LargeText, Monetory, Numerical, Radio, SingleOptions, Text};
    let source = fields(&[
        ("roof", "Roof", Text),
        ("size", "Größe in m²", Numerical),
        ("colour", "Colour", SingleOptions),
        ("budget", "Budget", Monetory),
        ("notes", "Further notes", Text),
        ("adress", "Delivery adress", Text),
        ("start", "Start date", Date),
        ("line1", "Line 1", Text),
    ]);
    let target = fields(&[
        ("roof", "Roof (old)", LargeText),
        ("groesse", "größe in m²", Numerical),
        ("farbe", "COLOUR", Radio),
        ("budget", "Budget", Text),
        ("address", "Delivery address", Text),
        ("end", "End date", Date),
        ("line2", "Line 2", Text),
    ]);
    let report = map(&source, &target, "{}").unwrap();
    let expected = [
        // "Roof" and "Roof (old)" share a key but differ in meaning.
        ("?", MatchMethod::None),
        ("id-groesse", MatchMethod::ExactName),
        ("id-farbe", MatchMethod::ExactName),
        ("+Budget (monetory)", MatchMethod::None),
        ("+Further notes", MatchMethod::None),
        ("id-address", MatchMethod::Similar),
        ("+Start date", MatchMethod::None),
        ("+Line 1", MatchMethod::None),
    ];
    assert_eq!(became(&report, Part::CustomFields), expected.map(|(to, how)| (to.to_owned(), how)));
    let [conflict] = report.type_conflicts.as_slice() else { panic!("{:#?}", report.type_conflicts) };
    assert_eq!((conflict.source_type.clone(), conflict.target_type.clone()), (Monetory, Text));
    assert_eq!((report.summary.fields_mapped, report.summary.overall_readiness_percent), (7, 87));
    assert!(report.custom_fields.iter().all(|mapped| !mapped.explanation.is_empty()));
}

#[test]
fn two_fields_of_one_name_get_names_of_their_own() {
    let source = fields(&[("a", "Note", FieldType::Text), ("b", "note ", FieldType::Text)]);
    let report = map(&source, &Structure::default(), "{}").unwrap();
    let names: Vec<String> = became(&report, Part::CustomFields).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["+Note", "+note (2)"]);
}

#[test]
fn options_that_the_target_lacks_and_texts_that_differ_are_said() {
    let mut source = fields(&[("c", "Colour", FieldType::Radio)]);
    source.custom_fields[0].options = vec!["Red".into(), "Blue".into()];
    source.custom_values = vec![CustomValue { id: id("v"), name: "Hours".into(), key: None, value: "9 to 5".into() }];
    let mut target = source.clone();
    target.custom_fields[0].options = vec!["red".into()];
    target.custom_values[0].value = "24/7".into();
    let report = map(&source, &target, "{}").unwrap();
    assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    assert!(report.warnings[0].contains("Blue") && !report.warnings[0].contains("Red"), "{:?}", report.warnings);
}

#[test]
fn users_go_by_e_mail_then_by_a_name_that_nobody_else_has() {
    let user = |number: &str, name: &str, email: Option<&str>| User {
        id: id(number),
        name: name.to_owned(),
        email: email.map(str::to_owned),
    };
    let source = vec![
        user("s1", "Ann", Some("Ann@Example.test")),
        user("s2", "Bob Roe", None),
        user("s3", "Kim", None),
        user("s4", "Kim", None),
        user("s5", "Zoe", Some("zoe@example.test")),
    ];
    let target = vec![user("t1", "A.", Some("ann@example.test")), user("t2", "bob roe", None), user("t3", "Kim", None)];
    let source = Structure { users: source, ..Structure::default() };
    let report = map(&source, &Structure { users: target, ..Structure::default() }, "{}").unwrap();
    let targets: Vec<String> = became(&report, Part::Users).into_iter().map(|(to, _)| to).collect();
    assert_eq!(targets, ["t1", "t2", "-", "-", "-"]);
    assert_eq!(report.summary.overall_readiness_percent, 40);
}

#[test]
fn tags_are_the_same_but_for_case_and_nothing_else() {
    let tags = |names: &[&str]| -> Vec<Tag> {
        names.iter().map(|name| Tag { id: id(&super::normalised(name)), name: (*name).to_owned() }).collect()
    };
    let source = Structure { tags: tags(&["VIP", "vips", "newsletter"]), ..Structure::default() };
    let target = Structure { tags: tags(&["vip", "news-letter"]), ..Structure::default() };
    let report = map(&source, &target, r#"{"tags":{"newsletter":"news-letter"}}"#).unwrap();
    let expected =
        [("vip", MatchMethod::ExactKey), ("+vips", MatchMethod::None), ("newsletter", MatchMethod::Override)]
            .map(|(to, how)| (to.to_owned(), how));
    assert_eq!(became(&report, Part::Tags), expected);
}

fn pipeline(number: &str, name: &str, stages: &[&str]) -> Pipeline {
    let stage = |(position, name): (u32, &&str)| PipelineStage {
        id: id(&format!("{number}-{position}")),
        name: (*name).to_owned(),
        position,
    };
    Pipeline { id: id(number), name: name.to_owned(), stages: (0..).zip(stages).map(stage).collect() }
}

fn pipelines(pipelines: Vec<Pipeline>) -> Structure {
    Structure { pipelines, ..Structure::default() }
}

#[test]
fn stages_go_with_their_pipeline_by_name_and_what_only_has_the_same_place_is_asked() {
    let source = pipelines(vec![
        pipeline("s", "Sales", &["New", "Offer sent", "Won"]),
        pipeline("x", "Service", &["Open", "Closed"]),
        pipeline("n", "Nowhere", &["A"]),
    ]);
    let target =
        pipelines(vec![pipeline("t", "sales!", &["Won", "Offer send", "Fresh"]), pipeline("y", "Service", &["Open"])]);
    let report = map(&source, &target, "{}").unwrap();
    let expected = [("t", MatchMethod::ExactName), ("y", MatchMethod::ExactName), ("+Nowhere", MatchMethod::None)]
        .map(|(to, how)| (to.to_owned(), how));
    assert_eq!(became(&report, Part::Pipelines), expected);
    let stages: Vec<String> = became(&report, Part::Stages).into_iter().map(|(to, _)| to).collect();
    // "New" is at the position of "Won", which is matched by name. "Offer sent" and "Offer send" are a guess.
    assert_eq!(stages, ["?", "?", "t-0", "y-0", "?", "+A"]);
    assert_eq!(report.summary.questions, 3);
    let answered =
        map(&source, &target, r#"{"stages":{"s-0":"t-2","Offer sent":"Offer send","Closed":"skip"}}"#).unwrap();
    assert_eq!((answered.summary.questions, answered.summary.overall_readiness_percent), (0, 100));
}

#[test]
fn a_choice_that_cannot_be_followed_is_refused_with_its_entry_and_the_reason() {
    let source = Structure {
        users: vec![User { id: id("u"), name: "Ann".into(), email: None }],
        ..fields(&[("a", "A", FieldType::Text), ("b", "B", FieldType::Text), ("d", "D", FieldType::Date)])
    };
    let target = fields(&[("a", "A", FieldType::Text), ("b", "B", FieldType::Text), ("n", "N", FieldType::Numerical)]);
    let cases = [
        (r#"{"custom_fields":{"contact.zzz":"skip"}}"#, "contact.zzz", "no id, key or name of the source"),
        (r#"{"custom_fields":{"contact.a":"contact.zzz"}}"#, "contact.a", "`contact.zzz`"),
        (r#"{"custom_fields":{"contact.a":"contact.n"}}"#, "contact.a", "NUMERICAL"),
        (r#"{"custom_fields":{"contact.d":"contact.b","contact.a":"contact.b"}}"#, "contact.d", "DATE"),
        (r#"{"custom_fields":{"contact.b":"contact.b","contact.a":"contact.b"}}"#, "contact.b", "also given"),
        (
            r#"{"custom_fields":{"contact.b":"contact.a","contact.a":"contact.b"}}"#,
            "contact.a",
            "cycle: contact.a → contact.b → contact.a",
        ),
        (r#"{"users":{"u":"create"}}"#, "u", "cannot be created"),
        (r#"{"stages":{"nope":"skip"}}"#, "nope", "no id or name of a stage"),
        (r#"{"tags":{"nope":"skip"}}"#, "nope", "no id, key or name of the source"),
    ];
    for (json, entry, reason) in cases {
        let errors = map(&source, &target, json).unwrap_err();
        let found = errors.iter().find(|error| error.entry == entry);
        assert!(found.is_some_and(|error| error.reason.contains(reason)), "{json}: {errors:?}");
    }
    for json in [
        r#"{"custom_fields":{"contact.a":"contact.a"}}"#,
        r#"{"custom_fields":{"id-a":"id-b","B":"skip","contact.d":"create"},"users":{"Ann":"skip"}}"#,
    ] {
        assert!(map(&source, &target, json).is_ok(), "{json}");
    }
}

#[test]
fn what_may_mean_something_else_is_a_question_and_never_a_match() {
    use FieldType::{LargeText, Monetory, Numerical, Text};
    let source = fields(&[
        ("discount_", "Discount %", Numerical),
        ("optin", "Marketing Opt In", Text),
        ("consent", "Contact consent", Text),
        ("mother", "Mother's Phone", Text),
        ("budget", "Budget", Numerical),
        ("story", "Story", Text),
        ("label", "Kitchen wishes", Text),
    ]);
    let target = fields(&[
        ("discount_", "Discount $", Numerical),
        ("optout", "Marketing Opt Out", Text),
        ("consent", "Contact consents", Text),
        ("father", "Father's Phone", Text),
        ("budget", "Budget", Monetory),
        ("story", "story", LargeText),
        ("label", "Küchenwünsche", Text),
    ]);
    let report = map(&source, &target, "{}").unwrap();
    let expected = [
        ("?", MatchMethod::None),
        ("+Marketing Opt In", MatchMethod::None),
        ("?", MatchMethod::None),
        ("+Mother's Phone", MatchMethod::None),
        ("?", MatchMethod::None),
        ("id-story", MatchMethod::ExactKey),
        ("id-label", MatchMethod::ExactKey),
    ];
    assert_eq!(became(&report, Part::CustomFields), expected.map(|(to, how)| (to.to_owned(), how)));
    let MappedTo::Ask { suggestions, .. } = &report.custom_fields[0].target else { panic!() };
    assert_eq!(suggestions.iter().map(|suggestion| suggestion.name.as_str()).collect::<Vec<_>>(), ["Discount $"]);
    assert_eq!(report.summary.questions, 3);
    let answers =
        r#"{"custom_fields":{"Discount %":"create","contact.consent":"contact.consent","contact.budget":"skip"}}"#;
    let report = map(&source, &target, answers).unwrap();
    assert_eq!((report.summary.questions, report.summary.overall_readiness_percent), (0, 100));
}

#[test]
fn a_question_is_not_asked_about_what_another_thing_has_by_its_very_name() {
    let source = fields(&[("x", "Newsletter", FieldType::Text), ("y", "Newsletters", FieldType::Text)]);
    let target = fields(&[("z", "Newsletter", FieldType::Text)]);
    let report = map(&source, &target, "{}").unwrap();
    let targets: Vec<String> = became(&report, Part::CustomFields).into_iter().map(|(to, _)| to).collect();
    assert_eq!(targets, ["id-z", "+Newsletters"]);
}

#[test]
fn pipelines_and_stages_of_opposite_names_are_not_one() {
    let source = pipelines(vec![pipeline("s", "Inbound leads", &["Call won", "Call lost"])]);
    let target = pipelines(vec![pipeline("t", "Outbound leads", &["Call lost", "Call won"])]);
    let report = map(&source, &target, "{}").unwrap();
    assert_eq!(became(&report, Part::Pipelines), [("+Inbound leads".to_owned(), MatchMethod::None)]);
    let target = pipelines(vec![pipeline("t", "Inbound leads", &["Call win", "Call lost"])]);
    let report = map(&source, &target, "{}").unwrap();
    let stages: Vec<String> = became(&report, Part::Stages).into_iter().map(|(to, _)| to).collect();
    assert_eq!(stages, ["?", "t-1"]);
}

prop_compose! {
    fn structure()(names in prop::collection::vec(("[a-zA-Z äé🙂0-9]{0,12}", 0..4usize), 0..20)) -> Structure {
        let types = [FieldType::Text, FieldType::Numerical, FieldType::Date, FieldType::LargeText];
        let field = |(number, (name, data_type)): (usize, &(String, usize))| {
            field(&format!("{number}"), name, types[*data_type].clone())
        };
        Structure { custom_fields: names.iter().enumerate().map(field).collect(), ..Structure::default() }
    }
}

proptest! {
    #[test]
    fn every_field_has_one_fate_and_no_counterpart_or_name_is_given_twice(source in structure(), target in structure()) {
        let report = map(&source, &target, "{}").unwrap();
        prop_assert_eq!(report.custom_fields.len(), source.custom_fields.len());
        let mut given = std::collections::BTreeSet::new();
        for (mapped, field) in report.custom_fields.iter().zip(&source.custom_fields) {
            prop_assert!((0.0..=1.0).contains(&mapped.confidence));
            let key = match &mapped.target {
                MappedTo::Existing { id, .. } => {
                    let other = target.custom_fields.iter().find(|other| other.id == *id).unwrap();
                    prop_assert!(super::fits(&field.data_type, &other.data_type));
                    format!("id {id}")
                }
                MappedTo::Create { name } => {
                    let name = super::normalised(name);
                    prop_assert!(target.custom_fields.iter().all(|other| super::normalised(&other.name) != name));
                    format!("name {name}")
                }
                MappedTo::Ask { suggestions, .. } => {
                    prop_assert!(!suggestions.is_empty());
                    continue;
                }
                other => return Err(TestCaseError::fail(format!("{other:?}"))),
            };
            prop_assert!(given.insert(key));
        }
        prop_assert_eq!(report.summary.questions == 0, report.summary.overall_readiness_percent == 100);
    }

    #[test]
    fn a_location_mapped_into_its_like_needs_nothing_new(source in structure()) {
        let report = map(&source, &source, "{}").unwrap();
        for (mapped, field) in report.custom_fields.iter().zip(&source.custom_fields) {
            let is_itself = matches!(&mapped.target, MappedTo::Existing { id, .. } if *id == field.id);
            prop_assert!(is_itself);
        }
    }
}
