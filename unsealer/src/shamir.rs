//! Whether shares of one split belong together, before any server is asked.
//!
//! Vault splits its key byte by byte with polynomials over GF(2⁸) (the field of AES, polynomial 0x11B) and puts the x
//! coordinate behind the 32 bytes of a share. Any `threshold` shares fix the polynomials, so every further share is a check on
//! them: one more tells that something is damaged, two more tell which one.

mod field;

use std::collections::BTreeMap;

use sops_tools::secret::Share;
use subtle::ConstantTimeEq as _;
use zeroize::Zeroizing;

/// Subsets looked at before the search gives up: enough for every pair of damaged shares of 64, a fraction of a second.
const SUBSETS_LOOKED_AT: usize = 4096;

/// What the shares say about each other. Positions count from 0 in the order given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Consistency {
    /// More shares than the threshold, all on one polynomial: none is damaged.
    Consistent,
    /// Exactly the threshold: they fix a polynomial whatever they hold, so nothing is proven.
    Unproven,
    /// Fewer shares than the threshold, or a threshold of 0.
    TooFew,
    /// These shares do not fit; the others, at least one more than the threshold, fit each other.
    Damaged {
        /// Positions of the damaged shares, ascending.
        positions: Vec<usize>,
    },
    /// At least one share is damaged and it cannot be told which. Each subset is worth a try on a server.
    Undecided {
        /// Subsets that could be right, as ascending positions; each has at least the threshold of shares.
        subsets: Vec<Vec<usize>>,
        /// Whether these are all; the search is bounded.
        complete: bool,
    },
    /// These shares have another length than most. Shares of one split have one length.
    UnequalLengths {
        /// Positions of the odd ones.
        positions: Vec<usize>,
    },
    /// These shares have the x coordinate of an earlier one: given twice, or of two splits.
    SameX {
        /// Positions of the later ones.
        positions: Vec<usize>,
    },
    /// These shares are too short or have the x coordinate 0, which would be the key itself.
    NotShares {
        /// Their positions.
        positions: Vec<usize>,
    },
}

/// Checks `shares` of a split with this `threshold` against each other.
///
/// A split with threshold 1 has one share, the bare key, and nothing to check.
pub fn check(shares: &[Share], threshold: u8) -> Consistency {
    let needed = usize::from(threshold);
    if needed == 0 || shares.len() < needed {
        return Consistency::TooFew;
    }
    if let Some(fault) = fault_of_form(shares, needed) {
        return fault;
    }
    if shares.len() == needed {
        return Consistency::Unproven;
    }
    let everyone: Vec<usize> = (0..shares.len()).collect();
    if fit(shares, &everyone, needed) {
        return Consistency::Consistent;
    }
    locate(shares, needed)
}

fn fault_of_form(shares: &[Share], needed: usize) -> Option<Consistency> {
    let lengths = shares.iter().fold(BTreeMap::<usize, usize>::new(), |mut counts, share| {
        *counts.entry(share.len()).or_default() += 1;
        counts
    });
    let usual = lengths.iter().max_by_key(|(_, count)| **count).map(|(length, _)| *length);
    let odd = positions(shares, |_, share| Some(share.len()) != usual);
    if !odd.is_empty() {
        return Some(Consistency::UnequalLengths { positions: odd });
    }
    if needed == 1 && shares.len() == 1 {
        return shares[0].is_empty().then(|| Consistency::NotShares { positions: vec![0] });
    }
    let unfit = positions(shares, |_, share| share.len() < 2 || x_of(share) == 0);
    if !unfit.is_empty() {
        return Some(Consistency::NotShares { positions: unfit });
    }
    let same = positions(shares, |at, share| shares[..at].iter().any(|earlier| x_of(earlier) == x_of(share)));
    (!same.is_empty()).then_some(Consistency::SameX { positions: same })
}

fn positions(shares: &[Share], wanted: impl Fn(usize, &Share) -> bool) -> Vec<usize> {
    shares.iter().enumerate().filter(|(at, share)| wanted(*at, share)).map(|(at, _)| at).collect()
}

/// The x coordinate: the last byte. It numbers the share and tells nothing of the key.
fn x_of(share: &Share) -> u8 {
    share.expose().last().copied().unwrap_or(0)
}

/// Whether the shares at `chosen` (at least `needed`) lie on one polynomial of degree `needed - 1`.
fn fit(shares: &[Share], chosen: &[usize], needed: usize) -> bool {
    let (basis, others) = chosen.split_at(needed);
    let xs: Vec<u8> = basis.iter().map(|at| x_of(&shares[*at])).collect();
    others.iter().all(|other| {
        let share = shares[*other].expose();
        let weights = field::lagrange_weights(&xs, x_of(&shares[*other]));
        let mut expected = Zeroizing::new(vec![0_u8; share.len() - 1]);
        for (at, weight) in basis.iter().zip(&weights) {
            for (sum, y) in expected.iter_mut().zip(shares[*at].expose()) {
                *sum ^= field::multiply(*weight, *y);
            }
        }
        bool::from(expected.ct_eq(&share[..share.len() - 1]))
    })
}

/// Leaves out one share, then two, and so on, until the rest fits and is large enough to prove it.
fn locate(shares: &[Share], needed: usize) -> Consistency {
    let total = shares.len();
    let mut looked_at = 0;
    for left_out in 1..total.saturating_sub(needed) {
        let mut explanations = Vec::new();
        for damaged in Combinations::new(total, left_out) {
            looked_at += 1;
            if looked_at > SUBSETS_LOOKED_AT {
                return Consistency::Undecided { subsets: without_each(total, explanations), complete: false };
            }
            if fit(shares, &without(total, &damaged), needed) {
                explanations.push(damaged);
            }
        }
        if explanations.len() > 1 {
            return Consistency::Undecided { subsets: without_each(total, explanations), complete: true };
        }
        if let Some(positions) = explanations.pop() {
            return Consistency::Damaged { positions };
        }
    }
    // No subset proves itself: whatever has exactly the threshold of shares could be right.
    let mut sized = Combinations::new(total, total - needed);
    let subsets = sized.by_ref().take(SUBSETS_LOOKED_AT).map(|damaged| without(total, &damaged)).collect();
    Consistency::Undecided { subsets, complete: sized.next().is_none() }
}

fn without_each(total: usize, explanations: Vec<Vec<usize>>) -> Vec<Vec<usize>> {
    explanations.into_iter().map(|damaged| without(total, &damaged)).collect()
}

fn without(total: usize, damaged: &[usize]) -> Vec<usize> {
    (0..total).filter(|at| !damaged.contains(at)).collect()
}

/// All ascending choices of `size` positions below `total`, in lexicographic order.
struct Combinations {
    total: usize,
    next: Option<Vec<usize>>,
}

impl Combinations {
    fn new(total: usize, size: usize) -> Self {
        Self { total, next: (size <= total).then(|| (0..size).collect()) }
    }
}

impl Iterator for Combinations {
    type Item = Vec<usize>;

    fn next(&mut self) -> Option<Vec<usize>> {
        let current = self.next.take()?;
        let size = current.len();
        if let Some(grows) = (0..size).rev().find(|at| current[*at] < self.total - size + at) {
            let mut following = current.clone();
            following[grows] += 1;
            for at in grows + 1..size {
                following[at] = following[at - 1] + 1;
            }
            self.next = Some(following);
        }
        Some(current)
    }
}

#[cfg(test)]
mod tests;
