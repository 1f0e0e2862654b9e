//! The share store: what stands in it, what of it is authentic, and in which order it is tried.
//!
//! Objects are create-only. What is current is derived from authentic marks, never from a pointer. Everything that is not
//! authentic is reported as a [`Finding`] and moves nothing.

pub mod view;
