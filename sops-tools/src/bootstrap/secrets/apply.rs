//! Getting the values, sealing them, writing the files.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::values::Ask;
use super::{Faults, Item, SecretsPlan, Step};
use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::look::Seen;
use crate::bootstrap::manifest::{Field, Head, SecretManifest, plain};
use crate::clock::{Clock, Entropy};
use crate::files::{create_directory, create_new, replace_unchanged};
use crate::report::{ExitStatus, Failure};
use crate::secret::Plaintext;
use crate::sops::data_key::Keyring;
use crate::sops::file::{At, Change, OpenFile, Step as PathStep, encrypt};
use crate::sops::formats::Format;
use crate::sops::tree::{Node, Value};

/// The mode of what goes into Git: it is encrypted.
const FILE_MODE: u32 = 0o644;
/// The mode of its folder.
const FOLDER_MODE: u32 = 0o755;

/// One thing that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// The secret; `None` for `.sops.yaml`.
    pub secret: Option<BootstrapSecret>,
    /// Where it is.
    pub path: PathBuf,
    /// Whether the file was there and has other values now.
    pub is_changed: bool,
    /// Keys whose values are random and known to nobody else.
    pub generated: Vec<String>,
}

/// A file that is ready to be written.
struct Ready {
    made: Made,
    /// What the file held, where it is replaced.
    before: Option<Vec<u8>>,
    bytes: Vec<u8>,
}

impl SecretsPlan {
    /// Gets all values, seals all files, then writes them: `.sops.yaml` first.
    ///
    /// # Errors
    /// Class `bootstrap-values` with everything that could not be got, `bootstrap-seal`, or `bootstrap-partly` where writing was cut off;
    /// what was written is whole, and the same command goes on.
    pub fn apply(
        self,
        others: &dyn Keyring,
        ask: &mut dyn Ask,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Vec<Made>, Failure> {
        let at_hand = self.keys.with(others);
        let mut ready = Vec::new();
        let mut faults = Faults::default();
        for item in self.items.iter().filter(|item| matches!(item.step, Step::Make | Step::MakeAnew)) {
            let mut values = Vec::new();
            let mut generated = Vec::new();
            for wanted in &item.values {
                match wanted.get(ask, entropy) {
                    Ok((value, is_generated)) => {
                        if is_generated {
                            generated.push(wanted.key.clone());
                        }
                        values.push((wanted.key.clone(), value));
                    }
                    Err(fault) => faults.input(fault),
                }
            }
            if values.len() == item.values.len() {
                ready.push(self.seal(item, values, generated, &at_hand, clock, entropy)?);
            }
        }
        faults.end()?;
        drop(at_hand);
        // The password first: where it alone is missing, a run that goes on could not tell a new repository from one in use.
        ready.sort_by_key(|ready| ready.made.secret != Some(BootstrapSecret::BackupRepo));
        self.write(ready)
    }

    fn seal(
        &self,
        item: &Item,
        values: Vec<(String, Plaintext)>,
        generated: Vec<String>,
        at_hand: &dyn Keyring,
        clock: &dyn Clock,
        entropy: &dyn Entropy,
    ) -> Result<Ready, Failure> {
        let unsealed = |cause: String| {
            let problem = format!("{} cannot be sealed; nothing was written", item.secret);
            Failure::new(ExitStatus::Refused, "bootstrap-seal", problem)
                .cause(cause)
                .hint("look at the cause; a value or a recipient does not fit")
        };
        let is_changed = item.step == Step::MakeAnew;
        let (before, bytes) = if is_changed {
            let seen = Seen::read(&item.path);
            let open = seen.open(at_hand).map_err(|error| unsealed(error.to_string()))?;
            let bytes = with_values(open, item.secret, values, at_hand, clock, entropy).map_err(unsealed)?;
            (Some(seen.bytes().to_vec()), bytes)
        } else {
            let recipe = self
                .rules
                .recipe(&item.path, item.secret, &self.named)
                .map_err(|faults| unsealed(faults.join("; ")))?;
            let text = plain(item.secret, &values).map_err(|error| unsealed(error.to_string()))?;
            let bytes = encrypt(Format::Yaml, &text, &recipe, clock.now(), entropy)
                .map_err(|error| unsealed(error.to_string()))?;
            (None, bytes)
        };
        let made = Made { secret: Some(item.secret), path: item.path.clone(), is_changed, generated };
        Ok(Ready { made, before, bytes })
    }

    fn write(self, ready: Vec<Ready>) -> Result<Vec<Made>, Failure> {
        let mut written: Vec<Made> = Vec::new();
        let folder = |path: &Path| path.parent().filter(|parent| !parent.as_os_str().is_empty()).map(Path::to_owned);
        let config = self.rules.text.map(|text| Ready {
            made: Made { secret: None, path: self.rules.path.clone(), is_changed: false, generated: Vec::new() },
            before: None,
            bytes: text.into_bytes(),
        });
        for Ready { made, before, bytes } in config.into_iter().chain(ready) {
            remove_leftovers(&made.path);
            let result = match (&before, folder(&made.path)) {
                (Some(before), _) => replace_unchanged(&made.path, before, &bytes),
                (None, Some(parent)) => {
                    create_directory(&parent, FOLDER_MODE).and_then(|()| create_new(&made.path, &bytes, FILE_MODE))
                }
                (None, None) => create_new(&made.path, &bytes, FILE_MODE),
            };
            if let Err(error) = result {
                let done: Vec<String> = written.iter().map(|made| made.path.display().to_string()).collect();
                let done = if done.is_empty() { "nothing".to_owned() } else { done.join(", ") };
                let problem = format!("{} was not written; written before it, each whole: {done}", made.path.display());
                return Err(Failure::new(ExitStatus::Unavailable, "bootstrap-partly", problem).cause(error).hint(
                    format!("see to {} and give the same command again: what is there is kept", self.folder.display()),
                ));
            }
            written.push(made);
        }
        Ok(written)
    }
}

/// Removes what a run that was killed left of this file without its final name: `.NAME.<8 hex digits>.tmp`. It is encrypted, and it would
/// get into Git.
fn remove_leftovers(path: &Path) {
    let Some(name) = path.file_name().and_then(|name| name.to_str()) else { return };
    let folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let is_leftover = |found: &str| {
        let id =
            found.strip_prefix('.').and_then(|rest| rest.strip_prefix(name)).and_then(|rest| rest.strip_prefix('.'));
        let id = id.and_then(|rest| rest.strip_suffix(".tmp"));
        id.is_some_and(|id| id.len() == 8 && id.bytes().all(|byte| byte.is_ascii_hexdigit()))
    };
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.file_name().to_str().is_some_and(is_leftover)
            && let Err(error) = std::fs::remove_file(entry.path())
        {
            tracing::warn!(path = %entry.path().display(), %error, "what a run that was killed left could not be removed");
        }
    }
}

