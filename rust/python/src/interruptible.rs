//! Long work on a thread of its own, so that the caller sees how far it is, and Ctrl-C ends it at once.

use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use stepbridge_io::progress::Progress;

/// How long Ctrl-C may wait.
const PERIOD: Duration = Duration::from_millis(50);

/// Does `work` without the lock of the interpreter, and calls `watch` with how much is done and how much there is.
///
/// Fails with the exception that a signal handler or `watch` raised. The work has ended by then.
pub(crate) fn interruptible<T: Send>(
    py: Python<'_>,
    watch: Option<&Bound<'_, PyAny>>,
    work: impl FnOnce(&Progress) -> T + Send,
) -> PyResult<T> {
    let progress = Progress::default();
    thread::scope(|scope| {
        let (sender, receiver) = channel();
        let (progress, receiver) = (&progress, std::sync::Mutex::new(receiver));
        let worker = scope.spawn(move || {
            let result = work(progress);
            // Sending fails only if the work was cancelled and nothing waits for it.
            let _ = sender.send(result);
        });
        let wait = || receiver.lock().map_or(Err(RecvTimeoutError::Disconnected), |it| it.recv_timeout(PERIOD));
        loop {
            match py.detach(wait) {
                Ok(result) => return Ok(result),
                Err(RecvTimeoutError::Disconnected) => {
                    // The worker panicked, which is a bug of this library.
                    let _ = worker.join();
                    return Err(PyRuntimeError::new_err("the reader failed; please report this as a defect"));
                }
                Err(RecvTimeoutError::Timeout) => {}
            }
            let seen = py.check_signals().and_then(|()| {
                watch.map_or(Ok(()), |watch| watch.call1((progress.done(), progress.total())).map(drop))
            });
            if let Err(error) = seen {
                progress.cancel();
                let _ = py.detach(|| worker.join());
                return Err(error);
            }
        }
    })
}
