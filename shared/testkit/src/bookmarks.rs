//! Bookmarks in memory.

use std::collections::BTreeMap;
use std::sync::Mutex;

use async_trait::async_trait;

use super::lock;
use ghl_sync_engine::ports::{Bookmarks, PortError};
use ghl_sync_model::{Bookmark, LocationId};

/// [`Bookmarks`] in memory.
#[derive(Debug, Default)]
pub struct MemoryBookmarks {
    kept: Mutex<BTreeMap<LocationId, Bookmark>>,
    last_asked: Mutex<Option<LocationId>>,
}

#[async_trait]
impl Bookmarks for MemoryBookmarks {
    async fn find(&self, location: &LocationId) -> Result<Option<Bookmark>, PortError> {
        Ok(lock(&self.kept).get(location).cloned())
    }

    async fn keep(&self, location: &LocationId, bookmark: &Bookmark) -> Result<(), PortError> {
        lock(&self.kept).insert(location.clone(), bookmark.clone());
        Ok(())
    }

    async fn last_asked(&self) -> Result<Option<LocationId>, PortError> {
        Ok(lock(&self.last_asked).clone())
    }

    async fn keep_last_asked(&self, location: &LocationId) -> Result<(), PortError> {
        *lock(&self.last_asked) = Some(location.clone());
        Ok(())
    }
}
