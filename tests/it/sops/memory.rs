//! What is left in the memory of a program after its last use of a plain text: nothing. The program stands still in what it prints at
//! its end, because the pipe that it prints into is full, and its memory is searched.

use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::bin;
use harness::command;
use harness::full_pipe::FullPipe;
use harness::memscan::{Needle, found_in_memory};
use harness::process::{Process, Program};
use harness::sops::{Bed, Format, Sops};
use harness::tools::program;
use sops_tools::clock::{Entropy as _, System, hex};

use super::identities::armor_of;

const LIMIT: Duration = Duration::from_secs(20);

/// A secret that nobody has seen before, long enough to be searched for.
fn secret() -> String {
    let mut bytes = [0; 40];
    System.fill(&mut bytes);
    hex(&bytes)
}

/// A plain file of a format that holds three secrets at its ends and in its middle.
fn plain(format: Format, [one, two, three]: &[String; 3]) -> String {
    let many = |line: &dyn Fn(usize) -> String| (0..50).map(line).collect::<String>();
    match format {
        Format::Yaml => {
            let more = many(&|number| format!("k{number}: v{number}\n"));
            format!("a: {one}\n{more}b: {{c: [x, {two}]}}\n# {three}\nd: |\n  y\n  {three}\n")
        }
        Format::Json => {
            let more = many(&|number| format!("\"k{number}\": {number}, "));
            format!("{{\"a\": \"{one}\", {more}\"b\": [{{\"c\": \"{two}\"}}], \"d\": \"x\\n{three}\"}}")
        }
        Format::Dotenv => {
            format!("A={one}\n{}B={two}\n# {three}\nC={three}\n", many(&|number| format!("K{number}=v\n")))
        }
        Format::Ini => {
            format!("; {three}\n[a]\nb = {one}\n{}[c]\nd = {two}\n", many(&|number| format!("k{number} = v\n")))
        }
        Format::Binary => format!("{one}\n{}{two}\n{three}\n", many(&|number| format!("line {number}\n"))),
    }
}

fn name(format: Format, number: usize) -> String {
    ["the first secret", "the second secret", "the third secret"][number].to_owned() + " of " + format.name()
}

/// What stands for one file: its secrets, and the data key that seals them.
async fn needles(bed: &Bed, format: Format, secrets: &[String; 3], sealed: &Path) -> Vec<Needle> {
    let texts = secrets.iter().enumerate();
    let mut needles: Vec<Needle> =
        texts.map(|(number, text)| Needle::tail_of(&name(format, number), text.as_bytes())).collect();
    let key = data_key(bed, format, sealed).await;
    needles.push(Needle::whole(&format!("the data key of {}", format.name()), &key));
    needles
}

/// The data key of a file, opened by the real age.
async fn data_key(bed: &Bed, format: Format, sealed: &Path) -> Vec<u8> {
    let text = std::fs::read_to_string(sealed).expect("the sealed file");
    let armor = if format == Format::Yaml {
        armor_of(&text)
    } else {
        let begin = text.find("-----BEGIN").expect("an armor");
        let end = text.find("-----END AGE ENCRYPTED FILE-----").expect("its end");
        format!("{}-----END AGE ENCRYPTED FILE-----\n", &text[begin..end]).replace("\\n", "\n")
    };
    let (locked, key) = (bed.file("enc.age", armor), bed.file("data-key", ""));
    let age = Program::new("age", program("age")).args(["-d", "-o"]).arg(&key).arg("-i").arg(bed.keys("alice"));
    command::run(age.arg(locked), LIMIT).await.assert_status(0);
    let key = std::fs::read(key).expect("the data key");
    assert_eq!(key.len(), 32);
    key
}

/// Alice's identity, as text and as bytes. Using it may clear or set single bits at both ends.
fn identity(bed: &Bed) -> Vec<Needle> {
    let text = std::fs::read_to_string(bed.keys("alice")).expect("the identity's file");
    let line = text.lines().find(|line| line.starts_with("AGE-SECRET-KEY-1")).expect("the identity's line");
    let (_, raw) = bech32::decode(line).expect("an identity is bech32");
    vec![
        Needle::tail_of("the identity's text", line.as_bytes()),
        Needle::tail_of("the identity's text in lower case", line.to_lowercase().as_bytes()),
        Needle::tail_of("the identity", &raw),
        Needle::whole("the identity in use", &raw[8..24]),
    ]
}

