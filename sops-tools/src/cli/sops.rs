//! The commands that sops has as well.

pub(crate) mod flags;
