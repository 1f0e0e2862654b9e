//! A disk that really has no room left, under a tree that is changed: its files are old or new, all of them, and the next run ends it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use harness::bin;
use harness::command::{Output, run};
use harness::disk::SmallDisk;
use harness::process::Program;
use harness::sops::{Bed, Format, Sops};

const LIMIT: Duration = Duration::from_mins(1);

/// A tree on a small disk, every file of it sealed for alice.
struct Tree<'a> {
    bed: &'a Bed,
    disk: &'a SmallDisk,
    root: PathBuf,
}

impl<'a> Tree<'a> {
    fn new(bed: &'a Bed, disk: &'a SmallDisk, name: &str) -> Self {
        let tree = Self { bed, disk, root: disk.path().join(name) };
        for folder in ["", "one", "two"] {
            std::fs::create_dir(tree.outside(folder)).expect("a folder of the tree");
        }
        tree.rule("alice");
        for format in Format::ALL {
            let sealed = bed.encrypt(Sops::Ours, format, plain(format).as_bytes(), &[]).expect("sealed");
            for folder in ["one", "two"] {
                tree.put(&Path::new(folder).join(format.file()), &sealed);
            }
        }
        tree
    }

    fn outside(&self, path: impl AsRef<Path>) -> PathBuf {
        self.disk.from_outside(&self.root.join(path))
    }

    fn put(&self, path: &Path, content: &[u8]) {
        use std::io::Write as _;
        let file = std::fs::File::create(self.outside(path));
        file.and_then(|mut file| file.write_all(content)).expect("a file of the tree");
    }

    fn rule(&self, people: &str) {
        let people = self.bed.recipients(&people.split(',').collect::<Vec<_>>());
        self.put(Path::new(".sops.yaml"), format!("creation_rules: [{{age: '{people}'}}]\n").as_bytes());
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let program = Program::new("sops-tools", bin::sops_tools())
            .env("HOME", self.bed.case())
            .env("SOPS_AGE_KEY_FILE", self.bed.keys("alice"))
            .args(arguments.iter().map(|argument| match *argument {
                // No folder to work in: where this process is the disk is not to be seen.
                "." | "one" | "two" => self.root.join(argument).into_os_string(),
                other => other.into(),
            }));
        run(self.disk.seen_by(program), LIMIT).await
    }

    /// Everything in the tree but the folder of the journal, leftovers too.
    fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(self.outside(&folder)).expect("a folder of the tree") {
                let entry = entry.expect("an entry");
                let path = folder.join(entry.file_name());
                if !entry.path().is_dir() {
                    files.insert(path, std::fs::read(entry.path()).expect("a file"));
                } else if entry.file_name() != ".sops-tools" {
                    folders.push(path);
                }
            }
        }
        files
    }

    /// Every sealed file opens for `person` with the plain text that it always had.
    fn assert_opened_by(&self, person: &str) {
        for (path, sealed) in self.files() {
            if path == Path::new(".sops.yaml") {
                continue;
            }
            let format = Format::of(&path);
            let opened = self.bed.decrypt_as(Sops::Ours, person, format, &sealed);
            assert_eq!(opened.text(), plain(format), "{}: {}", path.display(), opened.summary());
        }
    }
}

fn plain(format: Format) -> &'static str {
    match format {
        Format::Yaml => "a: secret\nb: 1\n",
        Format::Json => "{\n\t\"a\": \"secret\"\n}\n",
        Format::Dotenv => "A=secret\n",
        Format::Ini => "[a]\nb = secret\n",
        Format::Binary => "secret",
    }
}

/// Runs a change with less and less lack of room until it is made. Each run that fails leaves every file as it was and nothing beside.
async fn until_made(tree: &Tree<'_>, arguments: &[&str]) {
    let before = tree.files();
    let mut refused = 0;
    for blocks in 0_u64.. {
        tree.disk.fill_but(blocks);
        let output = tree.run(arguments).await;
        tree.disk.make_room();
        let after = tree.files();
        if output.status == 0 {
            let old: Vec<_> = before.iter().filter(|(path, old)| after.get(*path) == Some(*old)).collect();
            let names: Vec<_> = old.iter().map(|(path, _)| path.display().to_string()).collect();
            assert_eq!(names, [".sops.yaml"], "all are new");
            assert_eq!(after.len(), before.len(), "and nothing lies beside them");
            break;
        }
        output.assert_status(5);
        let said = output.stderr.to_ascii_lowercase();
        assert!(said.contains("no space left"), "{blocks} blocks: {}", output.text());
        assert!(after == before, "{blocks} blocks: all are old and nothing lies beside them: {}", output.text());
        refused += 1;
    }
    assert!(refused > 5, "a disk with room for {refused} blocks was no small one");
}

