//! Files that were tampered with: the verdicts of the real sops and of ours.
//!
//! Ours must be that of sops, or stricter where `docs/sops.md` says so. Where the two versions of sops disagree, the stricter
//! one is as good as the other; a crash of sops is no verdict.

use harness::sops::cases::{Verdict, differences, report};
use harness::sops::{Bed, Deliberate, Format, Output, Sops, Trees};

mod bases;
mod entries;
mod metadata;
mod values;
mod whole;

use bases::Bases;

use super::reading::same_output;

/// A file after an attack.
pub(super) struct Attack {
    /// What was done to it: the name of its row in `docs/sops.md`, if it has one.
    what: String,
    format: Format,
    sealed: Vec<u8>,
}

impl Attack {
    fn new(what: &str, format: Format, sealed: impl Into<Vec<u8>>) -> Self {
        Self { what: what.to_owned(), format, sealed: sealed.into() }
    }
}

#[test]
fn what_was_tampered_with_is_judged_as_sops_does_or_stricter() {
    let (bed, trees) = (Bed::new("attacks"), Trees::start());
    let bases = Bases::new(&bed);
    let attacks =
        [values::attacks(&bases), entries::attacks(&bases), metadata::attacks(&bed, &bases), whole::attacks(&bases)]
            .concat_all();
    let meant = Deliberate::of("attack");
    let name = |attack: &Attack| format!("{} in {}", attack.what, attack.format.name());
    let mut found = differences(&attacks, name, |attack| judge(&bed, &trees, &meant, attack));
    found.extend(meant.unseen());
    report("attacks", attacks.len(), &found);
}

/// Lists made one.
trait ConcatAll<T> {
    fn concat_all(self) -> Vec<T>;
}

impl<T, const N: usize> ConcatAll<T> for [Vec<T>; N] {
    fn concat_all(self) -> Vec<T> {
        self.into_iter().flatten().collect()
    }
}

fn judge(bed: &Bed, trees: &Trees, meant: &Deliberate, attack: &Attack) -> Verdict {
    let [old, new] = Sops::REAL.map(|sops| bed.decrypt(sops, attack.format, &attack.sealed));
    let ours = bed.decrypt(Sops::Ours, attack.format, &attack.sealed);
    if ours.crashed() || ours.status >= 100 && ours.status != 128 {
        return Err(format!("sops-tools ended with {}", ours.summary()));
    }
    let theirs = verdict(&old, &new, ours.status);
    let explained = meant.judge_in(&attack.what, attack.format, &theirs, ours.status);
    explained.map_err(|fault| {
        format!("{fault}\n3.11.0: {}\n3.13.3: {}\nours: {}", old.summary(), new.summary(), ours.summary())
    })?;
    if ours.good() && (new.good() || old.good()) {
        let theirs = if new.good() { &new } else { &old };
        return same_output(bed, trees, attack.format, theirs, &ours);
    }
    Ok(())
}

/// What sops says, in the words of the table: one status; `crash`; or both statuses, where the versions disagree and `ours` is
/// not the stricter of them.
pub(super) fn verdict(old: &Output, new: &Output, ours: i32) -> String {
    match (old.crashed(), new.crashed()) {
        (true, true) if ours != 0 => ours.to_string(), // any refusal is better than a crash
        (true, true) => "crash".to_owned(),
        (true, false) => new.status.to_string(),
        (false, true) => old.status.to_string(),
        (false, false) if old.status == new.status => old.status.to_string(),
        (false, false) if ours != 0 && [old.status, new.status].contains(&ours) => ours.to_string(),
        (false, false) => format!("{} or {}", old.status, new.status),
    }
}
