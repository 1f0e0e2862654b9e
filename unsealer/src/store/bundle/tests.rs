use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use sops_tools::secret::Plaintext;

use super::*;
use crate::store::records::ALGORITHM;
use crate::store::testing::{share, time, vault};

fn head(generation: u32) -> BundleHead {
    BundleHead {
        vault: vault(),
        generation: Generation(generation),
        seal: Seal(1),
        custodian: CustodianName::all(),
        threshold: 2,
        total: 3,
        created: time(0),
    }
}

fn place(generation: u32) -> Place {
    Place { vault: vault(), generation: Generation(generation), seal: Seal(1), custodian: CustodianName::all() }
}

fn shares() -> Vec<Share> {
    [7, 200, 31].into_iter().map(|number| share(number, 1)).collect()
}

fn sealed(identities: &Identities) -> Vec<u8> {
    let shares = shares();
    let shares: Vec<&Share> = shares.iter().collect();
    make(&head(1), &shares, &identities.to_recipients()).unwrap_or_default()
}

fn manifest(sealed: &[u8]) -> Manifest {
    let entry = ManifestCustodian {
        name: "all".to_owned(),
        recipients: Vec::new(),
        share_numbers: vec![7, 31, 200],
        digest: digest(sealed),
        size: sealed.len() as u64,
        own_store: false,
    };
    Manifest {
        shares: 3,
        threshold: 2,
        algorithm: ALGORITHM.to_owned(),
        custodians: vec![entry],
        created: time(0),
        tool_version: "0".to_owned(),
    }
}

/// Seals a text that somebody edited by hand.
fn edited(edit: impl Fn(&str) -> String, identities: &Identities) -> Vec<u8> {
    let shares = shares();
    let shares: Vec<&Share> = shares.iter().collect();
    let plain = text::write(&head(1), &shares).unwrap_or_else(|| unreachable!("it fits"));
    let changed = edit(std::str::from_utf8(plain.expose()).unwrap_or_default());
    let changed = Plaintext::copy_from(changed.as_bytes());
    sops_tools::custody::seal(&changed, &identities.to_recipients()).unwrap_or_default()
}

fn fault(sealed: &[u8], place: &Place, manifest: Option<&Manifest>, identities: &Identities) -> BundleFault {
    match open(sealed, place, manifest, identities) {
        Err(fault) => fault,
        Ok(_) => unreachable!("a bad bundle was opened"),
    }
}

fn encoded(number: u8) -> String {
    STANDARD.encode(share(number, 1).expose())
}

#[test]
fn what_was_sealed_opens_with_the_same_shares() {
    let identities = Identities::generate();
    let sealed = sealed(&identities);
    let manifest = manifest(&sealed);
    let opened = open(&sealed, &place(1), Some(&manifest), &identities).unwrap_or_else(|fault| unreachable!("{fault}"));
    assert_eq!(opened.head, head(1));
    let shares = shares();
    assert!(opened.same_shares(&shares.iter().collect::<Vec<_>>()), "in any order");
    assert!(!opened.same_shares(&shares.iter().take(2).collect::<Vec<_>>()));
    let others: Vec<Share> = [7, 200, 31].into_iter().map(|number| share(number, 2)).collect();
    assert!(!opened.same_shares(&others.iter().collect::<Vec<_>>()));
}

#[test]
fn five_kinds_of_bad_bundle_give_five_messages_with_one_hint_each() {
    let identities = Identities::generate();
    let good = sealed(&identities);
    let flipped = edited(|text| text.replace(&encoded(31), &STANDARD.encode(share(31, 9).expose())), &identities);
    let swapped = edited(
        |text| text.replace(&encoded(7), "X").replace(&encoded(31), &encoded(7)).replace('X', &encoded(31)),
        &identities,
    );
    let foreign = edited(|text| text.replace("\"vault\":\"vault\"", "\"vault\":\"other\""), &identities);
    let truncated = &good[..good.len() - 20];
    let faults = [
        (fault(&flipped, &place(1), None, &identities), "damaged-share"),
        (fault(&swapped, &place(1), None, &identities), "swapped-shares"),
        (fault(&good, &place(2), None, &identities), "other-generation"),
        (fault(truncated, &place(1), Some(&manifest(&good)), &identities), "truncated"),
        (fault(&foreign, &place(1), None, &identities), "other-vault"),
    ];
    for (fault, class) in &faults {
        assert_eq!(fault.class(), *class);
    }
    let messages: BTreeSet<String> = faults.iter().map(|(fault, _)| fault.to_string()).collect();
    assert_eq!(messages.len(), 5);
    let hints: BTreeSet<&str> = faults.iter().map(|(fault, _)| fault.hint()).collect();
    assert_eq!(hints.len(), 5);
}

