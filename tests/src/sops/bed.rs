//! Keys, folders and calls of one test.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Call, Format, Output, Sops};
use crate::process::Program;
use crate::workdir::Workdir;

/// Those who hold keys; the first one is everybody's default.
const PEOPLE: [&str; 4] = ["alice", "bob", "carol", "mallory"];

/// Fresh age keys of alice, bob, carol and mallory, made by the real `age-keygen`, and room for files.
#[derive(Debug)]
pub struct Bed {
    folder: Workdir,
    recipients: Vec<(&'static str, String)>,
    folders: AtomicUsize,
}

impl Bed {
    /// A new one; `name` stands in the name of its folder.
    pub fn new(name: &str) -> Self {
        let folder = Workdir::new(&format!("sops-{name}"));
        for sub in ["home", "keys", "calls"] {
            folder.folder(sub);
        }
        let recipients = PEOPLE.map(|person| (person, keygen(&folder, person))).to_vec();
        Self { folder, recipients, folders: AtomicUsize::new(0) }
    }

    /// Public key of one of them.
    pub fn recipient(&self, person: &str) -> &str {
        let found = self.recipients.iter().find(|(name, _)| *name == person);
        &found.unwrap_or_else(|| panic!("nobody is called {person}")).1
    }

    /// Public keys of several, as a comma list.
    pub fn recipients(&self, people: &[&str]) -> String {
        people.iter().map(|person| self.recipient(person)).collect::<Vec<_>>().join(",")
    }

    /// Key file of one of them.
    pub fn keys(&self, person: &str) -> PathBuf {
        self.folder.join("keys").join(person)
    }

    /// A new empty folder for one case, outside of which no `.sops.yaml` is found.
    pub fn case(&self) -> PathBuf {
        self.folder.folder(&format!("case-{}", self.folders.fetch_add(1, Ordering::Relaxed)))
    }

    /// A file in a folder of its own.
    pub fn file(&self, name: impl AsRef<Path>, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.case().join(name);
        put(&path, content);
        path
    }

    /// A call of `sops` with alice's key.
    pub fn call(&self, sops: Sops) -> Call {
        self.call_as(sops, "alice")
    }

    /// A call of `sops` with the key of `person`.
    pub fn call_as(&self, sops: Sops, person: &str) -> Call {
        self.call_without_keys(sops).env("SOPS_AGE_KEY_FILE", self.keys(person))
    }

    /// A call of `sops` without any identity.
    pub fn call_without_keys(&self, sops: Sops) -> Call {
        Call::new(sops, &self.folder.join("calls"), &self.folder.join("home")).within(self.folder.path())
    }

    /// `content` encrypted by `sops` to alice, with more flags.
    ///
    /// # Errors
    /// A summary, where it refuses.
    pub fn encrypt(&self, sops: Sops, format: Format, content: &[u8], flags: &[&str]) -> Result<Vec<u8>, String> {
        let output = self.try_encrypt(sops, format, content, flags);
        output.succeeded(&format!("{} encrypts", sops.name()))
    }

    /// As [`Bed::encrypt`], with the whole outcome. Flags that name age keys replace alice's.
    pub fn try_encrypt(&self, sops: Sops, format: Format, content: &[u8], flags: &[&str]) -> Output {
        let file = self.file(format.file(), content);
        let mut call = self.call(sops).arg("encrypt");
        if !flags.iter().any(|flag| flag.starts_with("--age") || flag.starts_with("--config")) {
            call = call.args(["--age", self.recipient("alice")]);
        }
        call.args(flags).arg(file).run()
    }

    /// Decrypts `sealed` with alice's key.
    pub fn decrypt(&self, sops: Sops, format: Format, sealed: &[u8]) -> Output {
        self.decrypt_as(sops, "alice", format, sealed)
    }

    /// Decrypts `sealed` with the key of `person`.
    pub fn decrypt_as(&self, sops: Sops, person: &str, format: Format, sealed: &[u8]) -> Output {
        let file = self.file(format.file(), sealed);
        self.call_as(sops, person).arg("decrypt").arg(file).run()
    }
}

/// Writes a file.
fn put(path: &Path, content: impl AsRef<[u8]>) {
    use std::io::Write as _;
    let mut file = std::fs::File::create(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    file.write_all(content.as_ref()).expect("content of the file");
}

/// Makes a key file and returns its public key.
fn keygen(folder: &Workdir, person: &str) -> String {
    let file = folder.join("keys").join(person);
    let outputs = (folder.join(format!("calls/{person}.out")), folder.join(format!("calls/{person}.err")));
    let run = |program: Program| {
        let mut process = program.start_with(&outputs.0, &outputs.1);
        while process.ended().is_none() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        let ended = process.ended().expect("it has ended");
        assert!(ended.success(), "age-keygen: {ended}: {}", process.log());
    };
    let keygen = || Program::new("age-keygen", crate::tools::program("age-keygen"));
    run(keygen().arg("-o").arg(&file));
    run(keygen().arg("-y").arg(&file));
    std::fs::read_to_string(&outputs.0).expect("the public key").trim().to_owned()
}
