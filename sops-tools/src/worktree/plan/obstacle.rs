//! What stands in the way of a plan, and what to do about it.

use std::fmt;

use crate::report::ExitStatus;
use crate::sops::file::FileError;
use crate::sops::metadata::KeyId;
use crate::worktree::inventory::FileAt;

const FOREIGN: &str = "anybody can write a recipient into a file. If it belongs there add it to .sops.yaml; if not, remove it by name with --rm-age, and find out who wrote it in";

/// Why a file stands in the way of all of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Obstacle {
    /// A stable word.
    pub class: &'static str,
    /// What the command ends with.
    pub status: ExitStatus,
    /// The file, as the person would write it.
    pub file: String,
    /// Why; names of recipients, lines and keys, never a value.
    pub text: String,
    /// What to do.
    pub hint: &'static str,
}

impl Obstacle {
    /// In the way of the file that is shown so.
    pub fn new(
        status: ExitStatus,
        class: &'static str,
        file: &str,
        text: impl Into<String>,
        hint: &'static str,
    ) -> Self {
        Self { class, status, file: file.to_owned(), text: text.into(), hint }
    }
}

impl fmt::Display for Obstacle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.file, self.text)
    }
}

/// What stands in the way, in the words of one line.
pub(super) fn obstacle_of(shown: &str, error: &FileError) -> Obstacle {
    let text = error.to_string();
    let (status, class, hint) = match error {
        FileError::NoDataKey(_) => (
            ExitStatus::Absent,
            "no-data-key",
            "give an identity of one of its recipients: --identity FILE, SOPS_AGE_KEY_FILE or sops/age/keys.txt",
        ),
        FileError::Mac(_) => (
            ExitStatus::Integrity,
            "mac-mismatch",
            "look at what changed (git log -p -- FILE); what you want as it stands there now is named with --accept-mac-mismatch FILE",
        ),
        FileError::Value { .. } | FileError::MisplacedComment { .. } => (
            ExitStatus::Integrity,
            "value-not-opened",
            "take that value from the last good version: git log -p -- FILE",
        ),
        FileError::LockedOut => (
            ExitStatus::Refused,
            "locked-out",
            "add a recipient whose identity you have, or name one whose identity is kept elsewhere: --recovery RECIPIENT",
        ),
        FileError::SealKey(_) => {
            (ExitStatus::Refused, "recipient", "nothing is written without a recipient: it would be locked out")
        }
        FileError::NotAsMeant(_) => (
            ExitStatus::Unexpected,
            "not-as-meant",
            "this is a fault of the program; the files are as they were, please report the message",
        ),
        _ => (ExitStatus::Refused, "not-rewritable", "mend the file, or leave it out"),
    };
    let text = match error {
        FileError::NoDataKey(_) => text.lines().map(str::trim).collect::<Vec<_>>().join("; "),
        FileError::LockedOut => "none of the identities at hand could open the result".to_owned(),
        _ => text.lines().next().unwrap_or_default().to_owned(),
    };
    Obstacle::new(status, class, shown, text, hint)
}

/// Everything that stands in the way of a damaged file.
pub fn damaged(at: &FileAt, error: &FileError) -> Obstacle {
    let text = format!("it is a SOPS file and cannot be read as one: {error}");
    let hint = "mend that line, or take the last good version: git log -p -- FILE";
    Obstacle::new(ExitStatus::Integrity, "damaged", &at.shown, text, hint)
}

/// A recipient of a file that nobody expects there.
pub(super) fn foreign(shown: &str, key: &KeyId) -> Obstacle {
    let text = format!("it names a recipient that is expected nowhere: {key}");
    Obstacle::new(ExitStatus::Refused, "recipient-unexpected", shown, text, FOREIGN)
}
