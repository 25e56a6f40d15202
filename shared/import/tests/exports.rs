//! Exports as other programs write them: each arrives whole, or reports what does not.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{import, us};
use ghl_sync_model::Contact;
use serde_json::json;

fn some(text: &str) -> Option<String> {
    Some(text.to_owned())
}

/// Checks the content that nearly all of these exports hold about Nora and Otto.
fn assert_people(bytes: &[u8]) -> common::ImportResult {
    let told = import(bytes, us()).unwrap();
    assert_eq!(told.contacts.len(), 2, "{:?}", told.held_back);
    let (nora, otto) = (&told.contacts[0].1, &told.contacts[1].1);
    assert_eq!((nora.email.as_deref(), otto.email.as_deref()), (Some("nora@example.com"), Some("otto@example.com")));
    told
}

fn people(told: &common::ImportResult) -> (&Contact, &Contact) {
    (&told.contacts[0].1, &told.contacts[1].1)
}

#[test]
fn google_contacts() {
    let told = assert_people(include_bytes!("data/google.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.phone.as_deref(), nora.date_of_birth.as_deref()), (Some("+16175550111"), Some("1988-02-03")));
    assert_eq!((&nora.tags, &otto.tags), (&vec!["Painters".to_owned()], &vec![]));
    assert_eq!(
        (&nora.address1, &nora.city, &nora.website),
        (&some("5 Pine St"), &some("Boston"), &some("https://vik.example"))
    );
    assert_eq!(told.cells(), [(2, "E-mail 1 - Value"), (2, "Phone 1 - Value"), (3, "Birthday")]);
}

#[test]
fn mailchimp() {
    let told = assert_people(include_bytes!("data/mailchimp.csv"));
    let (nora, otto) = people(&told);
    assert_eq!(nora.tags, ["Spring 2024", "VIP"]);
    assert_eq!((nora.dnd, nora.phone.as_deref(), otto.tags.len()), (None, Some("+16175550111"), 1));
    assert_eq!(told.cells(), [(2, "Birthday")]);
}

#[test]
fn mailchimp_unsubscribed() {
    let told = assert_people(include_bytes!("data/mailchimp-unsubscribed.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.dnd, otto.dnd), (Some(true), Some(true)));
}

#[test]
fn linkedin() {
    let told = import(include_bytes!("data/linkedin.csv"), us()).unwrap();
    assert_eq!((told.plan.header_row(), told.rows()), (4, vec![5, 6]));
    assert_eq!(told.contact(6).website, some("https://www.linkedin.com/in/example-otto"));
}

#[test]
fn outlook() {
    let told = assert_people(include_bytes!("data/outlook.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.phone.as_deref(), otto.phone.as_deref()), (Some("+16175550111"), Some("+16175550113")));
    // Parts of two addresses are never mixed.
    assert_eq!((&nora.address1, &nora.city, &nora.country), (&some("5 Pine St"), &some("Boston"), &some("US")));
    assert_eq!((&otto.address1, &otto.city, &otto.postal_code), (&some("9 Oak Ave"), &some("Lynn"), &None));
    assert_eq!(nora.tags, ["Painters", "Boston"]);
    assert_eq!((nora.date_of_birth.as_deref(), otto.date_of_birth.as_deref()), (None, Some("1975-02-13")));
    assert_eq!(told.cells(), []);
}

#[test]
fn hubspot() {
    let told = assert_people(include_bytes!("data/hubspot.csv"));
    let (nora, otto) = people(&told);
    assert_eq!(nora.dnd_settings, Some(json!({ "Email": { "status": "active" } })));
    assert_eq!(
        (nora.phone.as_deref(), otto.phone.as_deref(), &otto.dnd_settings),
        (Some("+16175550111"), Some("+16175550113"), &None)
    );
    assert_eq!(nora.company_name, some("Vik Paints"));
}

#[test]
fn salesforce() {
    let told = assert_people(include_bytes!("data/salesforce.csv"));
    let (nora, otto) = people(&told);
    assert_eq!(nora.dnd_settings, Some(json!({ "Email": { "status": "active" } })));
    assert_eq!(otto.dnd_settings, Some(json!({ "Call": { "status": "active" } })));
    assert_eq!((nora.date_of_birth.as_deref(), nora.postal_code.as_deref()), (Some("1988-02-13"), Some("02110")));
    assert_eq!(told.not_people, [5]);
}

#[test]
fn pipedrive() {
    let told = assert_people(include_bytes!("data/pipedrive.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.name.as_deref(), nora.company_name.as_deref()), (Some("Nora Vik"), Some("Vik Paints")));
    assert_eq!((nora.dnd, otto.dnd), (None, Some(true)));
    assert_eq!(nora.tags, ["Hot lead"]);
}

#[test]
fn zoho() {
    let told = assert_people(include_bytes!("data/zoho.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.phone.as_deref(), otto.phone.as_deref()), (Some("+16175550111"), Some("+16175550113")));
    assert_eq!((nora.dnd, otto.dnd), (None, Some(true)));
}

#[test]
fn activecampaign() {
    let told = assert_people(include_bytes!("data/activecampaign.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.dnd, otto.dnd, nora.company_name.as_deref()), (None, Some(true), Some("Vik Paints")));
}

#[test]
fn shopify() {
    let told = assert_people(include_bytes!("data/shopify.csv"));
    let (nora, otto) = people(&told);
    assert_eq!(nora.dnd_settings, Some(json!({ "SMS": { "status": "active" } })));
    assert_eq!(otto.dnd_settings, Some(json!({ "Email": { "status": "active" } })));
    assert_eq!((nora.address1.as_deref(), nora.postal_code.as_deref()), (Some("5 Pine St, Floor 2"), Some("02110")));
    assert_eq!((nora.phone.as_deref(), nora.state.as_deref()), (Some("+16175550111"), Some("MA")));
}

#[test]
fn typeform() {
    let told = assert_people(include_bytes!("data/typeform.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.dnd, otto.dnd, nora.phone.as_deref()), (None, Some(true), Some("+16175550111")));
}

#[test]
fn facebook_lead_ads_in_utf16() {
    let told = assert_people(include_bytes!("data/facebook.csv"));
    let (nora, _) = people(&told);
    assert_eq!((nora.phone.as_deref(), nora.postal_code.as_deref()), (Some("+16175550111"), Some("02110")));
    assert_eq!((told.plan.encoding(), told.plan.delimiter().as_deref()), ("UTF-16LE", Some("tab")));
}

#[test]
fn highlevel_itself() {
    let told = assert_people(include_bytes!("data/highlevel.csv"));
    assert_eq!(told.contact(2).tags, ["vip", "lead"]);
    let noted: Vec<&str> = told.notes.iter().filter_map(|note| note.column.as_deref()).collect();
    assert_eq!(noted, ["Contact Id", "Created", "Last Activity", "Additional Emails", "Favourite Colour"]);
}

#[test]
fn german_and_french() {
    let told = assert_people(include_bytes!("data/german.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.phone.as_deref(), otto.phone.as_deref()), (Some("+493514960123"), Some("+4915123456789")));
    assert_eq!((nora.date_of_birth.as_deref(), nora.country.as_deref()), (Some("1988-04-03"), Some("DE")));
    assert_eq!((nora.dnd, otto.dnd, nora.postal_code.as_deref()), (None, Some(true), Some("01067")));
    let told = assert_people(include_bytes!("data/french.csv"));
    let (nora, otto) = people(&told);
    assert_eq!((nora.phone.as_deref(), otto.date_of_birth.as_deref()), (Some("+33142685300"), Some("1975-04-03")));
    assert_eq!((nora.dnd, otto.dnd), (None, Some(true)));
}

#[test]
fn gzip_and_json_lines() {
    let told = import(include_bytes!("data/packed.csv.gz"), us()).unwrap();
    assert_eq!(told.contact(2).first_name, some("Nora"));
    let told = import(include_bytes!("data/lines.ndjson"), us()).unwrap();
    assert_eq!((told.rows(), told.held()), (vec![1, 2, 4], vec![3]));
    let nora = told.contact(1);
    assert_eq!((nora.city.as_deref(), nora.dnd), (Some("Boston"), Some(true)));
    assert_eq!(nora.tags, ["vip", "a, b"]);
}
