//! A repository with SOPS files, and the program in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

pub(crate) struct Seen {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Seen {
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.stdout, self.stderr))
    }
}

pub(crate) struct Bed {
    dir: tempfile::TempDir,
}

/// What anybody may call `who`: a file with an identity, and its recipient.
pub(crate) struct Person {
    pub(crate) file: PathBuf,
    pub(crate) recipient: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let bed = Self { dir: tempfile::tempdir().unwrap() };
        std::fs::create_dir(bed.root()).unwrap();
        std::fs::create_dir(bed.dir.path().join("home")).unwrap();
        bed
    }

    /// One with a Git repository.
    pub(crate) fn with_git() -> Self {
        let bed = Self::new();
        bed.git(&["init", "-q", "-b", "main"]);
        bed
    }

    pub(crate) fn root(&self) -> PathBuf {
        self.dir.path().canonicalize().unwrap().join("repo")
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        if path.exists() {
            std::fs::remove_file(&path).unwrap();
        }
        sops_tools::files::create_new(&path, text.as_bytes(), 0o644).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Every file, Git's own left out.
    pub(crate) fn files(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        let mut folders = vec![self.root()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() && path.file_name().is_some_and(|name| name != ".git") {
                    folders.push(path);
                } else if path.is_file() {
                    files.insert(path.clone(), std::fs::read(&path).unwrap());
                }
            }
        }
        files
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> String {
        let output = Command::new("git")
            .args(["-c", "user.name=t", "-c", "user.email=t@example.net", "-c", "commit.gpgsign=false"])
            .args(arguments)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("home"))
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .stdin(Stdio::null())
            .output()
            .unwrap();
        assert!(output.status.success(), "git {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "-A"]);
        self.git(&["commit", "-q", "-m", "x"]);
    }

    pub(crate) fn person(&self, name: &str) -> Person {
        let identities = sops_tools::custody::Identities::generate();
        let file = self.dir.path().join(format!("{name}.agekey"));
        let text = identities.to_file_text(sops_tools::clock::Timestamp::UNIX_EPOCH);
        sops_tools::files::create_new(&file, &text, 0o600).unwrap();
        Person { file, recipient: identities.to_recipients()[0].to_string() }
    }

    pub(crate) fn command(&self, who: Option<&Person>) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sops-tools"));
        command
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.dir.path().join("home"))
            .stdin(Stdio::null());
        if let Some(who) = who {
            command.env("SOPS_AGE_KEY_FILE", &who.file);
        }
        command
    }

    pub(crate) fn run(&self, who: Option<&Person>, arguments: &[&str]) -> Seen {
        let output = self.command(who).args(arguments).output().unwrap();
        Seen {
            status: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The rule of everything in `secrets/`.
    pub(crate) fn rule(&self, people: &[&Person]) {
        let recipients: Vec<&str> = people.iter().map(|person| person.recipient.as_str()).collect();
        self.put(".sops.yaml", &format!("creation_rules:\n- path_regex: ^secrets/\n  age: {}\n", recipients.join(",")));
    }

    /// Seals a new file by the rule of the day.
    pub(crate) fn seal(&self, name: &str, plain: &str) {
        self.put(name, plain);
        let seen = self.run(None, &["encrypt", "--in-place", name]);
        assert_eq!(seen.status, 0, "{}", seen.stderr);
    }

    pub(crate) fn decrypt(&self, who: &Person, name: &str) -> Seen {
        self.run(Some(who), &["decrypt", name])
    }
}

pub(crate) const KEY_VALUES: [(&str, &str); 5] = [
    ("secrets/a.yaml", "name: one\npassword: kartoffelsalat\n"),
    ("secrets/b.json", "{\n\t\"password\": \"kartoffelsalat\"\n}\n"),
    ("secrets/c.env", "PASSWORD=kartoffelsalat\n"),
    ("secrets/d.ini", "[s]\npassword = kartoffelsalat\n"),
    ("secrets/deep/e.bin", "kartoffelsalat"),
];

/// One sealed file of every format, with a plain neighbour.
pub(crate) fn every_format(bed: &Bed) {
    for (name, plain) in KEY_VALUES {
        bed.seal(name, plain);
    }
    bed.put("apps/deployment.yaml", "apiVersion: apps/v1\nkind: Deployment\nspec: {replicas: 1}\n");
}

pub(crate) fn is_there(path: &Path) -> bool {
    path.symlink_metadata().is_ok()
}
