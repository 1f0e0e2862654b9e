//! Who gets which shares, and whether that can be right.

use std::collections::BTreeSet;

use sops_tools::custody::Recipient;
use sops_tools::secret::Share;

use super::bundle::number_of;
use super::names::CustodianName;

/// Which shares a custodian gets. Shares are counted from 1 in the order of their numbers (the x coordinate, a share's last
/// byte), never in the order a server printed them: that order is lost once they are sealed, and whoever takes up a
/// command that was cut off must deal as it did. Dealt otherwise, a custodian could gather a threshold from two tries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Portion {
    /// All of them: the default, one custodian who can open Vault alone.
    All,
    /// So many, from the first that no earlier custodian has and none names.
    Count(u8),
    /// These.
    Numbers(BTreeSet<u8>),
}

impl Portion {
    fn numbers(&self) -> impl Iterator<Item = u8> {
        let numbers = if let Self::Numbers(numbers) = self { numbers.clone() } else { BTreeSet::new() };
        numbers.into_iter()
    }

    fn count(&self, total: u8) -> u8 {
        match self {
            Self::All => total,
            Self::Count(count) => *count,
            Self::Numbers(numbers) => u8::try_from(numbers.len()).unwrap_or(u8::MAX),
        }
    }
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
    /// Its bundle stands in a store of its own, and in no other.
    pub own_store: bool,
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
    /// A share for two custodians.
    #[error("share {number} is given to custodian {name} and to an earlier one")]
    Given {
        /// The later custodian.
        name: CustodianName,
        /// The share, counted from 1.
        number: u8,
    },
    /// A share that does not exist.
    #[error("custodian {name} is given share {number} and there are {total}")]
    NoSuchShare {
        /// The custodian.
        name: CustodianName,
        /// The share, counted from 1.
        number: u8,
        /// Shares that exist.
        total: u8,
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
        Self(vec![Custodian { name: CustodianName::all(), recipients, portion: Portion::All, own_store: false }])
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
        let mut faults = self.number_faults(total);
        let mut given = 0;
        for custodian in &self.0 {
            let count = custodian.portion.count(total);
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

    fn number_faults(&self, total: u8) -> Vec<CustodyFault> {
        let mut faults = Vec::new();
        let mut given = BTreeSet::new();
        for custodian in &self.0 {
            let Portion::Numbers(numbers) = &custodian.portion else { continue };
            for number in numbers.iter().copied() {
                let name = custodian.name.clone();
                if number == 0 || number > total {
                    faults.push(CustodyFault::NoSuchShare { name, number, total });
                } else if !given.insert(number) {
                    faults.push(CustodyFault::Given { name, number });
                }
            }
        }
        faults
    }

    /// Recipients that gather `threshold` shares from several custodians: to who holds such a key the custody is not split.
    pub fn gathering(&self, threshold: u8, total: u8) -> Vec<&Recipient> {
        if self.0.len() < 2 {
            return Vec::new();
        }
        let all: BTreeSet<&Recipient> = self.0.iter().flat_map(|custodian| &custodian.recipients).collect();
        let gathered = |recipient: &&Recipient| {
            let theirs = self.0.iter().filter(|custodian| custodian.recipients.contains(recipient));
            theirs.map(|custodian| u32::from(custodian.portion.count(total))).sum::<u32>() >= u32::from(threshold)
        };
        all.into_iter().filter(gathered).collect()
    }

    /// Each custodian with its shares of the `total` that exist. Meant for a custody that passed [`Custody::check`] and all
    /// shares; otherwise custodians may get too few.
    pub fn deal<'s>(&self, shares: &'s [Share], total: u8) -> Vec<(&Custodian, Vec<&'s Share>)> {
        let mut ordered: Vec<&Share> = shares.iter().collect();
        ordered.sort_by_key(|share| number_of(share, total));
        let named: BTreeSet<u8> = self.0.iter().flat_map(|custodian| custodian.portion.numbers()).collect();
        let counted = (1..=total).zip(&ordered);
        let mut rest = counted.clone().filter(|(number, _)| !named.contains(number)).map(|(_, share)| *share);
        self.0
            .iter()
            .map(|custodian| match &custodian.portion {
                Portion::All => (custodian, ordered.clone()),
                Portion::Count(count) => (custodian, rest.by_ref().take(usize::from(*count)).collect()),
                Portion::Numbers(numbers) => {
                    let theirs = counted.clone().filter(|(number, _)| numbers.contains(number));
                    (custodian, theirs.map(|(_, share)| *share).collect())
                }
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
        Custodian { name, recipients, portion: Portion::Count(count), own_store: false }
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

    fn dealt(split: &Custody, shares: &[Share]) -> Vec<Vec<u8>> {
        let total = u8::try_from(shares.len()).unwrap();
        let each = split.deal(shares, total).into_iter();
        each.map(|(_, dealt)| dealt.iter().map(|share| share.expose()[0]).collect()).collect()
    }

    #[test]
    fn every_share_is_dealt_once_whatever_order_they_come_in() {
        let mut shares: Vec<Share> = [200, 3, 77, 9, 150].into_iter().map(|number| share(number, 1)).collect();
        let split = Custody::split(vec![custodian("a", 2, vec![recipient()]), custodian("b", 3, vec![recipient()])]);
        assert_eq!(dealt(&split, &shares), [vec![3, 9], vec![77, 150, 200]]);
        shares.reverse();
        assert_eq!(dealt(&split, &shares), [vec![3, 9], vec![77, 150, 200]]);
    }

    #[test]
    fn shares_by_number_are_dealt_before_the_rest_is_counted_out() {
        let shares: Vec<Share> = (1..=5).map(|number| share(number * 10, 1)).collect();
        let numbers = |list: &[u8]| Portion::Numbers(list.iter().copied().collect());
        let mut split = vec![custodian("a", 2, vec![recipient()]), custodian("b", 0, vec![recipient()])];
        split[1].portion = numbers(&[1, 2, 4]);
        assert_eq!(dealt(&Custody::split(split.clone()), &shares), [vec![30, 50], vec![10, 20, 40]]);
        split[0].portion = numbers(&[3, 4, 6]);
        let faults = Custody::split(split).check(4, 5, &[], true).err().unwrap_or_default();
        let texts: Vec<String> = faults.iter().map(ToString::to_string).collect();
        assert!(texts.iter().any(|text| text == "custodian a is given share 6 and there are 5"), "{texts:?}");
        assert!(texts.iter().any(|text| text == "share 4 is given to custodian b and to an earlier one"), "{texts:?}");
        assert!(faults.contains(&CustodyFault::Sum { given: 6, total: 5 }), "{texts:?}");
    }

    #[test]
    fn a_key_that_gathers_a_threshold_is_named() {
        let (shared, own) = (recipient(), recipient());
        let split = Custody::split(vec![
            custodian("a", 2, vec![shared.clone(), own]),
            custodian("b", 2, vec![shared.clone()]),
            custodian("c", 1, vec![recipient()]),
        ]);
        assert_eq!(split.gathering(3, 5), [&shared]);
        assert_eq!(split.gathering(5, 5), Vec::<&Recipient>::new());
        assert_eq!(Custody::single(vec![shared]).gathering(3, 5), Vec::<&Recipient>::new());
    }
}