/// The file with other values under the same keys, or new ones beside them; everything else stays.
fn with_values(
    open: OpenFile,
    secret: BootstrapSecret,
    values: Vec<(String, Plaintext)>,
    at_hand: &dyn Keyring,
    clock: &dyn Clock,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, String> {
    let mut open = open;
    for (key, value) in values {
        let mut documents = open.tree().documents.iter().enumerate();
        let found = documents.find(|(_, document)| Head::of(document).secret() == Some(secret));
        let (document, manifest) = found
            .and_then(|(index, document)| Some((index, SecretManifest::read(document, index + 1).ok()?)))
            .ok_or("the file does not hold the Secret any more")?;
        // A password may stand under its other name.
        let shape = secret.key(&key);
        let known = manifest.entries.iter().find(|entry| entry.key == key).or_else(|| {
            let mut others =
                manifest.entries.iter().filter(|entry| shape.is_some_and(|shape| shape.name.fits(&entry.key)));
            others.next().filter(|_| secret == BootstrapSecret::BackupRepo)
        });
        let (key, field) = known.map_or((key, Field::StringData), |entry| (entry.key.clone(), entry.field));
        let text = match field {
            Field::StringData => Zeroizing::new(value.expose().to_vec()),
            Field::Data => Zeroizing::new(BASE64_STANDARD.encode(value.expose()).into_bytes()),
        };
        let at =
            At { document: Some(document), steps: vec![PathStep::Key(field.name().to_owned()), PathStep::Key(key)] };
        let node = Node::leaf(Value::Str(text));
        let change = open.set(&at, &node, clock.now(), entropy).map_err(|error| error.to_string())?;
        if let Change::Written(bytes) = change {
            open = reopened(&bytes, open.format(), at_hand)?;
        }
    }
    Ok(open.source().to_vec())
}

fn reopened(bytes: &[u8], format: Format, at_hand: &dyn Keyring) -> Result<OpenFile, String> {
    let file = crate::sops::file::SopsFile::parse(format, bytes).and_then(|file| file.unlock(at_hand));
    file.and_then(crate::sops::file::Unlocked::verified).map_err(|error| error.to_string())
}
