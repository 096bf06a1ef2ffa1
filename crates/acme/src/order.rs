//! One order: its names, and the steps to its certificate (RFC 8555, 7.4).

use std::net::IpAddr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use instant_acme::{
    AuthorizationStatus, ChallengeHandle, ChallengeStatus, ChallengeType, Identifier, NewOrder,
    Order, OrderStatus,
};
use strongroom_crypto::SecretBytes;
use strongroom_model::certificates::X509Properties;
use strongroom_pki::acme::challenge_certificate;
use tokio::time::{Instant, sleep};

use crate::challenges::ChallengeCertificate;
use crate::directory::{AccountKey, AcmeDirectory, ChallengeKind, bounded};
use crate::dns::Change;
use crate::error::problem_text;
use crate::transport::Transport;
use crate::{AcmeError, renewal};

/// The most names in one order: what the large authorities take.
const MOST_NAMES: usize = 100;

/// For how long one step looks at an order again and again, before it leaves it for the next.
const LOOKING: Duration = Duration::from_secs(15);

/// The time between two looks; it doubles.
const FIRST_LOOK: Duration = Duration::from_millis(250);
const LAST_LOOK: Duration = Duration::from_secs(2);

/// What is said of a name that the operator keeps this authority from being asked for.
const NOT_ALLOWED: &str = "not among the names that the configuration lets this ACME directory be \
                           asked for (acme_directory.allowed_dns)";

/// The names of an order, as they are certified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identifiers(Vec<Identifier>);

/// An answer to a challenge: what is placed under which name. For HTTP-01 a token and its key
/// authorization, for TLS-ALPN-01 a server name and a digest (base64url), for DNS-01 a name and its
/// TXT value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// Under which name.
    pub name: String,
    /// What.
    pub value: String,
}

/// Where an order is after a step.
#[derive(Debug)]
pub enum Step {
    /// These answers are placed, all of the order. Keep them: they have to be removed at its end,
    /// and the authority is told of them in the next step.
    Placed(Vec<Answer>),
    /// The authority is at work.
    Waiting(&'static str),
    /// The chain that it has issued, in its order.
    Issued(Vec<Vec<u8>>),
}

impl AcmeDirectory {
    /// The names of a certificate, if this authority and its challenge can be asked for them.
    ///
    /// # Errors
    /// [`AcmeError::Names`].
    pub fn identifiers(&self, x509: &X509Properties) -> Result<Identifiers, AcmeError> {
        let refused = |why: String| Err(AcmeError::Names(why));
        let sans = &x509.sans;
        if !(sans.emails.is_empty() && sans.upns.is_empty() && sans.uris.is_empty()) {
            return refused(
                "an ACME authority certifies DNS names and addresses, and neither e-mail \
                 addresses nor user principal names nor URIs"
                    .into(),
            );
        }
        let mut identifiers = Vec::new();
        for name in &sans.dns_names {
            identifiers.push(Identifier::Dns(self.dns_name(name)?));
        }
        for address in &sans.ip_addresses {
            let Ok(address) = address.parse::<IpAddr>() else {
                return refused(format!("{address} is no address"));
            };
            if self.challenge == ChallengeKind::Dns01 {
                return refused(format!("dns-01 proves no addresses, such as {address}"));
            }
            if self.allowed_dns.is_some() {
                return refused(format!("{address}: {NOT_ALLOWED}"));
            }
            identifiers.push(Identifier::Ip(address));
        }
        identifiers.dedup();
        if identifiers.is_empty() {
            return refused(
                "an ACME authority certifies the subject alternative names, and there are none: \
                 name a DNS name in the subject's CN or in sans.dns_names"
                    .into(),
            );
        }
        if identifiers.len() > MOST_NAMES {
            return refused(format!("an order has at most {MOST_NAMES} names"));
        }
        Ok(Identifiers(identifiers))
    }

