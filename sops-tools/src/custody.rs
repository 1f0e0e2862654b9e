//! Who can open a sealed object: age recipients and identities, sealing and opening, and the store key.
//!
//! - public halves: [`Recipient`]; secret halves, from files: [`Identities`]
//! - [`seal`](fn@seal) and [`open`] small objects, with a limit on size
//! - authenticate what stands in a store: [`StoreKeys`]
//!
//! ```
//! use sops_tools::custody::{Identities, open, seal};
//! use sops_tools::secret::Plaintext;
//!
//! let identities = Identities::generate();
//! let sealed = seal(&Plaintext::copy_from(b"a share"), &identities.to_recipients())?;
//! assert_eq!(open(&sealed, &identities)?.expose(), b"a share");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod identities;
mod identity_files;
mod recipients;
mod seal;
mod store_key;

pub use identities::{IDENTITY_FILE_LIMIT, Identities, IdentitiesError, IdentityFault, IdentityProblem};
pub use identity_files::IdentityFiles;
pub use recipients::{Recipient, RecipientError, canonical};
pub use seal::{HEADER_LINES, OpenError, SEALED_LIMIT, SealError, open, seal};
#[cfg(feature = "ssh")]
pub(crate) use seal::{encrypt_to, open_with};
pub use store_key::{Authenticity, STORE_KEY_FILE_LIMIT, StoreKeys, StoreKeysError};
