//! Names of objects.

use std::fmt;
use std::str::FromStr;

/// Longest name, prefix of the store not counted: what S3 allows for a key.
/// <https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html>
pub const MAX_PATH_BYTES: usize = 1024;

/// Most segments of a name. In a directory each is a folder that stays open while what is below it is listed, with two
/// descriptors of the process's 1024; the deepest name this product writes has five.
pub const MAX_SEGMENTS: usize = 32;

/// A relative name: segments of `A-Z a-z 0-9 . _ -` joined by `/`, none empty, none `.` or `..`, at most
/// [`MAX_SEGMENTS`] of them and [`MAX_PATH_BYTES`] bytes. It means the same in S3 and in a directory and cannot lead out of the store.
///
/// ```
/// use restore::objects::ObjectPath;
/// let path: ObjectPath = "vaults/main/intents/1.json".parse()?;
/// assert_eq!(path.as_str(), "vaults/main/intents/1.json");
/// assert!("vaults/../etc".parse::<ObjectPath>().is_err());
/// # Ok::<(), restore::objects::PathFault>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectPath(String);

/// Why a text is no [`ObjectPath`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PathFault {
    /// No text at all.
    #[error("the name is empty")]
    Empty,
    /// Longer than [`MAX_PATH_BYTES`].
    #[error("the name is longer than {MAX_PATH_BYTES} bytes")]
    TooLong,
    /// More segments than [`MAX_SEGMENTS`].
    #[error("the name has more than {MAX_SEGMENTS} segments")]
    TooDeep,
    /// `//`, or a slash at an end.
    #[error("the name has an empty segment")]
    EmptySegment,
    /// `.` or `..` as a segment.
    #[error("the name has a segment of dots")]
    DotSegment,
    /// A character outside the set.
    #[error("the name has a character other than A-Z a-z 0-9 . _ -")]
    Character,
}

impl ObjectPath {
    /// Checks and takes `text`.
    ///
    /// # Errors
    /// A [`PathFault`] that says which rule is broken.
    pub fn new(text: impl Into<String>) -> Result<Self, PathFault> {
        let text = text.into();
        if text.is_empty() {
            return Err(PathFault::Empty);
        }
        if text.len() > MAX_PATH_BYTES {
            return Err(PathFault::TooLong);
        }
        if text.split('/').count() > MAX_SEGMENTS {
            return Err(PathFault::TooDeep);
        }
        text.split('/').try_for_each(check_segment)?;
        Ok(Self(text))
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The segments from the root on; at least one.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/')
    }
}

/// Checks the folder part of a listing prefix: whole segments obey the rules of a name, the rest may be anything
/// a name may begin with.
pub(super) fn check_prefix(prefix: &str) -> Result<(), PathFault> {
    if prefix.len() > MAX_PATH_BYTES {
        return Err(PathFault::TooLong);
    }
    let (folders, start) = prefix.rsplit_once('/').map_or((None, prefix), |(folders, start)| (Some(folders), start));
    if let Some(folders) = folders {
        folders.split('/').try_for_each(check_segment)?;
    }
    if start.bytes().all(is_allowed) { Ok(()) } else { Err(PathFault::Character) }
}

fn check_segment(segment: &str) -> Result<(), PathFault> {
    match segment {
        "" => Err(PathFault::EmptySegment),
        "." | ".." => Err(PathFault::DotSegment),
        _ if segment.bytes().all(is_allowed) => Ok(()),
        _ => Err(PathFault::Character),
    }
}

fn is_allowed(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-')
}

impl FromStr for ObjectPath {
    type Err = PathFault;

    fn from_str(text: &str) -> Result<Self, PathFault> {
        Self::new(text)
    }
}

impl fmt::Display for ObjectPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_broken_rule_is_named() {
        let fault = |text: &str| ObjectPath::new(text).unwrap_err();
        assert_eq!(fault(""), PathFault::Empty);
        assert_eq!(fault("a//b"), PathFault::EmptySegment);
        assert_eq!(fault("/a"), PathFault::EmptySegment);
        assert_eq!(fault("a/"), PathFault::EmptySegment);
        assert_eq!(fault("a/./b"), PathFault::DotSegment);
        assert_eq!(fault("../b"), PathFault::DotSegment);
        assert_eq!(fault("a b"), PathFault::Character);
        assert_eq!(fault("a\\b"), PathFault::Character);
        assert_eq!(fault("a\0b"), PathFault::Character);
        assert_eq!(fault("ä"), PathFault::Character);
        assert_eq!(fault(&"a".repeat(1025)), PathFault::TooLong);
        assert!(ObjectPath::new("a".repeat(1024)).is_ok());
        assert_eq!(fault(&vec!["a"; 33].join("/")), PathFault::TooDeep);
        assert!(ObjectPath::new(vec!["a"; 32].join("/")).is_ok());
    }

    #[test]
    fn a_prefix_may_end_anywhere_but_not_climb() {
        for prefix in ["", "vaults/", "vaults/ma", "vaults/main/gen.1"] {
            assert_eq!(check_prefix(prefix), Ok(()), "{prefix}");
        }
        for prefix in ["../", "a/../b", "/", "a//", "a b"] {
            assert!(check_prefix(prefix).is_err(), "{prefix}");
        }
    }

    proptest! {
        #[test]
        fn a_path_of_allowed_segments_is_kept_as_it_is(text in "[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}(/[A-Za-z0-9_-][A-Za-z0-9._-]{0,20}){0,8}") {
            let path = ObjectPath::new(text.clone()).unwrap();
            prop_assert_eq!(path.as_str(), &text);
            prop_assert_eq!(path.segments().collect::<Vec<_>>().join("/"), text);
        }

        #[test]
        fn an_accepted_path_never_leads_out_of_the_store(text in "[./a\\\\~ ]{0,12}|\\PC{0,20}") {
            if let Ok(path) = ObjectPath::new(text) {
                let joined = std::path::Path::new("/root").join(path.as_str());
                let components: Vec<_> = joined.components().skip(2).collect();
                prop_assert!(components.iter().all(|part| matches!(part, std::path::Component::Normal(_))));
                prop_assert_eq!(components.len(), path.segments().count());
            }
        }

        #[test]
        fn every_start_of_a_path_is_a_valid_prefix(text in "[a-z]{1,5}(/[a-z]{1,5}){0,4}", at in 0_usize..30) {
            prop_assert_eq!(check_prefix(&text[..at.min(text.len())]), Ok(()));
        }
    }
}
