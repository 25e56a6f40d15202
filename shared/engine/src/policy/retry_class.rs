//! Classifies failed calls, which decides who retries them.

use ghl_sync_model::{Call, Cause, Failure, GhlId};

/// The meaning of a failed call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Class {
    /// The quota is used up: pause and retry. Never counts against the record or the breaker.
    Throttled,
    /// GHL or the network is failing: back off and retry. Counts toward the breaker.
    Transient {
        /// Whether the request may still arrive. If so, we write nothing more until it no longer can.
        may_arrive: bool,
    },
    /// A create that GHL may have performed. It must not be repeated before we have searched for the result.
    Ambiguous,
    /// GHL rejects the token: stop the location.
    Credentials,
    /// GHL answered for another location: stop this location before any further write.
    OtherLocation,
    /// GHL no longer accepts this token, but a newer one exists: retry with that.
    StaleToken,
    /// The contact exists already: update the one with this id instead.
    Duplicate(GhlId),
    /// An update must not contain `companyName`: use an upsert instead.
    CompanyRefused,
    /// The record to update no longer exists: create it again.
    Gone,
    /// GHL rejects the request and always will.
    Permanent,
}

impl Class {
    /// The class as logs write it.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Class::Throttled => "throttled",
            Class::Transient { .. } => "transient",
            Class::Ambiguous => "ambiguous",
            Class::Credentials => "credentials",
            Class::OtherLocation => "other_location",
            Class::StaleToken => "stale_token",
            Class::Duplicate(_) => "duplicate",
            Class::CompanyRefused => "company_refused",
            Class::Gone => "gone",
            Class::Permanent => "permanent",
        }
    }

    /// Whether the failure suggests that GHL or the network is down.
    #[must_use]
    pub fn is_trouble(&self) -> bool {
        matches!(self, Class::Transient { .. } | Class::Ambiguous)
    }
}

/// Classifies the `failure` of `call`.
#[must_use]
pub fn classify(call: &Call, failure: &Failure) -> Class {
    match &failure.cause {
        Some(Cause::Credentials) => return Class::Credentials,
        Some(Cause::OtherLocation) => return Class::OtherLocation,
        Some(Cause::StaleToken) => return Class::StaleToken,
        Some(Cause::Duplicate(id)) => return Class::Duplicate(id.clone()),
        Some(Cause::CompanyRefused) => return Class::CompanyRefused,
        Some(Cause::Missing) => return Class::Gone,
        Some(Cause::Unsupported | Cause::Forbidden) => return Class::Permanent,
        // The gateway gave up, but GHL may not have; and an unreadable answer means that something was done. A page
        // from an intermediary says nothing about the record, so it is never a reason to give the record up.
        Some(Cause::Gateway | Cause::Unreadable | Cause::TooLong) => return unanswered(call),
        None => {}
    }
    match failure.status {
        None if failure.sent => unanswered(call),
        None => Class::Transient { may_arrive: false },
        Some(429) => Class::Throttled,
        // 408 and 504: an intermediary gave up waiting for the server that does the work.
        Some(408 | 504) => unanswered(call),
        Some(401) => Class::Credentials,
        // GHL never redirects.
        Some(300..=399) => unanswered(call),
        Some(status) if status >= 500 => answered_with_error(call),
        // 422 included: GHL once created a contact despite a 422 (2025-07). Such a contact has a natural key, so the
        // record's next put finds it.
        Some(_) => Class::Permanent,
    }
}

fn unanswered(call: &Call) -> Class {
    if call.is_repeatable() { Class::Transient { may_arrive: call.is_write() } } else { Class::Ambiguous }
}

fn answered_with_error(call: &Call) -> Class {
    // The error ends the request, but not its effect: GHL may have created the record before it failed.
    if call.is_repeatable() { Class::Transient { may_arrive: false } } else { Class::Ambiguous }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ghl_sync_model::Contact;

    fn failure(status: Option<u16>, sent: bool, cause: Option<Cause>) -> Failure {
        Failure { status, sent, cause, message: String::new() }
    }

    #[test]
    fn every_failure_has_the_class_that_the_table_of_retries_gives_it() {
        let upsert = Call::UpsertContact(Contact::default());
        let create = Call::CreateContact(Contact::default());
        let get = Call::GetContact(GhlId::new("c1").unwrap());
        let late = Class::Transient { may_arrive: true };
        let again = Class::Transient { may_arrive: false };
        let table = [
            (&upsert, failure(Some(429), true, None), Class::Throttled),
            (&create, failure(Some(429), true, None), Class::Throttled),
            (&upsert, failure(Some(500), true, None), again.clone()),
            (&upsert, failure(Some(502), true, None), again.clone()),
            (&upsert, failure(Some(503), true, None), again.clone()),
            (&upsert, failure(Some(504), true, None), late.clone()),
            (&upsert, failure(Some(408), true, None), late.clone()),
            (&upsert, failure(None, true, None), late.clone()),
            (&upsert, failure(None, false, None), again.clone()),
            (&get, failure(None, true, None), again.clone()),
            (&create, failure(None, false, None), again.clone()),
            (&create, failure(None, true, None), Class::Ambiguous),
            (&create, failure(Some(500), true, None), Class::Ambiguous),
            (&create, failure(Some(504), true, None), Class::Ambiguous),
            (&upsert, failure(Some(200), true, Some(Cause::Unreadable)), late.clone()),
            (&create, failure(Some(201), true, Some(Cause::Unreadable)), Class::Ambiguous),
            (&upsert, failure(Some(302), true, None), late.clone()),
            (&create, failure(Some(307), true, Some(Cause::Gateway)), Class::Ambiguous),
            (&upsert, failure(Some(404), true, Some(Cause::Gateway)), late.clone()),
            (&create, failure(Some(413), true, Some(Cause::Gateway)), Class::Ambiguous),
            (&get, failure(Some(451), true, Some(Cause::Gateway)), again),
            (&upsert, failure(Some(200), true, Some(Cause::OtherLocation)), Class::OtherLocation),
            (&create, failure(Some(201), true, Some(Cause::OtherLocation)), Class::OtherLocation),
            (&upsert, failure(Some(401), true, Some(Cause::Gateway)), late),
            (&upsert, failure(Some(401), true, Some(Cause::Credentials)), Class::Credentials),
            (&upsert, failure(Some(401), true, None), Class::Credentials),
            (&create, failure(Some(401), true, Some(Cause::StaleToken)), Class::StaleToken),
            (&upsert, failure(Some(403), true, Some(Cause::Credentials)), Class::Credentials),
            (&upsert, failure(Some(403), true, None), Class::Permanent),
            (&upsert, failure(Some(400), true, None), Class::Permanent),
            (&upsert, failure(Some(404), true, None), Class::Permanent),
            (&upsert, failure(Some(422), true, None), Class::Permanent),
            (&upsert, failure(Some(400), true, Some(Cause::Missing)), Class::Gone),
            (&upsert, failure(Some(422), true, Some(Cause::CompanyRefused)), Class::CompanyRefused),
            (&upsert, failure(None, false, Some(Cause::Unsupported)), Class::Permanent),
            (&Call::ListTags, failure(Some(401), true, Some(Cause::Forbidden)), Class::Permanent),
        ];
        for (call, failure, expected) in table {
            assert_eq!(classify(call, &failure), expected, "{failure:?}");
        }
        let id = GhlId::new("c9").unwrap();
        assert_eq!(
            classify(&upsert, &failure(Some(400), true, Some(Cause::Duplicate(id.clone())))),
            Class::Duplicate(id)
        );
    }
}
