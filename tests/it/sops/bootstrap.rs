//! The bootstrap secrets beside the real sops: what we make both versions read, through a whole change of the cluster's identity, and
//! what sops makes of the same values we find sound.

use std::path::PathBuf;

use harness::sops::{Bed, Output, Sops};

const PASSWORD: &str = "an old: password # with ${odd} \"signs\" 0x12";
const NAMES: [&str; 5] = ["sops-age", "backup-repo", "backup-s3", "vault-unseal-age", "vault-unseal-s3"];

/// A folder with keygen's keys, values, and the five secrets below `t`.
struct Cluster<'a> {
    bed: &'a Bed,
    folder: PathBuf,
}

impl<'a> Cluster<'a> {
    fn new(bed: &'a Bed) -> Self {
        let cluster = Self { bed, folder: bed.case() };
        cluster.ours(&["bootstrap", "keygen", "--out", "keys"]);
        for name in ["backup-s3", "vault-unseal-s3"] {
            cluster.put(&format!("values/{name}/AWS_ACCESS_KEY_ID"), "00123456\n");
            cluster.put(&format!("values/{name}/AWS_SECRET_ACCESS_KEY"), &format!("+half/of/{name}=\n"));
        }
        cluster.put("values/backup-repo/RESTIC_PASSWORD", &format!("{PASSWORD}\n"));
        cluster
    }

    fn made(bed: &'a Bed) -> Self {
        let cluster = Self::new(bed);
        cluster.ours(&["bootstrap", "secrets", "t", "--keys", "keys", "--values", "values"]);
        cluster
    }

    fn put(&self, name: &str, text: &str) {
        use std::io::Write as _;
        let path = self.folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("its folder");
        let mut file = std::fs::File::create(path).expect("a file");
        file.write_all(text.as_bytes()).expect("its content");
    }

    fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.folder.join(name)).expect("a file")
    }

    fn call(&self, sops: Sops, arguments: &[&str]) -> Output {
        self.bed.call_without_keys(sops).within(&self.folder).args(arguments).run()
    }

    /// A call of our program that has to succeed.
    fn ours(&self, arguments: &[&str]) -> String {
        let output = self.call(Sops::Ours, arguments);
        assert!(output.good(), "{arguments:?}: {}\n{}", output.summary(), output.text());
        output.text()
    }

    /// What a real sops makes of a value, with the identities of a file.
    fn value(&self, sops: Sops, secret: &str, key: &str, identity: &str) -> Output {
        let path = format!("t/{secret}.sops.yaml");
        let extract = format!("[\"stringData\"][\"{key}\"]");
        let call = self.bed.call_without_keys(sops).within(&self.folder);
        call.env("SOPS_AGE_KEY_FILE", self.folder.join(identity)).args(["decrypt", "--extract", &extract, &path]).run()
    }

    fn public(&self, name: &str) -> String {
        let text = self.get(name);
        text.lines().find_map(|line| line.strip_prefix("# public key: ")).expect("its public half").to_owned()
    }
}

#[test]
fn both_versions_of_sops_read_what_is_made_for_the_cluster_and_for_the_operator() {
    let bed = Bed::new("bootstrap-made");
    let cluster = Cluster::made(&bed);
    for sops in Sops::REAL {
        for identity in ["keys/cluster.agekey", "keys/operator.agekey"] {
            let value = |secret, key| cluster.value(sops, secret, key, identity);
            assert_eq!(value("backup-repo", "RESTIC_PASSWORD").text(), PASSWORD, "{sops:?}");
            assert_eq!(value("backup-s3", "AWS_ACCESS_KEY_ID").text(), "00123456");
            assert_eq!(value("backup-s3", "AWS_SECRET_ACCESS_KEY").text(), "+half/of/backup-s3=");
            assert_eq!(value("sops-age", "cluster.agekey").text(), cluster.get("keys/cluster.agekey"));
            assert_eq!(value("vault-unseal-age", "unseal.agekey").text(), cluster.get("keys/unseal/unseal.agekey"));
            assert_eq!(value("vault-unseal-age", "store.key").text(), cluster.get("keys/unseal/store.key"));
        }
        assert_eq!(cluster.value(sops, "backup-repo", "RESTIC_PASSWORD", "keys/unseal/unseal.agekey").status, 128);
    }
}

