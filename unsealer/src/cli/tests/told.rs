//! Every command that a hint, a page or an example tells a person to run is one that the command line takes.
//!
//! Told is what stands between back-quotes in the sources and in the documentation, what an example of `--help` shows, and a line
//! of a code block. A name in capitals or in braces stands for a value.

use std::path::{Path, PathBuf};

use clap::CommandFactory as _;
use clap::error::ErrorKind;
use sops_tools::cli as sops_tools_cli;

/// A command as it is told, and where.
#[derive(Debug)]
struct Told {
    place: String,
    command: String,
}

#[test]
fn every_command_that_a_text_tells_is_one_that_can_be_run() {
    let told = all_told();
    for (program, least) in [("unsealer", 100), ("sops-tools", 5)] {
        let count = told.iter().filter(|one| one.command.starts_with(program)).count();
        assert!(count >= least, "the scan has lost its way: {count} of {program}");
    }
    let wrong: Vec<String> = told.iter().filter_map(|one| Some(format!("{}: {}", one.place, fault(one)?))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_command_that_does_not_exist_or_lacks_something_is_found() {
    let fault = |command: &str| fault(&Told { place: String::new(), command: command.to_owned() });
    for good in [
        "unsealer init --continue {intent}",
        "unsealer init --publish FILE",
        "unsealer store copy",
        "unsealer store",
        "unsealer init --vault prod …",
        "unsealer hold --vault vault --reason 'two words'",
        "sops-tools bootstrap keygen --out keys",
    ] {
        assert_eq!(fault(good), None, "{good}");
    }
    for bad in [
        "unsealer heal",
        "unsealer store mend",
        "unsealer init --go-on 3",
        "unsealer init --publish",
        "unsealer init --continue 1 --publish FILE",
        "unsealer store copy --from",
        "unsealer release --vault main",
        "sops-tools bootstrap keygen --dry-run",
    ] {
        assert!(fault(bad).is_some(), "{bad}");
    }
    let text =
        "/// `unsealer run`\n\"  unsealer status --vault main      the screen\\n\"\n`unsealer` alone, `sops-tools man`";
    let found: Vec<String> = quoted(text).chain(shown(text)).collect();
    assert_eq!(found, ["unsealer run", "sops-tools man", "unsealer status --vault main"]);
}

#[test]
fn every_flag_that_a_text_of_the_programs_names_exists() {
    let mut flags = std::collections::BTreeSet::new();
    for mut command in [super::Cli::command(), sops_tools_cli::Cli::command()] {
        command.build();
        gather_flags(&command, &mut flags);
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = Vec::new();
    for folder in ["unsealer/src", "sops-tools/src"] {
        gather(&root.join(folder), &mut files);
    }
    let mut named = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for flag in flags_named(&text) {
            named += 1;
            assert!(flags.contains(flag) || OF_OTHERS.contains(&flag), "{}: --{flag} does not exist", file.display());
        }
    }
    assert!(named > 100, "the scan has lost its way: {named}");
    assert_eq!(flags_named("with --one, --two-three; a--b ---").collect::<Vec<_>>(), ["one", "two-three"]);
}

/// Flags of age, git and kubectl, and the verbs that sops once took as flags and that are still understood.
const OF_OTHERS: [&str; 28] = [
    "exclude-standard",
    "ignored",
    "name-only",
    "others",
    "decrypt",
    "encrypt",
    "rotate",
    "set",
    "batch",
    "buffer",
    "cached",
    "diff-filter",
    "get",
    "max-count",
    "no-abbrev",
    "no-renames",
    "quiet",
    "raw",
    "replace-all",
    "replace-text",
    "root",
    "server-side",
    "stage",
    "stdin",
    "topo-order",
    "verify",
    "is-shallow-repository",
    "unshallow",
];

fn gather_flags(command: &clap::Command, flags: &mut std::collections::BTreeSet<String>) {
    flags.extend(command.get_arguments().filter_map(|argument| argument.get_long()).map(str::to_owned));
    command.get_subcommands().for_each(|one| gather_flags(one, flags));
}

/// `--name` where a word begins.
fn flags_named(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("--").filter_map(|(at, _)| {
        let begins = text[..at].chars().next_back().is_none_or(|before| !before.is_alphanumeric() && before != '-');
        let name = text[at + 2..].split(|end: char| !(end.is_ascii_lowercase() || end == '-')).next()?;
        (begins && name.starts_with(|first: char| first.is_ascii_lowercase())).then_some(name)
    })
}

/// What is wrong with a command; `None` where it parses. One without any argument is a mention: it must name a command.
fn fault(told: &Told) -> Option<String> {
    let mut words = words(&told.command);
    let cut_short = words.last().is_some_and(|last| last == "…");
    if cut_short {
        words.pop();
    }
    let mut definition = match words.first().map(String::as_str) {
        Some("sops-tools") => sops_tools_cli::Cli::command(),
        _ => super::Cli::command(),
    };
    let mention = {
        let mut command = &definition;
        words[1..].iter().all(|word| {
            command.find_subcommand(word).is_some_and(|found| {
                command = found;
                true
            })
        })
    };
    let error = definition.try_get_matches_from_mut(&words).err()?;
    let lacks = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let fine =
        matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) || (lacks && (mention || cut_short));
    (!fine).then(|| format!("`{}`: {}", told.command, error.to_string().lines().next().unwrap_or_default()))
}

/// As a shell splits them; what stands for a value becomes one.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut rest = command.trim();
    while let Some(first) = rest.chars().next() {
        let (word, after) = match first {
            '\'' | '"' => rest[1..].split_once(first).unwrap_or((&rest[1..], "")),
            _ => rest.split_once(' ').unwrap_or((rest, "")),
        };
        words.push(value(word));
        rest = after.trim_start();
    }
    words
}

