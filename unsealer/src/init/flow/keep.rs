//! The minutes in which shares exist in memory alone.

use sops_tools::report::{ExitStatus, Failure};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Duration, sleep};

use super::publish::Shipment;
use super::{Answer, Init, PAUSES};
use crate::store::view::Generation;

/// Longest time that publishing is tried while the sealed copy lies on disk.
const PUBLISH_FOR: Duration = Duration::from_mins(10);

/// SIGTERM, SIGINT and SIGHUP, caught: while this lives they end nothing by themselves.
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// Catches them. What cannot be caught is left as it is.
    pub(super) fn catch() -> Self {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()];
        Self(kinds.into_iter().filter_map(|kind| signal(kind).ok()).collect())
    }

    /// Waits for the next of them; one that came earlier and was not waited for counts.
    pub(super) async fn any(&mut self) {
        if self.0.is_empty() {
            return std::future::pending().await;
        }
        let waits = self.0.iter_mut().map(|signal| Box::pin(signal.recv()));
        futures::future::select_all(waits).await;
    }
}

/// Shares that are safe.
pub(super) struct Kept {
    /// The number they are stored under.
    pub(super) generation: Generation,
    /// This host's sealed copy was written; else the store alone has them.
    pub(super) sealed_copy: bool,
}

impl Init<'_> {
    /// Makes the shares durable and stores them. While they are in memory alone nothing ends this but success.
    ///
    /// # Errors
    /// Only once the sealed copy lies on disk.
    pub(super) async fn keep(
        &self,
        intent: u32,
        generation: Generation,
        shares: &Answer,
        signals: &mut Signals,
    ) -> Result<Kept, Failure> {
        let mut shipment = self.sealed_shipment(generation, shares).await;
        if let Some(generation) = self.make_durable(intent, &mut shipment, shares).await {
            return Ok(Kept { generation, sealed_copy: false });
        }
        let deadline = tokio::time::Instant::now() + PUBLISH_FOR;
        let mut pause = PAUSES.0;
        loop {
            // The sealed copy is safe and a publication may be cut off anywhere, so a signal need not wait for a store that hangs.
            let failure = tokio::select! {
                published = self.publish(intent, &mut shipment, shares, None) => match published {
                    Ok(generation) => return Ok(Kept { generation, sealed_copy: true }),
                    Err(failure) => failure,
                },
                () = signals.any() => return Err(self.kept_here(intent, not_stored_yet(generation))),
            };
            let retry = failure.status == ExitStatus::Unavailable || failure.status == ExitStatus::TimedOut;
            if !retry || tokio::time::Instant::now() >= deadline {
                return Err(self.kept_here(intent, failure));
            }
            tracing::warn!(%failure, "the shares lie sealed on this host and are not stored yet; trying again");
            tokio::select! {
                () = sleep(pause) => {}
                () = signals.any() => return Err(self.kept_here(intent, failure)),
            }
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Never gives up: shares that a server makes can be sealed, so a failure is a matter of memory or entropy.
    async fn sealed_shipment(&self, generation: Generation, shares: &Answer) -> Shipment {
        let mut pause = PAUSES.0;
        loop {
            match self.shipment(generation, shares) {
                Ok(shipment) => return shipment,
                Err(failure) => {
                    tracing::error!(%failure, "the shares are not sealed; this process keeps them and does not end");
                }
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    /// Writes the sealed copy, or stores the generation: whichever works first. Never gives up.
    async fn make_durable(&self, intent: u32, shipment: &mut Shipment, shares: &Answer) -> Option<Generation> {
        let mut pause = PAUSES.0;
        loop {
            let written = self.sealed_copy(intent, shipment, shares).map(|copy| self.records.write_copy(&copy));
            match written {
                Ok(Ok(())) => return None,
                Ok(Err(error)) => {
                    tracing::error!(%error, "the sealed copy is not written; this process keeps the shares and does not end");
                }
                Err(failure) => {
                    tracing::error!(%failure, "the shares are not sealed; this process keeps them and does not end");
                }
            }
            match self.publish(intent, shipment, shares, None).await {
                Ok(generation) => return Some(generation),
                Err(failure) => tracing::error!(%failure, "the shares are not stored either"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSES.1);
        }
    }

    fn kept_here(&self, intent: u32, failure: Failure) -> Failure {
        let hint = format!(
            "the shares lie sealed in {} on this host; run init here again, it publishes them (or `unsealer init --publish FILE` elsewhere)",
            self.records.copy_path(intent).display()
        );
        Failure { hint: Some(hint), ..failure }
    }
}

fn not_stored_yet(generation: Generation) -> Failure {
    let problem = format!("a signal came before generation {generation} was stored");
    Failure::new(ExitStatus::Unavailable, "interrupted", problem)
}
