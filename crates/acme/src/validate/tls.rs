//! TLS to a server whose certificate nobody vouches for: what counts is what the certificate says.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use strongroom_pki::{challenge_answer, key_of};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::{Failure, FailureKind, Validator};

/// The protocol of TLS-ALPN-01.
const ACME_TLS: &[u8] = b"acme-tls/1";

/// Whether the TLS server of a name has the certificate that answers its challenge.
pub(super) async fn look(validator: &Validator, name: &str, digest: &[u8]) -> Result<(), Failure> {
    let stream = validator.connect(name, validator.settings.tls_port).await?;
    let stream = connect(&server_name(name), stream, Some(ACME_TLS)).await?;
    let (_, connection) = stream.get_ref();
    let refused = |text: &str| Failure::new(FailureKind::Incorrect, format!("{name}: {text}"));
    if connection.alpn_protocol() != Some(ACME_TLS) {
        return Err(refused("the server does not speak acme-tls/1"));
    }
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let answer = certificate.and_then(|certificate| challenge_answer(certificate));
    let answer = answer.ok_or_else(|| refused("the certificate answers no challenge"))?;
    if answer.names != [name.to_ascii_lowercase()] {
        return Err(refused("the certificate is not for this name alone"));
    }
    if answer.digest != digest {
        return Err(refused("the certificate answers another challenge"));
    }
    Ok(())
}

/// What the handshake names: an address as the name of its reverse look-up (RFC 8738, section 6).
fn server_name(name: &str) -> String {
    match name.parse() {
        Ok(IpAddr::V4(address)) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        Ok(IpAddr::V6(address)) => {
            let digits = format!("{:032x}", address.to_bits());
            let labels: Vec<String> = digits.chars().rev().map(String::from).collect();
            format!("{}.ip6.arpa", labels.join("."))
        }
        Err(_) => name.to_owned(),
    }
}

/// A TLS connection to a server, whoever it is.
pub(super) async fn connect(
    name: &str,
    stream: TcpStream,
    protocol: Option<&[u8]>,
) -> Result<TlsStream<TcpStream>, Failure> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(FailureKind::Tls, format!("the TLS server of {name}: {error}"))
    };
    let provider = Arc::new(aws_lc_rs::default_provider());
    let verifier = Arc::new(Anybody(Arc::clone(&provider)));
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| failed(&error))?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    config.alpn_protocols = protocol.into_iter().map(<[u8]>::to_vec).collect();
    let server = ServerName::try_from(name.to_owned()).map_err(|error| failed(&error))?;
    let connecting = TlsConnector::from(Arc::new(config)).connect(server, stream);
    connecting.await.map_err(|error| failed(&error))
}

/// Takes every certificate; but the server must have its key. The usual check of that does not
/// read certificates with the extension that answers a challenge, which is critical.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl Anybody {
    fn verify(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let refused = || Error::InvalidCertificate(rustls::CertificateError::BadSignature);
        let (key_algorithm, key) = key_of(certificate).ok_or_else(refused)?;
        let schemes = self.0.signature_verification_algorithms.mapping;
        let (_, algorithms) =
            schemes.iter().find(|(scheme, _)| *scheme == signed.scheme).ok_or_else(refused)?;
        let fits = algorithms.iter().any(|algorithm| {
            algorithm.public_key_alg_id().as_ref() == key_algorithm
                && algorithm.verify_signature(&key, message, signed.signature()).is_ok()
        });
        if fits { Ok(HandshakeSignatureValid::assertion()) } else { Err(refused()) }
    }
}

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.verify(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 8738, section 6; RFC 3596, section 2.5.
    #[test]
    fn an_address_is_named_by_its_reverse_name() {
        assert_eq!(server_name("192.0.2.1"), "1.2.0.192.in-addr.arpa");
        assert_eq!(
            server_name("4321:0:1:2:3:4:567:89ab"),
            "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.0.0.0.0.1.2.3.4.ip6.arpa"
        );
        assert_eq!(server_name("www.example.com"), "www.example.com");
    }
}
