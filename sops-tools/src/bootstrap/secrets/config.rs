//! `.sops.yaml` for the bootstrap secrets: made where there is none, else looked at and never changed.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::bootstrap::catalogue::BootstrapSecret;
use crate::bootstrap::manifest::plain;
use crate::bootstrap::verify::encrypts_only_values;
use crate::custody::Recipient;
use crate::secret::Plaintext;
use crate::sops::config::{self, Config, CreationRule, absolute};
use crate::sops::file::Recipe;
use crate::sops::formats::{self, Format};
use crate::sops::mac::Scope;
use crate::sops::metadata::KeyId;
use crate::sops::rules::Rule;

/// The configuration that the files follow.
pub(super) struct Rules {
    pub(super) path: PathBuf,
    /// Its text, where it is to be made.
    pub(super) text: Option<String>,
    config: Config,
    current: PathBuf,
}

/// Whom a new configuration names.
pub(super) struct Named {
    /// The cluster's recipients.
    pub(super) cluster: Vec<Recipient>,
    /// The operator's, and all others.
    pub(super) others: Vec<Recipient>,
}

impl Rules {
    /// The configuration named, or the nearest above `folder`; `None` where there is none.
    pub(super) fn find(named: Option<&Path>, folder: &Path, current: &Path) -> Result<Option<Self>, String> {
        let path = match named {
            Some(path) if !path.exists() => {
                return Err(format!(
                    "{} does not exist; leave --config out to have one made in the folder",
                    path.display()
                ));
            }
            Some(path) => Some(path.to_owned()),
            None => config::find(&absolute(folder, current)).path,
        };
        let Some(path) = path else { return Ok(None) };
        let config = Config::load(&path).map_err(|error| error.to_string())?;
        Ok(Some(Self { path, text: None, config, current: current.to_owned() }))
    }

    /// A new one at `path`.
    pub(super) fn new(path: PathBuf, named: &Named, current: &Path) -> Result<Self, String> {
        let text = text(named);
        let config = Config::parse(text.as_bytes(), &path).map_err(|error| error.to_string())?;
        Ok(Self { path, text: Some(text), config, current: current.to_owned() })
    }

    /// How a file is to be encrypted, or everything that is wrong with its rule.
    pub(super) fn recipe(&self, file: &Path, secret: BootstrapSecret, named: &Named) -> Result<Recipe, Vec<String>> {
        let place = self.path.display();
        let rule = match self.config.rule_for(file, &self.current) {
            Ok(Some(rule)) => rule,
            Ok(None) => {
                return Err(vec![format!("{place} has no creation_rules: add one with path_regex \\.sops\\.ya?ml$")]);
            }
            Err(error) => return Err(vec![format!("{error}: mend it, or add a rule for this file")]),
        };
        let groups = self.config.groups_of(rule).map_err(|error| vec![error.to_string()])?;
        let mut faults = self.recipient_faults(rule, groups, secret, named);
        let selection = selection(rule);
        match &selection {
            Err(fault) => faults.push(fault.clone()),
            Ok(selection) if !fits(secret, selection) => faults.push(format!(
                "rule {} of {place} does not encrypt just data and stringData, and Flux needs kind and metadata in clear: give it encrypted_regex: ^(data|stringData)$",
                rule.number
            )),
            Ok(_) => {}
        }
        match selection {
            Ok(selection) if faults.is_empty() => Ok(Recipe {
                groups: groups.to_vec(),
                threshold: rule.threshold.filter(|needed| *needed > 0),
                rule: selection,
                mac_scope: if rule.mac_only_encrypted { Scope::OnlyEncrypted } else { Scope::Everything },
            }),
            _ => Err(faults),
        }
    }

    fn recipient_faults(
        &self,
        rule: &CreationRule,
        groups: &[Vec<KeyId>],
        secret: BootstrapSecret,
        named: &Named,
    ) -> Vec<String> {
        let place = format!("rule {} of {}", rule.number, self.path.display());
        let has = |recipient: &Recipient| groups.iter().flatten().any(|key| *key == KeyId::age(recipient));
        let mut faults = Vec::new();
        if groups.is_empty() {
            faults.push(format!("{place} names nobody who may open the file: give it age: with the cluster's and the operator's recipient"));
            return faults;
        }
        // The Secret with the cluster's own identity need not open for the cluster.
        if secret != BootstrapSecret::SopsAge {
            let missing = named.cluster.iter().filter(|recipient| !has(recipient));
            faults.extend(
                missing.map(|recipient| format!("{place} does not name the cluster's recipient {recipient}: add it")),
            );
        }
        let missing = named.others.iter().filter(|recipient| !has(recipient));
        faults.extend(
            missing.map(|recipient| {
                format!("{place} does not name {recipient}: add it there; nothing here changes rules")
            }),
        );
        let cluster: Vec<KeyId> = named.cluster.iter().map(KeyId::age).collect();
        if groups.iter().flatten().all(|key| cluster.contains(key)) {
            faults.push(format!("{place} names the cluster alone: with the cluster these files would be lost; add the operator's recipient"));
        }
        faults
    }
}

