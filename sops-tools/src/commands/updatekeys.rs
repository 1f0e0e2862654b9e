//! `updatekeys`: the recipients of a file become those of its rule.

use std::fmt::Write as _;
use std::io::BufRead as _;

use serde_json::json;

use super::creation::parse;
use super::failure::file_failure;
use super::input::Place;
use super::left::{told, values_to_change};
use super::open::{Opening, Read};
use super::recipients::Difference;
use super::site::{Site, config_failure};
use crate::report::{Failure, SopsExit};
use crate::sops::file::{Guard, Keys, Update};
use crate::terminal::{self, Output};

/// What the flags say.
pub(crate) struct Flags {
    /// How many groups are needed.
    pub(crate) threshold: Option<usize>,
    /// Whether nobody is asked.
    pub(crate) yes: bool,
    /// Who holds an identity elsewhere.
    pub(crate) recovery: Vec<String>,
    /// How the result is told.
    pub(crate) form: Output,
}

/// Brings the recipients of a file to those of its rule, after a person agreed.
///
/// # Errors
/// There is no rule, the file is not opened, or the result was not written.
pub(crate) fn run(opening: Opening, flags: &Flags, site: &Site<'_>) -> Result<(), Failure> {
    let Place::File(path) = opening.place.clone() else {
        return Err(Failure::sops(
            SopsExit::NoFile,
            "no-file",
            "standard input has no recipients to change; name a file",
        ));
    };
    if flags.form == Output::Json && !flags.yes {
        return Err(Failure::sops(SopsExit::ConflictingFlags, "flags", "nobody can be asked with --output json")
            .hint("agree beforehand: --yes"));
    }
    let read = opening.read(SopsExit::Generic)?;
    let shown = path.display().to_string();
    let keys = wanted(&read, &path, flags.threshold, site)?;
    let before = read.file.metadata().key_ids();
    let difference = Difference::between(&before, &keys.groups);
    let same_threshold = keys.groups.len() < 2
        || read.file.metadata().threshold_for(keys.groups.len()) == keys.threshold.unwrap_or(keys.groups.len());
    if difference.is_empty() && same_threshold {
        return tell(flags.form, &shown, &difference, "unchanged", &[]);
    }
    if !flags.yes && !agreed(&shown, &difference, &keys)? {
        return tell(flags.form, &shown, &Difference::between(&before, &before), "declined", &[]);
    }
    let opened = read.open(site)?;
    let recovery = parse(&flags.recovery, "--recovery")?;
    let guard = Guard { keyring: &opened.keyring, recovery: &recovery };
    let update = opened.file.updatekeys(&keys, &guard, site.clock.now(), site.entropy);
    let (sealed, word, values) = match update.map_err(|error| file_failure(&shown, error))? {
        Update::Unchanged => return tell(flags.form, &shown, &difference, "unchanged", &[]),
        Update::Added(sealed) => (sealed, "added", Vec::new()),
        Update::NewDataKey(sealed) => {
            let values = if difference.removed().is_empty() { Vec::new() } else { values_to_change(&opened.file) };
            (sealed, "new-data-key", values)
        }
    };
    let _ = opened.replace(&sealed)?;
    tell(flags.form, &shown, &difference, word, &values)
}

/// Who shall be able to open the file: its rule says so, and nothing else does.
fn wanted(read: &Read, path: &std::path::Path, threshold: Option<usize>, site: &Site<'_>) -> Result<Keys, Failure> {
    let none = || {
        Failure::sops(SopsExit::Generic, "no-recipients", "no .sops.yaml says who may open the file")
            .hint("write one with creation_rules, or name it with --config")
    };
    let config = site.load_config()?.ok_or_else(none)?;
    let rule = site.rule(&config, path)?.ok_or_else(none)?;
    let groups = config.groups_of(rule).map_err(config_failure)?;
    if groups.is_empty() {
        return Err(none());
    }
    let groups: Vec<_> = groups.to_vec();
    let threshold = threshold.or(read.file.metadata().threshold).filter(|needed| *needed > 0);
    // As sops does it: what the file says, as far as there are groups.
    Ok(Keys { threshold: threshold.map(|needed| needed.min(groups.len())), groups })
}

fn agreed(shown: &str, difference: &Difference, keys: &Keys) -> Result<bool, Failure> {
    let mut text = format!("The following changes will be made to the groups of {shown}:\n{}", difference.to_text());
    if keys.groups.len() > 1 {
        let needed = keys.threshold.unwrap_or(keys.groups.len());
        // Writing into a string cannot fail.
        let _ = writeln!(text, "{needed} of {} groups will be needed", keys.groups.len());
    }
    if !difference.removed().is_empty() {
        text += "The file gets a new data key.\n";
    }
    text += "Is this okay? (y/n):";
    terminal::print(&text).map_err(|error| {
        Failure::sops(SopsExit::UnwritableOutput, "output-unusable", "the question cannot be printed").cause(error)
    })?;
    let mut answer = String::new();
    let read = std::io::stdin().lock().read_line(&mut answer);
    if !read.is_ok_and(|count| count > 0) {
        return Err(Failure::sops(SopsExit::Generic, "no-answer", "nobody answered the question; nothing was changed")
            .hint("agree beforehand: --yes"));
    }
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn tell(form: Output, shown: &str, difference: &Difference, word: &str, values: &[String]) -> Result<(), Failure> {
    let text = match form {
        Output::Json => {
            let value =
                json!({"file": shown, "result": word, "groups": difference.to_json(), "valuesToChange": values});
            format!("{value:#}")
        }
        Output::Text => {
            let head = match word {
                "unchanged" => format!("{shown}: already up to date"),
                "declined" => format!("{shown}: left unchanged"),
                "added" => format!("{shown}: the new recipients can open it\n{}", difference.to_text().trim_end()),
                _ => format!("{shown}: it has a new data key\n{}", difference.to_text().trim_end()),
            };
            if values.is_empty() { head } else { format!("{head}\n{}", told(values)) }
        }
    };
    terminal::print(&text).map_err(|error| {
        Failure::sops(
            SopsExit::UnwritableOutput,
            "output-unusable",
            "the result cannot be printed; the file was written",
        )
        .cause(error)
    })
}
