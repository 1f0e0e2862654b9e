//! One recipient beside another in the text of a `.sops.yaml`, or one less; all other bytes stay. Pure.
//!
//! People write this file in many ways, so the text is changed in the few ways that are common, and the result counts only if it
//! means what it should: every rule that names the one gets the other, and nothing else differs.

use std::path::Path;

use crate::custody::Recipient;
use crate::sops::config::{Config, CreationRule};
use crate::sops::metadata::KeyId;

/// What is to be changed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Edit<'a> {
    /// `new` wherever `old` is named.
    Add {
        /// Beside which one.
        old: &'a Recipient,
        /// Which one.
        new: &'a Recipient,
    },
    /// `old` is named nowhere.
    Remove {
        /// Which one.
        old: &'a Recipient,
    },
}

/// The changed text; `None` where it cannot be changed so that it means just that.
pub(super) fn edit(text: &str, edit: Edit<'_>) -> Option<String> {
    let before = Config::parse(text.as_bytes(), Path::new("")).ok()?;
    let changed = match edit {
        Edit::Add { old, new } => add(text, old.as_str(), new.as_str()),
        Edit::Remove { old } => remove(text, old.as_str())?,
    };
    let after = Config::parse(changed.as_bytes(), Path::new("")).ok()?;
    means(&before, &after, edit).then_some(changed)
}

/// Whether a configuration names one already wherever it names the other, or names it nowhere.
pub(super) fn is_done(text: &str, edit: Edit<'_>) -> bool {
    Config::parse(text.as_bytes(), Path::new("")).is_ok_and(|config| means(&config, &config, edit))
}

fn means(before: &Config, after: &Config, edit: Edit<'_>) -> bool {
    before.rules.len() == after.rules.len()
        && before.rules.iter().zip(&after.rules).all(|(old, new)| {
            same_besides_keys(old, new)
                && old.groups.len() == new.groups.len()
                && old.groups.iter().zip(&new.groups).all(|(old, new)| same_set(&wanted(old, edit), new))
                && new.groups.iter().all(|group| !group.is_empty())
        })
}

fn wanted(group: &[KeyId], edit: Edit<'_>) -> Vec<KeyId> {
    let mut group = group.to_vec();
    match edit {
        Edit::Add { old, new } => {
            let new = KeyId::age(new);
            if group.contains(&KeyId::age(old)) && !group.contains(&new) {
                group.push(new);
            }
        }
        Edit::Remove { old } => group.retain(|key| *key != KeyId::age(old)),
    }
    group
}

fn same_set(one: &[KeyId], other: &[KeyId]) -> bool {
    one.len() == other.len() && one.iter().all(|key| other.contains(key))
}

fn same_besides_keys(one: &CreationRule, other: &CreationRule) -> bool {
    let regex = |rule: &CreationRule| rule.path_regex.as_ref().map(|regex| regex.as_str().to_owned());
    regex(one) == regex(other)
        && one.threshold == other.threshold
        && one.selection == other.selection
        && one.mac_only_encrypted == other.mac_only_encrypted
        && one.faults == other.faults
        && one.key_faults == other.key_faults
}

/// Lines that are comments stay, and no line is joined with another.
fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

fn add(text: &str, old: &str, new: &str) -> String {
    let mut changed = String::with_capacity(text.len() + new.len());
    for line in text.split_inclusive('\n') {
        if is_comment(line) || !line.contains(old) {
            changed.push_str(line);
            continue;
        }
        let (start, _) = line.split_once(old).unwrap_or_default();
        let is_element =
            start.trim_start().trim_start_matches(['"', '\'']) == "- " || matches!(start.trim(), "-" | "- \"" | "- '");
        if is_element && line.matches(old).count() == 1 && !line.contains(',') {
            changed.push_str(line);
            if !line.ends_with('\n') {
                changed.push('\n');
            }
            changed.push_str(&without_remark(&line.replace(old, new)));
        } else {
            changed.push_str(&line.replace(old, &format!("{old},{new}")));
        }
    }
    changed
}

/// The remark at the end of a line is about the recipient that stood there.
fn without_remark(line: &str) -> String {
    match line.split_once(" #") {
        Some((start, _)) => format!("{}\n", start.trim_end()),
        None => line.to_owned(),
    }
}

