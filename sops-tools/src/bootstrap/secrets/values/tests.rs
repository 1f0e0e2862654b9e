use super::*;
use crate::clock::System;

struct Typed(Vec<&'static str>, Vec<String>);

impl Ask for Typed {
    fn is_there(&self) -> bool {
        true
    }

    fn ask(&mut self, prompt: &str) -> io::Result<Zeroizing<String>> {
        self.1.push(prompt.to_owned());
        if self.0.is_empty() {
            Err(io::ErrorKind::UnexpectedEof.into())
        } else {
            Ok(Zeroizing::new(self.0.remove(0).to_owned()))
        }
    }
}

fn get(places: &Places, secret: BootstrapSecret, lines: &[&'static str]) -> Vec<Result<(Plaintext, bool), String>> {
    let mut typed = Typed(lines.to_vec(), Vec::new());
    places.wanted(secret).iter().map(|wanted| wanted.get(&mut typed, &System)).collect()
}

fn text(result: &Result<(Plaintext, bool), String>) -> String {
    String::from_utf8(result.as_ref().ok().unwrap().0.expose().to_vec()).unwrap()
}

#[test]
fn a_file_named_for_a_key_wins_over_the_folder_and_that_over_keygen() {
    let dir = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = dir.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        crate::files::create_new(&path, text.as_bytes(), 0o600).unwrap();
        path
    };
    write("values/backup-s3/AWS_ACCESS_KEY_ID", "from-folder\n");
    write("values/backup-s3/AWS_SECRET_ACCESS_KEY", "secret\n");
    write("values/backup-s3/endpoint", "https://s3.example.net\n");
    let named = write("named", "from-flag\r\n");
    let given = GivenValue { secret: BootstrapSecret::BackupS3, key: "AWS_ACCESS_KEY_ID".to_owned(), path: named };
    let places = Places { given: vec![given], folder: Some(dir.path().join("values")), ..Places::default() };
    let got: Vec<String> = get(&places, BootstrapSecret::BackupS3, &[]).iter().map(text).collect();
    assert_eq!(got, ["from-flag", "secret", "https://s3.example.net"]);
    assert!(places.has_given(BootstrapSecret::BackupS3) && !places.has_given(BootstrapSecret::BackupRepo));
}

#[test]
fn what_nobody_gave_is_named_with_the_way_to_give_it() {
    let all = get(&Places::default(), BootstrapSecret::VaultUnsealAge, &[]);
    let told: Vec<&String> = all.iter().filter_map(|one| one.as_ref().err()).collect();
    assert_eq!(told.len(), 2);
    assert!(
        told[0].starts_with("secrets/vault-unseal-age: unseal.agekey: nobody said where it comes from: --keys DIR"),
        "{told:?}"
    );
    assert!(told[0].contains("unseal/unseal.agekey") && told[1].contains("--value vault-unseal-age/store.key=FILE"));
}

#[test]
fn only_the_password_of_the_repository_is_ever_made_up() {
    let places = Places::default();
    for secret in BootstrapSecret::ALL {
        let made_up = get(&places, secret, &[]).iter().any(|one| matches!(one, Ok((_, true))));
        assert_eq!(made_up, secret == BootstrapSecret::BackupRepo, "{secret}");
    }
    let asked = Places { can_ask: true, ..Places::default() };
    assert!(matches!(&get(&asked, BootstrapSecret::BackupRepo, &[""])[..], [Ok((_, true))]));
    let typed = get(&asked, BootstrapSecret::BackupRepo, &["old password"]);
    assert!(matches!(&typed[..], [Ok((_, false))]) && text(&typed[0]) == "old password");
}

#[test]
fn what_cannot_be_used_is_asked_for_again_and_then_told_without_repeating_it() {
    let asked = Places { can_ask: true, ..Places::default() };
    let got = get(&asked, BootstrapSecret::VaultUnsealS3, &[" hidden", "good", "", "", ""]);
    assert_eq!(text(&got[0]), "good");
    assert_eq!(got[1].as_ref().err().unwrap(), "secrets/vault-unseal-s3: AWS_SECRET_ACCESS_KEY: it is empty");
    let mut typed = Typed(vec![" hidden", "good"], Vec::new());
    let _ = asked.wanted(BootstrapSecret::VaultUnsealS3)[0].get(&mut typed, &System);
    assert!(
        typed.1[1].starts_with("that cannot be used: it begins or ends with white space")
            && !typed.1[1].contains("hidden")
    );
}

#[test]
fn a_value_from_a_file_that_cannot_be_used_is_told_without_its_text() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x");
    crate::files::create_new(&path, b"hidden\nhidden\n", 0o600).unwrap();
    let given = GivenValue { secret: BootstrapSecret::BackupRepo, key: "password".to_owned(), path };
    let places = Places { given: vec![given], ..Places::default() };
    let got = get(&places, BootstrapSecret::BackupRepo, &[]);
    let told = got[0].as_ref().err().unwrap();
    assert!(told.contains("more than one line") && !told.contains("hidden"), "{told}");
}
