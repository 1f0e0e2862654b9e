//! Where objects live: S3 and directories behind one small pair of traits.
//!
//! Start at [`objects`].

pub mod objects;
