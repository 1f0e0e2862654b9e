//! SOPS files: read, verified, written and edited in place, without the sops program.
//!
//! The layers, lowest first; each knows only those above it in this list:
//!
//! - what a file says, whatever its format: [`tree`]
//! - the surface formats, which turn bytes into a tree and put changes back into the same bytes: [`formats`]
//! - the meaning, each a file of its own: encrypted values, the MAC, rules, metadata, the data key and its key groups
//! - one file as its users know it: read, verified, decrypted, changed, sealed again: [`mod@file`]
//! - SSH keys as identities and recipients, for programs that a person runs (feature `ssh`): `ssh`
//! - a value of a Kubernetes Secret, asked for by name, or from a setting: [`kubernetes`]
//!
//! Nothing here prints, and no error holds a value, a hash or a key.

pub mod aad;
pub mod cipher;
pub mod config;
pub mod data_key;
pub mod file;
pub mod formats;
pub mod go_regex;
pub mod kubernetes;
pub mod mac;
pub mod metadata;
pub mod rules;
pub mod shamir;
pub mod sources;
#[cfg(feature = "ssh")]
pub mod ssh;
pub mod tree;
pub mod value;
pub mod walk;
