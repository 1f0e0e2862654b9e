//! The old spelling of sops' commands: `sops -d FILE` for `sops decrypt FILE`.
//!
//! sops took its verbs as flags before it had commands, and scripts still say so. The words are put into the order of today
//! before they are parsed, so that everything behind this knows one spelling.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

/// The flags that were verbs, and the commands they became.
const VERBS: [(&str, &str, &str); 3] =
    [("-d", "--decrypt", "decrypt"), ("-e", "--encrypt", "encrypt"), ("-r", "--rotate", "rotate")];

/// The words of a command line, the program's name first, in the spelling of today.
///
/// Where a command is named already nothing is changed. `sops FILE` alone edits: that is taken so where the one word besides flags
/// has the looks of a file.
pub(super) fn modern(words: Vec<OsString>, definition: &clap::Command) -> Vec<OsString> {
    // Seldom asked for, and made from every command: most of the time of a small call.
    let takes_value = LazyCell::new(|| flags_with_values(definition));
    let commands: BTreeSet<&str> = definition.get_subcommands().map(clap::Command::get_name).collect();
    let mut verbs = Vec::new();
    let mut free = Vec::new();
    let mut set = None;
    let mut index = 1;
    while let Some(word) = words.get(index) {
        let text = word.to_string_lossy();
        if text == "--" {
            free.extend(index + 1..words.len());
            break;
        }
        if let Some((_, _, command)) = VERBS.iter().find(|(short, long, _)| text == *short || text == *long) {
            verbs.push((index, *command));
        } else if text == "--set" {
            set = Some(index);
            index += 1;
        } else if text.len() > 1 && text.starts_with('-') {
            if takes_value.contains(text.as_ref()) {
                index += 1;
            }
        } else if free.is_empty() && verbs.is_empty() && commands.contains(text.as_ref()) {
            return words;
        } else {
            free.push(index);
        }
        index += 1;
    }
    if let [(at, command)] = verbs[..] {
        return with_command(words, at, command);
    }
    if let (Some(at), [file]) = (set, &free[..]) {
        return as_set(&words, at, *file);
    }
    match free[..] {
        [file] if verbs.is_empty() && looks_like_a_file(words.get(file)) => inserted(words, "edit"),
        _ if words.len() == 2 && words.get(1).is_some_and(|word| word == "-v") => {
            vec![words.into_iter().next().unwrap_or_default(), "--version".into()]
        }
        _ => words,
    }
}

fn with_command(mut words: Vec<OsString>, at: usize, command: &str) -> Vec<OsString> {
    words.remove(at);
    inserted(words, command)
}

fn inserted(mut words: Vec<OsString>, command: &str) -> Vec<OsString> {
    words.insert(1.min(words.len()), command.into());
    words
}

/// `--set '["a"] VALUE' FILE` as `set FILE '["a"]' VALUE`; what cannot be taken apart is left to the parser to refuse.
fn as_set(words: &[OsString], at: usize, file: usize) -> Vec<OsString> {
    let Some((path, value)) = words.get(at + 1).and_then(|both| both.to_str()).and_then(path_and_value) else {
        return words.to_vec();
    };
    // A change is always made in place.
    let in_place = |word: &OsString| word == "-i" || word == "--in-place";
    let rest =
        words.iter().enumerate().filter(|(index, word)| ![0, at, at + 1, file].contains(index) && !in_place(word));
    let mut new: Vec<OsString> = words.iter().take(1).cloned().collect();
    new.push("set".into());
    new.extend(rest.map(|(_, word)| word.clone()));
    new.extend(words.get(file).cloned());
    new.extend([OsString::from(path), OsString::from(value)]);
    new
}

/// The bracketed keys at the start, and the value after them.
fn path_and_value(both: &str) -> Option<(&str, &str)> {
    let mut quote = None;
    let mut depth = 0_usize;
    for (at, one) in both.char_indices() {
        match (quote, one) {
            (Some(open), _) if one == open => quote = None,
            (None, '"' | '\'') if depth > 0 => quote = Some(one),
            (None, '[') => depth += 1,
            (None, ']') => depth = depth.checked_sub(1)?,
            (None, ' ') if depth == 0 && at > 0 => return Some((both.get(..at)?, both.get(at..)?.trim_start())),
            (None, _) if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn looks_like_a_file(word: Option<&OsString>) -> bool {
    word.is_some_and(|word| word.to_string_lossy().contains(['.', '/']) || Path::new(word).exists())
}

/// The flags of every command, long and short, where a word follows that belongs to them.
fn flags_with_values(definition: &clap::Command) -> BTreeSet<String> {
    let mut commands = vec![definition];
    let mut names = BTreeSet::new();
    while let Some(command) = commands.pop() {
        for argument in command.get_arguments().filter(|argument| argument.get_action().takes_values()) {
            let optional = argument.is_require_equals_set();
            let long = argument.get_long().filter(|_| !optional).map(|long| format!("--{long}"));
            let short = argument.get_short().filter(|_| !optional).map(|short| format!("-{short}"));
            names.extend(long.into_iter().chain(short));
        }
        commands.extend(command.get_subcommands());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn respelled(line: &str) -> Vec<String> {
        let words = shlex::split(line).unwrap().into_iter().map(OsString::from).collect();
        let words = modern(words, &crate::cli::definition());
        words.into_iter().map(|word| word.into_string().unwrap()).collect()
    }

    #[test]
    fn verbs_that_are_flags_become_commands() {
        for (old, new) in [
            ("sops -d x.yaml", "sops decrypt x.yaml"),
            ("sops --decrypt --extract '[\"a\"]' x.yaml", "sops decrypt --extract '[\"a\"]' x.yaml"),
            ("sops --input-type json -d -i x", "sops decrypt --input-type json -i x"),
            ("sops -i -e --age decrypt x", "sops encrypt -i --age decrypt x"),
            ("sops --config c -r -i x", "sops rotate --config c -i x"),
            ("sops x.yaml", "sops edit x.yaml"),
            ("sops --ignore-mac ./x", "sops edit --ignore-mac ./x"),
            ("sops --set '[\"a b\"][0] {\"c\": [1]}' x.yaml", "sops set x.yaml '[\"a b\"][0]' '{\"c\": [1]}'"),
            ("sops --set '[\"a\"] 1' -i x.yaml", "sops set x.yaml '[\"a\"]' 1"),
            ("sops -v", "sops --version"),
        ] {
            assert_eq!(respelled(old), shlex::split(new).unwrap(), "{old}");
        }
    }

    #[test]
    fn the_spelling_of_today_and_nonsense_stay_as_they_are() {
        for line in [
            "sops decrypt -i x",
            "sops --config c decrypt -d",
            "sops -d -e x",
            "sops bootstrap keygen --out keys",
            "sops no-such",
            "sops a.yaml b.yaml",
            "sops --set nonsense x.yaml",
            "sops",
        ] {
            assert_eq!(respelled(line), shlex::split(line).unwrap(), "{line}");
        }
    }
}
