//! Orders with ACME authorities: how an operation whose issuer is one moves on.
//!
//! All that there is to know of an order lies in the operation's row, so that any node goes on
//! with it at any time. A step asks the authority, and so takes its time: it runs beside the
//! sweeper, which picks up in a later round what came of it, and never waits for anybody.

mod account;
mod steps;
mod words;

use minicbor::{Decode, Encode};
use strongroom_acme::{AcmeDirectories, AcmeDirectory, AcmeError, Answer, RenewalWindow, Step};
use strongroom_crypto::{SecretBytes, digest};
use strongroom_model::certificates::{
    CertificateOperation, Issuer, OperationError, X509Properties,
};
use strongroom_model::{Timestamp, VaultId};
use strongroom_store::Store;

use crate::acme::AcmeId;
use crate::{OpError, Ops};
pub(crate) use account::AccountRow;
pub(crate) use steps::Steps;
use steps::{Looked, Outcome, Work};
pub(crate) use words::not_integrated;

/// After this time an order that has not come to a certificate is given up, in seconds: a day.
const LONGEST_ORDER: i64 = 24 * 3_600;

/// Where an order is: a part of the operation's row.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Order {
    /// Its URL, once the authority has taken it.
    #[n(0)]
    url: Option<String>,
    /// The answers to challenges that have been placed: each the name, and what stands there.
    #[n(1)]
    answers: Vec<(String, String)>,
    /// The identifier (RFC 9773, 4.1) of the certificate that it replaces.
    #[n(2)]
    replaces: Option<String>,
    /// The directory of the authority that has it.
    #[n(3)]
    directory: Option<String>,
}

impl Order {
    /// An order that begins. `replaced` is the certificate (DER) that it renews.
    pub(crate) fn new(replaced: Option<&[u8]>) -> Self {
        let replaces = replaced.and_then(strongroom_pki::acme::renewal_identifier);
        Self { replaces, ..Self::default() }
    }

    fn answers(&self) -> Vec<Answer> {
        let answer =
            |(name, value): &(String, String)| Answer { name: name.clone(), value: value.clone() };
        self.answers.iter().map(answer).collect()
    }
}

/// One step of an order: what there is to go by.
pub(crate) struct OrderStep<'a> {
    /// The vault.
    pub(crate) vault: VaultId,
    /// The operation's issuer, whose provider is ACME.
    pub(crate) issuer: &'a Issuer,
    /// The issuer's password: the key of the external account, if there is one.
    pub(crate) password: Option<&'a SecretBytes>,
    /// The operation, in progress.
    pub(crate) operation: &'a CertificateOperation,
    /// What the certificate is to say: the policy with which the operation began.
    pub(crate) x509: &'a X509Properties,
    /// Where the order is.
    pub(crate) order: &'a Order,
    /// The time.
    pub(crate) now: Timestamp,
}

/// What became of a step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// There is nothing to write; the order is looked at again in the next round.
    Waiting,
    /// The order has moved, or what is to be said of it has changed: the row is to be written.
    Moved {
        /// Where it is now.
        order: Order,
        /// Where it is, in words.
        details: Option<String>,
        /// Why it does not move, though it is not given up yet.
        error: Option<OperationError>,
    },
    /// The chain, in the authority's order.
    Issued(Vec<Vec<u8>>),
    /// It will not come to a certificate: the operation has failed.
    Failed(OperationError),
    /// It was to be given up, and has been.
    Cancelled,
}

/// What a certificate of an ACME authority says: such authorities certify alternative names only,
/// so that a domain name in the subject's common name stands among them too.
pub(crate) fn with_named_domain(x509: &X509Properties) -> X509Properties {
    let mut x509 = x509.clone();
    let names = &mut x509.sans.dns_names;
    if let Some(named) = strongroom_pki::acme::named_domain(&x509.subject)
        && !names.iter().any(|name| name.eq_ignore_ascii_case(&named))
    {
        names.insert(0, named);
    }
    x509
}

impl<S: Store> Ops<S> {
    /// Names the ACME authorities that issuers may name, once: before, their orders wait.
    pub fn set_acme_directories(&self, directories: AcmeDirectories) {
        self.orders.set_directories(directories);
    }

    /// What is answered to an ACME authority that validates a name by HTTP-01.
    pub fn challenge_answer(&self, token: &str) -> Option<String> {
        self.orders.directories()?.challenges().http_answer(token)
    }

    /// Whether an issuer of provider ACME can be asked for a certificate at all: its directory is
    /// configured, and the configured challenge proves the names.
    ///
    /// # Errors
    /// What is to stand in the operation, which has failed then.
    pub(crate) fn check_order(
        &self,
        vault: VaultId,
        issuer: &Issuer,
        x509: &X509Properties,
    ) -> Result<(), OperationError> {
        let directory = self.directory_of(vault, issuer)?;
        let names = directory.identifiers(&with_named_domain(x509));
        names.map(|_| ()).map_err(|error| words::failed(directory, &error))
    }

