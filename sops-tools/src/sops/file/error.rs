//! What can be wrong with a file. Errors name lines and keys, never values, hashes or keys' secrets.

use super::SopsExit;
use super::path::PathFault;
use crate::sops::cipher;
use crate::sops::data_key::{NoDataKey, SealKeyError};
use crate::sops::formats::{self, Malformed, Unwritable};
use crate::sops::metadata::MetadataError;
use crate::sops::rules::RuleError;

/// Why a file is not opened or not written.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// A file that should be sealed is not of its format.
    #[error("{0}")]
    MalformedSealed(Malformed),
    /// A plain file is not of its format.
    #[error("{0}")]
    MalformedPlain(Malformed),
    /// Plain input without any document.
    #[error("the input is empty: there is nothing to encrypt")]
    Empty,
    /// No block.
    #[error("the file has no sops block: it is not encrypted, or its block was removed")]
    NotEncrypted,
    /// There is a block where none should be.
    #[error(
        "the file has a key of the name sops at its top already: it is encrypted, or that key has to be renamed first"
    )]
    AlreadyEncrypted,
    /// The block.
    #[error("{0}")]
    Metadata(#[from] MetadataError),
    /// The rule.
    #[error("{0}")]
    Rule(RuleError),
    /// Part of what the MAC is sealed with.
    #[error(
        "the sops block has no lastmodified that is a time (RFC 3339): take the block from the last good version of the file"
    )]
    NoTime,
    /// No identity fits.
    #[error("{0}")]
    NoDataKey(Box<NoDataKey>),
    /// A value does not decrypt.
    #[error("line {line}, {path}: {fault}")]
    Value {
        /// The line, from 1.
        line: usize,
        /// Its keys, joined with dots.
        path: String,
        /// What is wrong.
        fault: cipher::Fault,
    },
    /// An encrypted comment stands where a value has to be.
    #[error("line {line}, {path}: a comment stands in the place of a value; its type was changed")]
    MisplacedComment {
        /// The line, from 1.
        line: usize,
        /// Its keys, joined with dots.
        path: String,
    },
    /// The MAC.
    #[error("{0}")]
    Mac(MacFault),
    /// A path of `set` or `unset`.
    #[error("{0}")]
    Path(#[from] PathFault),
    /// A format cannot say it.
    #[error("{0}")]
    Unwritable(#[from] Unwritable),
    /// sops would read the file differently.
    #[error(
        "line {line}: the encrypted comment would match the rule unencrypted_comment_regex, and sops would read the file wrongly; choose a narrower expression"
    )]
    ConfusingComment {
        /// The line, from 1.
        line: usize,
    },
    /// The data key cannot be sealed as asked.
    #[error("{0}")]
    SealKey(#[from] SealKeyError),
    /// The result could not be opened by who asks for it.
    #[error(
        "none of the identities at hand could open the result, and no recovery recipient is among its keys: nothing was changed"
    )]
    LockedOut,
    /// What was made does not read back as what went in. It is not handed out.
    #[error("the result does not read back as it was meant, so nothing was written: {0}")]
    NotAsMeant(String),
}

/// What is wrong with a MAC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MacFault {
    /// There is none.
    #[error("the sops block has no mac: it was removed, so the file may have been changed by anybody")]
    Missing,
    /// It does not decrypt.
    #[error(
        "the mac does not decrypt ({0}): mac or lastmodified were changed or come from another version of the file; after a merge, take one side whole and make the other change again"
    )]
    NotOpened(cipher::Fault),
    /// It is not that of the values.
    #[error(
        "the values do not fit the mac: something was changed, added, removed or moved without sops, by hand, by a merge or by a tool that edits plain fields; compare with the last good version (git log -p); where plain fields may change, use mac_only_encrypted"
    )]
    Mismatch,
}

impl FileError {
    /// What sops ends with in this case.
    pub fn exit(&self) -> SopsExit {
        match self {
            Self::MalformedPlain(malformed) => match malformed.fault {
                formats::Fault::Key | formats::Fault::Number => SopsExit::ValuesNotSealed,
                _ => SopsExit::UnreadableInput,
            },
            Self::Empty => SopsExit::EmptyInput,
            Self::AlreadyEncrypted => SopsExit::AlreadyEncrypted,
            Self::NoDataKey(_) => SopsExit::NoDataKey,
            Self::Value { .. } | Self::MisplacedComment { .. } => SopsExit::ValueNotOpened,
            Self::Mac(_) => SopsExit::MacMismatch,
            Self::Unwritable(_) => SopsExit::CannotDump,
            Self::Path(fault) if !matches!(fault, PathFault::Absent(_)) => SopsExit::InvalidPath,
            Self::ConfusingComment { .. } => SopsExit::ValuesNotSealed,
            Self::Path(_)
            | Self::MalformedSealed(_)
            | Self::NotEncrypted
            | Self::Metadata(_)
            | Self::Rule(_)
            | Self::NoTime
            | Self::SealKey(_)
            | Self::LockedOut
            | Self::NotAsMeant(_) => SopsExit::Generic,
        }
    }
}

/// The line of a byte, from 1.
pub(super) fn line_of(source: &[u8], at: usize) -> usize {
    source.get(..at).unwrap_or(source).split(|&byte| byte == b'\n').count()
}
