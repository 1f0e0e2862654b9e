use proptest::prelude::*;

use super::*;

fn text(bytes: &[u8]) -> Text {
    Zeroizing::new(bytes.to_vec())
}

fn float_spelling(number: f64) -> String {
    String::from_utf8(spelling(&Value::Float(number)).to_vec()).unwrap()
}

#[test]
fn numbers_are_spelled_as_go_does() {
    assert_eq!(float_spelling(1e21), "1000000000000000000000");
    assert_eq!(float_spelling(0.1), "0.1");
    assert_eq!(float_spelling(1000.0), "1000");
    assert_eq!(float_spelling(-0.0), "-0");
    assert_eq!(float_spelling(f64::INFINITY), "+Inf");
    assert_eq!(float_spelling(f64::NEG_INFINITY), "-Inf");
    assert_eq!(float_spelling(f64::NAN), "NaN");
    assert_eq!(*spelling(&Value::Int(i64::MIN)), *b"-9223372036854775808");
    assert_eq!(*spelling(&Value::Bool(true)), *b"True");
}

#[test]
fn what_go_reads_is_read_and_nothing_else() {
    let reads = |kind: Kind, plain: &[u8]| kind.read(text(plain)).ok().map(|value| spelling(&value).to_vec());
    assert_eq!(reads(Kind::Int, b"+12"), Some(b"12".to_vec()));
    assert_eq!(reads(Kind::Int, b"1_0"), None);
    assert_eq!(reads(Kind::Int, b"9223372036854775808"), None);
    assert_eq!(reads(Kind::Float, b"1e3"), Some(b"1000".to_vec()));
    assert_eq!(reads(Kind::Float, b"Inf"), Some(b"+Inf".to_vec()));
    assert_eq!(reads(Kind::Float, b"-Inf"), Some(b"-Inf".to_vec()));
    assert_eq!(reads(Kind::Float, b"1e999"), None);
    assert_eq!(reads(Kind::Float, b"+nan"), None);
    assert_eq!(reads(Kind::Bool, b"T"), Some(b"True".to_vec()));
    assert_eq!(reads(Kind::Bool, b"yes"), None);
    assert_eq!(reads(Kind::Str, b"\xff\x00"), Some(b"\xff\x00".to_vec()));
    assert_eq!(Kind::of_name(b"bytes"), None);
}

#[test]
fn times_have_one_spelling() {
    let of = |text: &str| instant(text);
    assert_eq!(of("2024-05-06T01:02:03.500+02:00").as_deref(), Some("2024-05-06T01:02:03.5+02:00"));
    assert_eq!(of("2024-05-06T01:02:03-00:00").as_deref(), Some("2024-05-06T01:02:03Z"));
    assert_eq!(of("2024-02-29T01:02:03.0Z").as_deref(), Some("2024-02-29T01:02:03Z"));
    assert_eq!(of("2024-05-06T01:02:03.1234567891Z").as_deref(), Some("2024-05-06T01:02:03.123456789Z"));
    assert_eq!(to_the_second("2024-05-06T01:02:03.9+00:00").as_deref(), Some("2024-05-06T01:02:03Z"));
    assert_eq!(to_the_second("2024-05-06T01:02:03+05:30").as_deref(), Some("2024-05-06T01:02:03+05:30"));
    let no_times = [
        "",
        "2024-05-06",
        "2024-05-06T01:02:03",
        "2024-13-06T01:02:03Z",
        "2023-02-29T01:02:03Z",
        "2024-05-06t01:02:03Z",
        "2024-05-06T01:02:60Z",
        "2024-05-06T24:02:03Z",
        "2024-05-06T01:02:03.Z",
        "2024-05-06T01:02:03.5",
        "2024-05-06T01:02:03z",
        "2024-05-06T01:02:03+2:00",
        "2024-05-06T01:02:03+0200",
        "+024-05-06T01:02:03Z",
        "2024-05-06T01:02:03Zé",
    ];
    for text in no_times {
        assert_eq!(of(text), None, "{text}");
    }
}

proptest! {
    #[test]
    fn a_spelled_number_reads_back(number: f64, whole: i64) {
        let back = Kind::Float.read(spelling(&Value::Float(number))).unwrap();
        prop_assert!(same(&back, &Value::Float(number)));
        let back = Kind::Int.read(spelling(&Value::Int(whole))).unwrap();
        prop_assert!(same(&back, &Value::Int(whole)));
    }

    #[test]
    fn no_text_is_too_odd_for_a_time(odd in ".{0,40}") {
        let _ = (instant(&odd), to_the_second(&odd));
    }
}
