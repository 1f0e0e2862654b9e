//! What was written: the file's tree with variables and flags laid over it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};
use sops_tools::files::{self, FileErrorKind};

use super::fault::{Fault, Faults, Origin};
use super::variables::{Form, OVERRIDES, Override};

/// Name looked for in the working directory.
pub const FILE_NAME: &str = "unsealer.yaml";

/// Looked for when the working directory has none.
pub const SYSTEM_FILE: &str = "/etc/unsealer/unsealer.yaml";

/// Largest settings file read. A hundred Vaults with three nodes each need about 30 KiB.
const MOST_BYTES: usize = 1 << 20;

/// Where settings come from.
pub struct Sources<'a> {
    /// `--config`.
    pub config: Option<&'a Path>,
    /// The working directory.
    pub folder: &'a Path,
    /// The environment.
    pub variables: &'a dyn Fn(&str) -> Option<String>,
    /// The flags.
    pub flags: &'a Overrides,
}

/// Flags that stand for settings: the key's path and the text.
pub type Overrides = BTreeMap<&'static str, String>;

/// The merged tree.
#[derive(Debug)]
pub(super) struct Source {
    /// The file read, if any.
    pub(super) file: Option<PathBuf>,
    /// Its folder, which relative paths start at; the working directory where there is no file.
    pub(super) folder: PathBuf,
    /// Keys laid over the file.
    pub(super) overridden: BTreeMap<String, Origin>,
    /// Everything.
    pub(super) tree: Map<String, Value>,
}

impl Source {
    /// Where the value under `key` came from.
    pub(super) fn origin(&self, key: &str) -> Origin {
        super::fault::origin(&self.overridden, self.file.as_ref(), key)
    }

    /// Whether anything gave `key`, at the root or one section below it.
    pub(super) fn gives(&self, key: &str) -> bool {
        let value = match key.split_once('.') {
            None => self.tree.get(key),
            Some((section, key)) => self.tree.get(section).and_then(|section| section.get(key)),
        };
        value.is_some_and(|value| !value.is_null())
    }
}

/// Finds and reads the file and lays variables and flags over it.
pub(super) fn read(sources: &Sources<'_>) -> Result<Source, Faults> {
    let file = find(sources);
    let tree = match &file {
        Some(path) => parse(path, &sources.folder.join(path)).map_err(|fault| Faults(vec![fault]))?,
        None => Map::new(),
    };
    let folder = file
        .as_deref()
        .and_then(Path::parent)
        .map_or_else(|| sources.folder.to_owned(), |parent| sources.folder.join(parent));
    let mut source = Source { file, folder, overridden: BTreeMap::new(), tree };
    for over in &OVERRIDES {
        if let Some(text) = sources.flags.get(over.key) {
            lay_over(&mut source, over, text, Origin::Flag(over.flag), sources.folder);
        } else if let Some(text) = (sources.variables)(over.variable) {
            lay_over(&mut source, over, &text, Origin::Variable(over.variable), sources.folder);
        }
    }
    Ok(source)
}

fn find(sources: &Sources<'_>) -> Option<PathBuf> {
    if let Some(path) = sources.config {
        return Some(path.to_owned());
    }
    // A file that exists and cannot be read is found, and then reported: it is never skipped for the next one.
    let near = sources.folder.join(FILE_NAME);
    if near.symlink_metadata().is_ok() {
        return Some(PathBuf::from(FILE_NAME));
    }
    let system = Path::new(SYSTEM_FILE);
    system.symlink_metadata().is_ok().then(|| system.to_owned())
}

/// Reads the file `at`; `path` is its name as given, for faults.
fn parse(path: &Path, at: &Path) -> Result<Map<String, Value>, Fault> {
    let fault = |wrong: String, expected: &str| Fault {
        key: String::new(),
        origin: Origin::File(path.to_owned()),
        wrong,
        expected: expected.to_owned(),
    };
    let bytes = files::read_limited(at, MOST_BYTES).map_err(|error| {
        let wrong = match error.kind() {
            FileErrorKind::Absent => "is not there".to_owned(),
            FileErrorKind::TooLarge => format!("is larger than {MOST_BYTES} bytes"),
            _ => format!("cannot be read: {error}"),
        };
        fault(wrong, "a readable settings file")
    })?;
    let text = String::from_utf8(bytes).map_err(|_| fault("is not text".to_owned(), "UTF-8"))?;
    match yaml(&text) {
        Ok(Value::Object(tree)) => Ok(tree),
        Ok(Value::Null) => Ok(Map::new()),
        Ok(_) => Err(fault("is not a map at its top".to_owned(), "keys such as `store` and `vaults`")),
        Err(wrong) => Err(fault(wrong, "well-formed YAML without duplicate keys")),
    }
}

/// Reads YAML without its 1.1 guesses and with a budget far below the library's own. The error is where, never what: the
/// library's text may quote the file.
fn yaml(text: &str) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
        budget: serde_saphyr::budget! {
            max_events: 50_000,
            max_nodes: 20_000,
            max_depth: 16,
            max_aliases: 0,
            max_anchors: 0,
        },
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| match error.location() {
        Some(location) => format!("is not readable at line {}, column {}", location.line(), location.column()),
        None => "is not readable".to_owned(),
    })
}

fn lay_over(source: &mut Source, over: &Override, text: &str, origin: Origin, folder: &Path) {
    let absolute = |path: &str| Value::String(folder.join(path).to_string_lossy().into_owned());
    let value = match over.form {
        Form::Text => Value::String(text.to_owned()),
        Form::Path => absolute(text),
        Form::Paths => text.split(':').filter(|path| !path.is_empty()).map(absolute).collect(),
    };
    let (section, key) = over.key.split_once('.').map_or((None, over.key), |(section, key)| (Some(section), key));
    let target = match section {
        None => &mut source.tree,
        Some(section) => {
            let entry = source.tree.entry(section).or_insert_with(|| Value::Object(Map::new()));
            // A section that is no map is a fault of the file; validation reports it.
            let Value::Object(map) = entry else { return };
            map
        }
    };
    target.insert(key.to_owned(), value);
    source.overridden.insert(over.key.to_owned(), origin);
}
