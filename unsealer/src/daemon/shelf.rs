//! The task of one Vault's store: cache first, then the store again and again, so that an unseal never waits for S3.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use sops_tools::clock::{Clock, Entropy};
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::board::{Board, StoreReport, VaultBoard, bundle_line};
use super::local::{self, Faults, LocalWord, News};
use crate::opener::Custody;
use crate::status::{Condition, GenerationStatus};
use crate::store::view::{Candidate, Standing, StoreView};
use crate::supervisor::Facts;

/// Whole readings, when all is well.
const LISTING: Duration = Duration::from_mins(5);
/// Readings of the holds alone; whole ones while a node waits for something to be stored.
const HOLDS: Duration = Duration::from_secs(15);
/// Local words, a file on this host.
const LOCAL: Duration = Duration::from_secs(2);
/// First and longest wait after a reading that failed, or that a custodian's store did not answer.
const RETRY: (Duration, Duration) = (Duration::from_secs(2), Duration::from_mins(1));
/// Longest time for one reading; the store's own time-outs are shorter.
const READING: Duration = Duration::from_mins(1);
/// Readings at one time, over all Vaults.
pub(super) const AT_ONCE: usize = 8;

/// The share store of one Vault, as `run` needs it: it reads, and keeps what it read in the local cache.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// Where it is, without credentials.
    fn location(&self) -> String;

    /// What the cache alone says, and when it was written. `None`: there is no cache, or nothing in it.
    ///
    /// # Errors
    /// One line: the cache is there and cannot be read.
    async fn cached(&self) -> Result<Option<(StoreView, Timestamp)>, String>;

    /// What store and cache say together; updates the cache.
    ///
    /// # Errors
    /// One line: the store could not be asked. Says nothing about what stands there.
    async fn read(&self) -> Result<StoreView, String>;

    /// As [`read`](Self::read), with only the holds and releases read anew.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    async fn read_holds(&self) -> Result<StoreView, String>;
}

/// What a store task works with.
pub(super) struct Stocktaker {
    pub(super) shelf: Arc<dyn Shelf>,
    pub(super) board: Arc<Board>,
    pub(super) vault: usize,
    pub(super) custody: watch::Receiver<Option<Arc<dyn Custody>>>,
    pub(super) permits: Arc<Semaphore>,
    pub(super) clock: Arc<dyn Clock>,
    pub(super) entropy: Arc<dyn Entropy>,
    pub(super) cache_dir: Option<PathBuf>,
    pub(super) local_faults: Faults,
}

enum Due {
    Listing,
    Holds,
    Local,
    Custody,
}

impl Stocktaker {
    /// Keeps the board current until `soft` is cancelled.
    pub(super) async fn keep(mut self, soft: CancellationToken) {
        let location = self.shelf.location();
        self.report(|report| report.store.location = location);
        self.hear_local();
        self.start_from_cache().await;
        let mut failures = 0_u32;
        let now = Instant::now();
        let (mut listing, mut holds, mut words) = (now, now + HOLDS, now + LOCAL);
        self.custody.mark_unchanged();
        loop {
            let due = tokio::select! {
                biased;
                () = soft.cancelled() => return,
                _ = self.custody.changed() => Due::Custody,
                () = sleep_until(listing) => Due::Listing,
                () = sleep_until(holds) => Due::Holds,
                () = sleep_until(words) => Due::Local,
            };
            match due {
                Due::Local => {
                    self.hear_local();
                    words = Instant::now() + LOCAL;
                }
                Due::Holds | Due::Listing | Due::Custody => {
                    let whole = !matches!(due, Due::Holds) || self.waits_for_the_store();
                    if matches!(due, Due::Custody) {
                        self.known(|facts| {
                            facts.identity_epoch += 1;
                            true
                        });
                    }
                    let good = self.take_stock(whole).await;
                    failures = if good { 0 } else { failures.saturating_add(1) };
                    holds = Instant::now() + self.spread(HOLDS);
                    if whole {
                        listing = Instant::now() + self.spread(if good { LISTING } else { retry(failures) });
                    } else if !good {
                        // The next whole reading says at once what is wrong, and when it is over.
                        listing = listing.min(Instant::now() + self.spread(retry(failures)));
                    }
                }
            }
        }
    }

