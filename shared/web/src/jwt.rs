//! The caller of a token that API Gateway has verified.

use std::collections::HashMap;
use std::sync::Arc;

use ghl_sync_model::{LocationId, Reach, Role};
use ghl_sync_runtime::JwtAccess;

use crate::caller::Caller;
use crate::callers::NotLetIn;

/// Value of the locations claim that allows all locations.
const ALL: &str = "*";

/// The caller with these claims.
pub(crate) fn owner(claims: &HashMap<String, String>, access: &JwtAccess) -> Result<Caller, NotLetIn> {
    let claim = |name: &str| claims.get(name).map_or("", |value| value.trim());
    // API Gateway has already checked the same issuer.
    if claim("iss") != access.issuer {
        return Err(NotLetIn::Nobody);
    }
    let name = claim("sub");
    if name.is_empty() {
        return Err(NotLetIn::NoSubject);
    }
    let roles = values(claim(&access.role_claim)).into_iter().filter_map(|role| role.parse().ok());
    let role: Role = roles.max().ok_or_else(|| NotLetIn::NoRole { claim: access.role_claim.clone() })?;
    let of = |name: &Option<String>| name.as_ref().map(|name| values(claim(name)));
    let reach = match role {
        Role::Admin => None,
        Role::Read | Role::Operate => reach(of(&access.locations_claim), of(&access.tags_claim)),
    };
    Ok(Caller { name: name.to_owned(), key: None, role, reach: reach.map(Arc::new) })
}

/// The locations and tags that these claims list; `None` allows all. If a claim is expected and neither is there, the
/// caller may use no location.
fn reach(locations: Option<Vec<&str>>, tags: Option<Vec<&str>>) -> Option<Reach> {
    if (locations.is_none() && tags.is_none()) || locations.iter().flatten().any(|location| *location == ALL) {
        return None;
    }
    let locations = locations.into_iter().flatten().filter_map(|location| LocationId::new(location).ok());
    let tags = tags.into_iter().flatten().map(str::to_owned);
    Some(Reach { locations: locations.collect(), tags: tags.collect() })
}

/// The values of a claim. API Gateway writes a list as its elements in brackets, separated by spaces and not escaped;
/// anything else is one value.
fn values(claim: &str) -> Vec<&str> {
    match claim.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(list) => list.split_whitespace().collect(),
        None => Some(claim).filter(|claim| !claim.is_empty()).into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://id.example.com/";

    fn owner_of(claims: &[(&str, &str)]) -> Result<Caller, NotLetIn> {
        let access = JwtAccess {
            issuer: ISSUER.to_owned(),
            role_claim: "groups".to_owned(),
            locations_claim: Some("locations".to_owned()),
            tags_claim: Some("tags".to_owned()),
        };
        let claims = claims.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        owner(&claims.collect(), &access)
    }

    #[test]
    fn the_highest_role_of_a_claim_counts_and_nothing_that_only_looks_like_one() {
        for (groups, expected) in [
            ("read", Some(Role::Read)),
            ("[read]", Some(Role::Read)),
            ("[staff operate read]", Some(Role::Operate)),
            ("[read admin operate]", Some(Role::Admin)),
            (" admin ", Some(Role::Admin)),
            ("", None),
            ("[]", None),
            ("[", None),
            ("staff", None),
            ("Admin", None),
            ("[ADMIN]", None),
            ("site admin", None),
            ("admin,read", None),
            ("[\"admin\"]", None),
            ("[administrators]", None),
        ] {
            let owner = owner_of(&[("iss", ISSUER), ("sub", "ann"), ("groups", groups)]);
            assert_eq!(owner.as_ref().ok().map(|owner| owner.role), expected, "{groups}: {owner:?}");
            assert!(expected.is_some() || matches!(owner, Err(NotLetIn::NoRole { claim }) if claim == "groups"));
        }
        assert!(matches!(owner_of(&[("iss", ISSUER), ("sub", "ann")]), Err(NotLetIn::NoRole { .. })));
    }

    #[test]
    fn a_token_says_whose_it_is_and_is_of_the_issuer() {
        let owner = owner_of(&[("iss", ISSUER), ("sub", "auth0|5f1c"), ("groups", "admin")]).unwrap();
        assert_eq!((owner.name.as_str(), owner.key, owner.reach), ("auth0|5f1c", None, None));
        for (iss, sub) in [("https://id.example.com", "ann"), ("https://evil.example.com/", "ann"), ("", "ann")] {
            let refused = owner_of(&[("iss", iss), ("sub", sub), ("groups", "admin")]);
            assert!(matches!(refused, Err(NotLetIn::Nobody)), "{iss}");
        }
        for sub in ["", " "] {
            let refused = owner_of(&[("iss", ISSUER), ("sub", sub), ("groups", "admin")]);
            assert!(matches!(refused, Err(NotLetIn::NoSubject)));
        }
    }

    #[test]
    fn who_is_bound_reaches_what_the_claims_list_and_who_has_none_reaches_nothing() {
        let reach = |role: &str, locations: Option<&str>, tags: Option<&str>| {
            let mut claims = vec![("iss", ISSUER), ("sub", "ann"), ("groups", role)];
            claims.extend(locations.map(|value| ("locations", value)));
            claims.extend(tags.map(|value| ("tags", value)));
            owner_of(&claims).unwrap().reach.map(|reach| {
                let Reach { locations, tags } = reach.as_ref().clone();
                (locations.into_iter().map(String::from).collect::<Vec<_>>(), tags.into_iter().collect::<Vec<_>>())
            })
        };
        let some = |locations: &[&str], tags: &[&str]| {
            Some([locations, tags].map(|all| all.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>()).into())
        };
        assert_eq!(reach("read", Some("loc_a"), None), some(&["loc_a"], &[]));
        assert_eq!(reach("read", Some("[loc_b loc_a a/b]"), Some("dental")), some(&["loc_a", "loc_b"], &["dental"]));
        assert_eq!(reach("operate", None, Some("[dental berlin]")), some(&[], &["berlin", "dental"]));
        assert_eq!(reach("operate", None, Some("Köln 2")), some(&[], &["Köln 2"]));
        for nothing in [None, Some(""), Some("[]")] {
            assert_eq!(reach("operate", nothing, nothing), some(&[], &[]));
        }
        assert_eq!(reach("operate", Some("*"), None), None);
        assert_eq!(reach("operate", None, Some("*")), some(&[], &["*"]), "all is said of locations");
        assert_eq!(reach("admin", Some("loc_a"), None), None);
    }
}
