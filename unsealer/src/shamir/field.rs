//! Arithmetic in GF(2⁸) modulo x⁸+x⁴+x³+x+1 (FIPS 197 §4.2), without tables, branches or indexes that depend on a value.

/// Product of two field elements.
pub(super) fn multiply(left: u8, right: u8) -> u8 {
    let (mut shifted, mut product) = (left, 0_u8);
    for bit in 0..8 {
        let taken = 0_u8.wrapping_sub((right >> bit) & 1);
        product ^= shifted & taken;
        let overflow = 0_u8.wrapping_sub(shifted >> 7);
        shifted = (shifted << 1) ^ (0x1b & overflow);
    }
    product
}

/// Multiplicative inverse, `a²⁵⁴`; 0 for 0.
pub(super) fn inverse(element: u8) -> u8 {
    let (mut power, mut result) = (element, 1_u8);
    // 254 is binary 11111110: every square but the first.
    for _ in 0..7 {
        power = multiply(power, power);
        result = multiply(result, power);
    }
    result
}

/// Weights `w` such that a polynomial of degree below `xs.len()` has at `at` the value `Σ w[i]·y[i]`.
///
/// The `xs` must differ from each other.
pub(super) fn lagrange_weights(xs: &[u8], at: u8) -> Vec<u8> {
    xs.iter()
        .enumerate()
        .map(|(own, x)| {
            xs.iter().enumerate().filter(|(other, _)| *other != own).fold(1, |weight, (_, other)| {
                // Subtraction is XOR here.
                multiply(weight, multiply(at ^ other, inverse(x ^ other)))
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_examples_of_the_aes_standard_hold() {
        // FIPS 197 §4.2: {57}·{83} = {c1}, {57}·{13} = {fe}.
        assert_eq!(multiply(0x57, 0x83), 0xc1);
        assert_eq!(multiply(0x57, 0x13), 0xfe);
    }

    #[test]
    fn every_element_but_zero_has_an_inverse() {
        assert!((1..=255).all(|element| multiply(element, inverse(element)) == 1));
        assert_eq!(inverse(0), 0);
    }
}
