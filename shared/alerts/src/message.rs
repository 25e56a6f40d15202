//! The text of alert messages.

use std::collections::BTreeMap;

use ghl_sync_model::{EpochMs, LocationId};
use std::fmt::Write;

use crate::AlertOrigin;
use crate::policy::AlertChange;
use crate::share::Share;
use crate::watch::{Alert, AlertKind};

/// Longest subject that SNS accepts, in characters.
const MAX_SUBJECT: usize = 99;
/// Most alerts that one message names; the rest is only counted.
const MOST_NAMED: usize = 40;

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// Subject: one line of ASCII, at most 99 characters.
    pub subject: String,
    /// Full text, with line breaks.
    pub text: String,
    /// Subscribers it is meant for.
    pub audience: Audience,
}

/// The subscribers that a message is meant for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// People responsible for the whole stack.
    Stack,
    /// People responsible for the locations with this tag.
    Tag(String),
    /// People responsible for this location.
    Location(LocationId),
}

impl Audience {
    /// Message attributes to filter subscriptions by: `scope`, and the tag or location.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, &str)> {
        match self {
            Audience::Stack => vec![("scope", "stack")],
            Audience::Tag(tag) => vec![("scope", "tag"), ("tag", tag)],
            Audience::Location(location) => vec![("scope", "location"), ("location_id", location.as_str())],
        }
    }
}

/// Display names of locations.
#[derive(Debug, Clone, Default)]
pub(crate) struct LocationNames(pub(crate) BTreeMap<LocationId, String>);

impl LocationNames {
    /// Locations to name when failures are spread thinly over many.
    pub(crate) const OF_ALL: usize = 5;

    pub(crate) fn of(&self, location: &LocationId) -> String {
        match self.0.get(location) {
            Some(name) => format!("{} ({location})", in_one_line(name)),
            None => location.to_string(),
        }
    }
}

impl AlertOrigin {
    /// Dashboard URL of a location.
    pub(crate) fn page_of(&self, location: &LocationId) -> Option<String> {
        // All characters of an id are valid in a URL fragment.
        Some(format!("{}#/{location}", self.dashboard.as_ref()?))
    }
}

/// The message about alerts that have begun or ended. `failing` are the locations with failures in the last hour, the
/// most failures first.
pub(crate) fn alerts(
    change: &AlertChange,
    failing: &[(LocationId, Share)],
    names: &LocationNames,
    place: &AlertOrigin,
    now: EpochMs,
) -> Announcement {
    let AlertChange { begun, over, more, .. } = change;
    let subject = match begun.as_slice() {
        [] => format!("over: {}", count(over.len(), "alert")),
        [alert] if *more == 0 => short(alert),
        some => count(some.len() + more, "alert"),
    };
    let mut text = String::new();
    if !begun.is_empty() {
        text += "Somebody should look:\n";
        for alert in begun.iter().take(MOST_NAMED) {
            let what = sentence(alert, failing, names, now);
            let _ = writeln!(text, "- {what}{}", link(place, alert.location.as_ref()));
        }
        let unnamed = begun.len().saturating_sub(MOST_NAMED) + more;
        if unnamed > 0 {
            let _ = writeln!(text, "- and {unnamed} more");
        }
        text += "\n";
    }
    if !over.is_empty() {
        text += "Over:\n";
        for alert in over.iter().take(MOST_NAMED) {
            let _ = writeln!(text, "- {}, since {}", title(alert, names), minute(alert.since));
        }
        let unnamed = over.len().saturating_sub(MOST_NAMED);
        if unnamed > 0 {
            let _ = writeln!(text, "- and {unnamed} more");
        }
        text += "\n";
    }
    text += &footer(place, now);
    Announcement { subject: subject_of(place, &subject), text, audience: Audience::Stack }
}

fn title(alert: &Alert, names: &LocationNames) -> String {
    let who = alert.location.as_ref().map_or_else(|| "all other locations together".to_owned(), |id| names.of(id));
    let what = match alert.kind {
        AlertKind::OtherLocation => "GoHighLevel answered for another location",
        AlertKind::Credentials => "its token was refused",
        AlertKind::Breaker => "GoHighLevel failed",
        AlertKind::Failures => "too many records failed",
        AlertKind::Throttled => "GoHighLevel asked to wait",
        AlertKind::CredentialsEnd => "its credentials were about to end",
    };
    format!("{who}: {what}")
}

