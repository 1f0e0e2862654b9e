use proptest::prelude::*;

use super::*;
use crate::clock::{System, Timestamp};
use crate::custody::{Identities, StoreKeys};

fn kinds(text: &str) -> Vec<(&'static str, usize, bool)> {
    hits(text.as_bytes()).iter().map(|hit| (hit.kind.name(), hit.line, hit.sure)).collect()
}

fn identity() -> String {
    let text = Identities::generate().to_file_text(Timestamp::UNIX_EPOCH);
    String::from_utf8(text.to_vec()).unwrap()
}

#[test]
fn every_pattern_compiles() {
    assert_eq!(COMPILED.len(), PATTERNS.len());
}

#[test]
fn keys_of_ours_are_found_in_any_surroundings() {
    let age = identity();
    assert_eq!(kinds(&age), [("age-identity", 3, true)]);
    let line = age.lines().last().unwrap();
    assert_eq!(kinds(&format!("x\nSOPS_AGE_KEY=\"{line}\"\n")), [("age-identity", 2, true)]);
    assert_eq!(kinds(&line.to_lowercase()), [("age-identity", 1, true)]);
    let store = StoreKeys::generate(&System).to_file_text();
    let store = String::from_utf8(store.to_vec()).unwrap();
    assert_eq!(kinds(&store).iter().map(|found| found.0).collect::<Vec<_>>(), ["store-key"]);
}

#[test]
fn keys_and_tokens_of_others_are_found_by_their_form() {
    for (text, kind, sure) in [
        ("aws_secret_~access_key = aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW/xY+zA1c\n", "s3-secret-key", true),
        ("AWS_SECRET_~ACCESS_KEY=Zk3vQ9pLm2Xy\n", "s3-secret-key", true),
        ("id: AKIA~QWERTYUIOPASDFGH\n", "s3-access-key", false),
        ("export RESTIC_~PASSWORD=Zk3vQ9pLm2\n", "restic-password", true),
        ("RESTIC_~PASSWORD: 'a b c d e zebra'\n", "restic-password", true),
        ("docker run -e RESTIC_~PASSWORD=kartoffelsalat x\n", "restic-password", true),
        ("{\"RESTIC_~PASSWORD\": \"kartoffelsalat\"}\n", "restic-password", true),
        ("- name: RESTIC_~PASSWORD\n  value: kartoffelsalat\n", "restic-password", true),
        ("VAULT_TOKEN=hvs.~CAESIJ1x2y3z4a5b6c7d8e9f0GhI\n", "vault-token", true),
        ("root_token: s.~aB3dE5fG7hI9jK1lM2nO4pQ6\n", "vault-token", true),
        ("Unseal ~Key 1: aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW/xY+zA1cD3e5\n", "unseal-key", true),
        ("{\"unseal_~keys_b64\": [\n \"aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW/xY+zA1cD3e=\"]}\n", "unseal-key", true),
        ("-----BEGIN~ OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQ\n", "private-key", true),
        ("k: \"-----BEGIN~ EC PRIVATE KEY-----\\nMHcCAQEEIIrYSSNQFaA2Hwf1duRSxKtLYX5CB04\\n\"", "private-key", true),
        (
            "-----BEGIN~ RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,3F17F5316E2BAC89\n\nMIIEpAIBAAKCAQEAxyz123abcDEF\n",
            "private-key",
            false,
        ),
        ("-----BEGIN~ ENCRYPTED PRIVATE KEY-----\nMIIFHDBOBgkqhkiG9w0BBQ0wQTApBgkqhkiG\n", "private-key", false),
    ] {
        // Taken apart here, so that a scan of this repository is silent.
        let text = &text.replace('~', "");
        let found = kinds(text);
        assert_eq!(found.len(), 1, "{text}: {found:?}");
        assert_eq!((found[0].0, found[0].2), (kind, sure), "{text}");
    }
}

