//! Secrets that lie in clear where Git keeps them: in the work tree, in the index, in the history.
//!
//! - what a text holds: [`text`] (keys and tokens by their form) and [`manifest`] (Kubernetes Secrets)
//! - what only looks like a secret: [`placeholder`]
//! - findings that a person has accepted: [`allow`]
//!
//! A finding names the kind, the file and the line. Nothing here gives out a secret, not even a part of one.

use std::fmt;
use std::ops::Range;

pub mod allow;
pub mod manifest;
pub mod placeholder;
pub mod text;

/// What kind of secret lies in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// The secret half of an age key.
    AgeIdentity,
    /// A key that authenticates the share store.
    StoreKey,
    /// Shares of Vault's root-key seal.
    UnsealKey,
    /// A token of Vault or OpenBao.
    VaultToken,
    /// The password of a restic repository.
    ResticPassword,
    /// The secret half of an S3 key pair.
    S3SecretKey,
    /// The public half of one, which seldom comes alone.
    S3AccessKey,
    /// A private key in PEM.
    PrivateKey,
    /// A Kubernetes Secret.
    SecretManifest,
    /// A file that a creation rule wants sealed.
    Unsealed,
    /// A value in a SOPS file that its rule wants sealed.
    ClearValue,
}

/// A secret in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Its kind.
    pub kind: Kind,
    /// The line, from 1.
    pub line: usize,
    /// Whether there is no doubt.
    pub sure: bool,
    /// The bytes that make it what it is; never shown.
    pub secret: Range<usize>,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 11] = [
        Self::AgeIdentity,
        Self::StoreKey,
        Self::UnsealKey,
        Self::VaultToken,
        Self::ResticPassword,
        Self::S3SecretKey,
        Self::S3AccessKey,
        Self::PrivateKey,
        Self::SecretManifest,
        Self::Unsealed,
        Self::ClearValue,
    ];

    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::AgeIdentity => "age-identity",
            Self::StoreKey => "store-key",
            Self::UnsealKey => "unseal-key",
            Self::VaultToken => "vault-token",
            Self::ResticPassword => "restic-password",
            Self::S3SecretKey => "s3-secret-key",
            Self::S3AccessKey => "s3-access-key",
            Self::PrivateKey => "private-key",
            Self::SecretManifest => "secret-manifest",
            Self::Unsealed => "unsealed",
            Self::ClearValue => "clear-value",
        }
    }

    /// The kind of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What it is, for a person.
    pub fn what(self) -> &'static str {
        match self {
            Self::AgeIdentity => "the secret half of an age key",
            Self::StoreKey => "a store key",
            Self::UnsealKey => "an unseal key of Vault",
            Self::VaultToken => "a token of Vault",
            Self::ResticPassword => "the password of a restic repository",
            Self::S3SecretKey => "the secret half of an S3 key",
            Self::S3AccessKey => "the id of an S3 key, whose secret half is seldom far",
            Self::PrivateKey => "a private key",
            Self::SecretManifest => "a Kubernetes Secret in clear",
            Self::Unsealed => "a plain file that .sops.yaml wants sealed",
            Self::ClearValue => "a value in clear that its file's rule wants sealed",
        }
    }

    /// What makes it worthless to whoever has read it.
    pub fn remedy(self) -> &'static str {
        match self {
            Self::AgeIdentity => {
                "make a new key (sops-tools bootstrap keygen), put its public half into .sops.yaml, then sops-tools updatekeys --rm-age with the old one, and change every value it opened"
            }
            Self::StoreKey => "make a new store key, put it first in the file, then unsealer store re-sign",
            Self::UnsealKey => "make new shares: unsealer rotate shares",
            Self::VaultToken => "revoke it: vault token revoke",
            Self::ResticPassword => "restic key add with a new password, then restic key remove for the old one",
            Self::S3SecretKey | Self::S3AccessKey => "delete the key at the S3 provider and make a new one",
            Self::PrivateKey => "make a new key pair and take the old public half away wherever it is trusted",
            Self::SecretManifest | Self::Unsealed | Self::ClearValue => {
                "change each value where it is used, then seal the file: sops-tools encrypt --in-place"
            }
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The line of a place in a text, from 1.
pub fn line_of(text: &[u8], at: usize) -> usize {
    text.get(..at).unwrap_or(text).split(|byte| *byte == b'\n').count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_name_of_its_own() {
        for kind in Kind::ALL {
            assert_eq!(Kind::of_name(kind.name()), Some(kind));
        }
    }
}
