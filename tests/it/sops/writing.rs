//! What we encrypt, sops reads; what sops refuses to encrypt, we refuse.

use harness::sops::cases::{Verdict, differences, report, same_lines};
use harness::sops::{Bed, Deliberate, Format, Sops, Trees, as_sops_writes, without_comments};

use super::attacks::verdict;
use super::corpus::{self, Case};
use super::reading::comments;

#[test]
fn what_we_encrypt_is_read_by_both_versions_and_refusals_agree() {
    let (bed, trees, meant) = (Bed::new("writing"), Trees::start(), Deliberate::of("encrypt"));
    let cases = [corpus::all(), corpus::refused()].concat();
    let mut found = differences(&cases, |case| case.name.clone(), |case| encrypt(&bed, &trees, &meant, case));
    found.extend(meant.unseen());
    report("writing", cases.len(), &found);
}

fn encrypt(bed: &Bed, trees: &Trees, meant: &Deliberate, case: &Case) -> Verdict {
    let [old, new, ours] = [Sops::Old, Sops::New, Sops::Ours].map(|sops| case.encrypt(bed, sops));
    let theirs = verdict(&old, &new, ours.status);
    meant.judge(&case.name, &theirs, ours.status).map_err(|fault| {
        format!("{fault}\n3.11.0: {}\n3.13.3: {}\nours: {}", old.summary(), new.summary(), ours.summary())
    })?;
    if !ours.good() {
        return if ours.stdout.is_empty() { Ok(()) } else { Err("a refusal that prints a file".to_owned()) };
    }
    let expected = match trees.read(bed, case.format, &case.plain) {
        Ok(leaves) => leaves,
        // Ours takes what sops does not read in clear: what it sealed sops has to read all the same.
        Err(_) if !new.good() => {
            let opened = Sops::REAL.map(|sops| bed.decrypt(sops, case.format, &ours.stdout).succeeded(sops.name()));
            return opened.into_iter().find_map(Result::err).map_or(Ok(()), Err);
        }
        Err(fault) => return Err(fault),
    };
    for (sops, own) in [(Sops::Old, &old), (Sops::New, &new), (Sops::Ours, &new)] {
        let opened = bed.decrypt(sops, case.format, &ours.stdout);
        let reopened = || bed.decrypt(if sops == Sops::Old { Sops::Old } else { Sops::New }, case.format, &own.stdout);
        if !opened.good() && own.good() && reopened().status == opened.status {
            continue; // what sops seals cannot be opened either: it is not for us, or sops breaks it
        }
        let plain = opened.succeeded(&format!("{} opens ours", sops.name()));
        let plain = plain.map_err(|fault| format!("{fault}\n{}", String::from_utf8_lossy(&ours.stdout)))?;
        let found = trees.read(bed, case.format, &plain)?;
        let leaves = |leaves: &[String]| match sops {
            Sops::Ours if case.format != Format::Json => without_comments(leaves),
            _ => as_sops_writes(&without_comments(leaves)),
        };
        same_lines(&format!("leaves by {}", sops.name()), &leaves(&expected), &leaves(&found))?;
        let missing = |found: &[String]| comments(&expected).iter().filter(|text| !found.contains(text)).count();
        let lost = missing(&comments(&found));
        if lost > 0
            && (sops == Sops::Ours || lost > missing(&comments(&trees.read(bed, case.format, &reopened().stdout)?)))
        {
            let verdict = same_lines(&format!("comments by {}", sops.name()), &comments(&expected), &comments(&found));
            if !meant.otherwise(&case.name) {
                verdict?;
            }
        }
    }
    Ok(())
}
