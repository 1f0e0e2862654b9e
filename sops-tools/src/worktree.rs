//! The SOPS files of a whole work tree: found, judged, and changed all together or not at all.
//!
//! - which files there are, and what is wrong with each: [`inventory`], [`judge`]
//! - what a change of recipients or data keys would do to each: [`plan`]
//! - putting the results in the places of the old files so that a crash at any moment leaves every file old or new: [`apply`],
//!   which leaves a [`journal`] for the next run
//! - where the journal is and that one run at a time works on a tree: [`place`]

pub mod apply;
pub mod disk;
pub mod journal;
pub mod place;
