//! Paths into a file as sops writes them: `["key"][0]`.

use crate::sops::file::Step;

/// Reads a path: keys in double or single quotes, indices bare, each in brackets. A quote of the other kind may stand in a key.
/// A word that is neither quoted nor a number is a key, as in sops.
///
/// `None` where it is no path, or an empty one.
pub(crate) fn parse(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text.trim();
    while !rest.is_empty() {
        let inside = rest.strip_prefix('[')?;
        let quote = inside.chars().next().filter(|first| matches!(first, '"' | '\''));
        let (step, after) = if let Some(quote) = quote {
            let (key, after) = inside.get(1..)?.split_once(&format!("{quote}]"))?;
            (Step::Key(key.to_owned()), after)
        } else {
            let (word, after) = inside.split_once(']')?;
            (bare(word)?, after)
        };
        steps.push(step);
        rest = after.trim_start();
    }
    (!steps.is_empty()).then_some(steps)
}

fn bare(word: &str) -> Option<Step> {
    if word.is_empty() || word.contains(['[', '"', '\'']) {
        return None;
    }
    Some(word.parse().map_or_else(|_| Step::Key(word.to_owned()), Step::Index))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_indices_are_told_apart() {
        let key = |text: &str| Step::Key(text.to_owned());
        assert_eq!(
            parse(r#"["a"][0]['b "c"']["d]e"]"#).unwrap(),
            [key("a"), Step::Index(0), key("b \"c\""), key("d]e")]
        );
        assert_eq!(parse(r#"["0"] [plain]"#).unwrap(), [key("0"), key("plain")]);
        assert_eq!(parse(r#"[""]"#).unwrap(), [key("")]);
    }

    #[test]
    fn what_is_no_path_is_none() {
        for text in ["", "  ", "a", "[", "[]", "[\"a\"", "[\"a]", "[\"a\"]b", "[a[b]]", "[\"", "[']"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
