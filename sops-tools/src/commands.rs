//! What each command does, once its words are understood.

pub(crate) mod creation;
pub(crate) mod decrypt;
pub(crate) mod destination;
pub(crate) mod edit;
pub(crate) mod encrypt;
pub(crate) mod extract;
pub(crate) mod failure;
pub(crate) mod git;
pub(crate) mod input;
pub(crate) mod left;
pub(crate) mod open;
pub(crate) mod path;
pub(crate) mod progress;
pub(crate) mod recipients;
pub(crate) mod rotate;
pub(crate) mod scan;
pub(crate) mod set;
pub(crate) mod site;
pub(crate) mod survey;
pub(crate) mod tree;
pub(crate) mod updatekeys;
pub(crate) mod verify;
