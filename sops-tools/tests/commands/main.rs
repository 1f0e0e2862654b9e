//! What a user sees of the commands that sops has as well: files, messages, exit statuses.
#![expect(clippy::unwrap_used, reason = "a test may end where its ground breaks away")]

mod bed;
mod edit;
mod keys;
mod read;
mod write;
