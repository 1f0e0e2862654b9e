//! `bootstrap verify`.

use std::ffi::OsStr;
use std::path::PathBuf;

use clap::Args;

use super::{Who, places, secret};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::keygen::KeyRole;
use crate::bootstrap::verify::{Finding, Level, Order, verify};
use crate::commands::site::Site;
use crate::commands::survey::{GIT_DEADLINE, git, named_config};
use crate::report::Failure;
use crate::terminal::{self, Output};
use crate::worktree::place::Tree;

pub(super) const EXAMPLES: &str = "\
Examples:
  sops-tools bootstrap verify bootstrap clusters/prod --keys keys
  sops-tools bootstrap verify . --identity ~/operator.agekey --output json
  sops-tools bootstrap verify clusters/prod --only backup-repo,backup-s3

Every file below the folders that is sealed, or named *.sops.*, is read as Flux does (which does not check the MAC) and as we do:
MAC, recipients against .sops.yaml, names, keys, contents, and who can open what. One line for each finding, with what to do.

Exit status: 0 sound · 2 usage · 3 not as the rules want it · 4 something is not there · 5 not looked at · 6 damaged, forged or in clear.
docs/bootstrap-secrets.md lists every finding.";

/// Longest listing of one file.
const LISTING: usize = 64 << 10;

/// What `bootstrap verify` is told.
#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// Folders and files; by default the current folder
    #[arg(value_name = "DIR")]
    places: Vec<PathBuf>,
    /// Only these have to be there; by default all five
    #[arg(long, value_delimiter = ',', value_name = "NAME", value_parser = secret)]
    only: Vec<BootstrapSecret>,
    #[command(flatten)]
    who: Who,
}

impl Verify {
    pub(super) fn run(self, form: Output, site: &Site<'_>) -> Result<(), Failure> {
        self.who.check()?;
        let gathered = self.who.at_hand(site)?;
        let needed = BootstrapSecret::ALL.into_iter().filter(|secret| secret.is_needed());
        let order = Order {
            places: places(self.places),
            wanted: if self.only.is_empty() { needed.collect() } else { self.only },
            cluster: self.who.of_role(KeyRole::Cluster)?,
            operator: self.who.of_role(KeyRole::Operator)?,
            at_hand: &gathered,
            config: named_config(site),
            current: site.current.clone(),
            now: site.clock.now(),
        };
        let mut report = verify(&order)?;
        for file in report.files_of_secrets() {
            if let Some(finding) = outside_of_git(&file, site) {
                report.add(&file, finding);
            }
        }
        let mut judgement = report.judgement();
        if report.findings().any(|finding| finding.class == "closed") {
            // Where identities were looked for is the same for all files.
            judgement = judgement.map(|failure| {
                gathered.asked.iter().fold(failure, |failure, asked| failure.cause(format!("tried: {asked}")))
            });
        }
        terminal::conclude(form, &report.to_text(), report.to_json(), judgement)
    }
}

/// What Git would not bring along. Where Git cannot be asked nothing is told: a folder need not be in one.
fn outside_of_git(file: &str, site: &Site<'_>) -> Option<Finding> {
    let path = site.current.join(file);
    let tree = Tree::of(std::slice::from_ref(&path)).ok()?;
    tree.git.as_ref()?;
    let git = git(&tree, site, None, GIT_DEADLINE);
    let name = path.canonicalize().ok()?.strip_prefix(&tree.root).ok()?.to_owned();
    let listed = |more: &[&str]| {
        let words = ["ls-files", "-z", "--others", "--exclude-standard"].iter().chain(more).map(OsStr::new);
        let words: Vec<&OsStr> = words.chain([OsStr::new("--"), name.as_os_str()]).collect();
        git.output(&words, LISTING).is_ok_and(|out| !out.is_empty())
    };
    if listed(&["--ignored"]) {
        let seen = "Git ignores it: no commit will hold it, and a clone will not have it";
        let next = "take it out of the ignore file (git check-ignore -v names it), then commit it";
        return Some(Finding::new(file, Level::Drift, "ignored", seen, next));
    }
    listed(&[]).then(|| {
        Finding::new(file, Level::Note, "not-committed", "Git does not track it yet", "git add it, and commit")
    })
}
