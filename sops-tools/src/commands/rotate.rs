//! `rotate`: a new data key for the recipients that are expected.

use serde_json::json;

use super::creation::parse;
use super::destination::{Destination, Told};
use super::failure::file_failure;
use super::left::values_to_change;
use super::open::Opening;
use super::recipients::{Difference, unexpected};
use super::site::{Site, config_failure};
use crate::report::{Failure, SopsExit};
use crate::sops::file::{Guard, Keys};
use crate::sops::metadata::KeyId;
use crate::terminal;

/// What the flags change about the recipients.
pub(crate) struct Change {
    /// In place of those of `.sops.yaml`.
    pub(crate) instead: Vec<String>,
    /// To be added.
    pub(crate) add: Vec<String>,
    /// To be removed.
    pub(crate) remove: Vec<String>,
    /// Who holds an identity elsewhere.
    pub(crate) recovery: Vec<String>,
}

/// Gives a file a new data key and seals every value anew.
///
/// # Errors
/// Somebody in the file is expected nowhere, nothing says who is expected, or the result was not written.
pub(crate) fn run(
    opening: Opening,
    change: &Change,
    destination: &Destination,
    site: &Site<'_>,
) -> Result<Told, Failure> {
    let name = opening.rule_name().map(std::path::PathBuf::from).unwrap_or_default();
    let (add, remove) = (parse(&change.add, "--add-age")?, parse_removed(&change.remove));
    let absent = if add.is_empty() && remove.is_empty() { SopsExit::UnreadableInput } else { SopsExit::NoFileForKeys };
    let output = opening.output;
    let read = opening.read(absent)?;
    if output.is_some_and(|output| output != read.file.format()) {
        return Err(Failure::sops(
            SopsExit::ConflictingFlags,
            "flags",
            "a file keeps its format when its key is changed",
        )
        .hint("leave --output-type out; to change the format decrypt and encrypt"));
    }
    let shown = read.input.place.shown();
    let of_file = read.file.metadata().key_ids();
    let (groups, threshold) = expected(change, &of_file, &name, site)?;
    let wanted = changed(groups, &add, &remove);
    let foreign = unexpected(&of_file, &wanted, &remove);
    if !foreign.is_empty() {
        return Err(foreign_recipient(&shown, &foreign));
    }
    let keys = Keys {
        threshold: threshold.or(read.file.metadata().threshold).filter(|needed| *needed <= wanted.len()),
        groups: wanted,
    };
    let opened = read.open(site)?;
    let recovery = parse(&change.recovery, "--recovery")?;
    let guard = Guard { keyring: &opened.keyring, recovery: &recovery };
    let sealed = opened
        .file
        .rotate(&keys, &guard, site.clock.now(), site.entropy)
        .map_err(|error| file_failure(&shown, error))?;
    let told = destination.write(&opened.input.bytes, &sealed)?;
    let difference = Difference::between(&of_file, &keys.groups);
    let values = if difference.removed().is_empty() { Vec::new() } else { values_to_change(&opened.file) };
    tell(&difference, &shown, &values);
    Ok(told.map(
        |_| json!({"file": shown, "result": "new-data-key", "groups": difference.to_json(), "valuesToChange": values}),
    ))
}

/// What is removed needs no right form: it may be a key of another kind, or damaged.
pub(crate) fn parse_removed(texts: &[String]) -> Vec<KeyId> {
    let words = texts.iter().flat_map(|text| text.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words.map(KeyId::age).collect()
}

/// Who is expected in the file, and how many groups are needed.
fn expected(
    change: &Change,
    of_file: &[Vec<KeyId>],
    name: &std::path::Path,
    site: &Site<'_>,
) -> Result<(Vec<Vec<KeyId>>, Option<usize>), Failure> {
    let named = parse(&change.instead, "--age")?;
    if !named.is_empty() {
        return Ok((vec![named], None));
    }
    if let Some(config) = site.load_config()?
        && let Some(rule) = site.rule(&config, name)?
    {
        let groups = config.groups_of(rule).map_err(config_failure)?;
        if !groups.is_empty() {
            return Ok((groups.to_vec(), rule.threshold.filter(|needed| *needed > 0)));
        }
    }
    let in_file: Vec<String> = of_file.iter().flatten().map(ToString::to_string).collect();
    Err(Failure::sops(SopsExit::Generic, "no-recipients", "nothing says who is expected to open the file")
        .cause(format!("the file itself names {}, and anybody can write a recipient into a file", in_file.join(", ")))
        .hint("name the recipients with --age, or write a .sops.yaml with a rule for the file"))
}

/// With what is added to the first group and removed from all.
fn changed(mut groups: Vec<Vec<KeyId>>, add: &[KeyId], remove: &[KeyId]) -> Vec<Vec<KeyId>> {
    if let Some(first) = groups.first_mut() {
        first.extend(add.iter().filter(|key| !first.contains(key)).cloned().collect::<Vec<_>>());
    }
    for group in &mut groups {
        group.retain(|key| !remove.contains(key));
    }
    groups
}

fn foreign_recipient(shown: &str, foreign: &[&KeyId]) -> Failure {
    let problem = format!("{shown}: it names a recipient that is expected nowhere; nothing was changed");
    let failure = Failure::sops(SopsExit::Generic, "recipient-unexpected", problem);
    let failure = foreign.iter().fold(failure, Failure::cause);
    failure.hint("a new data key would be given to it. If it belongs there add it to .sops.yaml or name it with --add-age; if not, remove it with --rm-age and find out who wrote it in")
}

/// Who came and went, on standard error: the file itself may be on standard output.
fn tell(difference: &Difference, shown: &str, values: &[String]) {
    if difference.is_empty() {
        return;
    }
    terminal::say(&format!(
        "{shown}: the data key is new, and the recipients changed\n{}",
        difference.to_text().trim_end()
    ));
    if !values.is_empty() {
        terminal::say(&super::left::told(values));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(names: &[&str]) -> Vec<KeyId> {
        names.iter().map(KeyId::age).collect()
    }

    #[test]
    fn what_is_added_goes_into_the_first_group_and_what_is_removed_leaves_all() {
        let groups = vec![keys(&["a", "b"]), keys(&["b", "c"])];
        assert_eq!(changed(groups, &keys(&["d", "a"]), &keys(&["b"])), [keys(&["a", "d"]), keys(&["c"])]);
        assert_eq!(parse_removed(&["x, y".into(), "z,".into()]), keys(&["x", "y", "z"]));
    }
}
