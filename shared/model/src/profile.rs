//! What a list of locations shows of each beside its settings: a few words of its facts, in an item of their own.

use serde::{Deserialize, Serialize};

use crate::{CredentialsRef, EpochMs, Item, ItemKind, LocationFacts, LocationId};

/// What a location is called, and what is known of its credentials. The facts hold all custom fields, too, up to 128 KiB a
/// location: a page of a list reads this instead.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LocationProfile {
    /// GHL's name of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The name of the business that it is for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
    /// IANA time zone name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// ISO 3166 two-letter country code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// What its credentials are, without them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<KnownCredentials>,
}

/// What credentials are, without them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownCredentials {
    /// Where they are. What is known of others is of no use.
    pub reference: CredentialsRef,
    /// What they are.
    pub kind: CredentialsKind,
    /// When they end by themselves: those of an app, a year after they were renewed last. `None` if nobody knows.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub expires_at: Option<EpochMs>,
}

/// What credentials are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum CredentialsKind {
    /// A token of API v2, good until somebody replaces it.
    PrivateIntegration,
    /// A key of API v1, good until somebody replaces it.
    ApiKey,
    /// What an app was given. It renews itself.
    Oauth,
}

impl LocationProfile {
    /// What is known once `facts` are, and `credentials`, of which `before` stands where nobody could tell.
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
    use crate::{RemoteLocation, ToldFacts};

    #[test]
    fn it_has_the_words_of_the_facts_and_keeps_what_was_known_of_the_credentials() {
        let now = EpochMs(1_800_000_000_000);
        let known = KnownCredentials {
            reference: "ssm:/a".parse().unwrap(),
            kind: CredentialsKind::Oauth,
            expires_at: Some(now),
        };
        let before = LocationProfile { credentials: Some(known.clone()), ..LocationProfile::default() };
        let untold = LocationFacts::told(now, None, ToldFacts::default(), vec![], true);
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
        let told =
            LocationFacts::told(now, None, ToldFacts { account: Some(account), ..ToldFacts::default() }, vec![], false);
        let profile = LocationProfile::of(&told, None, Some(&before));
        assert_eq!((profile.name.as_deref(), profile.country.as_deref()), (Some("Dentist"), Some("DE")));
        assert_eq!(profile.credentials, Some(known));
        let json = serde_json::to_string(&profile).unwrap();
        assert_eq!(serde_json::from_str::<LocationProfile>(&json).unwrap(), profile);
        assert!(json.contains(r#""kind":"oauth""#), "{json}");
    }
}
