//! Who gets which shares, and whether that can be right.

use std::collections::BTreeSet;

use sops_tools::custody::Recipient;
use sops_tools::secret::Share;

use super::names::CustodianName;

/// How many shares a custodian gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Portion {
    /// All of them: the default, one custodian who can open Vault alone.
    All,
    /// So many, from the first that no earlier custodian has.
    Count(u8),
}

/// A named set of recipients with their portion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custodian {
    /// Name in the objects' paths.
    pub name: CustodianName,
    /// Each can open the bundle alone.
    pub recipients: Vec<Recipient>,
    /// What the bundle holds.
    pub portion: Portion,
}

/// All custodians of a generation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Custody(Vec<Custodian>);

/// Why a custody is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustodyFault {
    /// No custodian at all.
    #[error("no custodian: nobody could open it again")]
    Nobody,
    /// Two of one name.
    #[error("custodian {0} is named twice")]
    Twice(CustodianName),
    /// A custodian without a recipient.
    #[error("custodian {0} has no recipient")]
    NoRecipient(CustodianName),
    /// One recipient only, and that was not asked for.
    #[error(
        "custodian {0} has one recipient: when that identity is lost, its shares are; give an offline recipient too, or --single-recipient"
    )]
    SingleRecipient(CustodianName),
    /// None of the identities at hand can open any bundle.
    #[error("no recipient belongs to one of the identities: the daemon could not open it")]
    NotOurs,
    /// A custodian of several who could open Vault alone.
    #[error("custodian {name} would have {given} shares and {threshold} open Vault: in split custody each has fewer")]
    Alone {
        /// The custodian.
        name: CustodianName,
        /// Shares it would have.
        given: u8,
        /// Shares needed.
        threshold: u8,
    },
    /// The portions do not add up.
    #[error("the custodians have {given} shares together and there are {total}")]
    Sum {
        /// Shares in all portions.
        given: u32,
        /// Shares that exist.
        total: u8,
    },
}

impl Custody {
    /// One custodian, `all`, with all shares.
    pub fn single(recipients: Vec<Recipient>) -> Self {
        Self(vec![Custodian { name: CustodianName::all(), recipients, portion: Portion::All }])
    }

    /// Several custodians with portions.
    pub fn split(custodians: Vec<Custodian>) -> Self {
        Self(custodians)
    }

    /// The custodians in their order.
    pub fn custodians(&self) -> &[Custodian] {
        &self.0
    }

    /// Checks this custody for a split of `threshold` of `total`. `ours` are the recipients of the identities at hand;
    /// `allow_single` lets a custodian have one recipient.
    ///
    /// # Errors
    /// Every fault at once.
    pub fn check(
        &self,
        threshold: u8,
        total: u8,
        ours: &[Recipient],
        allow_single: bool,
    ) -> Result<(), Vec<CustodyFault>> {
        let mut faults = Vec::new();
        let mut names = BTreeSet::new();
        for custodian in &self.0 {
            if !names.insert(&custodian.name) {
                faults.push(CustodyFault::Twice(custodian.name.clone()));
            }
            let distinct: BTreeSet<&Recipient> = custodian.recipients.iter().collect();
            match distinct.len() {
                0 => faults.push(CustodyFault::NoRecipient(custodian.name.clone())),
                1 if !allow_single => faults.push(CustodyFault::SingleRecipient(custodian.name.clone())),
                _ => {}
            }
        }
        if self.0.is_empty() {
            faults.push(CustodyFault::Nobody);
        } else if !self.0.iter().flat_map(|custodian| &custodian.recipients).any(|recipient| ours.contains(recipient)) {
            faults.push(CustodyFault::NotOurs);
        }
        faults.extend(self.portion_faults(threshold, total));
        if faults.is_empty() { Ok(()) } else { Err(faults) }
    }

