//! Where objects live: S3 and directories behind one small pair of traits.
//!
//! Start at [`objects`]; settings become a store in [`objects::location`].

pub mod objects;
