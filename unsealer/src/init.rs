//! Initialising a Vault so that its shares cannot be lost by a crash, and finishing an init that was cut off.
//!
//! ```text
//! begun (this host) → intent (store) → sent (this host) → the one init call → sealed copy (this host) → bundles, manifest (store)
//!   → read back, opened, compared → unsealed with what was read back → proven → root token → intent closed → local records removed
//! ```
//! [`decision`] says from what was seen where to go on; [`flow`] goes there. While shares are in memory alone the process
//! takes no signal and does not end.

pub mod after;
pub mod decision;
pub mod flow;
pub mod local;
pub mod prove;
mod token;

pub use flow::{Init, Options, Report};
pub use token::{Fate, RootTokenWish};
