//! Matching tags and users.

use super::decisions::paired;
use super::names::normalised;
use super::overrides::{Allowed, decide};
use super::pairing::Thing;
use ghl_sync_model::{Mapped, MappedTo, MappingOverrides, OverrideError, Part, Tag, User};

/// Tags match if their names are equal, ignoring case: "vip" is not "vips".
pub(super) fn map_tags(
    source: &[Tag],
    target: &[Tag],
    overrides: &MappingOverrides,
    errors: &mut Vec<OverrideError>,
) -> Vec<Mapped> {
    let lower = |tags: &[Tag]| -> Vec<String> { tags.iter().map(|tag| tag.name.trim().to_lowercase()).collect() };
    let (source_keys, target_keys) = (lower(source), lower(target));
    let sources: Vec<Thing<'_>> = source
        .iter()
        .zip(&source_keys)
        .map(|(tag, key)| Thing { id: &tag.id, key: Some(key), name: &tag.name })
        .collect();
    let targets: Vec<Thing<'_>> = target
        .iter()
        .zip(&target_keys)
        .map(|(tag, key)| Thing { id: &tag.id, key: Some(key), name: &tag.name })
        .collect();
    let allowed = Allowed { part: Part::Tags, create: true, share: true, objection: &|_, _| None };
    let (decisions, wrong) = decide(&overrides.tags, &sources, &targets, &allowed);
    errors.extend(wrong);
    let same = |s: usize, t: usize| source_keys[s] == target_keys[t];
    paired(
        "tag",
        &sources,
        &targets,
        &decisions,
        |pairing| pairing.pair(None, same),
        |place, _| {
            let name = source[place].name.trim().to_owned();
            (MappedTo::Create { name }, "The target does not know it; it is made.".to_owned())
        },
    )
}

/// Users match if their e-mail addresses are equal, or else if their names are equal and unique.
pub(super) fn map_users(
    source: &[User],
    target: &[User],
    overrides: &MappingOverrides,
    errors: &mut Vec<OverrideError>,
) -> Vec<Mapped> {
    let emails = |users: &[User]| -> Vec<Option<String>> {
        users.iter().map(|user| user.email.as_deref().map(|email| email.trim().to_lowercase())).collect()
    };
    let (source_emails, target_emails) = (emails(source), emails(target));
    let sources: Vec<Thing<'_>> = source
        .iter()
        .zip(&source_emails)
        .map(|(user, email)| Thing { id: &user.id, key: email.as_deref(), name: &user.name })
        .collect();
    let targets: Vec<Thing<'_>> = target
        .iter()
        .zip(&target_emails)
        .map(|(user, email)| Thing { id: &user.id, key: email.as_deref(), name: &user.name })
        .collect();
    let allowed = Allowed { part: Part::Users, create: false, share: true, objection: &|_, _| None };
    let (decisions, wrong) = decide(&overrides.users, &sources, &targets, &allowed);
    errors.extend(wrong);
    let namesakes =
        |users: &[User], name: &str| users.iter().filter(|user| normalised(&user.name) == normalised(name)).count();
    let may_pair = |s: usize, t: usize| {
        (source_emails[s].is_some() && source_emails[s] == target_emails[t])
            || (namesakes(source, &source[s].name) == 1 && namesakes(target, &target[t].name) == 1)
    };
    paired(
        "user",
        &sources,
        &targets,
        &decisions,
        |pairing| pairing.pair(None, may_pair),
        |place, _| {
            let user = &source[place];
            let reason = format!("no user of the target has the e-mail address or the name of {}", user.name);
            (MappedTo::Skip { reason }, "What is assigned to them arrives without an owner.".to_owned())
        },
    )
}
