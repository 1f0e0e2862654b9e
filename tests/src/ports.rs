//! Free ports on 127.0.0.1 that no other test process takes, for as long as the [`Port`] lives.

use std::fs::{File, OpenOptions};
use std::net::TcpListener;
use std::sync::atomic::{AtomicU16, Ordering};

/// SeaweedFS opens a second port 10000 higher. A range of 10000 that ends below 22768 keeps both outside the ephemeral
/// ports (32768 upwards on Linux) and no port of the range is the second port of another.
const FIRST: u16 = 12_768;
const COUNT: u16 = 10_000;
const SECOND: u16 = 10_000;

/// A port that is ours, whether something listens on it at the moment or not. A server keeps it over restarts.
#[derive(Debug)]
pub struct Port {
    number: u16,
    _lock: File,
}

impl Port {
    /// Takes a port: locked against other test processes, and nothing listens on it or on the one 10000 higher.
    ///
    /// # Panics
    /// Where all 10000 are taken.
    pub fn take() -> Self {
        static NEXT: AtomicU16 = AtomicU16::new(0);
        let folder = std::env::temp_dir().join("unsealer-test-ports");
        std::fs::create_dir_all(&folder).expect("folder of port locks");
        let start = u16::try_from(std::process::id().wrapping_mul(97) % u32::from(COUNT)).expect("below 10000");
        for _ in 0..COUNT {
            let offset = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
            let number = FIRST + (start + offset) % COUNT;
            let lock =
                OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(number.to_string()));
            let Ok(lock) = lock else { continue };
            if lock.try_lock().is_ok() && silent(number) && silent(number + SECOND) {
                return Self { number, _lock: lock };
            }
        }
        panic!("no free port between {FIRST} and {}", FIRST + COUNT);
    }

    /// The number.
    pub fn number(&self) -> u16 {
        self.number
    }

    /// `127.0.0.1:NUMBER`.
    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.number)
    }
}

fn silent(number: u16) -> bool {
    TcpListener::bind(("127.0.0.1", number)).is_ok()
}
