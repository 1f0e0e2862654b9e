//! Whole trees that we changed, read by both real sops programs: everybody who should opens every file, and nobody else.

use std::path::{Path, PathBuf};

use harness::sops::cases::{Verdict, each};
use harness::sops::{Bed, Output, Sops};

use super::corpus::with_recipients;

const READERS: [Sops; 3] = [Sops::Old, Sops::New, Sops::Ours];

/// Files as they are found in trees: name, plain text.
const PLAINS: [(&str, &str); 8] = [
    ("a/plain.yaml", "# head\na: 1\nb: [x, {c: d}] # in\ne_unencrypted: f\n"),
    (
        "a/secret.yaml",
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: x\nstringData:\n  password: one\n  text: |\n    two\n    three\n",
    ),
    ("a/two.yaml", "a: 1\n---\ng: h\n"),
    ("a/x.json", "{\n\t\"a\": 1.5,\n\t\"b\": [\n\t\t\"x\",\n\t\t{\n\t\t\t\"c\": null\n\t\t}\n\t]\n}\n"),
    ("a/x.env", "# head\nA=1\nB=two words\n"),
    ("a/x.ini", "[a]\nb = 1\n"),
    ("a/x.bin", "bytes\n"),
    ("groups/x.yaml", "a: of two groups\n"),
];

/// The configuration: one rule that needs two groups, one for the rest. `people` are those of the first group or of the rest.
fn config(bed: &Bed, people: &str) -> String {
    let list = people.split(',').map(|person| format!("'{person}'")).collect::<Vec<_>>().join(", ");
    let groups =
        format!("{{path_regex: ^groups/, shamir_threshold: 2, key_groups: [{{age: [{list}]}}, {{age: [{list}]}}]}}");
    let secrets = format!(
        "{{path_regex: secret, age: '{people}', encrypted_regex: '^(data|stringData)$', mac_only_encrypted: true}}"
    );
    with_recipients(bed, &format!("creation_rules: [{groups}, {secrets}, {{age: '{people}'}}]\n"))
}

/// A tree whose files the programs seal in turn.
fn tree(bed: &Bed, people: &str) -> PathBuf {
    let root = bed.case();
    for folder in ["a", "groups"] {
        std::fs::create_dir(root.join(folder)).expect("a folder of the tree");
    }
    put(&root.join(".sops.yaml"), config(bed, people));
    for (place, (name, plain)) in PLAINS.iter().enumerate() {
        put(&root.join(name), plain);
        let sealer = READERS[place % READERS.len()];
        let output = bed.call(sealer).within(&root).args(["encrypt", "-i", name]).run();
        output.succeeded(&format!("{} seals {name}", sealer.name())).expect("sealed");
    }
    root
}

fn put(path: &Path, text: impl AsRef<[u8]>) {
    use std::io::Write as _;
    let file = std::fs::File::create(path);
    file.and_then(|mut file| file.write_all(text.as_ref())).expect("a file of the tree");
}

fn change(bed: &Bed, root: &Path, arguments: &[&str]) -> Output {
    let output = bed.call(Sops::Ours).within(root).args(arguments).run();
    assert!(output.good(), "{}: {}", arguments.join(" "), output.summary());
    output
}

/// What each program reads in each file, as alice.
type Reading = Vec<(Sops, &'static str, Vec<u8>)>;

fn read(bed: &Bed, root: &Path) -> Reading {
    let files = PLAINS.iter().flat_map(|(name, _)| READERS.map(|reader| (reader, *name)));
    files.map(|(reader, name)| (reader, name, as_person(bed, root, reader, "alice", name).stdout)).collect()
}

fn as_person(bed: &Bed, root: &Path, reader: Sops, person: &str, name: &str) -> Output {
    bed.call_as(reader, person).within(root).args(["decrypt", name]).run()
}

/// Those who may read what alice read before the change, in every file and with every program; all others read nothing.
fn judge(bed: &Bed, root: &Path, before: &Reading, may: &[&str], may_not: &[&str]) {
    let name = |(reader, name, _): &(Sops, &str, Vec<u8>)| format!("{name} read by {}", reader.name());
    each("files of a changed tree", before, name, |(reader, name, plain)| {
        for person in may {
            let output = as_person(bed, root, *reader, person, name);
            if !output.good() || output.stdout != *plain || plain.is_empty() {
                return Err(format!("as {person}: {}\n{}", output.summary(), output.text()));
            }
        }
        for person in may_not {
            let refused = as_person(bed, root, *reader, person, name);
            if refused.status != 128 {
                return Err(format!("as {person}: {}", refused.summary()));
            }
        }
        Verdict::Ok(())
    });
}

#[test]
fn a_tree_that_somebody_joined_is_read_by_both_sops_programs() {
    let bed = Bed::new("tree-joined");
    let root = tree(&bed, "@alice");
    let before = read(&bed, &root);
    put(&root.join(".sops.yaml"), config(&bed, "@alice,@bob"));
    change(&bed, &root, &["updatekeys", "--yes", "."]);
    judge(&bed, &root, &before, &["alice", "bob"], &["carol"]);
}

#[test]
fn a_tree_that_somebody_left_is_read_by_both_sops_programs_and_no_more_by_whoever_left() {
    let bed = Bed::new("tree-left");
    let root = tree(&bed, "@alice,@bob");
    let before = read(&bed, &root);
    put(&root.join(".sops.yaml"), config(&bed, "@alice"));
    let bob = bed.recipient("bob").to_owned();
    change(&bed, &root, &["updatekeys", "--yes", "--rm-age", &bob, "."]);
    judge(&bed, &root, &before, &["alice"], &["bob"]);
}

#[test]
fn a_tree_with_new_data_keys_is_read_by_both_sops_programs() {
    let bed = Bed::new("tree-rotated");
    let root = tree(&bed, "@alice,@bob");
    let before = read(&bed, &root);
    let sealed: Vec<_> = PLAINS.iter().map(|(name, _)| std::fs::read(root.join(name)).expect("a file")).collect();
    change(&bed, &root, &["rotate", "."]);
    for ((name, _), old) in PLAINS.iter().zip(sealed) {
        assert_ne!(std::fs::read(root.join(name)).expect("a file"), old, "{name} is sealed anew");
    }
    judge(&bed, &root, &before, &["alice", "bob"], &["carol"]);
}