fn value(word: &str) -> String {
    // `FILE|store`: either will do.
    let name = word.split('|').next().unwrap_or(word);
    let capitals = !name.is_empty() && name.bytes().all(|one| one.is_ascii_uppercase());
    match name {
        "URL" => "http://127.0.0.1:8200".to_owned(),
        _ if capitals || name.starts_with('{') => "1".to_owned(),
        _ => word.to_owned(),
    }
}

fn is_command(text: &str) -> bool {
    ["unsealer ", "sops-tools "].iter().any(|program| text.starts_with(program))
}

/// What stands between back-quotes on one line.
fn quoted(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().filter(|line| !line.trim_start().starts_with("```"));
    lines.flat_map(|line| line.split('`').skip(1).step_by(2)).filter(|part| is_command(part)).map(str::to_owned)
}

/// Lines that begin with a command, in an example or a code block; what follows two spaces, or is the shell's, is cut off.
fn shown(text: &str) -> impl Iterator<Item = String> {
    let lines = text.lines().map(|line| line.trim_start_matches(['"', ' ', '$']));
    lines.filter(|line| is_command(line)).map(|line| {
        let end = ["  ", " #", " >", " <", " |", " &&", ";", "\\n", "\\"].iter().filter_map(|end| line.find(end)).min();
        line[..end.unwrap_or(line.len())].trim_end_matches('"').to_owned()
    })
}

fn all_told() -> Vec<Told> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut files = vec![root.join("README.md")];
    for folder in ["docs", "deploy", "unsealer/src", "restore/src", "sops-tools/src"] {
        gather(&root.join(folder), &mut files);
    }
    files.iter().flat_map(|file| told_by(file)).collect()
}

/// Sources and pages. Tests speak of commands that do not exist.
fn gather(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let text = [".rs", ".md", ".yaml"].iter().any(|end| name.ends_with(end));
        if path.is_dir() && name != "tests" {
            gather(&path, files);
        } else if text && name != "tests.rs" {
            files.push(path);
        }
    }
}

fn told_by(file: &Path) -> Vec<Told> {
    let text = std::fs::read_to_string(file).unwrap();
    let page = file.extension().is_some_and(|end| end != "rs");
    let examples = page || file.components().any(|part| part.as_os_str().to_string_lossy().starts_with("cli"));
    let shown = shown(&text).filter(|_| examples);
    let place = file.display().to_string();
    quoted(&text).chain(shown).map(|command| Told { place: place.clone(), command }).collect()
}
