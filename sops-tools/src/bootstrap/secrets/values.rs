//! Where the values of a secret come from, and getting them.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use crate::bootstrap::catalogue::{BootstrapSecret, KeyShape};
use crate::bootstrap::content::{Content, password};
use crate::bootstrap::keygen::KeyRole;
use crate::clock::Entropy;
use crate::custody::{Identities, StoreKeys};
use crate::files::read_secret;
use crate::secret::Plaintext;

/// Largest file of one value, 64 KiB.
const VALUE_LIMIT: usize = 64 << 10;

/// How often a value that cannot be used is asked for again.
const TRIES: usize = 3;

/// Asks a person, without showing what is typed.
pub trait Ask {
    /// Whether anybody can be asked.
    fn is_there(&self) -> bool;

    /// One line.
    ///
    /// # Errors
    /// What the terminal said.
    fn ask(&mut self, prompt: &str) -> io::Result<Zeroizing<String>>;
}

/// A file that was named for one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenValue {
    /// Of which secret.
    pub secret: BootstrapSecret,
    /// Which key.
    pub key: String,
    /// The file.
    pub path: PathBuf,
}

/// Where one value comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file.
    File(PathBuf),
    /// A person types it.
    Terminal,
    /// A person types it, or leaves it empty for a random one.
    TerminalOrGenerated,
    /// It is random.
    Generated,
}

/// One value to get.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Of which secret.
    pub secret: BootstrapSecret,
    /// Which key.
    pub key: String,
    /// What has to stand there.
    pub content: Content,
    /// Where it comes from; `None` where nobody said.
    pub source: Option<Source>,
    /// Whether a person named the file for this key.
    pub is_given: bool,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "from {}", path.display()),
            Self::Terminal => f.write_str("asked for on the terminal"),
            Self::TerminalOrGenerated => f.write_str("asked for on the terminal, or random"),
            Self::Generated => f.write_str("random"),
        }
    }
}

/// The places that values are looked for in.
#[derive(Debug, Clone, Default)]
pub struct Places {
    /// Files named for one key each.
    pub given: Vec<GivenValue>,
    /// A folder of `NAME/KEY` files, the shape of mounted Secrets.
    pub folder: Option<PathBuf>,
    /// The folder that keygen made.
    pub keys: Option<PathBuf>,
    /// Whether a person can be asked.
    pub can_ask: bool,
}

impl Places {
    /// The values of a secret: all that it needs, and what was given beyond.
    pub fn wanted(&self, secret: BootstrapSecret) -> Vec<Wanted> {
        let mut all: Vec<Wanted> = Vec::new();
        for shape in secret.keys() {
            let files = self.files(secret, shape);
            if files.is_empty() && shape.is_needed {
                all.push(Wanted {
                    secret,
                    key: shape.name.written().to_owned(),
                    content: shape.content,
                    source: self.without_file(secret, shape),
                    is_given: false,
                });
            }
            all.extend(files.into_iter().map(|(key, path, is_given)| Wanted {
                secret,
                key,
                content: shape.content,
                source: Some(Source::File(path)),
                is_given,
            }));
        }
        all
    }

    /// Keys that were given and that the secret does not have.
    pub fn unknown(&self) -> impl Iterator<Item = &GivenValue> {
        self.given.iter().filter(|given| given.secret.key(&given.key).is_none())
    }

    /// Whether a person gave values for this secret, beside the keys.
    pub fn has_given(&self, secret: BootstrapSecret) -> bool {
        self.given.iter().any(|given| given.secret == secret)
            || self.folder.as_ref().is_some_and(|folder| folder.join(secret.name()).is_dir())
    }

    fn files(&self, secret: BootstrapSecret, shape: &KeyShape) -> Vec<(String, PathBuf, bool)> {
        let given = self.given.iter().filter(|given| given.secret == secret && shape.name.fits(&given.key));
        let mut files: Vec<(String, PathBuf, bool)> =
            given.map(|given| (given.key.clone(), given.path.clone(), true)).collect();
        if files.is_empty() {
            files.extend(self.in_folder(secret, shape).into_iter().map(|(key, path)| (key, path, true)));
        }
        if files.is_empty()
            && let (Some(keys), Some(role)) = (&self.keys, role(secret, shape.content))
            && keys.join(role.file()).exists()
        {
            files.push((shape.name.written().to_owned(), keys.join(role.file()), false));
        }
        files
    }

    fn in_folder(&self, secret: BootstrapSecret, shape: &KeyShape) -> Vec<(String, PathBuf)> {
        let Some(folder) = self.folder.as_ref().map(|folder| folder.join(secret.name())) else { return Vec::new() };
        let Ok(entries) = std::fs::read_dir(&folder) else { return Vec::new() };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| shape.name.fits(name)).collect();
        names.sort();
        names.into_iter().map(|name| (name.clone(), folder.join(name))).collect()
    }

    fn without_file(&self, secret: BootstrapSecret, shape: &KeyShape) -> Option<Source> {
        match (shape.content, secret, self.can_ask) {
            (Content::Line, BootstrapSecret::BackupRepo, true) => Some(Source::TerminalOrGenerated),
            (Content::Line, BootstrapSecret::BackupRepo, false) => Some(Source::Generated),
            (Content::Line, _, true) => Some(Source::Terminal),
            _ => None,
        }
    }
}