    fn dns_name(&self, name: &str) -> Result<String, AcmeError> {
        let name = name.to_ascii_lowercase();
        let refused = |why: &str| Err(AcmeError::Names(format!("{name}: {why}")));
        let base = name.strip_prefix("*.").unwrap_or(&name);
        if !is_host_name(base) {
            return refused("no DNS name");
        }
        if base != name && self.challenge != ChallengeKind::Dns01 {
            return refused("only dns-01 proves wildcard names, and another challenge is set up");
        }
        if self.allowed_dns.as_ref().is_some_and(|all| !all.iter().any(|one| covers(one, base))) {
            return refused(NOT_ALLOWED);
        }
        let record = format!("_acme-challenge.{base}");
        if self.dns.as_ref().is_some_and(|dns| !dns.covers(&record)) {
            return refused("not in the zone that the configuration has the key of");
        }
        Ok(name)
    }

    /// Begins an order and answers its URL. `replaces` is the
    /// [`strongroom_pki::acme::renewal_identifier`] of the certificate that it renews; an
    /// authority that does not know it is asked without.
    ///
    /// # Errors
    /// [`AcmeError`]: that it cannot be reached, or refuses.
    pub async fn begin(
        &self,
        account: &AccountKey,
        identifiers: &Identifiers,
        replaces: Option<&str>,
    ) -> Result<String, AcmeError> {
        bounded(async {
            let (account, transport) = self.account(account).await?;
            if let Some(replaces) = replaces.and_then(renewal::parse_identifier) {
                let new = NewOrder::new(&identifiers.0).replaces(replaces);
                if let Ok(order) = account.new_order(&new).await {
                    return Ok(order.url().to_owned());
                }
            }
            let order = account.new_order(&NewOrder::new(&identifiers.0)).await;
            Ok(order.map_err(|error| transport.explain(error))?.url().to_owned())
        })
        .await
    }

    /// Goes on with an order as far as it comes in seconds. `placed` are the answers of its last
    /// [`Step::Placed`], `csr` is the request (PKCS#10, DER) that the authority shall certify.
    ///
    /// # Errors
    /// [`AcmeError`]: whether trying again is of use, says [`AcmeError::is_final`].
    pub async fn advance(
        &self,
        account: &AccountKey,
        url: &str,
        identifiers: &Identifiers,
        csr: &[u8],
        placed: &[Answer],
    ) -> Result<Step, AcmeError> {
        bounded(async {
            let (account, transport) = self.account(account).await?;
            let order = account.order(url.to_owned()).await;
            let order = order.map_err(|error| transport.explain(error))?;
            Work { directory: self, transport, order, identifiers, placed }.go_on(csr).await
        })
        .await
    }

    /// Takes away the answers of an order that has ended, as far as that is possible.
    pub async fn remove(&self, answers: &[Answer]) {
        for Answer { name, value } in answers {
            match self.challenge {
                ChallengeKind::Http01 => self.challenges.remove_http(name),
                ChallengeKind::TlsAlpn01 => self.challenges.remove_tls(&server_name(name)),
                ChallengeKind::Dns01 => {
                    let Some(dns) = &self.dns else { continue };
                    if let Err(error) = dns.change(Change::Remove, name, value).await {
                        tracing::warn!(%error, "a challenge's record could not be removed");
                    }
                }
            }
        }
    }

    async fn place(&self, Answer { name, value }: &Answer, again: bool) -> Result<(), AcmeError> {
        match self.challenge {
            ChallengeKind::Http01 => self.challenges.place_http(name, value),
            ChallengeKind::TlsAlpn01 => {
                let digest = URL_SAFE_NO_PAD.decode(value).unwrap_or_default();
                let (certificate, key) = challenge_certificate(name, &digest)?;
                let answer = ChallengeCertificate { certificate, key };
                self.challenges.place_tls(&server_name(name), answer);
            }
            ChallengeKind::Dns01 => {
                // Records outlive this process; what it answers itself does not.
                if let Some(dns) = self.dns.as_ref().filter(|_| !again) {
                    dns.change(Change::Add, name, value).await?;
                }
            }
        }
        Ok(())
    }
}

/// A step's work on an order.
struct Work<'a> {
    directory: &'a AcmeDirectory,
    transport: Transport,
    order: Order,
    identifiers: &'a Identifiers,
    placed: &'a [Answer],
}

