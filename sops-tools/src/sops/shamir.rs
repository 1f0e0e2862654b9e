//! Key groups: one data key split into parts, as many of which as the threshold says give it back.
//!
//! Shamir's scheme over the field of 256 elements with the polynomial `0x11B`, as in Vault: each byte of the secret is the constant
//! of a random polynomial of its own. A part holds their values at one point, and that point as its last byte.

use subtle::{ConditionallySelectable as _, ConstantTimeEq as _};
use zeroize::Zeroizing;

use super::tree::Text;
use crate::clock::Entropy;

/// Why a secret is not split or not put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ShamirError {
    /// Of less than two parts, more than 255, or with a threshold that does not fit.
    #[error("a threshold of {threshold} with {parts} groups; it must be at least 2 and at most the number of groups")]
    Threshold {
        /// How many are needed.
        threshold: usize,
        /// How many there are.
        parts: usize,
    },
    /// One part is never enough.
    #[error("fewer than two parts of the data key could be opened")]
    TooFew,
    /// Parts of different secrets, or damaged ones.
    #[error("the parts of the data key do not fit together: their lengths differ")]
    Lengths,
    /// The same point twice, or the point at which the secret itself lies.
    #[error("the parts of the data key do not fit together: two are the same, or one is not a part")]
    Points,
}

/// Splits a secret; the points are 1, 2, 3…
///
/// # Errors
/// A threshold below 2, above the number of parts, or more than 255 parts.
pub fn split(secret: &[u8], parts: usize, threshold: usize, entropy: &dyn Entropy) -> Result<Vec<Text>, ShamirError> {
    let points = u8::try_from(parts).map_err(|_| ShamirError::Threshold { threshold, parts })?;
    if threshold < 2 || threshold > parts {
        return Err(ShamirError::Threshold { threshold, parts });
    }
    let mut all: Vec<Text> = (1..=points).map(|_| Zeroizing::new(Vec::with_capacity(secret.len() + 1))).collect();
    let mut coefficients = Zeroizing::new(vec![0_u8; threshold - 1]);
    for &constant in secret {
        entropy.fill(&mut coefficients);
        for (part, point) in all.iter_mut().zip(1..=points) {
            // Horner: from the highest coefficient down to the secret byte.
            let rest = coefficients.iter().fold(0, |sum, &coefficient| multiply(sum, point) ^ coefficient);
            part.push(multiply(rest, point) ^ constant);
        }
    }
    for (part, point) in all.iter_mut().zip(1..=points) {
        part.push(point);
    }
    Ok(all)
}

/// Puts a secret together from all the parts there are. Too few of them give a wrong secret, not an error: what is opened with it tells.
///
/// # Errors
/// Fewer than two, or parts that cannot be of one secret.
pub fn combine(parts: &[Text]) -> Result<Text, ShamirError> {
    let (Some(first), true) = (parts.first(), parts.len() >= 2) else { return Err(ShamirError::TooFew) };
    let length = first.len();
    if length < 2 || parts.iter().any(|part| part.len() != length) {
        return Err(ShamirError::Lengths);
    }
    let points: Vec<u8> = parts.iter().filter_map(|part| part.last().copied()).collect();
    let weights = weights(&points)?;
    let mut secret = Zeroizing::new(vec![0_u8; length - 1]);
    for (part, weight) in parts.iter().zip(weights) {
        for (byte, value) in secret.iter_mut().zip(part.iter()) {
            *byte ^= multiply(*value, weight);
        }
    }
    Ok(secret)
}

/// What each part counts for in the value at 0.
fn weights(points: &[u8]) -> Result<Vec<u8>, ShamirError> {
    let weight = |index: usize, point: u8| {
        points.iter().enumerate().filter(|(other, _)| *other != index).try_fold(1_u8, |product, (_, &other)| {
            (other != point).then(|| multiply(product, multiply(other, inverse(other ^ point))))
        })
    };
    if points.contains(&0) {
        return Err(ShamirError::Points);
    }
    points.iter().enumerate().map(|(index, &point)| weight(index, point).ok_or(ShamirError::Points)).collect()
}

