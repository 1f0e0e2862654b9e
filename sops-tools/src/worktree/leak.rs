//! Plain files that a creation rule wants sealed.
//!
//! A rule says what a file gets when somebody seals it, and many rules match far more than secrets: `\.yaml$` matches every manifest.
//! So a plain file counts as a leak only where nothing else explains it:
//!
//! - an example or a template, by its name, never does
//! - a Kubernetes Secret with a value in clear always does
//! - a manifest of another kind, documentation and an empty file never do
//! - any other file does where its rule is made for some places (it would not match a made-up name of the same ending), and would seal
//!   something in it that is no placeholder

use std::path::Path;

use regex::bytes::Regex;

use super::creation::selection_of;
use super::judge::has_something_to_seal;
use crate::scan::manifest;
use crate::scan::placeholder::is_example;
use crate::secret::wiping_stack;
use crate::sops::config::CreationRule;
use crate::sops::formats::{self, Format};
use crate::sops::tree::Tree;

/// Names that speak of no secret, in small letters: the beginning,
const PLAIN_STARTS: [&str; 8] =
    ["readme", "license", "licence", "changelog", "notice", ".git", ".sops", "kustomization."];
/// and the end.
const PLAIN_ENDS: [&str; 8] = [".md", ".rst", ".adoc", ".pub", ".crt", ".lock", ".sh", ".keep"];

/// Whether a plain file is one that should be sealed; the line of the first value in clear.
///
/// `relative` is its path as the rule sees it.
pub fn leak(relative: &Path, bytes: &[u8], rule: &CreationRule) -> Option<Option<usize>> {
    if is_example(relative) {
        return None;
    }
    if let Some(hit) = manifest::hits(relative, bytes).first() {
        return Some(Some(hit.line));
    }
    if speaks_of_no_secret(relative)
        || bytes.trim_ascii().is_empty()
        || !is_made_for(relative, rule.path_regex.as_ref())
    {
        return None;
    }
    let selection = selection_of(rule).ok()?;
    let format = Format::of_path(relative);
    if format == Format::Binary {
        return Some(None);
    }
    let has_secret = wiping_stack(|| {
        let tree = formats::parse(format, bytes).ok()?;
        // What is no manifest is a file of its own kind.
        Some(
            !is_manifest(&tree)
                && tree.documents.iter().all(|document| document.block.is_none())
                && has_something_to_seal(&tree, &selection),
        )
    });
    has_secret.unwrap_or(false).then_some(None)
}

fn is_manifest(tree: &Tree) -> bool {
    tree.documents.iter().any(|document| manifest::kind_of(&document.root).is_some())
}

fn speaks_of_no_secret(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
    PLAIN_STARTS.iter().any(|start| name.starts_with(start)) || PLAIN_ENDS.iter().any(|end| name.ends_with(end))
}

/// Whether a rule is made for some places and not for everything of that ending.
fn is_made_for(path: &Path, regex: Option<&Regex>) -> bool {
    let Some(regex) = regex else { return false };
    let ending = path.extension().map(|ending| format!(".{}", ending.to_string_lossy())).unwrap_or_default();
    let made_up = [format!("qzxj{ending}"), format!("qzxj/qzxj{ending}"), format!("qzxj/qzxj/qzxj{ending}")];
    !made_up.iter().any(|name| regex.is_match(name.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::config::Config;

    const SOMEBODY: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

    fn is_leak(rule: &str, path: &str, text: &str) -> bool {
        let text_of_rules = format!("creation_rules:\n- {rule}\n  age: {SOMEBODY}\n");
        let config = Config::parse(text_of_rules.as_bytes(), Path::new("/r/.sops.yaml")).unwrap();
        let rule = config.rule_for(&Path::new("/r").join(path), Path::new("/r")).unwrap().unwrap();
        leak(Path::new(path), text.as_bytes(), rule).is_some()
    }

    const SECRET: &str = "apiVersion: v1\nkind: Secret\nstringData:\n  A: Zk3vQ9pLm2\n";
    const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\ndata:\n  A: Zk3vQ9pLm2\n";

    #[test]
    fn a_secret_is_a_leak_under_any_rule() {
        assert!(is_leak("path_regex: .*\\.yaml$", "a/x.yaml", SECRET));
        assert!(is_leak("encrypted_regex: ^(data|stringData)$", "a/x.yaml", SECRET));
    }

    #[test]
    fn other_files_are_leaks_where_the_rule_is_made_for_their_place() {
        for path in ["secrets/x.yaml", "x.enc.yaml", "prod.env", "secrets/key.bin"] {
            let rule = "path_regex: ^secrets/|\\.enc\\.yaml$|^prod\\.env$";
            let text = if path.ends_with("env") { "A=Zk3vQ9pLm2\n" } else { "a: Zk3vQ9pLm2\n" };
            assert!(is_leak(rule, path, text), "{path}");
        }
        assert!(!is_leak("path_regex: \\.yaml$", "ci.yaml", "a: Zk3vQ9pLm2\n"), "a rule for every YAML file");
        assert!(!is_leak("encrypted_regex: x", "ci.yaml", "a: Zk3vQ9pLm2\n"), "a rule for everything");
    }

    #[test]
    fn manifests_documentation_examples_and_placeholders_are_none() {
        let rule = "path_regex: ^secrets/";
        for (path, text) in [
            ("secrets/x.yaml", CONFIG_MAP),
            ("secrets/kustomization.yaml", "resources: [x.yaml]\n"),
            ("secrets/README.md", "text\n"),
            ("secrets/x.env.example", "A=Zk3vQ9pLm2\n"),
            ("secrets/.gitkeep", ""),
            ("secrets/x.yaml", "a: ${A}\nb: changeme\n"),
            ("secrets/x.yaml", "\n"),
            ("secrets/key.pub", "age1\n"),
        ] {
            assert!(!is_leak(rule, path, text), "{path}: {text}");
        }
        assert!(!is_leak(
            "path_regex: ^secrets/\n  encrypted_regex: ^password$",
            "secrets/x.yaml",
            "user: Zk3vQ9pLm2\n"
        ));
    }
}
