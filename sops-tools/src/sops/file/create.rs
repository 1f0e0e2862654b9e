//! A new file from a plain one.

use super::conceal::{Reuse, Sealing};
use super::error::FileError;
use super::print::{Scope as Places, print};
use super::write::{Draft, plain_tree};
use crate::clock::{Entropy, Timestamp};
use crate::secret::wiping_stack;
use crate::sops::cipher::{Cipher, DataKey};
use crate::sops::data_key;
use crate::sops::formats::Format;
use crate::sops::mac::Scope;
use crate::sops::metadata::{KeyId, Metadata};
use crate::sops::rules::Rule;

/// How a file is to be encrypted.
pub struct Recipe {
    /// Who can open it: one group, or several of which as many as the threshold must agree.
    pub groups: Vec<Vec<KeyId>>,
    /// How many groups are needed; `None` is all. Means nothing with one group.
    pub threshold: Option<usize>,
    /// Which values are encrypted. Binary files have no rule: all of such a file is.
    pub rule: Rule,
    /// Which values the MAC covers.
    pub mac_scope: Scope,
}

impl Recipe {
    /// For these groups, with what sops does by default: values whose keys do not end with `_unencrypted`, a MAC over everything.
    pub fn to(groups: Vec<Vec<KeyId>>) -> Self {
        Self { groups, threshold: None, rule: Rule::written_default(), mac_scope: Scope::Everything }
    }
}

/// Encrypts a plain file in place: values and comments are sealed, a block is added, all other bytes stay as they are.
///
/// # Errors
/// The file is not of the format, is encrypted already, cannot be sealed in this format, or not to these keys.
pub fn encrypt(
    format: Format,
    plain: &[u8],
    recipe: &Recipe,
    now: Timestamp,
    entropy: &dyn Entropy,
) -> Result<Vec<u8>, FileError> {
    wiping_stack(|| {
        let tree = plain_tree(format, plain)?;
        let everything = Rule::everything();
        let rule = if format == Format::Binary { &everything } else { &recipe.rule };
        let key = DataKey::generate(entropy);
        let cipher = Cipher::new(&key);
        let sealing = Sealing { rule, scope: recipe.mac_scope, cipher: &cipher, reuse: &Reuse::default(), entropy };
        let (spellings, mac) = sealing.conceal(plain, &tree)?;
        let mut metadata = Metadata {
            groups: data_key::seal(&key, &recipe.groups, recipe.threshold, entropy)?,
            threshold: recipe.threshold,
            rule_fields: rule.field().map(|(field, text)| (field, text.to_owned())).into_iter().collect(),
            mac_scope: recipe.mac_scope,
            ..Metadata::default()
        };
        metadata.stamp(&mac, &cipher, now, entropy);
        let draft = Draft { format, source: plain, tree: &tree, spellings, metadata: &metadata };
        draft.write(&key, &print(&tree, &Places::Everything), &Places::Everything)
    })
}
