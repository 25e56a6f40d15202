//! The target of a column: by its name, by a mapping, or after a question.

use ghl_sync_import::{FieldCatalogue, FileImportError, ImportOptions, ListQuestion, LooksLike, Mapping};
use serde_json::json;

use crate::common::{import, list, us};

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
fn an_unused_column_that_looks_like_contact_data_is_asked_about() {
    let asked = |text: &str| match import(text.as_bytes(), us()) {
        Err(FileImportError::Open { questions }) => questions,
        _ => Vec::new(),
    };
    let column = |looks_like| ListQuestion::UnusedColumn { column: "Reach".to_owned(), looks_like, cells: 1 };
    assert_eq!(asked("Name,Reach\nIda,ida@example.com\n"), [column(LooksLike::Email)]);
    assert_eq!(asked("Name,Reach\nIda,(202) 555-0143\n"), [column(LooksLike::Phone)]);
    assert_eq!(asked("Name,Reach\nIda,2024-05-01\n"), []);
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
        include_bytes!("../data/shopify.csv").as_slice(),
        include_bytes!("../data/mailchimp-unsubscribed.csv"),
        include_bytes!("../data/outlook.csv"),
        include_bytes!("../data/zoho.csv"),
    ] {
        let first = import(bytes, us()).unwrap();
        let json = serde_json::to_vec(&first.plan.mapping_file()).unwrap();
        let again = import(bytes, ImportOptions { mapping: Mapping::from_json(&json).unwrap(), ..us() }).unwrap();
        assert_eq!(first.contacts, again.contacts);
    }
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
    // If a location is known to have no custom fields, no key is valid. If its fields are unknown, any key is
    // accepted.
    let with = |fields| {
        let mut mapping = Mapping::default();
        mapping.add("Budget=contact.budget").unwrap();
        import(text.as_bytes(), ImportOptions { fields, mapping, ..us() })
    };
    assert!(matches!(with(FieldCatalogue::of_location([])), Err(FileImportError::Mapping(_))));
    assert!(with(FieldCatalogue::default()).is_ok());
}

#[test]
fn a_column_with_a_custom_fields_key_goes_there_and_an_option_is_one_whatever_it_says() {
    let field = |id: &str, key: &str, data_type: &str, options: &[&str]| {
        let definition =
            json!({ "id": id, "key": key, "name": id, "model": "contact", "data_type": data_type, "options": options });
        serde_json::from_value(definition).unwrap()
    };
    let fields = FieldCatalogue::of_location([
        field("cf1", "contact.level", "TEXT", &[]),
        field("cf2", "contact.plan", "SINGLE_OPTIONS", &["Gold", "None"]),
        field("cf3", "contact.sizes", "CHECKBOX", &["S", "N/A"]),
        field("cf4", "contact.sms_consent", "TEXT", &[]),
    ]);
    let text = "Email,contact.level,contact.plan,contact.sizes,contact.sms_consent\na@b.co,Gold,None,N/A,no\n\
                b@b.co,Silver,N/A,\"S, N/A\",yes\n";
    let told = import(text.as_bytes(), ImportOptions { fields, ..us() }).unwrap();
    let values = |row| {
        let fields = told.contact(row).custom_fields.iter();
        fields.map(|field| (field.id.clone().unwrap(), field.value.clone())).collect::<Vec<_>>()
    };
    let of = |values: &[(&str, serde_json::Value)]| {
        values.iter().map(|(id, value)| ((*id).to_owned(), value.clone())).collect::<Vec<_>>()
    };
    assert_eq!(values(2), of(&[("cf1", json!("Gold")), ("cf2", json!("None")), ("cf3", json!(["N/A"]))]));
    assert_eq!(values(3), of(&[("cf1", json!("Silver")), ("cf3", json!(["S", "N/A"]))]));
    assert!(told.contact(2).dnd_settings.is_some(), "what is a consent by its own name stays one");
}
