//! What both forms of the report tell, in the same words.

use ghl_sync_model::{
    Finding, How, KindReport, Mapped, MappedTo, MigrationReport, MigrationStatus, Part, PartReport, Problem, Time,
};

/// How many there are of something, and what became of them.
pub(super) struct Count {
    pub(super) what: &'static str,
    pub(super) source: u64,
    /// How many the target has of them now.
    pub(super) arrived: u64,
    /// What became of the others, and what else there is to know.
    pub(super) note: String,
}

/// One thing to know of a record.
pub(super) struct Fact {
    pub(super) result: &'static str,
    pub(super) field: String,
    pub(super) expected: String,
    pub(super) found: String,
    pub(super) note: String,
}

/// Records and structure, by kind.
pub(super) fn counts(report: &MigrationReport) -> [Count; 8] {
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

/// What a rollback has deleted is in the target no more.
fn of_kind(what: &'static str, kind: &KindReport, deleted: u64) -> Count {
    let note = words(&[
        (deleted, "deleted again"),
        (kind.failed, "refused by GHL"),
        (kind.withdrawn, "withdrawn"),
        (kind.blocked, "waiting for a contact that failed"),
        (kind.skipped, "left out"),
        (kind.open, "under way"),
    ]);
    Count { what, source: kind.source, arrived: kind.migrated.saturating_sub(deleted), note }
}

fn of_part(part: Part, counted: &PartReport) -> Count {
    let note = words(&[(counted.created, "made"), (counted.failed, "could not be made")]);
    Count { what: part_words(part), source: counted.source, arrived: counted.migrated, note }
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

/// How a migration stands, in a sentence.
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

/// Records that are not, or not in the same words, in the target.
pub(super) fn needing_attention(report: &MigrationReport) -> u64 {
    let lost = |kind: &KindReport| kind.failed + kind.withdrawn + kind.blocked + kind.skipped;
    // Whatever is lost is found missing, too, if both sides were compared.
    report.verify.map_or(lost(&report.contacts) + lost(&report.opportunities), |verify| {
        verify.missing + verify.different + verify.merged
    })
}

/// What a thing of the structure becomes: its id and name in the target, and what is done.
pub(super) fn becomes(mapped: &Mapped) -> (&str, &str, &'static str) {
    match &mapped.target {
        MappedTo::Existing { id, name } => (id.as_str(), name, "mapped"),
        MappedTo::Create { name } => ("", name, "made anew"),
        MappedTo::Skip { .. } => ("", "", "left out"),
        MappedTo::Ask { .. } => ("", "", "to be decided"),
    }
}

/// Why a thing becomes what it becomes.
pub(super) fn why(mapped: &Mapped) -> String {
    let sure = match mapped.how {
        How::Similar => format!(" ({:.0} % alike)", mapped.confidence * 100.0),
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

/// All there is to know of a finding.
pub(super) fn facts(finding: &Finding) -> Vec<Fact> {
    match &finding.problem {
        Problem::Missing { reason } => vec![Fact { note: reason.clone(), ..fact("missing") }],
        Problem::Merged { with } => {
            vec![Fact { note: format!("is one with {with} in the target"), ..fact("merged") }]
        }
        Problem::NotStored { fields } => fields
            .iter()
            .map(|field| Fact {
                field: field.clone(),
                note: "GHL accepted the record and did not store this field".to_owned(),
                ..fact("not stored")
            })
            .collect(),
        Problem::Different { fields } => fields
            .iter()
            .map(|differs| Fact {
                field: differs.field.clone(),
                expected: differs.expected.clone(),
                found: differs.found.clone(),
                ..fact("different")
            })
            .collect(),
        Problem::NotCarried { created_at, extra, fields } => {
            let lost = |field: &str, value: &str| Fact {
                field: field.to_owned(),
                expected: value.to_owned(),
                note: "GHL lets nobody write it".to_owned(),
                ..fact("not carried")
            };
            let mut facts: Vec<Fact> = created_at.iter().map(|at| lost(CREATED_AT, &Time(*at).to_string())).collect();
            facts.extend(extra.additional_emails.iter().map(|email| lost("further e-mail address", email)));
            facts.extend(extra.additional_phones.iter().map(|phone| lost("further phone number", phone)));
            facts.extend(extra.attachments.iter().map(|file| lost("attachment", file)));
            let of_deal = extra.lost_reason.iter().map(|reason| ("lost reason", reason));
            let of_deal = of_deal.chain(extra.followers.iter().map(|user| ("follower", user)));
            facts.extend(of_deal.map(|(field, id)| Fact {
                note:
                    "no call that creates or updates an opportunity takes it; this is its id in the source".to_owned(),
                ..lost(field, id)
            }));
            let left_out = |field: &String| Fact { note: field.clone(), ..fact("not carried") };
            facts.extend(fields.iter().map(left_out));
            facts
        }
    }
}

/// The field that every record loses.
pub(super) const CREATED_AT: &str = "created at";

fn fact(result: &'static str) -> Fact {
    Fact { result, field: String::new(), expected: String::new(), found: String::new(), note: String::new() }
}
