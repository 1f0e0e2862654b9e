//! Counts of how trials ended.

use std::collections::BTreeMap;

/// How often each way out was taken.
#[derive(Debug, Default)]
pub(super) struct Tally(BTreeMap<String, usize>);

impl Tally {
    /// Counts one trial by the sentences it followed.
    pub(super) fn count(&mut self, followed: &[String]) {
        let way = if followed.is_empty() { "again, done".to_owned() } else { followed.join(", ") };
        *self.0.entry(way).or_default() += 1;
    }

    /// All trials.
    pub(super) fn total(&self) -> usize {
        self.0.values().sum()
    }

    /// Prints all of it.
    pub(super) fn print(&self, what: &str) {
        println!("{what}: {} trials, all opened from the store in the end", self.total());
        for (way, count) in &self.0 {
            println!("  {count:4} × {way}");
        }
    }
}

/// Whether the whole matrix was asked for.
pub(super) fn long() -> bool {
    std::env::var_os("UNSEALER_LONG").is_some_and(|value| value == "1")
}
