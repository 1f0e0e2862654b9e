//! The SOPS files of a whole work tree: found, judged, and changed all together or not at all.
//!
//! - which files there are, and what is wrong with each: [`inventory`], [`detect`]
//! - putting the results in the places of the old files so that a crash at any moment leaves every file old or new: [`apply`],
//!   which leaves a [`journal`] for the next run
//! - where the journal is and that one run at a time works on a tree: [`place`]

pub mod apply;
pub mod creation;
pub mod detect;
pub mod disk;
pub mod inventory;
pub mod journal;
pub mod judge;
pub mod leak;
pub mod nested;
pub mod place;
pub mod plan;
