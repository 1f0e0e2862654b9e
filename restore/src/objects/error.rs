//! What can go wrong with a stored object.

use sops_tools::report::{ExitStatus, Failure};

/// What a caller may conclude from a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The store answered that this very object is not there. Nothing else is ever reported so: not a missing
    /// bucket, not a refused request, not silence.
    Absent,
    /// Other bytes stand under the name.
    Conflict,
    /// The store refused the key or the right. On a read without the right to list it may stand for "absent".
    Denied,
    /// The store could not be asked, or its answer did not arrive whole; a later try may succeed. After a write
    /// the object may or may not be stored.
    Unavailable,
    /// What arrived whole is not what was stored, or is no object at all.
    Corrupt,
    /// The object or listing is above the caller's limit.
    TooLarge,
    /// Endpoint, bucket, region, certificate or key file are wrong: trying again does not help.
    Settings,
    /// The store does not offer the operation.
    NotSupported,
}

impl ErrorKind {
    /// Whether the same call may succeed later without anybody changing anything.
    pub fn is_retryable(self) -> bool {
        self == Self::Unavailable
    }

    /// The exit status of a command that ends with this kind.
    pub fn exit_status(self) -> ExitStatus {
        match self {
            Self::Absent => ExitStatus::Absent,
            Self::Conflict | Self::Denied => ExitStatus::Refused,
            Self::Unavailable => ExitStatus::Unavailable,
            Self::Corrupt | Self::TooLarge => ExitStatus::Integrity,
            Self::Settings | Self::NotSupported => ExitStatus::Usage,
        }
    }

    /// The stable word of a [`Failure`].
    pub fn class(self) -> &'static str {
        match self {
            Self::Absent => "object-absent",
            Self::Conflict => "object-exists",
            Self::Denied => "store-denied",
            Self::Unavailable => "store-unavailable",
            Self::Corrupt => "object-corrupt",
            Self::TooLarge => "object-too-large",
            Self::Settings => "store-settings",
            Self::NotSupported => "store-not-supported",
        }
    }

    fn next_step(self) -> &'static str {
        match self {
            Self::Absent => "check the store's url and prefix",
            Self::Conflict => "somebody else wrote this object: look at it before trying again",
            Self::Denied => "check the store's access key and the rights it has on the bucket",
            Self::Unavailable => "check that the store is up and reachable from here, then try again",
            Self::Corrupt => "compare with another copy of the store",
            Self::TooLarge => "look at the object: nothing this program writes is that large",
            Self::Settings => "correct the store's settings",
            Self::NotSupported => "use a store with conditional writes",
        }
    }
}

/// A failed call on a store.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{operation} {path}: {detail}")]
pub struct ObjectError {
    /// What may be concluded.
    pub kind: ErrorKind,
    /// `get`, `list`, `create`, `probe` or `open`.
    pub operation: &'static str,
    /// Where: the store's address and the object's name.
    pub path: String,
    /// What happened, with the causes a library gave; no secrets.
    pub detail: String,
    /// What to do next.
    pub hint: String,
}

impl ObjectError {
    /// A failure with the usual next step of its kind.
    pub fn new(kind: ErrorKind, operation: &'static str, path: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { kind, operation, path: path.into(), detail: detail.into(), hint: kind.next_step().to_owned() }
    }

    /// Replaces the next step.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = hint.into();
        self
    }

    /// The exit status of a command that ends with this failure.
    pub fn exit_status(&self) -> ExitStatus {
        self.kind.exit_status()
    }
}

impl From<ObjectError> for Failure {
    fn from(error: ObjectError) -> Self {
        Self::new(error.kind.exit_status(), error.kind.class(), format!("{} {} failed", error.operation, error.path))
            .cause(error.detail)
            .hint(error.hint)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [ErrorKind; 8] = [
        ErrorKind::Absent,
        ErrorKind::Conflict,
        ErrorKind::Denied,
        ErrorKind::Unavailable,
        ErrorKind::Corrupt,
        ErrorKind::TooLarge,
        ErrorKind::Settings,
        ErrorKind::NotSupported,
    ];

    #[test]
    fn only_an_absent_object_ends_in_the_status_for_absent() {
        for kind in ALL {
            assert_eq!(kind.exit_status() == ExitStatus::Absent, kind == ErrorKind::Absent, "{kind:?}");
            assert_ne!(kind.exit_status(), ExitStatus::Done, "{kind:?}");
        }
    }

    #[test]
    fn every_kind_has_its_own_class() {
        let classes: std::collections::BTreeSet<_> = ALL.iter().map(|kind| kind.class()).collect();
        assert_eq!(classes.len(), ALL.len());
    }

    #[test]
    fn a_failure_names_what_failed_where_and_what_to_do_next() {
        let failure = Failure::from(ObjectError::new(ErrorKind::Denied, "get", "s3://b/x", "AccessDenied (403)"));
        assert_eq!(
            failure.to_string(),
            "error: get s3://b/x failed\ncause: AccessDenied (403)\n\nhint: check the store's access key and the rights it has on the bucket"
        );
    }
}
