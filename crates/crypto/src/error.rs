//! What can go wrong in a cryptographic operation.

/// A failed operation. The texts name no input, and never say which step of a decryption failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// A ciphertext, tag or signature that does not fit.
    #[error("the authentication of the data failed")]
    Unauthentic,
    /// Key material that is malformed or too weak.
    #[error("the key is not acceptable")]
    Key,
    /// An algorithm that this operation does not take.
    #[error("the algorithm is not acceptable")]
    Algorithm,
    /// An input of a length that the algorithm does not take.
    #[error("the length of the input is not acceptable")]
    Length,
    /// Parameters outside the floor and the cap.
    #[error("the parameters of the key derivation are not acceptable")]
    Parameters,
    /// The operating system gave no random numbers.
    #[error("the system's random number generator failed")]
    Random,
    /// The library refused for no reason a caller could mend.
    #[error("the cryptographic operation failed")]
    Internal,
}
