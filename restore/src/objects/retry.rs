//! Bounded repetition with jitter.

use std::future::Future;
use std::time::Duration;

use sops_tools::clock::{Entropy as _, System};
use tokio::time::Instant;

use super::{ErrorKind, ObjectError};

/// Tries of one call, the first included.
pub(super) const TRIES: u32 = 3;

/// Pause after try number `tried` (from 1): 200 ms, then 400 ms, each shortened by up to a half by `random`, so
/// that many clients that failed together do not come back together.
pub(super) fn pause(tried: u32, random: u8) -> Duration {
    let whole = Duration::from_millis(100).saturating_mul(1 << tried.clamp(1, 5));
    whole.mul_f64(1.0 - f64::from(random) / 512.0)
}

/// Waits the [`pause`] after try number `tried`.
pub(super) async fn wait(tried: u32) {
    let mut random = [0_u8];
    System.fill(&mut random);
    tokio::time::sleep(pause(tried, random[0])).await;
}

/// Repeats a whole read that found the store unavailable or the bytes damaged on the way: at most [`TRIES`] times,
/// and no new try starts once `no_new_try_after` has passed.
pub(super) async fn read<T, F>(no_new_try_after: Duration, mut once: impl FnMut() -> F) -> Result<T, ObjectError>
where
    F: Future<Output = Result<T, ObjectError>>,
{
    let started = Instant::now();
    let mut tried = 0;
    loop {
        tried += 1;
        let error = match once().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let again = matches!(error.kind, ErrorKind::Unavailable | ErrorKind::Corrupt);
        if !again || tried == TRIES || started.elapsed() >= no_new_try_after {
            return Err(error);
        }
        wait(tried).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::cell::Cell;

    fn error(kind: ErrorKind) -> ObjectError {
        ObjectError::new(kind, "get", "x", "made up")
    }

    #[tokio::test(start_paused = true)]
    async fn an_unavailable_store_is_asked_three_times_and_no_more() {
        let calls = Cell::new(0);
        let result: Result<(), _> = read(Duration::from_secs(8), || {
            calls.set(calls.get() + 1);
            async { Err(error(ErrorKind::Unavailable)) }
        })
        .await;
        assert_eq!(result.unwrap_err().kind, ErrorKind::Unavailable);
        assert_eq!(calls.get(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_is_never_asked_for_again() {
        for kind in [ErrorKind::Absent, ErrorKind::Denied, ErrorKind::Settings, ErrorKind::TooLarge] {
            let calls = Cell::new(0);
            let result: Result<(), _> = read(Duration::from_secs(8), || {
                calls.set(calls.get() + 1);
                async { Err(error(kind)) }
            })
            .await;
            assert_eq!(result.unwrap_err().kind, kind);
            assert_eq!(calls.get(), 1, "{kind:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn no_try_starts_after_the_deadline() {
        let calls = Cell::new(0);
        let result: Result<(), _> = read(Duration::from_secs(8), || {
            calls.set(calls.get() + 1);
            async {
                tokio::time::sleep(Duration::from_secs(9)).await;
                Err(error(ErrorKind::Unavailable))
            }
        })
        .await;
        assert!(result.is_err());
        assert_eq!(calls.get(), 1);
    }

    proptest! {
        #[test]
        fn a_pause_keeps_between_half_and_the_whole(tried in 1_u32..6, random: u8) {
            let whole = Duration::from_millis(100 << tried);
            let pause = pause(tried, random);
            prop_assert!(pause <= whole && pause >= whole / 2);
        }
    }
}
