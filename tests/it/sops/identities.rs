//! Keys: where identities come from, and the real age on what seals the data key.

use std::path::Path;

use harness::command;
use harness::process::Program;
use harness::sops::cases::{Verdict, differences, report};
use harness::sops::{Bed, Call, Deliberate, Format, Sops};
use harness::tools::program;

use super::attacks::verdict;

const LIMIT: std::time::Duration = std::time::Duration::from_secs(20);

/// Where a call finds its identities.
struct Source {
    name: &'static str,
    set: fn(&Bed, &Path, Call) -> Call,
}

const SOURCES: &[Source] = &[
    Source { name: "none", set: |_, _, call| call },
    Source { name: "a file", set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.keys("alice")) },
    Source { name: "a file of a stranger", set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.keys("mallory")) },
    Source { name: "a file that is not there", set: |_, _, call| call.env("SOPS_AGE_KEY_FILE", "/nowhere") },
    Source { name: "an empty file", set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", "")) },
    Source {
        name: "a file of comments",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", "# none\n")),
    },
    Source {
        name: "a file of nonsense",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", "nonsense\n")),
    },
    Source {
        name: "a file of two",
        set: |bed, _, call| {
            call.env("SOPS_AGE_KEY_FILE", bed.file("keys", key(bed, "mallory") + "\n" + &key(bed, "alice") + "\n"))
        },
    },
    Source {
        name: "a file with line ends of Windows",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", key(bed, "alice") + "\r\n")),
    },
    Source {
        name: "a file without a newline",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", key(bed, "alice"))),
    },
    Source {
        name: "a file with a blank start",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", format!("\n\n  {}\n", key(bed, "alice")))),
    },
    Source {
        name: "a file in small letters",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", key(bed, "alice").to_lowercase())),
    },
    Source {
        name: "a file with one bad line",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_FILE", bed.file("keys", key(bed, "alice") + "\nnonsense\n")),
    },
    Source { name: "a variable", set: |bed, _, call| call.env("SOPS_AGE_KEY", key(bed, "alice")) },
    Source {
        name: "a variable of two lines",
        set: |bed, _, call| call.env("SOPS_AGE_KEY", format!("# x\n{}\n{}", key(bed, "bob"), key(bed, "alice"))),
    },
    Source { name: "an empty variable", set: |_, _, call| call.env("SOPS_AGE_KEY", "") },
    Source { name: "a variable of nonsense", set: |_, _, call| call.env("SOPS_AGE_KEY", "nonsense") },
    Source {
        name: "a variable of nonsense beside a file",
        set: |bed, _, call| call.env("SOPS_AGE_KEY", "nonsense").env("SOPS_AGE_KEY_FILE", bed.keys("alice")),
    },
    Source {
        name: "a variable beside the file of a stranger",
        set: |bed, _, call| call.env("SOPS_AGE_KEY", key(bed, "alice")).env("SOPS_AGE_KEY_FILE", bed.keys("mallory")),
    },
    Source {
        name: "a variable beside a file that is not there",
        set: |bed, _, call| call.env("SOPS_AGE_KEY", key(bed, "alice")).env("SOPS_AGE_KEY_FILE", "/nowhere"),
    },
    Source {
        name: "a command",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_CMD", format!("cat {}", bed.keys("alice").display())),
    },
    Source {
        name: "a command with quotes",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_CMD", format!("sh -c 'cat \"{}\"'", bed.keys("alice").display())),
    },
    Source { name: "a command that fails", set: |_, _, call| call.env("SOPS_AGE_KEY_CMD", "false") },
    Source { name: "a command that is not there", set: |_, _, call| call.env("SOPS_AGE_KEY_CMD", "/nowhere") },
    Source {
        name: "a command that fails beside a file",
        set: |bed, _, call| call.env("SOPS_AGE_KEY_CMD", "false").env("SOPS_AGE_KEY_FILE", bed.keys("alice")),
    },
    Source {
        name: "the home folder",
        set: |bed, home, call| call.env("HOME", kept(bed, home, ".config/sops/age/keys.txt")),
    },
    Source {
        name: "the folder of settings",
        set: |bed, home, call| call.env("XDG_CONFIG_HOME", kept(bed, home, "sops/age/keys.txt")),
    },
    Source {
        name: "the home folder where another is set",
        set: |bed, home, call| {
            call.env("HOME", kept(bed, home, ".config/sops/age/keys.txt")).env("XDG_CONFIG_HOME", "/nowhere")
        },
    },
];

