//! A folder with keys and files, and the program run in it.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A secret that is in the files of most tests; it may stand in no message.
pub(crate) const SECRET: &str = "correct-horse-battery";

/// What a run of the program came to.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Seen {
    /// The status and the class of a failure that was told as JSON.
    pub(crate) fn class(&self) -> (i32, String) {
        let value: serde_json::Value = serde_json::from_str(&self.stdout).unwrap();
        assert_eq!(value["error"]["status"], self.status);
        (self.status, value["error"]["class"].as_str().unwrap().to_owned())
    }
}

/// The folder. Its operator can open what is made, its offline key as well.
pub(crate) struct Bed {
    folder: tempfile::TempDir,
    pub(crate) operator: String,
    pub(crate) offline: String,
}

impl Bed {
    pub(crate) fn new() -> Self {
        let mut bed = Self { folder: tempfile::tempdir().unwrap(), operator: String::new(), offline: String::new() };
        let made = bed.run(&["bootstrap", "keygen", "--out", "keys", "--only", "operator,offline", "--output", "json"]);
        let value: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
        for key in value["keys"].as_array().unwrap() {
            let recipient = key["recipient"].as_str().unwrap().to_owned();
            match key["role"].as_str().unwrap() {
                "operator" => bed.operator = recipient,
                _ => bed.offline = recipient,
            }
        }
        bed
    }

    /// With `.sops.yaml` for the operator alone.
    pub(crate) fn with_rule() -> Self {
        let bed = Self::new();
        bed.rule(&[&bed.operator]);
        bed
    }

    /// Writes a `.sops.yaml` with one rule for these recipients.
    pub(crate) fn rule(&self, recipients: &[&str]) {
        self.put(".sops.yaml", &format!("creation_rules:\n- age: {}\n", recipients.join(",")));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn put(&self, name: &str, text: &str) {
        std::fs::File::create(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// A script that an editor variable can name.
    pub(crate) fn script(&self, name: &str, text: &str) -> String {
        use std::os::unix::fs::PermissionsExt as _;
        self.put(name, &format!("#!/bin/sh\n{text}\n"));
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o755)).unwrap();
        self.path(name).display().to_string()
    }

    pub(crate) fn get(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes a sealed file of a plain text.
    pub(crate) fn sealed(&self, name: &str, plain: &str) {
        self.put(name, plain);
        let seen = self.run(&["encrypt", "--in-place", "--age", &self.operator, name]);
        assert_eq!((seen.status, seen.stderr.as_str()), (0, ""));
    }

    /// The plain text of a sealed file.
    pub(crate) fn plain(&self, name: &str) -> String {
        let seen = self.run(&["decrypt", name]);
        assert_eq!((seen.status, seen.stderr.as_str()), (0, ""));
        seen.stdout
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sops-tools"));
        command.args(arguments).current_dir(self.folder.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("HOME", self.path("home"));
        command.env("SOPS_AGE_KEY_FILE", self.path("keys/operator.agekey"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Seen {
        self.run_with(arguments, "", &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], stdin: &str, variables: &[(&str, &str)]) -> Seen {
        let mut child = self.command(arguments).envs(variables.iter().copied()).spawn().unwrap();
        // One that reads nothing may have ended already.
        let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
        let output = child.wait_with_output().unwrap();
        Seen {
            status: output.status.code().unwrap(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Runs a command that has to fail, told as JSON: its status and class. No message of it holds the secret or an identity.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let told = [arguments, &["--output", "json"]].concat();
        let seen = self.run(&told);
        for text in [&seen.stdout, &seen.stderr] {
            assert!(!text.contains(SECRET) && !text.contains("AGE-SECRET-KEY-1"), "a secret was printed");
        }
        seen.class()
    }
}

/// What `refused` gives.
pub(crate) fn with(status: i32, class: &str) -> (i32, String) {
    (status, class.to_owned())
}
