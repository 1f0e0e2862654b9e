//! Paths, in the spelling that is authenticated with each value: `stringData:PASSWORD:`.
//!
//! Places in lists are not part of it: all items of a list share one.

/// Where a value stands: its keys from the root, each followed by a colon.
#[derive(Default)]
pub struct Path {
    text: Vec<u8>,
    /// Where each key begins.
    starts: Vec<usize>,
}

impl Path {
    pub(super) fn push(&mut self, key: &str) {
        self.starts.push(self.text.len());
        self.text.extend_from_slice(key.as_bytes());
        self.text.push(b':');
    }

    /// How many keys there are.
    pub(super) fn keys(&self) -> usize {
        self.starts.len()
    }

    /// Goes back to the first `keys`.
    pub(super) fn cut(&mut self, keys: usize) {
        if let Some(&start) = self.starts.get(keys) {
            self.text.truncate(start);
            self.starts.truncate(keys);
        }
    }

    /// What is authenticated. At the top, where there is no key, a colon alone.
    pub fn aad(&self) -> &[u8] {
        if self.text.is_empty() { b":" } else { &self.text }
    }

    /// The keys for a reader, joined with dots; odd characters are escaped.
    pub fn display(&self) -> String {
        let ends = self.starts.iter().skip(1).copied().chain([self.text.len()]);
        let keys = self.starts.iter().zip(ends).filter_map(|(&start, end)| self.text.get(start..end.saturating_sub(1)));
        let keys: Vec<String> = keys.map(|key| String::from_utf8_lossy(key).escape_debug().to_string()).collect();
        keys.join(".")
    }
}

/// Most paths that are tried for one comment.
const CANDIDATES: usize = 24;

/// The paths that a comment may have been sealed with, likeliest first. Where a comment stands in sops' tree depends on its YAML
/// library, so the neighbours count too: the map or list around it, the value before it, the key after it, and all that is above them.
pub fn candidates(own: &[u8], previous: &[u8], next_key: Option<&str>) -> Vec<Vec<u8>> {
    let mut all: Vec<Vec<u8>> = vec![own.to_vec()];
    let mut add = |path: Vec<u8>| {
        if all.len() < CANDIDATES && !all.contains(&path) {
            all.push(path);
        }
    };
    if let Some(key) = next_key {
        add(below(own, key));
    }
    let (mut around, mut before) = (Some(own), Some(previous).filter(|path| !path.is_empty()));
    while around.is_some() || before.is_some() {
        for path in [before, around].into_iter().flatten() {
            add(path.to_vec());
        }
        around = around.and_then(parent);
        before = before.and_then(parent);
    }
    all
}

/// The path of a key in the map of that path.
pub(super) fn below(map: &[u8], key: &str) -> Vec<u8> {
    let map = if map == b":" { b"".as_slice() } else { map };
    [map, key.as_bytes(), b":"].concat()
}

/// The path of the map around; of a path with one key the top's. `None` above the top.
fn parent(path: &[u8]) -> Option<&[u8]> {
    if path == b":" {
        return None;
    }
    let keys = path.strip_suffix(b":").unwrap_or(path);
    match keys.iter().rposition(|&byte| byte == b':') {
        Some(end) => path.get(..=end),
        None => Some(b":"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_ends_with_a_colon_and_the_top_is_one() {
        let mut path = Path::default();
        assert_eq!(path.aad(), b":");
        path.push("stringData");
        path.push("PASS:WORD");
        assert_eq!(path.aad(), b"stringData:PASS:WORD:");
        assert_eq!(path.display(), "stringData.PASS:WORD");
        path.cut(1);
        assert_eq!(path.aad(), b"stringData:");
        path.cut(1);
        path.cut(0);
        assert_eq!(path.aad(), b":");
    }

    #[test]
    fn an_empty_key_is_a_key() {
        let mut path = Path::default();
        path.push("");
        path.push("a");
        assert_eq!(path.aad(), b":a:");
        assert_eq!(path.display(), ".a");
    }

    #[test]
    fn a_comment_is_looked_for_around_before_and_after_it() {
        let tried = |own: &str, previous: &str, next: Option<&str>| -> Vec<String> {
            let all = candidates(own.as_bytes(), previous.as_bytes(), next);
            all.into_iter().map(|path| String::from_utf8(path).unwrap()).collect()
        };
        assert_eq!(tried(":", "", None), [":"]);
        assert_eq!(tried("a:", "a:x:y:", Some("n")), ["a:", "a:n:", "a:x:y:", "a:x:", ":"]);
        assert_eq!(tried(":", "a:", Some("b")), [":", "b:", "a:"]);
        assert!(tried(&"k:".repeat(64), &"x:".repeat(64), None).len() <= CANDIDATES);
    }
}
