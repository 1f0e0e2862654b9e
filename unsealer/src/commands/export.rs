//! `export`: what may be asked of it.

use std::path::PathBuf;

/// An export that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// Identity files, or folders of them; at least one.
    pub identities: Vec<PathBuf>,
    /// The generation; none = the current one.
    pub generation: Option<u32>,
    /// Open, and print nothing secret.
    pub check: bool,
}
