//! What a connection is doing, and until when it may go on like that.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::time::Instant;

use crate::Limits;

/// The requests of one connection. PINGs and half a header are none.
pub(crate) struct Activity {
    began: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    in_flight: usize,
    /// When the latest request was answered, if any was.
    answered: Option<Instant>,
}

/// A request that is being answered, until dropped.
pub(crate) struct Request(Arc<Activity>);

impl Activity {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self { began: Instant::now(), state: Mutex::default() })
    }

    /// A request begins.
    pub(crate) fn request(self: &Arc<Self>) -> Request {
        self.state().in_flight += 1;
        Request(Arc::clone(self))
    }

    /// Whether not one request has come whole.
    pub(crate) fn is_mute(&self) -> bool {
        let state = self.state();
        state.in_flight == 0 && state.answered.is_none()
    }

    /// When the connection is over unless something happens; to be asked again at that time.
    pub(crate) fn due(&self, limits: &Limits) -> Instant {
        let state = self.state();
        let due = match state.answered {
            _ if state.in_flight > 0 => Instant::now() + limits.headers,
            Some(answered) => answered + limits.headers,
            None => self.began + limits.first,
        };
        due.min(self.began + limits.age)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_flight -= 1;
        state.answered = Some(Instant::now());
    }
}
