//! Locations in a list, by id: what is set for each, what GHL calls it, how it stood last.

use std::collections::HashMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use ghl_sync_engine::ports::{LocationIds, PortError, StoredSettings, Versioned};
use ghl_sync_engine::standing::{LocationState, Standing, Urgency};
use ghl_sync_model::{
    CredentialsKind, EpochMs, LocationId, LocationLabels, LocationProfile, LocationSettings, Reach, days_until,
};

use crate::Operator;

/// Locations that one page looks at, at most: three reads each.
const LOOKED_AT: usize = 500;
/// Locations read together.
const TOGETHER: usize = 100;

/// Which locations to list.
#[derive(Debug, Clone, Default)]
pub struct LocationFilter {
    /// Those that do this now.
    pub state: Option<LocationState>,
    /// Those that have this tag, whatever its case.
    pub tag: Option<String>,
    /// Those in whose id, names, company or tags this is found, whatever its case.
    pub text: Option<String>,
    /// Those that somebody should look at (true), or need not (false).
    pub in_trouble: Option<bool>,
    /// Those whose credentials end within this time, or have ended.
    pub expires_within: Option<Duration>,
    /// As if there were these locations only; `None` for all.
    pub own: Option<Arc<Reach>>,
}

/// A page of locations.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedLocations {
    /// When it was so.
    pub time: EpochMs,
    /// Those that were looked for, by id.
    pub locations: Vec<ListedLocation>,
    /// So many were looked at.
    pub looked_at: usize,
    /// The last one that was looked at, if others follow.
    pub next: Option<LocationId>,
}

/// A location of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedLocation {
    /// GHL's id of the location.
    pub id: LocationId,
    /// What is set for it, over what the environment says.
    pub stored: StoredSettings,
    /// What GHL says of it; `None` if it was never asked.
    pub profile: Option<LocationProfile>,
    /// How it stood last; `None` if nobody has written it down yet.
    pub standing: Option<Standing>,
}

/// When credentials end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsEnd {
    /// What they are, if somebody who has them has told.
    pub kind: Option<CredentialsKind>,
    /// When they end: as an operator said, or else as is known of them.
    pub expires_at: Option<EpochMs>,
    /// Whole days until then; below zero once it is over.
    pub days_left: Option<i64>,
}

impl CredentialsEnd {
    /// What is known of the end of the credentials that `settings` name. What `profile` knows of others does not count.
    #[must_use]
    pub fn of(settings: &LocationSettings, profile: Option<&LocationProfile>, now: EpochMs) -> CredentialsEnd {
        let known = profile.and_then(|profile| profile.credentials.as_ref());
        let known = known.filter(|known| known.reference == settings.credentials);
        let expires_at = settings.labels.credentials_expire_at.or_else(|| known?.expires_at);
        CredentialsEnd {
            kind: known.map(|known| known.kind),
            expires_at,
            days_left: expires_at.map(|end| days_until(end, now)),
        }
    }
}

impl LocationFilter {
    fn lets_all_pass(&self) -> bool {
        let LocationFilter { state, tag, text, in_trouble, expires_within, own } = self;
        own.as_ref().is_none_or(|own| own.tags.is_empty())
            && state.is_none()
            && tag.is_none()
            && text.is_none()
            && in_trouble.is_none()
            && expires_within.is_none()
    }

    fn lets_pass(&self, location: &ListedLocation, now: EpochMs) -> bool {
        let settings = location.stored.effective();
        let end = || CredentialsEnd::of(&settings, location.profile.as_ref(), now).expires_at;
        self.state.is_none_or(|state| location.state(now) == Some(state))
            && self.tag.as_ref().is_none_or(|tag| settings.labels.has_tag(tag))
            && self.text.as_ref().is_none_or(|text| location.is_called(&settings.labels, &text.to_lowercase()))
            && self.in_trouble.is_none_or(|wanted| location.is_in_trouble(now) == wanted)
            && self.expires_within.is_none_or(|span| end().is_some_and(|end| end <= now + span))
    }
}

impl ListedLocation {
    /// What it does now; `None` if nobody has written that down yet.
    #[must_use]
    pub fn state(&self, now: EpochMs) -> Option<LocationState> {
        match &self.standing {
            Some(standing) => Some(standing.state(now)),
            None => (!self.stored.effective().enabled).then_some(LocationState::Stopped),
        }
    }

