use super::*;
use crate::clock::System;

const ZERO: &str = "unsealer-store-key-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
const ONES: &str = "unsealer-store-key-1:AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

fn keys(text: &str) -> StoreKeys {
    StoreKeys::parse(text.as_bytes(), Path::new("store.key")).unwrap_or_else(|error| panic!("{error}"))
}

fn refused(text: &str) -> String {
    StoreKeys::parse(text.as_bytes(), Path::new("store.key")).err().unwrap().to_string()
}

#[test]
fn a_key_file_reads_back_as_written() {
    let made = StoreKeys::generate(&System);
    let text = made.to_file_text();
    let read = StoreKeys::parse(&text, Path::new("store.key")).ok().unwrap();
    assert_eq!(read.key_id(), made.key_id());
    assert_eq!(read.mac(b"x"), made.mac(b"x"));
    assert_ne!(made.key_id(), StoreKeys::generate(&System).key_id());
}

#[test]
fn ids_and_macs_are_fixed_for_ever() {
    let zero = keys(ZERO);
    assert_eq!(zero.key_id(), "f9f779e0f65d53cc");
    assert_eq!(hex(&zero.mac(b"{}")), "9a62f6d677d0dcbf2189bd0766c498fe089a1c4a901984614f9f948e333873a2");
}

#[test]
fn the_first_line_signs_and_every_line_authenticates() {
    let both = keys(&format!("# new\n{ONES}\n\n# old\r\n{ZERO}\r\n{ZERO}\n"));
    let old = keys(ZERO);
    assert_eq!(both.key_ids().count(), 2);
    assert_eq!(both.verify(both.key_id(), b"text", &both.mac(b"text")), Authenticity::Current);
    assert_eq!(both.verify(old.key_id(), b"text", &old.mac(b"text")), Authenticity::Older);
    assert_eq!(old.verify(both.key_id(), b"text", &both.mac(b"text")), Authenticity::UnknownKey);
}

#[test]
fn a_changed_text_or_mac_is_forged() {
    let zero = keys(ZERO);
    let mac = zero.mac(b"text");
    assert_eq!(zero.verify(zero.key_id(), b"texs", &mac), Authenticity::Forged);
    assert_eq!(zero.verify(zero.key_id(), b"text", &mac[..31]), Authenticity::Forged);
    assert_eq!(zero.verify(zero.key_id(), b"text", b""), Authenticity::Forged);
    for bit in 0..256 {
        let mut wrong = mac;
        wrong[bit / 8] ^= 1 << (bit % 8);
        assert_eq!(zero.verify(zero.key_id(), b"text", &wrong), Authenticity::Forged);
    }
}

#[test]
fn every_faulty_line_is_named_and_never_shown() {
    let short = &ZERO[..ZERO.len() - 4];
    let error = refused(&format!("{ZERO}\nhunter2\n# fine\n{short}\n"));
    assert_eq!(
        error,
        "store.key: not a store key in line 2, 4; each line is unsealer-store-key-1: and 44 characters of base64"
    );
    assert_eq!(refused("# nothing\n\n"), "store.key: no store key in it");
}