    fn vault(&self) -> &VaultBoard {
        &self.board.vaults[self.vault]
    }

    /// Whether a node is in a state that something newly stored ends: an import, an init or a copy elsewhere.
    fn waits_for_the_store(&self) -> bool {
        self.vault().nodes.iter().any(|node| {
            matches!(
                node.report.borrow().state.condition,
                Condition::Uninitialised
                    | Condition::IntentOpen
                    | Condition::NotRestored
                    | Condition::JoiningUndecided
                    | Condition::SharesMissing
                    | Condition::SharesRejected
            )
        })
    }

    /// `base` plus up to a fifth of it: many daemons shall not ask at one moment.
    fn spread(&self, base: Duration) -> Duration {
        let mut byte = [0];
        self.entropy.fill(&mut byte);
        base + base.mul_f64(f64::from(byte[0]) / 255.0 / 5.0)
    }

    fn report(&self, change: impl FnOnce(&mut StoreReport)) {
        self.vault().store.send_modify(change);
    }

    fn known(&self, change: impl FnOnce(&mut Facts) -> bool) {
        self.vault().known.send_if_modified(change);
    }

    fn hear_local(&mut self) {
        let Some(cache_dir) = &self.cache_dir else { return };
        let heard = local::heard(cache_dir, &self.vault().name);
        let vault = &self.board.vaults[self.vault].name;
        match self.local_faults.note(heard.as_ref().err().cloned()) {
            Some(News::Fault(fault)) => {
                tracing::warn!(vault, %fault, "the local hold file cannot be read; what was known of it stays");
            }
            Some(News::Over) => tracing::info!(vault, "the local hold file can be read again"),
            None => {}
        }
        let (hold, release) = match heard {
            Ok(Some(LocalWord::Hold(hold))) => (Some(hold), None),
            Ok(Some(LocalWord::Release(at))) => (None, Some(at)),
            Ok(None) => (None, None),
            Err(_) => return,
        };
        self.known(|facts| {
            let changed = facts.local_hold != hold || facts.local_release != release;
            facts.local_hold = hold;
            facts.local_release = release;
            changed
        });
    }

    async fn start_from_cache(&mut self) {
        match self.shelf.cached().await {
            Ok(Some((view, at))) => {
                self.report(|report| report.store.cached_at = Some(at));
                self.show(view).await;
            }
            Ok(None) => {}
            Err(fault) => tracing::warn!(vault = self.vault().name, fault, "the cache cannot be read"),
        }
    }

    /// Reads; `true` where every store answered: one that is silent is asked again as soon as one that fails. What was known
    /// before stays where none did.
    async fn take_stock(&mut self, whole: bool) -> bool {
        let permits = Arc::clone(&self.permits);
        let Ok(_permit) = permits.acquire().await else { return false };
        let source = Arc::clone(&self.shelf);
        let reading = async { if whole { source.read().await } else { source.read_holds().await } };
        let read = timeout(READING, reading).await.unwrap_or_else(|_| Err("the reading took too long".to_owned()));
        match read {
            Ok(view) => {
                if !self.vault().store.borrow().store.available {
                    tracing::info!(vault = self.vault().name, "the store can be read");
                }
                let every_store = view.silent.is_empty();
                // First what stands there, then that it was read: a status between the two shows no store that is read and empty.
                self.show(view).await;
                let now = self.clock.now();
                self.report(|report| {
                    report.store.available = true;
                    report.store.read_at = Some(now);
                    report.store.cached_at = None;
                    report.store.error = None;
                });
                every_store
            }
            Err(fault) => {
                if self.vault().store.borrow().store.error.as_ref() != Some(&fault) {
                    tracing::warn!(vault = self.vault().name, fault, "store-unavailable: what is known stays in use");
                }
                self.report(|report| {
                    report.store.available = false;
                    report.store.error = Some(fault.clone());
                });
                if self.vault().known.borrow().view.is_none() {
                    // The store key may have come later than the daemon.
                    self.start_from_cache().await;
                }
                self.known(|facts| {
                    let changed = facts.store_fault.as_ref() != Some(&fault);
                    facts.store_fault = Some(fault);
                    changed
                });
                false
            }
        }
    }

