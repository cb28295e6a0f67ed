//! Work shared out over threads.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

/// `work` of every index below `count`, in order, on up to `threads` threads.
pub(crate) fn map<T: Send>(count: usize, threads: usize, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
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

/// Does `work` of whatever `find` hands on, on up to `threads` threads: this one goes on finding, and helps then. Gives what
/// `find` says, and all results, in no order.
pub(crate) fn as_found<I: Send, T: Send, R>(
    threads: usize,
    find: impl FnOnce(&mut dyn FnMut(I)) -> R,
    work: impl Fn(I) -> T + Sync,
) -> (R, Vec<T>) {
    let found = Found { state: Mutex::new((VecDeque::new(), false)), changed: Condvar::new() };
    let done = Mutex::new(Vec::new());
    let run = || {
        while let Some(item) = found.next() {
            let result = work(item);
            done.lock().unwrap_or_else(PoisonError::into_inner).push(result);
        }
    };
    let told = thread::scope(|scope| {
        // Should it panic, nobody waits for what is not found.
        let ends = AllFound(&found);
        let (mut handed_on, mut spawned) = (0, 0);
        let told = find(&mut |item| {
            found.hand_on(item);
            handed_on += 1;
            // One of all that are found is left for this thread.
            if spawned + 1 < threads.min(handed_on) {
                scope.spawn(run);
                spawned += 1;
            }
        });
        drop(ends);
        run();
        told
    });
    (told, done.into_inner().unwrap_or_else(PoisonError::into_inner))
}

/// What was found and is not worked on yet, and whether that is all.
struct Found<I> {
    state: Mutex<(VecDeque<I>, bool)>,
    changed: Condvar,
}

impl<I> Found<I> {
    fn lock(&self) -> MutexGuard<'_, (VecDeque<I>, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_on(&self, item: I) {
        self.lock().0.push_back(item);
        self.changed.notify_one();
    }

    fn next(&self) -> Option<I> {
        let waits = |state: &mut (VecDeque<I>, bool)| state.0.is_empty() && !state.1;
        let state = self.changed.wait_while(self.lock(), waits);
        state.unwrap_or_else(PoisonError::into_inner).0.pop_front()
    }
}

/// Says that all is found when it goes.
struct AllFound<'a, I>(&'a Found<I>);

impl<I> Drop for AllFound<'_, I> {
    fn drop(&mut self) {
        self.0.lock().1 = true;
        self.0.changed.notify_all();
    }
}

/// Does `work(index)` for all of `0..count` on up to `threads` threads, and hands the results to `take` on this one, in
/// order. Besides the one that is taken at most two results more than there are threads are in memory; the first error
/// ends it.
pub(crate) fn in_order<T: Send, E>(
    count: usize,
    threads: usize,
    work: impl Fn(usize) -> T + Sync,
    mut take: impl FnMut(usize, T) -> Result<(), E>,
) -> Result<(), E> {
    if threads.min(count) <= 1 {
        return (0..count).try_for_each(|index| take(index, work(index)));
    }
    let waiting = Waiting { state: Mutex::default(), changed: Condvar::new(), room: threads + 2 };
    let run = || {
        while let Some(index) = waiting.next(count) {
            // Should the work panic, nobody waits for what does not come.
            let guard = Ends(&waiting);
            let result = work(index);
            std::mem::forget(guard);
            waiting.put(index, result);
        }
    };
    thread::scope(|scope| {
        for _ in 0..threads.min(count) {
            scope.spawn(run);
        }
        let _ends = Ends(&waiting);
        for index in 0..count {
            // A thread that panicked ends all; the scope hands its panic on.
            let Some(result) = waiting.get(index) else { break };
            take(index, result)?;
        }
        Ok(())
    })
}

/// Results that wait for their turn.
struct Waiting<T> {
    state: Mutex<State<T>>,
    changed: Condvar,
    /// How far ahead of the one that is taken next work goes.
    room: usize,
}

struct State<T> {
    next: usize,
    taken: usize,
    ended: bool,
    results: BTreeMap<usize, T>,
}

impl<T> Default for State<T> {
    fn default() -> Self {
        Self { next: 0, taken: 0, ended: false, results: BTreeMap::new() }
    }
}

impl<T> Waiting<T> {
    fn lock(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State<T>>) -> MutexGuard<'a, State<T>> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// What to do next, once there is room for its result.
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

/// Ends all when it goes.
struct Ends<'a, T>(&'a Waiting<T>);

impl<T> Drop for Ends<'_, T> {
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
    fn all_that_is_found_is_worked_on() {
        for threads in [0, 1, 2, 7] {
            let (told, mut all) = super::as_found(threads, |hand_on| (0..100).for_each(hand_on), |i: i32| 2 * i);
            all.sort_unstable();
            assert_eq!((told, all), ((), (0..100).map(|i| 2 * i).collect()));
        }
    }

    #[test]
    #[should_panic(expected = "nothing more to find")]
    fn a_panic_while_finding_does_not_hang() {
        let find = |hand_on: &mut dyn FnMut(i32)| {
            hand_on(1);
            assert!(std::hint::black_box(false), "nothing more to find");
        };
        super::as_found(3, find, |i| i);
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
        assert!(most.into_inner() <= 6, "three threads, two results more, and the one that is taken");
    }

    #[test]
    #[should_panic(expected = "a scoped thread panicked")]
    fn a_panic_does_not_hang() {
        let _: Result<(), ()> = super::in_order(100, 2, |i| assert!(i < 50), |_, ()| Ok(()));
    }
}
