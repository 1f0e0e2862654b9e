//! Changes of inputs: flips, extremes, words, splices, repetitions.

use super::engine::LONGEST;

/// Numbers from a seed: the same seed, the same numbers.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    /// The next number (splitmix64).
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`; 0 where there is none.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 1).unwrap() % end.max(1)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len())]
    }
}

const NUMBERS: [&str; 10] = [
    "0",
    "-1",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551616",
    "1e999",
    "0x",
    "-0.0",
    "65",
    "4294967296",
];

/// A changed copy of one of the corpus, or of two.
pub(crate) fn mutated(random: &mut Random, corpus: &[Vec<u8>], words: &[&str]) -> Vec<u8> {
    let mut bytes = random.pick(corpus).clone();
    for _ in 0..=random.below(5) {
        change(random, &mut bytes, corpus, words);
    }
    bytes.truncate(LONGEST);
    bytes
}

fn change(random: &mut Random, bytes: &mut Vec<u8>, corpus: &[Vec<u8>], words: &[&str]) {
    let at = random.below(bytes.len() + 1);
    let short = at..(at + 1 + random.below(16)).min(bytes.len()).max(at);
    let part = at..(at + random.below(bytes.len() - at + 1)).min(bytes.len());
    match random.below(12) {
        0 | 1 => {
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << random.below(8);
            }
        }
        2 => {
            let any = u8::try_from(random.below(256)).unwrap();
            let byte = *random.pick(&[0, 9, 10, 13, 32, 0x7f, 0x80, 0xc2, 0xef, 0xff, any]);
            bytes.insert(at, byte);
        }
        3 => drop(bytes.drain(short)),
        4 => bytes.truncate(at),
        5 | 6 => insert(bytes, at, random.pick(words).as_bytes()),
        7 => {
            bytes.splice(short, random.pick(&NUMBERS).bytes());
        }
        // Another one's part.
        8 => {
            let other = random.pick(corpus);
            let from = random.below(other.len() + 1);
            let to = from + random.below(other.len() - from + 1);
            insert(bytes, at, &other[from..to]);
        }
        // The same part twice, or in another place.
        9 => {
            let copy = bytes[part].to_vec();
            let to = random.below(bytes.len() + 1);
            insert(bytes, to, &copy);
        }
        10 => drop(bytes.drain(part)),
        // Seldom: one unit until the input is long.
        _ if random.below(16) == 0 => {
            let unit =
                if random.below(2) == 0 { random.pick(words).as_bytes().to_vec() } else { bytes[short].to_vec() };
            let length = LONGEST >> random.below(8);
            let many = unit.len().max(1);
            insert(bytes, at, &unit.repeat(length / many));
        }
        _ => {
            let lines: Vec<&[u8]> = bytes.split_inclusive(|byte| *byte == b'\n').collect();
            let (one, other) = (random.below(lines.len()), random.below(lines.len()));
            let mut lines = lines;
            if one != other {
                lines.swap(one, other);
            }
            *bytes = lines.concat();
        }
    }
}

fn insert(bytes: &mut Vec<u8>, at: usize, new: &[u8]) {
    let room = LONGEST.saturating_sub(bytes.len()).min(new.len());
    let at = at.min(bytes.len());
    bytes.splice(at..at, new[..room].iter().copied());
}
