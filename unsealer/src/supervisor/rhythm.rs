//! When to look again: tight and cheap where a server on this host is down or sealed, slow where it is open.

use std::time::Duration;

use crate::status::Condition;

/// Where a server runs, seen from here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// On this host: a refused connection costs nothing.
    Local,
    /// Elsewhere.
    Remote,
}

/// When to look again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wake {
    /// At the latest after this time; at most 75 s.
    pub after: Duration,
    /// Hold an idle connection meanwhile, and look at once when it ends.
    pub watch: bool,
}

/// No wait is longer.
pub(super) const LONGEST: Duration = Duration::from_secs(100);

/// Slowest look at an open server. Each is two requests (seal-status, leader), and the held connection one in four minutes: together
/// less than two a minute.
const OPEN: Duration = Duration::from_secs(75);
/// First look after it opened; doubles until [`OPEN`], so that active or standby is known soon.
const SETTLING: Duration = Duration::from_millis(40);
/// A server on this host that is down or sealed.
const TIGHT: Duration = Duration::from_millis(20);
/// Shortest and longest wait for a server elsewhere.
const REMOTE: (Duration, Duration) = (Duration::from_millis(250), Duration::from_secs(2));
/// A state that only a person or the store ends; a held connection notices a restart.
const PATIENT: Duration = Duration::from_secs(5);

/// `base` plus up to a fifth of it.
pub(super) fn jittered(base: Duration, jitter: u16) -> Duration {
    base + base.mul_f64(f64::from(jitter) / f64::from(u16::MAX) / 5.0)
}

/// As soon as possible: the next look decides something.
pub(super) fn soon() -> Wake {
    Wake { after: Duration::from_millis(4), watch: false }
}

/// Down or sealed, and about to change.
pub(super) fn tight(place: Place, jitter: u16) -> Wake {
    let after = match place {
        Place::Local => jittered(TIGHT, jitter),
        Place::Remote => REMOTE.0 + REMOTE.1.saturating_sub(REMOTE.0).mul_f64(f64::from(jitter) / f64::from(u16::MAX)),
    };
    Wake { after, watch: false }
}

/// Waits for a person, the store or the end of a back-off of `left`.
pub(super) fn patient(left: Option<Duration>, jitter: u16) -> Wake {
    let longest = jittered(PATIENT, jitter);
    let shortest = Duration::from_millis(20);
    Wake { after: left.map_or(longest, |left| left.clamp(shortest, longest)), watch: true }
}

/// Open: every look doubles the wait up to the slow check. `settled` counts looks since it opened.
pub(super) fn open(condition: Condition, settled: u32, jitter: u16) -> Wake {
    let settling = SETTLING.saturating_mul(1_u32 << settled.min(12));
    // Without a leader it is not at rest: what ends that state should be seen within seconds.
    let slowest = if condition == Condition::NoLeader { PATIENT } else { OPEN };
    if settling < slowest && condition != Condition::OpenActive {
        return Wake { after: settling, watch: true };
    }
    Wake { after: jittered(slowest, jitter), watch: true }
}
