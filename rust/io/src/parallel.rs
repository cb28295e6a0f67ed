//! Work shared among threads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// The results of `work(index)` for every index below `count`, in order, computed on up to `threads` threads.
pub fn map<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let threads = threads.min(count);
    if threads <= 1 {
        return (0..count).map(work).collect();
    }
    let next = AtomicUsize::new(0);
    let done = Mutex::new(Vec::with_capacity(count));
    let run = || {
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if index >= count {
                break;
            }
            let result = work(index);
            if let Ok(mut done) = done.lock() {
                done.push((index, result));
            }
        }
    };
    thread::scope(|scope| {
        for _ in 1..threads {
            scope.spawn(run);
        }
        run();
    });
    let mut done = done.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    done.sort_unstable_by_key(|(index, _)| *index);
    done.into_iter().map(|(_, result)| result).collect()
}

/// Does `work` on every item that `find` emits, on up to `threads` threads, while `find` goes on. This thread runs `find`, and
/// helps with the work after that. Returns what `find` returns, and all results, in no order.
pub fn for_each_streamed<I: Send, T: Send, R>(
    threads: usize,
    find: impl FnOnce(&mut dyn FnMut(I)) -> R,
    work: impl Fn(I) -> T + Sync,
) -> (R, Vec<T>) {
    let queue = ItemQueue { state: Mutex::new((VecDeque::new(), false)), changed: Condvar::new() };
    let done = Mutex::new(Vec::new());
    let run = || {
        while let Some(item) = queue.next() {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    let returned = thread::scope(|scope| {
        // If `find` panics, the threads must not wait for more items.
        let closes = ClosesQueue(&queue);
        let (mut emitted, mut spawned) = (0, 0);
        let returned = find(&mut |item| {
            queue.push(item);
            emitted += 1;
            // One item is left for this thread.
            if spawned + 1 < threads.min(emitted) {
                scope.spawn(run);
                spawned += 1;
            }
        });
        drop(closes);
        run();
        returned
    });
    (returned, done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// Items that wait for a thread, and whether there will be no more.
struct ItemQueue<I> {
    state: Mutex<(VecDeque<I>, bool)>,
    changed: Condvar,
}

impl<I> ItemQueue<I> {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<I>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn push(&self, item: I) {
        self.lock().0.push_back(item);
        self.changed.notify_one();
    }

    fn next(&self) -> Option<I> {
        let waits = |state: &mut (VecDeque<I>, bool)| state.0.is_empty() && !state.1;
        let state = self.changed.wait_while(self.lock(), waits);
        state.unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }
}

/// Closes the queue when it is dropped.
struct ClosesQueue<'a, I>(&'a ItemQueue<I>);

impl<I> Drop for ClosesQueue<'_, I> {
    fn drop(&mut self) {
        self.0.lock().1 = true;
        self.0.changed.notify_all();
    }
}

/// Does `work(index)` for all of `0..count` on up to `threads` threads, and passes the results to `take` on this thread, in
/// order. Besides the result that `take` has, at most `threads + 2` results are in memory. The first error ends it.
pub fn in_order<T: Send, E>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    if threads.min(count) <= 1 {
        return (0..count).try_for_each(|index| take(index, work(index)));
    }
    let waiting = ResultQueue { state: Mutex::default(), changed: Condvar::new(), room: threads + 2 };
    let run = || {
        while let Some(index) = waiting.next(count) {
            // If the work panics, no thread must wait for its result.
            let guard = EndsWork(&waiting);
            let result = work(index);
            std::mem::forget(guard);
            waiting.put(index, result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(run);
        }
        let _ends = EndsWork(&waiting);
        for index in 0..count {
            // A thread that panicked ends the work; the scope passes its panic on.
            let Some(result) = waiting.get(index) else { break };
            take(index, result)?;
        }
        Ok(())
    })
}

/// Results that wait for their turn.
struct ResultQueue<T> {
    state: Mutex<ResultQueueState<T>>,
    changed: Condvar,
    /// How many results may be computed ahead of the one that is taken next.
    room: usize,
}

struct ResultQueueState<T> {
    next: usize,
    taken: usize,
    ended: bool,
    results: BTreeMap<usize, T>,
}

impl<T> Default for ResultQueueState<T> {
    fn default() -> Self {
        Self { next: 0, taken: 0, ended: false, results: BTreeMap::new() }
    }
}

impl<T> ResultQueue<T> {
    fn lock(&self) -> MutexGuard<'_, ResultQueueState<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, ResultQueueState<T>>) -> MutexGuard<'a, ResultQueueState<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// The index to work on next, once there is room for its result.
    fn next(&self, count: usize) -> Option<usize> {
        let mut state = self.lock();
        while !state.ended && state.next < count && state.next >= state.taken + self.room {
            state = self.wait(state);
        }
        if state.ended || state.next >= count {
            return None;
        }
        state.next += 1;
        Some(state.next - 1)
    }

    fn put(&self, index: usize, result: T) {
        self.lock().results.insert(index, result);
        self.changed.notify_all();
    }

    fn get(&self, index: usize) -> Option<T> {
        let mut state = self.lock();
        loop {
            if let Some(result) = state.results.remove(&index) {
                state.taken = index + 1;
                self.changed.notify_all();
                return Some(result);
            }
            if state.ended {
                return None;
            }
            state = self.wait(state);
        }
    }
}

/// Ends the work when it is dropped.
struct EndsWork<'a, T>(&'a ResultQueue<T>);

