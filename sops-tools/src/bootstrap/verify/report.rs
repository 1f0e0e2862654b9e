//! What is told of a look at the files.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::file::Looked;
use super::{Finding, Level};
use crate::bootstrap::catalogue::BootstrapSecret;

/// Every file that was looked at, and every finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    files: Vec<FileReport>,
    /// About secrets, and what files are to each other.
    among: Vec<Finding>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct FileReport {
    path: String,
    secrets: Vec<BootstrapSecret>,
    /// Whether it was opened and its MAC fits.
    is_verified: bool,
    findings: Vec<Finding>,
}

impl Report {
    pub(super) fn of(looked: &mut [Looked], mut among: Vec<Finding>) -> Self {
        among.sort();
        let files = looked.iter_mut().map(|file| {
            let mut findings = std::mem::take(&mut file.findings);
            findings.sort_by(|one, other| other.level.cmp(&one.level).then_with(|| one.cmp(other)));
            let unverified = ["closed", "mac", "value"];
            FileReport {
                path: file.shown.clone(),
                secrets: file.secrets.iter().map(|(secret, _)| *secret).collect(),
                is_verified: file.sealed.is_some()
                    && !findings.iter().any(|finding| unverified.contains(&finding.class)),
                findings,
            }
        });
        Self { files: files.collect(), among }
    }

    /// All findings, file by file, then those among files.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.files.iter().flat_map(|file| &file.findings).chain(&self.among)
    }

    /// Files that hold one of the secrets, as they are shown.
    pub fn files_of_secrets(&self) -> Vec<String> {
        self.files.iter().filter(|file| !file.secrets.is_empty()).map(|file| file.path.clone()).collect()
    }

    /// Adds what somebody else found about a file.
    pub fn add(&mut self, file: &str, finding: Finding) {
        if let Some(known) = self.files.iter_mut().find(|known| known.path == file) {
            known.findings.push(finding);
        }
    }

    /// For people: a line for each sound file, and one for each finding.
    pub fn to_text(&self) -> String {
        let mut text = String::new();
        for file in &self.files {
            let secrets = file.secrets.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
            let of = if secrets.is_empty() { String::new() } else { format!(" ({secrets})") };
            if file.findings.iter().all(|finding| finding.level == Level::Note) {
                let _ = writeln!(text, "good       {}{of}", file.path);
            }
            file.findings.iter().for_each(|finding| line(&mut text, finding));
        }
        self.among.iter().for_each(|finding| line(&mut text, finding));
        if self.files.is_empty() {
            text.push_str("no SOPS file was found\n");
        }
        text
    }

    /// For programs.
    pub fn to_json(&self) -> Value {
        let finding = |finding: &Finding| {
            json!({
                "place": finding.place,
                "level": finding.level.word(),
                "class": finding.class,
                "seen": finding.seen,
                "next": finding.next,
            })
        };
        let files = self.files.iter().map(|file| {
            json!({
                "path": file.path,
                "secrets": file.secrets.iter().map(ToString::to_string).collect::<Vec<_>>(),
                "verified": file.is_verified,
                "findings": file.findings.iter().map(finding).collect::<Vec<_>>(),
            })
        });
        json!({"files": files.collect::<Vec<_>>(), "findings": self.among.iter().map(finding).collect::<Vec<_>>()})
    }
}

fn line(text: &mut String, finding: &Finding) {
    let Finding { level, place, seen, next, .. } = finding;
    let _ = writeln!(text, "{:<10} {place}: {seen}; next: {next}", level.word());
}
