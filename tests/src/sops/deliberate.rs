//! The table of `docs/sops.md` that names every difference which is meant.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// Rows of the table, and which of them a test has seen.
///
/// A row is `| kind: what | sops | sops-tools | reason |`; the verdicts are exit statuses. A difference without a row is a
/// fault, and so is a row without a difference.
#[derive(Debug)]
pub struct Deliberate {
    rows: BTreeMap<String, Row>,
    seen: Mutex<BTreeMap<String, usize>>,
}

#[derive(Debug, PartialEq, Eq)]
struct Row {
    sops: String,
    ours: String,
}

impl Deliberate {
    /// The rows of one kind.
    ///
    /// # Panics
    /// Where the page or its table is not there, or a row has no reason.
    pub fn of(kind: &str) -> Self {
        let page = crate::tools::workspace().join("docs/sops.md");
        let page = std::fs::read_to_string(&page).unwrap_or_else(|error| panic!("{}: {error}", page.display()));
        let rows = rows(&page, kind);
        Self { rows, seen: Mutex::new(BTreeMap::new()) }
    }

    /// Whether the statuses of both sides are what the row `what` says. Equal ones need no row.
    ///
    /// # Errors
    /// What is missing or different.
    pub fn judge(&self, what: &str, sops: &str, ours: i32) -> Result<(), String> {
        let ours = ours.to_string();
        if sops == ours {
            return Ok(());
        }
        let Some(row) = self.rows.get(what) else {
            return Err(format!("sops says {sops}, sops-tools {ours}, and docs/sops.md has no row \"{what}\""));
        };
        if *row != (Row { sops: sops.to_owned(), ours: ours.clone() }) {
            let (said, here) = (&row.sops, &row.ours);
            return Err(format!("sops says {sops}, sops-tools {ours}; docs/sops.md says {said} and {here}"));
        }
        *self.seen.lock().expect("no holder panics").entry(what.to_owned()).or_default() += 1;
        Ok(())
    }

    /// As [`Deliberate::judge`], where a row may be about one format alone: `what in FORMAT`.
    ///
    /// # Errors
    /// What is missing or different.
    pub fn judge_in(&self, what: &str, format: super::Format, sops: &str, ours: i32) -> Result<(), String> {
        let narrow = format!("{what} in {}", format.name());
        self.judge(if self.rows.contains_key(&narrow) { &narrow } else { what }, sops, ours)
    }

    /// Whether the table says that sops and ours both succeed at `what` and come to other results: `0` and `0, otherwise`.
    pub fn otherwise(&self, what: &str) -> bool {
        let meant = self.rows.get(what).is_some_and(|row| row.sops == "0" && row.ours == "0, otherwise");
        if meant {
            *self.seen.lock().expect("no holder panics").entry(what.to_owned()).or_default() += 1;
        }
        meant
    }

    /// Rows that no case has shown to be true.
    pub fn unseen(&self) -> Vec<String> {
        let seen = self.seen.lock().expect("no holder panics");
        let unseen = self.rows.keys().filter(|what| !seen.contains_key(*what));
        unseen.map(|what| format!("docs/sops.md, row \"{what}\": no case differs so")).collect()
    }
}

fn rows(page: &str, kind: &str) -> BTreeMap<String, Row> {
    let mut rows = BTreeMap::new();
    for line in page.lines() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [what, sops, ours, reason] = cells[..] else { continue };
        let Some(what) = what.strip_prefix(kind).and_then(|rest| rest.strip_prefix(": ")) else { continue };
        assert!(reason.len() >= 15, "docs/sops.md: {what} has no reason");
        let row = Row { sops: sops.to_owned(), ours: ours.to_owned() };
        assert!(rows.insert(what.to_owned(), row).is_none(), "docs/sops.md: {what} stands there twice");
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_by_kind() {
        let page = "| attack: a tail | 0 | 25 | a reason long enough |\n| read: it | 1 | 0 | another such reason |\n";
        let expected = Row { sops: "0".to_owned(), ours: "25".to_owned() };
        assert_eq!(rows(page, "attack"), BTreeMap::from([("a tail".to_owned(), expected)]));
    }

    #[test]
    fn a_difference_needs_its_row_and_a_row_its_difference() {
        let rows = rows("| attack: a tail | 0 | 25 | a reason long enough |", "attack");
        let table = Deliberate { rows, seen: Mutex::default() };
        assert_eq!(table.judge("other", "0", 0), Ok(()));
        assert!(table.judge("other", "0", 25).is_err());
        assert!(table.judge("a tail", "0", 51).is_err());
        assert_eq!(table.unseen().len(), 1);
        assert_eq!(table.judge("a tail", "0", 25), Ok(()));
        assert!(table.unseen().is_empty());
    }
}
