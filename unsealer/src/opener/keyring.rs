//! Identities that open the bundles of one Vault.

use std::sync::Arc;

use sops_tools::custody::{Identities, Recipient};
use sops_tools::secret::Share;

use super::Custody;
use crate::store::bundle::{self, Place};
use crate::store::names::{CustodianName, VaultName};
use crate::store::view::{Generation, SealedBundle};

/// Opens the bundles of one Vault with the identities at hand.
pub struct Keyring {
    /// The Vault whose bundles are opened: shares of another are refused.
    pub vault: VaultName,
    /// Who opens.
    pub identities: Arc<Identities>,
}

impl Custody for Keyring {
    fn open(&self, generation: Generation, one: &SealedBundle) -> Result<Vec<Share>, String> {
        let Some(sealed) = one.sealed.as_ref() else { return Err("neither store nor cache could give it".to_owned()) };
        let custodian = CustodianName::new(&one.custodian).map_err(|_| "not a custodian's name".to_owned())?;
        let place = Place { vault: self.vault.clone(), generation, seal: one.seal, custodian };
        let opened = bundle::open(sealed, &place, None, &self.identities);
        opened.map(|opened| opened.shares).map_err(|fault| format!("{fault}; {}", fault.hint()))
    }

    fn recipient(&self) -> Option<String> {
        let recipients = self.identities.to_recipients();
        recipients.first().filter(|_| recipients.len() == 1).map(Recipient::fingerprint)
    }
}