/// In the field, without a branch or table that would depend on the secret.
fn multiply(one: u8, other: u8) -> u8 {
    let (mut product, mut shifted) = (0_u8, one);
    for bit in 0..8 {
        let set = (other >> bit & 1).ct_eq(&1);
        product ^= u8::conditional_select(&0, &shifted, set);
        let carry = (shifted >> 7).ct_eq(&1);
        shifted = (shifted << 1) ^ u8::conditional_select(&0, &0x1B, carry);
    }
    product
}

/// The 254th power; 0 for 0, which is never asked.
fn inverse(value: u8) -> u8 {
    let mut power = value;
    for _ in 0..6 {
        power = multiply(multiply(power, power), value);
    }
    multiply(power, power)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::clock::System;

    fn bytes(text: &[u8]) -> Text {
        Zeroizing::new(text.to_vec())
    }

    #[test]
    fn the_field_is_that_of_aes() {
        // FIPS 197, sections 4.2 and 4.2.1.
        assert_eq!(multiply(0x57, 0x83), 0xC1);
        assert_eq!(multiply(0x57, 0x13), 0xFE);
        assert!((1..=255).all(|value| multiply(value, inverse(value)) == 1));
    }

    #[test]
    fn a_line_through_two_points_is_put_together_by_hand() {
        // f(x) = 0x42 + 0x10·x: f(1) = 0x52, f(2) = 0x62.
        assert_eq!(*combine(&[bytes(&[0x52, 1]), bytes(&[0x62, 2])]).unwrap(), [0x42]);
    }

    #[test]
    fn what_cannot_be_a_secret_is_refused() {
        let threshold = |parts, threshold| split(b"key", parts, threshold, &System).map(|parts| parts.len());
        assert_eq!(threshold(3, 1), Err(ShamirError::Threshold { threshold: 1, parts: 3 }));
        assert_eq!(threshold(3, 4), Err(ShamirError::Threshold { threshold: 4, parts: 3 }));
        assert_eq!(threshold(256, 2), Err(ShamirError::Threshold { threshold: 2, parts: 256 }));
        assert_eq!(threshold(255, 2), Ok(255));
        let combined = |parts: &[&[u8]]| combine(&parts.iter().map(|part| bytes(part)).collect::<Vec<_>>()).map(|_| ());
        assert_eq!(combined(&[]), Err(ShamirError::TooFew));
        assert_eq!(combined(&[b"a\x01"]), Err(ShamirError::TooFew));
        assert_eq!(combined(&[b"a\x01", b"ab\x02"]), Err(ShamirError::Lengths));
        assert_eq!(combined(&[b"\x01", b"\x02"]), Err(ShamirError::Lengths));
        assert_eq!(combined(&[b"a\x01", b"b\x01"]), Err(ShamirError::Points));
        assert_eq!(combined(&[b"a\x00", b"b\x01"]), Err(ShamirError::Points));
    }

    proptest! {
        #[test]
        fn as_many_as_the_threshold_give_it_back(secret in proptest::collection::vec(any::<u8>(), 1..40), parts in 2usize..8, needed in 2usize..8, from in 0usize..8) {
            prop_assume!(needed <= parts);
            let mut all = split(&secret, parts, needed, &System).unwrap();
            all.rotate_left(from % parts);
            prop_assert_eq!(&*combine(&all).unwrap(), &secret);
            all.truncate(needed);
            prop_assert_eq!(&*combine(&all).unwrap(), &secret);
        }

        #[test]
        fn fewer_do_not(secret in proptest::collection::vec(any::<u8>(), 32..33)) {
            let mut all = split(&secret, 5, 3, &System).unwrap();
            all.truncate(2);
            prop_assert_ne!(&*combine(&all).unwrap(), &secret);
        }
    }
}
