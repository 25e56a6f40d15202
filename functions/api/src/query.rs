//! Query parameters: an error names the field and never repeats its value.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use ghl_sync_operate::items::{JsonFault, printable};
use percent_encoding::percent_decode_str;
use serde::de::DeserializeOwned;

use crate::problem::{ApiProblem, ProblemKind};

/// Query parameters; an invalid one is a problem.
pub(crate) struct InQuery<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for InQuery<T> {
    type Rejection = ApiProblem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiProblem> {
        from_query(parts.uri.query().unwrap_or_default()).map(InQuery)
    }
}

fn from_query<T: DeserializeOwned>(query: &str) -> Result<T, ApiProblem> {
    let bad = |field: &str, detail: &str| ApiProblem::field(ProblemKind::BadRequest, printable(field), detail);
    let not_utf8 = |pair: &&str| percent_decode_str(pair).decode_utf8().is_err();
    if let Some(pair) = query.split('&').find(not_utf8) {
        let name = pair.split_once('=').map_or(pair, |(name, _)| name);
        return Err(bad(&percent_decode_str(name).decode_utf8_lossy(), "is not UTF-8"));
    }
    let pairs = serde_urlencoded::Deserializer::new(form_urlencoded::parse(query.as_bytes()));
    serde_path_to_error::deserialize(pairs).map_err(|error| {
        let JsonFault { field, detail, .. } = JsonFault::of_field(error.path().to_string(), &error.inner().to_string());
        if field.is_empty() {
            return ApiProblem::new(ProblemKind::BadRequest, format!("the query {detail}"));
        }
        bad(&field, &detail)
    })
}

/// Checks a number against the bounds in the OpenAPI document.
pub(crate) fn within(field: &str, number: u32, from: u32, to: u32) -> Result<u32, ApiProblem> {
    let is_within = (from..=to).contains(&number);
    let detail = || format!("must be a whole number from {from} to {to}");
    is_within.then_some(number).ok_or_else(|| ApiProblem::invalid(field, detail()))
}

/// Validates a search text of at most `most` characters. Empty counts as absent.
pub(crate) fn wanted_text(field: &str, text: Option<String>, most: usize) -> Result<Option<String>, ApiProblem> {
    if text.as_ref().is_some_and(|text| text.chars().count() > most || text.chars().any(char::is_control)) {
        let detail = format!("must have at most {most} characters, and no control characters");
        return Err(ApiProblem::invalid(field, detail));
    }
    Ok(text.map(|text| text.trim().to_owned()).filter(|text| !text.is_empty()))
}

/// The problem of a cursor that belongs to another list, or to none.
pub(crate) fn foreign_cursor() -> ApiProblem {
    ApiProblem::invalid("cursor", "is not one that a page before gave here")
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Query {
        limit: Option<u32>,
        of: Option<TestState>,
        text: Option<String>,
    }

    #[derive(Debug, PartialEq, Deserialize)]
    #[serde(rename_all = "snake_case")]
    enum TestState {
        Failed,
        Due,
    }

    #[test]
    fn a_fault_names_the_field_and_never_the_value() {
        let cases = [
            ("limit=secret", "limit", "must be a whole number, and not too large"),
            ("limit=", "limit", "must be a whole number, and not too large"),
            ("limit=-1", "limit", "must be a whole number, and not too large"),
            ("limit=4294967296", "limit", "must be a whole number, and not too large"),
            ("limit=1.5", "limit", "must be a whole number, and not too large"),
            ("limit=1&limit=1", "limit", "is there twice"),
            ("of=secret", "of", "must be `failed` or `due`"),
            ("secret=1", "secret", "is not a field here"),
            ("a%00b=1", "a?b", "is not a field here"),
            ("text=%ff", "text", "is not UTF-8"),
            ("text=%C3", "text", "is not UTF-8"),
            ("%ff=1", "\u{fffd}", "is not UTF-8"),
            ("=1", "", "is not a field here"),
        ];
        for (query, field, detail) in cases {
            let problem = from_query::<Query>(query).unwrap_err();
            if field.is_empty() {
                assert!(problem.detail.contains(detail), "{query}: {problem:?}");
                continue;
            }
            let error = &problem.errors[0];
            assert_eq!((error.field.as_str(), error.detail.as_str()), (field, detail), "{query}");
        }
        let read: Query = from_query("&text=a+b%2B%C3%BC&limit=7&&of=due").unwrap();
        assert_eq!(read, Query { limit: Some(7), of: Some(TestState::Due), text: Some("a b+ü".to_owned()) });
    }
}
