//! Keeps a Vault or OpenBao open from age-encrypted unseal shares in an object store.
//!
//! - [`vault`]: what we need of a server, and what its answers mean
//! - [`store`]: the share store

pub mod store;
pub mod vault;
