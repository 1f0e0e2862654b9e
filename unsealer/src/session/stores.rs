//! The stores that the settings name, as one.

use std::sync::Arc;

use restore::objects::location::{LocationFault, StoreLocation};
use restore::objects::{ErrorKind, ObjectError, ReadObjects, WriteObjects};
use sops_tools::report::{ExitStatus, Failure};

use crate::settings::{Settings, own_store_key};
use crate::store::joined::{Joined, OnSilence, Own};
use crate::store::names::CustodianName;

/// Where the common store is, and those of custodians.
#[derive(Debug, Clone)]
pub struct Stores {
    common: StoreLocation,
    own: Vec<(CustodianName, StoreLocation)>,
}

impl Stores {
    /// As the settings say.
    pub fn of(settings: &Settings) -> Self {
        let own = settings.custodians.iter().filter_map(|(name, custodian)| {
            // The settings take no custodian's name that is none.
            Some((CustodianName::new(name).ok()?, custodian.store.clone()?))
        });
        Self { common: settings.store.clone(), own: own.collect() }
    }

    /// For reading alone. A custodian's store that cannot be opened counts as one that does not answer.
    ///
    /// # Errors
    /// A settings fault of the common store.
    pub fn reader(&self) -> Result<Arc<dyn ReadObjects>, Failure> {
        match self.joined_reader()? {
            Some(joined) => Ok(Arc::new(joined)),
            None => self.common.open_read_only().map_err(|faults| store_faults("store", &faults)),
        }
    }

    /// As [`reader`](Self::reader), where custodians have stores of their own.
    ///
    /// # Errors
    /// A settings fault of the common store.
    pub fn joined_reader(&self) -> Result<Option<Joined<dyn ReadObjects>>, Failure> {
        if self.own.is_empty() {
            return Ok(None);
        }
        let common = self.common.open_read_only().map_err(|faults| store_faults("store", &faults))?;
        let own = self.own.iter().map(|(custodian, location)| Own {
            custodian: custodian.clone(),
            store: location.open_read_only().map_err(|faults| unopened(location, &faults)),
        });
        Ok(Some(Joined::new(common, own.collect(), OnSilence::GoOn)))
    }

    /// For commands that write: every store must be there.
    ///
    /// # Errors
    /// A settings fault of any store.
    pub fn writer(&self) -> Result<Arc<dyn WriteObjects>, Failure> {
        match self.joined_writer()? {
            Some(joined) => Ok(Arc::new(joined)),
            None => self.common.open().map_err(|faults| store_faults("store", &faults)),
        }
    }

    /// As [`writer`](Self::writer), where custodians have stores of their own.
    ///
    /// # Errors
    /// A settings fault of any store.
    pub fn joined_writer(&self) -> Result<Option<Joined<dyn WriteObjects>>, Failure> {
        if self.own.is_empty() {
            return Ok(None);
        }
        let common = self.common.open().map_err(|faults| store_faults("store", &faults))?;
        let own = self.own.iter().map(|(custodian, location)| {
            let store = location.open().map_err(|faults| store_faults(&own_store_key(custodian.as_str()), &faults))?;
            Ok(Own { custodian: custodian.clone(), store: Ok(store) })
        });
        Ok(Some(Joined::new(common, own.collect::<Result<Vec<_>, Failure>>()?, OnSilence::Fail)))
    }
}

fn unopened(location: &StoreLocation, faults: &[LocationFault]) -> ObjectError {
    let detail = faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    ObjectError::new(ErrorKind::Settings, "open", location.to_string(), detail)
}

/// The files or the folder of the store under `key` cannot be used.
pub fn store_faults(key: &str, faults: &[LocationFault]) -> Failure {
    let mut failure = Failure::new(ExitStatus::Usage, "store-settings", "the store cannot be opened");
    failure.causes = faults.iter().map(|fault| format!("{key}.{fault}")).collect();
    failure.hint("mend what is named; nothing was changed")
}
