//! Jobs of many owners: each owner's in order, and next the owner who has used the least time.
//!
//! Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996) by measured time. An owner's
//! turn is charged what its jobs took before, and set right when the job has ended; so an owner
//! of long jobs gets fewer turns, not more time. Who comes anew starts level with the others,
//! and who has run ahead stays behind until they have caught up.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::Hash;

/// What may wait in a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// Jobs of one owner.
    pub(crate) per_owner: usize,
    /// Jobs of all owners together.
    pub(crate) total: usize,
}

/// A job that can lose its purpose while it waits.
pub(crate) trait Abandon {
    /// Whether nobody waits for the outcome any more.
    fn is_abandoned(&self) -> bool;
}

/// A job's turn: to be settled when it has run.
#[derive(Debug)]
pub(crate) struct Turn<K> {
    owner: K,
    charged: u64,
}

/// The queues of all owners.
#[derive(Debug)]
pub(crate) struct FairQueue<K, J> {
    bounds: Bounds,
    owners: HashMap<K, Owner<J>>,
    /// The owners with waiting jobs, the one to be served first in front.
    ready: BTreeSet<(u64, u64, K)>,
    /// The account of the owner served last: where newcomers start.
    level: u64,
    /// Breaks ties in order of arrival.
    arrivals: u64,
    queued: usize,
    running: usize,
    /// What a job takes, in nanoseconds: a moving mean over all owners.
    mean: u64,
}

#[derive(Debug)]
struct Owner<J> {
    /// Time used, in nanoseconds, on the scale of `level`.
    used: u64,
    arrival: u64,
    /// What this owner's jobs take, in nanoseconds: a moving mean.
    expected: u64,
    running: usize,
    jobs: VecDeque<J>,
}

impl<K: Copy + Ord + Hash, J: Abandon> FairQueue<K, J> {
    /// An empty queue of jobs that are guessed to take `expected` nanoseconds, until measured.
    pub(crate) fn new(bounds: Bounds, expected: u64) -> Self {
        Self {
            bounds,
            owners: HashMap::new(),
            ready: BTreeSet::new(),
            level: 0,
            arrivals: 0,
            queued: 0,
            running: 0,
            mean: expected,
        }
    }

    /// Jobs that wait.
    pub(crate) fn queued(&self) -> usize {
        self.queued
    }

    /// Jobs that have their turn.
    pub(crate) fn running(&self) -> usize {
        self.running
    }

    /// Jobs of others than `owner` that wait.
    pub(crate) fn queued_by_others(&self, owner: &K) -> usize {
        self.queued - self.owners.get(owner).map_or(0, |o| o.jobs.len())
    }

    /// The time that the waiting jobs take, in nanoseconds, as far as can be told.
    pub(crate) fn backlog(&self) -> u64 {
        self.mean.saturating_mul(self.queued as u64)
    }

    /// Takes a job in, or gives it back: an owner may have no more jobs waiting than there is
    /// room left for everybody, so that one flood leaves half of the queue to others.
    pub(crate) fn push(&mut self, key: K, job: J) -> Result<(), J> {
        let room = self.bounds.total.saturating_sub(self.queued);
        let waiting = self.owners.get(&key).map_or(0, |owner| owner.jobs.len());
        if waiting >= self.bounds.per_owner.min(room) {
            return Err(job);
        }
        self.forget_idle_owners();
        self.arrivals += 1;
        let (level, arrival, expected) = (self.level, self.arrivals, self.mean);
        let owner = self.owners.entry(key).or_insert_with(|| Owner {
            used: level,
            arrival,
            expected,
            running: 0,
            jobs: VecDeque::new(),
        });
        if owner.jobs.is_empty() {
            owner.used = owner.used.max(level);
            owner.arrival = arrival;
            self.ready.insert((owner.used, arrival, key));
        }
        owner.jobs.push_back(job);
        self.queued += 1;
        Ok(())
    }

