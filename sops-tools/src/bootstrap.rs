//! The secrets that exist before the cluster does.

pub mod keygen;
