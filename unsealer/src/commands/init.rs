//! `init`: what may be asked of it.

use std::path::PathBuf;

/// An init that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitOrder {
    /// The Vault; none = the only one of the settings.
    pub vault: Option<String>,
    /// Shares to make. Default 5.
    pub shares: u8,
    /// Shares needed to open. Default 3.
    pub threshold: u8,
    /// What becomes of the root token; none where nothing was said.
    pub root_token: Option<RootTokenWish>,
    /// A new init, or a way out of one that was cut off.
    pub way: Way,
    /// A bundle that one key alone opens is wanted.
    pub single_recipient: bool,
    /// Identity of an offline recipient, to go on with the requests after a crash.
    pub identity: Option<PathBuf>,
    /// Say what would be done, and change nothing.
    pub dry_run: bool,
}

/// What becomes of the root token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RootTokenWish {
    /// Sealed to the offline recipients, into the store.
    Store,
    /// Sealed to the offline recipients, into this file.
    File(PathBuf),
    /// Used once for the requests in this file, then revoked.
    AfterInit(PathBuf),
    /// Kept nowhere.
    Discard,
}

/// How to begin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Way {
    /// As the server, the store and this host's record say.
    Ordinary,
    /// Go on with this intent.
    Continue(u32),
    /// Publish this sealed copy.
    Publish(PathBuf),
    /// Give up what is stored under this name, typed by a person, and make a new generation.
    BeginAnew(String),
}
