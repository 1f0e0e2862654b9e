//! The exit statuses of the sops program, for the commands that both programs have.

use super::ExitStatus;

/// What sops ends with when one of its commands fails; scripts that call sops look at these numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SopsStatus {
    /// Everything that has no number of its own: no metadata, no rule for the file, a wrong recipient, a refusal of ours.
    Generic = 1,
    /// The input cannot be read, or it is to be encrypted and is not of its format.
    Unreadable = 2,
    /// The output cannot be written.
    Unwritable = 3,
    /// The result cannot be spelled in the format asked for.
    Unspellable = 4,
    /// The path or the value of `set` or `unset` is not valid.
    InvalidSet = 7,
    /// Flags that exclude each other, or one that is missing.
    Conflict = 8,
    /// The values cannot be encrypted: a key that is no string, a number that is too large.
    NotEncrypted = 23,
    /// A value does not open.
    ValueClosed = 25,
    /// The file to change the recipients of does not exist.
    NoFileForKeys = 49,
    /// The MAC is missing, cannot be opened or does not fit the values.
    MacMismatch = 51,
    /// The path of `--extract` is not valid.
    InvalidExtract = 91,
    /// The input is completely empty.
    EmptyInput = 92,
    /// No file was named, or there is none of that name.
    NoFile = 100,
    /// The data key cannot be had: no identity opens it.
    DataKeyClosed = 128,
    /// `edit` ended without a change.
    Unchanged = 200,
    /// There is no editor.
    NoEditor = 201,
    /// The file to be encrypted is encrypted already.
    AlreadyEncrypted = 203,
}

impl SopsStatus {
    /// Every status with its meaning, as the help and the documentation tell it.
    pub const ALL: [(Self, &'static str); 17] = [
        (Self::Generic, "no metadata, no rule for the file, a wrong recipient, refused"),
        (Self::Unreadable, "the input cannot be read, or parsed to be encrypted"),
        (Self::Unwritable, "the output cannot be written; the old file is as it was"),
        (Self::Unspellable, "the result does not fit into the output format"),
        (Self::InvalidSet, "path or value of set or unset not valid"),
        (Self::Conflict, "flags that exclude each other, or one is missing"),
        (Self::NotEncrypted, "a key or value cannot be encrypted"),
        (Self::ValueClosed, "a value does not open: changed, moved or damaged"),
        (Self::NoFileForKeys, "no file to change the recipients of"),
        (Self::MacMismatch, "the MAC does not fit: something was changed"),
        (Self::InvalidExtract, "path of extract not valid"),
        (Self::EmptyInput, "the input is completely empty"),
        (Self::NoFile, "no file named, or none of that name"),
        (Self::DataKeyClosed, "no identity at hand opens the data key"),
        (Self::Unchanged, "edit without a change"),
        (Self::NoEditor, "no editor found, or the editor failed"),
        (Self::AlreadyEncrypted, "already encrypted"),
    ];

    /// The number the process ends with.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// What comes nearest among the statuses of all programs.
    pub fn kind(self) -> ExitStatus {
        match self {
            Self::Generic | Self::Unspellable | Self::NotEncrypted | Self::Unchanged | Self::AlreadyEncrypted => {
                ExitStatus::Refused
            }
            Self::InvalidSet | Self::Conflict | Self::InvalidExtract | Self::EmptyInput | Self::NoEditor => {
                ExitStatus::Usage
            }
            Self::Unreadable | Self::Unwritable => ExitStatus::Unavailable,
            Self::ValueClosed | Self::MacMismatch => ExitStatus::Integrity,
            Self::NoFile | Self::NoFileForKeys | Self::DataKeyClosed => ExitStatus::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_ones_sops_uses() {
        let numbers: Vec<u8> = SopsStatus::ALL.iter().map(|(status, _)| status.code()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 7, 8, 23, 25, 49, 51, 91, 92, 100, 128, 200, 201, 203]);
    }
}
