//! Reading a request's body, within bounds.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body;
use zeroize::Zeroizing;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// More bytes than the operation takes.
    TooLarge,
    /// It did not come in time, or the connection broke.
    Incomplete,
}

/// The whole body, at most `limit` bytes; zeroized when dropped, for it may hold a secret.
pub(crate) async fn read<B>(body: B, limit: usize) -> Result<Zeroizing<Vec<u8>>, BodyError>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // What is announced as too large is refused before any of it is read.
    if body.size_hint().lower() > limit as u64 {
        return Err(BodyError::TooLarge);
    }
    let collect = Limited::new(body, limit).collect();
    let collected = tokio::time::timeout(BODY_TIMEOUT, collect)
        .await
        .map_err(|_| BodyError::Incomplete)?
        .map_err(|error| match error.downcast_ref::<LengthLimitError>() {
            Some(_) => BodyError::TooLarge,
            None => BodyError::Incomplete,
        })?;
    Ok(Zeroizing::new(Vec::from(collected.to_bytes())))
}
