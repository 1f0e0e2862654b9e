//! What each command does, once its words are understood.

pub(crate) mod edit;
pub(crate) mod path;
