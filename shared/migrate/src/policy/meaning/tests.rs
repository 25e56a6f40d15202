//! Tables and properties of the comparison of names.

use proptest::prelude::*;

use super::{NameRelation, are_equal, compare, is_about_consent};

/// Pairs that a person would distinguish, however similar the names are.
const DIFFERENT: &[(&str, &str)] = &[
    ("Marketing Opt In", "Marketing Opt Out"),
    ("Opt-in", "Opt-out"),
    ("Email optin", "Email optout"),
    ("Inbound calls", "Outbound calls"),
    ("Check-in date", "Check-out date"),
    ("SMS subscribed", "SMS unsubscribed"),
    ("Newsletter subscribe", "Newsletter unsubscribe"),
    ("Smoker", "Non smoker"),
    ("Smoker", "Nonsmoker"),
    ("Do call", "Do not call"),
    ("Call allowed", "No call allowed"),
    ("Contact by mail: yes", "Contact by mail: no"),
    ("Insured", "Uninsured"),
    ("Active member", "Inactive member"),
    ("Valid licence", "Invalid licence"),
    ("Mother's Phone", "Father's Phone"),
    ("Mothers name", "Fathers name"),
    ("Mother's email", "Brother's email"),
    ("Son's birthday", "Daughter's birthday"),
    ("Spouse name", "Child name"),
    ("Husband's employer", "Wife's employer"),
    ("Guardian 1 phone", "Guardian 2 phone"),
    ("Grandmother's name", "Grandfather's name"),
    ("First name of partner", "Last name of partner"),
    ("First visit", "Second visit"),
    ("Primary policy number", "Secondary policy number"),
    ("Home address line", "Work address line"),
    ("Home phone number", "Mobile phone number"),
    ("Billing address", "Mailing address"),
    ("Billing street", "Shipping street"),
    ("Contract start", "Contract end"),
    ("Contract start date", "Contract end date"),
    ("Valid from day", "Valid to day"),
    ("Minimum budget", "Maximum budget"),
    ("Min. price", "Max. price"),
    ("Photo before", "Photo after"),
    ("Weight before treatment", "Weight after treatment"),
    ("Discount %", "Discount $"),
    ("Commission (%)", "Commission (€)"),
    ("Deposit USD", "Deposit EUR"),
    ("Deposit $", "Deposit £"),
    ("Length in cm", "Length in mm"),
    ("Size m", "Size m²"),
    ("Weight kg", "Weight lb"),
    ("Temperature °", "Temperature %"),
    ("Volume (milliliter)", "Volume (millimeter)"),
    ("Address 1", "Address 2"),
    ("Address2", "Address 3"),
    ("Age 18", "Age 18+"),
    ("Line A", "Line B"),
    ("Employer name", "Employee name"),
    ("Payer address", "Payee address"),
    ("Buyer agent", "Seller agent"),
    ("Landlord phone", "Tenant phone"),
    ("Gross income", "Net income"),
    ("Import date", "Export date"),
    ("Internal notes", "External notes"),
    ("Left eye", "Right eye"),
    ("Deal won", "Deal lost"),
    ("Old roof", "New roof"),
    ("Roof", "Roof (old)"),
    ("Monday hours", "Sunday hours"),
    ("June revenue", "July revenue"),
    ("County", "Country"),
    ("Contact date", "Contract date"),
    ("Width", "Height"),
    ("Paid invoices", "Unpaid invoices"),
    ("Anmeldung", "Abmeldung"),
    ("Telefon Mutter", "Telefon Vater"),
    ("Werbung ja", "Werbung nein"),
    ("Mit Newsletter", "Ohne Newsletter"),
    ("Anreise am", "Abreise am"),
    ("Téléphone mère", "Téléphone père"),
    ("Abonné", "Désabonné"),
    ("Correo del padre", "Correo de la madre"),
    ("Consent ✅", "Consent ❌"),
    ("Interested 👍", "Interested 👎"),
    ("Patent number", "Patient number"),
];

/// Similar names for which a person must decide.
const DOUBTFUL: &[(&str, &str)] = &[
    ("Marketing consent", "Marketting consent"),
    ("Newsletter permission", "Newsletter permissions level"),
    ("Proposal stage", "Proposals staged"),
    ("Kitchen colour", "Kitchen colours chosen"),
    ("Transfer A to B", "Transfer B to A"),
    ("电话号码", "手机号码"),
];