#[test]
fn shares_whose_numbers_are_not_those_of_the_manifest_are_swapped() {
    let identities = Identities::generate();
    let sealed = sealed(&identities);
    let mut manifest = manifest(&sealed);
    manifest.custodians[0].share_numbers = vec![7, 32, 200];
    assert_eq!(fault(&sealed, &place(1), Some(&manifest), &identities), BundleFault::Swapped { number: 31 });
}

#[test]
fn a_number_that_is_not_the_x_coordinate_is_noticed_without_a_manifest() {
    let identities = Identities::generate();
    let renumbered = edited(|text| text.replace("\"number\":31", "\"number\":32"), &identities);
    assert_eq!(fault(&renumbered, &place(1), None, &identities), BundleFault::Swapped { number: 32 });
}

#[test]
fn other_faults_are_told_apart_too() {
    let identities = Identities::generate();
    let good = sealed(&identities);
    let mut changed = good.clone();
    let last = changed.len() - 1;
    changed[last] ^= 1;
    assert_eq!(fault(&changed, &place(1), Some(&manifest(&good)), &identities), BundleFault::Changed);
    assert_eq!(fault(&changed, &place(1), None, &identities), BundleFault::Unreadable);
    assert_eq!(fault(&good, &place(1), None, &Identities::generate()), BundleFault::NotForUs);
    assert_eq!(fault(b"age-encryption.org/v1\n-> X", &place(1), None, &identities).class(), "truncated");
    let newer = edited(|text| text.replace("bundle/v1", "bundle/v2"), &identities);
    assert_eq!(fault(&newer, &place(1), None, &identities), BundleFault::Format);
    let elsewhere = Place { seal: Seal(2), ..place(1) };
    assert_eq!(fault(&good, &elsewhere, None, &identities).class(), "other-seal");
}

#[test]
fn shares_that_are_no_split_are_not_sealed() {
    let recipients = Identities::generate().to_recipients();
    let twice = [share(7, 1), share(7, 2)];
    let refused = make(&head(1), &twice.iter().collect::<Vec<_>>(), &recipients);
    assert!(matches!(refused, Err(MakeError::Number(7))));
    let short = Share::copy_from(&[1; 32]);
    assert!(matches!(make(&head(1), &[&short], &recipients), Err(MakeError::Length(32))));
    assert!(matches!(make(&head(1), &[], &recipients), Err(MakeError::Counts { .. })));
}

#[test]
fn the_bare_key_of_a_split_of_one_is_share_number_one() {
    let identities = Identities::generate();
    let single = BundleHead { threshold: 1, total: 1, ..head(1) };
    let key = Share::copy_from(&[9; 32]);
    let sealed = make(&single, &[&key], &identities.to_recipients()).unwrap_or_default();
    let opened = open(&sealed, &place(1), None, &identities).unwrap_or_else(|fault| unreachable!("{fault}"));
    assert!(opened.same_shares(&[&key]));
}

#[test]
fn two_hundred_and_fifty_five_shares_fit_into_one_bundle() {
    let identities = Identities::generate();
    let many: Vec<Share> = (1..=255).map(|number| share(number, 3)).collect();
    let wide = BundleHead { threshold: 200, total: 255, ..head(999_999) };
    let made = make(&wide, &many.iter().collect::<Vec<_>>(), &identities.to_recipients());
    assert!(made.is_ok_and(|sealed| sealed.len() < sops_tools::custody::SEALED_LIMIT));
}

proptest! {
    #[test]
    fn no_text_that_somebody_sealed_makes_the_reader_fall(noise in proptest::collection::vec(any::<u8>(), 0..300), at in 0_usize..900) {
        let shares = shares();
        let shares: Vec<&Share> = shares.iter().collect();
        let plain = text::write(&head(1), &shares).unwrap_or_else(|| unreachable!("it fits"));
        let mut bytes = plain.expose().to_vec();
        let at = at.min(bytes.len());
        bytes.splice(at..(at + noise.len()).min(plain.len()), noise);
        if let Ok(opened) = text::read(&Plaintext::copy_from(&bytes)) {
            prop_assert!(opened.shares.len() <= usize::from(opened.head.total));
        }
    }
}