#[test]
fn what_sops_makes_of_the_same_manifests_by_our_configuration_is_sound() {
    let bed = Bed::new("bootstrap-theirs");
    let cluster = Cluster::made(&bed);
    for sops in Sops::REAL {
        for name in NAMES {
            let path = format!("t/{name}.sops.yaml");
            let plain = cluster.ours(&["bootstrap", "show", "--from", "t", "--keys", "keys", name]);
            cluster.put(&path, &plain);
            let output = cluster.call(sops, &["--config", "t/.sops.yaml", "encrypt", "--in-place", &path]);
            assert!(output.good(), "{sops:?} {name}: {}", output.summary());
        }
        let report = cluster.ours(&["bootstrap", "verify", "t", "--keys", "keys"]);
        assert_eq!(report.matches("good ").count(), 5, "{report}");
        // And what is there is kept.
        let again = cluster.ours(&["bootstrap", "secrets", "t", "--keys", "keys", "--values", "values"]);
        assert!(again.contains("nothing was left to do"), "{again}");
    }
}

#[test]
fn a_change_of_the_clusters_identity_is_followed_by_both_versions() {
    let bed = Bed::new("bootstrap-rotate");
    let cluster = Cluster::made(&bed);
    let (old, operator) = ("keys/cluster.agekey", "keys/operator.agekey");
    let password = |sops, identity: &str| cluster.value(sops, "backup-repo", "RESTIC_PASSWORD", identity);
    cluster.ours(&["bootstrap", "rotate", "t", "--keys", "keys"]);
    let new = cluster.value(Sops::New, "sops-age", "cluster-2.agekey", operator);
    assert!(new.good(), "{}", new.summary());
    cluster.put("new.agekey", &new.text());
    for sops in Sops::REAL {
        for identity in [old, "new.agekey", operator] {
            assert_eq!(password(sops, identity).text(), PASSWORD, "{sops:?} {identity}");
        }
    }
    // A new file by sops itself, between the phases, is for both.
    cluster.put("t/later.sops.yaml", "kind: Secret\nmetadata: {name: later}\nstringData: {a: b}\n");
    let output = cluster.call(Sops::Old, &["--config", "t/.sops.yaml", "encrypt", "--in-place", "t/later.sops.yaml"]);
    assert!(output.good(), "{}", output.summary());
    cluster.ours(&["bootstrap", "rotate", "t", "--keys", "keys", "--remove-old"]);
    for sops in Sops::REAL {
        assert_eq!(password(sops, old).status, 128);
        assert_eq!(cluster.value(sops, "later", "a", old).status, 128);
        for identity in ["new.agekey", operator] {
            assert_eq!(password(sops, identity).text(), PASSWORD, "{sops:?} {identity}");
            assert_eq!(cluster.value(sops, "later", "a", identity).text(), "b");
        }
        assert_eq!(cluster.value(sops, "sops-age", "cluster-2.agekey", operator).text(), cluster.get("new.agekey"));
        assert!(!cluster.value(sops, "sops-age", "cluster.agekey", operator).good());
    }
    assert!(!cluster.get("t/.sops.yaml").contains(&cluster.public(old)));
    cluster.ours(&["bootstrap", "verify", "t", "--identity", operator]);
}

