//! What becomes of one secret, from what was found and what was asked for. Pure.

use crate::bootstrap::catalogue::BootstrapSecret;

/// What was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// No file holds it.
    Absent,
    /// A file holds it, verified and complete.
    Sound,
    /// A file is there, and not as it should be; what is wrong with it.
    Faulty(Vec<String>),
}

/// What was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "the columns of a table, each read once")]
pub struct Wish {
    /// It is one of those to be made: named, or needed where none is named.
    pub is_asked: bool,
    /// Values were given for it.
    pub has_values: bool,
    /// `--regenerate` names it.
    pub regenerate: bool,
    /// `--new-repository-password` was said.
    pub new_password: bool,
    /// What was given and what the file holds differ.
    pub differs: bool,
    /// Others of the secrets are there, so this one was there as well, or should have been.
    pub others_are_there: bool,
    /// Its value would be made up.
    pub is_made_up: bool,
    /// What was given holds every identity and store key that the file holds.
    pub covers_old: bool,
}

/// What becomes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A new file.
    Make,
    /// The file stays as it is, not a byte of it changes.
    Keep,
    /// The file stays, with other values.
    MakeAnew,
    /// Nobody asked for it.
    LeaveOut,
}

/// Why nothing is done. Each says what to do instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What is there cannot be relied on.
    #[error("{}; nothing is written over it: put it right, or move it away and run this again", .0.join("; "))]
    Faulty(Vec<String>),
    /// Keeping would ignore what was given.
    #[error("the file holds other values than those given: leave them out to keep the file, or give --regenerate {} to put them in", .0.name())]
    Differs(BootstrapSecret),
    /// Keeping would ignore the identity that was given.
    #[error(
        "the file holds another identity or store key than --keys: if it was changed by rotate or re-sign, the file is right and the folder is old"
    )]
    OtherKeys,
    /// The cluster would open nothing any more.
    #[error(
        "a new identity for the cluster opens none of the files sealed to the old one: sops-tools bootstrap rotate changes it in phases"
    )]
    UseRotate,
    /// Shares or the store would be lost.
    #[error(
        "the new files do not hold the old identities and store keys, and shares are sealed to them: append the old lines (several are allowed), and take them out when unsealer store re-sign is done"
    )]
    WouldDropOld,
    /// All backups would be unreadable.
    #[error(
        "snapshots made so far open with the password that is there and with no other: add the new one to the repository first (restic key add), then give --new-repository-password as well"
    )]
    PasswordInUse,
    /// It was there once, most likely.
    #[error(
        "no file holds it and others of the secrets are there, so a repository may be in use, and its snapshots open with no other password: take the file from Git (git log --all -- '*{}'), or give the password with --value {}/RESTIC_PASSWORD=FILE; for a repository that is still to be made say --new-repository-password", .0.file(), .0.name()
    )]
    PasswordLost(BootstrapSecret),
    /// There is nothing to make anew.
    #[error("--regenerate names it and no file holds it: leave that out, it is made without it")]
    NothingToRegenerate,
}

