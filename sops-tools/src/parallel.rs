//! The same work on many things, on as many cores as there are, with the results in the order of the things.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Most threads that are started, however many cores there are.
const MOST_THREADS: usize = 32;

/// Does `work` on every item and gives the results in the order of the items.
///
/// `work` runs on several threads at once. Where no further thread can be started the ones there are do it all.
pub(crate) fn map<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        while let Some((index, item)) = take(items, &next) {
            done.push((index, work(item)));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len()).min(MOST_THREADS);
    let mut all = thread::scope(|scope| {
        let others: Vec<_> =
            (1..threads).filter_map(|_| thread::Builder::new().spawn_scoped(scope, some).ok()).collect();
        let mut all = some();
        for other in others {
            match other.join() {
                Ok(done) => all.extend(done),
                // A fault of the work itself: it goes on where it was asked for.
                Err(fault) => std::panic::resume_unwind(fault),
            }
        }
        all
    });
    all.sort_by_key(|(index, _)| *index);
    all.into_iter().map(|(_, result)| result).collect()
}

fn take<'a, T>(items: &'a [T], next: &AtomicUsize) -> Option<(usize, &'a T)> {
    let index = next.fetch_add(1, Ordering::Relaxed);
    Some((index, items.get(index)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_item_is_done_once_and_the_order_stays() {
        let items: Vec<usize> = (0..1000).collect();
        let done = AtomicUsize::new(0);
        let results = map(&items, |item| {
            done.fetch_add(1, Ordering::Relaxed);
            item * 2
        });
        assert_eq!(results, items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(done.into_inner(), 1000);
        assert!(map(&[] as &[u8], |item| *item).is_empty());
    }
}