#[test]
fn what_anybody_can_change_without_a_key_is_found() {
    let bed = Bed::new("bootstrap-attacks");
    let cluster = Cluster::made(&bed);
    let path = "t/backup-s3.sops.yaml";
    let sound = cluster.get(path);
    let cases: [(&str, String, i32); 4] = [
        ("an empty value", sound.replace("stringData:\n", "stringData:\n    bucket: \"\"\n"), 6),
        ("another name", sound.replace("name: backup-s3", "name: backup-s4"), 6),
        ("a foreign recipient", foreign(&sound, bed.recipient("mallory")), 3),
        ("text after a value", sound.replacen(",type:str]\n", ",type:str]x\n", 1), 6),
    ];
    for (name, text, status) in cases {
        assert_ne!(text, sound, "{name}");
        cluster.put(path, &text);
        let found = cluster.call(Sops::Ours, &["bootstrap", "verify", "t", "--keys", "keys"]);
        assert_eq!(found.status, status, "{name}: {}", found.text());
        // The next rotation by sops would let a stranger in; ours does not start.
        if name == "a foreign recipient" {
            let rotation = cluster.call(Sops::Ours, &["bootstrap", "rotate", "t", "--keys", "keys"]);
            assert_eq!(rotation.status, 3, "{}", rotation.summary());
        }
    }
}

/// The file with one more recipient, and junk for what is sealed to it.
fn foreign(sound: &str, recipient: &str) -> String {
    let (head, rest) = sound.split_once("        - recipient: ").expect("recipients");
    let (_, enc) = rest.split_once('\n').expect("an enc");
    let (enc, _) = enc.split_once("        - recipient: ").expect("a second one");
    format!("{head}        - recipient: {recipient}\n{enc}        - recipient: {rest}")
}

/// Longest wait for one prompt, milliseconds.
const PROMPT_MS: u64 = 60_000;

fn on_a_terminal(cluster: &Cluster<'_>, arguments: &[&str]) -> rexpect::session::PtySession {
    let mut command = std::process::Command::new(harness::bin::sops_tools());
    command.args(arguments).current_dir(&cluster.folder).env_clear().env("HOME", cluster.folder.join("home"));
    rexpect::session::spawn_command(command, Some(PROMPT_MS)).expect("a terminal")
}

#[test]
fn what_no_file_gives_is_asked_for_on_a_terminal_and_not_shown() {
    let bed = Bed::new("bootstrap-asked");
    let cluster = Cluster::new(&bed);
    let typed = [("AWS_ACCESS_KEY_ID", "typed-id"), ("AWS_SECRET_ACCESS_KEY", "typed-secret"), ("RESTIC_PASSWORD", "")];
    let only = "backup-s3,backup-repo";
    let mut terminal = on_a_terminal(&cluster, &["bootstrap", "secrets", "t", "--keys", "keys", "--only", only]);
    let mut shown = String::new();
    for (key, line) in [typed[2], typed[0], typed[1]] {
        shown += &terminal.exp_string(key).expect("a prompt");
        shown += &terminal.exp_string(": ").expect("the prompt's end");
        terminal.send_line(line).expect("a line typed");
    }
    shown += &terminal.exp_eof().expect("the end");
    assert!(shown.contains("made t/backup-s3.sops.yaml") && shown.contains("RESTIC_PASSWORD is random"), "{shown}");
    for (key, line) in typed.iter().filter(|(_, line)| !line.is_empty()) {
        assert!(!shown.contains(line), "what was typed was shown: {shown}");
        assert_eq!(cluster.value(Sops::Old, "backup-s3", key, "keys/operator.agekey").text(), *line);
    }
    assert_eq!(cluster.value(Sops::Old, "backup-repo", "RESTIC_PASSWORD", "keys/operator.agekey").text().len(), 43);
}

#[test]
fn nothing_is_given_out_to_a_terminal() {
    let bed = Bed::new("bootstrap-terminal");
    let cluster = Cluster::made(&bed);
    let mut terminal = on_a_terminal(&cluster, &["bootstrap", "show", "--from", "t", "--keys", "keys"]);
    let shown = terminal.exp_eof().expect("the end");
    assert!(shown.contains("secrets would be shown on the terminal") && !shown.contains("kind: Secret"), "{shown}");
}
