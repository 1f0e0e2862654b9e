//! How far a change of the cluster's identity came, from what the files say. Pure.

use crate::bootstrap::catalogue::AGEKEY;

/// What is known of the files.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Observed {
    /// The identities in `sops-age`: the keys they stand under, each with its recipients.
    pub identities: Vec<AgeKey>,
    /// The recipients of each file that is sealed to one of them or should be, and those that its rule names.
    pub files: Vec<FileKeys>,
}

/// A key of `sops-age` that ends with `.agekey`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeKey {
    /// Its name.
    pub name: String,
    /// The public halves of what stands there.
    pub recipients: Vec<String>,
}

/// Who can open a file, and who should.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct FileKeys {
    /// The file, for messages.
    pub path: String,
    /// The recipients it names.
    pub has: Vec<String>,
    /// The recipients its rule names.
    pub wanted: Vec<String>,
}

/// How far it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Phase {
    /// One identity: no change is under way.
    Single {
        /// It.
        only: AgeKey,
    },
    /// A second identity is there, and rules or files do not name it yet.
    Adding {
        /// The identity that is to go.
        old: AgeKey,
        /// The one that comes.
        new: AgeKey,
    },
    /// Every file opens with both; the cluster has to get the second one.
    Added {
        /// The identity that is to go.
        old: AgeKey,
        /// The one that stays.
        new: AgeKey,
    },
    /// Rules or files do not name the old one any more, and it is still there.
    Removing {
        /// The identity that is to go.
        old: AgeKey,
        /// The one that stays.
        new: AgeKey,
    },
}

/// Why the phase cannot be told. Each says what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// Flux could not read it either.
    #[error("sops-age has no key that ends with .agekey: put the identity there with sops-tools edit")]
    None,
    /// More than an old and a new one.
    #[error("sops-age has the identities {}: take out those that no file needs (sops-tools unset), so that one is left, or two", .0.join(", "))]
    TooMany(Vec<String>),
    /// Nothing tells which of two is older.
    #[error("sops-age has the identities {} and {}, and their names do not tell which is the old one: name it with --old KEY", .0, .1)]
    WhichIsOld(String, String),
    /// A name that is not there.
    #[error("sops-age has no key {0}")]
    NoSuchKey(String),
    /// A file that opens for somebody nobody named, or not for somebody named.
    #[error(
        "{path}: its recipients are not those of its rule ({difference}): sops-tools bootstrap verify says more; bring it in order first, a change of identities must not carry a stranger along"
    )]
    Drift {
        /// The file.
        path: String,
        /// What differs.
        difference: String,
    },
}

/// How far it came; `old` names the key that is to go, where names do not tell.
///
/// # Errors
/// Everything that makes it unclear.
pub fn phase(observed: &Observed, old: Option<&str>) -> Result<Phase, Vec<Unclear>> {
    let (old, new) = match pair(&observed.identities, old).map_err(|unclear| vec![unclear])? {
        Pair::One(only) => {
            let drift = drift(observed, &[]);
            return if drift.is_empty() { Ok(Phase::Single { only }) } else { Err(drift) };
        }
        Pair::Two { old, new } => (old, new),
    };
    let drift = drift(observed, &[&old, &new]);
    if !drift.is_empty() {
        return Err(drift);
    }
    let names = |list: &[String], key: &AgeKey| key.recipients.iter().any(|recipient| list.contains(recipient));
    // Who keeps sops-age in a file that the cluster itself does not open names neither there.
    let concerned =
        |file: &&FileKeys| [&file.has, &file.wanted].iter().any(|list| names(list, &old) || names(list, &new));
    let all = |key: &AgeKey| {
        observed.files.iter().filter(concerned).all(|file| names(&file.has, key) && names(&file.wanted, key))
    };
    Ok(match (all(&old), all(&new)) {
        (true, true) => Phase::Added { old, new },
        (false, true) => Phase::Removing { old, new },
        (_, false) => Phase::Adding { old, new },
    })
}

enum Pair {
    One(AgeKey),
    Two { old: AgeKey, new: AgeKey },
}

