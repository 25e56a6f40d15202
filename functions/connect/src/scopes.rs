//! Scopes: what is asked for, and what of it was not granted.

/// Whom somebody wants to connect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wanted {
    Location,
    Agency,
}

/// What every location needs.
const OF_LOCATION: [&str; 6] = [
    "contacts.readonly",
    "contacts.write",
    "opportunities.readonly",
    "opportunities.write",
    "locations.readonly",
    "locations/customFields.readonly",
];
/// To list an agency's locations, and to have tokens of theirs issued.
const OF_AGENCY: [&str; 2] = ["oauth.readonly", "oauth.write"];

impl Wanted {
    /// The scopes that are needed.
    pub(crate) fn scopes(self) -> impl Iterator<Item = &'static str> {
        let of_agency = if self == Wanted::Agency { &OF_AGENCY[..] } else { &[] };
        OF_LOCATION.iter().chain(of_agency).copied()
    }

    /// Those that are needed and not among `granted`. Where GHL does not say what it granted, none is known to be missing.
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
        let all: Vec<String> = Wanted::Agency.scopes().map(str::to_owned).collect();
        assert_eq!(Wanted::Agency.missing(&all), Vec::<String>::new());
        assert_eq!(Wanted::Location.missing(&all), Vec::<String>::new());
        for scope in Wanted::Agency.scopes() {
            let fewer: Vec<String> = all.iter().filter(|granted| *granted != scope).cloned().collect();
            assert_eq!(Wanted::Agency.missing(&fewer), [scope]);
            let of_location = Wanted::Location.missing(&fewer);
            assert_eq!(of_location.is_empty(), scope.starts_with("oauth."), "{scope}");
        }
        let other = ["contacts.readonlyish".to_owned()];
        assert_eq!(Wanted::Location.missing(&other).len(), 6, "a scope is itself and no other");
        assert!(Wanted::Location.missing(&[]).is_empty(), "nothing is said of what nobody knows");
    }
}
