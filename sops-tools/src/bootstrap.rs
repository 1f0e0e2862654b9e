//! The secrets that exist before the cluster does.
//!
//! - their keys: [`keygen`]
//! - which they are, and what belongs in each: [`catalogue`], [`content`], [`manifest`]
//! - making them: [`secrets`]; looking at them on a calm day: [`mod@verify`]; giving them out: [`show`]
//! - another identity for the cluster, in the phases of a Flux roll-over: [`rotate`]

pub mod catalogue;
pub mod content;
pub mod keygen;
pub mod look;
pub mod manifest;
#[cfg(feature = "program")]
pub mod rotate;
pub mod secrets;
pub mod show;
pub mod verify;