    /// Puts a view on the board, with what our identities open of it.
    async fn show(&mut self, view: StoreView) {
        self.name_alarms(&view);
        let view = Arc::new(view);
        let custody = self.custody.borrow_and_update().clone();
        let shown = Arc::clone(&view);
        let generations = tokio::task::spawn_blocking(move || generations(&shown, custody.as_deref())).await;
        self.report(|report| {
            report.store.rolled_back = view.rolled_back;
            report.store.foreign = view.foreign;
            report.store.unread.clone_from(&view.unread);
            if let Ok(generations) = generations {
                report.generations = generations;
            }
        });
        self.known(|facts| {
            let changed = facts.store_fault.take().is_some() | (facts.view.as_ref() != Some(&view));
            facts.view = Some(view);
            changed
        });
    }

    /// Each alarm once, when it appears.
    fn name_alarms(&self, view: &StoreView) {
        let known = self.vault().known.borrow().view.clone();
        let vault = &self.vault().name;
        for finding in &view.findings {
            // Sorted: with a flood a search through all for each would take minutes.
            if known.as_ref().is_none_or(|known| known.findings.binary_search(finding).is_err()) {
                let (class, path, detail) = (finding.class, &finding.path, &finding.detail);
                tracing::warn!(vault, class, path, "{detail}");
            }
        }
        if view.foreign > 0 && known.as_ref().is_none_or(|known| known.foreign == 0) {
            let next_step = "find out who writes there; move these objects away";
            tracing::warn!(vault, count = view.foreign, next_step, "foreign objects stand under this Vault's name");
        }
        if view.rolled_back && !known.is_some_and(|known| known.rolled_back) {
            tracing::warn!(
                vault,
                next_step = "`unsealer store copy` from a cache or another copy brings the objects back",
                "store-rolled-back: objects that were seen are gone; opening goes on from the cache"
            );
        }
    }
}

fn retry(failures: u32) -> Duration {
    RETRY.0.saturating_mul(1_u32 << failures.saturating_sub(1).min(10)).min(RETRY.1)
}

/// One line for each generation: opens what can be opened, and wipes the shares at once.
fn generations(view: &StoreView, custody: Option<&dyn Custody>) -> Vec<GenerationStatus> {
    view.candidates.iter().map(|candidate| generation(view, candidate, custody)).collect()
}

fn generation(view: &StoreView, candidate: &Candidate, custody: Option<&dyn Custody>) -> GenerationStatus {
    let authentic = candidate.standing != Standing::NotAuthentic;
    let mut bundles = Vec::with_capacity(candidate.bundles.len());
    let mut shares = Vec::new();
    for bundle in &candidate.bundles {
        let mut line = bundle_line(bundle, authentic);
        match custody.map(|custody| custody.open(candidate.generation, bundle)) {
            Some(Ok(opened)) => {
                line.openable = true;
                line.recipient = custody.and_then(Custody::recipient);
                for share in opened {
                    if !shares.iter().any(|known: &sops_tools::secret::Share| known.same_as(&share)) {
                        shares.push(share);
                    }
                }
            }
            Some(Err(fault)) => line.fault = Some(fault),
            None => line.fault = Some("no age identity could be read".to_owned()),
        }
        bundles.push(line);
    }
    GenerationStatus {
        generation: candidate.generation.0,
        standing: candidate.standing,
        current: view.current == Some(candidate.generation),
        threshold: candidate.threshold,
        shares: candidate.shares,
        openable: !shares.is_empty() && candidate.threshold.is_none_or(|needed| shares.len() >= usize::from(needed)),
        created: candidate.created,
        proven: candidate.proven,
        bundles,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readings_that_fail_are_repeated_ever_more_slowly_up_to_a_minute() {
        let waits: Vec<u64> = (1..9).map(|failures| retry(failures).as_secs()).collect();
        assert_eq!(waits, [2, 4, 8, 16, 32, 60, 60, 60]);
    }
}
