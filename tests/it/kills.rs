//! kill -9 and broken stores at every call of init, import and unseal, and where the printed sentence leads afterwards.
//!
//! Every trial is killed or hurt from outside, at a call that a proxy sees or a file that appears. Then the same command is
//! run again; where it refuses, its sentence is followed by the letter ([`follow`]); in the end a restarted server must open
//! with nothing but what the store holds. `UNSEALER_LONG=1` runs the whole matrix, without it a sample runs.
#![expect(
    clippy::expect_used,
    clippy::panic,
    clippy::print_stdout,
    reason = "a trial that breaks has failed; counts are shown"
)]

mod anew;
mod bed;
mod daemon;
mod faults;
mod files;
mod follow;
mod lost;
mod series;
mod tally;
