//! `store verify`: everything that stands in the store, and whether the identities at hand open it.

use std::collections::{BTreeMap, BTreeSet};

use sops_tools::custody::{Identities, StoreKeys};
use sops_tools::secret::Share;

use super::bundle::{self, BundleFault, Place, number_of};
use super::contents::Contents;
use super::names::{CustodianName, Name, VaultName};
use super::reading::{Reading, Whereabouts};
use super::view::{Generation, Seal, Standing, StoreView, conclude, lack};

/// What a verification found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verification {
    /// What the store offers, with all findings.
    pub view: StoreView,
    /// Every bundle that an authentic manifest names, by generation and seal.
    pub bundles: Vec<BundleCheck>,
    /// Generations of which the identities at hand open at least the threshold, and those of which they do not.
    pub opens: Vec<(Generation, bool)>,
    /// Distinct shares that opened, by generation.
    shares: BTreeMap<Generation, usize>,
}

/// One bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BundleCheck {
    /// Path from `vaults/` on.
    pub path: String,
    /// Its generation.
    pub generation: Generation,
    /// Its seal number.
    pub seal: Seal,
    /// The custodian.
    pub custodian: String,
    /// Numbers of the shares inside, or why it was not opened. `None` when the object is not there.
    pub opened: Option<Result<Vec<u8>, BundleFault>>,
    /// Where it is, where it is not here.
    pub whereabouts: Whereabouts,
}

impl BundleCheck {
    /// Whether what stands there is wrong. Being sealed to others is not; one that is missing is a finding of the view, unless
    /// a mark explains that it was pruned.
    pub fn is_bad(&self) -> bool {
        matches!(&self.opened, Some(Err(fault)) if *fault != BundleFault::NotForUs)
    }
}

impl Verification {
    /// Whether nothing is wrong: no finding, no bad bundle, no rollback, and every generation in use opens.
    pub fn is_sound(&self) -> bool {
        let in_use = |generation: &Generation| {
            self.view.candidates.iter().any(|candidate| {
                candidate.generation == *generation && matches!(candidate.standing, Standing::Proven | Standing::Staged)
            })
        };
        self.view.findings.is_empty()
            && !self.view.rolled_back
            && !self.bundles.iter().any(BundleCheck::is_bad)
            && self.view.silent.is_empty()
            && self.opens.iter().all(|(generation, opens)| *opens || !in_use(generation) || self.is_a_part(*generation))
    }

    /// Whether something of it opened here and the rest is in other stores: all that one custodian's store can give.
    fn is_a_part(&self, generation: Generation) -> bool {
        self.shares.get(&generation).is_some_and(|shares| *shares > 0)
            && self.view.candidates.iter().any(|one| one.generation == generation && !one.elsewhere.is_empty())
    }

    /// What is missing to a threshold, in words; `None` for a generation that opens or is not known.
    pub fn lack(&self, generation: Generation) -> Option<String> {
        let opens = self.opens.contains(&(generation, true));
        let candidate = self.view.candidates.iter().find(|one| one.generation == generation).filter(|_| !opens)?;
        let here = self.shares.get(&generation).copied().unwrap_or_default();
        Some(lack(here, candidate.threshold?, &candidate.elsewhere))
    }
}

