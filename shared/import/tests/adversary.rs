//! Lists written to mislead: each refusal is kept, and each value arrives as meant or its row and column are reported.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use common::{import, list, questions, us};
use ghl_sync_import::{FieldCatalogue, FileImportError, ImportOptions};
use serde_json::json;

/// Whether the contact may be contacted, with this cell in a column of this name; `None` if its row is left out.
fn is_open(name: &str, cell: &str) -> Option<bool> {
    let told = list(&format!("First Name,Email,\"{name}\"\nA,a@example.com,\"{cell}\"\n"));
    told.contacts.first().map(|(_, contact)| contact.dnd.is_none() && contact.dnd_settings.is_none())
}

#[test]
fn a_refusal_closes_whatever_its_column_is_called() {
    let refusals = [
        ("Do Not Text", "Yes"),
        ("Email Bounced", "Yes"),
        ("Mail Status", "bounced"),
        ("Mail Status", "undeliverable"),
        ("CLEAN_TIME", "2021-01-01 10:00:00"),
        ("Werbung erlaubt", "nein"),
        ("Acepta publicidad", "No"),
        ("Dado de baja", "Sí"),
        ("Estado de suscripción", "Baja"),
        ("Accepte les e-mails", "non"),
        ("Souhaite recevoir nos offres", "non"),
        ("Nieuwsbrief", "nee"),
        ("Aceita receber e-mails", "Não"),
        ("Can we contact you?", "No"),
        ("May we call you?", "No"),
        ("Contact allowed", "No"),
        ("Receive SMS", "No"),
        ("Marketing OK", "No"),
        ("Text messages", "STOP"),
        ("Permission", "No"),
        ("Consent to communication", "No"),
        ("No consent", "yes"),
        ("Consent withdrawn", "yes"),
        ("Not subscribed", "1"),
        ("Email not allowed", "yes"),
        ("GDPR deletion request", "yes"),
        ("Spam complaint", "Yes"),
        ("Deceased", "Yes"),
        ("Email hard bounce reason", "MAILBOX_FULL"),
        ("Marketing contact status", "Non-marketing contact"),
        ("Person - Marketing status", "no_consent"),
        ("I agree to receive marketing emails", "I do not agree"),
        ("Email opt-in", "No, thanks"),
        ("Tags", "Unsubscribed from newsletter"),
        ("Tags", "opt-out: sms"),
        ("Tags", "do_not_call"),
    ];
    for (name, cell) in refusals {
        assert_eq!(is_open(name, cell), Some(false), "{name}: {cell}");
    }
    let assents = [
        ("Consenso marketing", "Sì"),
        ("No consent", "no"),
        ("Subscription status", "subscribed"),
        ("I agree to receive marketing emails", "I agree to receive marketing emails"),
        ("Email opt-in", "Yes, please"),
        ("Opt-in date", "2024-01-01"),
        ("Email Status", "Valid"),
    ];
    for (name, cell) in assents {
        assert_eq!(is_open(name, cell), Some(true), "{name}: {cell}");
    }
}

#[test]
fn who_has_not_decided_is_left_out() {
    for (name, cell) in [
        ("Consent", "pending"),
        ("Email opt-in", "yes, but not by phone"),
        ("Subscription State", "pending"),
        ("Email Status", "unconfirmed"),
        ("Newsletter", "pending"),
        ("Phone", "202-555-0143 (do not call)"),
        ("Phone", "No"),
        ("E-mail 2", "x@example.com unsubscribed"),
    ] {
        assert_eq!(is_open(name, cell), None, "{name}: {cell}");
    }
    let told = list("Email,Status\na@example.com,Unsubscribed\nb@example.com,Pending\n");
    assert_eq!((told.rows(), told.held()), (vec![2], vec![3]));
    assert_eq!(list("Email,Status\na@example.com,Pending\n").rows(), [2]);
}

#[test]
fn yes_and_no_in_a_column_about_contacting_are_asked_about() {
    for (name, cell) in [("Phone Calls", "No"), ("Mail List", "Yes"), ("Contact by phone", "no")] {
        let text = format!("Email,{name}\na@example.com,{cell}\n");
        assert!(questions(text.as_bytes(), us()).contains("=optin'"), "{name}");
    }
    for name in ["Email Verified", "Tax Exempt", "Member"] {
        assert_eq!(list(&format!("Email,{name}\na@example.com,Yes\n")).rows(), [2], "{name}");
    }
    assert!(questions(b"Email,Reach\na@example.com,2025550143\n", us()).contains("phone numbers"));
    assert_eq!(list("Email,Order number\na@example.com,2025550143\n").rows(), [2]);
}