    /// Goes on with an order: begins its next step, or says what came of the last one. Waits for
    /// nobody but the store.
    pub(crate) async fn advance_order(&self, step: &OrderStep<'_>) -> Progress {
        match self.go_on(step).await {
            Ok(progress) => progress,
            Err(error) => {
                tracing::error!(%error, "an order could not be looked at");
                Progress::Waiting
            }
        }
    }

    /// That an operation has ended, whatever came of it: takes the answers to its challenges away.
    pub(crate) fn abandon_order(&self, operation: &CertificateOperation, order: &Order) {
        self.orders.forget(&operation.request_id);
        if let Some(directory) = &order.directory {
            self.orders.remove(directory, order.answers());
        }
    }

    async fn go_on(&self, step: &OrderStep<'_>) -> Result<Progress, OpError> {
        let (operation, order) = (step.operation, step.order);
        if operation.cancellation_requested {
            self.abandon_order(operation, order);
            return Ok(Progress::Cancelled);
        }
        if self.orders.directories().is_none() {
            return Ok(Progress::Waiting);
        }
        let directory = match self.directory_of(step.vault, step.issuer) {
            Ok(directory) => directory,
            Err(error) => {
                self.abandon_order(operation, order);
                return Ok(Progress::Failed(error));
            }
        };
        let outcome = match self.orders.look(&operation.request_id) {
            Looked::Running => return Ok(Progress::Waiting),
            // Read before what came of the last step was written.
            Looked::Idle if !self.orders.is_expected(&operation.request_id, order) => {
                return Ok(Progress::Waiting);
            }
            Looked::Idle => return self.begin_step(step, directory).await,
            Looked::Done(outcome) => outcome,
        };
        Ok(match outcome {
            Ok(Outcome::Registered(account)) => {
                let account = account.of(&step.issuer.name, step.now);
                self.put_account(step.vault, account_id(step.issuer, directory), account).await?;
                self.begin_step(step, directory).await?
            }
            Ok(Outcome::Begun(url)) => {
                let directory = Some(directory.name().to_owned());
                self.moved(step, Order { url: Some(url), directory, ..order.clone() }, None)
            }
            Ok(Outcome::Advanced(Step::Placed(answers))) => {
                // An authority may ask for others than before; those are kept track of no more.
                let mut gone = order.answers();
                gone.retain(|answer| !answers.contains(answer));
                self.orders.remove(directory.name(), gone);
                let pair = |answer: Answer| (answer.name, answer.value);
                let answers = answers.into_iter().map(pair).collect();
                let details = Some("The answers to the authority's challenges are placed.");
                self.moved(step, Order { answers, ..order.clone() }, details)
            }
            Ok(Outcome::Advanced(Step::Waiting(why))) => {
                if operation.status_details.as_deref() == Some(why) && operation.error.is_none() {
                    Progress::Waiting
                } else {
                    self.moved(step, order.clone(), Some(why))
                }
            }
            Ok(Outcome::Advanced(Step::Issued(chain))) => {
                self.abandon_order(operation, order);
                Progress::Issued(chain)
            }
            Err(error) => self.went_wrong(step, directory, &error).await?,
        })
    }

    /// Begins the next step of an order.
    async fn begin_step(
        &self,
        step: &OrderStep<'_>,
        directory: &AcmeDirectory,
    ) -> Result<Progress, OpError> {
        let identifiers = match directory.identifiers(&with_named_domain(step.x509)) {
            Ok(identifiers) => identifiers,
            Err(error) => {
                self.abandon_order(step.operation, step.order);
                return Ok(Progress::Failed(words::failed(directory, &error)));
            }
        };
        let id = account_id(step.issuer, directory);
        let account = self.account(step.vault, id).await?;
        let work = match (account, step.order.url.clone()) {
            (None, _) => {
                let key_id = step.issuer.account_id.clone().filter(|id| !id.is_empty());
                let password = step.password.map(|key| SecretBytes::new(key.expose().to_vec()));
                Work::Register { external: key_id.zip(password) }
            }
            (Some(account), None) => {
                Work::Begin { account, identifiers, replaces: step.order.replaces.clone() }
            }
            (Some(account), Some(url)) => Work::Advance {
                account,
                url,
                identifiers,
                csr: step.operation.csr.clone(),
                placed: step.order.answers(),
            },
        };
        let one_at_a_time = matches!(work, Work::Register { .. }).then_some(id.0);
        let named = step.issuer.organization.id.clone().unwrap_or_default();
        self.orders.begin(step.operation.request_id, one_at_a_time, named, work);
        Ok(Progress::Waiting)
    }

