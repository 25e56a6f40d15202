//! The report as one HTML page. It loads nothing and runs nothing.

use ghl_sync_model::{Finding, Mapped, MappingReport, MigrationReport, Part, Problem, Time};
use maud::{DOCTYPE, Markup, PreEscaped, html as markup};

use super::ReportDocument;
use super::facts::{CREATED_AT, FindingFact, becomes, counts, facts, needing_attention, part_words, standing, why};

const STYLE: &str = include_str!("page.css");
/// Nothing in the page may load or run anything, whatever a record contains.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";
/// Most rows of one list. Nobody reads more; the CSV table has them all.
const ROWS: usize = 1_000;

/// Writes the report as a self-contained HTML page.
#[must_use]
pub fn html(document: &ReportDocument<'_>) -> String {
    let report = document.report;
    let is_good = report.finished_at.is_some() && needing_attention(report) == 0;
    let page = markup! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                title { "Migration of " (report.source) " into " (report.target) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { "Migration report" }
                p.quiet { "From " span.id { (report.source) } " into " span.id { (report.target) } }
                p.verdict.good[is_good] { (standing(report)) }
                (numbers(report))
                (comparison(report))
                (expected(report))
                (records(document.findings))
                @if let Some(mapping) = document.mapping { (structure(mapping)) }
                (not_carried(document.findings))
                (about(report))
            }
        }
    };
    page.into_string()
}

fn numbers(report: &MigrationReport) -> Markup {
    markup! {
        h2 { "What was carried over" }
        table {
            thead { tr { th { "" } th.number { "In the source" } th.number { "In the target" } th { "" } } }
            tbody {
                @for count in counts(report) {
                    tr {
                        td { (count.what) }
                        td.number { (count.source) }
                        td.number { (count.arrived) }
                        td.quiet { (count.note) }
                    }
                }
            }
        }
    }
}

fn comparison(report: &MigrationReport) -> Markup {
    let Some(verify) = report.verify else {
        return Markup::default();
    };
    markup! {
        h2 { "How it was checked" }
        p {
            "Both accounts were read again as a whole, and compared record by record and field by field: "
            (verify.checked) " records of the source, " (verify.ok) " of them the same in the target, "
            (verify.missing) " missing, " (verify.different) " different, " (verify.merged)
            " that share their counterpart with another one."
        }
    }
}

fn expected(report: &MigrationReport) -> Markup {
    let Some(forecast) = report.forecast else {
        return Markup::default();
    };
    markup! {
        h2 { "Forecast" }
        dl {
            dt { "To be created" } dd { (forecast.creates) }
            dt { "To be updated" } dd { (forecast.updates) }
            dt { "Left out" } dd { (forecast.skips) }
            dt { "Worth a look" } dd { (forecast.conflicts) }
            dt { "Calls" } dd { (forecast.calls) ", " (forecast.daily_share_percent) " % of the target's daily quota" }
            dt { "Time" } dd { (forecast.seconds) " s; finished at " (Time(forecast.finish_at)) " if begun at once" }
        }
    }
}

/// Lists the records that are missing from the target, or differ there.
fn records(findings: &[Finding]) -> Markup {
    let rows = |wanted: fn(&Problem) -> bool| rows_of(findings, wanted, |_| true);
    let missing = rows(|problem| matches!(problem, Problem::Missing { .. }));
    let different = rows(|problem| matches!(problem, Problem::Different { .. }));
    let not_stored = rows(|problem| matches!(problem, Problem::NotStored { .. }));
    let merged = rows(|problem| matches!(problem, Problem::Merged { .. }));
    markup! {
        @if !missing.is_empty() {
            h2 { "Missing in the target" }
            (list(&missing, &[("Why", |fact| &fact.note)]))
        }
        @if !different.is_empty() {
            h2 { "Different in the target" }
            (list(&different, &[
                ("Field", |fact| &fact.field), ("Should be", |fact| &fact.expected), ("Is", |fact| &fact.found),
            ]))
        }
        @if !not_stored.is_empty() {
            h2 { "Accepted, but not stored by GHL" }
            (list(&not_stored, &[("Field", |fact| &fact.field)]))
        }
        @if !merged.is_empty() {
            h2 { "Several that are one in the target" }
            (list(&merged, &[("", |fact| &fact.note)]))
        }
    }
}

