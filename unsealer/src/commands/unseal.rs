//! `unseal`: what may be asked of it.

/// One attempt that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsealOrder {
    /// The Vault; none = all of the settings.
    pub vault: Option<String>,
    /// Send shares although a hold is in force.
    pub despite_hold: bool,
    /// Say what would be sent where, and send nothing.
    pub dry_run: bool,
}
