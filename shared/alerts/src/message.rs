//! What people read.

use std::collections::BTreeMap;

use ghl_sync_model::{EpochMs, LocationId};
use std::fmt::Write;

use crate::Place;
use crate::policy::{Change, Share};
use crate::watch::{Alert, AlertKind};

/// Longest subject, in characters: SNS takes no more.
const MAX_SUBJECT: usize = 99;
/// Alerts of one message that are named; of more it is told how many there are.
const MOST_NAMED: usize = 40;

/// A message to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// What it is about, in one line of ASCII, of 99 characters at most.
    pub subject: String,
    /// All of it, as lines of text.
    pub text: String,
    /// Whom it is for.
    pub audience: Audience,
}

/// Whom a message is for: people subscribe to some of them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Audience {
    /// Whoever looks after everything.
    Stack,
    /// Whoever looks after the locations with this tag.
    Tag(String),
    /// Whoever looks after this location.
    Location(LocationId),
}

impl Audience {
    /// The names and values by which people subscribe: `scope`, and which tag or location.
    #[must_use]
    pub fn attributes(&self) -> Vec<(&'static str, &str)> {
        match self {
            Audience::Stack => vec![("scope", "stack")],
            Audience::Tag(tag) => vec![("scope", "tag"), ("tag", tag)],
            Audience::Location(location) => vec![("scope", "location"), ("location_id", location.as_str())],
        }
    }
}

/// What people call locations.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names(pub(crate) BTreeMap<LocationId, String>);

impl Names {
    /// Locations that are named where many fail a little.
    pub(crate) const OF_ALL: usize = 5;

    pub(crate) fn of(&self, location: &LocationId) -> String {
        match self.0.get(location) {
            Some(name) => format!("{} ({location})", in_one_line(name)),
            None => location.to_string(),
        }
    }
}

impl Place {
    /// The page of a location.
    pub(crate) fn page_of(&self, location: &LocationId) -> Option<String> {
        // An id has no character that a fragment may not have.
        Some(format!("{}#/{location}", self.dashboard.as_ref()?))
    }
}

/// What has begun and what is over. `failing` are the locations where anything failed within the hour, the most first.
pub(crate) fn alerts(
    change: &Change,
    failing: &[(LocationId, Share)],
    names: &Names,
    place: &Place,
    now: EpochMs,
) -> Message {
    let Change { begun, over, more, .. } = change;
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
    Message { subject: subject_of(place, &subject), text, audience: Audience::Stack }
}

fn title(alert: &Alert, names: &Names) -> String {
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

/// What is wrong, and what to do about it.
fn sentence(alert: &Alert, failing: &[(LocationId, Share)], names: &Names, now: EpochMs) -> String {
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

fn most_of_them(failing: &[(LocationId, Share)], names: &Names) -> String {
    let named =
        failing.iter().take(Names::OF_ALL).map(|(id, share)| format!("{} {}", grouped(share.failed), names.of(id)));
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

fn link(place: &Place, location: Option<&LocationId>) -> String {
    let page = location.map_or_else(|| place.dashboard.clone(), |id| place.page_of(id));
    page.map(|page| format!("\n  {page}")).unwrap_or_default()
}

pub(crate) fn footer(place: &Place, now: EpochMs) -> String {
    let everything = place.dashboard.as_ref().map(|page| format!("Everything: {page}\n")).unwrap_or_default();
    format!("{everything}Stack {}, {}.\n", place.stack, minute(now))
}

/// A subject that SNS takes: ASCII, in one line, not too long.
pub(crate) fn subject_of(place: &Place, what: &str) -> String {
    let line: String = format!("{}: {what}", place.stack)
        .chars()
        .map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' })
        .collect();
    line.chars().take(MAX_SUBJECT).collect()
}

/// To the minute: `2026-11-30 15:20 UTC`.
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

/// With a comma between thousands.
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
