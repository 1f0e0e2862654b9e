//! Where sops looks for age identities: variables, a command, and a file of the user's own.
//!
//! All sources are merged. One that cannot be used stands in the way of nothing as long as another gives an identity; each that
//! gave none is remembered with its reason, because that list is what helps when a file does not open. X25519 identities are
//! served, and with the feature `ssh` SSH keys; post-quantum and plugin identities are named as what they are.

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use zeroize::Zeroizing;

use super::data_key::Keyring;
use crate::custody::{IDENTITY_FILE_LIMIT, Identities, IdentityFault, IdentityProblem, OpenError, open};
use crate::secret::{Plaintext, wiping_stack};

mod command;

/// Longest that the command of `SOPS_AGE_KEY_CMD` may take, 2 minutes: it may ask a person.
pub const COMMAND_LIMIT: Duration = Duration::from_mins(2);

/// The variable with identities themselves.
pub const AGE_KEY: &str = "SOPS_AGE_KEY";
const AGE_KEY_FILE: &str = "SOPS_AGE_KEY_FILE";
const AGE_KEY_CMD: &str = "SOPS_AGE_KEY_CMD";
const SSH_KEY_FILE: &str = "SOPS_AGE_SSH_PRIVATE_KEY_FILE";
const SSH_KEY_CMD: &str = "SOPS_AGE_SSH_PRIVATE_KEY_CMD";

/// Looks a variable of the environment up.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// A place where identities may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// The flag `--identity`.
    Flag(PathBuf),
    /// A variable that holds identities, or a command that prints them.
    Variable(&'static str),
    /// A variable that names a file.
    VariableFile(&'static str, PathBuf),
    /// A file that is looked for without being named.
    Usual(PathBuf),
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(path) => write!(f, "--identity {}", path.display()),
            Self::Variable(name) => f.write_str(name),
            Self::VariableFile(name, path) => write!(f, "{name} ({})", path.display()),
            Self::Usual(path) => path.display().fmt(f),
        }
    }
}

/// What one source gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// Which one.
    pub source: Source,
    /// How many identities it gave.
    pub identities: usize,
    /// What is wrong with it or with part of it; never holds any of its content.
    pub faults: Vec<String>,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.source)?;
        let count = match self.identities {
            0 => None,
            1 => Some("1 identity".to_owned()),
            more => Some(format!("{more} identities")),
        };
        let said: Vec<&str> = count.iter().chain(&self.faults).map(String::as_str).collect();
        f.write_str(&said.join("; "))
    }
}

/// What all sources gave.
pub struct Gathered {
    /// The identities, merged; `None` where no source gave any.
    pub identities: Option<Identities>,
    /// The SSH keys.
    #[cfg(feature = "ssh")]
    pub ssh: super::ssh::SshIdentities,
    /// Every source, also those that gave nothing, in the order of looking.
    pub asked: Vec<Asked>,
}

/// A file of `--identity` that cannot be used: it was asked for by name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct UnusableFlag(pub IdentityFault);

/// Asks every source of sops, and the files of `--identity`.
///
/// # Errors
/// A file of `--identity` that cannot be used as a whole. Sources that give nothing are no error.
pub fn gather(flags: &[PathBuf], lookup: Lookup<'_>) -> Result<Gathered, UnusableFlag> {
    wiping_stack(|| {
        let mut gathering = Gathering::default();
        for path in flags {
            gathering.flag(path)?;
        }
        gathering.ssh(lookup);
        gathering.variables(lookup);
        if let Some(path) = keys_file(lookup) {
            gathering.file(Source::Usual(path.clone()), &path);
        }
        Ok(Gathered {
            identities: Identities::merged(gathering.found),
            #[cfg(feature = "ssh")]
            ssh: gathering.ssh,
            asked: gathering.asked,
        })
    })
}

impl Gathered {
    #[cfg(feature = "ssh")]
    fn open_with_ssh(&self, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        if self.ssh.is_empty() { Err(OpenError::NoMatchingIdentity) } else { self.ssh.open_age(sealed) }
    }

    #[cfg(not(feature = "ssh"))]
    #[expect(clippy::unused_self, reason = "with the feature ssh there are keys to try")]
    fn open_with_ssh(&self, _: &[u8]) -> Result<Plaintext, OpenError> {
        Err(OpenError::NoMatchingIdentity)
    }
}

impl Keyring for Gathered {
    fn open_age(&self, sealed: &[u8]) -> Result<Plaintext, OpenError> {
        let opened = self.identities.as_ref().map(|identities| open(sealed, identities));
        match opened {
            None | Some(Err(OpenError::NoMatchingIdentity)) => self.open_with_ssh(sealed),
            Some(other) => other,
        }
    }

    fn tried(&self) -> Vec<String> {
        self.asked.iter().map(ToString::to_string).collect()
    }
}

#[derive(Default)]
struct Gathering {
    found: Vec<Identities>,
    #[cfg(feature = "ssh")]
    ssh: super::ssh::SshIdentities,
    asked: Vec<Asked>,
}

impl Gathering {
    fn note(&mut self, source: Source, identities: Option<Identities>, faults: Vec<String>) {
        self.asked.push(Asked { source, identities: identities.as_ref().map_or(0, Identities::len), faults });
        self.found.extend(identities);
    }

    fn flag(&mut self, path: &Path) -> Result<(), UnusableFlag> {
        match Identities::load(&[path]) {
            Ok(identities) => {
                self.note(Source::Flag(path.to_owned()), Some(identities), Vec::new());
                Ok(())
            }
            Err(error) => {
                let none = || IdentityFault { path: path.to_owned(), line: None, problem: IdentityProblem::Empty };
                Err(UnusableFlag(error.faults.into_iter().next().unwrap_or_else(none)))
            }
        }
    }