/// Different spellings of one name.
const SAME: &[(&str, &str)] = &[
    ("Shoe Size", "shoe size "),
    ("Shoe Size", "Shoe Sizes"),
    ("Adress", "Address"),
    ("Delivery adress", "Delivery address"),
    ("Lead Souce", "Lead Source"),
    ("Roof type 🏠", "Roof-Type"),
    ("Birth date", "Date birth"),
    ("Café order", "Cafe order"),
    ("Größe", "größe"),
    ("Servise", "Service"),
    ("Recieved documents", "Received documents"),
    ("Field numbr 0", "Field number 0"),
    ("The roof", "Roof"),
    ("Mother's maiden name", "Mothers maiden name"),
    ("Address2", "Address 2"),
    ("Marketing Opt-In", "marketing opt in"),
];

fn is_same(a: &str, b: &str) -> bool {
    matches!(compare(a, b), NameRelation::Same(_))
}

#[test]
fn no_names_that_differ_in_a_word_that_matters_are_the_same() {
    assert!(DIFFERENT.len() >= 60);
    for (a, b) in DIFFERENT {
        assert!(!is_same(a, b) && !is_same(b, a) && !are_equal(a, b), "{a} / {b}: {:?}", compare(a, b));
    }
}

#[test]
fn what_only_looks_alike_is_doubtful() {
    for (a, b) in DOUBTFUL {
        assert!(matches!(compare(a, b), NameRelation::Doubtful(_)), "{a} / {b}: {:?}", compare(a, b));
        assert!(!are_equal(a, b), "{a} / {b}");
    }
}

#[test]
fn one_name_in_two_spellings_is_the_same() {
    for (a, b) in SAME {
        assert!(is_same(a, b) && is_same(b, a), "{a} / {b}: {:?}", compare(a, b));
    }
}

#[test]
fn what_a_person_may_be_contacted_for_is_known_in_several_languages() {
    let consent = [
        "DND",
        "Email Opt In",
        "SMS opt-out",
        "Marketing consent",
        "GDPR",
        "Do not call",
        "Do-Not-Contact",
        "Unsubscribed",
        "Permission to text",
        "OK to call",
        "Newsletter",
        "Einwilligung Werbung",
        "DSGVO",
        "Abgemeldet am",
        "Nicht anrufen",
        "Consentement RGPD",
        "Désabonné",
        "Consentimiento",
        "Acepta publicidad",
        "Consenso marketing",
        "Toestemming",
        "Samtycke",
        "Zgoda RODO",
        "Согласие на рассылку",
        "営業メール配信停止",
        "同意",
        "마케팅 수신 동의",
    ];
    for name in consent {
        assert!(is_about_consent(name), "{name}");
    }
    for name in ["Roof type", "Shoe size", "Budget", "Mother's phone", "Geburtstag", "Notes"] {
        assert!(!is_about_consent(name), "{name}");
    }
}

prop_compose! {
    /// Two names that differ in one word, each word with its own meaning.
    fn pair_with_another_word()(
        before in prop::collection::vec("[a-z]{3,9}", 0..3),
        after in prop::collection::vec("[a-z]{3,9}", 0..3),
        pair in prop::sample::select(vec![
            ("in", "out"), ("opt in", "opt out"), ("not", ""), ("no", "yes"), ("non", ""), ("mother", "father"), ("son", "daughter"),
            ("spouse", "child"), ("first", "last"), ("first", "second"), ("home", "work"), ("work", "mobile"), ("billing", "shipping"),
            ("start", "end"), ("from", "to"), ("min", "max"), ("minimum", "maximum"), ("before", "after"), ("1", "2"), ("10", "100"),
            ("kg", "lb"), ("cm", "mm"), ("%", "$"), ("$", "€"), ("usd", "eur"), ("%", ""), ("subscribe", "unsubscribe"),
            ("active", "inactive"), ("valid", "invalid"), ("ja", "nein"), ("mutter", "vater"), ("avant", "apres"), ("18", "18+"),
        ]),
        separator in prop::sample::select(vec![" ", "-", "_", " / "]),
    ) -> (String, String) {
        let joined = |word: &str| {
            let words = before.iter().map(String::as_str).chain([word]).chain(after.iter().map(String::as_str));
            words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join(separator)
        };
        (joined(pair.0), joined(pair.1))
    }
}

proptest! {
    #[test]
    fn names_that_differ_in_such_a_word_are_never_the_same((a, b) in pair_with_another_word()) {
        prop_assert!(!is_same(&a, &b), "{a} / {b}");
        prop_assert!(!is_same(&b, &a), "{b} / {a}");
        prop_assert!(!are_equal(&a, &b), "{a} / {b}");
    }

    #[test]
    fn a_name_is_the_same_as_itself_and_the_verdict_is_symmetric(a in ".{0,24}", b in ".{0,24}") {
        prop_assert!(is_same(&a, &a) && are_equal(&a, &a));
        prop_assert_eq!(is_same(&a, &b), is_same(&b, &a));
        prop_assert_eq!(
            matches!(compare(&a, &b), NameRelation::Different),
            matches!(compare(&b, &a), NameRelation::Different)
        );
    }
}
