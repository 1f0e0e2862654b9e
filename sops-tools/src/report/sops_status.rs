//! What the exit statuses of the sops program mean, for the commands that both programs have.

use super::ExitStatus;
use crate::sops::file::SopsExit;

impl SopsExit {
    /// Every status with its meaning, as the help and the documentation tell it.
    pub const ALL: [(Self, &'static str); 19] = [
        (Self::Generic, "no metadata, no rule for the file, a wrong recipient, refused"),
        (Self::UnreadableInput, "the input cannot be read, or parsed to be encrypted"),
        (Self::UnwritableOutput, "the output cannot be written; the old file is as it was"),
        (Self::CannotDump, "the result does not fit into the output format"),
        (Self::InvalidPath, "path or value of set or unset not valid"),
        (Self::ConflictingFlags, "flags that exclude each other, or one is missing"),
        (Self::MacNotSealed, "the MAC cannot be encrypted"),
        (Self::ValuesNotSealed, "a key or value cannot be encrypted"),
        (Self::ValueNotOpened, "a value does not open: changed, moved or damaged"),
        (Self::NoFileForKeys, "no file to change the recipients of"),
        (Self::MacMismatch, "the MAC does not fit: something was changed"),
        (Self::InvalidExtractPath, "path of extract not valid"),
        (Self::EmptyInput, "the input is completely empty"),
        (Self::NoFile, "no file named, or none of that name"),
        (Self::NoDataKey, "no identity at hand opens the data key"),
        (Self::Unchanged, "edit without a change"),
        (Self::NoEditor, "no editor found, or the editor failed"),
        (Self::VersionComparison, "the versions of the file and of the program cannot be compared"),
        (Self::AlreadyEncrypted, "already encrypted"),
    ];

    /// What comes nearest among the statuses of all programs.
    pub fn kind(self) -> ExitStatus {
        match self {
            Self::Generic
            | Self::CannotDump
            | Self::MacNotSealed
            | Self::ValuesNotSealed
            | Self::Unchanged
            | Self::VersionComparison
            | Self::AlreadyEncrypted => ExitStatus::Refused,
            Self::InvalidPath
            | Self::ConflictingFlags
            | Self::InvalidExtractPath
            | Self::EmptyInput
            | Self::NoEditor => ExitStatus::Usage,
            Self::UnreadableInput | Self::UnwritableOutput => ExitStatus::Unavailable,
            Self::ValueNotOpened | Self::MacMismatch => ExitStatus::Integrity,
            Self::NoFile | Self::NoFileForKeys | Self::NoDataKey => ExitStatus::Absent,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_the_ones_sops_uses() {
        let numbers: Vec<u8> = SopsExit::ALL.iter().map(|(status, _)| status.code()).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 7, 8, 21, 23, 25, 49, 51, 91, 92, 100, 128, 200, 201, 202, 203]);
    }
}
