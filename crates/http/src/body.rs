//! Reading a request's body, within bounds.

use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Body as HttpBody;
use tokio::time::Instant;
use zeroize::Zeroizing;

/// How long a client may take to send a body.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);

/// The most bytes of a refused body that are read to no purpose.
const DISCARD_LIMIT: u64 = 32 * 1024 * 1024;

/// How long a client that sends a refused body may pause.
const DISCARD_PAUSE: Duration = Duration::from_secs(1);

/// A body that has come whole; zeroized when dropped, for it may hold a secret.
pub(crate) type Body = Zeroizing<Vec<u8>>;

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum BodyError {
    /// More bytes than the operation takes.
    TooLarge,
    /// It did not come in time, or the connection broke.
    Incomplete,
}

/// The whole body, at most `limit` bytes.
pub(crate) async fn read<B>(mut body: B, limit: usize) -> Result<Body, BodyError>
where
    B: HttpBody<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    // What is announced as too large is decided before any of it is read.
    if body.size_hint().lower() > limit as u64 {
        discard(body).await;
        return Err(BodyError::TooLarge);
    }
    let collect = Limited::new(&mut body, limit).collect();
    let collected =
        tokio::time::timeout(BODY_TIMEOUT, collect).await.map_err(|_| BodyError::Incomplete)?;
    match collected {
        Ok(collected) => Ok(Zeroizing::new(Vec::from(collected.to_bytes()))),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(BodyError::TooLarge)
        }
        Err(_) => Err(BodyError::Incomplete),
    }
}

/// Takes in what the client is still sending: many read no answer before all is sent, and to
/// close on them would lose it. Gives up on a body that is too long even for this, that stops
/// coming, or that takes its time.
async fn discard<B: HttpBody<Data = Bytes> + Unpin>(mut body: B) {
    let mut left = DISCARD_LIMIT;
    let end = Instant::now() + BODY_TIMEOUT;
    while body.size_hint().lower() <= left && Instant::now() < end {
        let Ok(Some(Ok(frame))) = tokio::time::timeout(DISCARD_PAUSE, body.frame()).await else {
            return;
        };
        let length = frame.data_ref().map_or(0, |bytes| bytes.len() as u64);
        let Some(rest) = left.checked_sub(length) else { return };
        left = rest;
    }
}
