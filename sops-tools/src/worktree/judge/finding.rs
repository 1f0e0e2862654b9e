//! One thing wrong with one file: its class, what that means, what to do.

use std::fmt;

use crate::report::ExitStatus;

/// What is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It is a SOPS file and cannot be read as one.
    Damaged,
    /// A value does not decrypt.
    ValueBroken,
    /// The MAC is missing or does not fit.
    MacBroken,
    /// A value lies in clear that the file's rule wants sealed.
    ClearValue,
    /// A plain file that a creation rule wants sealed.
    Leak,
    /// Somebody can open it whom the rule does not name.
    ForeignRecipient,
    /// Somebody cannot open it whom the rule names.
    MissingRecipient,
    /// The key groups or their threshold are not those of the rule.
    Groups,
    /// What is encrypted is not what the rule says.
    RuleDrift,
    /// No creation rule is for it.
    NoRule,
    /// Its rule cannot be followed.
    FaultyRule,
    /// A document of it has another block than the first, or none.
    OtherBlock,
    /// None of the identities at hand opens it.
    CannotOpen,
    /// It cannot be read.
    Unreadable,
    /// An earlier run was cut off.
    Unfinished,
}

/// One thing wrong with one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub class: Class,
    /// The file, as the person would write it.
    pub file: String,
    /// Where in it, from 1.
    pub line: Option<usize>,
    /// More of it: names of recipients, keys of values; never a value.
    pub detail: String,
    /// What to do, where the class alone does not say it.
    pub hint: Option<String>,
}

impl Class {
    /// All of them, gravest first.
    pub const ALL: [Self; 15] = [
        Self::Damaged,
        Self::ValueBroken,
        Self::MacBroken,
        Self::ClearValue,
        Self::Leak,
        Self::ForeignRecipient,
        Self::MissingRecipient,
        Self::Groups,
        Self::RuleDrift,
        Self::NoRule,
        Self::FaultyRule,
        Self::OtherBlock,
        Self::CannotOpen,
        Self::Unreadable,
        Self::Unfinished,
    ];

    /// A stable word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Damaged => "damaged",
            Self::ValueBroken => "value-broken",
            Self::MacBroken => "mac-broken",
            Self::ClearValue => "clear-value",
            Self::Leak => "unsealed",
            Self::ForeignRecipient => "foreign-recipient",
            Self::MissingRecipient => "missing-recipient",
            Self::Groups => "groups-differ",
            Self::RuleDrift => "rule-drift",
            Self::NoRule => "no-rule",
            Self::FaultyRule => "config-faulty",
            Self::OtherBlock => "other-block",
            Self::CannotOpen => "cannot-open",
            Self::Unreadable => "unreadable",
            Self::Unfinished => "unfinished-run",
        }
    }

    /// What a command ends with that found nothing graver.
    pub fn status(self) -> ExitStatus {
        match self {
            Self::Damaged | Self::ValueBroken | Self::MacBroken | Self::ClearValue | Self::Leak => {
                ExitStatus::Integrity
            }
            Self::Unreadable => ExitStatus::Unavailable,
            _ => ExitStatus::Refused,
        }
    }

    /// What it means.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Damaged => "it is a SOPS file and cannot be read as one",
            Self::ValueBroken => "a value does not decrypt",
            Self::MacBroken => "the MAC does not fit",
            Self::ClearValue => "a value lies in clear that the file's rule wants sealed",
            Self::Leak => "it is plain, and a creation rule wants it sealed",
            Self::ForeignRecipient => "somebody can open it whom the creation rule does not name",
            Self::MissingRecipient => "somebody cannot open it whom the creation rule names",
            Self::Groups => "its key groups or their threshold are not those of the creation rule",
            Self::RuleDrift => "what is encrypted is not what the creation rule says",
            Self::NoRule => "no creation rule is for it",
            Self::FaultyRule => "its creation rule cannot be followed",
            Self::OtherBlock => "a later document has another sops block than the first, or none",
            Self::CannotOpen => "no identity at hand opens it, so its MAC was not checked",
            Self::Unreadable => "it cannot be read",
            Self::Unfinished => "an earlier run was cut off while it changed files",
        }
    }

    /// What to do.
    pub fn next(self) -> &'static str {
        match self {
            Self::Damaged => "mend that line, or take the last good version: git log -p -- FILE",
            Self::ValueBroken => "take that value from the last good version: git log -p -- FILE",
            Self::MacBroken => {
                "compare with the last good version: git log -p -- FILE; what was changed by hand is changed again with sops-tools edit or set"
            }
            Self::ClearValue => {
                "change the secret where it is used, then sops-tools edit FILE and save: what the rule names is sealed"
            }
            Self::Leak => {
                "sops-tools encrypt --in-place FILE; if it was ever committed or sent, change the secret where it is used"
            }
            Self::ForeignRecipient => {
                "if it belongs there add it to .sops.yaml; if not, sops-tools updatekeys --rm-age RECIPIENT PATH, and find out who wrote it in"
            }
            Self::MissingRecipient | Self::Groups => "sops-tools updatekeys PATH",
            Self::RuleDrift => "decrypt the file and encrypt it again with the rule of today",
            Self::NoRule => "add a rule to .sops.yaml whose path_regex matches",
            Self::FaultyRule => "mend .sops.yaml",
            Self::OtherBlock => {
                "sops-tools rotate --in-place FILE writes one block into every document; Flux takes a document without one for plain"
            }
            Self::CannotOpen => "give an identity of one of its recipients: --identity FILE",
            Self::Unreadable => "give yourself the right to read it",
            Self::Unfinished => "sops-tools updatekeys PATH or rotate PATH finishes it; with --undo it is taken back",
        }
    }
}

impl Finding {
    pub(crate) fn new(class: Class, file: &str, detail: impl Into<String>) -> Self {
        Self { class, file: file.to_owned(), line: None, detail: detail.into(), hint: None }
    }

    pub(super) fn at(self, line: usize) -> Self {
        Self { line: Some(line), ..self }
    }

    /// What to do.
    pub fn next(&self) -> &str {
        self.hint.as_deref().unwrap_or(self.class.next())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        write!(f, ": {}: {}", self.class.name(), self.class.meaning())?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        write!(f, "; {}", self.next())
    }
}
