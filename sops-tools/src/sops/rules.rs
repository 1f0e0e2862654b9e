//! Which values of a file are encrypted: at most one of six fields of the block says so.

use regex::bytes::Regex;

use super::go_regex::{self, Invalid};

/// What sops does where no rule is given.
pub const DEFAULT_SUFFIX: &str = "_unencrypted";

/// The six fields, by their names in the block and in `.sops.yaml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RuleField {
    /// `unencrypted_suffix`
    UnencryptedSuffix,
    /// `encrypted_suffix`
    EncryptedSuffix,
    /// `unencrypted_regex`
    UnencryptedRegex,
    /// `encrypted_regex`
    EncryptedRegex,
    /// `unencrypted_comment_regex`
    UnencryptedCommentRegex,
    /// `encrypted_comment_regex`
    EncryptedCommentRegex,
}

impl RuleField {
    /// All six, in the order in which sops writes them.
    pub const ALL: [Self; 6] = [
        Self::UnencryptedSuffix,
        Self::EncryptedSuffix,
        Self::UnencryptedRegex,
        Self::EncryptedRegex,
        Self::UnencryptedCommentRegex,
        Self::EncryptedCommentRegex,
    ];

    /// The name of the field.
    pub fn name(self) -> &'static str {
        match self {
            Self::UnencryptedSuffix => "unencrypted_suffix",
            Self::EncryptedSuffix => "encrypted_suffix",
            Self::UnencryptedRegex => "unencrypted_regex",
            Self::EncryptedRegex => "encrypted_regex",
            Self::UnencryptedCommentRegex => "unencrypted_comment_regex",
            Self::EncryptedCommentRegex => "encrypted_comment_regex",
        }
    }
}

/// Why a file has no usable rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleError {
    /// More than one of the six.
    #[error("{} and {} are both set; only one rule may say what is encrypted", .0.name(), .1.name())]
    TwoRules(RuleField, RuleField),
    /// sops takes such an expression for one that matches nothing.
    #[error("{}: {error}; sops would let it match nothing and could write secrets in clear", .field.name())]
    InvalidRegex {
        /// Which field.
        field: RuleField,
        /// What is wrong.
        error: Invalid,
    },
}

/// A rule, ready to be asked.
#[derive(Debug, Clone)]
pub struct Rule {
    test: Test,
    /// As the block has it; `None` where it has none of the six.
    field: Option<(RuleField, String)>,
}

#[derive(Debug, Clone)]
enum Test {
    /// Everything is encrypted: binary files.
    Everything,
    Suffix(RuleField, String),
    Pattern(RuleField, Regex),
}

/// What a comment rule knows about the comments above a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Comments {
    /// One of them matches, the one asked about left out.
    pub any_matches: bool,
    /// The one asked about matches itself.
    pub own_matches: bool,
}

impl Default for Rule {
    fn default() -> Self {
        Self { test: Test::Suffix(RuleField::UnencryptedSuffix, DEFAULT_SUFFIX.to_owned()), field: None }
    }
}

impl Rule {
    /// The rule for new files where nobody gave one: the default suffix, written down.
    pub fn written_default() -> Self {
        let field = Some((RuleField::UnencryptedSuffix, DEFAULT_SUFFIX.to_owned()));
        Self { field, ..Self::default() }
    }

    /// Everything is encrypted, and no field says so: binary files.
    pub fn everything() -> Self {
        Self { test: Test::Everything, field: None }
    }

    /// The rule of one field. An empty text counts as not set, as in sops, and gives the default.
    ///
    /// # Errors
    /// An expression that Go would not compile.
    pub fn of(field: RuleField, text: &str) -> Result<Self, RuleError> {
        Self::of_fields(&[(field, text.to_owned())])
    }

    /// The rule of those fields that are set; the default where none is.
    ///
    /// # Errors
    /// Two rules, or an expression that Go would not compile.
    pub fn of_fields(fields: &[(RuleField, String)]) -> Result<Self, RuleError> {
        let mut set = fields.iter().filter(|(_, text)| !text.is_empty());
        let Some((field, rule)) = set.next() else { return Ok(Self::default()) };
        if let Some((second, _)) = set.next() {
            return Err(RuleError::TwoRules(*field, *second));
        }
        let test = match field {
            RuleField::UnencryptedSuffix | RuleField::EncryptedSuffix => Test::Suffix(*field, rule.clone()),
            _ => {
                let regex =
                    go_regex::compile(rule).map_err(|error| RuleError::InvalidRegex { field: *field, error })?;
                Test::Pattern(*field, regex)
            }
        };
        Ok(Self { test, field: Some((*field, rule.clone())) })
    }

    /// The field that the block holds; `None` where it holds none.
    pub fn field(&self) -> Option<(RuleField, &str)> {
        self.field.as_ref().map(|(field, text)| (*field, text.as_str()))
    }