    fn portion_faults(&self, threshold: u8, total: u8) -> Vec<CustodyFault> {
        let counts = self.0.iter().map(|custodian| match custodian.portion {
            Portion::All => (custodian, total),
            Portion::Count(count) => (custodian, count),
        });
        let mut faults = Vec::new();
        let mut given = 0;
        for (custodian, count) in counts {
            given += u32::from(count);
            if self.0.len() > 1 && count >= threshold {
                faults.push(CustodyFault::Alone { name: custodian.name.clone(), given: count, threshold });
            }
        }
        if !self.0.is_empty() && given != u32::from(total) {
            faults.push(CustodyFault::Sum { given, total });
        }
        faults
    }

    /// Each custodian with its shares, in the order the shares are given. Meant for a custody that passed
    /// [`Custody::check`]; otherwise the last custodians may get too few.
    pub fn deal<'s>(&self, shares: &'s [Share]) -> Vec<(&Custodian, Vec<&'s Share>)> {
        let mut rest = shares.iter();
        self.0
            .iter()
            .map(|custodian| match custodian.portion {
                Portion::All => (custodian, shares.iter().collect()),
                Portion::Count(count) => (custodian, rest.by_ref().take(usize::from(count)).collect()),
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use sops_tools::custody::Identities;

    use super::*;
    use crate::store::testing::share;

    fn recipient() -> Recipient {
        Identities::generate().to_recipients().remove(0)
    }

    fn custodian(name: &str, count: u8, recipients: Vec<Recipient>) -> Custodian {
        let name = CustodianName::new(name).unwrap_or_else(|fault| unreachable!("{fault}"));
        Custodian { name, recipients, portion: Portion::Count(count) }
    }

    #[test]
    fn one_custodian_needs_two_recipients_one_of_them_ours() {
        let (ours, offline) = (recipient(), recipient());
        let at_hand = [ours.clone()];
        assert_eq!(Custody::single(vec![ours.clone(), offline.clone()]).check(3, 5, &at_hand, false), Ok(()));
        let single = Custody::single(vec![ours.clone(), ours.clone()]);
        assert_eq!(single.check(3, 5, &at_hand, false), Err(vec![CustodyFault::SingleRecipient(CustodianName::all())]));
        assert_eq!(single.check(3, 5, &at_hand, true), Ok(()));
        let others = Custody::single(vec![offline, recipient()]);
        assert_eq!(others.check(3, 5, &at_hand, false), Err(vec![CustodyFault::NotOurs]));
        assert_eq!(Custody::split(Vec::new()).check(3, 5, &at_hand, false), Err(vec![CustodyFault::Nobody]));
    }

    #[test]
    fn in_split_custody_nobody_has_a_threshold_and_nothing_is_left_over() {
        let (ours, offline) = (recipient(), recipient());
        let both = || vec![ours.clone(), offline.clone()];
        let split =
            Custody::split(vec![custodian("a", 2, both()), custodian("b", 2, both()), custodian("c", 1, both())]);
        assert_eq!(split.check(3, 5, std::slice::from_ref(&ours), false), Ok(()));
        let alone = Custody::split(vec![custodian("a", 3, both()), custodian("a", 1, both())]);
        let faults = alone.check(3, 5, std::slice::from_ref(&ours), false).err().unwrap_or_default();
        let all = |fault: &CustodyFault| faults.contains(fault);
        assert!(all(&CustodyFault::Sum { given: 4, total: 5 }), "{faults:?}");
        assert!(faults.iter().any(|fault| matches!(fault, CustodyFault::Alone { given: 3, .. })));
        assert!(faults.iter().any(|fault| matches!(fault, CustodyFault::Twice(_))));
    }

    #[test]
    fn every_share_is_dealt_once() {
        let shares: Vec<Share> = (1..=5).map(|number| share(number, 1)).collect();
        let split = Custody::split(vec![custodian("a", 2, vec![recipient()]), custodian("b", 3, vec![recipient()])]);
        let numbers: Vec<Vec<u8>> = split
            .deal(&shares)
            .iter()
            .map(|(_, dealt)| dealt.iter().map(|share| share.expose()[0]).collect())
            .collect();
        assert_eq!(numbers, [vec![1, 2], vec![3, 4, 5]]);
    }
}
