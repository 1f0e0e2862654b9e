//! Looking for secrets in the memory of another process.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};

/// Longest run of memory read at once.
const PIECE: usize = 1 << 20;
/// malloc writes its own words over the first 16 bytes of a freed block: what stands there tells nothing.
const OVERWRITTEN: usize = 16;

/// Something that must not be found. Kept masked, so that it is not found in the process that searches either.
#[derive(Debug, Clone)]
pub struct Needle {
    /// What it is, for messages.
    pub name: String,
    masked: Vec<u8>,
}

const MASK: u8 = 0xA5;

impl Needle {
    /// The end of a secret: what is left of it in a freed block.
    ///
    /// # Panics
    /// Where the secret is shorter than 32 bytes: less than 16 would be searched, and those may stand there by chance.
    pub fn tail_of(name: &str, secret: &[u8]) -> Self {
        assert!(secret.len() >= 2 * OVERWRITTEN, "{name} is too short to be searched for");
        Self::whole(name, &secret[OVERWRITTEN..])
    }

    /// The whole of a secret that is too short for [`Needle::tail_of`].
    ///
    /// # Panics
    /// Where it is shorter than 16 bytes.
    pub fn whole(name: &str, secret: &[u8]) -> Self {
        assert!(secret.len() >= OVERWRITTEN, "{name} is too short to be searched for");
        Self { name: name.to_owned(), masked: secret.iter().map(|byte| byte ^ MASK).collect() }
    }

    fn found_in(&self, memory: &[u8]) -> bool {
        let first = self.masked[0] ^ MASK;
        let matches = |window: &[u8]| window.iter().zip(&self.masked).all(|(byte, masked)| byte ^ MASK == *masked);
        memory.windows(self.masked.len()).any(|window| window[0] == first && matches(window))
    }
}

/// Names of the needles that stand in writable memory of process `pid`. Needs root, or the same user and a dumpable
/// process.
///
/// # Panics
/// Where the memory may not be read: a search that sees nothing proves nothing.
pub fn found_in_memory(pid: u32, needles: &[Needle]) -> Vec<String> {
    let maps = std::fs::read_to_string(format!("/proc/{pid}/maps")).expect("maps of the process");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("memory of the process; root may read it");
    let overlap = needles.iter().map(|needle| needle.masked.len()).max().unwrap_or(0);
    let mut found = std::collections::BTreeSet::new();
    let mut read = 0;
    for (start, end) in maps.lines().filter_map(writable) {
        let mut at = start;
        while at < end {
            let piece = read_piece(&mut memory, at, end.min(at + PIECE as u64 + overlap as u64));
            read += piece.len();
            found.extend(needles.iter().filter(|needle| needle.found_in(&piece)).map(|needle| needle.name.clone()));
            at += PIECE as u64;
        }
    }
    assert!(read > 0, "no memory of process {pid} could be read");
    found.into_iter().collect()
}

fn read_piece(memory: &mut File, start: u64, end: u64) -> Vec<u8> {
    let mut piece = Vec::new();
    // A region may vanish between the listing and the reading; what was read of it until then counts.
    if memory.seek(SeekFrom::Start(start)).is_ok() {
        drop(memory.take(end - start).read_to_end(&mut piece));
    }
    piece
}

/// Bounds of a writable region of `/proc/PID/maps`.
fn writable(line: &str) -> Option<(u64, u64)> {
    let mut words = line.split_whitespace();
    let (start, end) = words.next()?.split_once('-')?;
    let rights = words.next()?;
    if !rights.starts_with("rw") {
        return None;
    }
    Some((u64::from_str_radix(start, 16).ok()?, u64::from_str_radix(end, 16).ok()?))
}
