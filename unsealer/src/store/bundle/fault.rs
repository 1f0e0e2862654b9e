//! The ways a bundle can be bad, each with its own message and one next step.

use crate::store::view::{Generation, Seal};

/// Why a bundle is not used. Says nothing of a share's content; a share's number is public.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleFault {
    /// One share does not pass its own check sum, or has no share's length.
    #[error("share {number} is damaged: it does not pass its check sum")]
    Damaged {
        /// The number the bundle gives it.
        number: u8,
    },
    /// A share stands under another share's number.
    #[error("the shares are swapped: number {number} does not belong to the share that stands under it")]
    Swapped {
        /// The number that is wrong.
        number: u8,
    },
    /// An older (or newer) generation was put under this name.
    #[error("an object of generation {found} stands under another generation's name")]
    OtherGeneration {
        /// What the sealed text says.
        found: Generation,
    },
    /// Shorter than it was.
    #[error("the object is truncated{}", lengths(*length))]
    Truncated {
        /// Bytes that are there, bytes that the manifest names.
        length: Option<(u64, u64)>,
    },
    /// Another Vault's shares.
    #[error("the bundle belongs to another Vault, {found:?}")]
    OtherVault {
        /// What the sealed text says.
        found: String,
    },
    /// The right generation, another seal or custodian.
    #[error("a bundle of seal {found}, custodian {custodian}, stands under another bundle's name")]
    OtherSeal {
        /// What the sealed text says.
        found: Seal,
        /// What the sealed text says.
        custodian: String,
    },
    /// Threshold, total or share numbers differ from the authentic manifest.
    #[error("threshold, total or share numbers differ from the manifest")]
    OtherSplit,
    /// The authentic manifest names no such custodian.
    #[error("the manifest names no bundle of this custodian")]
    NotInManifest,
    /// As long as it should be, with other bytes.
    #[error("the object's digest is not the one in the manifest: it was changed")]
    Changed,
    /// A whole age file, sealed to others.
    #[error("sealed to none of our identities")]
    NotForUs,
    /// No age file, or one that was changed or cut short inside.
    #[error("not an age file, or changed or cut short after it was sealed")]
    Unreadable,
    /// age opened it and the text is not a bundle's, or of a version this program does not know.
    #[error("the sealed text is no bundle that this version can read")]
    Format,
}

fn lengths(length: Option<(u64, u64)>) -> String {
    length.map_or_else(String::new, |(there, named)| format!(": {there} of {named} bytes"))
}

impl BundleFault {
    /// One next step for a person.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "open another seal or custodian of this generation, or import the shares again",
            Self::Swapped { .. } => {
                "somebody with an identity made this by hand: import the shares again in their own order"
            }
            Self::OtherGeneration { .. } => {
                "somebody copied objects by hand: put the right one back with `unsealer store copy` from a cache"
            }
            Self::Truncated { .. } => {
                "the upload or a copy was cut off: put the whole object back with `unsealer store copy` from a cache"
            }
            Self::OtherVault { .. } => "check the Vault's name and the store's prefix in the settings",
            Self::OtherSeal { .. } | Self::OtherSplit | Self::NotInManifest => {
                "run `unsealer store verify`: it says which objects belong together"
            }
            Self::Changed | Self::Unreadable => {
                "put the right object back with `unsealer store copy` from a cache, or open another seal"
            }
            Self::NotForUs => "use an identity of one of the recipients whose fingerprints the manifest lists",
            Self::Format => "use the version that wrote it, or a newer one",
        }
    }

    /// Stable word for JSON output and findings.
    pub fn class(&self) -> &'static str {
        match self {
            Self::Damaged { .. } => "damaged-share",
            Self::Swapped { .. } => "swapped-shares",
            Self::OtherGeneration { .. } => "other-generation",
            Self::Truncated { .. } => "truncated",
            Self::OtherVault { .. } => "other-vault",
            Self::OtherSeal { .. } => "other-seal",
            Self::OtherSplit => "other-split",
            Self::NotInManifest => "not-in-manifest",
            Self::Changed => "changed",
            Self::NotForUs => "not-for-us",
            Self::Unreadable => "unreadable",
            Self::Format => "format",
        }
    }
}
