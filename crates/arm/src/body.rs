//! Reading a request's body, within bounds that depend on who sends it.

use std::time::Duration;

use axum::body::Body;
use http::Method;
use http_body_util::BodyExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::timeout;
use zeroize::Zeroizing;

use crate::Problem;

/// The longest body, in bytes, as the real service has it.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// What everybody may send, in bytes; more is for those with a right where the request goes.
const USUAL_BYTES: usize = 64 * 1024;

/// How long a client may take to send a body: less than an answer may take as a whole.
const PATIENCE: Duration = Duration::from_secs(25);

/// Bodies of more than the usual length at once. The others wait for none of them.
static LARGE: Semaphore = Semaphore::const_new(16);

/// A body that has come whole; zeroized when dropped, for it may hold a secret.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) bytes: Zeroizing<Vec<u8>>,
    /// Its place among the large ones, for as long as it is kept.
    place: Option<SemaphorePermit<'static>>,
}

/// The whole body. A read has none: what is sent with one is left unread, and costs the client its
/// connection.
///
/// # Errors
/// 400, 408 when it takes too long, 413, or 503 while many others send large ones.
pub(crate) async fn read(body: Body, method: &Method, has_right: bool) -> Result<Sent, Problem> {
    if [Method::GET, Method::HEAD].contains(method) {
        return Ok(Sent::default());
    }
    timeout(PATIENCE, collect(body, has_right)).await.map_err(|_| Problem::late())?
}

async fn collect(mut body: Body, has_right: bool) -> Result<Sent, Problem> {
    let mut sent = Sent::default();
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| Problem::content("The request content ended early."))?;
        let Some(part) = frame.data_ref() else { continue };
        let length = sent.bytes.len() + part.len();
        if length > MOST_BYTES || length > USUAL_BYTES && !has_right {
            return Err(Problem::too_large());
        }
        if length > USUAL_BYTES && sent.place.is_none() {
            sent.place = Some(LARGE.try_acquire().map_err(|_| Problem::busy())?);
        }
        grow(&mut sent.bytes, length);
        sent.bytes.extend_from_slice(part);
    }
    Ok(sent)
}

/// Makes room without leaving a copy of what has come in freed memory.
fn grow(bytes: &mut Zeroizing<Vec<u8>>, length: usize) {
    if length > bytes.capacity() {
        let room = length.max(bytes.capacity() * 2).min(MOST_BYTES);
        let mut larger = Zeroizing::new(Vec::with_capacity(room));
        larger.extend_from_slice(bytes);
        *bytes = larger;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn send(method: &Method, length: usize, has_right: bool) -> Result<Sent, Problem> {
        read(Body::from(vec![b' '; length]), method, has_right).await
    }

    /// A token alone buys 64 KiB of memory, not 4 MB.
    #[tokio::test]
    async fn who_has_no_right_sends_little() {
        let length = |sent: Result<Sent, Problem>| sent.unwrap().bytes.len();
        assert_eq!(length(send(&Method::PUT, USUAL_BYTES, false).await), USUAL_BYTES);
        let refused = send(&Method::PUT, USUAL_BYTES + 1, false).await.err().unwrap();
        assert_eq!(refused.status, 413);
        assert_eq!(length(send(&Method::PUT, MOST_BYTES, true).await), MOST_BYTES);
        assert_eq!(send(&Method::PUT, MOST_BYTES + 1, true).await.err().unwrap().status, 413);
    }

    #[tokio::test]
    async fn a_read_keeps_nothing_that_is_sent_with_it() {
        for method in [Method::GET, Method::HEAD] {
            assert!(send(&method, MOST_BYTES, true).await.unwrap().bytes.is_empty());
        }
    }
}
