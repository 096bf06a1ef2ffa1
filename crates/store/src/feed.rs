//! What an engine's watchers are fed from: a bounded ring of the newest commits.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures_util::Stream;
use tokio::sync::watch;

use crate::{Change, Revision, Write};

/// The most commits the ring remembers.
const MAX_COMMITS: usize = 16 * 1024;

/// The newest commits of one engine, and the streams that read them.
///
/// A watcher that falls behind by more than the ring holds sees its stream end; nothing waits
/// for a watcher.
#[derive(Debug)]
pub struct Feed {
    ring: Arc<Mutex<Ring>>,
    /// The newest revision in the ring; `None` once the store has closed.
    newest: watch::Sender<Option<Revision>>,
}

impl Feed {
    /// A feed that begins after `revision` and remembers at most about `max_bytes` of keys and
    /// values.
    pub fn new(revision: Revision, max_bytes: usize) -> Self {
        let ring = Ring { first: revision.0 + 1, commits: VecDeque::new(), bytes: 0, max_bytes };
        Self { ring: Arc::new(Mutex::new(ring)), newest: watch::Sender::new(Some(revision)) }
    }

    /// Adds commits, the first one being the successor of the newest in the feed.
    pub fn publish(&self, commits: impl IntoIterator<Item = Vec<Write>>) {
        let mut ring = lock(&self.ring);
        for writes in commits {
            ring.push(writes);
        }
        let newest = Revision(ring.next() - 1);
        drop(ring);
        self.newest.send_replace(Some(newest));
    }

    /// Ends every stream once it has delivered what is in the feed.
    pub fn close(&self) {
        self.newest.send_replace(None);
    }

    /// The stream of [`crate::Store::watch`].
    pub fn watch(
        &self,
        prefix: Bytes,
        after: Revision,
    ) -> impl Stream<Item = Change> + Send + Unpin + use<> {
        let watcher = Watcher {
            ring: self.ring.clone(),
            newest: self.newest.subscribe(),
            prefix,
            next: after.0 + 1,
            ready: VecDeque::new(),
        };
        Box::pin(futures_util::stream::unfold(watcher, Watcher::change))
    }
}

#[derive(Debug)]
struct Ring {
    /// The revision of the oldest commit held.
    first: u64,
    commits: VecDeque<Vec<Write>>,
    bytes: usize,
    max_bytes: usize,
}

impl Ring {
    fn next(&self) -> u64 {
        self.first + self.commits.len() as u64
    }

    fn push(&mut self, writes: Vec<Write>) {
        self.bytes += size(&writes);
        self.commits.push_back(writes);
        while self.commits.len() > MAX_COMMITS || self.bytes > self.max_bytes {
            let Some(oldest) = self.commits.pop_front() else { break };
            self.bytes -= size(&oldest);
            self.first += 1;
        }
    }
}

struct Watcher {
    ring: Arc<Mutex<Ring>>,
    newest: watch::Receiver<Option<Revision>>,
    prefix: Bytes,
    next: u64,
    ready: VecDeque<Change>,
}

impl Watcher {
    async fn change(mut self) -> Option<(Change, Self)> {
        loop {
            if let Some(change) = self.ready.pop_front() {
                return Some((change, self));
            }
            // Marked as seen before the ring is read, so that no commit slips in between.
            let open = self.newest.borrow_and_update().is_some();
            self.take_from_ring()?;
            if self.ready.is_empty() {
                if !open {
                    return None;
                }
                self.newest.changed().await.ok()?;
            }
        }
    }

    /// Moves what matches from the ring to `ready`; `None` if the ring has forgotten too much.
    fn take_from_ring(&mut self) -> Option<()> {
        let ring = lock(&self.ring);
        let seen = usize::try_from(self.next.checked_sub(ring.first)?).ok()?;
        for writes in ring.commits.iter().skip(seen) {
            let revision = Revision(self.next);
            self.next += 1;
            let matching = writes.iter().filter(|w| w.key.starts_with(&self.prefix));
            let mut writes: Vec<_> = matching.map(|w| (w.key.clone(), w.value.clone())).collect();
            if !writes.is_empty() {
                writes.sort_unstable();
                self.ready.push_back(Change { revision, writes });
            }
        }
        Some(())
    }
}

fn size(writes: &[Write]) -> usize {
    writes.iter().map(|w| w.key.len() + w.value.as_ref().map_or(0, Bytes::len)).sum()
}

fn lock(ring: &Mutex<Ring>) -> MutexGuard<'_, Ring> {
    ring.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::*;

    fn put(key: &'static str) -> Vec<Write> {
        vec![Write { key: key.into(), value: Some(Bytes::from_static(b"v")) }]
    }

    #[tokio::test]
    async fn a_watcher_further_back_than_the_ring_sees_its_stream_end() {
        let feed = Feed::new(Revision(10), 6);
        let mut slow = feed.watch("a".into(), Revision(10));
        feed.publish([put("a1"), put("a2"), put("a3")]);
        assert_eq!(slow.next().await, None, "the ring holds two commits of three bytes");
        let mut quick = feed.watch("a".into(), Revision(11));
        assert_eq!(quick.next().await.unwrap().revision, Revision(12));
        assert_eq!(quick.next().await.unwrap().revision, Revision(13));
    }

    #[tokio::test]
    async fn closing_ends_the_streams_after_the_last_commit() {
        let feed = Feed::new(Revision(0), 100);
        let stream = feed.watch("a".into(), Revision(0));
        feed.publish([put("a1"), put("b1")]);
        feed.close();
        assert_eq!(stream.map(|c| c.revision.0).collect::<Vec<_>>().await, [1]);
    }
}
