//! Where a token comes from: what it is stored under, what a refresh of it shows, and what its answer means.

use crate::ports::IssuedTokens;
use crate::{AccessToken, TokenEntry, TokenError};
use ghl_sync_engine::ports::Entry;
use ghl_sync_model::{CredentialsRef, EpochMs, LocationId, OAuthGrant, OAuthUser, fingerprint};

/// Where a token comes from.
pub(super) enum Source<'a> {
    /// The grant's own token: of its location, or of the agency.
    Grant(&'a OAuthGrant),
    /// The token of one location of the agency.
    OfAgency { grant: &'a OAuthGrant, company_id: &'a str },
}

/// Whose token is wanted, for what is noted.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) location: &'a LocationId,
    pub(super) credentials: &'a CredentialsRef,
}

impl<'a> Source<'a> {
    /// Where the token for a location's calls comes from.
    pub(super) fn for_calls(grant: &'a OAuthGrant) -> Source<'a> {
        match &grant.user {
            OAuthUser::Location => Source::Grant(grant),
            OAuthUser::Company { company_id } => Source::OfAgency { grant, company_id },
        }
    }

    /// What the token is stored under.
    pub(super) fn key(&self, location: &LocationId) -> String {
        match self {
            Source::Grant(grant) => grant.id(),
            Source::OfAgency { grant, .. } => format!("{}#{location}", grant.id()),
        }
    }

    /// A hash of what a refresh shows to GHL.
    pub(super) fn shows(&self, entry: &TokenEntry) -> String {
        match self {
            Source::Grant(grant) => {
                let refresh_token = entry.refresh.as_ref().unwrap_or(&grant.refresh_token);
                fingerprint([grant.client_secret.expose(), refresh_token.expose(), grant.user.as_str()])
            }
            Source::OfAgency { company_id, .. } => fingerprint([company_id]),
        }
    }

    /// What an entry that does not exist yet begins with: the access token that the credentials have.
    pub(super) fn seed(&self) -> Entry<TokenEntry> {
        let access = match self {
            Source::Grant(OAuthGrant { access_token: Some((token, expires_at)), .. }) => {
                Some(AccessToken { token: token.clone(), issued_at: None, expires_at: *expires_at })
            }
            _ => None,
        };
        Entry { rev: 0, value: TokenEntry { access, ..TokenEntry::default() } }
    }

    /// `leased` with what was issued. The refresh token is kept even if the access token is for somebody else.
    pub(super) fn renewed(
        &self,
        leased: &TokenEntry,
        issued: IssuedTokens,
        asked_at: EpochMs,
        now: EpochMs,
    ) -> TokenEntry {
        let expires_at = asked_at + issued.expires_in;
        let access = AccessToken { token: issued.access, issued_at: Some(asked_at), expires_at };
        let entry = leased.renewed(access, issued.refresh);
        let Some(problem) = self.wrong_user(issued.user_type.as_deref()) else { return entry };
        let shows = self.shows(&entry);
        TokenEntry { access: None, ..entry }.failed(now, &TokenError::Refused(problem), &shows)
    }

    fn wrong_user(&self, told: Option<&str>) -> Option<String> {
        let Source::Grant(grant) = self else { return None };
        let expected = grant.user.as_str();
        let told = told.filter(|told| *told != expected)?;
        let told = if told == "Company" { "Company" } else { "Location" };
        Some(format!("`user_type` is {expected}, but the tokens are those of a {told}"))
    }

    /// What a person must do.
    pub(super) fn mend(&self, subject: Subject<'_>, reason: &str) -> String {
        let Subject { location, credentials } = subject;
        match self {
            Source::Grant(_) => format!(
                "{reason}; connect the app anew (install it again for {location} or its agency) and store the new \
                 `refresh_token` at {credentials}"
            ),
            Source::OfAgency { .. } => {
                format!("{reason}; the agency's app at {credentials} must be installed in {location}")
            }
        }
    }
}