fn key(bed: &Bed, person: &str) -> String {
    let file = std::fs::read_to_string(bed.keys(person)).expect("a key file");
    file.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("a key").to_owned()
}

/// `home` with alice's keys under `name`.
fn kept(bed: &Bed, home: &Path, name: &str) -> std::path::PathBuf {
    let file = home.join(name);
    std::fs::create_dir_all(file.parent().expect("in a folder")).expect("the folder");
    std::fs::copy(bed.keys("alice"), file).expect("a copy of the keys");
    home.to_owned()
}

#[test]
fn identities_are_found_where_sops_finds_them() {
    let (bed, meant) = (Bed::new("identities"), Deliberate::of("identity"));
    let sealed = bed.encrypt(Sops::Old, Format::Yaml, b"a: 1\n", &[]).expect("sealed");
    let mut found =
        differences(SOURCES, |source| source.name.to_owned(), |source| judge(&bed, &meant, source, &sealed));
    found.extend(meant.unseen());
    report("identities", SOURCES.len(), &found);
}

fn judge(bed: &Bed, meant: &Deliberate, source: &Source, sealed: &[u8]) -> Verdict {
    let decrypt = |sops: Sops| {
        let file = bed.file("file.yaml", sealed);
        (source.set)(bed, &bed.case(), bed.call_without_keys(sops)).arg("decrypt").arg(file).run()
    };
    let [old, new, ours] = [Sops::Old, Sops::New, Sops::Ours].map(decrypt);
    let theirs = verdict(&old, &new, ours.status);
    let explained = meant.judge(source.name, &theirs, ours.status);
    explained.map_err(|fault| {
        format!("{fault}\n3.11.0: {}\n3.13.3: {}\nours: {}", old.summary(), new.summary(), ours.summary())
    })?;
    let leaked = ours.stderr.contains("AGE-SECRET-KEY-1") || ours.stderr.contains(&key(bed, "alice")[20..40]);
    if leaked { Err(format!("an identity in the error output: {}", ours.stderr)) } else { Ok(()) }
}

#[tokio::test]
async fn the_real_age_opens_the_data_key_that_we_sealed_and_we_open_what_it_sealed() {
    let bed = Bed::new("age");
    let sealed = bed.encrypt(Sops::Ours, Format::Yaml, b"a: secret\n", &[]).expect("sealed");
    let text = String::from_utf8(sealed).expect("text");
    let armor = armor_of(&text);
    let (locked, data_key) = (bed.file("enc.age", &armor), bed.file("data-key", ""));
    let age = || Program::new("age", program("age"));
    let open = age().args(["-d", "-o"]).arg(&data_key).arg("-i").arg(bed.keys("alice")).arg(&locked);
    command::run(open, LIMIT).await.assert_status(0);
    assert_eq!(std::fs::read(&data_key).expect("the data key").len(), 32);

    let again = bed.file("again.age", "");
    let seal = age().args(["-a", "-r", bed.recipient("bob"), "-o"]).arg(&again).arg(&data_key);
    command::run(seal, LIMIT).await.assert_status(0);
    let indented = |armor: &str| armor.lines().map(|line| format!("            {line}\n")).collect::<String>();
    let theirs = indented(&std::fs::read_to_string(&again).expect("what age sealed"));
    let replaced = replace_armor(&text, &theirs);
    for sops in [Sops::New, Sops::Ours] {
        assert_eq!(bed.decrypt_as(sops, "alice", Format::Yaml, replaced.as_bytes()).status, 128, "{}", sops.name());
        assert_eq!(
            bed.decrypt_as(sops, "bob", Format::Yaml, replaced.as_bytes()).text(),
            "a: secret\n",
            "{}",
            sops.name()
        );
    }
}

/// The armored text of the one recipient, without its indentation.
pub(super) fn armor_of(sealed: &str) -> String {
    let lines = sealed.lines().skip_while(|line| !line.contains("-----BEGIN"));
    let mut armor = String::new();
    for line in lines {
        armor.push_str(line.trim());
        armor.push('\n');
        if line.contains("-----END") {
            break;
        }
    }
    armor
}

fn replace_armor(sealed: &str, armor: &str) -> String {
    let begin = sealed.find("-----BEGIN").expect("an armor");
    let start = sealed[..begin].rfind('\n').map_or(0, |line| line + 1);
    let last = sealed.find("-----END").expect("its end");
    let end = last + sealed[last..].find('\n').expect("a line's end") + 1;
    format!("{}{armor}{}", &sealed[..start], &sealed[end..])
}
