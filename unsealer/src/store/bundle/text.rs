//! The clear text of a bundle, written and read by hand.
//!
//! serde would leave copies of shares in buffers that grow. Here the one buffer is sized beforehand, and reading borrows
//! every string from the clear text and decodes into wiped buffers of a share's size. Errors of the JSON reader may quote
//! the text, so they are dropped.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use sops_tools::clock::hex;
use sops_tools::secret::{Plaintext, Share};
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

use super::{BARE_KEY_BYTES, BundleFault, BundleHead, OpenedBundle, SHARE_BYTES, number_of};
use crate::store::names::{CustodianName, HIGHEST_NUMBER, VaultName};
use crate::store::view::{Generation, Seal};

/// First field of every bundle; another version has another name.
const FORMAT: &str = "unsealer/bundle/v1";
/// Base64 of 33 bytes.
const ENCODED: usize = 44;
/// Room for one share's entry: 44 of base64, 64 of check sum, number and names.
const ENTRY_ROOM: usize = 192;
/// Room for everything but the shares.
const HEAD_ROOM: usize = 512;

/// Writes the text into one buffer that does not grow. `None` when it would not fit.
pub(super) fn write(head: &BundleHead, shares: &[&Share]) -> Option<Plaintext> {
    let room = HEAD_ROOM + ENTRY_ROOM * shares.len();
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    // Names and times need no escaping: their own rules allow none of JSON's special characters.
    let start = format!(
        "{{\"format\":\"{FORMAT}\",\"vault\":\"{}\",\"generation\":{},\"seal\":{},\"custodian\":\"{}\",\"threshold\":{},\"total\":{},\"created\":\"{}\",\"shares\":[",
        head.vault, head.generation, head.seal, head.custodian, head.threshold, head.total, head.created
    );
    push(&mut text, room, start.as_bytes())?;
    let mut ordered = shares.to_vec();
    ordered.sort_by_key(|share| number_of(share, head.total));
    for (index, share) in ordered.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let number = number_of(share, head.total);
        push(&mut text, room, format!("{comma}{{\"number\":{number},\"share\":\"").as_bytes())?;
        let mut encoded = Zeroizing::new([0_u8; ENCODED]);
        let length = STANDARD.encode_slice(share.expose(), encoded.as_mut_slice()).ok()?;
        push(&mut text, room, encoded.get(..length)?)?;
        let sum = check_sum(share.expose());
        push(&mut text, room, b"\",\"sum\":\"")?;
        push(&mut text, room, sum.as_bytes())?;
        push(&mut text, room, b"\"}")?;
    }
    push(&mut text, room, b"]}")?;
    Some(Plaintext::new(text))
}

fn push(text: &mut Vec<u8>, room: usize, piece: &[u8]) -> Option<()> {
    if text.len() + piece.len() > room {
        return None;
    }
    text.extend_from_slice(piece);
    Some(())
}

/// The sum lies inside the sealed text beside the share, so it gives nothing away that the share does not.
fn check_sum(share: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(hex(&Sha256::digest(share)))
}

#[derive(Deserialize)]
struct Text<'t> {
    format: &'t str,
    vault: &'t str,
    generation: u32,
    seal: u32,
    custodian: &'t str,
    threshold: u8,
    total: u8,
    created: Timestamp,
    #[serde(borrow)]
    shares: Vec<Entry<'t>>,
}

#[derive(Deserialize)]
struct Entry<'t> {
    number: u8,
    share: &'t str,
    sum: &'t str,
}

/// Reads a text that [`write`] made and checks everything it can be checked for by itself.
pub(super) fn read(plain: &Plaintext) -> Result<OpenedBundle, BundleFault> {
    let text: Text<'_> = serde_json::from_slice(plain.expose()).map_err(|_| BundleFault::Format)?;
    let head = head(&text).ok_or(BundleFault::Format)?;
    let mut shares = Vec::with_capacity(text.shares.len());
    let mut last = 0;
    for entry in &text.shares {
        let share = decode(entry, &text)?;
        let number = number_of(&share, head.total);
        if number != entry.number || number <= last {
            return Err(BundleFault::Swapped { number: entry.number });
        }
        last = number;
        shares.push(share);
    }
    Ok(OpenedBundle { head, shares })
}

fn head(text: &Text<'_>) -> Option<BundleHead> {
    let range = 1..=HIGHEST_NUMBER;
    let right = text.format == FORMAT
        && range.contains(&text.generation)
        && range.contains(&text.seal)
        && (1..=text.total).contains(&text.threshold)
        && (1..=usize::from(text.total)).contains(&text.shares.len());
    right.then_some(BundleHead {
        vault: VaultName::new(text.vault).ok()?,
        generation: Generation(text.generation),
        seal: Seal(text.seal),
        custodian: CustodianName::new(text.custodian).ok()?,
        threshold: text.threshold,
        total: text.total,
        created: text.created,
    })
}

fn decode(entry: &Entry<'_>, text: &Text<'_>) -> Result<Share, BundleFault> {
    let damaged = BundleFault::Damaged { number: entry.number };
    if entry.share.len() > ENCODED {
        return Err(damaged);
    }
    // The decoder wants room for whole groups of three.
    let mut room = Zeroizing::new([0_u8; SHARE_BYTES]);
    let Ok(length) = STANDARD.decode_slice(entry.share, room.as_mut_slice()) else { return Err(damaged) };
    let right = length == SHARE_BYTES || (length == BARE_KEY_BYTES && text.total == 1);
    let bytes = room.get(..length).filter(|_| right).ok_or(damaged.clone())?;
    let sum = check_sum(bytes);
    if same(&sum, entry.sum) {
        return Ok(Share::copy_from(bytes));
    }
    let of_another = text.shares.iter().any(|other| same(&sum, other.sum));
    Err(if of_another { BundleFault::Swapped { number: entry.number } } else { damaged })
}

fn same(ours: &str, theirs: &str) -> bool {
    ours.as_bytes().ct_eq(theirs.as_bytes()).into()
}
