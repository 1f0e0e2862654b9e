//! The sealed copy, and shares on their way into the store.

use std::path::Path;

use sops_tools::report::{ExitStatus, Failure};
use sops_tools::secret::Share;

use super::{Answer, Init, count, state_dir};
use crate::init::local::SealedCopy;
use crate::init::prove;
use crate::init::token::{self, Fate};
use crate::store::bundle::{self, BundleHead, Place};
use crate::store::names::CustodianName;
use crate::store::publish::{Parcel, PublishError, Staging};
use crate::store::view::{Generation, Seal, StoreView};

/// Sealed bundles and the number they go under.
pub(super) struct Shipment {
    pub(super) generation: Generation,
    parcel: Parcel,
}

impl Init<'_> {
    /// The copy that `--publish` named, or the one of this host.
    pub(super) fn copy_of(&self, intent: u32, named: Option<SealedCopy>) -> Result<SealedCopy, Failure> {
        named.map_or_else(|| self.read_copy(&self.records.copy_path(intent)), Ok)
    }

    async fn publish_copy(&self, copy: &SealedCopy, view: &StoreView) -> Result<(Answer, Generation), Failure> {
        let answer = self.open_copy(copy)?;
        // These numbers count, not those of this run's flags: a custody that leaves shares out would lose them.
        self.session.fitting_custody(answer.threshold, count(&answer.shares), self.options.single_recipient).map_err(
            |failure| {
                failure.hint(format!(
                    "the sealed copy holds {} shares, {} of them open Vault: set recipients and custodians as they were when it was made, then run this again; the copy is kept",
                    answer.shares.len(),
                    answer.threshold
                ))
            },
        )?;
        let generation = Generation(copy.generation);
        // The same bytes again where the copy has them: a store that took its part before the cut takes no other.
        let kept = copy.parcel().filter(|parcel| parcel.fits(&self.staging(generation, &answer)));
        let mut shipment = match kept {
            Some(parcel) => Shipment { generation, parcel },
            None => self.shipment(generation, &answer)?,
        };
        let generation = self.publish(copy.intent, &mut shipment, &answer, Some(view)).await?;
        Ok((answer, generation))
    }

    /// Opens a sealed copy, stores what is in it, and goes on from there.
    pub(super) async fn resume(
        &self,
        copy: &SealedCopy,
        view: &StoreView,
    ) -> Result<(Generation, Option<Fate>), Failure> {
        let (shares, generation) = self.publish_copy(copy, view).await?;
        self.conclude(copy.intent, generation, &shares).await
    }

    /// As [`resume`](Self::resume), where the server says that it is uninitialised: one that has just started says so until
    /// it has found its data.
    pub(super) async fn store_copy(
        &self,
        copy: &SealedCopy,
        view: &StoreView,
    ) -> Result<(Generation, Option<Fate>), Failure> {
        let (shares, generation) = self.publish_copy(copy, view).await?;
        if prove::finds_its_data(self.first_node()?).await {
            return self.conclude(copy.intent, generation, &shares).await;
        }
        Err(self.initialised_no_more(copy, generation))
    }

    fn initialised_no_more(&self, copy: &SealedCopy, generation: Generation) -> Failure {
        let file = match &self.options.publish {
            Some(path) => path.display().to_string(),
            None => self.records.copy_path(copy.intent).display().to_string(),
        };
        let vault = self.session.name.as_str();
        Failure::new(
            ExitStatus::Refused,
            "initialised-no-more",
            format!(
                "{vault}: the shares that Vault gave at {} (intent {}, sealed copy {file}) are stored as generation {generation}, and now Vault is uninitialised: the storage they open is not there",
                copy.created, copy.intent
            ),
        )
        .hint(format!(
            "bring that storage back (mount or restore the volume), start Vault on it and run init again: it goes on from the sealed copy. If it was given up on purpose: `unsealer init --begin-anew {vault}`; the sealed copy and generation {generation} are kept"
        ))
    }

    pub(super) fn open_copy(&self, copy: &SealedCopy) -> Result<Answer, Failure> {
        let damaged = |cause: String| {
            Failure::new(ExitStatus::Integrity, "sealed-copy", "the sealed copy does not open")
                .cause(cause)
                .hint("run this where one of its recipients' identities is set; the offline identity opens it too")
        };
        let sealed = copy.sealed_shares().ok_or_else(|| damaged("its text is damaged".to_owned()))?;
        let place = Place {
            vault: self.session.name.clone(),
            generation: Generation(copy.generation),
            seal: Seal(1),
            custodian: CustodianName::all(),
        };
        let opened =
            bundle::open(&sealed, &place, None, &self.session.identities).map_err(|e| damaged(e.to_string()))?;
        let root_token = match &self.options.identity {
            Some(path) => Some(token::open(copy, &token::identity(&self.session.settings.secret_file(path)?)?)?),
            None => None,
        };
        Ok(Answer {
            shares: opened.shares,
            threshold: opened.head.threshold,
            created: opened.head.created,
            root_token,
            sealed_root_token: copy.sealed_root_token(),
        })
    }

    pub(super) fn staging<'s>(&'s self, generation: Generation, shares: &'s Answer) -> Staging<'s> {
        Staging {
            generation,
            seal: Seal(1),
            shares: &shares.shares,
            total: count(&shares.shares),
            threshold: shares.threshold,
            custody: &self.custody,
            created: shares.created,
        }
    }

    /// The shares sealed for their custodians under this number.
    pub(super) fn shipment(&self, generation: Generation, shares: &Answer) -> Result<Shipment, Failure> {
        let parcel = Parcel::seal(&self.session.name, &self.staging(generation, shares));
        let parcel = parcel.map_err(|error| self.not_stored(&error.into(), "bundles"))?;
        Ok(Shipment { generation, parcel })
    }

    /// Bundles, manifest, read back, opened, compared. A number that somebody else took meanwhile is left to them.
    pub(super) async fn publish(
        &self,
        intent: u32,
        shipment: &mut Shipment,
        shares: &Answer,
        view: Option<&StoreView>,
    ) -> Result<Generation, Failure> {
        for _ in 0..3 {
            let generation = shipment.generation;
            let staging = self.staging(generation, shares);
            match self.writer().send(&staging, &shipment.parcel, &self.session.identities).await {
                Ok(_) => return Ok(generation),
                Err(PublishError::Taken { path }) => {
                    tracing::warn!(path, "the generation's number was taken; the next free one is used");
                    let seen = match view {
                        Some(view) if view.next_generation.is_some_and(|next| next > generation.0) => {
                            view.next_generation
                        }
                        _ => self.session.look(self.store).await?.next_generation,
                    };
                    let next = Generation(seen.unwrap_or(generation.0 + 1).max(generation.0 + 1));
                    let next = self.shipment(next, shares)?;
                    let copy = self.sealed_copy(intent, &next, shares)?;
                    self.records.write_copy(&copy).map_err(|error| state_dir(&error))?;
                    *shipment = next;
                }
                Err(error) => return Err(self.not_stored(&error, "bundles")),
            }
        }
        Err(Failure::new(
            ExitStatus::Refused,
            "numbers-taken",
            "the next three generation numbers were taken while they were used",
        )
        .hint("somebody writes into this store; the sealed copy is safe, run init again when that has stopped"))
    }

    pub(super) fn sealed_copy(&self, intent: u32, shipment: &Shipment, shares: &Answer) -> Result<SealedCopy, Failure> {
        let head = BundleHead {
            vault: self.session.name.clone(),
            generation: shipment.generation,
            seal: Seal(1),
            custodian: CustodianName::all(),
            threshold: shares.threshold,
            total: count(&shares.shares),
            created: shares.created,
        };
        let all: Vec<&Share> = shares.shares.iter().collect();
        let recipients: Vec<_> = if self.session.settings.recipients.is_empty() {
            self.session.identities.to_recipients()
        } else {
            self.session.settings.recipients.values().cloned().collect()
        };
        let sealed = bundle::make(&head, &all, &recipients).map_err(|error| {
            Failure::new(ExitStatus::Unexpected, "sealed-copy", "the shares could not be sealed").cause(error)
        })?;
        let copy = SealedCopy::new(&head, intent, &sealed, shares.sealed_root_token.as_deref());
        Ok(if self.session.settings.custodians.is_empty() { copy } else { copy.with_parcel(&shipment.parcel) })
    }

    pub(super) fn read_copy(&self, path: &Path) -> Result<SealedCopy, Failure> {
        let fault = |cause: String| {
            Failure::new(ExitStatus::Usage, "sealed-copy", format!("{}: no sealed copy can be read", path.display()))
                .cause(cause)
                .hint("name the file init-<n>.sealed.json of the host that ran init")
        };
        let copy = SealedCopy::read(path).map_err(|error| fault(error.to_string()))?;
        if copy.vault == self.session.name.as_str() {
            Ok(copy)
        } else {
            Err(fault(format!("it belongs to the Vault {:?}", copy.vault)))
        }
    }
}
