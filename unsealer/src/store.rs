//! The share store: what stands in it, what of it is authentic, and in which order it is tried.
//!
//! Objects are create-only. What is current is derived from authentic marks, never from a pointer. Everything that is not
//! authentic is reported as a [`Finding`](view::Finding) and moves nothing.
//!
//! - every path of the layout, strictly: [`names`]
//! - what the JSON objects say: [`records`]; how they are authenticated: [`envelope`]
//! - the sealed text with the shares: [`bundle`]
//! - reading: [`load`] from a store, [`cache`] on this host; what was seen, then authenticated, then concluded:
//!   [`contents`], [`reading`], [`view`]
//! - several stores as one, where custodians have their own: [`joined`]
//! - writing: who gets which shares in [`custodians`], everything else in [`publish`]
//! - upkeep: [`verify`], [`copy`], [`resign`]
//!
//! ```no_run
//! # async fn example(objects: &dyn restore::objects::WriteObjects, keys: &sops_tools::custody::StoreKeys,
//! #     identities: &sops_tools::custody::Identities, shares: &[sops_tools::secret::Share],
//! #     custody: &unsealer::store::custodians::Custody) -> Result<(), Box<dyn std::error::Error>> {
//! use sops_tools::clock::{Clock as _, System};
//! use unsealer::store::{cache::Cache, load::load, names::VaultName, publish, view};
//! let vault = VaultName::new("main")?;
//! let seen = Cache::new("/var/lib/unsealer/cache").read(&vault)?;
//! let contents = load(objects, &vault, keys, &seen, None).await?;
//! let view = view::derive(&vault, &contents, keys, &seen);
//! publish::may_begin(&view)?;
//! let writer = publish::Writer::new(objects, &vault, keys, &System, &System);
//! writer.probe().await?;
//! let generation = view.next_generation.ok_or(publish::Refusal::NumbersUsedUp)?;
//! let staging = publish::Staging { generation: view::Generation(generation), seal: view::Seal(1), shares, total: 5, threshold: 3,
//!     custody, created: System.now() };
//! let staged = writer.stage(&staging, identities).await?; // read back and opened
//! # Ok(()) }
//! ```

pub mod bundle;
pub mod cache;
pub mod contents;
pub mod copy;
pub mod custodians;
pub mod envelope;
pub mod joined;
pub(crate) mod listing;
pub mod load;
pub mod names;
pub mod publish;
pub mod reading;
pub mod records;
pub mod resign;
#[cfg(test)]
pub(crate) mod testing;
pub mod verify;
pub mod view;
