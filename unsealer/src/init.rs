//! Initialising a Vault so that its shares cannot be lost by a crash, and finishing an init that was cut off.

pub mod after;
pub mod decision;
pub mod local;
