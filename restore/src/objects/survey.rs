//! A bounded look at what stands under a prefix, in which strangers' names cost a count and no memory.

use std::fmt;
use std::time::Duration;

use super::{Entry, Part};

/// Which names a survey keeps.
pub type Wanted = fn(&str) -> bool;

/// How far a survey goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Most wanted names that are kept.
    pub entries: usize,
    /// Most names that are looked at, wanted or not.
    pub names: u64,
    /// No further page (in a directory: no further name) is asked for once this has passed.
    pub time: Duration,
}

/// Why a survey ended before everything was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// More wanted names than [`Bounds::entries`].
    Entries(usize),
    /// More names than [`Bounds::names`].
    Names(u64),
    /// [`Bounds::time`] passed.
    Time(Duration),
}

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entries(limit) => write!(f, "more than the limit of {limit} objects"),
            Self::Names(limit) => write!(f, "more than {limit} names, most of them foreign"),
            Self::Time(limit) => write!(f, "not listed to its end within {} s", limit.as_secs()),
        }
    }
}

/// What a survey saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Survey {
    /// Wanted names, sorted.
    pub entries: Vec<Entry>,
    /// How many names were seen that are not wanted.
    pub others: u64,
    /// The first few of those.
    pub examples: Vec<Entry>,
    /// Why there may be more. `None`: everything was seen.
    pub cut: Option<Cut>,
    /// The parts beside the first that the store is joined from; none for a store that is one place. What a part with a fault
    /// holds is not among the names.
    pub parts: Vec<Part>,
}

impl Survey {
    /// Most names in [`Survey::examples`].
    pub const EXAMPLES: usize = 16;

    /// Takes one name; `false` once a bound is reached.
    pub(super) fn take(&mut self, entry: Entry, wanted: Wanted, bounds: &Bounds) -> bool {
        if self.entries.len() as u64 + self.others >= bounds.names {
            self.cut = Some(Cut::Names(bounds.names));
        } else if !wanted(&entry.path) {
            self.others += 1;
            if self.examples.len() < Self::EXAMPLES {
                self.examples.push(entry);
            }
        } else if self.entries.len() == bounds.entries {
            self.cut = Some(Cut::Entries(bounds.entries));
        } else {
            self.entries.push(entry);
        }
        self.cut.is_none()
    }

    /// The same, with its names in order.
    pub(super) fn sorted(mut self) -> Self {
        self.entries.sort_by(|one, other| one.path.cmp(&other.path));
        self.examples.sort_by(|one, other| one.path.cmp(&other.path));
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn survey(names: &[&str], bounds: Bounds) -> Survey {
        let mut survey = Survey::default();
        for name in names {
            let entry = Entry { path: (*name).to_owned(), size: 1, modified: None, tag: None };
            if !survey.take(entry, |path| path.starts_with("ours/"), &bounds) {
                break;
            }
        }
        survey.sorted()
    }

    const WIDE: Bounds = Bounds { entries: 2, names: 100, time: Duration::MAX };

    #[test]
    fn strangers_are_counted_and_only_a_few_are_kept() {
        let names: Vec<String> = (0..50).map(|number| format!("other/{number}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).chain(["ours/b", "ours/a"]).collect();
        let seen = survey(&names, WIDE);
        assert_eq!(seen.entries.iter().map(|entry| entry.path.as_str()).collect::<Vec<_>>(), ["ours/a", "ours/b"]);
        assert_eq!((seen.others, seen.examples.len(), seen.cut), (50, Survey::EXAMPLES, None));
    }

    #[test]
    fn a_bound_cuts_exactly_and_says_which() {
        assert_eq!(survey(&["ours/a", "ours/b", "x"], WIDE).cut, None);
        assert_eq!(survey(&["ours/a", "ours/b", "ours/c"], WIDE).cut, Some(Cut::Entries(2)));
        let narrow = Bounds { names: 3, ..WIDE };
        assert_eq!(survey(&["x", "y", "ours/a"], narrow).cut, None);
        let cut = survey(&["x", "y", "ours/a", "z"], narrow);
        assert_eq!((cut.cut, cut.entries.len()), (Some(Cut::Names(3)), 1));
    }
}
