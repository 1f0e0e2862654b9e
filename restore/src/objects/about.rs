//! What a store says of itself, for check-ups.

use jiff::SignedDuration;

/// Answers of a store; whatever it does not tell is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// How far its clock is ahead of ours.
    pub clock_ahead: Option<SignedDuration>,
    /// What stands against deletion and overwriting; `None` for a store that has no such thing.
    pub protection: Option<Protection>,
}

/// What a bucket does with objects that somebody deletes or overwrites.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Protection {
    /// Older versions are kept.
    pub versioning: Switch,
    /// Versions can be locked against deletion.
    pub object_lock: Switch,
}

/// A setting of a bucket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Switch {
    /// It is on.
    On,
    /// It is off.
    Off,
    /// It could not be asked, with the reason: reading it takes a right of its own.
    NotTold(String),
}