/// Which key of keygen belongs there.
fn role(secret: BootstrapSecret, content: Content) -> Option<KeyRole> {
    match (secret, content) {
        (BootstrapSecret::SopsAge, Content::Identities) => Some(KeyRole::Cluster),
        (BootstrapSecret::VaultUnsealAge, Content::Identities) => Some(KeyRole::Unseal),
        (BootstrapSecret::VaultUnsealAge, Content::StoreKeys) => Some(KeyRole::StoreKey),
        _ => None,
    }
}

impl Wanted {
    /// For messages: the secret and the key.
    pub fn shown(&self) -> String {
        format!("{}: {}", self.secret, self.key)
    }

    /// What to do where nobody said where it comes from.
    pub fn how_to_give(&self) -> String {
        let by_flag = format!("--value {}/{}=FILE", self.secret.name(), self.key);
        match role(self.secret, self.content) {
            Some(role) => format!("--keys DIR with {} in it (sops-tools bootstrap keygen), or {by_flag}", role.file()),
            None => format!("{by_flag}, or --values DIR with the file {}/{}", self.secret.name(), self.key),
        }
    }

    /// A person who can be asked has to know it.
    pub(super) fn only_typed(&mut self) {
        if self.source == Some(Source::TerminalOrGenerated) {
            self.source = Some(Source::Terminal);
        }
    }

    /// Reads it from its file, checked.
    ///
    /// # Errors
    /// One line that holds nothing of it. `None` where it comes from no file.
    pub fn read(&self) -> Option<Result<Plaintext, String>> {
        let Some(Source::File(path)) = &self.source else { return None };
        Some(self.read_file(path))
    }

    fn read_file(&self, path: &Path) -> Result<Plaintext, String> {
        let text = read_secret(path, VALUE_LIMIT).map_err(|error| format!("{}: {error}", self.shown()))?;
        let value = self.content.of_file(&text);
        self.check(value).map_err(|faults| format!("{} from {}: {faults}", self.shown(), path.display()))
    }

    fn check(&self, value: Plaintext) -> Result<Plaintext, String> {
        let faults = self.content.faults(value.expose());
        if faults.is_empty() {
            return Ok(value);
        }
        Err(faults.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// Gets it from wherever it comes. The flag tells whether it was made up here.
    ///
    /// # Errors
    /// One line that holds nothing of it.
    pub fn get(&self, ask: &mut dyn Ask, entropy: &dyn Entropy) -> Result<(Plaintext, bool), String> {
        match &self.source {
            None => Err(format!("{}: nobody said where it comes from: {}", self.shown(), self.how_to_give())),
            Some(Source::File(path)) => self.read_file(path).map(|value| (value, false)),
            Some(Source::Generated) => Ok((password(entropy), true)),
            Some(Source::Terminal) => self.typed(ask, "").map(|value| (value, false)),
            Some(Source::TerminalOrGenerated) => {
                let typed =
                    self.typed(ask, " (empty for a new random one; give the old one where the repository exists)")?;
                if typed.is_empty() { Ok((password(entropy), true)) } else { Ok((typed, false)) }
            }
        }
    }

    fn typed(&self, ask: &mut dyn Ask, remark: &str) -> Result<Plaintext, String> {
        let may_be_empty = self.source == Some(Source::TerminalOrGenerated);
        let mut faults = String::new();
        for _ in 0..TRIES {
            let why = if faults.is_empty() { String::new() } else { format!("that cannot be used: {faults}\n") };
            let prompt = format!("{why}{}{remark}: ", self.shown());
            let line =
                ask.ask(&prompt).map_err(|error| format!("{}: it cannot be asked for: {error}", self.shown()))?;
            if line.is_empty() && may_be_empty {
                return Ok(Plaintext::copy_from(b""));
            }
            match self.check(Plaintext::copy_from(line.as_bytes())) {
                Ok(value) => return Ok(value),
                Err(wrong) => faults = wrong,
            }
        }
        Err(format!("{}: {faults}", self.shown()))
    }
}

/// What of a value may not get lost: the recipients of its identities, the ids of its store keys.
pub(super) fn names_of(content: Content, value: &Plaintext) -> Vec<String> {
    match content {
        Content::Line => Vec::new(),
        Content::Identities => Identities::parse_readable(value.expose(), Path::new(""))
            .0
            .map_or_else(Vec::new, |all| all.to_recipients().iter().map(ToString::to_string).collect()),
        Content::StoreKeys => StoreKeys::parse(value.expose(), Path::new(""))
            .map_or_else(|_| Vec::new(), |keys| keys.key_ids().map(str::to_owned).collect()),
    }
}

#[cfg(test)]
mod tests;
