//! Telling a repository to show SOPS files through this program: lines in `.gitattributes`, and two settings.

use std::collections::BTreeSet;

use super::program::{Git, GitError};

/// The name of the driver in attributes and settings.
pub const DRIVER: &str = "sops-tools";
const BEGIN: &str = "# sops-tools: begin (written by sops-tools git install)";
const END: &str = "# sops-tools: end";
/// Parts of names that say of a file that it is sealed.
const MARKS: [&str; 2] = [".sops.", ".enc."];

/// The patterns that cover these files, which are paths from the root of the tree: one for all files that carry a mark in their
/// name, and one for each other.
pub fn patterns<'a>(files: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut patterns = BTreeSet::new();
    for file in files {
        let name = file.rsplit('/').next().unwrap_or(file);
        let marked = MARKS.iter().find_map(|mark| {
            let (before, ending) = name.rsplit_once(mark)?;
            (!before.is_empty() && !ending.contains('.')).then(|| format!("*{mark}{}", escaped(ending)))
        });
        patterns.insert(marked.unwrap_or_else(|| format!("/{}", escaped(file))));
    }
    patterns.into_iter().collect()
}

/// As a pattern that means itself.
fn escaped(text: &str) -> String {
    text.chars()
        .flat_map(|one| matches!(one, '*' | '?' | '[' | '\\').then_some('\\').into_iter().chain([one]))
        .collect()
}

/// A pattern as attributes files have it: in quotes where it holds what would end it.
fn quoted(pattern: &str) -> String {
    if !pattern.contains(|one: char| one.is_whitespace() || one == '"' || one.is_control()) {
        return pattern.to_owned();
    }
    let inside: String = pattern
        .chars()
        .flat_map(|one| match one {
            '"' => vec!['\\', '"'],
            '\\' => vec!['\\', '\\'],
            '\n' => vec!['\\', 'n'],
            '\t' => vec!['\\', 't'],
            other => vec![other],
        })
        .collect();
    format!("\"{inside}\"")
}

/// The text of `.gitattributes` with these patterns: what others wrote stays, what this program wrote before is replaced.
pub fn attributes(old: &str, patterns: &[String]) -> String {
    let mut kept = String::new();
    let mut inside = false;
    for line in old.split_inclusive('\n') {
        match line.trim_end() {
            BEGIN => inside = true,
            END if inside => inside = false,
            _ if inside => {}
            _ => kept.push_str(line),
        }
    }
    if patterns.is_empty() {
        return kept;
    }
    if !kept.is_empty() && !kept.ends_with('\n') {
        kept.push('\n');
    }
    let lines: String = patterns.iter().flat_map(|pattern| [quoted(pattern), format!(" diff={DRIVER}\n")]).collect();
    format!("{kept}{BEGIN}\n{lines}{END}\n")
}

/// The settings and what they have to be.
pub fn settings(program: &str) -> [(String, String); 2] {
    [
        (format!("diff.{DRIVER}.textconv"), format!("{program} git textconv")),
        // A cache would keep what was shown as objects of the repository.
        (format!("diff.{DRIVER}.cachetextconv"), "false".to_owned()),
    ]
}

/// What a setting is now, in the repository's own settings.
///
/// # Errors
/// Git cannot be asked.
pub fn setting(git: &Git, name: &str) -> Result<Option<String>, GitError> {
    match git.words(&["config", "--local", "--get", name], 1 << 16) {
        Ok(value) => Ok(Some(String::from_utf8_lossy(&value).trim_end_matches('\n').to_owned())),
        // It ends with 1 and says nothing where there is none.
        Err(GitError::Failed { .. }) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Gives a setting of the repository its value.
///
/// # Errors
/// Git cannot write it.
pub fn set(git: &Git, name: &str, value: &str) -> Result<(), GitError> {
    git.words(&["config", "--local", "--replace-all", name, value], 1 << 16).map(drop)
}

/// A path as a word of a shell.
pub fn shell_word(path: &str) -> String {
    shlex::try_quote(path).map_or_else(|_| path.to_owned(), std::borrow::Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_with_a_mark_share_a_pattern_and_others_have_their_own() {
        let files =
            ["a/x.sops.yaml", "b/y.sops.yaml", "secrets/z.yaml", "q.enc.json", "we[i]rd name.env", ".sops.yaml"];
        assert_eq!(
            patterns(files),
            ["*.enc.json", "*.sops.yaml", "/.sops.yaml", "/secrets/z.yaml", "/we\\[i]rd name.env"]
        );
    }

    #[test]
    fn the_block_is_written_once_and_the_rest_stays() {
        let first = attributes("*.png binary", &["/a b".into(), "*.sops.yaml".into()]);
        assert_eq!(
            first,
            format!("*.png binary\n{BEGIN}\n\"/a b\" diff=sops-tools\n*.sops.yaml diff=sops-tools\n{END}\n")
        );
        assert_eq!(attributes(&first, &["/a b".into(), "*.sops.yaml".into()]), first);
        let more = format!("{first}*.md text\n");
        let second = attributes(&more, &["/c".into()]);
        assert_eq!(second, format!("*.png binary\n*.md text\n{BEGIN}\n/c diff=sops-tools\n{END}\n"));
        assert_eq!(attributes(&second, &[]), "*.png binary\n*.md text\n");
        assert_eq!(attributes("", &[]), "");
    }
}
