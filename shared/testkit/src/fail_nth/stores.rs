//! Decorates the stores of a location's other data: gates, settings, items, counters, and GHL's reported states.

use async_trait::async_trait;

use super::{FailNth, Op};
use ghl_sync_engine::counts::{Counted, Counts};
use ghl_sync_engine::policy::Precedence;
use ghl_sync_engine::ports::{
    Bookmarks, Counters, DueChecks, Entry, GateEntry, GateStore, Installations, ItemPage, ItemStore, KnownStates,
    Listing, LocationIds, LocationRegistry, NewItem, PortError, RemoteKey, Replaced, Replacement, StoredItem,
    StoredSettings,
};
use ghl_sync_engine::standing::Standing;
use ghl_sync_limiter::Gate;
use ghl_sync_model::{
    Bookmark, EpochMs, EventId, ItemKind, KnownState, LocationId, LocationSettings, ScopeId, SettingsOverlay,
};

#[async_trait]
impl<P: GateStore> GateStore for FailNth<P> {
    async fn load(&self, scope: &ScopeId) -> Result<GateEntry, PortError> {
        self.faults.pass(Op::GateLoad, self.port.load(scope)).await
    }

    async fn replace(&self, scope: &ScopeId, rev: u64, gate: &Gate) -> Result<Replaced<GateEntry>, PortError> {
        self.faults.pass(Op::GateReplace, self.port.replace(scope, rev, gate)).await
    }

    async fn advance_work_seq(&self, scope: &ScopeId, now: EpochMs) -> Result<(), PortError> {
        self.faults.pass(Op::GateAdvance, self.port.advance_work_seq(scope, now)).await
    }

    async fn needing_check(&self, now: EpochMs, limit: u32) -> Result<DueChecks, PortError> {
        self.faults.pass(Op::GateCheck, self.port.needing_check(now, limit)).await
    }
}

#[async_trait]
impl<P: LocationRegistry> LocationRegistry for FailNth<P> {
    async fn location(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.location(location)).await
    }

    async fn location_now(&self, location: &LocationId) -> Result<Option<LocationSettings>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.location_now(location)).await
    }

    async fn members(&self, scope: &ScopeId) -> Result<Vec<LocationId>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.members(scope)).await
    }

    async fn locations(&self) -> Result<Vec<LocationId>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.locations()).await
    }

    async fn scopes(&self) -> Result<Vec<ScopeId>, PortError> {
        self.faults.pass_at_once(Op::SettingsRead, self.port.scopes()).await
    }

    async fn register(&self, location: &LocationId) -> Result<(), PortError> {
        self.faults.pass_at_once(Op::SettingsRegister, self.port.register(location)).await
    }

    async fn stored(&self, location: &LocationId) -> Result<Option<StoredSettings>, PortError> {
        self.faults.pass(Op::SettingsRead, self.port.stored(location)).await
    }

    async fn store(
        &self,
        location: &LocationId,
        rev: u64,
        overlay: &SettingsOverlay,
    ) -> Result<Replaced<Option<Entry<SettingsOverlay>>>, PortError> {
        self.faults.pass(Op::SettingsStore, self.port.store(location, rev, overlay)).await
    }

    async fn page(&self, after: Option<&LocationId>, limit: u32) -> Result<LocationIds, PortError> {
        self.faults.pass(Op::SettingsRead, self.port.page(after, limit)).await
    }

    async fn stored_each(&self, locations: &[LocationId]) -> Result<Vec<Option<StoredSettings>>, PortError> {
        self.faults.pass(Op::SettingsRead, self.port.stored_each(locations)).await
    }

    async fn remove(&self, location: &LocationId, rev: u64) -> Result<bool, PortError> {
        self.faults.pass(Op::SettingsStore, self.port.remove(location, rev)).await
    }
}

#[async_trait]
impl<P: ItemStore> ItemStore for FailNth<P> {
    async fn load(&self, kind: &'static ItemKind, key: &str) -> Result<Option<StoredItem>, PortError> {
        self.faults.pass(Op::of_items(kind).0, self.port.load(kind, key)).await
    }

    async fn replace(
        &self,
        kind: &'static ItemKind,
        key: &str,
        rev: u64,
        item: NewItem,
    ) -> Result<Replaced<Option<StoredItem>>, PortError> {
        self.faults.pass(Op::of_items(kind).1, self.port.replace(kind, key, rev, item)).await
    }

    async fn load_each(&self, kind: &'static ItemKind, keys: &[String]) -> Result<Vec<Option<StoredItem>>, PortError> {
        self.faults.pass(Op::of_items(kind).0, self.port.load_each(kind, keys)).await
    }

