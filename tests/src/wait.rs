//! Waiting for a state, never for a time.

use std::time::{Duration, Instant};

/// Time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Looks again and again until `look` answers `Some`, and returns what it answered.
///
/// # Panics
/// With `what` and the last complaint once `limit` has passed. One look never lasts longer than what is left of it.
pub async fn for_some<T>(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + limit;
    let mut last = String::from("no look ended in time");
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        match tokio::time::timeout(left, look()).await {
            Ok(Ok(found)) => return found,
            Ok(Err(complaint)) => last = complaint,
            Err(_) => {}
        }
        assert!(Instant::now() < deadline, "waited {limit:?} for {what}: {last}");
        tokio::time::sleep(LOOK).await;
    }
}

/// Looks until `look` answers `true`.
///
/// # Panics
/// As [`for_some`].
pub async fn until(limit: Duration, what: &str, mut look: impl AsyncFnMut() -> bool) {
    for_some(limit, what, async || if look().await { Ok(()) } else { Err("not yet".to_owned()) }).await;
}
