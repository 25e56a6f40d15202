//! Decides which parts of a contact's consent (`dnd`, `dndSettings`) may be sent.
//!
//! GHL shows who opted out, but not why or since when. So we never revoke an opt-out: our writes can only add to GHL's
//! opt-outs. Only a person in GHL lifts one.

use serde_json::{Map, Value};

use ghl_sync_model::{Contact, EpochMs, KnownState, Payload, Record, RemoteContent};

/// Status of a channel on which the contact may be reached.
const MAY_CONTACT: &str = "inactive";
/// Status of a channel that the contact itself has closed. GHL rejects every write to it.
const CLOSED_FOR_GOOD: &str = "permanent";

/// Whether the record is due only because reconciling resends it.
#[must_use]
pub(super) fn is_resend(record: &Record) -> bool {
    record.overruled.is_some()
}

/// A copy of `contact` without its consent fields.
#[must_use]
pub fn without_consent(contact: &Contact) -> Contact {
    Contact { dnd: None, dnd_settings: None, ..contact.clone() }
}

/// Whether GHL's contact must be known before `record` is sent, because GHL may replace all channels at once.
#[must_use]
pub fn needs_known_consent(record: &Record) -> bool {
    match &record.payload {
        Payload::Contact(contact) => !is_resend(record) && opted_out(contact).is_some_and(|value| value.is_object()),
        Payload::Opportunity(_) => false,
    }
}

/// `state` as it is stored by a location that keeps contents only `until` then. If it has opt-outs, only those are
/// kept, and forever: without them, a later opt-out of one channel could reopen the others, since GHL may replace all
/// channels at once.
#[must_use]
pub fn kept_until(state: KnownState, until: Option<EpochMs>) -> KnownState {
    if until.is_none() {
        return state;
    }
    match opt_outs_of(&state) {
        Some(opt_outs) => KnownState { content: Some(opt_outs), keep_until: None, ..state },
        None => KnownState { keep_until: until, ..state },
    }
}

/// The opt-outs in `state` and nothing else of the contact; `None` if there are none.
#[must_use]
pub fn opt_outs_of(state: &KnownState) -> Option<RemoteContent> {
    let Some(RemoteContent::Contact(contact)) = &state.content else { return None };
    let opt_outs =
        Contact { dnd: contact.dnd.filter(|dnd| *dnd), dnd_settings: opted_out(contact), ..Contact::default() };
    (opt_outs != Contact::default()).then_some(RemoteContent::Contact(opt_outs))
}

/// The payload of `record` as it is sent. `known` is the last contact that GHL reported.
///
/// - A resend carries no consent at all: GHL's state is newer than the content it accepted from us.
/// - Otherwise only opt-outs are sent. Channels that GHL shows as opted out are included, since GHL may replace all
///   channels at once. Channels that the contact has closed for good are left out, since GHL would reject the write.
#[must_use]
pub fn payload_to_send(record: &Record, known: Option<&Contact>) -> Payload {
    let Payload::Contact(contact) = &record.payload else { return record.payload.clone() };
    let contact = if is_resend(record) { without_consent(contact) } else { with_opt_outs_only(contact, known) };
    Payload::Contact(contact)
}

/// The consent fields in `payload` that are never sent, because they would allow what GHL may forbid.
#[must_use]
pub fn not_sent(payload: &Payload) -> Vec<&'static str> {
    let Payload::Contact(contact) = payload else { return Vec::new() };
    let dnd = (contact.dnd == Some(false)).then_some("dnd");
    let channels = contact.dnd_settings.as_ref().and_then(Value::as_object);
    let allows = channels.is_some_and(|channels| channels.values().any(allows_contact));
    dnd.into_iter().chain(allows.then_some("dndSettings")).collect()
}

/// Whether `record` carries an opt-out that is missing in `shown` and that we have not sent to GHL yet.
#[must_use]
pub fn has_unsent_opt_out(record: &Record, shown: &Contact) -> bool {
    let Payload::Contact(ours) = &record.payload else { return false };
    if record.due_at.is_none() || is_resend(record) {
        return false;
    }
    let everywhere = ours.dnd == Some(true) && shown.dnd != Some(true);
    let is_closed = |channel: &String| state_of(shown, channel).is_some_and(|state| state != MAY_CONTACT);
    let channels = opted_out(ours).and_then(|value| value.as_object().cloned()).unwrap_or_default();
    everywhere || channels.keys().any(|channel| !is_closed(channel))
}

fn with_opt_outs_only(contact: &Contact, known: Option<&Contact>) -> Contact {
    let dnd_settings = match (opted_out(contact), known) {
        (Some(Value::Object(ours)), Some(known)) => beside(ours, known),
        (settings, _) => settings,
    };
    Contact { dnd: contact.dnd.filter(|dnd| *dnd), dnd_settings, ..contact.clone() }
}

/// Our opt-outs merged with GHL's.
fn beside(ours: Map<String, Value>, known: &Contact) -> Option<Value> {
    let mut channels = ours;
    if let Some(Value::Object(theirs)) = opted_out(known) {
        for (channel, state) in theirs {
            channels.entry(channel).or_insert(state);
        }
    }
    channels.retain(|channel, _| state_of(known, channel).as_deref() != Some(CLOSED_FOR_GOOD));
    (!channels.is_empty()).then_some(Value::Object(channels))
}