fn remove(text: &str, old: &str) -> Option<String> {
    let mut changed = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if is_comment(line) {
            // A remark about nobody helps nobody.
            if !line.contains(old) {
                changed.push_str(line);
            }
            continue;
        }
        if !line.contains(old) {
            changed.push_str(line);
            continue;
        }
        let (content, remark) = line.split_once(" #").map_or((line, None), |(content, remark)| (content, Some(remark)));
        let bare = content.trim().trim_start_matches("- ").trim_matches(['"', '\'', ',', ' ']);
        if bare == old {
            // A line of its own. Where it was the last of several, the comma before it goes as well.
            if !content.trim_end().ends_with(',') && changed.trim_end().ends_with(',') {
                let end = changed.trim_end().len() - 1;
                let rest = changed.get(end + 1..)?.to_owned();
                changed.truncate(end);
                changed.push_str(&rest);
            }
            continue;
        }
        let without = [format!("{old}, "), format!("{old},"), format!(", {old}"), format!(",{old}")]
            .iter()
            .find(|part| content.contains(part.as_str()))
            .map(|part| content.replace(part.as_str(), ""))?;
        changed.push_str(&without);
        if let Some(remark) = remark {
            changed.push_str(" #");
            changed.push_str(remark);
        }
    }
    Some(changed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::Identities;

    fn recipients() -> [Recipient; 3] {
        [(); 3].map(|()| Identities::generate().to_recipients().remove(0))
    }

    /// The ways in which people write it; A and B stand for recipients.
    const WAYS: [&str; 10] = [
        "creation_rules:\n  - path_regex: x\n    age: A,B\n",
        "creation_rules:\n  - path_regex: x\n    age: >-\n      A,\n      B\n",
        "creation_rules:\n  - path_regex: x\n    age: >-\n      B,\n      A\n",
        "creation_rules:\n  - path_regex: x\n    age: \"B, A\"\n  - age: A, B # all\n",
        "creation_rules:\n  - path_regex: x\n    age:\n      - A # cluster\n      - B\n",
        "creation_rules:\n  - path_regex: x\n    age: [A, B]\n",
        "creation_rules:\n  - key_groups:\n      - age:\n          - \"B\"\n          - \"A\"\n",
        "# A: the cluster\ncreation_rules:\n  - path_regex: y\n    age: B\n  - age: A,B",
        "keys:\n  - &both A,B\ncreation_rules:\n  - age: *both\n",
        // sops takes commas inside of elements too, 3.11 and 3.13 alike.
        "keys:\n  - &a A\n  - &b B\ncreation_rules:\n  - age:\n      - *a\n      - *b\n",
    ];

    #[test]
    fn one_more_and_then_one_less_in_each_way_of_writing() {
        let [a, b, c] = recipients();
        for way in WAYS {
            let text = way.replace('A', a.as_str()).replace('B', b.as_str());
            let add = Edit::Add { old: &a, new: &c };
            assert!(!is_done(&text, add), "{way}");
            let more = edit(&text, add).unwrap_or_else(|| panic!("cannot add: {way}"));
            assert!(is_done(&more, add), "{way}\n{more}");
            let less = edit(&more, Edit::Remove { old: &a }).unwrap_or_else(|| panic!("cannot remove: {way}\n{more}"));
            assert!(
                !less.contains(a.as_str()) && less.contains(c.as_str()) && less.contains(b.as_str()),
                "{way}\n{less}"
            );
            assert!(is_done(&less, Edit::Remove { old: &a }));
        }
    }

    #[test]
    fn what_cannot_be_changed_with_certainty_is_left_to_a_person() {
        let [a, b, c] = recipients();
        let escaped = format!("creation_rules:\n  - age: [\"\\x61{}\", {b}]\n", &a.as_str()[1..]);
        assert_eq!(edit(&escaped, Edit::Add { old: &a, new: &c }), None);
        assert_eq!(edit(&escaped, Edit::Remove { old: &a }), None);
        let alone = format!("creation_rules:\n  - age: {a}\n");
        assert_eq!(edit(&alone, Edit::Remove { old: &a }), None);
        assert_eq!(edit("creation_rules: [", Edit::Remove { old: &a }), None);
    }

    #[test]
    fn all_other_bytes_stay() {
        let [a, b, c] = recipients();
        let text = format!(
            "# remark\ncreation_rules:\n  - path_regex: \\.sops\\.ya?ml$  # odd\n    age: {a},{b}\nstores: {{yaml: {{indent: 2}}}}\n"
        );
        let more = edit(&text, Edit::Add { old: &a, new: &c }).unwrap();
        assert_eq!(more, text.replace(a.as_str(), &format!("{a},{c}")));
    }
}
