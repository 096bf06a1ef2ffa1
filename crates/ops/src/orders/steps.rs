//! The steps of orders that run beside the sweeper, and what came of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use strongroom_acme::{
    AcmeDirectories, AcmeDirectory, AcmeError, Answer, ExternalAccount, Identifiers, RenewalWindow,
    Step,
};
use strongroom_crypto::SecretBytes;

use super::Order;
use super::account::AccountRow;

/// The pause after a first failure; after each further one it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(2);

/// The longest pause that we make on our own account.
const LONGEST_PAUSE: Duration = Duration::from_secs(3_600);

/// What nobody asked for again is forgotten after this time: a day.
const KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How long a step may run: longer than any can, so one that is older has died.
const ALIVE: Duration = Duration::from_secs(300);

/// How long what came of a step may take to be written; if it was not, the step is done again.
const WRITTEN: Duration = Duration::from_secs(10);

/// The most steps at a time with one authority: its connections, and its patience, are not endless,
/// however many orders there are. The others wait for a later round.
const AT_ONCE: usize = 64;

/// After this time an authority that gave no answer is asked about a renewal again.
const ASK_AGAIN: Duration = Duration::from_secs(6 * 3_600);

/// What a step does.
pub(super) enum Work {
    Register {
        external: Option<(String, SecretBytes)>,
    },
    Begin {
        account: AccountRow,
        identifiers: Identifiers,
        replaces: Option<String>,
    },
    Advance {
        account: AccountRow,
        url: String,
        identifiers: Identifiers,
        csr: Vec<u8>,
        placed: Vec<Answer>,
    },
}

/// What came of a step.
pub(super) enum Outcome {
    Registered(AccountRow),
    Begun(String),
    Advanced(Step),
}

/// What there is to know of an operation's step.
pub(super) enum Looked {
    /// It runs, or the authority is left alone for a while.
    Running,
    /// It is done; now it is forgotten.
    Done(Result<Outcome, AcmeError>),
    /// There is none.
    Idle,
}

/// The steps of a node.
#[derive(Clone, Default)]
pub(crate) struct Steps {
    directories: Arc<OnceLock<AcmeDirectories>>,
    operations: Table<[u8; 16], Running>,
    windows: Table<[u8; 32], Window>,
}

type Table<K, V> = Arc<Mutex<HashMap<K, V>>>;

/// The step of an operation.
struct Running {
    state: State,
    /// The authority's name.
    directory: String,
    /// What else may not run at the same time.
    alone: Option<[u8; 16]>,
    changed: Instant,
    failures: u32,
    /// The order as the last step left it, and until when nobody begins with another one.
    expected: Option<(Order, Instant)>,
}

enum State {
    Running,
    Done(Result<Outcome, AcmeError>),
    Resting(Instant),
}

struct Window {
    window: Option<RenewalWindow>,
    until: Instant,
}

impl Steps {
    pub(super) fn set_directories(&self, directories: AcmeDirectories) {
        let _ = self.directories.set(directories);
    }

    pub(super) fn directories(&self) -> Option<&AcmeDirectories> {
        self.directories.get()
    }

    fn find(&self, name: &str) -> Option<&AcmeDirectory> {
        self.directories()?.find(name)
    }

    pub(super) fn look(&self, operation: &[u8; 16]) -> Looked {
        let mut operations = lock(&self.operations);
        let Some(running) = operations.get_mut(operation) else { return Looked::Idle };
        let now = Instant::now();
        let rest = State::Resting(now);
        match std::mem::replace(&mut running.state, rest) {
            State::Done(outcome) => {
                if outcome.is_ok() {
                    running.failures = 0;
                }
                Looked::Done(outcome)
            }
            State::Resting(until) if until <= now => Looked::Idle,
            State::Running if now.duration_since(running.changed) > ALIVE => Looked::Idle,
            other => {
                running.state = other;
                Looked::Running
            }
        }
    }

    /// Begins a step, unless another one runs that it may not run beside, or too many do.
    pub(super) fn begin(
        &self,
        operation: [u8; 16],
        alone: Option<[u8; 16]>,
        directory: String,
        work: Work,
    ) {
        {
            let mut operations = lock(&self.operations);
            let now = Instant::now();
            operations.retain(|_, running| now.duration_since(running.changed) < KEPT);
            let is_young = |running: &Running| now.duration_since(running.changed) < ALIVE;
            let is_busy = |running: &&Running| {
                matches!(running.state, State::Running)
                    && is_young(running)
                    && running.directory.eq_ignore_ascii_case(&directory)
            };
            if operations.values().filter(is_busy).count() >= AT_ONCE {
                return;
            }
            let is_taken = |running: &Running| {
                let is_there = matches!(running.state, State::Running | State::Done(_));
                is_there && is_young(running) && running.alone == alone
            };
            if alone.is_some() && operations.values().any(is_taken) {
                return;
            }
            let failures = operations.get(&operation).map_or(0, |running| running.failures);
            let state = State::Running;
            let (changed, expected, directory) = (now, None, directory.clone());
            let running = Running { state, directory, alone, changed, failures, expected };
            operations.insert(operation, running);
        }
        let steps = self.clone();
        tokio::spawn(async move {
            let outcome = work.run(steps.find(&directory)).await;
            if let Some(answers) = steps.done(operation, outcome) {
                steps.remove(&directory, answers);
            }
        });
    }