fn selection(rule: &CreationRule) -> Result<Rule, String> {
    match &rule.selection {
        None => Ok(Rule::written_default()),
        Some(one) => Rule::of(one.field, &one.text).map_err(|error| error.to_string()),
    }
}

/// Whether a rule encrypts the values of such a manifest, and nothing beside them.
fn fits(secret: BootstrapSecret, rule: &Rule) -> bool {
    let keys = secret.keys().iter().map(|shape| (shape.name.written().to_owned(), Plaintext::copy_from(b"x")));
    let tree = plain(secret, &keys.collect::<Vec<_>>()).ok().and_then(|text| formats::parse(Format::Yaml, &text).ok());
    tree.is_some_and(|tree| encrypts_only_values(&tree, rule))
}

/// One recipient a line, so that a change of one is a change of one line.
fn text(named: &Named) -> String {
    let mut text = "\
# Who may open the SOPS files below this folder; the first rule whose path_regex matches counts.
"
    .to_owned();
    let roles = [("the cluster, flux-system/sops-age", &named.cluster), ("operators and all others", &named.others)];
    for (role, recipients) in roles {
        for recipient in recipients {
            let _ = writeln!(text, "# {recipient}: {role}");
        }
    }
    text.push_str(
        "\
creation_rules:
  - path_regex: \\.sops\\.ya?ml$
    # Flux needs kind and metadata in clear.
    encrypted_regex: ^(data|stringData)$
    age: >-
",
    );
    let all: Vec<String> =
        named.cluster.iter().chain(&named.others).map(|recipient| format!("      {recipient}")).collect();
    text + &all.join(",\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::custody::Identities;

    fn recipient() -> Recipient {
        Identities::generate().to_recipients().remove(0)
    }

    fn faults(text: &str, named: &Named) -> Vec<String> {
        let config = Config::parse(text.as_bytes(), Path::new("/x/.sops.yaml")).unwrap();
        let rules = Rules { path: "/x/.sops.yaml".into(), text: None, config, current: "/x".into() };
        rules.recipe(Path::new("/x/a.sops.yaml"), BootstrapSecret::BackupS3, named).err().unwrap_or_default()
    }

    #[test]
    fn the_one_that_is_made_fits_what_is_made() {
        let named = Named { cluster: vec![recipient()], others: vec![recipient()] };
        let rules = Rules::new("/x/.sops.yaml".into(), &named, Path::new("/x")).unwrap();
        assert!(rules.config.notes.is_empty(), "{:?}", rules.config.notes);
        for secret in BootstrapSecret::ALL {
            let recipe = rules.recipe(&Path::new("/x").join(secret.file()), secret, &named).ok().unwrap();
            let wanted: Vec<KeyId> = named.cluster.iter().chain(&named.others).map(KeyId::age).collect();
            assert_eq!(recipe.groups, [wanted]);
        }
        assert!(rules.recipe(Path::new("/x/a.yaml"), BootstrapSecret::BackupS3, &named).is_err());
    }

    #[test]
    fn a_rule_that_would_lock_out_or_hide_from_flux_is_told_with_all_its_faults() {
        let named = Named { cluster: vec![recipient()], others: vec![recipient()] };
        let other = recipient();
        let text = format!("creation_rules: [{{age: {other}}}]");
        let told = faults(&text, &named).join("\n");
        for part in ["does not name the cluster's recipient", "does not name age1", "does not encrypt just data"] {
            assert!(told.contains(part), "{part}: {told}");
        }
        let alone = Named { cluster: named.cluster.clone(), others: Vec::new() };
        let text = format!("creation_rules: [{{age: {}, encrypted_regex: ^(data|stringData)$}}]", named.cluster[0]);
        assert!(faults(&text, &alone)[0].contains("names the cluster alone"));
        assert!(faults("creation_rules: []", &alone)[0].contains("no creation_rules"));
    }
}
