//! The queue, and the tasks that empty it.

use std::sync::Arc;
use std::time::Duration;

use lettre::transport::smtp::Error as SmtpError;
use lettre::{Address, AsyncTransport};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::letter::Written;
use crate::pause;
use crate::settings::Transport;
use crate::{Letter, MailError, Settings};

/// The most letters that wait at a time.
pub const MOST_LETTERS: usize = 1_024;
/// The most connections at a time.
const MOST_CONNECTIONS: usize = 2;
/// The longest wait for one step of the protocol.
pub(crate) const STEP_TIMEOUT: Duration = Duration::from_secs(20);
/// The longest attempt.
const TIMEOUT: Duration = Duration::from_secs(60);

/// Brings letters to an SMTP server.
pub struct Mailer {
    sender: Address,
    route: Arc<Route>,
    places: Arc<Semaphore>,
    tasks: TaskTracker,
    stop: CancellationToken,
}

/// The way to the server.
struct Route {
    transport: Transport,
    connections: Semaphore,
}

/// How an attempt ended.
enum Attempt {
    Taken,
    Refused(String),
    Failed(String),
}

impl Mailer {
    /// A mailer for a server. It does not connect before there is a letter.
    ///
    /// # Errors
    /// [`MailError`] when the settings cannot be used as they are.
    pub fn open(settings: Settings) -> Result<Self, MailError> {
        let sender = settings.sender()?;
        let transport = settings.transport(&sender)?;
        Ok(Self {
            sender,
            route: Arc::new(Route { transport, connections: Semaphore::new(MOST_CONNECTIONS) }),
            places: Arc::new(Semaphore::new(MOST_LETTERS)),
            tasks: TaskTracker::new(),
            stop: CancellationToken::new(),
        })
    }

    /// Takes a letter, which is sent later, from within a Tokio runtime.
    ///
    /// # Errors
    /// [`MailError::Address`] and [`MailError::Letter`] when the letter cannot be sent, ever;
    /// [`MailError::Full`] when [`MOST_LETTERS`] wait already.
    pub fn post(&self, letter: &Letter) -> Result<(), MailError> {
        let written = letter.written(&self.sender)?;
        let place = Arc::clone(&self.places)
            .try_acquire_owned()
            .map_err(|_| MailError::Full(MOST_LETTERS))?;
        let (route, stop, to) = (Arc::clone(&self.route), self.stop.clone(), letter.to.clone());
        self.tasks.spawn(async move {
            let _place = place;
            let sent = stop.run_until_cancelled(route.deliver(&to, &written)).await;
            if sent.is_none() {
                tracing::warn!(%to, "a letter was not sent before the stop");
            }
        });
        Ok(())
    }

    /// How many letters wait.
    pub fn waiting(&self) -> usize {
        MOST_LETTERS.saturating_sub(self.places.available_permits())
    }

    /// Gives up what has not been sent.
    pub async fn close(&self) {
        self.stop.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }
}

impl Route {
    /// Sends a letter, again and again until the server takes it, refuses it for good, or the
    /// pauses are used up.
    async fn deliver(&self, to: &str, written: &Written) {
        for failed in 1.. {
            let why = match self.attempt(written).await {
                Attempt::Taken => return tracing::info!(%to, "a letter was sent"),
                Attempt::Refused(why) => {
                    return tracing::error!(%to, %why, "a letter was refused for good");
                }
                Attempt::Failed(why) => why,
            };
            let Some(pause) = pause::after(failed) else {
                return tracing::error!(%to, %why, "a letter was given up");
            };
            tracing::warn!(%to, %why, ?pause, "a letter was not sent; it is tried again");
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, written: &Written) -> Attempt {
        // Closed never: the semaphore lives as long as the route.
        let Ok(_connection) = self.connections.acquire().await else {
            return Attempt::Failed("there is no connection".into());
        };
        let sending = self.transport.send_raw(&written.envelope, &written.bytes);
        match tokio::time::timeout(TIMEOUT, sending).await {
            Ok(Ok(_)) => Attempt::Taken,
            Ok(Err(error)) if error.is_permanent() => Attempt::Refused(told(&error)),
            Ok(Err(error)) => Attempt::Failed(told(&error)),
            Err(_) => Attempt::Failed("the server did not answer in time".into()),
        }
    }
}

/// What the server said, on one line.
fn told(error: &SmtpError) -> String {
    let text = error.to_string();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}
