//! The facts that both report formats show, in the same words.

use ghl_sync_model::{
    Finding, KindReport, Mapped, MappedTo, MatchMethod, MigrationReport, MigrationStatus, Part, PartReport, Problem,
    Time,
};

/// Records or structure of one kind, and their results.
pub(super) struct KindCount {
    pub(super) what: &'static str,
    pub(super) source: u64,
    /// Number in the target now.
    pub(super) arrived: u64,
    /// The results of the others, and anything else to know.
    pub(super) note: String,
}

/// One fact about a record.
pub(super) struct FindingFact {
    pub(super) result: &'static str,
    pub(super) field: String,
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) note: String,
}

/// Counts of records and structure, by kind.
pub(super) fn counts(report: &MigrationReport) -> [KindCount; 8] {
    let deleted = report.rolled_back.unwrap_or_default();
    [
        of_kind("contacts", &report.contacts, deleted.contacts),
        of_kind("opportunities", &report.opportunities, deleted.opportunities),
        of_part(Part::CustomFields, &report.custom_fields),
        of_part(Part::CustomValues, &report.custom_values),
        of_part(Part::Tags, &report.tags),
        of_part(Part::Users, &report.users),
        of_part(Part::Pipelines, &report.pipelines),
        of_part(Part::Stages, &report.stages),
    ]
}

/// Records that a rollback deleted no longer count as arrived.
fn of_kind(what: &'static str, kind: &KindReport, deleted: u64) -> KindCount {
    let note = words(&[
        (deleted, "deleted again"),
        (kind.failed, "refused by GHL"),
        (kind.withdrawn, "withdrawn"),
        (kind.blocked, "waiting for a contact that failed"),
        (kind.skipped, "left out"),
        (kind.open, "under way"),
    ]);
    KindCount { what, source: kind.source, arrived: kind.migrated.saturating_sub(deleted), note }
}

fn of_part(part: Part, counted: &PartReport) -> KindCount {
    let note = words(&[(counted.created, "made"), (counted.failed, "could not be made")]);
    KindCount { what: part_words(part), source: counted.source, arrived: counted.migrated, note }
}

fn words(counted: &[(u64, &str)]) -> String {
    let told: Vec<String> =
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    told.join(", ")
}

pub(super) fn part_words(part: Part) -> &'static str {
    match part {
        Part::CustomFields => "custom fields",
        Part::CustomValues => "custom values",
        Part::Tags => "tags",
        Part::Users => "users",
        Part::Pipelines => "pipelines",
        Part::Stages => "stages",
    }
}

/// The status of a migration in one sentence.
pub(super) fn standing(report: &MigrationReport) -> String {
    match report.status {
        MigrationStatus::Done if report.dry_run => "A preview: nothing was written.".to_owned(),
        MigrationStatus::Done if needing_attention(report) == 0 => {
            "Complete: everything that can be carried over is in the target.".to_owned()
        }
        MigrationStatus::Done => format!("Done; {} records need attention.", needing_attention(report)),
        MigrationStatus::Incomplete => {
            let reason = report.reason.as_deref().unwrap_or_default();
            format!("Incomplete; {} records need attention: {reason}.", needing_attention(report))
        }
        MigrationStatus::RolledBack => "Rolled back: what the migration had created is deleted.".to_owned(),
        status => {
            let reason = report.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
            format!("Not finished: {} at {}{reason}", status.as_str(), report.stage.as_str())
        }
    }
}

/// Number of records that are missing from the target, or differ there.
pub(super) fn needing_attention(report: &MigrationReport) -> u64 {
    let lost = |kind: &KindReport| kind.failed + kind.withdrawn + kind.blocked + kind.skipped;
    // If both sides were compared, the missing records include the lost ones.
    report.verify.map_or(lost(&report.contacts) + lost(&report.opportunities), |verify| {
        verify.missing + verify.different + verify.merged
    })
}

/// The counterpart of a structure item: its id and name in the target, and the action.
pub(super) fn becomes(mapped: &Mapped) -> (&str, &str, &'static str) {
    match &mapped.target {
        MappedTo::Existing { id, name } => (id.as_str(), name, "mapped"),
        MappedTo::Create { name } => ("", name, "made anew"),
        MappedTo::Skip { .. } => ("", "", "left out"),
        MappedTo::Ask { .. } => ("", "", "to be decided"),
    }
}

/// Why an item got this counterpart.
pub(super) fn why(mapped: &Mapped) -> String {
    let sure = match mapped.how {
        MatchMethod::Similar => format!(" ({:.0} % alike)", mapped.confidence * 100.0),
        _ => String::new(),
    };
    let suggested = match &mapped.target {
        MappedTo::Ask { suggestions, .. } if !suggestions.is_empty() => {
            let names: Vec<&str> = suggestions.iter().map(|suggestion| suggestion.name.as_str()).collect();
            format!("; perhaps {}", names.join(" or "))
        }
        _ => String::new(),
    };
    format!("{}{sure}{suggested}", mapped.explanation)
}

/// All facts of a finding.
pub(super) fn facts(finding: &Finding) -> Vec<FindingFact> {
    match &finding.problem {
        Problem::Missing { reason } => vec![FindingFact { note: reason.clone(), ..fact("missing") }],
        Problem::Merged { with } => {
            vec![FindingFact { note: format!("is one with {with} in the target"), ..fact("merged") }]
        }
        Problem::NotStored { fields } => fields
            .iter()
            .map(|field| FindingFact {
                field: field.clone(),
                note: "GHL accepted the record and did not store this field".to_owned(),
                ..fact("not stored")
            })
            .collect(),
        Problem::Different { fields } => fields
            .iter()
            .map(|differs| FindingFact {
                field: differs.field.clone(),
                expected: differs.expected.clone(),
                found: differs.found.clone(),
                ..fact("different")
            })
            .collect(),
        Problem::NotCarried { created_at, extra, fields } => {
            let lost = |field: &str, value: &str| FindingFact {
                field: field.to_owned(),
                expected: value.to_owned(),
                note: "GHL lets nobody write it".to_owned(),
                ..fact("not carried")
            };
            let mut facts: Vec<FindingFact> =
                created_at.iter().map(|at| lost(CREATED_AT, &Time(*at).to_string())).collect();
            facts.extend(extra.additional_emails.iter().map(|email| lost("further e-mail address", email)));
            facts.extend(extra.additional_phones.iter().map(|phone| lost("further phone number", phone)));
            facts.extend(extra.attachments.iter().map(|file| lost("attachment", file)));
            let of_opportunity = extra.lost_reason.iter().map(|reason| ("lost reason", reason));
            let of_opportunity = of_opportunity.chain(extra.followers.iter().map(|user| ("follower", user)));
            facts.extend(of_opportunity.map(|(field, id)| FindingFact {
                note:
                    "no call that creates or updates an opportunity takes it; this is its id in the source".to_owned(),
                ..lost(field, id)
            }));
            let left_out = |field: &String| FindingFact { note: field.clone(), ..fact("not carried") };
            facts.extend(fields.iter().map(left_out));
            facts
        }
    }
}

/// The field that every record loses.
pub(super) const CREATED_AT: &str = "created at";

fn fact(result: &'static str) -> FindingFact {
    FindingFact { result, field: String::new(), expected: String::new(), found: String::new(), note: String::new() }
}
