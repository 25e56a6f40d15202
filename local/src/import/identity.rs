//! What makes two rows the same contact.

use ghl_sync_engine::domain::{Contact, Payload, RecordId};
use sha2::{Digest, Sha256};

/// The id of a contact in the outbox, from its identity: the e-mail address, else the phone number, else all that is
/// known. It is a hash, because ids appear in logs.
#[expect(clippy::expect_used, reason = "20 letters, digits and `-` are a record id")]
pub(super) fn record_id(contact: &Contact) -> RecordId {
    let digest = Sha256::digest(identity(contact));
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    RecordId::new(format!("csv-{hex}")).expect("a record id")
}

fn identity(contact: &Contact) -> String {
    match contact {
        Contact { email: Some(email), .. } => format!("email:{}", email.to_lowercase()),
        Contact { phone: Some(phone), .. } => format!("phone:{phone}"),
        _ => Payload::Contact(contact.clone()).to_json(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(email: Option<&str>, phone: Option<&str>, name: &str) -> RecordId {
        let [email, phone, name] = [email, phone, Some(name)].map(|text| text.map(str::to_owned));
        record_id(&Contact { email, phone, name, ..Contact::default() })
    }

    #[test]
    fn the_id_depends_on_the_first_of_email_phone_and_content_that_is_there() {
        let ann = id(Some("Ann@Example.com"), Some("+12025550100"), "Ann");
        assert_eq!(ann, id(Some("ann@example.com"), None, "Ann B."));
        assert_eq!(id(None, Some("+12025550100"), "Ann"), id(None, Some("+12025550100"), "Bob"));
        assert_eq!(id(None, None, "Ann"), id(None, None, "Ann"));
        assert_ne!(id(None, None, "Ann"), id(None, None, "Bob"));
        assert_ne!(ann, id(None, Some("+12025550100"), "Ann"));
    }

    #[test]
    fn the_id_of_a_contact_never_changes() {
        assert_eq!(id(Some("ann@example.com"), None, "Ann").as_str(), "csv-35f3b3170d36d0a1");
    }
}
