//! Lists locations by id, with their settings, GHL's profile and their last standing.

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

/// Most locations that one page examines: three reads each.
const LOOKED_AT: usize = 500;
/// Locations read together.
const TOGETHER: usize = 100;

/// Filter for the list of locations.
#[derive(Debug, Clone, Default)]
pub struct LocationFilter {
    /// Locations in this state.
    pub state: Option<LocationState>,
    /// Locations with this tag, in any case.
    pub tag: Option<String>,
    /// Locations with this text in their id, names, company or tags, in any case.
    pub text: Option<String>,
    /// Locations that need attention (true), or do not (false).
    pub in_trouble: Option<bool>,
    /// Locations whose credentials expire within this time, or have expired.
    pub expires_within: Option<Duration>,
    /// Limits the list to these locations; `None` for all.
    pub own: Option<Arc<Reach>>,
}

/// A page of locations.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedLocations {
    /// When the page was read.
    pub time: EpochMs,
    /// The matching locations, by id.
    pub locations: Vec<ListedLocation>,
    /// Number of locations examined.
    pub looked_at: usize,
    /// The last location examined, if others follow.
    pub next: Option<LocationId>,
}

/// A location in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct ListedLocation {
    /// GHL's id of the location.
    pub id: LocationId,
    /// Its settings, by source.
    pub stored: StoredSettings,
    /// GHL's profile of it; `None` if GHL was never asked.
    pub profile: Option<LocationProfile>,
    /// Its last standing; `None` if none is stored yet.
    pub standing: Option<Standing>,
}

/// Expiry of a location's credentials.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CredentialsEnd {
    /// Kind of the credentials, if a function with access to them has reported it.
    pub kind: Option<CredentialsKind>,
    /// When they expire: as set by an operator, or else as known from the credentials.
    pub expires_at: Option<EpochMs>,
    /// Whole days until then; negative once they have expired.
    pub days_left: Option<i64>,
}

impl CredentialsEnd {
    /// The expiry of the credentials in `settings`. A `profile` of other credentials is ignored.
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
    /// Its state now; `None` if no standing is stored yet.
    #[must_use]
    pub fn state(&self, now: EpochMs) -> Option<LocationState> {
        match &self.standing {
            Some(standing) => Some(standing.state(now)),
            None => (!self.stored.effective().enabled).then_some(LocationState::Stopped),
        }
    }

    /// Whether it needs attention.
    #[must_use]
    pub fn is_in_trouble(&self, now: EpochMs) -> bool {
        self.standing.as_ref().is_some_and(|standing| standing.urgency(now) != Urgency::Fine)
    }

    /// Whether a name of the location contains `text`, which must be in lower case.
    fn is_called(&self, labels: &LocationLabels, text: &str) -> bool {
        let of_ghl = self.profile.iter().flat_map(|profile| [&profile.name, &profile.company]);
        let names = of_ghl.chain([&labels.name]).flatten().chain(&labels.tags).map(String::as_str);
        names.chain([self.id.as_str()]).any(|name| name.to_lowercase().contains(text))
    }
}

impl Operator {
    /// A page of the known locations that match `filter`, by id, after `after` or from the first: at most `limit`. One
    /// request examines a limited number of locations, so its cost does not depend on how many there are. A page may be
    /// short or empty without being the last.
    ///
    /// # Errors
    /// If a store fails.
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

    /// Reads those of `ids` that are known.
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

/// A place in the second half of `ids` from which to continue. It has as few characters as possible, so that a caller
/// who must not know the last location does not learn its id.
fn place_within(ids: &[LocationId]) -> Option<LocationId> {
    let (last, middle) = (ids.last()?, ids.get(ids.len().checked_sub(1)? / 2)?);
    let lengths = 1..=last.as_str().len();
    let mut beginnings = lengths.filter_map(|length| LocationId::new(last.as_str().get(..length)?).ok());
    beginnings.find(|beginning| beginning > middle).or_else(|| Some(last.clone()))
}