/// The table.
///
/// # Errors
/// Where doing it could lose or hide something.
pub fn decide(secret: BootstrapSecret, standing: &Standing, wish: &Wish) -> Result<Step, Refusal> {
    match standing {
        Standing::Absent if wish.regenerate => Err(Refusal::NothingToRegenerate),
        Standing::Absent if wish.is_asked || wish.has_values => {
            if wish.is_made_up && wish.others_are_there && !wish.new_password {
                return Err(Refusal::PasswordLost(secret));
            }
            Ok(Step::Make)
        }
        Standing::Faulty(faults) if wish.is_asked || wish.regenerate || wish.has_values => {
            Err(Refusal::Faulty(faults.clone()))
        }
        Standing::Absent | Standing::Faulty(_) => Ok(Step::LeaveOut),
        Standing::Sound if !wish.regenerate => match (wish.differs, secret) {
            (false, _) => Ok(Step::Keep),
            (true, BootstrapSecret::SopsAge | BootstrapSecret::VaultUnsealAge) => Err(Refusal::OtherKeys),
            (true, _) => Err(Refusal::Differs(secret)),
        },
        Standing::Sound => match secret {
            BootstrapSecret::SopsAge => Err(Refusal::UseRotate),
            BootstrapSecret::BackupRepo if !wish.new_password => Err(Refusal::PasswordInUse),
            BootstrapSecret::VaultUnsealAge if !wish.covers_old => Err(Refusal::WouldDropOld),
            _ => Ok(Step::MakeAnew),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use BootstrapSecret::{BackupRepo, BackupS3, SopsAge, VaultUnsealAge, VaultUnsealS3Write};

    const ASKED: Wish = Wish {
        is_asked: true,
        has_values: false,
        regenerate: false,
        new_password: false,
        differs: false,
        others_are_there: false,
        is_made_up: false,
        covers_old: false,
    };
    const ANEW: Wish = Wish { regenerate: true, has_values: true, ..ASKED };

    fn faulty() -> Standing {
        Standing::Faulty(vec!["its MAC does not fit".to_owned()])
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_sound_is_kept() {
        for secret in BootstrapSecret::ALL {
            assert_eq!(decide(secret, &Standing::Absent, &ASKED), Ok(Step::Make));
            assert_eq!(decide(secret, &Standing::Sound, &ASKED), Ok(Step::Keep));
        }
        assert_eq!(decide(VaultUnsealS3Write, &Standing::Absent, &Wish::default()), Ok(Step::LeaveOut));
        let given = Wish { has_values: true, ..Wish::default() };
        assert_eq!(decide(VaultUnsealS3Write, &Standing::Absent, &given), Ok(Step::Make));
    }

    #[test]
    fn a_password_is_not_made_up_where_one_may_be_in_use() {
        let made_up = Wish { is_made_up: true, ..ASKED };
        let lost = Wish { others_are_there: true, ..made_up };
        assert_eq!(decide(BackupRepo, &Standing::Absent, &made_up), Ok(Step::Make));
        assert_eq!(decide(BackupRepo, &Standing::Absent, &lost), Err(Refusal::PasswordLost(BackupRepo)));
        assert_eq!(decide(BackupRepo, &Standing::Absent, &Wish { new_password: true, ..lost }), Ok(Step::Make));
        assert_eq!(decide(BackupRepo, &Standing::Absent, &Wish { is_made_up: false, ..lost }), Ok(Step::Make));
    }

    #[test]
    fn what_is_faulty_is_never_written_over() {
        for wish in [ASKED, ANEW, Wish { has_values: true, ..Wish::default() }] {
            assert!(matches!(decide(BackupS3, &faulty(), &wish), Err(Refusal::Faulty(_))), "{wish:?}");
        }
    }

    #[test]
    fn values_that_would_be_ignored_are_a_refusal() {
        let differs = Wish { differs: true, has_values: true, ..ASKED };
        assert_eq!(decide(BackupS3, &Standing::Sound, &differs), Err(Refusal::Differs(BackupS3)));
        assert_eq!(decide(SopsAge, &Standing::Sound, &differs), Err(Refusal::OtherKeys));
    }

    #[test]
    fn nothing_is_made_anew_that_something_else_still_needs() {
        assert_eq!(decide(BackupS3, &Standing::Sound, &ANEW), Ok(Step::MakeAnew));
        assert_eq!(decide(SopsAge, &Standing::Sound, &ANEW), Err(Refusal::UseRotate));
        assert_eq!(decide(BackupRepo, &Standing::Sound, &ANEW), Err(Refusal::PasswordInUse));
        let said = Wish { new_password: true, ..ANEW };
        assert_eq!(decide(BackupRepo, &Standing::Sound, &said), Ok(Step::MakeAnew));
        assert_eq!(decide(VaultUnsealAge, &Standing::Sound, &said), Err(Refusal::WouldDropOld));
        assert_eq!(decide(VaultUnsealAge, &Standing::Sound, &Wish { covers_old: true, ..ANEW }), Ok(Step::MakeAnew));
        assert_eq!(decide(BackupS3, &Standing::Absent, &ANEW), Err(Refusal::NothingToRegenerate));
    }
}
