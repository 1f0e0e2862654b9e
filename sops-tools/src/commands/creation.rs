//! What a file that is made gets: recipients, rule and the reach of its MAC, from flags, the environment and `.sops.yaml`.

use std::path::Path;

use super::site::{Site, config_failure};
use crate::report::{Failure, SopsExit};
use crate::sops::config::{Config, CreationRule, Selection, age_key};
use crate::sops::mac::Scope;
use crate::sops::metadata::KeyId;
use crate::sops::rules::Rule;

/// Variables by which sops is told of keys that are not served.
const OTHER_KEYS: [&str; 6] = [
    "SOPS_KMS_ARN",
    "SOPS_GCP_KMS_IDS",
    "SOPS_HUAWEICLOUD_KMS_IDS",
    "SOPS_AZURE_KEYVAULT_URLS",
    "SOPS_VAULT_URIS",
    "SOPS_PGP_FP",
];

/// What the flags ask for; it wins over the configuration.
#[derive(Debug, Default)]
pub(crate) struct Wishes {
    /// Recipients, separated by commas.
    pub(crate) age: Vec<String>,
    /// How many groups are needed.
    pub(crate) threshold: Option<usize>,
    /// What is encrypted.
    pub(crate) selection: Option<Selection>,
    /// Whether the MAC is over encrypted values alone.
    pub(crate) mac_only_encrypted: bool,
}

/// What the file gets.
pub(crate) struct Creation {
    /// Who may open it, group by group.
    pub(crate) groups: Vec<Vec<KeyId>>,
    /// How many groups are needed; `None` for all.
    pub(crate) threshold: Option<usize>,
    /// What is encrypted.
    pub(crate) rule: Rule,
    /// What the MAC is over.
    pub(crate) scope: Scope,
}

/// What a file named `name` gets.
///
/// # Errors
/// No configuration and no recipients, no rule for the file, two rules, or a recipient that cannot be served.
pub(crate) fn creation(site: &Site<'_>, wishes: &Wishes, name: &Path) -> Result<Creation, Failure> {
    let config = site.load_config()?;
    let chosen = match &config {
        None => None,
        Some(config) => site.rule(config, name)?.map(|rule| (config, rule)),
    };
    let rule = selection(wishes, chosen)?;
    let named = named_recipients(site, &wishes.age)?;
    let groups = if named.is_empty() { from_rule(chosen)? } else { vec![named] };
    let of_rule = chosen.map(|(_, rule)| rule);
    Ok(Creation {
        groups,
        threshold: wishes.threshold.or(of_rule.and_then(|rule| rule.threshold)).filter(|threshold| *threshold > 0),
        rule,
        scope: if wishes.mac_only_encrypted || of_rule.is_some_and(|rule| rule.mac_only_encrypted) {
            Scope::OnlyEncrypted
        } else {
            Scope::Everything
        },
    })
}

/// Recipients of flags, or else of `SOPS_AGE_RECIPIENTS`; empty where neither names any.
pub(crate) fn named_recipients(site: &Site<'_>, flags: &[String]) -> Result<Vec<KeyId>, Failure> {
    if let Some(name) = OTHER_KEYS.into_iter().find(|name| site.variable(name).is_some()) {
        let problem = format!("{name} is set and asks for keys that cannot be served, only age recipients");
        return Err(Failure::sops(SopsExit::Generic, "key-kind", problem)
            .hint("unset it, or use the sops program for this file: a key that is left out is locked out"));
    }
    if !flags.is_empty() {
        return parse(flags, "--age");
    }
    match site.variable("SOPS_AGE_RECIPIENTS") {
        None => Ok(Vec::new()),
        Some(text) => parse(&[text.to_string_lossy().into_owned()], "SOPS_AGE_RECIPIENTS"),
    }
}

/// Recipients with commas between them; `from` names them in the error.
pub(crate) fn parse(texts: &[String], from: &str) -> Result<Vec<KeyId>, Failure> {
    let words = texts.iter().flat_map(|text| text.split([',', '\n'])).map(str::trim).filter(|word| !word.is_empty());
    let mut recipients: Vec<KeyId> = Vec::new();
    let mut faults = Vec::new();
    for (index, word) in words.enumerate() {
        match age_key(word) {
            Ok(recipient) if recipients.contains(&recipient) => {}
            Ok(recipient) => recipients.push(recipient),
            Err(error) => faults.push(format!("recipient {}: {error}", index + 1)),
        }
    }
    if faults.is_empty() {
        return Ok(recipients);
    }
    let failure =
        Failure::sops(SopsExit::Generic, "recipient", format!("{from} names recipients that cannot be served"));
    Err(faults.into_iter().fold(failure, Failure::cause))
}

fn from_rule(chosen: Option<(&Config, &CreationRule)>) -> Result<Vec<Vec<KeyId>>, Failure> {
    let Some((config, rule)) = chosen else {
        return Err(Failure::sops(SopsExit::Generic, "no-recipients", "nothing says who may open the file")
            .cause("no .sops.yaml with creation rules in this folder or above, and no recipients named")
            .hint("name them with --age, or write a .sops.yaml with creation_rules"));
    };
    let groups = config.groups_of(rule).map_err(config_failure)?;
    if groups.is_empty() {
        let problem =
            format!("{}: creation rule {} names nobody who may open the file", config.path.display(), rule.number);
        return Err(
            Failure::sops(SopsExit::Generic, "no-recipients", problem).hint("give the rule recipients: age: age1…")
        );
    }
    Ok(groups.to_vec())
}

/// The one selection of flag and rule; a flag of the same field wins, another field is a conflict, as in sops.
fn selection(wishes: &Wishes, chosen: Option<(&Config, &CreationRule)>) -> Result<Rule, Failure> {
    let of_rule = chosen.and_then(|(_, rule)| rule.selection.as_ref());
    let selection = match (&wishes.selection, of_rule) {
        (Some(flag), Some(rule)) if flag.field != rule.field => {
            let problem = format!(
                "the flag for {} and the rule's {} both say what is encrypted",
                flag.field.name(),
                rule.field.name()
            );
            return Err(Failure::sops(SopsExit::ConflictingFlags, "flags", problem)
                .hint("leave the flag out, or change the rule"));
        }
        (Some(flag), _) => Some(flag),
        (None, rule) => rule,
    };
    match selection {
        None => Ok(Rule::written_default()),
        Some(selection) => Rule::of(selection.field, &selection.text).map_err(|error| {
            Failure::sops(SopsExit::Generic, "selection", error.to_string()).hint("nothing was written")
        }),
    }
}
