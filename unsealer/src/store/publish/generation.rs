//! One seal of a generation: bundles, then the manifest.

use jiff::Timestamp;
use sops_tools::custody::{Identities, Recipient, SEALED_LIMIT};
use sops_tools::secret::Share;

use super::{PublishError, Writer};
use crate::store::bundle::{self, BundleHead, MakeError, OpenedBundle, Place};
use crate::store::custodians::{Custodian, Custody};
use crate::store::envelope::{self, JSON_LIMIT};
use crate::store::names::{CustodianName, Name, VaultName};
use crate::store::records::{ALGORITHM, Manifest, ManifestCustodian, Record};
use crate::store::view::{Generation, Seal};

/// What is to be staged.
pub struct Staging<'s> {
    /// Its number: [`StoreView::next_generation`](crate::store::view::StoreView::next_generation), or an existing one to
    /// be sealed anew.
    pub generation: Generation,
    /// 1 for a new generation.
    pub seal: Seal,
    /// The shares at hand, in any order: all of them, or (import) as many as there still are.
    pub shares: &'s [Share],
    /// Shares that exist, as the server says.
    pub total: u8,
    /// Shares needed.
    pub threshold: u8,
    /// Who gets which; checked by the caller with [`Custody::check`].
    pub custody: &'s Custody,
    /// When the generation was made.
    pub created: Timestamp,
}

/// A generation that was written, read back and opened.
pub struct Staged {
    /// What the authentic manifest says.
    pub manifest: Manifest,
    /// The bundles as they were read back from the store and opened with the identities at hand, in the order of custodians;
    /// those sealed to others alone are not among them.
    pub opened: Vec<OpenedBundle>,
}

/// The bundles of one seal, sealed and not stored yet. Nothing in it is secret. Who keeps it may repeat the writing after a
/// crash with the same bytes: what is sealed to others alone cannot be compared otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Each entry of the manifest to be, with its sealed bytes, in the order of custodians.
    pub bundles: Vec<(ManifestCustodian, Vec<u8>)>,
}

impl Parcel {
    /// Seals the bundles.
    ///
    /// # Errors
    /// Shares that are no shares of one split.
    pub fn seal(vault: &VaultName, staging: &Staging<'_>) -> Result<Self, MakeError> {
        let dealt = staging.custody.deal(staging.shares, staging.total);
        let bundles = dealt.into_iter().map(|(custodian, shares)| {
            let sealed = bundle::make(&head(vault, staging, &custodian.name), &shares, &custodian.recipients)?;
            Ok((entry(custodian, &shares, staging.total, &sealed), sealed))
        });
        Ok(Self { bundles: bundles.collect::<Result<_, MakeError>>()? })
    }

    /// Whether this is what `staging` would seal now: the same custodians, recipients and shares.
    pub fn fits(&self, staging: &Staging<'_>) -> bool {
        let dealt = staging.custody.deal(staging.shares, staging.total);
        self.bundles.len() == dealt.len()
            && self.bundles.iter().zip(dealt).all(|((known, sealed), (custodian, shares))| {
                *known == entry(custodian, &shares, staging.total, sealed)
            })
    }
}

