//! Threads that serve one fair queue.

use std::hash::Hash;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Result as Outcome;

use tokio::sync::oneshot;

use crate::Busy;
use crate::fair_queue::{Abandon, Bounds, FairQueue};
use crate::thread::{processor_nanos, spawn_all};

/// Outcomes are held back while at least so many jobs wait for each thread.
const CROWD: usize = 4;

/// How much work a thread does before it hands its outcomes over, in nanoseconds.
const HOLD: u64 = 2_000_000;

/// How a pool is made.
pub(crate) struct Shape {
    pub(crate) name: &'static str,
    pub(crate) threads: usize,
    pub(crate) niceness: u8,
    pub(crate) bounds: Bounds,
    /// What a job is guessed to take, in nanoseconds, until one was measured.
    pub(crate) expected: u64,
}

/// What a pool has done and has to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Its threads.
    pub threads: usize,
    /// Jobs that wait now.
    pub queued: usize,
    /// Jobs that run now.
    pub running: usize,
    /// Jobs that have run.
    pub done: u64,
    /// Jobs that were refused because too many waited.
    pub refused: u64,
    /// Jobs that were dropped because nobody waited for their outcome any more.
    pub abandoned: u64,
    /// The processor time of the jobs that have run, in nanoseconds.
    pub busy_nanos: u64,
}

/// A bounded pool of plain threads. Dropping it lets the threads finish what waits, and go.
pub(crate) struct Pool<K: Copy + Ord + Hash + Send + 'static> {
    shared: Arc<Shared<K>>,
}

struct Shared<K> {
    threads: usize,
    state: Mutex<State<K>>,
    work: Condvar,
}

struct State<K> {
    queue: FairQueue<K, Box<dyn Job>>,
    asleep: usize,
    /// Of those asleep, how many were called and have not come yet.
    called: usize,
    closed: bool,
    done: u64,
    refused: u64,
    abandoned: u64,
    busy_nanos: u64,
}

trait Job: Send {
    fn is_abandoned(&self) -> bool;
    fn run(&mut self);
    fn answer(self: Box<Self>);
}

struct Answering<T, F> {
    job: Option<F>,
    outcome: Option<Outcome<T>>,
    answer: oneshot::Sender<Outcome<T>>,
}

impl<T: Send, F: FnOnce() -> T + Send> Job for Answering<T, F> {
    fn is_abandoned(&self) -> bool {
        self.answer.is_closed()
    }

    fn run(&mut self) {
        self.outcome = self.job.take().map(|job| catch_unwind(AssertUnwindSafe(job)));
    }

    fn answer(self: Box<Self>) {
        if let Some(outcome) = self.outcome {
            // Nobody may wait for it by now: then it goes, and is wiped if it is secret.
            let _ = self.answer.send(outcome);
        }
    }
}

impl Abandon for Box<dyn Job> {
    fn is_abandoned(&self) -> bool {
        self.as_ref().is_abandoned()
    }
}