impl Work<'_> {
    async fn go_on(mut self, csr: &[u8]) -> Result<Step, AcmeError> {
        self.check_size()?;
        if self.order.state().status == OrderStatus::Pending {
            let answers = self.answers().await?;
            if answers.iter().any(|answer| !self.placed.contains(answer)) {
                return Ok(Step::Placed(answers));
            }
            self.tell().await?;
            if self.look(OrderStatus::Pending).await? == OrderStatus::Pending {
                return Ok(Step::Waiting("the authority validates the names"));
            }
        }
        if self.order.state().status == OrderStatus::Ready {
            let finalized = self.order.finalize_csr(csr).await;
            finalized.map_err(|error| self.transport.explain(error))?;
        }
        match self.look(OrderStatus::Processing).await? {
            OrderStatus::Valid => self.certificate().await,
            OrderStatus::Invalid => Err(self.reason().await),
            _ => Ok(Step::Waiting("the authority issues the certificate")),
        }
    }

    /// Places the answers to all challenges that are open, and says which they are.
    async fn answers(&mut self) -> Result<Vec<Answer>, AcmeError> {
        let mut answers = Vec::new();
        let mut authorizations = self.order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|e| self.transport.explain(e))?;
            let name = authorization.identifier().to_string();
            if !self.identifiers.contains(&name) {
                return Err(AcmeError::Garbage(format!("{name} is not in the order")));
            }
            match authorization.status {
                AuthorizationStatus::Pending => {}
                AuthorizationStatus::Valid => continue,
                _ => return Err(AcmeError::Invalid(complaints(&authorization))),
            }
            let kind = self.directory.challenge;
            let challenge = authorization.challenge(wanted(kind)).ok_or_else(|| {
                AcmeError::Names(format!("the authority offers no {} for {name}", kind.name()))
            })?;
            let answer = answer(kind, &challenge)?;
            self.directory.place(&answer, self.placed.contains(&answer)).await?;
            answers.push(answer);
        }
        Ok(answers)
    }

    /// Tells the authority that the answers are placed.
    async fn tell(&mut self) -> Result<(), AcmeError> {
        if self.directory.challenge == ChallengeKind::Dns01 {
            sleep(self.directory.dns_wait).await;
        }
        let mut authorizations = self.order.authorizations();
        while let Some(authorization) = authorizations.next().await {
            let mut authorization = authorization.map_err(|e| self.transport.explain(e))?;
            if authorization.status != AuthorizationStatus::Pending {
                continue;
            }
            let challenge = authorization.challenge(wanted(self.directory.challenge));
            if let Some(mut challenge) = challenge.filter(|c| c.status == ChallengeStatus::Pending)
            {
                challenge.set_ready().await.map_err(|e| self.transport.explain(e))?;
            }
        }
        Ok(())
    }

    /// Looks at the order until it is elsewhere than `from`, or it has taken long enough.
    async fn look(&mut self, from: OrderStatus) -> Result<OrderStatus, AcmeError> {
        let until = Instant::now() + LOOKING;
        let mut pause = FIRST_LOOK;
        loop {
            let status = self.order.state().status;
            if status != from || Instant::now() + pause > until {
                return Ok(status);
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_LOOK);
            self.order.refresh().await.map_err(|error| self.transport.explain(error))?;
            self.check_size()?;
        }
    }

    /// Each authorization is asked for and answered, so an authority must not list them endlessly:
    /// there is one for each name (RFC 8555, 7.1.3), or none where an earlier one counts.
    fn check_size(&mut self) -> Result<(), AcmeError> {
        let (listed, named) = (self.order.state().authorizations.len(), self.identifiers.0.len());
        if listed > named {
            let text = format!("{listed} authorizations for {named} names");
            return Err(AcmeError::Garbage(text));
        }
        Ok(())
    }

    async fn certificate(&mut self) -> Result<Step, AcmeError> {
        let chain = self.order.certificate().await;
        let chain = chain.map_err(|error| self.transport.explain(error))?;
        let chain = chain.ok_or_else(|| AcmeError::Garbage("no certificate".into()))?;
        let read = strongroom_pki::pem::read(chain.as_bytes(), &SecretBytes::default());
        Ok(Step::Issued(read?.certificates))
    }

    /// Why an order is invalid: what it says itself, and what its challenges say.
    async fn reason(&mut self) -> AcmeError {
        let mut reasons = Vec::new();
        if let Some(problem) = &self.order.state().error {
            reasons.push(problem_text(problem));
        }
        let mut authorizations = self.order.authorizations();
        while let Some(Ok(authorization)) = authorizations.next().await {
            let complaints = complaints(&authorization);
            if !complaints.is_empty() {
                reasons.push(complaints);
            }
        }
        if reasons.is_empty() {
            reasons.push("the authority does not say why".into());
        }
        AcmeError::Invalid(crate::error::shortened(&reasons.join("; ")))
    }
}

