//! `config show`: the settings in force, where each came from, and nothing secret.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::settings::Loaded;
use crate::settings::show::{Shown, shown};
use serde_json::{Value, json};
use sops_tools::report::Failure;

use super::Setup;

/// Prints every setting with its origin. Secrets are files, so paths are all there is to print.
///
/// # Errors
/// Faults of the settings.
pub fn show(setup: &Setup) -> Result<(), Failure> {
    let loaded = setup.load()?;
    let settings = shown(&loaded);
    setup.print(&text(&loaded, &settings), &json(&loaded, &settings))
}

fn text(loaded: &Loaded, settings: &[Shown]) -> String {
    let head = match &loaded.file {
        Some(file) => format!("# {}\n", file.display()),
        None => "# no settings file\n".to_owned(),
    };
    let widest = settings.iter().map(|shown| shown.key.len() + shown.value.len() + 2).max().unwrap_or_default().min(60);
    settings.iter().fold(head, |mut text, shown| {
        let line = format!("{}: {}", shown.key, shown.value);
        let _ = writeln!(text, "{line:widest$}  # {}", shown.origin);
        text
    })
}

fn json(loaded: &Loaded, settings: &[Shown]) -> Value {
    let each: BTreeMap<&str, Value> = settings
        .iter()
        .map(|shown| (shown.key.as_str(), json!({"value": shown.value, "origin": shown.origin})))
        .collect();
    json!({"file": loaded.file, "settings": each})
}
