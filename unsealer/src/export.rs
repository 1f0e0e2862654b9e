//! Break glass: the shares in clear, opened by hand with an offline identity. Needs no store key and no server.

pub mod trial;

use restore::objects::{ObjectPath, ReadObjects};
use sops_tools::custody::{Identities, SEALED_LIMIT, StoreKeys};
use sops_tools::report::{ExitStatus, Failure};

use crate::store::bundle::{self, BundleFault, OpenedBundle, Place};
use crate::store::contents::Contents;
use crate::store::listing;
use crate::store::load::load;
use crate::store::names::{CustodianName, Name, VaultName};
use crate::store::view::{Elsewhere, Generation, Seal, StoreView, derive, lack};

/// What was opened. Where a store key tells, bundles that an authentic manifest names go before all others.
pub struct Exported {
    /// The bundles that opened, of one generation.
    pub bundles: Vec<OpenedBundle>,
    /// Whether an authentic manifest names every bundle that opened; `None` without a store key to tell.
    pub authentic: Option<bool>,
    /// What did not open, one line each.
    pub faults: Vec<String>,
    /// Who holds more of the generation in a store that was not read, as far as an authentic manifest tells.
    pub elsewhere: Vec<Elsewhere>,
}

impl Exported {
    /// Distinct shares in all.
    pub fn share_count(&self) -> usize {
        self.bundles.iter().map(|bundle| bundle.shares.len()).sum()
    }

    /// What is missing to a threshold, in words.
    pub fn lack(&self) -> Option<String> {
        let threshold = self.bundles.first()?.head.threshold;
        let here = self.share_count();
        (here < usize::from(threshold)).then(|| lack(here, threshold, &self.elsewhere))
    }
}

/// Opens the bundles of `generation`; without one, of the current generation where `keys` tell it, else of the newest that opens.
///
/// # Errors
/// `Absent` where no bundle stands, `Unavailable` where the one that opens may lie in what could not be listed, `Integrity`
/// where none opens, and what the store says.
pub async fn export(
    store: &dyn ReadObjects,
    vault: &VaultName,
    keys: Option<&StoreKeys>,
    identities: &Identities,
    generation: Option<Generation>,
) -> Result<Exported, Failure> {
    let (found, missed) = bundles(store, vault).await?;
    if found.is_empty() {
        if !missed.is_empty() {
            return Err(partly_unread(format!("{vault}: no bundle is among what could be listed"), missed));
        }
        return Err(Failure::new(ExitStatus::Absent, "no-bundle", format!("{vault}: no sealed bundle stands in the store"))
            .hint("check store.url and the Vault's name; a cache directory of a daemon is a store as well: --store-url file:///…/cache"));
    }
    let view = standing(store, vault, keys).await;
    let current = view.as_ref().and_then(|view| view.current);
    let named = view.as_ref().map(named_bundles);
    let mut generations: Vec<Generation> = found.iter().map(|(generation, _, _)| *generation).collect();
    generations.sort_unstable();
    generations.dedup();
    generations.reverse();
    if let Some(first) = generation.or(current) {
        generations.retain(|one| *one == first || generation.is_none());
        generations.sort_by_key(|one| *one != first);
    }
    let complete = missed.is_empty();
    let mut faults = Faults { lines: missed, first: None };
    for generation in generations {
        let named = named.as_deref();
        let bundles = open_generation(store, vault, &found, generation, named, identities, &mut faults).await?;
        if !bundles.is_empty() {
            let authentic = named.map(|_| bundles.iter().all(|(_, authentic)| *authentic));
            let candidate = view.iter().flat_map(|view| &view.candidates).find(|one| one.generation == generation);
            let elsewhere = candidate.map(|candidate| candidate.elsewhere.clone()).unwrap_or_default();
            let bundles = bundles.into_iter().map(|(bundle, _)| bundle).collect();
            return Ok(Exported { bundles, authentic, faults: faults.lines, elsewhere });
        }
    }
    // What opens with this identity may lie where nothing was seen.
    if !complete && faults.first.is_none() {
        return Err(partly_unread(
            format!("{vault}: no bundle that could be read opens with this identity"),
            faults.lines,
        ));
    }
    let mut failure =
        Failure::new(ExitStatus::Integrity, "bundle-closed", format!("{vault}: no bundle opens with this identity"));
    failure.causes = faults.lines;
    let other_identity =
        "give the identity of one of the recipients with --identity FILE; `unsealer status` shows their fingerprints";
    Err(failure.hint(faults.first.as_ref().map_or(other_identity, BundleFault::hint)))
}

