//! The periodic check of all locations.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use ghl_sync_engine::counts::{Counts, Minute};
use ghl_sync_engine::ports::{Entry, PortError};
use ghl_sync_engine::standing::{Standing, Trouble};
use ghl_sync_engine::usecase::{AlertNews, Event};
use ghl_sync_model::{EpochMs, LocationId};
use serde::Serialize;

use crate::Alerts;
use crate::message::{LocationNames, alerts};
use crate::policy::{AlertChange, AlertFindings, WINDOW, judge};
use crate::share::Share;
use crate::watch::{Alert, AlertKind};

/// Most locations per check to read the last hour's failures of: those with the most failures.
const MOST_READ: usize = 1000;

/// Result of one check.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct AlertCheckResult {
    /// Alerts that began with this check.
    pub alerts_begun: usize,
    /// Alerts that ended with this check.
    pub alerts_over: usize,
    /// Alerts that are on now.
    pub alerts_on: usize,
}

impl Alerts {
    /// Checks all locations and announces each alert once when it begins and once when it ends. People are notified
    /// before the state is stored, so a failure repeats a message rather than losing it.
    ///
    /// # Errors
    /// When a store fails or the message is not accepted.
    pub async fn look(&self) -> Result<AlertCheckResult, PortError> {
        let looked = self.look_and_tell().await;
        if let Err(error) = &looked {
            self.emit(AlertNews::Untold { error });
        }
        looked
    }

    async fn look_and_tell(&self) -> Result<AlertCheckResult, PortError> {
        let Entry { rev, value: watch } = self.ports.watch.load(&()).await?.unwrap_or_default();
        let standings = self.ports.counters.standings().await?;
        let now = self.ports.clock.now();
        let found = self.found(&standings, now).await?;
        let change = judge(&watch, &found, &self.rules, now);
        self.tell(&change, &found, &standings, now).await?;
        if change.watch != watch {
            // On a conflict, another check has announced the same changes.
            self.ports.watch.replace(&(), rev, &change.watch).await?;
        }
        let AlertChange { watch, begun, over, .. } = change;
        let alerts_on = watch.alerts.iter().filter(|alert| alert.told).count();
        Ok(AlertCheckResult { alerts_begun: begun.len(), alerts_over: over.len(), alerts_on })
    }

    async fn found(&self, standings: &[(LocationId, Standing)], now: EpochMs) -> Result<AlertFindings, PortError> {
        let mut total = Counts::default();
        standings.iter().for_each(|(_, standing)| total.merge(&standing.sums));
        let troubles = standings.iter().flat_map(|(id, standing)| {
            standing
                .troubles(now)
                .into_iter()
                .filter_map(|trouble| kind_of(&trouble).map(|it| (id.clone(), it.0, it.1)))
        });
        let ends = standings.iter().filter_map(|(id, standing)| {
            Some((id.clone(), AlertKind::CredentialsEnd, Some(standing.credentials_end(now)?)))
        });
        // A location that sent nothing for an hour had no failure in that hour.
        let may_have_failed = |(_, standing): &&(LocationId, Standing)| {
            standing.enabled && standing.failed.count > 0 && now.since(standing.at) < WINDOW
        };
        let mut failing: Vec<&(LocationId, Standing)> = standings.iter().filter(may_have_failed).collect();
        failing.sort_by_key(|(id, standing)| (Reverse(standing.failed.count), id));
        let failing: Vec<LocationId> = failing.into_iter().take(MOST_READ).map(|(id, _)| id.clone()).collect();
        let counted = self.ports.counters.of_each(&failing, now).await?;
        let shares = counted.iter().map(|counted| {
            let of = |minute: &Minute| Share { failed: minute.failed, ended: minute.failed + minute.succeeded };
            counted.minutes.iter().map(of).fold(Share::default(), Share::and)
        });
        let failures = failing.into_iter().zip(shares).filter(|(_, share)| share.failed > 0);
        Ok(AlertFindings {
            troubles: troubles.chain(ends).collect(),
            failures: failures.collect(),
            total: Share::of(&total),
        })
    }

    async fn tell(
        &self,
        change: &AlertChange,
        found: &AlertFindings,
        standings: &[(LocationId, Standing)],
        now: EpochMs,
    ) -> Result<(), PortError> {
        if change.begun.is_empty() && change.over.is_empty() {
            return Ok(());
        }
        let mut failing = found.failures.clone();
        failing.sort_by(|(a, x), (b, y)| (Reverse(x.failed), a).cmp(&(Reverse(y.failed), b)));
        let of_alerts = change.begun.iter().chain(&change.over).filter_map(|alert| alert.location.clone());
        let named = of_alerts.chain(failing.iter().take(LocationNames::OF_ALL).map(|(id, _)| id.clone())).collect();
        let names = self.names(named, standings).await?;
        let message = alerts(change, &failing, &names, &self.place, now);
        if let Some(announcer) = &self.ports.alerts_to {
            announcer.announce(&message).await?;
        }
        for (alerts, has_begun) in [(&change.begun, true), (&change.over, false)] {
            alerts.iter().for_each(|alert| self.log(alert, has_begun));
        }
        Ok(())
    }

    /// Display names of these locations: our own name first, else GHL's.
    pub(crate) async fn names(
        &self,
        mut of: Vec<LocationId>,
        standings: &[(LocationId, Standing)],
    ) -> Result<LocationNames, PortError> {
        of.sort();
        of.dedup();
        let own: BTreeMap<&LocationId, &Option<String>> =
            standings.iter().map(|(id, standing)| (id, &standing.name)).collect();
        let profiles = self.ports.profiles.load_each(&of).await?;
        let named = of.into_iter().zip(profiles).filter_map(|(id, profile)| {
            let own = own.get(&id).and_then(|name| (*name).clone());
            Some((id, own.or_else(|| profile?.value.name)?))
        });
        Ok(LocationNames(named.collect()))
    }

    fn log(&self, alert: &Alert, has_begun: bool) {
        let (kind, location) = (alert.kind.as_str(), alert.location.as_ref());
        let (failed, ended) = alert.share.map(|share| (share.failed, share.ended)).unzip();
        self.emit(match has_begun {
            true => AlertNews::Begun { kind, location, failed, ended },
            false => AlertNews::Over { kind, location },
        });
    }

    pub(crate) fn emit(&self, news: AlertNews<'_>) {
        self.ports.sink.emit(&Event::Alerts(news));
    }
}

/// The alert that a trouble raises, and its expected end if known. A pause raises none: an operator ordered it.
/// Failed records have an alert of their own, judged by their share.
fn kind_of(trouble: &Trouble) -> Option<(AlertKind, Option<EpochMs>)> {
    match trouble {
        Trouble::Breaker(_) => Some((AlertKind::Breaker, None)),
        Trouble::OtherLocation => Some((AlertKind::OtherLocation, None)),
        Trouble::Credentials => Some((AlertKind::Credentials, None)),
        Trouble::Throttled { until } => Some((AlertKind::Throttled, Some(*until))),
        Trouble::Paused | Trouble::Failed(_) => None,
    }
}