/// Runs our program as alice in `folder` until it prints into `pipe`.
async fn held(bed: &Bed, folder: &Path, pipe: &FullPipe, arguments: &[&str]) -> Process {
    let program = Program::new("sops-tools", bin::sops_tools())
        .env("HOME", bed.case())
        .env("SOPS_AGE_KEY_FILE", bed.keys("alice"))
        .current_dir(folder)
        .args(arguments);
    let mut process = program.start_with(&pipe.path(), &bed.case().join("stderr"));
    pipe.until_stuck(&mut process).await;
    process
}

/// A sealed file of each format, in a folder with a rule for alice, and everything that none may find.
async fn sealed_files(bed: &Bed) -> (PathBuf, Vec<(Format, Vec<Needle>)>) {
    let folder = bed.case();
    let rule = format!("creation_rules: [{{age: {}}}]\n", bed.recipient("alice"));
    write(&folder.join(".sops.yaml"), rule.as_bytes());
    let mut files = Vec::new();
    for format in Format::ALL {
        let secrets = [secret(), secret(), secret()];
        let sealed = bed.encrypt(Sops::Ours, format, plain(format, &secrets).as_bytes(), &[]).expect("sealed");
        let path = folder.join(format.file());
        write(&path, &sealed);
        files.push((format, needles(bed, format, &secrets, &path).await));
    }
    (folder, files)
}

fn write(path: &Path, content: &[u8]) {
    use std::io::Write as _;
    std::fs::File::create(path).and_then(|mut file| file.write_all(content)).expect("a file of the test");
}

#[tokio::test]
async fn nothing_of_a_decrypted_file_stays_in_memory_and_one_that_is_being_printed_is_found() {
    let (bed, pipe) = (Bed::new("memory"), FullPipe::new());
    let (folder, files) = sealed_files(&bed).await;
    for (format, needles) in &files {
        let file = format.file();
        let file = file.to_str().expect("a name");
        let everything = [needles.clone(), identity(&bed)].concat();
        // The plain text itself is stuck: the search sees what is there.
        let printing = held(&bed, &folder, &pipe, &["decrypt", file]).await;
        let live = found_in_memory(printing.pid(), &everything);
        for needle in &needles[..3] {
            assert!(live.contains(&needle.name), "{} while it is printed: {live:?}", needle.name);
        }
        drop(printing);
        // Only what a program is told at the end is stuck: the plain text has been written.
        let done = held(&bed, &folder, &pipe, &["decrypt", "--in-place", file, "--output", "json"]).await;
        let written = std::fs::read_to_string(folder.join(file)).expect("the plain file");
        assert!(!written.contains("ENC["), "{file} is decrypted");
        assert_eq!(found_in_memory(done.pid(), &everything), Vec::<String>::new(), "after {file} was decrypted");
    }
}

#[tokio::test]
async fn nothing_of_a_tree_stays_in_memory_once_all_its_files_were_opened() {
    let (bed, pipe) = (Bed::new("memory-tree"), FullPipe::new());
    let (folder, files) = sealed_files(&bed).await;
    let everything: Vec<Needle> = files.into_iter().flat_map(|(_, needles)| needles).chain(identity(&bed)).collect();
    for arguments in [&["verify", "."][..], &["rotate", "--dry-run", "."], &["rotate", "."]] {
        let done = held(&bed, &folder, &pipe, arguments).await;
        let found = found_in_memory(done.pid(), &everything);
        assert_eq!(found, Vec::<String>::new(), "after {}", arguments.join(" "));
    }
}

#[tokio::test]
async fn nothing_of_a_value_that_was_set_stays_in_memory() {
    let (bed, pipe) = (Bed::new("memory-set"), FullPipe::new());
    let (folder, files) = sealed_files(&bed).await;
    let (format, needles) = files.into_iter().next().expect("a YAML file");
    let (file, new) = (format.file(), secret());
    let everything = [needles, identity(&bed), vec![Needle::tail_of("the new value", new.as_bytes())]].concat();
    let value = bed.file("value", format!("\"{new}\""));
    let (file, value) = (file.to_str().expect("a name"), value.to_str().expect("a path"));
    let arguments = ["set", "--output", "json", "--value-file", file, "[\"a\"]", value];
    let done = held(&bed, &folder, &pipe, &arguments).await;
    assert_eq!(found_in_memory(done.pid(), &everything), Vec::<String>::new(), "after a value was set");
    drop(done);
    let get = bed.call(Sops::New).args(["decrypt", "--extract", "[\"a\"]"]).arg(folder.join(file)).run();
    assert_eq!(get.text(), new, "it was set");
}
