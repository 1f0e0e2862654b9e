//! Keeps a Vault or OpenBao open from age-encrypted unseal shares in an object store.
//!
//! - [`vault`]: what we need of a server, and what its answers mean
//! - [`store`]: the share store
//! - [`status`]: what the daemon says of itself

pub mod init;
pub mod share_text;
pub mod status;
pub mod store;
pub mod vault;