fn pair(identities: &[AgeKey], old: Option<&str>) -> Result<Pair, Unclear> {
    if let Some(name) = old.filter(|name| identities.iter().all(|key| key.name != **name)) {
        return Err(Unclear::NoSuchKey(name.to_owned()));
    }
    match identities {
        [] => Err(Unclear::None),
        [only] => Ok(Pair::One(only.clone())),
        [one, other] => {
            let two = |old: &AgeKey, new: &AgeKey| Ok(Pair::Two { old: old.clone(), new: new.clone() });
            match (old, family(&one.name), family(&other.name)) {
                (Some(name), ..) if name == one.name => two(one, other),
                (Some(_), ..) => two(other, one),
                (None, Some((stem, number)), Some((other_stem, other_number)))
                    if stem == other_stem && number != other_number =>
                {
                    if number < other_number {
                        two(one, other)
                    } else {
                        two(other, one)
                    }
                }
                _ => Err(Unclear::WhichIsOld(one.name.clone(), other.name.clone())),
            }
        }
        more => Err(Unclear::TooMany(more.iter().map(|key| key.name.clone()).collect())),
    }
}

/// `cluster-2.agekey` is the second of `cluster`; `cluster.agekey` is the first.
fn family(name: &str) -> Option<(&str, u64)> {
    let stem = name.strip_suffix(AGEKEY)?;
    let numbered = stem.rsplit_once('-').and_then(|(stem, number)| {
        let is_plain = !number.is_empty() && number.len() < 10 && !number.starts_with('0');
        let number = number.parse().ok().filter(|_| is_plain && number.bytes().all(|byte| byte.is_ascii_digit()))?;
        Some((stem, number))
    });
    Some(numbered.unwrap_or((stem, 1)))
}

/// The name of the key for the identity that comes after this one.
pub fn next_name(name: &str) -> String {
    match family(name) {
        Some((stem, number)) => format!("{stem}-{}{AGEKEY}", number + 1),
        None => format!("cluster-2{AGEKEY}"),
    }
}

