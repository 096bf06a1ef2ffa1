//! The answers to challenges that are waiting for an authority to look at them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use strongroom_crypto::SecretBytes;

/// For how long an answer is served; an order that takes longer places it again.
const SERVED_FOR: Duration = Duration::from_secs(3_600);

/// A certificate that answers a TLS-ALPN-01 challenge (RFC 8737).
pub struct ChallengeCertificate {
    /// DER.
    pub certificate: Vec<u8>,
    /// PKCS#8, DER.
    pub key: SecretBytes,
}

/// What the listeners answer authorities that validate names. Shared by the orders, which place
/// answers, and the listeners, which serve them.
#[derive(Default)]
pub struct Challenges {
    http: Mutex<HashMap<String, Placed<String>>>,
    tls: Mutex<HashMap<String, Placed<Arc<ChallengeCertificate>>>>,
}

struct Placed<T> {
    answer: T,
    until: Instant,
}

type Table<T> = Mutex<HashMap<String, Placed<T>>>;

impl Challenges {
    /// The body of `GET /.well-known/acme-challenge/<token>` (RFC 8555, 8.3), to be served as
    /// `application/octet-stream`.
    pub fn http_answer(&self, token: &str) -> Option<String> {
        find(&self.http, token)
    }

    /// The certificate for a TLS handshake that offers `acme-tls/1` and nothing else, and names
    /// this server (RFC 8737, section 3).
    pub fn tls_certificate(&self, server_name: &str) -> Option<Arc<ChallengeCertificate>> {
        find(&self.tls, &server_name.to_ascii_lowercase())
    }

    pub(crate) fn place_http(&self, token: &str, answer: &str) {
        place(&self.http, token.to_owned(), answer.to_owned());
    }

    pub(crate) fn remove_http(&self, token: &str) {
        lock(&self.http).remove(token);
    }

    pub(crate) fn place_tls(&self, server_name: &str, certificate: ChallengeCertificate) {
        place(&self.tls, server_name.to_ascii_lowercase(), Arc::new(certificate));
    }

    pub(crate) fn remove_tls(&self, server_name: &str) {
        lock(&self.tls).remove(&server_name.to_ascii_lowercase());
    }
}

fn lock<T>(table: &Table<T>) -> MutexGuard<'_, HashMap<String, Placed<T>>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

fn find<T: Clone>(table: &Table<T>, name: &str) -> Option<T> {
    let table = lock(table);
    let placed = table.get(name).filter(|placed| placed.until > Instant::now())?;
    Some(placed.answer.clone())
}

fn place<T>(table: &Table<T>, name: String, answer: T) {
    let now = Instant::now();
    let mut table = lock(table);
    table.retain(|_, placed| placed.until > now);
    table.insert(name, Placed { answer, until: now + SERVED_FOR });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_served_until_they_are_removed() {
        let challenges = Challenges::default();
        assert_eq!(challenges.http_answer("a"), None);
        challenges.place_http("a", "a.thumbprint");
        assert_eq!(challenges.http_answer("a").as_deref(), Some("a.thumbprint"));
        assert_eq!(challenges.http_answer("A"), None, "tokens have a case");
        challenges.remove_http("a");
        assert_eq!(challenges.http_answer("a"), None);
        let certificate =
            ChallengeCertificate { certificate: vec![1], key: SecretBytes::new(vec![2]) };
        challenges.place_tls("WWW.example.com", certificate);
        assert!(challenges.tls_certificate("www.EXAMPLE.com").is_some(), "names have none");
        assert!(challenges.tls_certificate("example.com").is_none());
        challenges.remove_tls("www.example.com");
        assert!(challenges.tls_certificate("www.example.com").is_none());
    }
}
