//! Keeps a Vault or OpenBao open from age-encrypted unseal shares in an object store.
//!
//! - [`vault`]: what we need of a server, and what its answers mean
//! - [`store`]: the share store
//! - [`opener`]: one attempt to open one node
//! - [`supervisor`]: what to do about a node, decided without doing it
//! - [`settings`]: one file, validated, every fault in one report
//! - [`daemon`]: `run`, with [`lifecycle`], the web pages of [`http`] and the series of [`metrics`]
//! - [`status`]: what the daemon says of itself
//! - [`shamir`]: whether shares belong together

pub mod commands;
pub mod daemon;
pub mod error;
pub mod export;
pub mod http;
pub mod import;
pub mod init;
pub mod lifecycle;
pub mod metrics;
pub mod opener;
pub mod session;
pub mod settings;
pub mod shamir;
pub mod share_text;
pub mod status;
pub mod store;
pub mod supervisor;
pub mod unseal;
pub mod vault;
