//! Git, asked through its own program, and what this program does for it.
//!
//! - running `git` with a clean environment, limits and a deadline: [`program`]
//! - what commits, the index and the work tree hold: [`objects`]
//! - a SOPS file as a text that shows what changed and no value: [`textconv`]
//! - telling a repository to use that for its diffs: [`install`]

pub mod install;
pub mod objects;
pub mod program;
pub mod textconv;