#[test]
fn what_a_clean_repository_holds_is_no_finding() {
    for text in [
        "RESTIC_PASSWORD=${RESTIC_PASSWORD}\n",
        "RESTIC_PASSWORD: ENC[AES256_GCM,data:abc=,iv:x,tag:y,type:str]\n",
        "RESTIC_PASSWORD_FILE=/run/secrets/restic\n",
        "RESTIC_PASSWORD_COMMAND='pass show restic'\n",
        "RESTIC_PASSWORD=$(cat /run/secrets/restic)\n",
        "RESTIC_PASSWORD=changeme\n",
        "- name: RESTIC_PASSWORD\n  valueFrom:\n    secretKeyRef:\n      name: x\n",
        "const RESTIC_PASSWORD: &str = \"RESTIC_PASSWORD\";\n",
        "os.environ['RESTIC_PASSWORD'] = password\n",
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n",
        "AWS_SECRET_ACCESS_KEY=minioadmin\n",
        "# public key: age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa\n",
        "AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ\n",
        "AGE-SECRET-KEY-1...\n",
        "unsealer-store-key-1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n",
        "-----BEGIN PRIVATE KEY-----\n...\n-----END PRIVATE KEY-----\n",
        "if line == \"-----BEGIN PRIVATE KEY-----\" {\n    return;\n}\n",
        "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n",
        "-----BEGIN CERTIFICATE-----\nMIIDdzCCAl+gAwIBAgIEAgAAuTANBgkqhkiG9w0BAQUFADBaMQswCQYDVQQGEwJJ\n",
        "-----BEGIN AGE ENCRYPTED FILE-----\nYWdlLWVuY3J5cHRpb24ub3JnL3YxCi0+IFgyNTUxOSB\n",
        "sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\n",
        "integrity sha512-aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vWxYzA1cD3e5aB3dE5fG7hI9jK1lM2nO4pQ6rS8tU0vW==\n",
        "token: s.push(x)\n",
        "let token = s.aVeryLongMethodNameHere1234();\n",
        "Use hvs.<token> here\n",
        "Unseal Key 1: <key>\n",
    ] {
        assert_eq!(kinds(text), [], "{text}");
    }
}

#[test]
fn a_text_of_nothing_but_secrets_is_read_quickly_and_cut() {
    let text = "RESTIC_PASSWORD=Zk3vQ9pLm2\n".repeat(20_000);
    let found = hits(text.as_bytes());
    assert_eq!(found.len(), MOST_HITS);
    assert_eq!(found[199].line, 200);
}

proptest! {
    #[test]
    fn no_text_makes_it_panic_and_every_hit_lies_in_the_text(
        text in prop::collection::vec(prop_oneof![any::<u8>(), prop::sample::select(b"RESTIC_PASSWORD=-\n\" AKIA-----BEGIN PRIVATE KEY-----hvs.".to_vec())], 0..400)
    ) {
        for hit in hits(&text) {
            prop_assert!(text.get(hit.secret.clone()).is_some());
            prop_assert!(hit.line >= 1);
        }
    }
}

#[test]
fn keys_in_base64_and_texts_in_utf_16_are_found() {
    use base64::Engine as _;
    let (identities, _) = crate::custody::Identities::generate_with_recipient();
    let file = identities.to_file_text(crate::clock::Clock::now(&crate::clock::System));
    let key = String::from_utf8(file.to_vec()).unwrap().lines().last().unwrap().to_owned();
    for lead in ["", "x", "xy"] {
        let encoded = base64::prelude::BASE64_STANDARD.encode(format!("{lead}{key}\n"));
        let found = hits(format!("a: b\nkey: {encoded}\n").as_bytes());
        assert_eq!(
            found.iter().map(|hit| (hit.kind, hit.line)).collect::<Vec<_>>(),
            [(Kind::AgeIdentity, 2)],
            "{lead:?}"
        );
    }
    let wide = |bytes: fn(u16) -> [u8; 2], mark: bool| -> Vec<u8> {
        let text = format!("# a key\r\n{key}\r\n");
        mark.then_some(0xfeff).into_iter().chain(text.encode_utf16()).flat_map(bytes).collect()
    };
    for (name, text) in [
        ("little end", wide(u16::to_le_bytes, true)),
        ("big end", wide(u16::to_be_bytes, true)),
        ("without a mark", wide(u16::to_le_bytes, false)),
    ] {
        let found = hits(&utf8(&text));
        assert_eq!(
            found.iter().map(|hit| (hit.kind, hit.line)).collect::<Vec<_>>(),
            [(Kind::AgeIdentity, 2)],
            "{name}"
        );
    }
    assert!(matches!(utf8(b"plain text that stays"), std::borrow::Cow::Borrowed(_)));
    assert!(matches!(utf8(&[0; 600]), std::borrow::Cow::Borrowed(_)), "zeros alone are no text");
}
