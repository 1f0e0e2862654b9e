//! Secret values as types of their own.
//!
//! Each is a boxed, exactly sized buffer that is wiped when dropped. None implements `Clone`,
//! `Debug`, `PartialEq` or `Serialize`: whoever wants the bytes says [`expose`](Share::expose) and can be
//! found by that word. Wiping what libraries copied is the job of the wiping allocator in each binary.

use zeroize::{Zeroize, Zeroizing};

macro_rules! secret_bytes {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(Zeroizing<Box<[u8]>>);

        impl $name {
            /// Takes the bytes over and wipes whatever the source buffer still holds.
            pub fn new(mut source: Zeroizing<Vec<u8>>) -> Self {
                let mut exact = vec![0_u8; source.len()].into_boxed_slice();
                exact.copy_from_slice(&source);
                source.zeroize();
                Self(Zeroizing::new(exact))
            }

            /// Copies `bytes` into a wiped buffer of its own; the caller wipes the source.
            pub fn copy_from(bytes: &[u8]) -> Self {
                Self(Zeroizing::new(bytes.into()))
            }

            /// The secret itself.
            pub fn expose(&self) -> &[u8] {
                &self.0
            }

            /// Length in bytes.
            pub fn len(&self) -> usize {
                self.0.len()
            }

            /// Whether there are no bytes at all.
            pub fn is_empty(&self) -> bool {
                self.0.is_empty()
            }

            /// Compares without leaking through time where the two differ.
            pub fn same_as(&self, other: &Self) -> bool {
                use subtle::ConstantTimeEq as _;
                self.0.ct_eq(&other.0).into()
            }
        }
    };
}

secret_bytes! {
    /// One Shamir share of Vault's root-key seal, decoded: 33 bytes (32 and the x coordinate), or the
    /// bare 32-byte key of a 1-of-1 split.
    Share
}

secret_bytes! {
    /// A Vault or OpenBao token: root, rotator or any other. UTF-8 text.
    Token
}

secret_bytes! {
    /// The secret half of an S3 key pair. UTF-8 text.
    S3SecretKey
}

secret_bytes! {
    /// Plain bytes on their way into or out of a sealed object.
    Plaintext
}

macro_rules! secret_text {
    ($name:ident) => {
        impl $name {
            /// The secret as text.
            ///
            /// # Errors
            /// When the bytes are not UTF-8.
            pub fn expose_text(&self) -> Result<&str, std::str::Utf8Error> {
                std::str::from_utf8(self.expose())
            }
        }
    };
}
secret_text!(Token);
secret_text!(S3SecretKey);

/// How much of the stack is wiped. Chosen generously, not measured; tests search the memory of debug and release programs
/// for what would lie deeper.
const STACK_WIPED: usize = 64 << 10;

/// Runs `work`, then wipes the part of the stack that it used.
///
/// The ciphers put the last block of a plaintext through a buffer on the stack and leave it there; a thread that waits
/// for work afterwards keeps it for as long as it lives. The wiping allocator does not see the stack, so whatever opens
/// or parses a secret runs in here.
pub fn wiping_stack<T>(work: impl FnOnce() -> T) -> T {
    let result = in_its_own_frame(work);
    wipe_stack();
    result
}

/// Below the caller's frame, at the place that [`wipe_stack`] writes over.
#[inline(never)]
fn in_its_own_frame<T>(work: impl FnOnce() -> T) -> T {
    std::hint::black_box(work())
}

#[inline(never)]
fn wipe_stack() {
    #[expect(clippy::large_stack_arrays, reason = "the stack is what has to be overwritten")]
    let mut area = [0_u64; STACK_WIPED / size_of::<u64>()];
    // Written volatile, so it happens although nobody reads it; by words, because bytes took most of the time of a small file.
    area.zeroize();
    std::hint::black_box(&area);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_holds_exactly_what_went_in() {
        let share = Share::new(Zeroizing::new(vec![7; 33]));
        assert_eq!(share.expose(), [7; 33]);
        assert!(share.same_as(&Share::copy_from(&[7; 33])));
        assert!(!share.same_as(&Share::copy_from(&[8; 33])));
        assert!(!share.same_as(&Share::copy_from(&[7; 32])));
    }
}
