//! `store verify`, `store copy` and `store re-sign`.

mod copy;
mod resign;
mod verify;

use sops_tools::report::{ExitStatus, Failure};

use super::Setup;

/// What was asked of the store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreOrder {
    /// Read everything and say what is wrong with it.
    Verify {
        /// The Vault; none = all of the settings.
        vault: Option<String>,
    },
    /// Copy what is missing.
    Copy(CopyOrder),
    /// Sign everything anew under the first store key.
    ReSign(ReSignOrder),
}

/// A copy that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CopyOrder {
    /// `settings`, `cache` or `file:///FOLDER`.
    pub from: String,
    /// `settings` or `file:///FOLDER`.
    pub to: String,
    /// The Vault; none = all of the settings.
    pub vault: Option<String>,
    /// Say what would be copied, and copy nothing.
    pub dry_run: bool,
}

/// A re-signing that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReSignOrder {
    /// The Vault; none = all of the settings.
    pub vault: Option<String>,
    /// The old store key is lost: take up generations that nothing authenticates, each after a drill.
    pub key_lost: bool,
    /// Say what would be written, and write nothing.
    pub dry_run: bool,
}

/// Does it.
///
/// Gives `Integrity` where something stored is wrong and `Refused` where a person must decide, after the report.
///
/// # Errors
/// The store's own failures, and settings.
pub async fn run(setup: &Setup, order: &StoreOrder) -> Result<ExitStatus, Failure> {
    match order {
        StoreOrder::Verify { vault } => verify::run(setup, vault.as_deref()).await,
        StoreOrder::Copy(order) => copy::run(setup, order).await,
        StoreOrder::ReSign(order) => resign::run(setup, order).await.map(|()| ExitStatus::Done),
    }
}
