//! Identities that open the bundles of one Vault.

use std::sync::Arc;

use sops_tools::custody::{Identities, IdentityFiles, Recipient};
use sops_tools::secret::Share;

use super::Custody;
use crate::store::bundle::{self, Place};
use crate::store::names::{CustodianName, VaultName};
use crate::store::view::{Generation, SealedBundle};

/// Opens the bundles of one Vault with identities at hand: for commands, which end after it.
pub struct Keyring {
    /// The Vault whose bundles are opened: shares of another are refused.
    pub vault: VaultName,
    /// Who opens.
    pub identities: Arc<Identities>,
}

impl Custody for Keyring {
    fn open(&self, generation: Generation, one: &SealedBundle) -> Result<Vec<Share>, String> {
        open(&self.vault, generation, one, &self.identities)
    }

    fn recipient(&self) -> Option<String> {
        only(&self.identities.to_recipients())
    }
}

/// Opens the bundles of one Vault with identities that are read from their files for each bundle: for the daemon, so that none
/// is in its memory but for that moment.
pub struct FileKeyring {
    /// The Vault whose bundles are opened: shares of another are refused.
    pub vault: VaultName,
    /// Who opens.
    pub identities: Arc<IdentityFiles>,
}

impl Custody for FileKeyring {
    fn open(&self, generation: Generation, one: &SealedBundle) -> Result<Vec<Share>, String> {
        let identities = self.identities.load().map_err(|error| error.to_string())?;
        open(&self.vault, generation, one, &identities)
    }

    fn recipient(&self) -> Option<String> {
        only(self.identities.recipients())
    }
}

fn open(
    vault: &VaultName,
    generation: Generation,
    one: &SealedBundle,
    identities: &Identities,
) -> Result<Vec<Share>, String> {
    let Some(sealed) = one.sealed.as_ref() else { return Err("neither store nor cache could give it".to_owned()) };
    let custodian = CustodianName::new(&one.custodian).map_err(|_| "not a custodian's name".to_owned())?;
    let place = Place { vault: vault.clone(), generation, seal: one.seal, custodian };
    let opened = bundle::open(sealed, &place, None, identities);
    opened.map(|opened| opened.shares).map_err(|fault| format!("{fault}; {}", fault.hint()))
}

/// Fingerprint of the recipient where there is one alone: with several nobody knows which of them opened.
fn only(recipients: &[Recipient]) -> Option<String> {
    recipients.first().filter(|_| recipients.len() == 1).map(Recipient::fingerprint)
}
