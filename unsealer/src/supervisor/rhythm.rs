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
    /// At the latest after this time; at most 100 s.
    pub after: Duration,
    /// What may end the wait earlier.
    pub meanwhile: Meanwhile,
}

/// What is done while a wait lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meanwhile {
    /// Nothing.
    Sleep,
    /// Hold an idle connection, and look at once when it ends.
    Watch,
    /// Nothing listens there: look at once when something does.
    Knock,
}

/// No wait is longer.
pub(super) const LONGEST: Duration = Duration::from_secs(100);

/// Slowest look at an open server. Each is two requests (seal-status, leader), and the held connection one in four minutes: together
/// less than two a minute.
const OPEN: Duration = Duration::from_secs(75);
/// First look after it opened; doubles until [`OPEN`], so that active or standby is known soon.
const SETTLING: Duration = Duration::from_millis(40);
/// A server on this host that is sealed, or answers nothing of use.
const TIGHT: Duration = Duration::from_millis(20);
/// Longest wait for a server on this host that is down: knocking finds out within milliseconds that it listens again.
const DOWN: Duration = Duration::from_secs(1);
/// A restarted raft member names no threshold, or says "uninitialised", for some ten milliseconds: that long it is looked at without
/// a pause.
const PASSING: Duration = Duration::from_secs(1);
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
    Wake { after: Duration::from_millis(4), meanwhile: Meanwhile::Sleep }
}

/// Has been empty or without a threshold for `stood`, and is about to change.
pub(super) fn passing(place: Place, stood: Duration, jitter: u16) -> Wake {
    if place == Place::Local && stood < PASSING { soon() } else { tight(place, jitter) }
}

/// Nothing listens at the server's address.
pub(super) fn down(place: Place, jitter: u16) -> Wake {
    match place {
        Place::Local => Wake { after: jittered(DOWN, jitter), meanwhile: Meanwhile::Knock },
        Place::Remote => tight(place, jitter),
    }
}

/// Down or sealed, and about to change.
pub(super) fn tight(place: Place, jitter: u16) -> Wake {
    let after = match place {
        Place::Local => jittered(TIGHT, jitter),
        Place::Remote => REMOTE.0 + REMOTE.1.saturating_sub(REMOTE.0).mul_f64(f64::from(jitter) / f64::from(u16::MAX)),
    };
    Wake { after, meanwhile: Meanwhile::Sleep }
}

/// Waits for a person, the store or the end of a back-off of `left`.
pub(super) fn patient(left: Option<Duration>, jitter: u16) -> Wake {
    let longest = jittered(PATIENT, jitter);
    let shortest = Duration::from_millis(20);
    Wake { after: left.map_or(longest, |left| left.clamp(shortest, longest)), meanwhile: Meanwhile::Watch }
}

/// Open: every look doubles the wait up to the slow check. `settled` counts looks since it opened.
pub(super) fn open(condition: Condition, settled: u32, jitter: u16) -> Wake {
    let settling = SETTLING.saturating_mul(1_u32 << settled.min(12));
    // Without a leader it is not at rest: what ends that state should be seen within seconds.
    let slowest = if condition == Condition::NoLeader { PATIENT } else { OPEN };
    if settling < slowest && condition != Condition::OpenActive {
        return Wake { after: settling, meanwhile: Meanwhile::Watch };
    }
    Wake { after: jittered(slowest, jitter), meanwhile: Meanwhile::Watch }
}