fn not_carried(findings: &[Finding]) -> Markup {
    let is_not_carried = |problem: &Problem| matches!(problem, Problem::NotCarried { .. });
    let dates = rows_of(findings, is_not_carried, |fact| fact.field == CREATED_AT);
    let others = rows_of(findings, is_not_carried, |fact| fact.field != CREATED_AT);
    markup! {
        @if !others.is_empty() {
            h2 { "What could not be carried over" }
            (list(&others, &[
                ("What", |fact| &fact.field), ("Value in the source", |fact| &fact.expected), ("Why", |fact| &fact.note),
            ]))
        }
        @if !dates.is_empty() {
            h2 { "Dates of creation" }
            p { "GHL sets them itself: in the target, these records were created when they were carried over." }
            (list(&dates, &[("Created in the source", |fact| &fact.expected)]))
        }
    }
}

/// The selected facts of the findings with a wanted problem.
fn rows_of(
    findings: &[Finding],
    wanted: fn(&Problem) -> bool,
    told: fn(&FindingFact) -> bool,
) -> Vec<(&Finding, FindingFact)> {
    let of_finding = |finding| facts(finding).into_iter().filter(told).map(move |fact| (finding, fact));
    findings.iter().filter(|finding| wanted(&finding.problem)).flat_map(of_finding).collect()
}

/// A column: its title, and the cell of a fact.
type Column = (&'static str, fn(&FindingFact) -> &String);

fn list(rows: &[(&Finding, FindingFact)], columns: &[Column]) -> Markup {
    markup! {
        table {
            thead {
                tr {
                    th { "Record" }
                    th { "In the source" }
                    th { "In the target" }
                    @for (title, _) in columns { th { (title) } }
                }
            }
            tbody {
                @for (finding, fact) in rows.iter().take(ROWS) {
                    tr {
                        td { (finding.kind.as_str()) }
                        td.id { (finding.source_id) }
                        td.id { @if let Some(id) = &finding.target_id { (id) } }
                        @for (_, cell) in columns { td { (cell(fact)) } }
                    }
                }
            }
        }
        @if rows.len() > ROWS {
            p.quiet { "The first " (ROWS) " of " (rows.len()) ". The CSV report lists all of them." }
        }
    }
}

fn structure(mapping: &MappingReport) -> Markup {
    markup! {
        @for part in Part::ALL.into_iter().filter(|part| !mapping.of(*part).is_empty()) {
            h2 { "What becomes of " (part_words(part)) }
            (mapped_list(mapping.of(part)))
        }
        @if !mapping.type_conflicts.is_empty() {
            h2 { "Fields whose types do not go together" }
            table {
                thead { tr { th { "In the source" } th { "In the target" } th { "What is done" } } }
                tbody {
                    @for conflict in &mapping.type_conflicts {
                        tr {
                            td { (conflict.source_name) " " span.quiet { (conflict.source_type.as_str()) } }
                            td { (conflict.target_name) " " span.quiet { (conflict.target_type.as_str()) } }
                            td { (conflict.resolution) }
                        }
                    }
                }
            }
        }
        @if !mapping.warnings.is_empty() {
            h2 { "Worth knowing" }
            ul { @for warning in &mapping.warnings { li { (warning) } } }
        }
    }
}

fn mapped_list(list: &[Mapped]) -> Markup {
    markup! {
        table {
            thead { tr { th { "In the source" } th { "In the target" } th { "" } th { "Why" } } }
            tbody {
                @for mapped in list.iter().take(ROWS) {
                    @let (_, name, result) = becomes(mapped);
                    tr {
                        td { (mapped.source_name) }
                        td { (name) }
                        td { (result) }
                        td.quiet { (why(mapped)) }
                    }
                }
            }
        }
        @if list.len() > ROWS {
            p.quiet { "The first " (ROWS) " of " (list.len()) ". The CSV report lists all of them." }
        }
    }
}

fn about(report: &MigrationReport) -> Markup {
    markup! {
        h2 { "About this migration" }
        dl {
            dt { "Migration" } dd.id { (report.migration_id) }
            dt { "Begun" } dd { (Time(report.started_at)) }
            @if let Some(at) = report.finished_at { dt { "Ended" } dd { (Time(at)) } }
            dt { "Took" } dd { (format!("{:.0}", report.seconds)) " s" }
            dt { "Calls to GHL" } dd { (report.ghl.calls) ", of which " (report.ghl.status_429) " met a rate limit" }
            dt { "Readiness of the mapping" } dd { (report.readiness_percent) " %" }
            @if let Some(rolled_back) = &report.rolled_back {
                dt { "Deleted again" }
                dd {
                    (rolled_back.contacts) " contacts, " (rolled_back.opportunities) " opportunities, "
                    (rolled_back.structure) " of the structure; " (rolled_back.kept) " that were there before, or that another record holds, are kept, "
                    (rolled_back.unproven) " that may not be of this migration are kept, "
                    (rolled_back.failed) " could not be deleted"
                }
            }
        }
    }
}
