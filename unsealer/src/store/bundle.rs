//! The sealed text that holds shares: built, sealed, opened and checked.
//!
//! The text says by itself to which Vault, generation, seal and custodian it belongs, so a bundle that somebody put under
//! another name is told apart. A share's **number** is its x coordinate (the last byte), or 1 for the bare key of a 1-of-1
//! split. Clear text exists only in buffers that are wiped and never grow.

use jiff::Timestamp;
use sops_tools::clock::hex;
use sops_tools::custody::{Identities, OpenError, Recipient, SealError};
use sops_tools::secret::{Share, wiping_stack};

use super::names::{CustodianName, VaultName};
use super::records::{Manifest, ManifestCustodian};
use super::view::{Generation, Seal};

mod fault;
mod text;

pub use fault::BundleFault;

/// Length of a share of a split key: 32 bytes and the x coordinate.
pub const SHARE_BYTES: usize = 33;
/// Length of the bare key that is the only "share" of a 1-of-1 split.
pub const BARE_KEY_BYTES: usize = 32;

/// What a bundle says of itself besides the shares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleHead {
    /// The Vault.
    pub vault: VaultName,
    /// The generation.
    pub generation: Generation,
    /// Which re-sealing of the generation.
    pub seal: Seal,
    /// Who holds it.
    pub custodian: CustodianName,
    /// Shares needed to open Vault.
    pub threshold: u8,
    /// Shares that exist in all.
    pub total: u8,
    /// When the generation was made.
    pub created: Timestamp,
}

/// An opened bundle that passed every check.
pub struct OpenedBundle {
    /// What it says of itself.
    pub head: BundleHead,
    /// Its shares, ascending by number.
    pub shares: Vec<Share>,
}

impl OpenedBundle {
    /// Whether both hold exactly the same shares. Takes the same time wherever they differ.
    pub fn same_shares(&self, others: &[&Share]) -> bool {
        let mut ordered: Vec<&Share> = others.to_vec();
        ordered.sort_by_key(|share| number_of(share, self.head.total));
        self.shares.len() == ordered.len()
            && self.shares.iter().zip(ordered).fold(true, |same, (ours, other)| ours.same_as(other) & same)
    }
}

/// The number of a share: its x coordinate, or 1 where the split is 1-of-1.
pub fn number_of(share: &Share, total: u8) -> u8 {
    if total == 1 && share.len() == BARE_KEY_BYTES { 1 } else { share.expose().last().copied().unwrap_or(0) }
}

/// Where a bundle was found: what its content is held against.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The Vault asked for.
    pub vault: VaultName,
    /// The generation in its path.
    pub generation: Generation,
    /// The seal number in its path.
    pub seal: Seal,
    /// The custodian in its path.
    pub custodian: CustodianName,
}

/// Seals `shares` for `recipients`. The numbers are taken from the shares themselves.
///
/// # Errors
/// [`MakeError`] where the shares are no shares of one split, or sealing fails.
pub fn make(head: &BundleHead, shares: &[&Share], recipients: &[Recipient]) -> Result<Vec<u8>, MakeError> {
    check_split(shares, head)?;
    wiping_stack(|| {
        let plain = text::write(head, shares).ok_or(MakeError::TooLarge)?;
        Ok(sops_tools::custody::seal(&plain, recipients)?)
    })
}

/// Why shares cannot be sealed.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// Fewer than one share, more than there are in all, or a threshold above the total.
    #[error("{given} shares of a {threshold}-of-{total} split make no bundle")]
    Counts {
        /// Shares given.
        given: usize,
        /// Shares needed.
        threshold: u8,
        /// Shares in all.
        total: u8,
    },
    /// A share of the wrong length.
    #[error("a share has {0} bytes; 33 are right, or 32 for the only one of a 1-of-1 split")]
    Length(usize),
    /// Two shares with one number, or number 0.
    #[error("share number {0} is there twice or is no number of a share")]
    Number(u8),
    /// The text would be larger than a sealed object may be.
    #[error("too many shares for one bundle")]
    TooLarge,
    /// age refused.
    #[error("the bundle cannot be sealed")]
    Seal(#[from] SealError),
}

