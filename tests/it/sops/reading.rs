//! What sops writes, we read.

use harness::sops::cases::{Verdict, each, same_lines};
use harness::sops::{Bed, Format, Output, Sops, Trees};

use super::corpus::{self, Case};

#[test]
fn what_both_versions_encrypt_is_read_as_they_read_it() {
    let (bed, trees) = (Bed::new("reading"), Trees::start());
    let cases: Vec<(Sops, Case)> =
        Sops::REAL.into_iter().flat_map(|sops| corpus::all().into_iter().map(move |case| (sops, case))).collect();
    each(
        "reading",
        &cases,
        |(sops, case)| format!("{} by {}", case.name, sops.name()),
        |(sops, case)| {
            let sealed = case.encrypt(&bed, *sops);
            if !sealed.good() {
                return Ok(()); // what sops refuses to write is compared in `writing`
            }
            compare(&bed, &trees, *sops, case.format, &sealed.stdout)
        },
    );
}

/// Whether ours says of `sealed` what `sops` says.
fn compare(bed: &Bed, trees: &Trees, sops: Sops, format: Format, sealed: &[u8]) -> Verdict {
    let theirs = bed.decrypt(sops, format, sealed);
    let ours = bed.decrypt(Sops::Ours, format, sealed);
    same_output(bed, trees, format, &theirs, &ours).map_err(|fault| format!("{fault}\n{}", head(sealed)))
}

/// Whether two decryptions came to the same: the status, and where they are good the data; bytes, where no format keeps another
/// layout than sops'.
pub(super) fn same_output(bed: &Bed, trees: &Trees, format: Format, theirs: &Output, ours: &Output) -> Verdict {
    if theirs.status != ours.status {
        return Err(format!("sops says {}, sops-tools {}", theirs.summary(), ours.summary()));
    }
    if !theirs.good() {
        return Ok(());
    }
    let expected = trees.read(bed, format, &theirs.stdout)?;
    let found = trees.read(bed, format, &ours.stdout)?;
    same_lines("leaves", &expected, &found)?;
    let keeps_bytes = matches!(format, Format::Json | Format::Dotenv | Format::Binary);
    if keeps_bytes && theirs.stdout != ours.stdout {
        return Err(format!("other bytes: expected {:?}\n   found {:?}", theirs.text(), ours.text()));
    }
    Ok(())
}

/// The beginning of a file, for reports.
fn head(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().take(6).map(|line| line.chars().take(150).collect::<String>() + "\n").collect()
}
