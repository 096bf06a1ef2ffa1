//! Room for connections: a number of them in all, and a share of it for each peer.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{AcquireError, OwnedSemaphorePermit, Semaphore};

/// The room, shared by all listeners.
pub(crate) struct Slots {
    free: Arc<Semaphore>,
    connections: usize,
    taken: Mutex<HashMap<IpAddr, usize>>,
}

/// Room for one connection of a peer, free again when dropped.
pub(crate) struct Slot {
    slots: Arc<Slots>,
    peer: IpAddr,
    _permit: OwnedSemaphorePermit,
}

impl Slots {
    pub(crate) fn new(connections: usize) -> Arc<Self> {
        let free = Arc::new(Semaphore::new(connections));
        Arc::new(Self { free, connections, taken: Mutex::default() })
    }

    /// Waits for room for one more connection, of whomever.
    pub(crate) async fn room(&self) -> Result<OwnedSemaphorePermit, AcquireError> {
        Arc::clone(&self.free).acquire_owned().await
    }

    /// Gives the room to a peer, unless it has its share already: a quarter of all, and on this
    /// machine a half, for a proxy may sit there.
    pub(crate) fn take(
        self: &Arc<Self>,
        permit: OwnedSemaphorePermit,
        address: IpAddr,
    ) -> Option<Slot> {
        let peer = peer(address);
        let share = self.connections / if peer.is_loopback() { 2 } else { 4 };
        let mut taken = self.taken();
        let of_peer = taken.entry(peer).or_default();
        if *of_peer >= share.max(1) {
            return None;
        }
        *of_peer += 1;
        Some(Slot { slots: Arc::clone(self), peer, _permit: permit })
    }

    fn taken(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken();
        match taken.get_mut(&self.peer) {
            Some(of_peer) if *of_peer > 1 => *of_peer -= 1,
            _ => drop(taken.remove(&self.peer)),
        }
    }
}

/// Who an address counts as. One client has a whole /64 of IPv6, and all of the loopbacks.
fn peer(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        address if address.is_loopback() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    /// How many connections of the addresses, one of each in turn, find room.
    async fn admitted(connections: usize, addresses: &[&str]) -> usize {
        let slots = Slots::new(connections);
        let mut held = Vec::new();
        for address in addresses.iter().cycle().take(connections) {
            let permit = slots.room().await.unwrap();
            held.extend(slots.take(permit, address.parse().unwrap()));
        }
        held.len()
    }

    #[tokio::test]
    async fn a_peer_has_its_share() {
        for (addresses, count) in [
            (&["192.0.2.1"][..], 10),
            (&["192.0.2.1", "192.0.2.2"], 20),
            (&["192.0.2.1", "::ffff:192.0.2.1"], 10),
            (&["2001:db8::1", "2001:db8::ffff:ffff:ffff:ffff"], 10),
            (&["2001:db8::1", "2001:db8:0:1::1"], 20),
            (&["127.0.0.1"], 20),
            (&["127.0.0.1", "::1", "127.0.0.2", "::ffff:127.0.0.1"], 20),
        ] {
            assert_eq!(admitted(40, addresses).await, count, "{addresses:?}");
        }
        assert_eq!(admitted(1, &["192.0.2.1"]).await, 1, "the least share");
    }

    #[tokio::test]
    async fn what_is_dropped_is_free_again() {
        let slots = Slots::new(8);
        let address = "192.0.2.1".parse().unwrap();
        let mut held = Vec::new();
        for _ in 0..2 {
            held.push(slots.take(slots.room().await.unwrap(), address).unwrap());
        }
        assert!(slots.take(slots.room().await.unwrap(), address).is_none());
        held.pop();
        held.push(slots.take(slots.room().await.unwrap(), address).unwrap());
        assert!(slots.take(slots.room().await.unwrap(), address).is_none());
        held.clear();
        assert_eq!(slots.free.available_permits(), 8);
        assert!(slots.taken().is_empty(), "nothing is kept of those who left");
    }
}