    /// Whether comments decide.
    pub fn is_by_comments(&self) -> bool {
        matches!(self.test, Test::Pattern(RuleField::UnencryptedCommentRegex | RuleField::EncryptedCommentRegex, _))
    }

    /// Whether the comment matches a comment rule. `false` for other rules.
    pub fn matches_comment(&self, text: &[u8]) -> bool {
        match &self.test {
            Test::Pattern(_, regex) if self.is_by_comments() => regex.is_match(text),
            _ => false,
        }
    }

    /// Whether a part of a path matches. `false` for comment rules.
    pub fn matches_key(&self, key: &str) -> bool {
        match &self.test {
            Test::Everything => false,
            Test::Suffix(_, suffix) => key.ends_with(suffix),
            Test::Pattern(_, regex) => !self.is_by_comments() && regex.is_match(key.as_bytes()),
        }
    }

    /// Whether a place is encrypted, by what matches there.
    pub fn encrypts(&self, path_matches: bool, comments: Comments) -> bool {
        match &self.test {
            Test::Everything => true,
            Test::Suffix(field, _) | Test::Pattern(field, _) => match field {
                RuleField::UnencryptedSuffix | RuleField::UnencryptedRegex => !path_matches,
                RuleField::EncryptedSuffix | RuleField::EncryptedRegex => path_matches,
                RuleField::UnencryptedCommentRegex => !comments.any_matches && !comments.own_matches,
                // A comment alone does not encrypt itself; a second one that matches falls under the first.
                RuleField::EncryptedCommentRegex => comments.any_matches,
            },
        }
    }

    /// Whether an encrypted comment would be taken for one that says "not encrypted" when the file is read again.
    pub fn is_confused_by(&self, sealed_comment: &[u8]) -> bool {
        matches!(self.test, Test::Pattern(RuleField::UnencryptedCommentRegex, _))
            && self.matches_comment(sealed_comment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NO_COMMENTS: Comments = Comments { any_matches: false, own_matches: false };

    fn encrypts(rule: &Rule, key: &str) -> bool {
        rule.encrypts(rule.matches_key(key), NO_COMMENTS)
    }

    #[test]
    fn each_field_means_what_it_means_in_sops() {
        let of = |field, text| Rule::of(field, text).unwrap();
        assert!(encrypts(&Rule::default(), "a"));
        assert!(!encrypts(&Rule::default(), "a_unencrypted"));
        assert!(encrypts(&of(RuleField::EncryptedSuffix, "_enc"), "a_enc"));
        assert!(!encrypts(&of(RuleField::EncryptedSuffix, "_enc"), "a"));
        assert!(encrypts(&of(RuleField::EncryptedRegex, "^(data|stringData)$"), "data"));
        assert!(!encrypts(&of(RuleField::EncryptedRegex, "^(data|stringData)$"), "metadata"));
        assert!(!encrypts(&of(RuleField::UnencryptedRegex, "meta"), "metadata"));
        assert!(encrypts(&Rule::everything(), "a_unencrypted"));
    }

    #[test]
    fn comment_rules_ask_the_comments_alone() {
        let plain = Rule::of(RuleField::UnencryptedCommentRegex, "plain").unwrap();
        let sealed = Rule::of(RuleField::EncryptedCommentRegex, "seal").unwrap();
        let above = Comments { any_matches: true, own_matches: false };
        let own = Comments { any_matches: false, own_matches: true };
        assert!(plain.encrypts(true, NO_COMMENTS) && !plain.encrypts(true, above) && !plain.encrypts(true, own));
        assert!(!sealed.encrypts(true, NO_COMMENTS) && sealed.encrypts(true, above) && !sealed.encrypts(true, own));
        let second = Comments { any_matches: true, own_matches: true };
        assert!(sealed.encrypts(true, second) && !plain.encrypts(true, second));
        assert!(plain.matches_comment(b" plain text") && !plain.matches_key("plain"));
        assert!(Rule::of(RuleField::UnencryptedCommentRegex, "ENC").unwrap().is_confused_by(b"ENC[AES256_GCM,"));
    }

    #[test]
    fn a_rule_that_sops_would_misread_is_refused() {
        let error = Rule::of(RuleField::EncryptedRegex, "(").unwrap_err();
        assert!(error.to_string().starts_with("encrypted_regex: a closing parenthesis is missing"), "{error}");
        let two = [(RuleField::EncryptedRegex, "a".to_owned()), (RuleField::EncryptedSuffix, "b".to_owned())];
        assert_eq!(
            Rule::of_fields(&two).unwrap_err(),
            RuleError::TwoRules(RuleField::EncryptedRegex, RuleField::EncryptedSuffix)
        );
    }

    #[test]
    fn an_empty_field_counts_as_not_set() {
        let rule = Rule::of(RuleField::EncryptedRegex, "").unwrap();
        assert!(rule.field().is_none() && encrypts(&rule, "a"));
    }
}
