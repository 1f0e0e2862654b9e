//! Everything that reads bytes of others, with broken ones: no panic, an answer in time, memory in proportion, and no lie.
//!
//! A sample runs with all tests; `tests/long fuzz` runs for `FUZZ_SECONDS`. `engine` says how it works and where findings are.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a test: what it cannot do fails it, and its figures are shown"
)]

use std::path::{Path, PathBuf};

mod engine;
mod formats;
mod mutate;
mod sealed;
mod texts;

/// Counts what is allocated. It wipes nothing, unlike that of the program.
#[global_allocator]
static ALLOC: peak_alloc::PeakAlloc = peak_alloc::PeakAlloc;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus")
}

/// The kept files of one target, in the order of their names.
fn corpus(name: &str) -> Vec<Vec<u8>> {
    let folder = folder().join(name);
    let entries = std::fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty(), "no corpus for {name}");
    paths.iter().map(|path| std::fs::read(path).unwrap()).collect()
}
