//! The share store of one Vault as `run` reads it: the object store, the local cache, and the store key.

use std::sync::{Arc, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use restore::objects::ReadObjects;
use sops_tools::custody::StoreKeys;
use tokio::sync::{Mutex, watch};

use super::secrets::Secrets;
use super::shelf::Shelf;
use crate::session::stores::Stores;
use crate::settings::Settings;
use crate::store::cache::Cache;
use crate::store::contents::Contents;
use crate::store::load::{load, load_holds};
use crate::store::names::VaultName;
use crate::store::view::{StoreView, derive};

/// Gives the object store; called for each reading, so that new credentials and a new CA are used. One line where it cannot be made.
pub type MakeStore = Arc<dyn Fn() -> Result<Arc<dyn ReadObjects>, String> + Send + Sync>;

/// One Vault's part of the store.
pub struct StoredShelf {
    vault: VaultName,
    location: String,
    make: MakeStore,
    cache: Option<Cache>,
    secrets: watch::Receiver<Secrets>,
    previous: Mutex<Previous>,
    /// Custodians whose stores did not answer the latest listing.
    silent: std::sync::Mutex<Vec<String>>,
}

#[derive(Default)]
struct Previous {
    /// The last whole reading and the keys it was made with: what was not authentic under others is read anew.
    read: Option<(Contents, Arc<StoreKeys>)>,
}

impl StoredShelf {
    /// `location` is what logs and the status show.
    pub fn new(
        vault: VaultName,
        location: String,
        make: MakeStore,
        cache: Option<Cache>,
        secrets: watch::Receiver<Secrets>,
    ) -> Self {
        Self { vault, location, make, cache, secrets, previous: Mutex::default(), silent: std::sync::Mutex::default() }
    }

    fn keys(&self) -> Result<Arc<StoreKeys>, String> {
        self.secrets.borrow().store_keys.clone().ok_or_else(|| "no store key could be read".to_owned())
    }

    /// What the cache holds; a fault is logged, and counts as an empty cache: the store may still be read.
    async fn cache(&self) -> Result<Contents, String> {
        let Some(cache) = self.cache.clone() else { return Ok(Contents::default()) };
        let vault = self.vault.clone();
        let read = tokio::task::spawn_blocking(move || cache.read(&vault)).await;
        read.map_err(|_| "reading the cache was cut off".to_owned())?.map_err(|error| error.to_string())
    }

    async fn keep(&self, store: Contents, cached: Contents, keys: Arc<StoreKeys>) {
        let Some(cache) = self.cache.clone() else { return };
        let vault = self.vault.clone();
        let kept = tokio::task::spawn_blocking(move || cache.keep(&vault, &store, &cached, &keys)).await;
        if let Ok(Some(fault)) = kept.map(|report| report.fault) {
            let next_step = "make room or mend cacheDir; opening goes on from the store and from what is cached";
            tracing::warn!(vault = self.vault.as_str(), fault, next_step, "the cache cannot be written");
        }
    }

    /// Custodians' stores that do not answer are told when that changes.
    fn tell_silent(&self, view: &StoreView) {
        let now: Vec<String> = view.silent.iter().map(|part| part.name.clone()).collect();
        let mut known = self.silent.lock().unwrap_or_else(PoisonError::into_inner);
        if *known == now {
            return;
        }
        for part in &view.silent {
            let fault = part.fault.as_deref().unwrap_or_default();
            tracing::warn!(vault = self.vault.as_str(), custodian = part.name, fault, "its store does not answer");
        }
        if now.is_empty() {
            tracing::info!(vault = self.vault.as_str(), "the stores of all custodians answer again");
        }
        *known = now;
    }

    async fn conclude(&self, contents: &Contents, keys: &Arc<StoreKeys>) -> StoreView {
        let cached = self.cache().await.unwrap_or_else(|fault| {
            tracing::warn!(vault = self.vault.as_str(), fault, "the cache cannot be read");
            Contents::default()
        });
        let view = derive(&self.vault, contents, keys, &cached);
        self.tell_silent(&view);
        self.keep(contents.clone(), cached, Arc::clone(keys)).await;
        view
    }
}

#[async_trait]
impl Shelf for StoredShelf {
    fn location(&self) -> String {
        self.location.clone()
    }

    async fn cached(&self) -> Result<Option<(StoreView, Timestamp)>, String> {
        let keys = self.keys()?;
        let Some(cache) = &self.cache else { return Ok(None) };
        let cached = self.cache().await?;
        if cached.objects.is_empty() {
            return Ok(None);
        }
        let written = written(cache);
        // The cache stands in for the store: nothing is compared, so nothing looks rolled back.
        let view = derive(&self.vault, &cached, &keys, &Contents::default());
        Ok(Some((view, written)))
    }

    async fn read(&self) -> Result<StoreView, String> {
        let keys = self.keys()?;
        let store = (self.make)()?;
        let mut previous = self.previous.lock().await;
        let cached = self.cache().await.unwrap_or_default();
        let known = previous.read.as_ref().filter(|(_, under)| Arc::ptr_eq(under, &keys)).map(|(contents, _)| contents);
        let contents =
            load(store.as_ref(), &self.vault, &keys, &cached, known).await.map_err(|error| error.to_string())?;
        let view = self.conclude(&contents, &keys).await;
        previous.read = Some((contents, keys));
        Ok(view)
    }

    async fn read_holds(&self) -> Result<StoreView, String> {
        let keys = self.keys()?;
        let store = (self.make)()?;
        let mut previous = self.previous.lock().await;
        let known = previous.read.take().filter(|(_, under)| Arc::ptr_eq(under, &keys));
        let Some((mut contents, under)) = known else {
            drop(previous);
            return self.read().await;
        };
        let holds = load_holds(store.as_ref(), &self.vault, &keys, Some(&contents)).await;
        let outcome = match holds {
            Ok(holds) => {
                contents.replace_holds(&self.vault, holds);
                Ok(self.conclude(&contents, &keys).await)
            }
            Err(error) => Err(error.to_string()),
        };
        previous.read = Some((contents, under));
        outcome
    }
}

/// When the cache was last written: the newest change of its folder for Vaults; the beginning of time where that cannot be told.
fn written(cache: &Cache) -> Timestamp {
    let modified = std::fs::metadata(cache.root().join("vaults")).and_then(|about| about.modified());
    modified.ok().and_then(|at| Timestamp::try_from(at).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Makes the object store that the settings name; its files (keys, CA) are read each time.
pub fn maker(settings: &Settings) -> MakeStore {
    let stores = Stores::of(settings);
    Arc::new(move || {
        stores
            .reader()
            .map_err(|failure| std::iter::once(failure.problem).chain(failure.causes).collect::<Vec<_>>().join("; "))
    })
}
