//! Findings that a person has looked at and accepted: `.sops-tools-allow`, which is committed.
//!
//! A line names the kind and the file and proves the secret by a digest, so that another secret in the same place is a finding
//! again. Whoever reads the line must not learn the secret from it, also once the secret itself is gone from the repository: the
//! digest is scrypt with a salt of its own line, and only 24 bits of it are kept. A guess costs a tenth of a second, and one in
//! sixteen million wrong guesses fits as well as the right one.

use std::fmt;

use scrypt::{Params, scrypt};
use zeroize::Zeroizing;

use super::Kind;
use crate::clock::{Entropy, hex};

/// The file, in the root of the tree.
pub const FILE: &str = ".sops-tools-allow";
/// Largest such file, 1 MiB.
pub const LIMIT: usize = 1 << 20;
const FORM: &str = "allow-1";
/// Bytes of the digest that are kept.
const DIGEST_BYTES: usize = 3;
const SALT_BYTES: usize = 12;
/// 32 MiB and about 0.1 s.
const COST: u8 = 15;

/// One accepted finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    kind: Kind,
    salt: String,
    digest: String,
    path: String,
}

/// All accepted findings.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllowList(Vec<Line>);

/// Lines that are not of the form, from 1.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not of the form that scan --allow-lines prints: line {}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
pub struct Malformed(pub Vec<usize>);

impl AllowList {
    /// Reads the file. Blank lines and those that begin with `#` are passed over.
    ///
    /// # Errors
    /// Every line that is not of the form.
    pub fn parse(text: &str) -> Result<Self, Malformed> {
        let mut lines = Vec::new();
        let mut faults = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            match Line::parse(line) {
                Some(line) => lines.push(line),
                None => faults.push(index + 1),
            }
        }
        if faults.is_empty() { Ok(Self(lines)) } else { Err(Malformed(faults)) }
    }

    /// Whether this secret was accepted there.
    pub fn allows(&self, kind: Kind, path: &str, secret: &[u8]) -> bool {
        let candidates = self.0.iter().filter(|line| line.kind == kind && line.path == path);
        candidates
            .into_iter()
            .any(|line| digest(kind, path, secret, &line.salt).is_some_and(|digest| digest == line.digest))
    }
}

impl Line {
    /// The line that accepts a finding; `None` where no digest can be made.
    pub fn accepting(kind: Kind, path: &str, secret: &[u8], entropy: &dyn Entropy) -> Option<Self> {
        let mut salt = [0; SALT_BYTES];
        entropy.fill(&mut salt);
        let salt = hex(&salt);
        Some(Self { kind, digest: digest(kind, path, secret, &salt)?, salt, path: path.to_owned() })
    }

    fn parse(line: &str) -> Option<Self> {
        let mut words = line.splitn(5, ' ');
        let form = words.next()?;
        let (kind, salt, digest, path) = (words.next()?, words.next()?, words.next()?, words.next()?);
        let is_hex =
            |text: &str, bytes: usize| text.len() == bytes * 2 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let fits = form == FORM && is_hex(salt, SALT_BYTES) && is_hex(digest, DIGEST_BYTES) && !path.is_empty();
        fits.then_some(())?;
        Some(Self {
            kind: Kind::of_name(kind)?,
            salt: salt.to_owned(),
            digest: digest.to_owned(),
            path: path.to_owned(),
        })
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORM} {} {} {} {}", self.kind, self.salt, self.digest, self.path)
    }
}

/// The first bits of the slow hash of a secret in its place.
fn digest(kind: Kind, path: &str, secret: &[u8], salt: &str) -> Option<String> {
    let salt = format!("sops-tools/allow-1\0{kind}\0{path}\0{salt}");
    let mut out = Zeroizing::new([0_u8; 32]);
    let params = Params::new(COST, 8, 1, out.len()).ok()?;
    scrypt(secret, salt.as_bytes(), &params, out.as_mut_slice()).ok()?;
    out.get(..DIGEST_BYTES).map(hex)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::System;

    #[test]
    fn a_line_accepts_one_secret_in_one_place_and_tells_nothing_of_it() {
        let line = Line::accepting(Kind::ResticPassword, "a b/x.env", b"Zk3vQ9pLm2", &System).unwrap();
        let text = format!("# tests of ours\n\n{line}\n");
        assert!(!text.contains("Zk3v"));
        let list = AllowList::parse(&text).unwrap();
        assert!(list.allows(Kind::ResticPassword, "a b/x.env", b"Zk3vQ9pLm2"));
        assert!(!list.allows(Kind::ResticPassword, "a b/x.env", b"Zk3vQ9pLm3"));
        assert!(!list.allows(Kind::ResticPassword, "x.env", b"Zk3vQ9pLm2"));
        assert!(!list.allows(Kind::S3SecretKey, "a b/x.env", b"Zk3vQ9pLm2"));
        let other = Line::accepting(Kind::ResticPassword, "a b/x.env", b"Zk3vQ9pLm2", &System).unwrap();
        assert_ne!(line, other, "equal secrets cannot be told from their lines");
    }

    #[test]
    fn lines_of_another_form_are_all_named() {
        let error = AllowList::parse("x\n#\nallow-1 age-identity 00 00 p\nallow-2 a b c d\n").unwrap_err();
        assert_eq!(error, Malformed(vec![1, 3, 4]));
        assert_eq!(AllowList::parse("\n# nothing\n").unwrap(), AllowList::default());
    }
}