impl Writer<'_> {
    /// Writes, reads back, opens and compares one seal of a generation. Safe to repeat with the same shares, where our
    /// identities open every bundle; where they do not, keep the [`Parcel`] and repeat [`Writer::send`].
    ///
    /// # Errors
    /// [`PublishError::Taken`] when the number belongs to other shares; [`PublishError::Store`] when the store could not be
    /// asked: the same call may be repeated.
    pub async fn stage(&self, staging: &Staging<'_>, identities: &Identities) -> Result<Staged, PublishError> {
        let parcel = Parcel::seal(self.vault, staging)?;
        self.send(staging, &parcel, identities).await
    }

    /// As [`Writer::stage`], with bundles that are sealed already. Safe to repeat with the same parcel.
    ///
    /// # Errors
    /// As [`Writer::stage`].
    pub async fn send(
        &self,
        staging: &Staging<'_>,
        parcel: &Parcel,
        identities: &Identities,
    ) -> Result<Staged, PublishError> {
        let dealt = staging.custody.deal(staging.shares, staging.total);
        let mut parts: Vec<_> = dealt.into_iter().zip(&parcel.bundles).enumerate().collect();
        // Those that open here first: who is cut off before the manifest knows by them whose the rest are.
        let ours = identities.to_recipients();
        parts.sort_by_key(|(_, ((custodian, _), _))| !ours.iter().any(|one| custodian.recipients.contains(one)));
        let mut staged = Vec::new();
        for (place, ((custodian, shares), (_, sealed))) in parts {
            staged.push((place, self.stage_bundle(staging, custodian, &shares, sealed, identities).await?));
        }
        staged.sort_by_key(|(place, _)| *place);
        let (entries, opened): (Vec<_>, Vec<_>) = staged.into_iter().map(|(_, one)| one).unzip();
        let opened = opened.into_iter().flatten().collect();
        let manifest = self.stage_manifest(staging, entries).await?;
        Ok(Staged { manifest, opened })
    }

    async fn stage_bundle(
        &self,
        staging: &Staging<'_>,
        custodian: &Custodian,
        shares: &[&Share],
        sealed: &[u8],
        identities: &Identities,
    ) -> Result<(ManifestCustodian, Option<OpenedBundle>), PublishError> {
        let total = staging.total;
        let head = head(self.vault, staging, &custodian.name);
        let name = bundle_name(staging, custodian);
        let path = name.path(self.vault);
        let ours = identities.to_recipients().iter().any(|ours| custodian.recipients.contains(ours));
        let mut stored = None;
        match self.create(&name, sealed).await {
            Ok(()) => {}
            // An earlier try of ours, cut off before its manifest, or somebody else: the content tells.
            Err(PublishError::Taken { path }) if ours => {
                let there = self.get(&name, SEALED_LIMIT).await?;
                let opened = open(&there, &head, identities).map_err(|_| PublishError::Taken { path: path.clone() })?;
                let same_split = opened.head.threshold == staging.threshold && opened.head.total == total;
                if !opened.same_shares(shares) || !same_split {
                    return Err(PublishError::Taken { path });
                }
                stored = Some(there);
            }
            Err(error) => return Err(error),
        }
        let sealed = stored.as_deref().unwrap_or(sealed);
        let bundle = if ours {
            let there = self.get(&name, SEALED_LIMIT).await?;
            let there = open(&there, &head, identities)
                .map_err(|source| PublishError::NotOpened { path: path.clone(), source })?;
            if !there.same_shares(shares) {
                return Err(PublishError::NotReadBack { path });
            }
            Some(there)
        } else {
            None
        };
        Ok((entry(custodian, shares, total, sealed), bundle))
    }

    async fn stage_manifest(
        &self,
        staging: &Staging<'_>,
        custodians: Vec<ManifestCustodian>,
    ) -> Result<Manifest, PublishError> {
        let manifest = Manifest {
            shares: staging.total,
            threshold: staging.threshold,
            algorithm: ALGORITHM.to_owned(),
            custodians,
            created: staging.created,
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        };
        let name = Name::Manifest { generation: staging.generation, seal: staging.seal };
        let taken = match self.put(&name, Record::Manifest(manifest.clone())).await {
            Ok(()) => false,
            Err(PublishError::Taken { .. }) => true,
            Err(error) => return Err(error),
        };
        // Also where the name was taken: an earlier try of ours names the same bundles.
        let path = name.path(self.vault);
        let there = self.get(&name, JSON_LIMIT).await?;
        match envelope::open(self.vault, &name, &there, self.keys).map(|authentic| authentic.payload.record) {
            Ok(Record::Manifest(found)) if found.custodians == manifest.custodians => {
                // One that stood there may be missing in another store: a run was cut off between two of them.
                if taken {
                    self.create(&name, &there).await?;
                }
                Ok(found)
            }
            Ok(_) => Err(PublishError::Taken { path }),
            // A stranger's object: the number is lost to us, and the next one is as good.
            Err(_) if taken => Err(PublishError::Taken { path }),
            Err(source) => Err(PublishError::NotAuthentic { path, source }),
        }
    }
}

fn head(vault: &VaultName, staging: &Staging<'_>, custodian: &CustodianName) -> BundleHead {
    BundleHead {
        vault: vault.clone(),
        generation: staging.generation,
        seal: staging.seal,
        custodian: custodian.clone(),
        threshold: staging.threshold,
        total: staging.total,
        created: staging.created,
    }
}

fn open(sealed: &[u8], head: &BundleHead, identities: &Identities) -> Result<OpenedBundle, bundle::BundleFault> {
    let place = Place {
        vault: head.vault.clone(),
        generation: head.generation,
        seal: head.seal,
        custodian: head.custodian.clone(),
    };
    bundle::open(sealed, &place, None, identities)
}

fn bundle_name(staging: &Staging<'_>, custodian: &Custodian) -> Name {
    Name::Bundle { generation: staging.generation, custodian: custodian.name.clone(), seal: staging.seal }
}

fn entry(custodian: &Custodian, shares: &[&Share], total: u8, sealed: &[u8]) -> ManifestCustodian {
    let mut share_numbers: Vec<u8> = shares.iter().map(|share| bundle::number_of(share, total)).collect();
    share_numbers.sort_unstable();
    let recipients = sops_tools::custody::canonical(custodian.recipients.iter().cloned());
    ManifestCustodian {
        name: custodian.name.to_string(),
        recipients: recipients.iter().map(Recipient::fingerprint).collect(),
        share_numbers,
        digest: bundle::digest(sealed),
        size: sealed.len() as u64,
        own_store: custodian.own_store,
    }
}
