//! Dynamic updates of a zone (RFC 2136) over TCP, signed with TSIG (RFC 8945).

use std::net::SocketAddr;
use std::str::FromStr as _;
use std::time::Duration;

use hickory_proto::op::update_message::{append, delete_by_rdata};
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::TXT;
use hickory_proto::rr::rdata::tsig::TsigAlgorithm;
use hickory_proto::rr::{Name, RData, Record, RecordSet, TSigner};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::AcmeError;
use crate::clock::unix_now;
use crate::directory::TsigKey;
use crate::dns::Change;

/// How long an update may take.
const UPDATE: Duration = Duration::from_secs(10);

/// How long resolvers may keep a challenge's record, in seconds.
const TTL: u32 = 60;

/// How far the server's clock may be from ours, in seconds (RFC 8945, 10).
const FUDGE: u16 = 300;

/// A zone's primary server, and the key that it takes updates with.
pub(crate) struct Updates {
    server: SocketAddr,
    zone: Name,
    signer: TSigner,
}

impl Updates {
    pub(crate) fn new(server: SocketAddr, zone: &str, key: &TsigKey) -> Result<Self, AcmeError> {
        let settings = |why: String| AcmeError::Settings(format!("rfc2136: {why}"));
        let algorithm = match key.algorithm.to_ascii_lowercase().as_str() {
            "hmac-sha256" => TsigAlgorithm::HmacSha256,
            "hmac-sha384" => TsigAlgorithm::HmacSha384,
            "hmac-sha512" => TsigAlgorithm::HmacSha512,
            other => {
                let why = "is none of hmac-sha256, hmac-sha384, hmac-sha512";
                return Err(settings(format!("the key's algorithm {other} {why}")));
            }
        };
        let name = absolute(&key.name).ok_or_else(|| settings("the key's name is none".into()))?;
        let signer = TSigner::new(key.secret.expose().to_vec(), algorithm, name, FUDGE)
            .map_err(|error| settings(error.to_string()))?;
        let zone = absolute(zone).ok_or_else(|| settings(format!("{zone} is no zone")))?;
        Ok(Self { server, zone, signer })
    }

    pub(crate) fn covers(&self, fqdn: &str) -> bool {
        absolute(fqdn).is_some_and(|name| self.zone.zone_of(&name))
    }

    pub(crate) async fn change(
        &self,
        change: Change,
        fqdn: &str,
        value: &str,
    ) -> Result<(), AcmeError> {
        let failed = |why: String| {
            let (server, zone) = (self.server, &self.zone);
            AcmeError::Challenge(format!("the update of {zone} at {server} for {fqdn}: {why}"))
        };
        let message = self.message(change, fqdn, value).map_err(failed)?;
        let late = |_| failed(format!("no answer in {} s", UPDATE.as_secs()));
        let exchange = self.exchange(message);
        tokio::time::timeout(UPDATE, exchange).await.map_err(late)?.map_err(failed)
    }

    fn message(&self, change: Change, fqdn: &str, value: &str) -> Result<Message, String> {
        let name = absolute(fqdn).ok_or("no domain name")?;
        if !self.zone.zone_of(&name) {
            return Err("the name is not in the zone".into());
        }
        let text = RData::TXT(TXT::new(vec![value.to_owned()]));
        let records = RecordSet::from(Record::from_rdata(name, TTL, text));
        Ok(match change {
            Change::Add => append(records, self.zone.clone(), false, false),
            Change::Remove => delete_by_rdata(records, self.zone.clone(), false),
        })
    }

    /// Sends an update and believes no answer but one that is signed with the same key.
    async fn exchange(&self, mut message: Message) -> Result<(), String> {
        let text = |error: std::io::Error| error.to_string();
        let signed = message.finalize(&self.signer, unix_now());
        let mut verifier =
            signed.map_err(|error| error.to_string())?.ok_or("it could not be signed")?;
        let bytes = message.to_vec().map_err(|error| error.to_string())?;
        let length = u16::try_from(bytes.len()).map_err(|_| "the message is too long")?;
        let mut stream = TcpStream::connect(self.server).await.map_err(text)?;
        stream
            .write_all(&[&length.to_be_bytes(), bytes.as_slice()].concat())
            .await
            .map_err(text)?;
        let mut length = [0; 2];
        stream.read_exact(&mut length).await.map_err(text)?;
        let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut answer).await.map_err(text)?;
        let unsigned = Message::from_vec(&answer).map_err(|error| error.to_string())?;
        if unsigned.id != message.id {
            return Err("an answer to another message".into());
        }
        if unsigned.response_code != ResponseCode::NoError {
            return Err(format!("the server answers {}", unsigned.response_code));
        }
        verifier.verify(&answer).map(|_| ()).map_err(|error| error.to_string())
    }
}

fn absolute(name: &str) -> Option<Name> {
    let mut name = Name::from_str(name).ok()?;
    name.set_fqdn(true);
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use strongroom_crypto::SecretBytes;

    fn updates(algorithm: &str, zone: &str) -> Result<Updates, AcmeError> {
        let secret = SecretBytes::new(vec![7; 32]);
        let key = TsigKey { name: "key".into(), algorithm: algorithm.into(), secret };
        Updates::new("127.0.0.1:53".parse().unwrap(), zone, &key)
    }

    #[test]
    fn a_zone_covers_what_lies_below_it() {
        let updates = updates("HMAC-SHA256", "example.com").unwrap();
        assert!(updates.covers("_acme-challenge.www.EXAMPLE.com"));
        assert!(updates.covers("_acme-challenge.example.com."));
        assert!(!updates.covers("_acme-challenge.badexample.com"));
        assert!(!updates.covers("_acme-challenge.example.org"));
        let outside = updates.message(Change::Add, "_acme-challenge.example.org", "v");
        assert!(outside.is_err());
    }

    #[test]
    fn weak_algorithms_are_refused() {
        for algorithm in ["hmac-md5", "hmac-sha1", "", "none"] {
            assert!(matches!(updates(algorithm, "a"), Err(AcmeError::Settings(_))), "{algorithm}");
        }
    }
}