    /// The job whose turn it is. Abandoned ones are dropped on the way; `abandoned` counts them.
    pub(crate) fn pop(&mut self, abandoned: &mut u64) -> Option<(Turn<K>, J)> {
        while let Some((_, _, key)) = self.ready.pop_first() {
            let owner = self.owners.get_mut(&key)?;
            while let Some(job) = owner.jobs.pop_front() {
                self.queued -= 1;
                if job.is_abandoned() {
                    *abandoned += 1;
                    continue;
                }
                self.level = self.level.max(owner.used);
                owner.used = owner.used.saturating_add(owner.expected);
                owner.running += 1;
                self.running += 1;
                if !owner.jobs.is_empty() {
                    self.arrivals += 1;
                    owner.arrival = self.arrivals;
                    self.ready.insert((owner.used, owner.arrival, key));
                }
                return Some((Turn { owner: key, charged: owner.expected }, job));
            }
        }
        self.start_over_when_idle();
        None
    }

    /// A job has run, and took `nanos`.
    pub(crate) fn settle(&mut self, turn: &Turn<K>, nanos: u64) {
        let Turn { owner: key, charged } = *turn;
        self.running -= 1;
        self.mean = moved(self.mean, nanos);
        if let Some(owner) = self.owners.get_mut(&key) {
            let place = (owner.used, owner.arrival, key);
            owner.running -= 1;
            owner.expected = moved(owner.expected, nanos);
            owner.used = owner.used.saturating_sub(charged).saturating_add(nanos);
            if self.ready.remove(&place) {
                self.ready.insert((owner.used, owner.arrival, key));
            }
        }
        self.start_over_when_idle();
    }

    /// Nobody waits and nothing runs: nobody owes anybody anything.
    fn start_over_when_idle(&mut self) {
        if self.queued == 0 && self.running == 0 {
            self.owners.clear();
            self.level = 0;
        }
    }

    /// Under a load that never ends, those who went away are forgotten once they owe nothing:
    /// looked for every so many arrivals as may wait, so that the search costs next to nothing.
    fn forget_idle_owners(&mut self) {
        if self.arrivals.is_multiple_of(self.bounds.total.max(1) as u64) {
            let level = self.level;
            self.owners.retain(|_, owner| {
                owner.running > 0 || !owner.jobs.is_empty() || owner.used > level
            });
        }
    }
}

