//! Progress of a migration.

use ghl_sync_model::{EpochMs, Migration, MigrationStage, MigrationStatus, Part, Progress, RolledBack, Transfer};

/// The progress of `migration` at `now`.
#[must_use]
pub fn progress(migration: &Migration, now: EpochMs) -> Progress {
    let (current, total, doing) = match migration.status {
        MigrationStatus::RollingBack | MigrationStatus::RolledBack => of_rollback(migration),
        _ => of_stage(migration),
    };
    let end = migration.finished_at.unwrap_or(now);
    let seconds = end.since(migration.stage_since).as_secs_f64();
    let rate = (current > 0 && seconds > 0.5).then(|| current as f64 / seconds);
    let is_active = migration.status.is_active();
    let percentage = match (migration.status, total) {
        (MigrationStatus::Done | MigrationStatus::Incomplete, _) => 100.0,
        (_, 0) => 0.0,
        _ => (current as f64 / total as f64 * 1000.0).floor() / 10.0,
    };
    Progress {
        status: migration.status,
        stage: migration.stage,
        current,
        total,
        percentage: percentage.min(100.0),
        message: message(migration, current, total, doing),
        rate_per_second: rate.map(|rate| (rate * 100.0).round() / 100.0).filter(|_| is_active),
        seconds_left: rate
            .filter(|_| is_active)
            .map(|rate| (total.saturating_sub(current) as f64 / rate).ceil() as u64),
        errors: migration.errors + migration.contacts.failed + migration.opportunities.failed,
    }
}

fn of_stage(migration: &Migration) -> (u64, u64, &'static str) {
    let of_part = |part: Part, doing| {
        let report = migration.parts.of(part);
        (report.migrated + report.failed, report.source, doing)
    };
    match migration.stage {
        MigrationStage::Connect => (0, 2, "asking both accounts"),
        MigrationStage::Discover => {
            let scans = [
                &migration.target_contacts,
                &migration.source_contacts,
                &migration.target_opportunities,
                &migration.source_opportunities,
            ];
            let seen = scans.iter().map(|scan| scan.seen).sum();
            (seen, scans.iter().map(|scan| scan.total.unwrap_or(scan.seen)).sum(), "reading both accounts")
        }
        MigrationStage::Map => (0, 1, "mapping"),
        MigrationStage::AwaitApproval => (1, 1, "mapped"),
        MigrationStage::CustomFields => of_part(Part::CustomFields, "custom fields"),
        MigrationStage::CustomValues => of_part(Part::CustomValues, "custom values"),
        MigrationStage::Tags => of_part(Part::Tags, "tags"),
        MigrationStage::Pipelines => of_part(Part::Pipelines, "pipelines"),
        MigrationStage::Contacts => of_transfer(&migration.contacts, migration.source_contacts.total, "contacts"),
        MigrationStage::Opportunities => {
            of_transfer(&migration.opportunities, migration.source_opportunities.total, "opportunities")
        }
        MigrationStage::Verify => {
            let verify = &migration.verify;
            let scans = [
                &verify.target_contacts,
                &verify.target_opportunities,
                &verify.source_contacts,
                &verify.source_opportunities,
            ];
            let of_source = [migration.source_contacts.total, migration.source_opportunities.total];
            let expected: u64 = of_source.into_iter().flatten().sum::<u64>() * 2;
            let seen = scans.iter().map(|scan| scan.seen).sum();
            (seen, expected.max(seen), "comparing")
        }
        MigrationStage::Finish => (1, 1, "finished"),
    }
}

fn of_transfer(transfer: &Transfer, total: Option<u64>, doing: &'static str) -> (u64, u64, &'static str) {
    let over = transfer.failed + transfer.withdrawn + transfer.blocked + transfer.skipped;
    let current = transfer.accepted_so_far() + over;
    (current, transfer.scan.total.or(total).unwrap_or(current).max(current), doing)
}

fn of_rollback(migration: &Migration) -> (u64, u64, &'static str) {
    let done = migration.reverted.done;
    let current = done.contacts + done.opportunities + done.structure + done.kept + done.unproven + done.failed;
    let records = migration.contacts.accepted_so_far() + migration.opportunities.accepted_so_far();
    (current, (records + u64::from(migration.journal)).max(current), "deleting what was created")
}

fn of_deleted(done: &RolledBack) -> String {
    let RolledBack { contacts, opportunities, structure, kept, unproven, failed } = done;
    let deleted =
        format!("{contacts} contacts, {opportunities} opportunities and {structure} of the structure deleted");
    let left = [(kept + unproven, "kept"), (*failed, "not deleted")];
    let left: Vec<String> =
        left.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!(", {count} {what}")).collect();
    deleted + &left.concat()
}

fn message(migration: &Migration, current: u64, total: u64, doing: &str) -> String {
    let reason = migration.reason.as_deref().unwrap_or_default();
    match migration.status {
        MigrationStatus::Running | MigrationStatus::RollingBack
            if migration.store_trouble > 0 && !reason.is_empty() =>
        {
            format!("{doing}: {current} of {total}; {reason}")
        }
        MigrationStatus::Running | MigrationStatus::RollingBack => format!("{doing}: {current} of {total}"),
        MigrationStatus::AwaitingApproval => "the mapping is made; approve it to go on".to_owned(),
        MigrationStatus::NeedsInput => format!("a person must decide: {reason}"),
        MigrationStatus::Paused => format!("paused at {doing}: {current} of {total}"),
        MigrationStatus::Cancelled => {
            let (contacts, opportunities) = (&migration.contacts, &migration.opportunities);
            let (accepted, withdrawn) = (
                contacts.accepted_so_far() + opportunities.accepted_so_far(),
                contacts.withdrawn + opportunities.withdrawn,
            );
            match migration.withdrawal {
                Some(_) => "what GHL does not have yet is being withdrawn".to_owned(),
                None => format!("cancelled at {doing}: {accepted} records accepted, {withdrawn} withdrawn"),
            }
        }
        MigrationStatus::Failed => format!("stopped: {reason}"),
        MigrationStatus::RolledBack => of_deleted(&migration.reverted.done),
        MigrationStatus::Done if migration.dry_run => "the mapping and the forecast are made".to_owned(),
        MigrationStatus::Incomplete => format!("not everything arrived: {reason}"),
        MigrationStatus::Done => {
            let (contacts, opportunities) = (&migration.contacts, &migration.opportunities);
            format!("{} contacts and {} opportunities migrated", contacts.accepted, opportunities.accepted)
        }
    }
}
