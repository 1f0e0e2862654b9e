//! Documents at random: what we encrypt sops reads, what sops encrypts we read.
//!
//! The seed is fixed; `SOPS_SEED` gives another one. A report names the seed of each document.

use std::sync::atomic::{AtomicUsize, Ordering};

use harness::sops::cases::{Verdict, each, same_lines};
use harness::sops::{Bed, Format, Sops, Trees, as_sops_writes, without_comments};

mod dice;
mod document;

use dice::Dice;

/// Documents of each format.
const DOCUMENTS: u64 = 60;

#[test]
fn random_documents_pass_between_us_and_both_versions() {
    let (bed, trees) = (Bed::new("random"), Trees::start());
    let first = std::env::var("SOPS_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1_u64);
    let cases: Vec<(Format, u64)> = [Format::Yaml, Format::Json]
        .into_iter()
        .flat_map(|format| (first..first + DOCUMENTS).map(move |seed| (format, seed)))
        .collect();
    let name = |(format, seed): &(Format, u64)| format!("{} of seed {seed}", format.name());
    let readable = AtomicUsize::new(0);
    each("random documents", &cases, name, |(format, seed)| {
        let mut dice = Dice::new(*seed);
        let plain = match format {
            Format::Json => document::json(&mut dice),
            _ => document::yaml(&mut dice),
        };
        // The dice make a few documents that are none.
        let Ok(leaves) = trees.read(&bed, *format, plain.as_bytes()) else { return Ok(()) };
        readable.fetch_add(1, Ordering::Relaxed);
        judge(&bed, &trees, *format, &plain, &leaves).map_err(|fault| format!("{fault}\n{plain}"))
    });
    let readable = readable.into_inner();
    assert!(readable * 4 > cases.len() * 3, "only {readable} of {} documents are readable", cases.len());
}

fn judge(bed: &Bed, trees: &Trees, format: Format, plain: &str, leaves_of_plain: &[String]) -> Verdict {
    let leaves = |leaves: &[String]| as_sops_writes(&without_comments(leaves));
    let expected = leaves(leaves_of_plain);
    let ours = bed.encrypt(Sops::Ours, format, plain.as_bytes(), &[])?;
    let theirs = bed.encrypt(Sops::New, format, plain.as_bytes(), &[])?;
    let pairs = [(Sops::Old, &ours), (Sops::New, &ours), (Sops::Ours, &ours), (Sops::Ours, &theirs)];
    for (sops, sealed) in pairs {
        let by = if std::ptr::eq(sealed, &raw const ours) { "ours" } else { "theirs" };
        let what = format!("{} opens {by}", sops.name());
        let opened = bed.decrypt(sops, format, sealed).succeeded(&what)?;
        same_lines(&what, &expected, &leaves(&trees.read(bed, format, &opened)?))?;
    }
    Ok(())
}