fn check_split(shares: &[&Share], head: &BundleHead) -> Result<(), MakeError> {
    let (threshold, total) = (head.threshold, head.total);
    let counts = threshold >= 1 && threshold <= total && !shares.is_empty() && shares.len() <= usize::from(total);
    if !counts {
        return Err(MakeError::Counts { given: shares.len(), threshold, total });
    }
    let mut seen = [false; 256];
    for share in shares {
        let right =
            if total == 1 { [BARE_KEY_BYTES, SHARE_BYTES].contains(&share.len()) } else { share.len() == SHARE_BYTES };
        if !right {
            return Err(MakeError::Length(share.len()));
        }
        let number = number_of(share, total);
        let slot = &mut seen[usize::from(number)];
        if number == 0 || *slot {
            return Err(MakeError::Number(number));
        }
        *slot = true;
    }
    Ok(())
}

/// Opens a bundle, checks what it says against the place it was found at, and against the authentic manifest where there
/// is one.
///
/// # Errors
/// [`BundleFault`], one for each way a bundle can be bad.
pub fn open(
    sealed: &[u8],
    place: &Place,
    manifest: Option<&Manifest>,
    identities: &Identities,
) -> Result<OpenedBundle, BundleFault> {
    let entry = match manifest {
        None => None,
        Some(manifest) => {
            Some(entry_of(sealed, place, manifest).map_err(|fault| closer(fault, sealed, place, identities))?)
        }
    };
    let opened = wiping_stack(|| {
        let plain = sops_tools::custody::open(sealed, identities).map_err(|fault| refused(&fault))?;
        text::read(&plain)
    })?;
    check_place(&opened.head, place)?;
    if let (Some(manifest), Some(entry)) = (manifest, entry) {
        check_manifest(&opened, manifest, entry)?;
    }
    Ok(opened)
}

fn entry_of<'m>(sealed: &[u8], place: &Place, manifest: &'m Manifest) -> Result<&'m ManifestCustodian, BundleFault> {
    let mut entries = manifest.custodians.iter().filter(|entry| entry.name == place.custodian.as_str());
    let entry = entries.next().ok_or(BundleFault::NotInManifest)?;
    let length = sealed.len() as u64;
    if length < entry.size {
        return Err(BundleFault::Truncated { length: Some((length, entry.size)) });
    }
    if digest(sealed) == entry.digest { Ok(entry) } else { Err(BundleFault::Changed) }
}

/// What is inside of bytes that are not the ones in the manifest says better how they came there. They stay refused.
fn closer(fault: BundleFault, sealed: &[u8], place: &Place, identities: &Identities) -> BundleFault {
    use BundleFault::{Changed, Damaged, OtherGeneration, OtherSeal, OtherVault, Swapped, Truncated};
    if !matches!(fault, Changed | Truncated { .. }) {
        return fault;
    }
    match open(sealed, place, None, identities) {
        Err(
            inside @ (Damaged { .. } | Swapped { .. } | OtherGeneration { .. } | OtherVault { .. } | OtherSeal { .. }),
        ) => inside,
        // A whole bundle with other shares: shorter or not, it was not cut off.
        Ok(_) => Changed,
        Err(_) => fault,
    }
}

/// SHA-256 of sealed bytes, as manifests name it: lower-case hex.
pub fn digest(sealed: &[u8]) -> String {
    use sha2::Digest as _;
    hex(&sha2::Sha256::digest(sealed))
}

fn refused(fault: &OpenError) -> BundleFault {
    match fault {
        OpenError::Truncated => BundleFault::Truncated { length: None },
        OpenError::NoMatchingIdentity => BundleFault::NotForUs,
        OpenError::TooLarge(_) | OpenError::NotAge | OpenError::Corrupt | OpenError::CrowdedHeader => {
            BundleFault::Unreadable
        }
    }
}

fn check_place(head: &BundleHead, place: &Place) -> Result<(), BundleFault> {
    if head.vault != place.vault {
        return Err(BundleFault::OtherVault { found: head.vault.to_string() });
    }
    if head.generation != place.generation {
        return Err(BundleFault::OtherGeneration { found: head.generation });
    }
    if head.seal != place.seal || head.custodian != place.custodian {
        return Err(BundleFault::OtherSeal { found: head.seal, custodian: head.custodian.to_string() });
    }
    Ok(())
}

fn check_manifest(opened: &OpenedBundle, manifest: &Manifest, entry: &ManifestCustodian) -> Result<(), BundleFault> {
    let head = &opened.head;
    if head.threshold != manifest.threshold || head.total != manifest.shares {
        return Err(BundleFault::OtherSplit);
    }
    let numbers: Vec<u8> = opened.shares.iter().map(|share| number_of(share, head.total)).collect();
    match numbers.iter().find(|number| !entry.share_numbers.contains(number)) {
        Some(number) => Err(BundleFault::Swapped { number: *number }),
        None if numbers.len() != entry.share_numbers.len() => Err(BundleFault::OtherSplit),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