    /// Keeps what came of a step. If its operation has ended meanwhile, nobody will: then these are
    /// the answers to be taken away.
    fn done(
        &self,
        operation: [u8; 16],
        outcome: Result<Outcome, AcmeError>,
    ) -> Option<Vec<Answer>> {
        match (lock(&self.operations).get_mut(&operation), outcome) {
            (Some(running), outcome) => {
                running.state = State::Done(outcome);
                running.changed = Instant::now();
                None
            }
            (None, Ok(Outcome::Advanced(Step::Placed(answers)))) => Some(answers),
            (None, _) => None,
        }
    }

    /// What the order is now, once that is written: whoever still reads it as it was begins no
    /// step with it.
    pub(super) fn note_written(&self, operation: &[u8; 16], order: &Order) {
        if let Some(running) = lock(&self.operations).get_mut(operation) {
            running.expected = Some((order.clone(), Instant::now() + WRITTEN));
        }
    }

    /// Whether an order is as its last step left it, as far as anybody knows.
    pub(super) fn is_expected(&self, operation: &[u8; 16], order: &Order) -> bool {
        let operations = lock(&self.operations);
        let expected = operations.get(operation).and_then(|running| running.expected.as_ref());
        expected.is_none_or(|(expected, until)| expected == order || *until < Instant::now())
    }

    /// Leaves the authority alone after a failure: for as long as it wishes, or ever longer.
    pub(super) fn rest(&self, operation: &[u8; 16], wish: Option<Duration>) {
        if let Some(running) = lock(&self.operations).get_mut(operation) {
            let doubled = FIRST_PAUSE.saturating_mul(1 << running.failures.min(16));
            let pause = wish.unwrap_or_default().max(doubled.min(LONGEST_PAUSE));
            running.failures = running.failures.saturating_add(1);
            running.changed = Instant::now();
            running.state = State::Resting(Instant::now() + pause);
        }
    }

    /// Forgets the step of an operation that has ended.
    pub(super) fn forget(&self, operation: &[u8; 16]) {
        lock(&self.operations).remove(operation);
    }

    /// Takes answers away, beside everything else.
    pub(super) fn remove(&self, directory: &str, answers: Vec<Answer>) {
        if answers.is_empty() {
            return;
        }
        let (steps, directory) = (self.clone(), directory.to_owned());
        tokio::spawn(async move {
            if let Some(directory) = steps.find(&directory) {
                directory.remove(&answers).await;
            }
        });
    }

    /// What an authority last said of a certificate's renewal; the outer `None` if it is to be
    /// asked.
    pub(super) fn window(&self, certificate: &[u8; 32]) -> Option<Option<RenewalWindow>> {
        let windows = lock(&self.windows);
        let known = windows.get(certificate).filter(|window| window.until > Instant::now());
        known.map(|known| known.window)
    }

    /// Asks an authority about a certificate's renewal.
    pub(super) fn ask_window(
        &self,
        certificate: [u8; 32],
        directory: String,
        account: AccountRow,
        identifier: String,
    ) {
        let now = Instant::now();
        {
            let mut windows = lock(&self.windows);
            windows.retain(|_, window| window.until + KEPT > now);
            // What was said before counts until there is something newer.
            let window = windows.get(&certificate).and_then(|window| window.window);
            windows.insert(certificate, Window { window, until: now + ASK_AGAIN });
        }
        let steps = self.clone();
        tokio::spawn(async move {
            let Some(directory) = steps.find(&directory) else { return };
            match directory.renewal_window(&account.key(), &identifier).await {
                Ok(window) => {
                    let again = window.map_or(ASK_AGAIN, |window| window.again_in);
                    let known = Window { window, until: Instant::now() + again };
                    lock(&steps.windows).insert(certificate, known);
                }
                Err(error) => tracing::info!(%error, "no renewal information"),
            }
        });
    }
}

