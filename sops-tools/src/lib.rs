//! Secret material that exists before the cluster does.
//!
//! The lowest crate of the workspace: synchronous, no network. Which module for which need:
//!
//! - SOPS files, without the sops program: [`sops`]
//! - a value that must never be printed, copied or left in memory: [`secret`]
//! - who can open a sealed object, and sealing it: [`custody`]
//! - making the age keys and the store key of a new cluster: [`bootstrap`]
//! - reading a secret file, writing a file that survives a crash: [`files`]
//! - a secret that a setting names, in a file of its own or inside of a SOPS file: [`secret_file`]
//! - the time and randomness that decisions take as arguments: [`clock`]
//! - what a process with secrets switches off first: [`hardening`]
//! - what a user reads when something fails, and the exit status: [`report`]
//! - the SOPS files of a whole work tree, changed together or not at all (feature `program`): `worktree`
//! - readable diffs of SOPS files in Git (feature `program`): `git`
//! - secrets in clear in a work tree, its index and its history (feature `program`): `scan`
//! - command line, logs and printing of the binaries (feature `terminal`): `terminal`

pub mod bootstrap;
#[cfg(feature = "program")]
pub mod cli;
pub mod clock;
#[cfg(feature = "program")]
mod commands;
pub mod custody;
pub mod files;
#[cfg(feature = "program")]
pub mod git;
pub mod hardening;
#[cfg(feature = "program")]
mod parallel;
pub mod report;
#[cfg(feature = "program")]
pub mod scan;
pub mod secret;
pub mod secret_file;
pub mod sops;
#[cfg(feature = "terminal")]
pub mod terminal;
#[cfg(feature = "program")]
pub mod worktree;
