//! Which objects of one Vault stand in a store, within limits that a stranger's flood cannot turn against us.
//!
//! Names of the layout are kept, all others counted. Where one listing reaches a limit each section is listed by itself, so
//! that a flood of one hides none of the others; what is cut then is told and is never "nothing there".

use std::time::Duration;

use futures::future::join_all;
use restore::objects::{Bounds, Entry, ErrorKind, ObjectError, Part, ReadObjects, Survey};

use super::names::{Name, VaultName};

/// Most names of the layout that one listing keeps: the honest history of a Vault is some hundred.
pub(crate) const ENTRY_LIMIT: usize = 4096;
/// Limits of one listing. Names: 50 pages of S3.
const BOUNDS: Bounds = Bounds { entries: ENTRY_LIMIT, names: 50_000, time: Duration::from_secs(10) };
/// Folders below a Vault's name.
const SECTIONS: [&str; 5] = ["generations/", "intents/", "holds/", "rotations/", "snapshots/"];

/// What was listed.
#[derive(Debug, Default)]
pub(crate) struct Listed {
    /// Objects with a name of the layout.
    pub entries: Vec<Entry>,
    /// The first few of the others.
    pub foreign_examples: Vec<Entry>,
    /// How many others there are, as far as they were counted.
    pub foreign: u64,
    /// Prefixes that were not listed to their end, each with the reason.
    pub cut: Vec<(String, String)>,
    /// Parts that the store is joined from, with a fault where any listing went without one.
    pub parts: Vec<Part>,
}

impl Listed {
    fn add(&mut self, prefix: &str, survey: Survey) {
        self.entries.extend(survey.entries);
        self.foreign += survey.others;
        self.foreign_examples.extend(survey.examples);
        self.foreign_examples.truncate(Survey::EXAMPLES);
        self.cut.extend(survey.cut.map(|cut| (prefix.to_owned(), cut.to_string())));
        self.add_parts(survey.parts);
    }

    fn add_parts(&mut self, parts: Vec<Part>) {
        for part in parts {
            match self.parts.iter_mut().find(|known| known.name == part.name) {
                Some(known) => known.fault = known.fault.take().or(part.fault),
                None => self.parts.push(part),
            }
        }
    }
}

/// Lists everything under `vault`.
pub(super) async fn all(store: &dyn ReadObjects, vault: &VaultName) -> Result<Listed, ObjectError> {
    let whole = one(store, &vault.prefix()).await?;
    if whole.cut.is_empty() {
        return Ok(whole);
    }
    let prefixes = SECTIONS.map(|section| format!("{}{section}", vault.prefix()));
    let surveys = join_all(prefixes.iter().map(|prefix| store.survey(prefix, is_ours, BOUNDS))).await;
    let mut listed = Listed::default();
    for (prefix, survey) in prefixes.iter().zip(surveys) {
        match survey {
            Ok(survey) => listed.add(prefix, survey),
            // The store answered a moment ago: what it gave of the other sections is worth having.
            Err(error) if error.kind == ErrorKind::Unavailable => {
                listed.cut.push((prefix.clone(), error.to_string()));
            }
            Err(error) => return Err(error),
        }
    }
    listed.add_parts(whole.parts);
    // Strangers' names outside of the sections were counted by the first listing alone, and only as far as it went.
    listed.foreign = listed.foreign.max(whole.foreign);
    if listed.foreign_examples.is_empty() {
        listed.foreign_examples = whole.foreign_examples;
    }
    Ok(listed)
}

/// Lists what goes on with `prefix`.
pub(super) async fn one(store: &dyn ReadObjects, prefix: &str) -> Result<Listed, ObjectError> {
    let mut listed = Listed::default();
    listed.add(prefix, store.survey(prefix, is_ours, BOUNDS).await?);
    Ok(listed)
}

/// The bundles under `vault`, for who needs nothing else.
pub(crate) async fn bundles(store: &dyn ReadObjects, vault: &VaultName) -> Result<Listed, ObjectError> {
    let prefix = format!("{}generations/", vault.prefix());
    let mut listed = Listed::default();
    listed.add(&prefix, store.survey(&prefix, is_bundle, BOUNDS).await?);
    Ok(listed)
}

fn is_ours(path: &str) -> bool {
    Name::parse(path).is_ok()
}

fn is_bundle(path: &str) -> bool {
    matches!(Name::parse(path), Ok((_, Name::Bundle { .. })))
}