#[test]
fn a_state_in_a_column_of_countries_is_no_country() {
    let told = list(
        "Email,Phone,Country,State\na@example.com,404-555-0143,GA,\nb@example.com,415-555-0144,CA,\n\
         c@example.com,302-555-0145,DE,\nd@example.com,404-555-0149,CA,CA\ne@example.com,404-555-0148,Georgia,\n\
         f@example.com,98765 43210,IN,\ng@example.com,030 901820,DE,\nh@example.com,416-555-0147,CA,ON\n\
         i@example.com,,CO,\nj@example.com,,Congo,\n",
    );
    let of = |row| (told.contact(row).phone.as_deref(), told.contact(row).country.as_deref());
    assert_eq!(of(2), (Some("+14045550143"), None));
    assert_eq!(of(3), (Some("+14155550144"), None));
    assert_eq!((of(4).1, of(5), of(6).1), (None, (Some("+14045550149"), None), None));
    assert_eq!(of(7), (Some("+919876543210"), Some("IN")));
    assert_eq!(of(8), (Some("+4930901820"), Some("DE")));
    assert_eq!((of(9), of(10), of(11).1), ((Some("+14165550147"), Some("CA")), (None, Some("CO")), None));
    for row in [2, 3, 4, 5, 6, 11] {
        assert!(told.cells().contains(&(row, "Country")), "{row}");
    }
}

#[test]
fn a_value_that_would_be_another_one_is_told() {
    let told = list(
        "First Name,Email,Date of Birth,Zip,Country,Tags\n=CONCAT(A1),a@example.com,1991-05-15 23:30:00 UTC,1067,Germany,x\n\
         Bo,old@example.com <b@example.com>,5/15/1991,=\"\"02134\"\",US,\"['a', 'b']\"\n",
    );
    assert_eq!(told.cells(), [(2, "First Name"), (2, "Date of Birth"), (3, "Email")]);
    assert_eq!((told.contact(2).postal_code.as_deref(), told.contact(2).first_name.as_deref()), (Some("01067"), None));
    assert_eq!((told.contact(3).postal_code.as_deref(), told.contact(3).tags.len()), (Some("02134"), 2));
}

#[test]
fn custom_fields_get_what_they_can_hold_and_the_rest_is_told() {
    let field = |name: &str, data_type: &str| {
        let definition = json!({ "id": name, "key": null, "name": name, "model": "contact", "data_type": data_type });
        serde_json::from_value(definition).unwrap()
    };
    let fields =
        FieldCatalogue::of_location([field("Size", "NUMERICAL"), field("Desk", "PHONE"), field("Remark", "TEXT")]);
    let options = ImportOptions { fields, ..us() };
    let told = import(
        b"Email,Country,Size,Desk,Remark\na@example.com,US,9007199254740993,202-555-0143 x5,x\n\
          b@example.com,DE,1.5k,030 901820,please do not call\n",
        options,
    )
    .unwrap();
    assert_eq!(told.cells(), [(2, "Size"), (2, "Desk"), (3, "Size")]);
    let json = serde_json::to_value(told.contact(3)).unwrap();
    assert_eq!(json["customFields"][0]["value"], "+4930901820");
    assert!(told.problems.iter().any(|problem| problem.column.as_deref() == Some("Remark")));
}

#[test]
fn a_row_in_quotes_is_read_as_its_cells() {
    let told = list("Name,Email,City\n\"A,a@example.com,Rome\"\n\"B,b@example.com,Oslo\"\n");
    assert_eq!(
        (told.contact(2).city.as_deref(), told.contact(3).email.as_deref()),
        (Some("Rome"), Some("b@example.com"))
    );
}