/// What the challenges of an authorization failed with.
fn complaints(authorization: &instant_acme::AuthorizationState) -> String {
    let name = authorization.identifier();
    let problems = authorization.challenges.iter().filter_map(|c| c.error.as_ref());
    let texts: Vec<String> =
        problems.map(|problem| format!("{name}: {}", problem_text(problem))).collect();
    texts.join("; ")
}

fn wanted(kind: ChallengeKind) -> ChallengeType {
    match kind {
        ChallengeKind::Http01 => ChallengeType::Http01,
        ChallengeKind::Dns01 => ChallengeType::Dns01,
        ChallengeKind::TlsAlpn01 => ChallengeType::TlsAlpn01,
    }
}

/// What is to be placed for a challenge. Its token comes from outside, and goes into answers of
/// ours.
fn answer(kind: ChallengeKind, challenge: &ChallengeHandle<'_>) -> Result<Answer, AcmeError> {
    let token = challenge.token.clone();
    let is_token = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    if !(1..=128).contains(&token.len()) || !token.bytes().all(is_token) {
        return Err(AcmeError::Garbage("a challenge without a token".into()));
    }
    let authorization = challenge.key_authorization();
    Ok(match (kind, challenge.identifier().identifier) {
        (ChallengeKind::Http01, _) => {
            Answer { name: token, value: authorization.as_str().to_owned() }
        }
        (ChallengeKind::Dns01, Identifier::Dns(name)) => {
            let name = format!("_acme-challenge.{}", name.to_ascii_lowercase());
            Answer { name, value: authorization.dns_value() }
        }
        (ChallengeKind::TlsAlpn01, Identifier::Dns(name)) => {
            Answer { name: name.to_ascii_lowercase(), value: authorization.dns_value() }
        }
        (ChallengeKind::TlsAlpn01, Identifier::Ip(address)) => {
            Answer { name: address.to_string(), value: authorization.dns_value() }
        }
        _ => return Err(AcmeError::Garbage("a challenge for another kind of name".into())),
    })
}

/// The name by which a handshake asks for a name.
fn server_name(name: &str) -> String {
    name.parse().map_or_else(|_| name.to_owned(), reversed)
}

/// The name by which a handshake asks for an address (RFC 8738, section 6).
fn reversed(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, c, d] = v4.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().rev().flat_map(|byte| [byte & 15, byte >> 4]);
            let labels: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
    }
}

impl Identifiers {
    fn contains(&self, name: &str) -> bool {
        self.0
            .iter()
            .any(|identifier| identifier.authorized(false).to_string().eq_ignore_ascii_case(name))
    }
}

/// Whether a name in lower case is another one, or below it.
fn covers(subtree: &str, name: &str) -> bool {
    let subtree = subtree.to_ascii_lowercase();
    let rest = name.strip_suffix(subtree.as_str());
    rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

/// Letters, digits and hyphens in labels of 1 to 63 (RFC 1123, 2.1).
pub(crate) fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        (1..=63).contains(&label.len())
            && label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_asked_for_by_their_reverse_names() {
        // The examples of RFC 8738, section 6.
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(
            reversed(v6),
            "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa"
        );
        assert_eq!(reversed("192.0.2.1".parse().unwrap()), "1.2.0.192.in-addr.arpa");
    }

    #[test]
    fn host_names_have_no_odd_characters() {
        for name in ["a", "a.b", "xn--bcher-kva.example", "1.2"] {
            assert!(is_host_name(name), "{name}");
        }
        for name in ["", ".", "a..b", "-a", "a-", "a_b", "a b", "bücher", "*.a", "a.", "a;b"] {
            assert!(!is_host_name(name), "{name}");
        }
    }
}
