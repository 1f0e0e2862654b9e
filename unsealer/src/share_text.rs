//! Unseal shares as people keep them: one a line, hex or base64, or the JSON that `vault operator init` and `bao operator init` print.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sops_tools::secret::Share;
use zeroize::Zeroizing;

/// Largest input that is read: 255 shares of at most 68 characters, with room for the JSON around them.
pub const INPUT_LIMIT_BYTES: usize = 64 * 1024;

/// Most shares a server can make.
const MOST_SHARES: usize = 255;

/// Why a text holds no shares. Never quotes the text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ShareTextError {
    /// Neither hex nor base64, or of a length no share has.
    #[error(
        "line {0} is not a share: 66 hex digits or 44 base64 characters are expected (64 or 44 for the only share of a 1-of-1 split)"
    )]
    NotAShare(usize),
    /// The JSON has none of the fields that hold shares.
    #[error("the JSON has none of unseal_keys_b64, unseal_keys_hex, keys_base64, keys")]
    NoKeysInJson,
    /// The JSON does not parse.
    #[error("the input starts like JSON and is not valid JSON")]
    BadJson,
    /// Nothing but blank lines and comments.
    #[error("no share in the input")]
    Empty,
    /// More than a server can make.
    #[error("more than 255 shares")]
    TooMany,
}

/// Reads all shares of `text`. Blank lines, lines that start with `#`, and a leading `Unseal Key 1:` label are allowed.
///
/// # Errors
/// [`ShareTextError`], naming the line and never its content.
pub fn parse(text: &[u8]) -> Result<Vec<Share>, ShareTextError> {
    let first = text.iter().copied().find(|byte| !byte.is_ascii_whitespace());
    let shares = if first == Some(b'{') { parse_json(text)? } else { parse_lines(text)? };
    match shares.len() {
        0 => Err(ShareTextError::Empty),
        1..=MOST_SHARES => Ok(shares),
        _ => Err(ShareTextError::TooMany),
    }
}

/// One share as hex or base64.
pub fn parse_one(text: &[u8]) -> Option<Share> {
    let text = text.trim_ascii();
    match text.len() {
        64 | 66 => decode_hex(text),
        44 => {
            let mut bytes = Zeroizing::new(vec![0_u8; 33]);
            let length = STANDARD.decode_slice(text, &mut bytes).ok()?;
            bytes.truncate(length);
            (length >= 32).then(|| Share::new(bytes))
        }
        _ => None,
    }
}

/// The share as base64, the form `unseal` takes.
pub fn to_base64(share: &Share) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(48));
    STANDARD.encode_string(share.expose(), &mut text);
    text
}

fn parse_lines(text: &[u8]) -> Result<Vec<Share>, ShareTextError> {
    let mut shares = Vec::new();
    for (index, line) in text.split(|byte| *byte == b'\n').enumerate() {
        let line = without_label(line.trim_ascii());
        if line.is_empty() || line.starts_with(b"#") {
            continue;
        }
        shares.push(parse_one(line).ok_or(ShareTextError::NotAShare(index + 1))?);
    }
    Ok(shares)
}

/// `Unseal Key 3: …` is what the servers' own command prints; any other label is not a share.
fn without_label(line: &[u8]) -> &[u8] {
    let Some(rest) = line.strip_prefix(b"Unseal Key ") else { return line };
    match rest.iter().position(|byte| *byte == b':') {
        Some(colon) => rest[colon + 1..].trim_ascii(),
        None => line,
    }
}

#[derive(serde::Deserialize)]
struct InitJson<'a> {
    #[serde(borrow)]
    unseal_keys_b64: Option<Vec<&'a str>>,
    #[serde(borrow)]
    unseal_keys_hex: Option<Vec<&'a str>>,
    #[serde(borrow)]
    keys_base64: Option<Vec<&'a str>>,
    #[serde(borrow)]
    keys: Option<Vec<&'a str>>,
}

fn parse_json(text: &[u8]) -> Result<Vec<Share>, ShareTextError> {
    let json: InitJson<'_> = serde_json::from_slice(text).map_err(|_| ShareTextError::BadJson)?;
    let keys = json
        .unseal_keys_b64
        .or(json.keys_base64)
        .or(json.unseal_keys_hex)
        .or(json.keys)
        .ok_or(ShareTextError::NoKeysInJson)?;
    keys.iter()
        .enumerate()
        .map(|(index, key)| parse_one(key.as_bytes()).ok_or(ShareTextError::NotAShare(index + 1)))
        .collect()
}

fn decode_hex(text: &[u8]) -> Option<Share> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 2));
    for pair in text.chunks_exact(2) {
        bytes.push(digit(pair[0])? << 4 | digit(pair[1])?);
    }
    Some(Share::new(bytes))
}

fn digit(character: u8) -> Option<u8> {
    match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'a'..=b'f' => Some(character - b'a' + 10),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(seed: u8) -> Share {
        Share::copy_from(&[seed; 33])
    }

    fn hex_of(share: &Share) -> String {
        sops_tools::clock::hex(share.expose())
    }

    #[test]
    fn lines_of_hex_and_base64_with_labels_and_comments_are_read() {
        let text = format!(
            "# kept by Ada\nUnseal Key 1: {}\n\n{}\r\n  {}  \n",
            to_base64(&share(1)).as_str(),
            hex_of(&share(2)),
            hex_of(&share(3)).to_uppercase()
        );
        let shares = parse(text.as_bytes()).unwrap();
        assert_eq!(shares.len(), 3);
        assert!(shares[0].same_as(&share(1)) && shares[1].same_as(&share(2)) && shares[2].same_as(&share(3)));
    }

    #[test]
    fn the_json_of_both_servers_init_commands_is_read() {
        for field in ["unseal_keys_b64", "keys_base64"] {
            let text = format!(r#" {{"{field}": ["{}"], "root_token": "x"}}"#, to_base64(&share(9)).as_str());
            assert!(parse(text.as_bytes()).unwrap()[0].same_as(&share(9)));
        }
        for field in ["unseal_keys_hex", "keys"] {
            let text = format!(r#"{{"{field}": ["{}"]}}"#, hex_of(&share(9)));
            assert!(parse(text.as_bytes()).unwrap()[0].same_as(&share(9)));
        }
    }

    #[test]
    fn a_faulty_line_is_named_by_number_and_never_quoted() {
        let text = format!("{}\nnot-a-share-at-all\n", hex_of(&share(1)));
        let error = parse(text.as_bytes()).err().unwrap();
        assert_eq!(error, ShareTextError::NotAShare(2));
        assert!(!error.to_string().contains("not-a-share-at-all"));
        assert_eq!(parse(b"{\"a\":1}").err(), Some(ShareTextError::NoKeysInJson));
        assert_eq!(parse(b"{oops").err(), Some(ShareTextError::BadJson));
        assert_eq!(parse(b"# nothing\n\n").err(), Some(ShareTextError::Empty));
    }
}