#[test]
fn columns_by_other_names_are_found() {
    let told = list(
        "Nombre,Primer apellido,Correo,Población,Telefon geschäftlich,Contact Person\nAna,García,a@example.com,Ulm,202-555-0143,x\n",
    );
    let ana = told.contact(2);
    assert_eq!((ana.last_name.as_deref(), ana.city.as_deref()), (Some("García"), Some("Ulm")));
    assert_eq!((ana.phone.as_deref(), ana.name.as_deref()), (Some("+12025550143"), Some("x")));
    let nothing = import(b"Foo\nbar\n", us());
    assert!(matches!(nothing, Err(FileImportError::NoUsableColumn { .. })));
}

fn addresses(text: &str) -> Vec<String> {
    list(text).contacts.into_iter().map(|(_, contact)| contact.address1.unwrap_or_default()).collect()
}

#[test]
fn a_house_number_of_its_own_joins_the_street() {
    let cases = [
        ("Straße,Hausnummer", "Hauptstr.,5", "Hauptstr. 5"),
        ("Hausnummer,Straße", "5a,Hauptstr.", "Hauptstr. 5a"),
        ("Straat,Huisnummer,Toevoeging", "Kerkstraat,12,bis", "Kerkstraat 12 bis"),
        ("House Number,Street", "12,Main St", "12 Main St"),
        ("Street,House number", "Main St,12", "12 Main St"),
        ("Street,House number,Country", "Dam,12,Netherlands", "Dam 12"),
        ("Numéro,Rue,Ville", ",rue de Metz,Lyon", "rue de Metz"),
        ("Ville,Numéro,Rue", "Lyon,12,rue de Metz", "12 rue de Metz"),
        ("Calle,Número,Piso,Puerta", "Gran Vía,8,3,B", "Gran Vía 8, Piso 3, B"),
        ("Straße,Nr.", "Am Markt,7.0", "Am Markt 7"),
        ("Straße,Nr", "Am Markt 7,7", "Am Markt 7"),
        ("Via,N°,CAP", "Via Roma,8,00100", "Via Roma 8"),
        ("Ulica,Nr domu,Nr mieszkania", "Polna,8,12", "Polna 8, m. 12"),
        ("Rua,Número,Complemento", "Rua Azul,10,Bloco B", "Rua Azul 10, Bloco B"),
        ("Billing Street,Billing House Number,Shipping Street", "Main St,12,", "12 Main St"),
    ];
    for (names, cells, address) in cases {
        let told = list(&format!("Email,{names}\na@example.com,{cells}\n"));
        assert_eq!(told.contact(2).address1.as_deref(), Some(address), "{names}");
    }
    // Elsewhere, a number can mean anything.
    let told = list("Nr,Street,Email\n1,Main St 4,a@example.com\n");
    assert_eq!((told.contact(2).address1.as_deref(), told.notes.len()), (Some("Main St 4"), 1));
}

#[test]
fn all_lines_of_an_address_arrive() {
    let line_2 = [
        ("Address 2", "Floor 2", "5 Pine St, Floor 2"),
        ("Address Line 2", "Floor 2", "5 Pine St, Floor 2"),
        ("Street Address Line 2", "Floor 2", "5 Pine St, Floor 2"),
        ("Address 1,Address 2,Address 3", ",Floor 2,c/o Vik", "5 Pine St, Floor 2, c/o Vik"),
        ("Apt,Floor", "4,2", "5 Pine St, Apt 4, Floor 2"),
        ("Adresszeile 2", "2. OG", "5 Pine St, 2. OG"),
        ("Complément d'adresse", "Bât. B", "5 Pine St, Bât. B"),
        ("PO Box", "77", "5 Pine St, PO Box 77"),
        ("Address 2 (Apt)", "#4", "5 Pine St, Apt 4"),
        ("Unit", "5 Pine St", "5 Pine St"),
    ];
    for (names, cells, address) in line_2 {
        let text = format!("Email,Street,{names}\na@example.com,5 Pine St,{cells}\n");
        assert_eq!(addresses(&text), [address], "{names}");
    }
}

#[test]
fn what_another_address_of_the_row_says_is_told() {
    let told = list("Email,Business Street,Home City,Home Street\na@example.com,5 Pine St,Lynn,9 Oak Ave\n");
    assert_eq!((told.contact(2).address1.as_deref(), &told.contact(2).city), (Some("5 Pine St"), &None));
    let noted: Vec<&str> = told.notes.iter().filter_map(|note| note.column.as_deref()).collect();
    assert_eq!(noted, ["Home City", "Home Street"]);
}