    /// The places of SSH keys; the two of the home are looked at even where a variable names another.
    fn ssh(&mut self, lookup: Lookup<'_>) {
        if let Some(path) = set(lookup, SSH_KEY_FILE) {
            let path = PathBuf::from(path);
            self.ssh_file(Source::VariableFile(SSH_KEY_FILE, path.clone()), &path);
        }
        if let Some(home) = set(lookup, "HOME") {
            for name in ["id_ed25519", "id_rsa"] {
                let path = Path::new(&home).join(".ssh").join(name);
                if path.exists() {
                    self.ssh_file(Source::Usual(path.clone()), &path);
                }
            }
        }
        if let Some(line) = set(lookup, SSH_KEY_CMD) {
            self.ssh_command(&line);
        }
    }

    #[cfg(feature = "ssh")]
    fn ssh_file(&mut self, source: Source, path: &Path) {
        match crate::files::read_secret(path, IDENTITY_FILE_LIMIT) {
            Ok(text) => self.ssh_key(source, &text),
            Err(error) => self.note(source, None, vec![error.to_string()]),
        }
    }

    #[cfg(feature = "ssh")]
    fn ssh_command(&mut self, line: &std::ffi::OsStr) {
        let source = Source::Variable(SSH_KEY_CMD);
        match command::output(line, IDENTITY_FILE_LIMIT, COMMAND_LIMIT) {
            Ok(text) => self.ssh_key(source, &text),
            Err(error) => self.note(source, None, vec![error.to_string()]),
        }
    }

    #[cfg(feature = "ssh")]
    fn ssh_key(&mut self, source: Source, text: &[u8]) {
        match super::ssh::SshIdentities::parse(text) {
            Ok(identities) => {
                self.asked.push(Asked { source, identities: identities.len(), faults: Vec::new() });
                self.ssh.append(identities);
            }
            Err(error) => self.note(source, None, vec![error.to_string()]),
        }
    }

    /// sops opens files with SSH keys; a program without the feature says that they are there.
    #[cfg(not(feature = "ssh"))]
    fn ssh_file(&mut self, source: Source, _: &Path) {
        self.note(source, None, vec![IdentityProblem::Ssh.to_string()]);
    }

    #[cfg(not(feature = "ssh"))]
    fn ssh_command(&mut self, _: &std::ffi::OsStr) {
        self.note(Source::Variable(SSH_KEY_CMD), None, vec![IdentityProblem::Ssh.to_string()]);
    }

    fn variables(&mut self, lookup: Lookup<'_>) {
        match set(lookup, AGE_KEY) {
            None => self.note(Source::Variable(AGE_KEY), None, not_set()),
            Some(text) => self.text(Source::Variable(AGE_KEY), &Zeroizing::new(text.into_encoded_bytes())),
        }
        match set(lookup, AGE_KEY_FILE) {
            None => self.note(Source::Variable(AGE_KEY_FILE), None, not_set()),
            Some(path) => {
                let path = PathBuf::from(path);
                self.file(Source::VariableFile(AGE_KEY_FILE, path.clone()), &path);
            }
        }
        match set(lookup, AGE_KEY_CMD) {
            None => self.note(Source::Variable(AGE_KEY_CMD), None, not_set()),
            Some(line) => match command::output(&line, IDENTITY_FILE_LIMIT, COMMAND_LIMIT) {
                Ok(text) => self.text(Source::Variable(AGE_KEY_CMD), &text),
                Err(error) => self.note(Source::Variable(AGE_KEY_CMD), None, vec![error.to_string()]),
            },
        }
    }

    /// Identities in a text, by themselves on lines or several on one.
    fn text(&mut self, source: Source, text: &[u8]) {
        let mut lines = Zeroizing::new(text.to_vec());
        for line in lines.split_mut(|byte| *byte == b'\n').filter(|line| !line.trim_ascii_start().starts_with(b"#")) {
            line.iter_mut().filter(|byte| matches!(byte, b' ' | b'\t' | b'\r')).for_each(|byte| *byte = b'\n');
        }
        let (identities, faults) = Identities::parse_readable(&lines, Path::new(""));
        // Lines were broken up, so their numbers would say nothing.
        let faults = faults.iter().map(|fault| fault.problem.to_string()).collect();
        self.note(source, identities, faults);
    }

    fn file(&mut self, source: Source, path: &Path) {
        let (identities, faults) = Identities::load_readable(&[path.into()]);
        let faults = faults.iter().map(|fault| match fault.line {
            Some(line) => format!("line {line}: {}", fault.problem),
            None => fault.problem.to_string(),
        });
        let faults = faults.collect();
        self.note(source, identities, faults);
    }
}

fn not_set() -> Vec<String> {
    vec!["not set".to_owned()]
}

/// The variable, where it is set and not empty.
fn set(lookup: Lookup<'_>, name: &str) -> Option<OsString> {
    lookup(name).filter(|text| !text.is_empty())
}

/// The user's own file: `sops/age/keys.txt` in the folder of configurations.
fn keys_file(lookup: Lookup<'_>) -> Option<PathBuf> {
    let home = || set(lookup, "HOME").map(PathBuf::from);
    let folder = match set(lookup, "XDG_CONFIG_HOME") {
        Some(folder) => PathBuf::from(folder),
        None if cfg!(target_os = "macos") => home()?.join("Library/Application Support"),
        None => home()?.join(".config"),
    };
    Some(folder.join("sops/age/keys.txt"))
}

#[cfg(test)]
mod tests;
