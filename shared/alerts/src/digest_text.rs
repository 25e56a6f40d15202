//! The text of a digest.

use std::fmt::Write;

use ghl_sync_engine::ports::Tallied;
use ghl_sync_engine::standing::{LocationState, Standing, Trouble};
use ghl_sync_model::EpochMs;

use crate::AlertOrigin;
use crate::digest_counts::DigestCounts;
use crate::message::{Announcement, Audience, count, footer, grouped, minute, subject_of};

/// Most locations that one digest names; the rest is only counted.
const MOST_NAMED: usize = 100;

/// A location's section in a digest.
pub(crate) struct DigestLine<'a> {
    pub(crate) name: String,
    pub(crate) page: Option<String>,
    /// Counts since the last digest.
    pub(crate) counted: DigestCounts,
    /// The location's current state.
    pub(crate) standing: &'a Standing,
}

/// Writes the digest. `lines` are the locations with activity, the most important first; `locations` is the number of
/// all locations in the audience.
pub(crate) fn digest(
    audience: Audience,
    lines: &[&DigestLine<'_>],
    locations: usize,
    since: Option<EpochMs>,
    place: &AlertOrigin,
    now: EpochMs,
) -> Announcement {
    let sum = |of: fn(&DigestLine<'_>) -> u64| lines.iter().map(|line| of(line)).sum::<u64>();
    let (accepted, failed) = (sum(|line| line.counted.accepted), sum(|line| line.counted.failed));
    let unchanged = sum(|line| line.counted.unchanged);
    let due = tallied(lines.iter().map(|line| line.standing.due.tallied));
    let failures = tallied(lines.iter().map(|line| line.standing.failed));
    let subject = format!("{} accepted, {} failed", grouped(accepted), grouped(failed));
    let subject = match &audience {
        Audience::Stack => subject,
        Audience::Tag(tag) => format!("{subject} ({tag})"),
        Audience::Location(location) => format!("{subject} ({location})"),
    };
    let since = since.map_or_else(|| "since the beginning".to_owned(), |since| format!("since {}", minute(since)));
    let mut text = match &audience {
        Audience::Stack => format!("{}, {since}:\n", count(locations, "location")),
        Audience::Tag(tag) => format!("{} tagged \"{tag}\", {since}:\n", count(locations, "location")),
        Audience::Location(_) => format!("{}, {since}:\n", lines.first().map_or("", |line| &line.name)),
    };
    let _ = writeln!(text, "- accepted by GoHighLevel: {}", grouped(accepted));
    let _ = writeln!(text, "- failed: {}", grouped(failed));
    let _ = writeln!(text, "- unchanged, so not sent: {}", grouped(unchanged));
    let _ = writeln!(text, "Now waiting: {due}. Now standing as failed: {failures}.\n");

    let is_of_one = matches!(audience, Audience::Location(_));
    for line in lines.iter().take(MOST_NAMED) {
        if !is_of_one {
            let DigestCounts { accepted, failed, .. } = line.counted;
            let _ = writeln!(text, "{}: {} accepted, {} failed", line.name, grouped(accepted), grouped(failed));
        }
        for trouble in troubles(line.standing, now) {
            let _ = writeln!(text, "  {trouble}");
        }
        if let Some(page) = line.page.as_ref().filter(|_| is_of_one || line.counted.failed > 0) {
            let _ = writeln!(text, "  {page}");
        }
    }
    if lines.len() > MOST_NAMED {
        let _ = writeln!(text, "and {} more", count(lines.len() - MOST_NAMED, "location"));
    }
    if !is_of_one && lines.len() < locations {
        let _ = writeln!(text, "Nothing happened in {}.", count(locations - lines.len(), "location"));
    }
    let _ = write!(text, "\n{}", footer(place, now));
    Announcement { subject: subject_of(place, &subject), text, audience }
}

/// The open problems of a location, one text each.
fn troubles(standing: &Standing, now: EpochMs) -> Vec<String> {
    if standing.state(now) == LocationState::Stopped && !standing.enabled {
        return vec!["switched off".to_owned()];
    }
    let told = standing.troubles(now).into_iter().map(|trouble| match trouble {
        Trouble::Breaker(_) => "GoHighLevel fails; it is asked again and again".to_owned(),
        Trouble::OtherLocation => "GoHighLevel answers for another location; nothing is sent".to_owned(),
        Trouble::Credentials => "GoHighLevel does not accept the token; nothing is sent".to_owned(),
        Trouble::Paused => "paused by an operator".to_owned(),
        Trouble::Throttled { until } => format!("GoHighLevel asked to wait until {}", minute(until)),
        Trouble::Failed(failed) => format!("{} stand as failed", tallied([failed])),
    });
    told.collect()
}

/// The sum of the counts; "at least" so many if one of them was capped.
fn tallied(counts: impl IntoIterator<Item = Tallied>) -> String {
    let (mut sum, mut is_capped) = (0, false);
    for Tallied { count, capped } in counts {
        sum += count;
        is_capped |= capped;
    }
    format!("{}{}", if is_capped { "at least " } else { "" }, grouped(sum))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_counted_to_the_end_is_never_told_as_all_of_it() {
        let of = |count, capped| Tallied { count, capped };
        assert_eq!(tallied([of(1_000, true), of(7, false)]), "at least 1,007");
        assert_eq!(tallied([of(1_000, false), of(7, false)]), "1,007");
    }
}