/// Files that differ from their rules in others than these identities.
fn drift(observed: &Observed, than: &[&AgeKey]) -> Vec<Unclear> {
    let ours = |recipient: &&String| than.iter().any(|key| key.recipients.contains(recipient));
    let beside = |list: &[String], than: &[String]| -> Vec<String> {
        list.iter().filter(|one| !ours(one) && !than.contains(one)).cloned().collect()
    };
    let find = |file: &FileKeys| {
        let foreign = beside(&file.has, &file.wanted);
        let missing = beside(&file.wanted, &file.has);
        let told = [("not in the rule", foreign), ("not in the file", missing)];
        let told = told.iter().filter(|(_, list)| !list.is_empty());
        let difference: Vec<String> = told.map(|(word, list)| format!("{word}: {}", list.join(", "))).collect();
        (!difference.is_empty()).then(|| Unclear::Drift { path: file.path.clone(), difference: difference.join("; ") })
    };
    observed.files.iter().filter_map(find).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(name: &str, recipient: &str) -> AgeKey {
        AgeKey { name: name.to_owned(), recipients: vec![recipient.to_owned()] }
    }

    fn file(has: &[&str], wanted: &[&str]) -> FileKeys {
        let list = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect();
        FileKeys { path: "f".to_owned(), has: list(has), wanted: list(wanted) }
    }

    fn told(identities: &[AgeKey], files: &[FileKeys]) -> &'static str {
        let observed = Observed { identities: identities.to_vec(), files: files.to_vec() };
        match phase(&observed, None) {
            Ok(Phase::Single { .. }) => "single",
            Ok(Phase::Adding { .. }) => "adding",
            Ok(Phase::Added { .. }) => "added",
            Ok(Phase::Removing { .. }) => "removing",
            Err(_) => "unclear",
        }
    }

    #[test]
    fn each_state_of_the_files_is_one_phase() {
        let one = [key("cluster.agekey", "c1")];
        let two = [key("cluster.agekey", "c1"), key("cluster-2.agekey", "c2")];
        let both = file(&["c1", "c2", "o"], &["c1", "c2", "o"]);
        assert_eq!(told(&one, &[file(&["c1", "o"], &["c1", "o"])]), "single");
        assert_eq!(told(&two, &[file(&["c1", "o"], &["c1", "o"])]), "adding");
        assert_eq!(told(&two, &[file(&["c1", "o"], &["c1", "c2", "o"]), both.clone()]), "adding");
        assert_eq!(told(&two, std::slice::from_ref(&both)), "added");
        assert_eq!(told(&two, &[file(&["c1", "c2", "o"], &["c2", "o"]), both]), "removing");
        assert_eq!(told(&two, &[file(&["c2", "o"], &["c2", "o"])]), "removing");
    }

    #[test]
    fn a_file_that_the_cluster_does_not_open_holds_nothing_up() {
        let two = [key("cluster.agekey", "c1"), key("cluster-2.agekey", "c2")];
        let by_hand = file(&["o"], &["o"]);
        assert_eq!(told(&two, &[by_hand, file(&["c1", "c2", "o"], &["c1", "c2", "o"])]), "added");
    }

    #[test]
    fn before_a_change_begins_every_file_follows_its_rule() {
        let one = [key("cluster.agekey", "c1")];
        assert_eq!(told(&one, &[file(&["c1", "o"], &["o"])]), "unclear");
        assert_eq!(told(&one, &[file(&["o"], &["c1", "o"])]), "unclear");
    }

    #[test]
    fn a_stranger_in_a_file_stops_everything() {
        let two = [key("cluster.agekey", "c1"), key("cluster-2.agekey", "c2")];
        let observed = Observed { identities: two.to_vec(), files: vec![file(&["c1", "x", "o"], &["c1", "o", "p"])] };
        let unclear = phase(&observed, None).unwrap_err();
        assert_eq!(
            unclear,
            [Unclear::Drift { path: "f".into(), difference: "not in the rule: x; not in the file: p".into() }]
        );
    }

    #[test]
    fn which_is_old_is_told_by_the_number_or_by_the_person() {
        let observed =
            |one: &str, other: &str| Observed { identities: vec![key(one, "a"), key(other, "b")], files: Vec::new() };
        let old_of = |observed: &Observed, old: Option<&str>| match phase(observed, old) {
            Ok(Phase::Added { old, .. }) => old.name,
            other => format!("{other:?}"),
        };
        assert_eq!(old_of(&observed("cluster-10.agekey", "cluster-9.agekey"), None), "cluster-9.agekey");
        assert_eq!(old_of(&observed("age-2.agekey", "age.agekey"), None), "age.agekey");
        assert!(matches!(phase(&observed("a.agekey", "b.agekey"), None).unwrap_err()[..], [Unclear::WhichIsOld(..)]));
        assert_eq!(old_of(&observed("a.agekey", "b.agekey"), Some("b.agekey")), "b.agekey");
        assert!(matches!(
            phase(&observed("a.agekey", "b.agekey"), Some("c.agekey")).unwrap_err()[..],
            [Unclear::NoSuchKey(_)]
        ));
        assert!(matches!(phase(&Observed::default(), None).unwrap_err()[..], [Unclear::None]));
    }

    #[test]
    fn names_are_counted_on() {
        assert_eq!(next_name("cluster.agekey"), "cluster-2.agekey");
        assert_eq!(next_name("cluster-2.agekey"), "cluster-3.agekey");
        assert_eq!(next_name("age-x.agekey"), "age-x-2.agekey");
        assert_eq!(next_name("a-01.agekey"), "a-01-2.agekey");
    }

    proptest! {
        #[test]
        fn the_next_name_is_always_the_newer_one(name in "[a-z0-9-]{1,12}") {
            let name = format!("{name}.agekey");
            let next = next_name(&name);
            let observed = Observed { identities: vec![key(&next, "b"), key(&name, "a")], files: Vec::new() };
            let Ok(Phase::Added { old, new }) = phase(&observed, None) else { panic!("{name} and {next}") };
            prop_assert_eq!((old.name, new.name), (name, next));
        }
    }
}