/// The problem and its remedy.
fn sentence(alert: &Alert, failing: &[(LocationId, Share)], names: &LocationNames, now: EpochMs) -> String {
    let who = alert.location.as_ref().map_or_else(|| "All other locations together".to_owned(), |id| names.of(id));
    let since = minute(alert.since);
    match alert.kind {
        AlertKind::OtherLocation => format!(
            "{who}: GoHighLevel answers for another location, so the token may be of somebody else's account. Nothing is \
             sent. Find out whose it is, and connect the location anew."
        ),
        AlertKind::Credentials => {
            format!("{who}: GoHighLevel does not accept the token. Nothing is sent. Connect the location anew.")
        }
        AlertKind::Breaker => format!(
            "{who}: GoHighLevel has failed for record after record since {since}. Nothing to do: it is asked again and \
             again, and all that waits is sent once it answers."
        ),
        AlertKind::Throttled => {
            let until =
                alert.until.map_or_else(|| "for more than an hour".to_owned(), |at| format!("until {}", minute(at)));
            format!("{who}: GoHighLevel asked to wait {until}. If that is wrong, resume the location.")
        }
        AlertKind::CredentialsEnd => {
            let end = alert.until.unwrap_or(now);
            let ends = if end > now { "end" } else { "ended" };
            format!(
                "{who}: its credentials {ends} on {}, by its setting credentials_expire_at. Replace them, then set the new end.",
                minute(end)
            )
        }
        AlertKind::Failures => {
            let Share { failed, ended } = alert.share.unwrap_or_default();
            let what = format!("{who}: {} of {} records failed within an hour.", grouped(failed), grouped(ended));
            match alert.location {
                Some(_) => format!("{what} The list of failures says why."),
                None => format!("{what}{}", most_of_them(failing, names)),
            }
        }
    }
}

fn most_of_them(failing: &[(LocationId, Share)], names: &LocationNames) -> String {
    let named = failing
        .iter()
        .take(LocationNames::OF_ALL)
        .map(|(id, share)| format!("{} {}", grouped(share.failed), names.of(id)));
    let named: Vec<String> = named.collect();
    if named.is_empty() { String::new() } else { format!(" Most failed in: {}.", named.join(", ")) }
}

fn short(alert: &Alert) -> String {
    let who = alert.location.as_ref().map_or("all locations", LocationId::as_str);
    let what = match alert.kind {
        AlertKind::OtherLocation => "GoHighLevel answers for another location",
        AlertKind::Credentials => "token refused",
        AlertKind::Breaker => "GoHighLevel fails",
        AlertKind::Failures => "too many records fail",
        AlertKind::Throttled => "GoHighLevel asks to wait",
        AlertKind::CredentialsEnd => "credentials end soon",
    };
    format!("{what}: {who}")
}

fn link(place: &AlertOrigin, location: Option<&LocationId>) -> String {
    let page = location.map_or_else(|| place.dashboard.clone(), |id| place.page_of(id));
    page.map(|page| format!("\n  {page}")).unwrap_or_default()
}

pub(crate) fn footer(place: &AlertOrigin, now: EpochMs) -> String {
    let everything = place.dashboard.as_ref().map(|page| format!("Everything: {page}\n")).unwrap_or_default();
    format!("{everything}Stack {}, {}.\n", place.stack, minute(now))
}

/// A subject within SNS's limits: one line of ASCII, not too long.
pub(crate) fn subject_of(place: &AlertOrigin, what: &str) -> String {
    let line: String = format!("{}: {what}", place.stack)
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect();
    line.chars().take(MAX_SUBJECT).collect()
}

/// A time to the minute: `2026-11-30 15:20 UTC`.
pub(crate) fn minute(at: EpochMs) -> String {
    let text = at.to_rfc3339();
    match (text.get(..10), text.get(11..16)) {
        (Some(day), Some(time)) => format!("{day} {time} UTC"),
        _ => text,
    }
}

/// `1 alert`, `2 alerts`.
pub(crate) fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// A number with commas between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn in_one_line(name: &str) -> String {
    name.split(|c: char| c.is_control() || c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}