/// The closed channels of `contact`. A value that is not an object of channels is kept for GHL to reject.
fn opted_out(contact: &Contact) -> Option<Value> {
    match contact.dnd_settings.clone()? {
        Value::Object(mut channels) => {
            channels.retain(|_, channel| !allows_contact(channel));
            (!channels.is_empty()).then_some(Value::Object(channels))
        }
        other => Some(other),
    }
}

fn allows_contact(channel: &Value) -> bool {
    status(channel).is_some_and(|status| status == MAY_CONTACT)
}

fn state_of(contact: &Contact, channel: &str) -> Option<String> {
    status(contact.dnd_settings.as_ref()?.get(channel)?)
}

fn status(channel: &Value) -> Option<String> {
    channel.get("status")?.as_str().map(|status| status.trim().to_lowercase())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use ghl_sync_model::{Kind, put_once};

    fn contact(value: &Value) -> Contact {
        serde_json::from_value(value.clone()).unwrap()
    }

    fn record(value: &Value) -> Record {
        Record { payload: Payload::Contact(contact(value)), ..ann() }
    }

    fn sent(record: &Record, known: Option<&Contact>) -> Contact {
        match payload_to_send(record, known) {
            Payload::Contact(contact) => contact,
            Payload::Opportunity(_) => panic!("a contact"),
        }
    }

    fn ann() -> Record {
        let payload = Payload::from_json(Kind::Contact, r#"{"firstName":"Ann","email":"ann@example.com"}"#).unwrap();
        Record { accepted_version: Some(1), accepted_hash: Some(payload.hash()), ..put_once("contact#a", payload) }
    }

    #[test]
    fn only_opt_outs_are_sent_and_those_that_ghl_has_go_along() {
        let off = json!({"status": "inactive"});
        let on = json!({"status": "active", "message": "by mail"});
        let closed = json!({"status": "permanent"});
        // Columns: the record's consent, GHL's last known consent, and what is sent.
        let table = [
            (json!({"dnd": false}), None, json!({})),
            (json!({"dnd": true}), Some(json!({"dnd": false})), json!({"dnd": true})),
            (json!({"dndSettings": {"SMS": off, "Email": on}}), None, json!({"dndSettings": {"Email": on}})),
            (json!({"dndSettings": {"SMS": off}}), Some(json!({"dndSettings": {"SMS": on}})), json!({})),
            (
                json!({"dndSettings": {"Email": on}}),
                Some(json!({"dndSettings": {"SMS": on, "Call": off, "FB": closed}})),
                json!({"dndSettings": {"Email": on, "SMS": on}}),
            ),
            (json!({"dndSettings": {"SMS": on}}), Some(json!({"dndSettings": {"SMS": closed}})), json!({})),
            (json!({"dndSettings": "all"}), None, json!({"dndSettings": "all"})),
        ];
        for (ours, known, expected) in table {
            let known = known.as_ref().map(contact);
            assert_eq!(sent(&record(&ours), known.as_ref()), contact(&expected), "{ours} {known:?}");
        }
        assert_eq!(
            not_sent(&record(&json!({"dnd": false, "dndSettings": {"SMS": off}})).payload),
            ["dnd", "dndSettings"]
        );
        assert!(not_sent(&record(&json!({"dnd": true, "dndSettings": {"SMS": on}})).payload).is_empty());
    }

    #[test]
    fn a_resend_has_no_consent_at_all() {
        let ours = json!({"dnd": true, "dndSettings": {"SMS": {"status": "active"}}, "city": "Ulm"});
        let mut record = record(&ours);
        record.overruled = record.accepted_hash;
        assert!(is_resend(&record) && !needs_known_consent(&record));
        assert_eq!(sent(&record, None), contact(&json!({"city": "Ulm"})));
    }

    fn any_consent() -> impl Strategy<Value = Value> {
        let channel = prop_oneof![Just("active"), Just("inactive"), Just("permanent"), Just("Inactive ")];
        let channels =
            proptest::collection::btree_map(prop_oneof![Just("SMS"), Just("Email"), Just("Call")], channel, 0..4);
        (proptest::option::of(any::<bool>()), proptest::option::of(channels)).prop_map(|(dnd, channels)| {
            let channels = channels.map(|channels| {
                channels
                    .into_iter()
                    .map(|(name, status)| (name, json!({"status": status})))
                    .collect::<std::collections::BTreeMap<_, _>>()
            });
            let mut value = json!({});
            if let Some(dnd) = dnd {
                value["dnd"] = json!(dnd);
            }
            if let Some(channels) = channels {
                value["dndSettings"] = json!(channels);
            }
            value
        })
    }

    proptest! {
        /// Whether GHL merges or replaces channels, nobody who opted out is opted in again.
        #[test]
        fn consent_is_never_turned_back(ours in any_consent(), known in any_consent(), resend in any::<bool>()) {
            let (mut record, known) = (record(&ours), contact(&known));
            record.overruled = record.accepted_hash.filter(|_| resend);
            let sent = sent(&record, Some(&known));
            let dnd_after = sent.dnd.or(known.dnd);
            prop_assert!(known.dnd != Some(true) || dnd_after == Some(true));
            if let Some(after) = &sent.dnd_settings {
                for channel in ["SMS", "Email", "Call"] {
                    let before = state_of(&known, channel);
                    let is_out = after.get(channel).and_then(status).is_some_and(|status| status != MAY_CONTACT);
                    prop_assert!(before.as_deref() != Some("active") || is_out, "{channel} {after}");
                }
            }
            prop_assert!(not_sent(&Payload::Contact(sent)).is_empty());
        }
    }
}
