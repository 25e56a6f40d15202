//! Profiles of locations: a few facts for the list of locations, stored in an item of their own.

use serde::{Deserialize, Serialize};

use crate::{CredentialsRef, EpochMs, Item, ItemKind, LocationFacts, LocationId};

/// A location's name and the type of its credentials. The facts also hold all custom fields, up to 128 KiB per
/// location; a page of the list reads this instead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationProfile {
    /// Its name in GHL.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name of its business.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// IANA time zone name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// The type of its credentials, without the secrets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<KnownCredentials>,
}

/// The type and expiry of credentials, without the secrets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCredentials {
    /// Where they are stored. Once the location uses other credentials, this information is void.
    pub reference: CredentialsRef,
    /// Their type.
    pub kind: CredentialsKind,
    /// When they expire on their own: an app's credentials one year after the last renewal. `None` if unknown.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<EpochMs>,
}

/// The type of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialsKind {
    /// A private integration token of API v2, valid until somebody replaces it.
    PrivateIntegration,
    /// A key of API v1, valid until somebody replaces it.
    ApiKey,
    /// The grant of an app, which renews itself.
    Oauth,
}

impl LocationProfile {
    /// The profile that follows from `facts` and `credentials`; unknown credentials are taken from `before`.
    #[must_use]
    pub fn of(facts: &LocationFacts, credentials: Option<KnownCredentials>, before: Option<&LocationProfile>) -> Self {
        let account = facts.account.as_ref().map(|fact| fact.value.clone());
        let credentials = credentials.or_else(|| before?.credentials.clone());
        let Some(account) = account else { return LocationProfile { credentials, ..LocationProfile::default() } };
        LocationProfile {
            name: Some(account.name).filter(|name| !name.is_empty()),
            company: account.company,
            timezone: account.timezone,
            country: account.country,
            credentials,
        }
    }
}

impl Item for LocationProfile {
    const KIND: ItemKind = ItemKind {
        name: "profile",
        load: "profile.load",
        replace: "profile.store",
        attribute: "profile",
        listed: None,
        checked: false,
        may_be_stale: true,
    };
    type Key = LocationId;

    fn item_key(location: &LocationId) -> String {
        format!("profile#{location}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RemoteLocation, ReportedFacts};

    #[test]
    fn it_has_the_words_of_the_facts_and_keeps_what_was_known_of_the_credentials() {
        let now = EpochMs(1_800_000_000_000);
        let known = KnownCredentials {
            reference: "ssm:/a".parse().unwrap(),
            kind: CredentialsKind::Oauth,
            expires_at: Some(now),
        };
        let before = LocationProfile { credentials: Some(known.clone()), ..LocationProfile::default() };
        let untold = LocationFacts::told(now, None, ReportedFacts::default(), vec![], true);
        assert_eq!(LocationProfile::of(&untold, None, Some(&before)), before);
        let account = RemoteLocation {
            id: LocationId::new("a").unwrap(),
            name: "Dentist".to_owned(),
            company: None,
            timezone: Some("Europe/Berlin".to_owned()),
            country: Some("DE".to_owned()),
            allow_duplicate_contact: None,
            allow_duplicate_opportunity: None,
        };
        let reported = ReportedFacts { account: Some(account), ..ReportedFacts::default() };
        let told = LocationFacts::told(now, None, reported, vec![], false);
        let profile = LocationProfile::of(&told, None, Some(&before));
        assert_eq!((profile.name.as_deref(), profile.country.as_deref()), (Some("Dentist"), Some("DE")));
        assert_eq!(profile.credentials, Some(known));
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<LocationProfile>(&json).unwrap(), profile);
        assert!(json.contains(r#""kind":"oauth""#), "{json}");
    }
}