    /// Whether somebody should look at it.
    #[must_use]
    pub fn is_in_trouble(&self, now: EpochMs) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing.urgency(now) != Urgency::Fine)
    }

    /// `text` is in lower case.
    fn is_called(&self, labels: &LocationLabels, text: &str) -> bool {
        let of_ghl = self.profile.iter().flat_map(|profile| [&profile.name, &profile.company]);
        let names = of_ghl.chain([&labels.name]).flatten().chain(&labels.tags).map(String::as_str);
        names.chain([self.id.as_str()]).any(|name| name.to_lowercase().contains(text))
    }
}

impl Operator {
    /// A page of the known locations that `filter` lets pass, by id, after this one or from the first on: `limit` of them at
    /// most, and no more than were looked at in one request, so that it costs the same however many there are. A page may be
    /// short, or empty, and not the last.
    ///
    /// # Errors
    /// When a store fails.
    pub async fn locations(
        &self,
        filter: &LocationFilter,
        after: Option<LocationId>,
        limit: usize,
    ) -> Result<ListedLocations, PortError> {
        let time = self.ports().clock.now();
        let mut page = ListedLocations { time, locations: Vec::new(), looked_at: 0, next: after };
        let at_once = if filter.lets_all_pass() { limit.min(TOGETHER) } else { TOGETHER };
        let mut passed = 0;
        loop {
            let LocationIds { ids: all, has_more } = self.ids(filter, page.next.as_ref(), at_once).await?;
            passed += all.len();
            let ids = match &filter.own {
                Some(own) => self.reached(own, &all).await?,
                None => all.clone(),
            };
            let last = ids.last().cloned();
            for location in self.read_locations(&ids).await? {
                page.looked_at += 1;
                let id = location.id.clone();
                if filter.lets_pass(&location, time) {
                    page.locations.push(location);
                }
                if page.locations.len() >= limit {
                    page.next = Some(id).filter(|id| has_more || Some(id) != last.as_ref());
                    return Ok(page);
                }
            }
            page.next = all.last().cloned().filter(|_| has_more);
            if page.next.is_none() {
                return Ok(page);
            }
            if passed >= LOOKED_AT {
                if last != page.next {
                    page.next = place_within(&all);
                }
                return Ok(page);
            }
        }
    }

    async fn ids(
        &self,
        filter: &LocationFilter,
        after: Option<&LocationId>,
        limit: usize,
    ) -> Result<LocationIds, PortError> {
        let Some(Reach { locations: own, .. }) = filter.own.as_deref().filter(|own| own.tags.is_empty()) else {
            return self.ports().registry.page(after, u32::try_from(limit).unwrap_or(u32::MAX)).await;
        };
        let from = after.map_or(Bound::Unbounded, Bound::Excluded);
        let mut following = own.range::<LocationId, _>((from, Bound::Unbounded)).cloned();
        let ids = following.by_ref().take(limit).collect();
        Ok(LocationIds { ids, has_more: following.next().is_some() })
    }

    /// Those of `ids` that are known.
    async fn read_locations(&self, ids: &[LocationId]) -> Result<Vec<ListedLocation>, PortError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let profiles: Versioned<LocationProfile> = Versioned::new(self.ports().items.clone());
        let (stored, profiles, standings) = futures::try_join!(
            self.ports().registry.stored_each(ids),
            profiles.load_each(ids),
            self.ports().counters.standings_of(ids),
        )?;
        let mut standings: HashMap<LocationId, Standing> = standings.into_iter().collect();
        let read = ids.iter().zip(stored).zip(profiles).filter_map(|((id, stored), profile)| {
            let profile = profile.map(|entry| entry.value);
            Some(ListedLocation { id: id.clone(), stored: stored?, profile, standing: standings.remove(id) })
        });
        Ok(read.collect())
    }
}

/// A place in the second half of `ids`, to go on from: as few characters as tell it, so that whoever may not know of the last
/// one does not read its id there.
fn place_within(ids: &[LocationId]) -> Option<LocationId> {
    let (last, middle) = (ids.last()?, ids.get(ids.len().checked_sub(1)? / 2)?);
    let lengths = 1..=last.as_str().len();
    let mut beginnings = lengths.filter_map(|length| LocationId::new(last.as_str().get(..length)?).ok());
    beginnings.find(|beginning| beginning > middle).or_else(|| Some(last.clone()))
}
