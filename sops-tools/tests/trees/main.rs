//! What a user sees of the commands on whole trees: exit statuses, files, texts.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test may end where its ground breaks away")]

mod bed;
mod git;
mod scan;
mod tree;
mod verify;
