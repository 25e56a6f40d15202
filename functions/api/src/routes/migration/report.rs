//! What a migration came to: as JSON, as a table, and as a page.

use axum::Json;
use axum::extract::State;
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use ghl_sync_engine::domain::{Finding, MigrationId};
use ghl_sync_engine::usecase::MigrationView;
use serde::Deserialize;
use utoipa::IntoParams;

use super::{MigrationInPath, MigrationPath, report_of, view_of};
use crate::Api;
use crate::problem::{Problem, ProblemKind};
use crate::report::{Document, csv, html};
use crate::routes::{InPath, InQuery};
use crate::wire::{Findings, MigrationReportDocument};

/// Largest file. Lambda takes an answer of 6 MB, its headers and the escapes of its JSON included.
const MAX_BYTES: usize = 4 << 20;
/// Nothing in the page loads or runs anything, and no other page shows it.
const POLICY: &str =
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Which page of findings.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct FindingsPage {
    /// Its number, as `next` of the page before says; 0 is the first.
    #[param(nullable = false, default = 0)]
    page: Option<u32>,
}

/// Lists what a person should know of single records.
///
/// Each that is missing in the target, is different there, shares its counterpart with another one, or has something that
/// could not be carried over.
#[utoipa::path(
    get,
    operation_id = "migration_findings",
    path = "/api/v1/migration/{migration_id}/findings",
    tag = "migration",
    params(MigrationPath, FindingsPage),
    responses((status = 200, description = "A page of them; empty behind the last", body = Findings)),
)]
pub(super) async fn findings(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    InQuery(FindingsPage { page }): InQuery<FindingsPage>,
) -> Result<Json<Findings>, Problem> {
    let page = page.unwrap_or(0);
    let pages = view_of(&api, &migration_id).await?.migration.verify.findings;
    let findings = api.migrator.findings(&migration_id, page).await?.into_iter().map(Into::into).collect();
    let next = page.checked_add(1).filter(|next| *next < pages);
    Ok(Json(Findings { findings, next }))
}

/// How to write the report.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct Written {
    /// `json`, `csv` or `html`.
    #[param(nullable = false, default = "json", pattern = "^(json|csv|html)$")]
    format: Option<String>,
}

/// Tells what a migration came to, or has come to so far.
///
/// As JSON; or with all findings as CSV for a spreadsheet, or as a page to be read, printed and sent to a customer.
#[utoipa::path(
    get,
    operation_id = "migration_report",
    path = "/api/v1/migration/{migration_id}/report",
    tag = "migration",
    params(MigrationPath, Written),
    responses((status = 200, description = "The report", content(
        (MigrationReportDocument = "application/json"),
        (String = "text/csv"),
        (String = "text/html"),
    ))),
)]
pub(super) async fn report(
    State(api): State<Api>,
    InPath(MigrationPath { migration_id }): MigrationInPath,
    InQuery(Written { format }): InQuery<Written>,
) -> Result<Response, Problem> {
    match format.as_deref() {
        None | Some("json") => {
            Ok(Json(MigrationReportDocument::from(report_of(&api, &migration_id).await?)).into_response())
        }
        Some("csv") => as_csv(&api, &migration_id).await,
        Some("html") => as_html(&api, &migration_id).await,
        Some(_) => Err(Problem::field(ProblemKind::Invalid, "format", "must be json, csv or html")),
    }
}

async fn as_csv(api: &Api, id: &MigrationId) -> Result<Response, Problem> {
    let mut table = Vec::new();
    write(api, id, |document| csv(document, &mut table)).await?.map_err(|_| internal())?;
    let name = format!("attachment; filename=\"{id}.csv\"");
    let headers = [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, bounded(table)?).into_response())
}

async fn as_html(api: &Api, id: &MigrationId) -> Result<Response, Problem> {
    let page = write(api, id, html).await?;
    Ok(([(header::CONTENT_SECURITY_POLICY, POLICY)], Html(bounded(page.into_bytes())?)).into_response())
}

/// Writes all that is known of a migration.
async fn write<T>(api: &Api, id: &MigrationId, writer: impl FnOnce(&Document<'_>) -> T) -> Result<T, Problem> {
    let (MigrationView { migration, .. }, report) = (view_of(api, id).await?, report_of(api, id).await?);
    let mapping = api.migrator.mapping(id).await?;
    let mut findings: Vec<Finding> = Vec::new();
    for page in 0..migration.verify.findings {
        findings.extend(api.migrator.findings(id, page).await?);
    }
    Ok(writer(&Document { report: &report, mapping: mapping.as_ref(), findings: &findings }))
}

fn bounded(file: Vec<u8>) -> Result<Vec<u8>, Problem> {
    if file.len() > MAX_BYTES {
        let detail = "the report is larger than an answer may be; its numbers are in format=json, its records in /findings, page by page";
        return Err(Problem::new(ProblemKind::TooLarge, detail));
    }
    Ok(file)
}

fn internal() -> Problem {
    Problem::new(ProblemKind::Internal, "the table could not be written")
}
