use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;
use crate::custody::Identities;

fn sealed_to(identities: &Identities, plain: &[u8]) -> Vec<u8> {
    seal(&Plaintext::copy_from(plain), &identities.to_recipients()).unwrap()
}

fn refusal(sealed: &[u8], identities: &Identities) -> OpenError {
    open(sealed, identities).err().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn each_recipient_opens_what_was_sealed_and_a_stranger_does_not(
        plain in prop::collection::vec(any::<u8>(), 0..5000), holders in 1_usize..5
    ) {
        let all: Vec<Identities> = (0..holders).map(|_| Identities::generate()).collect();
        let recipients: Vec<Recipient> = all.iter().flat_map(Identities::to_recipients).collect();
        let sealed = seal(&Plaintext::copy_from(&plain), &recipients).unwrap();
        for holder in &all {
            let opened = open(&sealed, holder).ok().unwrap();
            prop_assert_eq!(opened.expose(), plain.as_slice());
        }
        prop_assert_eq!(refusal(&sealed, &Identities::generate()), OpenError::NoMatchingIdentity);
    }

    #[test]
    fn rubbish_is_refused(rubbish in prop::collection::vec(any::<u8>(), 0..2000)) {
        prop_assert!(open(&rubbish, &Identities::generate()).is_err());
    }
}

#[test]
fn every_truncation_is_refused() {
    let identities = Identities::generate();
    let sealed = sealed_to(&identities, b"thirty-three bytes make one share");
    for length in 0..sealed.len() {
        assert!(open(&sealed[..length], &identities).is_err(), "{length} of {} bytes", sealed.len());
    }
    assert_eq!(refusal(b"", &identities), OpenError::Truncated);
    assert_eq!(refusal(&sealed[..10], &identities), OpenError::Truncated);
    assert_eq!(refusal(&sealed[..sealed.len() - 1], &identities), OpenError::Corrupt);
}

#[test]
fn every_flipped_bit_is_refused() {
    let identities = Identities::generate();
    let sealed = sealed_to(&identities, b"thirty-three bytes make one share");
    for bit in 0..sealed.len() * 8 {
        let mut wrong = sealed.clone();
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert!(open(&wrong, &identities).is_err(), "bit {bit}");
    }
}

#[test]
fn bytes_after_the_end_are_refused() {
    let identities = Identities::generate();
    let mut sealed = sealed_to(&identities, b"share");
    sealed.push(b'\n');
    assert_eq!(refusal(&sealed, &identities), OpenError::Corrupt);
}

#[test]
fn the_five_kinds_of_bad_object_are_told_apart() {
    let identities = Identities::generate();
    let sealed = sealed_to(&identities, b"share");
    let mut changed = sealed.clone();
    *changed.last_mut().unwrap() ^= 1;
    let texts = [
        refusal(&vec![b'a'; SEALED_LIMIT + 1], &identities),
        refusal(b"{\"not\": \"age\"}", &identities),
        refusal(&sealed, &Identities::generate()),
        refusal(&sealed[..60], &identities),
        refusal(&changed, &identities),
    ]
    .map(|error| error.to_string());
    assert_eq!(
        texts,
        [
            "65537 bytes, more than the 65536 a sealed object may have",
            "not an age file",
            "sealed to none of our identities",
            "cut short: the file ends inside its header",
            "damaged: it was changed or cut short after it was sealed",
        ]
    );
}

#[test]
fn a_hostile_header_ends_fast() {
    let mut hostile = b"age-encryption.org/v1\n".to_vec();
    while hostile.len() < 750 << 10 {
        hostile.extend_from_slice(b"-> X\n\n");
    }
    let identities = Identities::generate();
    let start = Instant::now();
    assert_eq!(refusal(&hostile, &identities), OpenError::TooLarge(hostile.len()));
    assert!(start.elapsed() < Duration::from_millis(100), "{:?}", start.elapsed());
}

/// A header of `lines` lines, as short as stanzas can be.
fn dense_header(lines: usize) -> Vec<u8> {
    let mut header = b"age-encryption.org/v1\n".to_vec();
    header.extend(b"-> X\n\n".repeat(lines / 2));
    header
}

#[test]
fn a_small_header_of_many_lines_is_refused_before_age_sees_it() {
    use age::armor::{ArmoredWriter, Format};
    let hostile = dense_header(20_000);
    assert!(hostile.len() < SEALED_LIMIT);
    let mut armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    armor.write_all(&dense_header(10_000)).unwrap();
    let armored = armor.finish().unwrap();
    let identities = Identities::generate();
    let start = Instant::now();
    assert_eq!(refusal(&hostile, &identities), OpenError::CrowdedHeader);
    assert_eq!(refusal(&armored, &identities), OpenError::CrowdedHeader);
    assert!(start.elapsed() < Duration::from_secs(1), "{:?}", start.elapsed());
}

#[test]
fn the_worst_header_that_age_sees_is_bounded() {
    let mut hostile = dense_header(HEADER_LINES - 2);
    // A header that is cut makes age parse it once for every line and fail at the end.
    hostile.extend_from_slice(b"-> X");
    let identities = Identities::generate();
    let start = Instant::now();
    assert_eq!(refusal(&hostile, &identities), OpenError::Truncated);
    // Milliseconds when optimised; this allows for an unoptimised build on a busy machine.
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
}

#[test]
fn more_recipients_than_open_takes_are_not_sealed_to() {
    let many: Vec<Recipient> = (0..=HEADER_LINES / 2).flat_map(|_| Identities::generate().to_recipients()).collect();
    assert!(matches!(seal(&Plaintext::copy_from(b"x"), &many), Err(SealError::TooManyRecipients)));
}

#[test]
fn nothing_is_sealed_to_nobody_or_too_large_to_open() {
    assert!(matches!(seal(&Plaintext::copy_from(b"x"), &[]), Err(SealError::NoRecipients)));
    let identities = Identities::generate();
    let large = Plaintext::copy_from(&vec![0; SEALED_LIMIT]);
    assert!(matches!(seal(&large, &identities.to_recipients()), Err(SealError::TooLarge(_))));
}

#[test]
fn a_repeated_recipient_gets_one_stanza() {
    let one = Identities::generate().to_recipients();
    let twice = [one.clone(), one].concat();
    let sealed = seal(&Plaintext::copy_from(b"x"), &twice).unwrap();
    let stanzas = String::from_utf8_lossy(&sealed).matches("-> X25519 ").count();
    assert_eq!(stanzas, 1);
}

#[test]
fn an_armored_object_opens_too() {
    use age::armor::{ArmoredWriter, Format};
    let identities = Identities::generate();
    let sealed = sealed_to(&identities, b"share");
    let mut armor = ArmoredWriter::wrap_output(Vec::new(), Format::AsciiArmor).unwrap();
    armor.write_all(&sealed).unwrap();
    let armored = armor.finish().unwrap();
    assert!(armored.starts_with(ARMOR_START));
    assert_eq!(open(&armored, &identities).ok().unwrap().expose(), b"share");
    let cut = &armored[..armored.len() - 60];
    assert!(open(cut, &identities).is_err());
}