/// Checks what was loaded. Opens every bundle: some milliseconds of CPU each, so call it where blocking is allowed.
pub fn verify(
    vault: &VaultName,
    store: &Contents,
    keys: &StoreKeys,
    identities: &Identities,
    cache: &Contents,
) -> Verification {
    let reading = Reading::of(vault, store, cache, keys);
    let mut bundles = Vec::new();
    let mut numbers: BTreeMap<Generation, (u8, BTreeSet<u8>)> = BTreeMap::new();
    for (generation, seal, manifest, _) in reading.manifests() {
        let known = numbers.entry(generation).or_insert((manifest.threshold, BTreeSet::new()));
        for entry in &manifest.custodians {
            let Ok(custodian) = CustodianName::new(&entry.name) else { continue };
            let place = Place { vault: vault.clone(), generation, seal, custodian: custodian.clone() };
            let name = Name::Bundle { generation, custodian, seal };
            // What stands under the name is opened even where its digest is wrong: the fault says how it is wrong.
            let copies = reading.sealed.get(&name).map(Vec::as_slice).unwrap_or_default();
            let copy = copies.iter().find(|copy| copy.digest == entry.digest).or(copies.first());
            let opened = copy.map(|copy| {
                bundle::open(&copy.bytes, &place, Some(manifest), identities).map(|opened| {
                    opened.shares.iter().map(|share: &Share| number_of(share, opened.head.total)).collect()
                })
            });
            if let Some(Ok(opened)) = &opened {
                known.1.extend::<&Vec<u8>>(opened);
            }
            bundles.push(BundleCheck {
                path: name.path(vault),
                generation,
                seal,
                custodian: entry.name.clone(),
                opened,
                whereabouts: reading.whereabouts(manifest, entry),
            });
        }
    }
    let shares = numbers.iter().map(|(generation, (_, numbers))| (*generation, numbers.len())).collect();
    let opens = numbers
        .into_iter()
        .map(|(generation, (threshold, numbers))| (generation, numbers.len() >= usize::from(threshold)))
        .collect();
    Verification { view: conclude(vault, &reading), bundles, opens, shares }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::bundle::{BundleHead, digest, make};
    use crate::store::records::{ManifestCustodian, Record};
    use crate::store::testing::{World, manifest, share, time, vault};

    const BUNDLE: &str = "vaults/vault/generations/1/all.1.age";

    /// One generation whose bundle really opens.
    fn world(identities: &Identities) -> World {
        let mut world = World::new();
        let head = BundleHead {
            vault: vault(),
            generation: Generation(1),
            seal: Seal(1),
            custodian: CustodianName::all(),
            threshold: 2,
            total: 2,
            created: time(1),
        };
        let shares = [share(5, 1), share(6, 1)];
        let sealed = make(&head, &[&shares[0], &shares[1]], &identities.to_recipients());
        let sealed = sealed.unwrap_or_else(|fault| unreachable!("{fault}"));
        let entry = ManifestCustodian {
            name: "all".to_owned(),
            recipients: Vec::new(),
            share_numbers: vec![5, 6],
            digest: digest(&sealed),
            size: sealed.len() as u64,
            own_store: false,
        };
        let manifest = manifest(2, entry, 1);
        world.put(BUNDLE, sealed);
        world.record(&Name::Manifest { generation: Generation(1), seal: Seal(1) }, Record::Manifest(manifest), 1);
        world
    }

    fn verified(world: &World, identities: &Identities) -> Verification {
        verify(&vault(), &world.contents, &world.keys, identities, &Contents::default())
    }

    #[test]
    fn a_sound_store_is_sound_and_says_what_opens() {
        let identities = Identities::generate();
        let found = verified(&world(&identities), &identities);
        assert!(found.is_sound());
        assert_eq!(found.bundles[0].opened, Some(Ok(vec![5, 6])));
        assert_eq!(found.opens, [(Generation(1), true)]);
    }

    #[test]
    fn a_bundle_sealed_to_others_is_not_bad_but_the_generation_does_not_open() {
        let found = verified(&world(&Identities::generate()), &Identities::generate());
        assert_eq!(found.bundles[0].opened, Some(Err(BundleFault::NotForUs)));
        assert!(!found.bundles[0].is_bad());
        assert!(!found.is_sound());
    }

    #[test]
    fn a_truncated_or_missing_bundle_is_named() {
        let identities = Identities::generate();
        let mut world = world(&identities);
        let bytes =
            world.contents.objects.iter().find(|object| object.path == BUNDLE).and_then(|object| object.bytes());
        let short = bytes.map(|bytes| bytes[..bytes.len() - 1].to_vec()).unwrap_or_default();
        world.put(BUNDLE, short);
        let found = verified(&world, &identities);
        assert!(matches!(found.bundles[0].opened, Some(Err(BundleFault::Truncated { .. }))));
        assert!(found.bundles[0].is_bad() && !found.is_sound());
        world.remove(BUNDLE);
        let found = verified(&world, &identities);
        assert_eq!(found.bundles[0].opened, None);
        assert_eq!(found.view.findings.iter().map(|finding| finding.class).collect::<Vec<_>>(), ["missing-bundle"]);
        assert!(!found.is_sound());
    }
}