    async fn remove(&self, kind: &'static ItemKind, key: &str, rev: Option<u64>) -> Result<bool, PortError> {
        self.faults.pass(Op::of_items(kind).1, self.port.remove(kind, key, rev)).await
    }

    async fn list(&self, kind: &'static ItemKind, wanted: &Listing) -> Result<ItemPage<StoredItem>, PortError> {
        self.faults.pass(Op::of_items(kind).0, self.port.list(kind, wanted)).await
    }
}

#[async_trait]
impl<P: Bookmarks> Bookmarks for FailNth<P> {
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError> {
        self.faults.pass(Op::BookmarkFind, self.port.find(location)).await
    }

    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError> {
        self.faults.pass(Op::BookmarkKeep, self.port.keep(location, bookmark)).await
    }

    async fn last_asked(&self) -> Result<Option<LocationId>, PortError> {
        self.faults.pass(Op::BookmarkFind, self.port.last_asked()).await
    }

    async fn keep_last_asked(&self, location: &LocationId) -> Result<(), PortError> {
        self.faults.pass(Op::BookmarkKeep, self.port.keep_last_asked(location)).await
    }
}

#[async_trait]
impl<P: Counters> Counters for FailNth<P> {
    async fn add(
        &self,
        location: &LocationId,
        now: EpochMs,
        counts: &Counts,
        allowed: Option<u64>,
        standing: Option<&Standing>,
    ) -> Result<(), PortError> {
        self.faults.pass(Op::CountersAdd, self.port.add(location, now, counts, allowed, standing)).await
    }

    async fn tell(&self, location: &LocationId, standing: &Standing) -> Result<(), PortError> {
        self.faults.pass(Op::CountersTell, self.port.tell(location, standing)).await
    }

    async fn of_each(&self, locations: &[LocationId], now: EpochMs) -> Result<Vec<Counted>, PortError> {
        self.faults.pass(Op::CountersRead, self.port.of_each(locations, now)).await
    }

    async fn sums(&self, location: &LocationId) -> Result<Counts, PortError> {
        self.faults.pass(Op::CountersRead, self.port.sums(location)).await
    }

    async fn told_at(&self, location: &LocationId) -> Result<Option<EpochMs>, PortError> {
        self.faults.pass(Op::CountersRead, self.port.told_at(location)).await
    }

    async fn standings_of(&self, locations: &[LocationId]) -> Result<Vec<(LocationId, Standing)>, PortError> {
        self.faults.pass(Op::CountersRead, self.port.standings_of(locations)).await
    }

    async fn standings(&self) -> Result<Vec<(LocationId, Standing)>, PortError> {
        self.faults.pass(Op::CountersRead, self.port.standings()).await
    }

    async fn in_trouble(&self, limit: usize) -> Result<(Vec<(LocationId, Standing)>, bool), PortError> {
        self.faults.pass(Op::CountersRead, self.port.in_trouble(limit)).await
    }

    async fn forget(&self, location: &LocationId) -> Result<(), PortError> {
        self.faults.pass(Op::CountersTell, self.port.forget(location)).await
    }

    async fn ticked(&self, now: EpochMs) -> Result<(), PortError> {
        self.faults.pass(Op::CountersTick, self.port.ticked(now)).await
    }

    async fn last_tick(&self) -> Result<Option<EpochMs>, PortError> {
        self.faults.pass(Op::CountersRead, self.port.last_tick()).await
    }
}

#[async_trait]
impl<P: KnownStates> KnownStates for FailNth<P> {
    async fn replace(
        &self,
        key: RemoteKey<'_>,
        state: &KnownState,
        precedence: &Precedence,
        now: EpochMs,
    ) -> Result<Replacement, PortError> {
        self.faults.pass(Op::KnownReplace, self.port.replace(key, state, precedence, now)).await
    }

    async fn load(&self, key: RemoteKey<'_>) -> Result<Option<KnownState>, PortError> {
        self.faults.pass(Op::KnownLoad, self.port.load(key)).await
    }

    async fn forget(&self, key: RemoteKey<'_>) -> Result<bool, PortError> {
        self.faults.pass(Op::KnownForget, self.port.forget(key)).await
    }

    async fn remember(&self, event: &EventId, now: EpochMs, until: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::KnownRemember, self.port.remember(event, now, until)).await
    }
}

#[async_trait]
impl<P: Installations> Installations for FailNth<P> {
    async fn note(&self, location: &LocationId, installed: bool, at: EpochMs) -> Result<bool, PortError> {
        self.faults.pass(Op::InstallationsNote, self.port.note(location, installed, at)).await
    }
}
