//! What went wrong with a file, as a person reads it.

use crate::report::{Failure, SopsExit};
use crate::sops::file::{FileError, MacFault, PathFault};

/// The failure for an error of the file that is shown as `shown`.
pub(crate) fn file_failure(shown: &str, error: FileError) -> Failure {
    let status = error.exit();
    let problem = format!("{shown}: {error}");
    match error {
        FileError::MalformedSealed(_) => Failure::sops(status, "malformed", problem),
        FileError::MalformedPlain(_) => {
            Failure::sops(status, "malformed", problem).hint("mend that line; nothing was written")
        }
        FileError::Empty => Failure::sops(status, "empty-input", problem),
        FileError::NotEncrypted => Failure::sops(status, "not-encrypted", problem),
        FileError::AlreadyEncrypted => {
            Failure::sops(status, "already-encrypted", problem).hint("change an encrypted file with edit or set")
        }
        FileError::Metadata(_) | FileError::NoTime => {
            Failure::sops(status, "metadata", problem).hint("take the sops block of the last good version: git log -p")
        }
        FileError::Rule(_) => Failure::sops(status, "selection", problem),
        FileError::NoDataKey(tried) => no_data_key(shown, &tried.to_string()),
        FileError::Value { .. } | FileError::MisplacedComment { .. } => {
            Failure::sops(status, "value-not-opened", problem)
                .hint("that value was changed, moved or damaged; take it from the last good version: git log -p")
        }
        FileError::Mac(fault) => {
            let failure = Failure::sops(status, "mac-mismatch", format!("{shown}: {}", first_part(fault))).cause(fault);
            failure.hint("if you know what changed it and want it: decrypt or edit with --ignore-mac")
        }
        FileError::Unwritable(_) => Failure::sops(status, "not-in-format", problem),
        FileError::ConfusingComment { .. } => Failure::sops(status, "comment-rule", problem),
        FileError::Path(PathFault::Absent(_)) => Failure::sops(status, "absent", problem),
        FileError::Path(PathFault::WhichDocument { .. }) => {
            Failure::sops(status, "which-document", problem).hint("name it: --document NUMBER, from 1")
        }
        FileError::Path(_) => Failure::sops(status, "path", problem),
        FileError::SealKey(_) => Failure::sops(status, "recipient", problem)
            .hint("nothing was written: a recipient that is left out is locked out"),
        FileError::LockedOut => Failure::sops(status, "locked-out", problem)
            .hint("add a recipient whose identity you have, or name one that is kept elsewhere: --recovery RECIPIENT"),
        FileError::NotAsMeant(_) => Failure::sops(status, "not-as-meant", problem)
            .hint("this is a fault of the program; the file is as it was, please report the message"),
    }
}

fn first_part(fault: MacFault) -> &'static str {
    match fault {
        MacFault::Missing => "its MAC is missing",
        MacFault::NotOpened(_) | MacFault::Mismatch => "its MAC does not fit",
    }
}

/// Every key with its reason, and every source that was asked.
fn no_data_key(shown: &str, told: &str) -> Failure {
    let mut lines = told.lines();
    let problem = format!("{shown}: {}", lines.next().unwrap_or_default());
    let failure = Failure::sops(SopsExit::NoDataKey, "no-data-key", problem);
    let failure = lines.fold(failure, |failure, line| failure.cause(line.trim_start()));
    failure.hint("give an identity of one of the recipients: --identity FILE, SOPS_AGE_KEY_FILE, or sops/age/keys.txt")
}
