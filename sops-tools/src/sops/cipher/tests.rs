use proptest::prelude::*;

use super::*;
use crate::clock::System;

/// The vector of sops' own tests: key of 32 × `f`, path `bar:`, text `foo`.
const FOO: &str =
    "ENC[AES256_GCM,data:oYyi,iv:MyIDYbT718JRr11QtBkcj3Dwm4k1aCGZBVeZf0EyV8o=,tag:t5z2Z023Up0kxwCgw1gNxg==,type:str]";

fn cipher() -> Cipher {
    Cipher::new(&DataKey::of(&[b'f'; 32]).unwrap())
}

fn open(text: &str, aad: &str) -> Result<Vec<u8>, Fault> {
    let sealed = Sealed::parse(text.as_bytes())?;
    cipher().open(&sealed, aad.as_bytes()).map(|value| spelling(&value).to_vec())
}

fn string(text: &str) -> Value {
    Value::Str(Zeroizing::new(text.as_bytes().to_vec()))
}

#[test]
fn the_vector_of_sops_opens() {
    assert_eq!(open(FOO, "bar:"), Ok(b"foo".to_vec()));
    assert_eq!(Sealed::parse(FOO.as_bytes()).unwrap().to_text(), FOO);
}

#[test]
fn what_should_not_be_read_is_refused_by_name() {
    let changed = |from: &str, to: &str| open(&FOO.replace(from, to), "bar:").unwrap_err();
    assert_eq!(open(FOO, "baz:"), Err(Fault::NotAuthentic));
    assert_eq!(changed("oYyi", "oYyj"), Fault::NotAuthentic);
    assert_eq!(open(&format!("{FOO} "), "bar:"), Err(Fault::TrailingText));
    assert_eq!(open(&format!("{FOO}]"), "bar:"), Err(Fault::TrailingText));
    assert_eq!(open(&format!(" {FOO}"), "bar:"), Err(Fault::NotSealed));
    assert_eq!(open("", "bar:"), Err(Fault::NotSealed));
    assert_eq!(changed("data:oYyi", "data:"), Fault::NotSealed);
    assert_eq!(changed("oYyi", "oY!i"), Fault::Base64("data"));
    assert_eq!(changed("t5z2Z023Up0kxwCgw1gNxg==", "t5z2Z023Up0kxwCgw1gN"), Fault::TagLength(15));
    assert_eq!(changed("MyIDYbT718JRr11QtBkcj3Dwm4k1aCGZBVeZf0EyV8o=", "MyID"), Fault::IvLength(3));
    assert_eq!(changed("type:str", "type:bytes"), Fault::BytesType);
    assert_eq!(changed("type:str", "type:Str"), Fault::UnknownType);
    assert_eq!(changed("type:str", "type:int"), Fault::Misspelt(Misspelt(Kind::Int)));
    assert_eq!(changed("AES256_GCM", "AES128_GCM"), Fault::NotSealed);
}

#[test]
fn carriage_returns_inside_base64_do_not_matter() {
    assert_eq!(open(&FOO.replace("oYyi", "oY\ryi"), "bar:"), Ok(b"foo".to_vec()));
}

#[test]
fn a_short_nonce_of_other_writers_is_read() {
    let sealed = cipher().seal(&string("foo"), b"bar:", Iv::Short([7; 12])).unwrap();
    assert_eq!(open(&sealed.to_text(), "bar:"), Ok(b"foo".to_vec()));
}

#[test]
fn nothing_and_the_empty_string_are_never_encrypted() {
    assert!(cipher().seal(&string(""), b"a:", Iv::generate(&System)).is_none());
    assert!(cipher().seal(&Value::Null, b"a:", Iv::generate(&System)).is_none());
}

#[test]
fn only_keys_of_32_bytes_are_keys() {
    for length in [0, 16, 24, 31, 33] {
        assert!(DataKey::of(&vec![1; length]).is_none());
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens_at_its_place_and_nowhere_else(plain in proptest::collection::vec(any::<u8>(), 1..200), path in ".{0,30}") {
        let cipher = cipher();
        let sealed = cipher.seal(&Value::Str(Zeroizing::new(plain.clone())), path.as_bytes(), Iv::generate(&System)).unwrap();
        let read = Sealed::parse(sealed.to_text().as_bytes()).unwrap();
        prop_assert_eq!(spelling(&cipher.open(&read, path.as_bytes()).unwrap()).to_vec(), plain);
        let elsewhere = cipher.open(&read, &[path.as_bytes(), b"x"].concat());
        prop_assert!(elsewhere.is_err());
    }

    #[test]
    fn any_changed_byte_is_refused(at in 0usize..FOO.len(), bit in 0u8..7) {
        let mut text = FOO.as_bytes().to_vec();
        text[at] ^= 1 << bit;
        // The type alone is not authenticated; everything else is.
        let opened = Sealed::parse(&text).and_then(|sealed| cipher().open(&sealed, b"bar:").map(|_| sealed.kind()));
        prop_assert!(opened.is_err(), "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn no_bytes_are_too_odd(odd in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Sealed::parse(&odd);
        let _ = Sealed::parse(&[PREFIX, &odd].concat());
    }
}