    /// What an error means for an order: another try later, or its end.
    async fn went_wrong(
        &self,
        step: &OrderStep<'_>,
        directory: &AcmeDirectory,
        error: &AcmeError,
    ) -> Result<Progress, OpError> {
        let (operation, order) = (step.operation, step.order);
        let is_late = step.now.seconds_since(operation.created) > LONGEST_ORDER;
        let mut begun_anew = order.clone();
        if error.account_is_unknown() {
            self.forget_account(step.vault, account_id(step.issuer, directory)).await?;
            begun_anew = Order { url: None, ..begun_anew };
        } else if error.order_is_unknown() && order.url.is_some() {
            begun_anew = Order { url: None, ..begun_anew };
        } else if error.is_final() {
            self.abandon_order(operation, order);
            return Ok(Progress::Failed(words::failed(directory, error)));
        }
        if is_late {
            self.abandon_order(operation, order);
            return Ok(Progress::Failed(words::failed(directory, error)));
        }
        self.orders.rest(&operation.request_id, error.retry_after());
        let said = words::hindered(directory, error);
        if operation.error.as_ref() == Some(&said) && begun_anew == *order {
            return Ok(Progress::Waiting);
        }
        self.orders.note_written(&operation.request_id, &begun_anew);
        Ok(Progress::Moved { order: begun_anew, details: None, error: Some(said) })
    }

    fn moved(&self, step: &OrderStep<'_>, order: Order, details: Option<&str>) -> Progress {
        self.orders.note_written(&step.operation.request_id, &order);
        Progress::Moved { order, details: details.map(str::to_owned), error: None }
    }

    /// When the authority of an issuer wants a certificate (DER) to be renewed (RFC 9773); `None`
    /// while it has not said so. Waits for nobody but the store: asks beside, and knows later.
    pub(crate) async fn renewal_window(
        &self,
        vault: VaultId,
        issuer: &Issuer,
        certificate: &[u8],
    ) -> Option<RenewalWindow> {
        let directory = self.directory_of(vault, issuer).ok()?;
        let identifier = strongroom_pki::acme::renewal_identifier(certificate)?;
        let id = digest::sha256(certificate);
        if let Some(known) = self.orders.window(&id) {
            return known;
        }
        let account = self.account(vault, account_id(issuer, directory)).await.ok()??;
        let named = issuer.organization.id.clone().unwrap_or_default();
        self.orders.ask_window(id, named, account, identifier);
        None
    }

    /// The directory that an issuer of a vault names, if the operator opens it to that vault.
    fn directory_of(
        &self,
        vault: VaultId,
        issuer: &Issuer,
    ) -> Result<&AcmeDirectory, OperationError> {
        let named = issuer.organization.id.as_deref().unwrap_or_default();
        let directories = self.orders.directories();
        let known = self.directory.current();
        let vault = known.vault_by_id(vault).map(|vault| &vault.resource.name);
        let vault = vault.ok_or_else(words::no_vault)?;
        match directories.and_then(|directories| directories.find(named)) {
            Some(directory) if directory.is_open_to(vault) => Ok(directory),
            Some(directory) => Err(words::not_open(directory, vault)),
            None => Err(words::no_directory(named, directories, vault)),
        }
    }

    async fn account(&self, vault: VaultId, id: AcmeId) -> Result<Option<AccountRow>, OpError> {
        account::get(self.ring.vault(vault).await?, vault, &self.snapshot().await?, id).await
    }

    /// Keeps an account. Another node may have been first: then its account counts.
    async fn put_account(
        &self,
        vault: VaultId,
        id: AcmeId,
        account: AccountRow,
    ) -> Result<(), OpError> {
        let txn = account::insert(self.ring.vault(vault).await?, vault, id, &account)?;
        self.store.commit(txn).await?;
        Ok(())
    }

    async fn forget_account(&self, vault: VaultId, id: AcmeId) -> Result<(), OpError> {
        let txn = account::delete(self.ring.vault(vault).await?, vault, id);
        self.store.commit(txn).await?;
        Ok(())
    }
}

/// Every issuer has an account of its own at its authority, and another one when its external
/// account changes.
fn account_id(issuer: &Issuer, directory: &AcmeDirectory) -> AcmeId {
    let external = issuer.account_id.as_deref().unwrap_or_default();
    let parts = [issuer.name.folded(), directory.url().to_owned(), external.to_owned()];
    let hashed = parts.map(|part| digest::sha256(part.as_bytes()));
    AcmeId::of(&[b"client account".as_slice(), &hashed.concat()])
}
