use proptest::prelude::*;
use proptest::sample::subsequence;

use super::{Combinations, Consistency, Share, field, without};

/// A split as Vault makes it, out of chosen coefficients: `coefficients[0]` is the key.
fn split(coefficients: &[[u8; 32]], xs: &[u8]) -> Vec<Vec<u8>> {
    xs.iter()
        .map(|x| {
            let mut bytes = vec![*x; 33];
            for (at, byte) in bytes[..32].iter_mut().enumerate() {
                // Horner, highest coefficient first.
                *byte = coefficients.iter().rev().fold(0, |sum, row| field::multiply(sum, *x) ^ row[at]);
            }
            bytes
        })
        .collect()
}

/// [`super::check`] on bytes; shares cannot be shown, as a property must.
fn check(shares: &[Vec<u8>], threshold: u8) -> Consistency {
    let shares: Vec<Share> = shares.iter().map(|bytes| Share::copy_from(bytes)).collect();
    super::check(&shares, threshold)
}

fn damage(share: &mut [u8], at: usize, flip: u8) {
    share[at] ^= flip;
}

/// Threshold 2 to 5, then `spare` shares beyond it, with coefficients and distinct x.
fn splits(spare: std::ops::RangeInclusive<usize>) -> impl Strategy<Value = (u8, Vec<Vec<u8>>)> {
    (2_u8..=5, spare).prop_flat_map(|(threshold, spare)| {
        let total = usize::from(threshold) + spare;
        let xs = subsequence((1_u8..=255).collect::<Vec<_>>(), total).prop_shuffle();
        let rows = proptest::collection::vec(any::<[u8; 32]>(), usize::from(threshold));
        (Just(threshold), rows, xs).prop_map(|(threshold, rows, xs)| (threshold, split(&rows, &xs)))
    })
}

fn five() -> Vec<Vec<u8>> {
    split(&[[7; 32], [1; 32], [200; 32]], &[3, 77, 140, 9, 255])
}

proptest! {
    #[test]
    fn shares_of_one_split_are_consistent((threshold, shares) in splits(1..=4)) {
        prop_assert_eq!(check(&shares, threshold), Consistency::Consistent);
    }

    #[test]
    fn with_two_spare_shares_the_damaged_one_is_named(
        (threshold, mut shares) in splits(2..=4), pick in any::<prop::sample::Index>(), at in 0_usize..32, flip in 1_u8..=255,
    ) {
        let victim = pick.index(shares.len());
        damage(&mut shares[victim], at, flip);
        prop_assert_eq!(check(&shares, threshold), Consistency::Damaged { positions: vec![victim] });
    }

    #[test]
    fn two_shares_damaged_in_several_bytes_are_named_with_three_spare(
        (threshold, mut shares) in splits(3..=3), flips in any::<[u8; 8]>(),
    ) {
        let last = shares.len() - 1;
        for victim in [0, last] {
            for (at, flip) in flips.iter().enumerate() {
                damage(&mut shares[victim], at * 4, flip.rotate_left(u32::try_from(victim).unwrap_or(0)) | 1);
            }
        }
        prop_assert_eq!(check(&shares, threshold), Consistency::Damaged { positions: vec![0, last] });
    }

    #[test]
    fn with_one_spare_share_damage_is_noticed_and_the_right_subset_is_among_those_to_try(
        (threshold, mut shares) in splits(1..=1), pick in any::<prop::sample::Index>(), at in 0_usize..32, flip in 1_u8..=255,
    ) {
        let victim = pick.index(shares.len());
        damage(&mut shares[victim], at, flip);
        let Consistency::Undecided { subsets, complete } = check(&shares, threshold) else {
            return Err(TestCaseError::fail("damage not noticed"));
        };
        prop_assert!(complete);
        prop_assert_eq!(subsets.len(), shares.len());
        prop_assert!(subsets.contains(&without(shares.len(), &[victim])));
    }

    #[test]
    fn a_changed_x_coordinate_is_noticed((threshold, mut shares) in splits(2..=2), flip in 1_u8..=255) {
        damage(&mut shares[0], 32, flip);
        prop_assert_ne!(check(&shares, threshold), Consistency::Consistent);
    }
}

#[test]
fn exactly_the_threshold_proves_nothing() {
    assert_eq!(check(&five()[..3], 3), Consistency::Unproven);
}

#[test]
fn fewer_than_the_threshold_are_too_few() {
    assert_eq!(check(&five()[..2], 3), Consistency::TooFew);
    assert_eq!(check(&five(), 0), Consistency::TooFew);
}

#[test]
fn the_bare_key_of_one_of_one_is_accepted() {
    assert_eq!(check(&[vec![0; 32]], 1), Consistency::Unproven);
}

#[test]
fn the_same_share_twice_is_named() {
    let mut shares = five();
    shares[3] = shares[1].clone();
    assert_eq!(check(&shares, 3), Consistency::SameX { positions: vec![3] });
}

#[test]
fn a_share_of_another_length_is_named() {
    let mut shares = five();
    shares[2].remove(0);
    assert_eq!(check(&shares, 3), Consistency::UnequalLengths { positions: vec![2] });
}

#[test]
fn the_x_coordinate_zero_is_refused() {
    let mut shares = five();
    damage(&mut shares[4], 32, 255);
    assert_eq!(check(&shares, 3), Consistency::NotShares { positions: vec![4] });
}

#[test]
fn shares_of_two_splits_are_not_consistent() {
    let mut shares = five();
    shares.truncate(2);
    shares.extend(split(&[[8; 32], [9; 32], [10; 32]], &[4, 5]));
    assert!(matches!(check(&shares, 3), Consistency::Undecided { complete: true, .. }));
}

#[test]
fn a_search_without_an_end_is_cut_off() {
    let rows: Vec<[u8; 32]> = (0..20).map(|row| [row; 32]).collect();
    let mut shares = split(&rows, &(1..=40).collect::<Vec<_>>());
    for (victim, share) in shares.iter_mut().enumerate().take(12) {
        damage(share, victim, 0x55);
    }
    assert!(matches!(check(&shares, 20), Consistency::Undecided { complete: false, .. }));
}

#[test]
fn combinations_are_all_there_once() {
    let all: Vec<_> = Combinations::new(5, 3).collect();
    assert_eq!(all.len(), 10);
    assert_eq!((all.first(), all.last()), (Some(&vec![0, 1, 2]), Some(&vec![2, 3, 4])));
    assert_eq!(Combinations::new(2, 3).count(), 0);
}
