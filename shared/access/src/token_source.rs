//! Sources of tokens: their storage key, the hash of a refresh request, and the meaning of its answer.

use crate::ports::IssuedTokens;
use crate::{AccessToken, TokenEntry, TokenError};
use ghl_sync_engine::ports::Entry;
use ghl_sync_model::{CredentialsRef, EpochMs, LocationId, OAuthGrant, OAuthUser, fingerprint};

/// The source of a token.
pub(super) enum TokenSource<'a> {
    /// The grant's own token, for its location or for the agency.
    Grant(&'a OAuthGrant),
    /// The token of one location of an agency.
    OfAgency { grant: &'a OAuthGrant, company_id: &'a str },
}

/// The location and credentials that a token is for, in reports.
#[derive(Clone, Copy)]
pub(super) struct TokenSubject<'a> {
    pub(super) location: &'a LocationId,
    pub(super) credentials: &'a CredentialsRef,
}

impl<'a> TokenSource<'a> {
    /// The source of the token for a location's calls.
    pub(super) fn for_calls(grant: &'a OAuthGrant) -> TokenSource<'a> {
        match &grant.user {
            OAuthUser::Location => TokenSource::Grant(grant),
            OAuthUser::Company { company_id } => TokenSource::OfAgency { grant, company_id },
        }
    }

    /// Storage key of the token.
    pub(super) fn key(&self, location: &LocationId) -> String {
        match self {
            TokenSource::Grant(grant) => grant.id(),
            TokenSource::OfAgency { grant, .. } => format!("{}#{location}", grant.id()),
        }
    }

    /// Hash of the credentials that a refresh shows to GHL.
    pub(super) fn shows(&self, entry: &TokenEntry) -> String {
        match self {
            TokenSource::Grant(grant) => {
                let refresh_token = entry.refresh.as_ref().unwrap_or(&grant.refresh_token);
                fingerprint([grant.client_secret.expose(), refresh_token.expose(), grant.user.as_str()])
            }
            TokenSource::OfAgency { company_id, .. } => fingerprint([company_id]),
        }
    }

    /// The initial entry, with the access token from the credentials.
    pub(super) fn seed(&self) -> Entry<TokenEntry> {
        let access = match self {
            TokenSource::Grant(OAuthGrant { access_token: Some((token, expires_at)), .. }) => {
                Some(AccessToken { token: token.clone(), issued_at: None, expires_at: *expires_at })
            }
            _ => None,
        };
        Entry { rev: 0, value: TokenEntry { access, ..TokenEntry::default() } }
    }

    /// `leased` with the issued tokens. The refresh token is kept even if the access token acts for somebody else.
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
        let TokenSource::Grant(grant) = self else { return None };
        let expected = grant.user.as_str();
        let told = told.filter(|told| *told != expected)?;
        let told = if told == "Company" { "Company" } else { "Location" };
        Some(format!("`user_type` is {expected}, but the tokens are those of a {told}"))
    }

    /// Tells a person how to fix it.
    pub(super) fn mend(&self, subject: TokenSubject<'_>, reason: &str) -> String {
        let TokenSubject { location, credentials } = subject;
        match self {
            TokenSource::Grant(_) => format!(
                "{reason}; connect the app anew (install it again for {location} or its agency) and store the new \
                 `refresh_token` at {credentials}"
            ),
            TokenSource::OfAgency { .. } => {
                format!("{reason}; the agency's app at {credentials} must be installed in {location}")
            }
        }
    }
}
