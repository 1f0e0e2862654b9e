//! The exit statuses of sops.

/// What the process ends with, where sops has a number for the case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SopsExit {
    /// No metadata, metadata that cannot be understood, no rule, bad recipients or thresholds; whatever has no number of its own.
    Generic = 1,
    /// The plain input cannot be read or parsed.
    UnreadableInput = 2,
    /// The output cannot be written.
    UnwritableOutput = 3,
    /// The values cannot be said in the output's format.
    CannotDump = 4,
    /// The path or value of `set` or `unset` is not valid.
    InvalidPath = 7,
    /// Flags that exclude each other.
    ConflictingFlags = 8,
    /// The MAC cannot be sealed.
    MacNotSealed = 21,
    /// A value cannot be sealed.
    ValuesNotSealed = 23,
    /// A value does not decrypt.
    ValueNotOpened = 25,
    /// Keys to be changed in a file that is not there.
    NoFileForKeys = 49,
    /// The MAC does not fit.
    MacMismatch = 51,
    /// A path to extract that is not one.
    InvalidExtractPath = 91,
    /// The input is empty.
    EmptyInput = 92,
    /// No file was named, or it is not there.
    NoFile = 100,
    /// The data key was not opened.
    NoDataKey = 128,
    /// `edit` without a change.
    Unchanged = 200,
    /// No editor.
    NoEditor = 201,
    /// Versions could not be compared.
    VersionComparison = 202,
    /// The file is encrypted already.
    AlreadyEncrypted = 203,
}

impl SopsExit {
    /// The number.
    pub fn code(self) -> u8 {
        self as u8
    }
}