fn partly_unread(problem: String, causes: Vec<String>) -> Failure {
    let failure = Failure::new(ExitStatus::Unavailable, "store-partly-unread", problem);
    Failure { causes, ..failure }.hint("make the stores that are named answer, move strangers' objects away, or read another copy: --store-url file:///… with a daemon's cache directory")
}

/// What did not open.
struct Faults {
    /// One line each.
    lines: Vec<String>,
    /// What is wrong with the first that is not merely sealed to others: to be mended first.
    first: Option<BundleFault>,
}

impl Faults {
    fn add(&mut self, path: &str, fault: BundleFault) {
        self.lines.push(format!("{path}: {fault}"));
        if fault != BundleFault::NotForUs {
            self.first.get_or_insert(fault);
        }
    }
}

type Found = (Generation, Seal, CustodianName);

/// Path and digest of a bundle that an authentic manifest names.
type NamedBundle = (String, String);

/// The bundles that stand there, newest first, and every reason why there may be more.
async fn bundles(store: &dyn ReadObjects, vault: &VaultName) -> Result<(Vec<Found>, Vec<String>), Failure> {
    let listed = listing::bundles(store, vault).await?;
    let mut found: Vec<Found> = listed
        .entries
        .iter()
        .filter_map(|entry| match Name::parse(&entry.path) {
            Ok((_, Name::Bundle { generation, custodian, seal })) => Some((generation, seal, custodian)),
            _ => None,
        })
        .collect();
    found.sort_by_key(|(generation, seal, _)| std::cmp::Reverse((*generation, *seal)));
    let cut = listed.cut.into_iter().map(|(prefix, reason)| format!("{prefix}: {reason}"));
    Ok((found, cut.chain(listed.parts.into_iter().filter_map(|part| part.fault)).collect()))
}

/// What the store key tells, where there is one. A store that cannot be asked here does not stand in the way of break glass.
async fn standing(store: &dyn ReadObjects, vault: &VaultName, keys: Option<&StoreKeys>) -> Option<StoreView> {
    let keys = keys?;
    match load(store, vault, keys, &Contents::default(), None).await {
        Ok(contents) => Some(derive(vault, &contents, keys, &Contents::default())),
        Err(error) => {
            tracing::warn!(%error, "what is authentic could not be told");
            None
        }
    }
}

fn named_bundles(view: &StoreView) -> Vec<NamedBundle> {
    let authentic = view.candidates.iter().filter(|one| one.threshold.is_some());
    authentic.flat_map(|one| &one.bundles).map(|one| (one.path.clone(), one.digest.clone())).collect()
}

/// Of each custodian one bundle that opens, with whether an authentic manifest names it: named ones first, then the newest seal.
async fn open_generation(
    store: &dyn ReadObjects,
    vault: &VaultName,
    found: &[Found],
    generation: Generation,
    named: Option<&[NamedBundle]>,
    identities: &Identities,
    faults: &mut Faults,
) -> Result<Vec<(OpenedBundle, bool)>, Failure> {
    let mut read = Vec::new();
    for (_, seal, custodian) in found.iter().filter(|(one, _, _)| *one == generation) {
        let path = Name::Bundle { generation, custodian: custodian.clone(), seal: *seal }.path(vault);
        let object = ObjectPath::new(path.clone())
            .map_err(|error| Failure::new(ExitStatus::Unexpected, "object-path", error.to_string()))?;
        match store.get(&object, SEALED_LIMIT as u64).await {
            Ok(sealed) => {
                let digest = bundle::digest(&sealed);
                let known = |(at, of): &NamedBundle| *at == path && *of == digest;
                let authentic = named.is_some_and(|named| named.iter().any(known));
                read.push((authentic, *seal, custodian, path, sealed));
            }
            Err(error) => faults.lines.push(error.to_string()),
        }
    }
    read.sort_by_key(|(authentic, seal, ..)| std::cmp::Reverse((*authentic, *seal)));
    let mut opened: Vec<(OpenedBundle, bool)> = Vec::new();
    for (authentic, seal, custodian, path, sealed) in read {
        let done = opened.iter().any(|(bundle, _)| bundle.head.custodian == *custodian);
        let place = Place { vault: vault.clone(), generation, seal, custodian: custodian.clone() };
        match bundle::open(&sealed, &place, None, identities) {
            Ok(_) if done => faults.lines.push(format!("{path}: opens too and is not the one taken")),
            Ok(bundle) => opened.push((bundle, authentic)),
            Err(fault) => faults.add(&path, fault),
        }
    }
    Ok(opened)
}
