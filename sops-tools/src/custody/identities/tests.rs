use super::*;
use crate::files::{OWNER_ONLY, create_new};

fn text_of(identities: &Identities) -> String {
    String::from_utf8(identities.to_file_text(Timestamp::UNIX_EPOCH).to_vec()).unwrap()
}

fn faults(text: &str) -> Vec<String> {
    let error = Identities::parse(text.as_bytes(), Path::new("k")).err().unwrap();
    error.faults.iter().map(ToString::to_string).collect()
}

fn put(path: &Path, text: &str) {
    create_new(path, text.as_bytes(), OWNER_ONLY).unwrap();
}

#[test]
fn a_file_has_the_form_that_age_keygen_writes() {
    let identities = Identities::generate();
    let text = text_of(&identities);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3);
    assert_eq!(lines[0], "# created: 1970-01-01T00:00:00Z");
    assert_eq!(lines[1], format!("# public key: {}", identities.to_recipients()[0]));
    assert!(lines[2].starts_with("AGE-SECRET-KEY-1"));
    assert!(text.ends_with('\n'));
}

#[test]
fn several_identities_in_one_file_are_read_and_repetitions_count_once() {
    let (a, b) = (Identities::generate(), Identities::generate());
    let text = format!("{}\r\n\n{}{}", text_of(&a), text_of(&b), text_of(&a));
    let read = Identities::parse(text.as_bytes(), Path::new("k")).ok().unwrap();
    assert_eq!(read.len(), 2);
    assert_eq!(read.to_recipients(), canonical([a.to_recipients(), b.to_recipients()].concat()));
}

#[test]
fn what_cannot_be_used_is_refused_by_name() {
    let ours = text_of(&Identities::generate());
    assert_eq!(faults(""), ["k: no identity in it"]);
    assert_eq!(faults("# public key: age1x\n"), ["k: no identity in it"]);
    assert!(
        faults("age-encryption.org/v1\n-> scrypt x 18\n")[0].starts_with("k: the identity file is itself encrypted")
    );
    assert!(faults("-----BEGIN AGE ENCRYPTED FILE-----\n")[0].starts_with("k: the identity file is itself encrypted"));
    assert!(faults("-----BEGIN OPENSSH PRIVATE KEY-----\n")[0].starts_with("k: SSH private keys"));
    assert!(faults("AGE-SECRET-KEY-PQ-1QQQ")[0].starts_with("k, line 1: post-quantum"));
    assert!(faults(&format!("{ours}AGE-PLUGIN-YUBIKEY-1QQQ"))[0].starts_with("k, line 4: identities of age plugins"));
    assert!(faults("age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa")[0].contains("public recipient"));
}

#[test]
fn every_faulty_line_is_numbered_and_never_shown() {
    let ours = text_of(&Identities::generate());
    let damaged = ours.lines().last().unwrap().replace("KEY-1", "KEY-1Q");
    let all = faults(&format!("{ours}{damaged}\n\u{e9}hunter2\n"));
    assert_eq!(all, ["k, line 4: not an age identity, or damaged", "k, line 5: not an age identity, or damaged"]);
}

#[test]
fn a_mounted_secret_is_read_through_its_links() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b) = (Identities::generate(), Identities::generate());
    let version = dir.path().join("..2026_11_24");
    std::fs::create_dir(&version).unwrap();
    put(&version.join("unseal.agekey"), &text_of(&a));
    put(&version.join("old.agekey"), &text_of(&b));
    put(&version.join("store.key"), "not an identity");
    std::os::unix::fs::symlink("..2026_11_24", dir.path().join("..data")).unwrap();
    for name in ["unseal.agekey", "old.agekey", "store.key"] {
        std::os::unix::fs::symlink(format!("..data/{name}"), dir.path().join(name)).unwrap();
    }
    put(&dir.path().join(".unseal.agekey.0a1b.tmp"), "half");
    put(&dir.path().join(".hidden.agekey"), "half");
    let read = Identities::load(&[dir.path()]).ok().unwrap();
    assert_eq!(read.to_recipients(), canonical([a.to_recipients(), b.to_recipients()].concat()));
}

#[test]
fn every_faulty_file_is_named_in_one_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    std::fs::create_dir(path("empty")).unwrap();
    put(&path("good"), &text_of(&Identities::generate()));
    put(&path("comments"), "# nothing\n");
    put(&path("large"), &"#\n".repeat(IDENTITY_FILE_LIMIT));
    let error = Identities::load(&[path("absent"), path("good"), path("comments"), path("empty"), path("large")]);
    let shown: Vec<String> = error.err().unwrap().faults.iter().map(ToString::to_string).collect();
    let named = |name: &str, text: &str| format!("{}: {text}", path(name).display());
    assert_eq!(
        shown,
        [
            named("absent", "it does not exist"),
            named("comments", "no identity in it"),
            named("empty", "no *.agekey file in this folder"),
            named("large", "it is larger than 65536 bytes"),
        ]
    );
}

#[test]
fn no_path_at_all_is_refused() {
    let none: [&Path; 0] = [];
    assert_eq!(Identities::load(&none).err().unwrap().faults[0].problem, IdentityProblem::Empty);
}
