//! OAuth scopes: the required ones, and those that were not granted.

/// Type of account to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AccountType {
    Location,
    Agency,
}

/// Scopes that every location needs.
const OF_LOCATION: [&str; 6] = [
    "contacts.readonly",
    "contacts.write",
    "opportunities.readonly",
    "opportunities.write",
    "locations.readonly",
    "locations/customFields.readonly",
];
/// Scopes to list an agency's locations, and to get tokens for them.
const OF_AGENCY: [&str; 2] = ["oauth.readonly", "oauth.write"];

impl AccountType {
    /// The required scopes.
    pub(crate) fn scopes(self) -> impl Iterator<Item = &'static str> {
        let of_agency = if self == AccountType::Agency { &OF_AGENCY[..] } else { &[] };
        OF_LOCATION.iter().chain(of_agency).copied()
    }

    /// The required scopes that are not in `granted`. If GHL does not list the granted scopes, none counts as
    /// missing.
    pub(crate) fn missing(self, granted: &[String]) -> Vec<String> {
        if granted.is_empty() {
            return Vec::new();
        }
        self.scopes().filter(|needed| !granted.iter().any(|scope| scope == needed)).map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_scope_that_is_needed_and_was_not_granted_is_named() {
        let all: Vec<String> = AccountType::Agency.scopes().map(str::to_owned).collect();
        assert_eq!(AccountType::Agency.missing(&all), Vec::<String>::new());
        assert_eq!(AccountType::Location.missing(&all), Vec::<String>::new());
        for scope in AccountType::Agency.scopes() {
            let fewer: Vec<String> = all.iter().filter(|granted| *granted != scope).cloned().collect();
            assert_eq!(AccountType::Agency.missing(&fewer), [scope]);
            let of_location = AccountType::Location.missing(&fewer);
            assert_eq!(of_location.is_empty(), scope.starts_with("oauth."), "{scope}");
        }
        let other = ["contacts.readonlyish".to_owned()];
        assert_eq!(AccountType::Location.missing(&other).len(), 6, "a scope is itself and no other");
        assert!(AccountType::Location.missing(&[]).is_empty(), "nothing is said of what nobody knows");
    }
}