impl<T> Drop for EndsWork<'_, T> {
    fn drop(&mut self) {
        self.0.lock().ended = true;
        self.0.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn keeps_the_order() {
        for threads in [0, 1, 2, 7] {
            assert_eq!(super::map(100, threads, |i| 2 * i), (0..100).map(|i| 2 * i).collect::<Vec<_>>());
            let mut taken = Vec::new();
            let all = super::in_order(
                100,
                threads,
                |i| 2 * i,
                |at, result| {
                    taken.push((at, result));
                    if at < 90 { Ok(()) } else { Err(at) }
                },
            );
            assert_eq!(all, Err(90));
            assert_eq!(taken, (0..=90).map(|i| (i, 2 * i)).collect::<Vec<_>>());
        }
        assert!(super::map(0, 4, |i| i).is_empty());
    }

    #[test]
    fn every_emitted_item_is_worked_on() {
        for threads in [0, 1, 2, 7] {
            let (returned, mut all) = super::for_each_streamed(threads, |emit| (0..100).for_each(emit), |i: i32| 2 * i);
            all.sort_unstable();
            assert_eq!((returned, all), ((), (0..100).map(|i| 2 * i).collect()));
        }
    }

    #[test]
    #[should_panic(expected = "nothing more to find")]
    fn a_panic_while_finding_does_not_hang() {
        let find = |emit: &mut dyn FnMut(i32)| {
            emit(1);
            assert!(std::hint::black_box(false), "nothing more to find");
        };
        super::for_each_streamed(3, find, |i| i);
    }

    #[test]
    fn few_results_wait_for_one_that_is_slow() {
        struct Held<'a>(&'a AtomicUsize);
        impl Drop for Held<'_> {
            fn drop(&mut self) {
                self.0.fetch_sub(1, Ordering::SeqCst);
            }
        }
        let (held, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let work = |_| {
            most.fetch_max(held.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            Held(&held)
        };
        let slow = |index, _held| {
            if index % 10 == 0 {
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            Ok::<_, ()>(())
        };
        assert_eq!(super::in_order(50, 3, work, slow), Ok(()));
        assert!(most.into_inner() <= 6, "three threads, two more results, and the one that `take` has");
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_does_not_hang() {
        let _: Result<(), ()> = super::in_order(100, 2, |i| assert!(i < 50), |_, ()| Ok(()));
    }
}