#[tokio::test]
async fn a_tree_on_a_full_disk_stays_as_it_was_until_there_is_room_for_all_of_it() {
    let (bed, disk) = (Bed::new("full-tree"), SmallDisk::new().await);
    let tree = Tree::new(&bed, &disk, "tree");
    until_made(&tree, &["rotate", "."]).await;
    tree.assert_opened_by("alice");
    tree.rule("alice,bob");
    until_made(&tree, &["updatekeys", "--yes", "."]).await;
    tree.assert_opened_by("bob");
    tree.run(&["verify", "--check", "."]).await.assert_status(0);
}

/// Leaves the tree as a run does that was killed after the first of its files, its laid out files cleared away since.
fn cut_off(tree: &Tree<'_>, old: &BTreeMap<PathBuf, Vec<u8>>, new: &BTreeMap<PathBuf, Vec<u8>>) {
    use sops_tools::worktree::journal::Journal;
    let changes = old.iter().filter(|(path, old)| new.get(*path) != Some(*old)).map(|(path, old)| {
        let new = new.get(path).expect("the same files");
        (path.as_path(), old.as_slice(), new.as_slice())
    });
    let (journal, contents) = Journal::new("1".repeat(32), "rotate .".into(), "2026-11-27T00:00:00Z".into(), changes);
    tree.put(Path::new(".sops-tools/journal.json"), &journal.to_text());
    tree.put(Path::new(".sops-tools/contents"), &contents);
    for entry in journal.files.iter().skip(1) {
        tree.put(&entry.path, &old[&entry.path]);
    }
}

#[tokio::test]
async fn a_change_that_was_cut_off_waits_for_room_and_is_then_finished_or_taken_back() {
    let (bed, disk) = (Bed::new("full-cut"), SmallDisk::new().await);
    for (name, undo) in [("finished", false), ("undone", true)] {
        let tree = Tree::new(&bed, &disk, name);
        let old = tree.files();
        tree.run(&["rotate", "."]).await.assert_status(0);
        let new = tree.files();
        if !tree.outside(".sops-tools").exists() {
            std::fs::create_dir(tree.outside(".sops-tools")).expect("the folder of the journal");
        }
        cut_off(&tree, &old, &new);
        let arguments: &[&str] = if undo { &["rotate", "--undo", "."] } else { &["rotate", "."] };
        disk.fill();
        let full = tree.run(arguments).await;
        full.assert_status(5);
        for (path, content) in tree.files() {
            if let (Some(old), Some(new)) = (old.get(&path), new.get(&path)) {
                assert!(content == *old || content == *new, "{} is old or new", path.display());
            }
        }
        disk.make_room();
        tree.run(arguments).await.assert_status(0);
        assert_eq!(tree.files(), if undo { old } else { new }, "{name}");
        assert!(!tree.outside(".sops-tools/contents").exists(), "nothing is left of the change");
    }
}

#[tokio::test]
async fn a_tree_on_a_disk_that_is_read_only_is_told_and_stays_as_it_was() {
    let (bed, disk) = (Bed::new("full-read-only"), SmallDisk::new().await);
    let tree = Tree::new(&bed, &disk, "tree");
    let before = tree.files();
    disk.make_read_only().await;
    for arguments in [&["rotate", "."][..], &["rotate", "one", "two"]] {
        let refused = tree.run(arguments).await;
        assert!(matches!(refused.status, 3 | 5), "{}", refused.text());
        assert!(refused.stderr.to_ascii_lowercase().contains("read-only"), "{}", refused.text());
    }
    assert_eq!(tree.files(), before);
    tree.run(&["verify", "--check", "."]).await.assert_status(0);
}