/// A mean moved an eighth of the way to a new measurement.
fn moved(mean: u64, nanos: u64) -> u64 {
    mean - mean / 8 + nanos / 8
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;

    use super::*;

    const US: u64 = 1_000;

    /// A job of so many nanoseconds, and whether somebody waits for it.
    #[derive(Debug)]
    struct Work(u64, Rc<Cell<bool>>);

    impl Abandon for Work {
        fn is_abandoned(&self) -> bool {
            self.1.get()
        }
    }

    fn work(micros: u64) -> Work {
        Work(micros * US, Rc::default())
    }

    type Queue = FairQueue<&'static str, Work>;

    fn queue(per_owner: usize, total: usize) -> Queue {
        FairQueue::new(Bounds { per_owner, total }, 250 * US)
    }

    /// Serves the queue for a while with so many threads, in simulated time; `refill` is called
    /// after each turn. The time that each owner's jobs took, in microseconds.
    fn serve(
        queue: &mut Queue,
        threads: usize,
        until: u64,
        mut refill: impl FnMut(&mut Queue),
    ) -> HashMap<&'static str, u64> {
        let mut used = HashMap::new();
        let mut running: Vec<(u64, Turn<&str>, u64)> = Vec::new();
        let mut now = 0;
        while now < until * US {
            while running.len() < threads
                && let Some((turn, job)) = queue.pop(&mut 0)
            {
                *used.entry(turn.owner).or_default() += job.0 / US;
                running.push((now + job.0, turn, job.0));
            }
            running.sort_by_key(|(end, ..)| std::cmp::Reverse(*end));
            let Some((end, turn, nanos)) = running.pop() else { break };
            now = end;
            queue.settle(&turn, nanos);
            refill(queue);
        }
        used
    }

    fn assert_even(used: &HashMap<&str, u64>, a: &str, b: &str) {
        let (a, b) = (used[a], used[b]);
        assert!(a * 20 >= b * 19 && b * 20 >= a * 19, "{a} and {b} us");
    }

    #[test]
    fn floods_of_long_and_of_short_jobs_get_the_same_time() {
        for threads in [1, 2] {
            let mut queue = queue(100, 1_000);
            let flood = |queue: &mut Queue| {
                while queue.push("rsa", work(1_490)).is_ok() {}
                while queue.push("es384", work(85)).is_ok() {}
            };
            flood(&mut queue);
            let used = serve(&mut queue, threads, 1_000_000, flood);
            assert_even(&used, "rsa", "es384");
        }
    }

    #[test]
    fn one_long_job_at_a_time_gets_no_more_than_its_share() {
        let mut queue = queue(100, 1_000);
        let refill = |queue: &mut Queue| {
            if queue.queued_by_others(&"flood") == 0 {
                queue.push("single", work(1_490)).unwrap();
            }
            while queue.push("flood", work(85)).is_ok() {}
        };
        refill(&mut queue);
        let used = serve(&mut queue, 1, 1_000_000, refill);
        assert_even(&used, "single", "flood");
    }

    #[test]
    fn a_newcomer_is_next_however_many_wait() {
        let mut queue = queue(1_000, 10_000);
        for _ in 0..1_000 {
            queue.push("flood", work(1_490)).unwrap();
        }
        serve(&mut queue, 2, 100_000, |_| ());
        queue.push("newcomer", work(250)).unwrap();
        let (turn, _) = queue.pop(&mut 0).unwrap();
        assert_eq!(turn.owner, "newcomer");
    }

    #[test]
    fn jobs_of_one_owner_keep_their_order() {
        let mut queue = queue(10, 100);
        for micros in 1..=5 {
            queue.push("a", work(micros)).unwrap();
        }
        let order: Vec<u64> =
            std::iter::from_fn(|| queue.pop(&mut 0)).map(|(_, job)| job.0 / US).collect();
        assert_eq!(order, [1, 2, 3, 4, 5]);
    }

    #[test]
    fn an_owner_takes_no_more_than_is_left_for_everybody() {
        let mut queue = queue(100, 12);
        let mut fill = |owner| (0..100).filter(|_| queue.push(owner, work(1)).is_ok()).count();
        assert_eq!([fill("a"), fill("a"), fill("b"), fill("c"), fill("d")], [6, 0, 3, 2, 1]);
        assert_eq!(fill("e"), 0, "it is full");
        let mut queue = self::queue(4, 12);
        assert_eq!((0..100).filter(|_| queue.push("a", work(1)).is_ok()).count(), 4);
    }

    #[test]
    fn abandoned_jobs_are_passed_over() {
        let mut queue = queue(10, 100);
        let gone = work(1);
        gone.1.set(true);
        queue.push("a", gone).unwrap();
        queue.push("b", work(2)).unwrap();
        let mut abandoned = 0;
        let (turn, job) = queue.pop(&mut abandoned).unwrap();
        assert_eq!((turn.owner, job.0, abandoned, queue.queued()), ("b", 2 * US, 1, 0));
        assert!(queue.pop(&mut abandoned).is_none());
        assert_eq!(queue.running(), 1);
        queue.settle(&turn, 2 * US);
        assert_eq!(queue.running(), 0);
    }

    #[test]
    fn those_who_went_away_are_forgotten() {
        let mut queue: FairQueue<u64, Work> =
            FairQueue::new(Bounds { per_owner: 10, total: 100 }, US);
        let resident = u64::MAX;
        queue.push(resident, work(1)).unwrap();
        for visitor in 0..20_000 {
            queue.push(visitor, work(1)).unwrap();
            queue.push(resident, work(1)).unwrap();
            for _ in 0..2 {
                let (turn, job) = queue.pop(&mut 0).unwrap();
                queue.settle(&turn, job.0);
            }
            assert!(queue.queued() > 0, "it is never idle");
        }
        assert!(queue.owners.len() <= 202, "{}", queue.owners.len());
    }
}
