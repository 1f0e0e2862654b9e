//! `import`: what may be asked of it.

use std::path::PathBuf;

/// An import that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// File with the shares; none = asked for on the terminal.
    pub shares_file: Option<PathBuf>,
    /// Shares needed to open; none = what the server says.
    pub threshold: Option<u8>,
    /// File with a token for the drill; none = the Vault's own setting.
    pub token_file: Option<PathBuf>,
    /// A bundle that one key alone opens is wanted.
    pub single_recipient: bool,
    /// Check the shares against each other, and change nothing.
    pub dry_run: bool,
}