impl<K: Copy + Ord + Hash + Send + 'static> Pool<K> {
    /// Starts the threads.
    ///
    /// # Errors
    /// When the system gives no more threads.
    pub(crate) fn new(shape: &Shape) -> io::Result<Self> {
        let threads = shape.threads.max(1);
        let shared = Arc::new(Shared {
            threads,
            state: Mutex::new(State {
                queue: FairQueue::new(shape.bounds, shape.expected),
                asleep: 0,
                called: 0,
                closed: false,
                done: 0,
                refused: 0,
                abandoned: 0,
                busy_nanos: 0,
            }),
            work: Condvar::new(),
        });
        let pool = Self { shared };
        spawn_all(shape.name, threads, shape.niceness, &pool.shared, Shared::serve)?;
        Ok(pool)
    }

    /// Runs `job` on a thread of the pool when it is `owner`'s turn, unless the returned future is
    /// dropped before. A panic of the job goes on in the caller.
    ///
    /// # Errors
    /// [`Busy`] when too many jobs wait already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        owner: K,
        job: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Busy> {
        let (answer, outcome) = oneshot::channel();
        self.submit(owner, Box::new(Answering { job: Some(job), outcome: None, answer }))?;
        match outcome.await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(panic)) => resume_unwind(panic),
            Err(_gone) => Err(Busy { retry_after_s: 1 }),
        }
    }

    pub(crate) fn stats(&self) -> PoolStats {
        let state = self.shared.lock();
        PoolStats {
            threads: self.shared.threads,
            queued: state.queue.queued(),
            running: state.queue.running(),
            done: state.done,
            refused: state.refused,
            abandoned: state.abandoned,
            busy_nanos: state.busy_nanos,
        }
    }

    /// Whether jobs of others than `owner` wait.
    pub(crate) fn others_wait(&self, owner: &K) -> bool {
        self.shared.lock().queue.queued_by_others(owner) > 0
    }

    /// Whether it has nothing to do.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.shared.lock();
        state.queue.queued() == 0 && state.queue.running() == 0
    }

    fn submit(&self, owner: K, job: Box<dyn Job>) -> Result<(), Busy> {
        let mut state = self.shared.lock();
        if let Err(refused) = state.queue.push(owner, job) {
            state.refused += 1;
            let busy = Busy::for_nanos(state.queue.backlog() / self.shared.threads as u64);
            drop(state);
            drop(refused);
            return Err(busy);
        }
        // A call is a system call: none when everybody is awake, or enough are on their way.
        let call = state.asleep > state.called;
        state.called += usize::from(call);
        drop(state);
        if call {
            self.shared.work.notify_one();
        }
        Ok(())
    }
}

impl<K: Copy + Ord + Hash + Send + 'static> Drop for Pool<K> {
    fn drop(&mut self) {
        self.shared.lock().closed = true;
        self.shared.work.notify_all();
    }
}

impl<K: Copy + Ord + Hash + Send + 'static> Shared<K> {
    fn lock(&self) -> MutexGuard<'_, State<K>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life.
    fn serve(&self) {
        let mut held = Held::default();
        let mut guard = self.lock();
        loop {
            let state = &mut *guard;
            if let Some((turn, mut job)) = state.queue.pop(&mut state.abandoned) {
                let crowded = state.queue.queued() >= CROWD * self.threads;
                drop(guard);
                let before = processor_nanos();
                job.run();
                let nanos = processor_nanos() - before;
                held.add(job, nanos);
                // Charged before the caller knows, who may send the next.
                guard = self.lock();
                guard.queue.settle(&turn, nanos);
                guard.done += 1;
                guard.busy_nanos += nanos;
                if !crowded || held.nanos >= HOLD {
                    drop(guard);
                    held.answer();
                    guard = self.lock();
                }
            } else if !held.jobs.is_empty() {
                drop(guard);
                held.answer();
                guard = self.lock();
            } else if state.closed {
                return;
            } else {
                state.asleep += 1;
                guard = self.work.wait(guard).unwrap_or_else(PoisonError::into_inner);
                guard.asleep -= 1;
                guard.called = guard.called.saturating_sub(1);
            }
        }
    }
}

/// Outcomes that a thread has not handed over yet.
///
/// Each hand-over wakes a thread of the requests, which interrupts this one. While many jobs wait,
/// each for several others, the outcomes of short ones are handed over together: a tenth more
/// RSA-2048 signs a second, and none of them later on average.
#[derive(Default)]
struct Held {
    jobs: Vec<Box<dyn Job>>,
    nanos: u64,
}

impl Held {
    fn add(&mut self, job: Box<dyn Job>, nanos: u64) {
        self.jobs.push(job);
        self.nanos += nanos;
    }

    fn answer(&mut self) {
        self.nanos = 0;
        for job in self.jobs.drain(..) {
            job.answer();
        }
    }
}
