//! What can go wrong with certificates.

use strongroom_crypto::CryptoError;

/// Why a certificate could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// The cryptography failed.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
    /// A certificate is malformed.
    #[error("the certificate is malformed")]
    Certificate,
    /// A certificate and a key that do not belong together.
    #[error("the certificate and the key do not belong together: restore both from one backup")]
    KeyMismatch,
    /// A name that is not a domain name.
    #[error("'{0}' is not a domain name: use letters, digits, hyphens and full stops")]
    Name(String),
    /// A name outside the authority's name constraint.
    #[error("'{name}' is not below '{base}', the only domain this authority may certify")]
    OutsideBase {
        /// The name asked for.
        name: String,
        /// The authority's base domain.
        base: String,
    },
    /// A life longer than allowed, or past the authority's own end.
    #[error("a server certificate lives 1 to {max} days within its authority's life, not {days}")]
    Validity {
        /// The days asked for.
        days: u32,
        /// The most days allowed.
        max: u32,
    },
    /// A subject that is no distinguished name, or one that can not be written.
    #[error(
        "the subject '{0}' is not a distinguished name such as 'CN=example.com, O=Contoso, C=US'"
    )]
    Subject(String),
    /// An alternative name of another form than its kind has.
    #[error("'{value}' is not {kind}")]
    AlternativeName {
        /// What it should be, with its article.
        kind: &'static str,
        /// What was sent.
        value: String,
    },
    /// More of something than a certificate holds.
    #[error("a certificate holds at most {max} {what}")]
    TooMany {
        /// What.
        what: &'static str,
        /// How many are allowed.
        max: usize,
    },
    /// Neither subject nor alternative names.
    #[error("a certificate needs a subject or a subject alternative name")]
    Nameless,
    /// A self-signed certificate without a subject: an issuer has a name (RFC 5280, 4.1.2.4).
    #[error("a certificate that signs itself needs a subject, since it is its own issuer")]
    NamelessIssuer,
    /// An extended key usage that is no object identifier.
    #[error("the extended key usage '{0}' is not an object identifier such as 1.3.6.1.5.5.7.3.1")]
    ExtendedKeyUsage(String),
    /// Key usages of which none fits the key.
    #[error("none of the key usages fits the key and the kind of the certificate")]
    KeyUsage,
    /// Name constraints on a certificate that is no authority, or malformed ones.
    #[error("the name constraint '{0}' is not one that an authority can have")]
    NameConstraint(String),
    /// A time that certificates can not say.
    #[error("a certificate can be valid from 1970 until 9999 only, and begins before it ends")]
    Time,
    /// A signing request that is malformed.
    #[error("the certificate signing request is malformed")]
    Request,
    /// A signing request that its key did not sign.
    #[error("the signature of the certificate signing request does not fit its key")]
    RequestSignature,
    /// A signature scheme that is not verified here.
    #[error(
        "a signature with the algorithm {0} is not accepted: use RSA (PKCS#1 or PSS) or ECDSA with \
         SHA-256, SHA-384 or SHA-512"
    )]
    SignatureAlgorithm(String),
    /// A key of a kind that vaults do not keep, or malformed.
    #[error("the certificate's key is neither RSA nor on P-256, P-384, P-521 or P-256K")]
    KeyType,
    /// A key that is too easily broken.
    #[error("the key is too weak: {0}")]
    WeakKey(&'static str),
    /// A certificate that may not certify (or sign revocation lists).
    #[error("'{0}' is not the certificate of an authority")]
    NotAuthority(String),
    /// An authority below one that may have none, or not as long a path.
    #[error("the authority's path length does not allow an authority below it")]
    PathLength,
    /// A name outside the authority's name constraints.
    #[error("'{0}' lies outside the name constraints of the authority")]
    OutsideConstraint(String),
    /// An extended key usage that the authority's certificate does not have.
    #[error("the authority's certificate does not allow the extended key usage {0}")]
    OutsideUsage(String),
    /// A certificate that would outlive its authority, or begin before it.
    #[error("the certificate would be valid beyond its authority, which ends at {end}")]
    BeyondAuthority {
        /// The authority's end, RFC 3339.
        end: String,
    },
    /// No certificate of a chain has the key.
    #[error("none of the certificates belongs to the private key")]
    NoCertificateOfKey,
    /// A certificate that is no part of the chain.
    #[error("the certificate '{0}' is not part of the chain")]
    Stray(String),
    /// A chain longer than allowed.
    #[error("a chain has at most {max} certificates")]
    LongChain {
        /// How many are allowed.
        max: usize,
    },
    /// A certificate that the next of its chain did not sign.
    #[error("the signature of the certificate '{0}' does not fit its issuer's key")]
    Signature(String),
    /// A certificate past its end.
    #[error("the certificate '{subject}' expired at {end}")]
    Expired {
        /// Its subject.
        subject: String,
        /// Its end, RFC 3339.
        end: String,
    },
    /// A certificate before its begin.
    #[error("the certificate '{subject}' is not valid before {begin}")]
    NotYetValid {
        /// Its subject.
        subject: String,
        /// Its begin, RFC 3339.
        begin: String,
    },
    /// An OCSP request that is malformed.
    #[error("the OCSP request is malformed")]
    OcspRequest,
    /// The certificate could not be encoded.
    #[error("the certificate could not be encoded")]
    Encoding,
    /// Not PKCS#12, or PKCS#12 of a form that is not read. In Azure Key Vault's words.
    #[error(
        "The specified PKCS#12 X.509 certificate content can not be read. Please check if \
         certificate is in valid PKCS#12 format."
    )]
    Pkcs12,
    /// The password of a PKCS#12 file is wrong, or the file was damaged: its MAC tells no more.
    #[error(
        "The specified PKCS#12 X.509 certificate content can not be read. Please check if the \
         specified password is correct and the certificate is in valid PKCS#12 format."
    )]
    Pkcs12Password,
    /// A file that asks for more work than an import may cost.
    #[error(
        "The specified X.509 certificate content can not be read. It is too large, or its key \
         derivation iterates too often."
    )]
    TooCostly,
    /// A file that is encrypted, or has a MAC, with an algorithm that is not read.
    #[error(
        "The specified X.509 certificate content can not be read. It is encrypted in a way that \
         is not supported. Supported are AES (PBES2), triple DES and RC2 in CBC mode."
    )]
    Scheme,
    /// Not PEM text with a certificate. In Azure Key Vault's words.
    #[error(
        "The specified PEM X.509 certificate content can not be read. Please check if certificate \
         is in valid PEM format. Accepted formats: PEM content or Base64 encoded PEM content."
    )]
    Pem,
    /// An encrypted private key in PEM that the password does not open.
    #[error(
        "The specified PEM X.509 certificate content can not be read. Please check if the \
         specified password is correct: the private key is encrypted."
    )]
    PemPassword,
    /// More private keys than one.
    #[error("The specified X.509 certificate content has more than one private key.")]
    SeveralKeys,
    /// A private key that is neither RSA nor on a known curve, or malformed.
    #[error(
        "The private key of the specified X.509 certificate content can not be read. It must be \
         an RSA key or a key on a NIST curve, in PKCS#8, PKCS#1 or SEC 1 form."
    )]
    PrivateKey,
}

impl From<der::Error> for PkiError {
    fn from(_: der::Error) -> Self {
        Self::Encoding
    }
}
