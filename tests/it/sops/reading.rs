//! What sops writes, we read.

use harness::sops::cases::{Verdict, differences, each, report, same_lines};
use harness::sops::{Bed, Deliberate, Format, Output, Sops, Trees, as_sops_writes, without_comments};

use super::corpus::{self, Case};

#[test]
fn what_both_versions_encrypt_is_read_as_they_read_it() {
    let (bed, trees, meant) = (Bed::new("reading"), Trees::start(), Deliberate::of("read"));
    let cases: Vec<(Sops, Case)> =
        Sops::REAL.into_iter().flat_map(|sops| corpus::all().into_iter().map(move |case| (sops, case))).collect();
    let name = |(sops, case): &(Sops, Case)| format!("{} by {}", case.name, sops.name());
    let mut found = differences(&cases, name, |(sops, case)| {
        let sealed = case.encrypt(&bed, *sops);
        if !sealed.good() {
            return Ok(()); // what sops refuses to write is compared in `writing`
        }
        let same = compare(&bed, &trees, *sops, case.format, &sealed.stdout);
        if same.is_err() && meant.otherwise(&case.name) { Ok(()) } else { same }
    });
    found.extend(meant.unseen());
    report("reading", cases.len(), &found);
}

/// sops writes every plain value in one spelling; files of other hands have them all. The MAC fits if we read each as sops does.
#[test]
fn plain_values_mean_the_same_in_every_spelling() {
    let (bed, trees) = (Bed::new("spellings"), Trees::start());
    let respelled = |rows: &[corpus::Row]| {
        let plain = corpus::document(rows);
        let sealed = bed.encrypt(Sops::New, Format::Yaml, plain.as_bytes(), &["--unencrypted-regex", "^k"])?;
        let sealed = String::from_utf8_lossy(&sealed).into_owned();
        let block = sealed.find("\nsops:\n").ok_or("no block")?;
        Ok::<_, String>(format!("{plain}{}", &sealed[block + 1..]))
    };
    let check = |rows: &[corpus::Row]| {
        let sealed = respelled(rows)?;
        let theirs = bed.decrypt(Sops::New, Format::Yaml, sealed.as_bytes());
        let ours = bed.decrypt(Sops::Ours, Format::Yaml, sealed.as_bytes());
        same_output(&bed, &trees, Format::Yaml, &theirs, &ours)
    };
    let rows = corpus::rows();
    // One by one, to name the row, only where all together do not fit.
    if check(&rows).is_err() {
        each("spellings", &rows, |row| row.0.to_owned(), |row| check(std::slice::from_ref(row)));
    }
    check(&rows).expect("fits one by one, and not together");
}

/// Whether ours says of `sealed` what `sops` says.
fn compare(bed: &Bed, trees: &Trees, sops: Sops, format: Format, sealed: &[u8]) -> Verdict {
    let theirs = bed.decrypt(sops, format, sealed);
    let ours = bed.decrypt(Sops::Ours, format, sealed);
    let keeps_bytes = matches!(format, Format::Json | Format::Dotenv | Format::Binary);
    same_output(bed, trees, format, &theirs, &ours)
        .and_then(|()| if keeps_bytes && theirs.good() { same_bytes(&theirs, &ours) } else { Ok(()) })
        .map_err(|fault| format!("{fault}\n{}", head(sealed)))
}

fn same_bytes(theirs: &Output, ours: &Output) -> Verdict {
    if theirs.stdout == ours.stdout {
        return Ok(());
    }
    let cut = |text: String| text.chars().take(400).collect::<String>();
    Err(format!("other bytes: expected {:?}\n   found {:?}", cut(theirs.text()), cut(ours.text())))
}

/// Whether two decryptions came to the same: the status, and where they are good the data.
pub(super) fn same_output(bed: &Bed, trees: &Trees, format: Format, theirs: &Output, ours: &Output) -> Verdict {
    if theirs.status != ours.status {
        return Err(format!("sops says {}, sops-tools {}", theirs.summary(), ours.summary()));
    }
    if !theirs.good() {
        return Ok(());
    }
    let expected = trees.read(bed, format, &theirs.stdout)?;
    let found = trees.read(bed, format, &ours.stdout)?;
    let leaves = |leaves: &[String]| as_sops_writes(&without_comments(leaves));
    same_lines("leaves", &leaves(&expected), &leaves(&found))?;
    let (expected, found) = (comments(&expected), comments(&found));
    // sops cannot decrypt all comments that it writes; ours has to know each that sops knows.
    let missing: Vec<_> = expected.iter().filter(|text| !text.contains("ENC[") && !found.contains(text)).collect();
    if missing.is_empty() && found.len() >= expected.len() {
        return Ok(());
    }
    same_lines("comments", &expected, &found)
}

/// The texts of the comments in the order of letters: where they are attached differs between the versions of sops.
pub(super) fn comments(leaves: &[String]) -> Vec<String> {
    let texts = leaves.iter().filter_map(|leaf| leaf.split_once("\tcomment\t"));
    let mut texts: Vec<_> = texts.map(|(_, text)| text.to_owned()).collect();
    texts.sort();
    texts
}

/// The beginning of a file, for reports.
fn head(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().take(6).map(|line| line.chars().take(150).collect::<String>() + "\n").collect()
}
