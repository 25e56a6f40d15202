//! The results of a migration: as JSON, as a table, and as a page.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use ghl_sync_migrate::FullReport;
use ghl_sync_model::MigrationId;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{MigrationInPath, MigrationPath, report_of, unknown_migration, view_of};
use crate::problem::{ApiProblem, ProblemKind};
use crate::query::InQuery;
use crate::report::{ReportDocument, csv, html};
use crate::routes::InPath;
use crate::service::ApiState;
use crate::wire::{Findings, MigrationReportDocument};

/// Largest report, counted as the JSON string that Lambda makes of it: Lambda takes a response of 6 MB, headers
/// included.
const MAX_BYTES: usize = 5_900_000;
/// The page loads and runs nothing, and no other page may frame it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Which page of findings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingsPage {
    /// Number of the page: `next` of the previous page; 0 is the first.
    #[param(nullable = false, default = 0)]
    page: Option<u32>,
}

/// Lists findings about single records.
///
/// Each record that is missing in the target, is different there, shares its counterpart with another record, or has
/// data that could not be carried over.
#[utoipa::path(
    get,
    operation_id = "migration_findings",
    path = "/api/v1/migration/{migration_id}/findings",
    tag = "migration",
    params(MigrationPath, FindingsPage),
    responses((status = 200, description = "A page of findings; empty after the last one", body = Findings)),
)]
pub(super) async fn findings(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    InQuery(FindingsPage { page }): InQuery<FindingsPage>,
) -> Result<Json<Findings>, ApiProblem> {
    let page = page.unwrap_or(0);
    let pages = view_of(&api, &migration_id).await?.migration.verify.findings;
    let findings = api.migrator.findings(&migration_id, page).await?.into_iter().map(Into::into).collect();
    let next = page.checked_add(1).filter(|next| *next < pages);
    Ok(Json(Findings { findings, next }))
}

/// Format of the report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct ReportQuery {
    /// `json`, `csv` or `html`.
    #[param(nullable = false, default = "json", pattern = "^(json|csv|html)$")]
    format: Option<String>,
}

/// Reports the results of a migration so far.
///
/// As JSON; or with all findings as CSV for a spreadsheet, or as a page to read, print and send to a customer.
#[utoipa::path(
    get,
    operation_id = "migration_report",
    path = "/api/v1/migration/{migration_id}/report",
    tag = "migration",
    params(MigrationPath, ReportQuery),
    responses((status = 200, description = "The report", content(
        (MigrationReportDocument = "application/json"),
        (String = "text/csv"),
        (String = "text/html"),
    ))),
)]
pub(super) async fn report(
    State(api): State<ApiState>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    InQuery(ReportQuery { format }): InQuery<ReportQuery>,
) -> Result<Response, ApiProblem> {
    match format.as_deref() {
        None | Some("json") => {
            Ok(Json(MigrationReportDocument::from(report_of(&api, &migration_id).await?)).into_response())
        }
        Some("csv") => as_csv(&api, &migration_id).await,
        Some("html") => as_html(&api, &migration_id).await,
        Some(_) => Err(ApiProblem::field(ProblemKind::Invalid, "format", "must be json, csv or html")),
    }
}

async fn as_csv(api: &ApiState, id: &MigrationId) -> Result<Response, ApiProblem> {
    let mut table = Vec::new();
    write(api, id, |document| csv(document, &mut table)).await?.map_err(|_| internal())?;
    let name = format!("attachment; filename=\"{id}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bounded(table)?).into_response())
}

async fn as_html(api: &ApiState, id: &MigrationId) -> Result<Response, ApiProblem> {
    let page = write(api, id, html).await?;
    Ok(([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(bounded(page.into_bytes())?)).into_response())
}

/// Passes all data of a migration to `writer`.
async fn write<T>(
    api: &ApiState,
    id: &MigrationId,
    writer: impl FnOnce(&ReportDocument<'_>) -> T,
) -> Result<T, ApiProblem> {
    let full = api.migrator.full_report(id).await?;
    let FullReport { report, mapping, findings } = full.ok_or_else(unknown_migration)?;
    Ok(writer(&ReportDocument { report: &report, mapping: mapping.as_ref(), findings: &findings }))
}

fn bounded(file: Vec<u8>) -> Result<Vec<u8>, ApiProblem> {
    if bytes_in_json(&file) > MAX_BYTES {
        let detail = "the report is larger than an answer may be; its numbers are in format=json, its records in /findings, page by page";
        return Err(ApiProblem::new(ProblemKind::TooLarge, detail));
    }
    Ok(file)
}

fn bytes_in_json(text: &[u8]) -> usize {
    let escaped = |byte: &u8| match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' => 2,
        0..0x20 => 6,
        _ => 1,
    };
    text.iter().map(escaped).sum()
}

fn internal() -> ApiProblem {
    ApiProblem::new(ProblemKind::Internal, "the table could not be written")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_counts_as_lambda_writes_it() {
        let text = "\"Zoë\" \\ 🦀\r\n\t\u{1}";
        assert_eq!(bytes_in_json(text.as_bytes()) + 2, serde_json::to_string(text).unwrap().len());
    }

    #[test]
    fn a_file_that_lambda_would_not_take_is_refused_with_where_to_read_it_instead() {
        assert!(bounded(vec![b'x'; MAX_BYTES]).is_ok());
        let problem = bounded(vec![b'"'; MAX_BYTES / 2 + 1]).unwrap_err();
        assert_eq!(problem.kind, ProblemKind::TooLarge);
        assert!(problem.detail.contains("/findings"), "{problem}");
    }
}