impl Work {
    async fn run(self, directory: Option<&AcmeDirectory>) -> Result<Outcome, AcmeError> {
        let gone = || AcmeError::Settings("the directory is not in the configuration".into());
        let directory = directory.ok_or_else(gone)?;
        match self {
            Self::Register { external } => {
                let external = external.as_ref();
                let external =
                    external.map(|(key_id, hmac_key)| ExternalAccount { key_id, hmac_key });
                let account = directory.register(external.as_ref()).await?;
                Ok(Outcome::Registered(AccountRow::new(&account)))
            }
            Self::Begin { account, identifiers, replaces } => {
                let url =
                    directory.begin(&account.key(), &identifiers, replaces.as_deref()).await?;
                Ok(Outcome::Begun(url))
            }
            Self::Advance { account, url, identifiers, csr, placed } => {
                let account = account.key();
                let step = directory.advance(&account, &url, &identifiers, &csr, &placed).await?;
                Ok(Outcome::Advanced(step))
            }
        }
    }
}

fn lock<K, V>(table: &Table<K, V>) -> MutexGuard<'_, HashMap<K, V>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPERATION: [u8; 16] = [1; 16];

    fn register() -> Work {
        Work::Register { external: None }
    }

    async fn outcome(steps: &Steps, operation: [u8; 16]) -> Result<Outcome, AcmeError> {
        loop {
            match steps.look(&operation) {
                Looked::Done(outcome) => return outcome,
                Looked::Running => tokio::task::yield_now().await,
                Looked::Idle => panic!("the step was forgotten"),
            }
        }
    }

    /// No directory is configured, so every step ends at once, and in vain.
    #[tokio::test]
    async fn what_came_of_a_step_is_picked_up_once_and_then_there_is_a_pause() {
        let steps = Steps::default();
        assert!(matches!(steps.look(&OPERATION), Looked::Idle));
        steps.begin(OPERATION, None, "none".into(), register());
        assert!(outcome(&steps, OPERATION).await.is_err());
        steps.rest(&OPERATION, Some(Duration::from_secs(3_600)));
        assert!(matches!(steps.look(&OPERATION), Looked::Running), "the authority's wish");
        steps.forget(&OPERATION);
        assert!(matches!(steps.look(&OPERATION), Looked::Idle));
    }

    #[tokio::test]
    async fn an_account_is_opened_by_one_operation_at_a_time() {
        let steps = Steps::default();
        let (other, account) = ([2; 16], Some([7; 16]));
        steps.begin(OPERATION, account, "none".into(), register());
        steps.begin(other, account, "none".into(), register());
        assert!(matches!(steps.look(&other), Looked::Idle), "it waits for the first");
        assert!(outcome(&steps, OPERATION).await.is_err());
        steps.begin(other, account, "none".into(), register());
        assert!(outcome(&steps, other).await.is_err());
    }

    /// A thousand orders open no thousand connections; another authority's go on.
    #[tokio::test]
    async fn an_authority_is_asked_so_much_at_a_time() {
        let steps = Steps::default();
        let operation = |n: u8| [n; 16];
        // Nothing that is begun runs before this test waits for something.
        for n in 0..=64 {
            steps.begin(operation(n), None, if n < 32 { "One" } else { "one" }.into(), register());
        }
        assert!(matches!(steps.look(&operation(63)), Looked::Running));
        assert!(matches!(steps.look(&operation(64)), Looked::Idle), "it waits for a later round");
        steps.begin(operation(65), None, "two".into(), register());
        assert!(matches!(steps.look(&operation(65)), Looked::Running));
        for n in 0..64 {
            assert!(outcome(&steps, operation(n)).await.is_err());
        }
        steps.begin(operation(64), None, "one".into(), register());
        assert!(outcome(&steps, operation(64)).await.is_err());
    }

    #[tokio::test]
    async fn what_was_placed_for_an_operation_that_has_ended_is_taken_away() {
        let steps = Steps::default();
        let answers = vec![Answer { name: "_acme-challenge.a".into(), value: "v".into() }];
        let placed = || Ok(Outcome::Advanced(Step::Placed(answers.clone())));
        steps.begin(OPERATION, None, "none".into(), register());
        assert_eq!(steps.done(OPERATION, placed()), None, "the operation's row will say so");
        steps.forget(&OPERATION);
        assert_eq!(steps.done(OPERATION, placed()), Some(answers));
    }

    #[tokio::test]
    async fn nobody_goes_on_with_an_order_as_it_was() {
        let steps = Steps::default();
        let (before, after) =
            (Order::new(None), Order { url: Some("u".into()), ..Order::new(None) });
        assert!(steps.is_expected(&OPERATION, &before), "after a restart nothing is known");
        steps.begin(OPERATION, None, "none".into(), register());
        assert!(outcome(&steps, OPERATION).await.is_err());
        steps.note_written(&OPERATION, &after);
        assert!(!steps.is_expected(&OPERATION, &before));
        assert!(steps.is_expected(&OPERATION, &after));
    }
}
