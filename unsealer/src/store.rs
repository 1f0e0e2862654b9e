//! The share store: what stands in it, what of it is authentic, and in which order it is tried.
//!
//! Objects are create-only. What is current is derived from authentic marks, never from a pointer. Everything that is not
//! authentic is reported as a [`Finding`](view::Finding) and moves nothing.
//!
//! - every path of the layout, strictly: [`names`]
//! - what the JSON objects say: [`records`]; how they are authenticated: [`envelope`]
//! - the sealed text with the shares: [`bundle`]
//! - what was seen, then authenticated, then concluded: [`contents`], [`reading`], [`view`]

pub mod bundle;
pub mod cache;
pub mod contents;
pub mod custodians;
pub mod envelope;
pub mod names;
pub mod reading;
pub mod records;
#[cfg(test)]
mod testing;
pub mod view;
