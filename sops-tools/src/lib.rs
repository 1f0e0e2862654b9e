//! Secret material that exists before the cluster does.
//!
//! The lowest crate of the workspace: synchronous, no network. Which module for which need:
//!
//! - SOPS files, without the sops program: [`sops`]
//! - a value that must never be printed, copied or left in memory: [`secret`]
//! - who can open a sealed object, and sealing it: [`custody`]
//! - making the age keys and the store key of a new cluster: [`bootstrap`]
//! - reading a secret file, writing a file that survives a crash: [`files`]
//! - the time and randomness that decisions take as arguments: [`clock`]
//! - what a process with secrets switches off first: [`hardening`]
//! - what a user reads when something fails, and the exit status: [`report`]
//! - the SOPS files of a whole work tree, changed together or not at all (feature `terminal`): `worktree`
//! - readable diffs of SOPS files in Git (feature `terminal`): `git`
//! - secrets in clear in a work tree, its index and its history (feature `terminal`): `scan`
//! - command line, logs and printing of the binaries (feature `terminal`): `terminal`

pub mod bootstrap;
#[cfg(feature = "terminal")]
pub mod cli;
pub mod clock;
#[cfg(feature = "terminal")]
mod commands;
pub mod custody;
pub mod files;
#[cfg(feature = "terminal")]
pub mod git;
pub mod hardening;
#[cfg(feature = "terminal")]
mod parallel;
pub mod report;
#[cfg(feature = "terminal")]
pub mod scan;
pub mod secret;
pub mod sops;
#[cfg(feature = "terminal")]
pub mod terminal;
#[cfg(feature = "terminal")]
pub mod worktree;
