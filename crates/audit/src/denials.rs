//! Refusals of requests without a token, summed when one address sends many.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};

use crate::Record;

/// So many refusals per address and window are recorded one by one.
const ONE_BY_ONE: u32 = 10;

/// The most addresses that are told apart in one window.
const MAX_ADDRESSES: usize = 4096;

/// The refusals of the current window (a second). Beyond [`ONE_BY_ONE`], those of an address are
/// summed; beyond [`MAX_ADDRESSES`], those of all further addresses. Of IPv6, a /64 counts as one
/// address: whoever has any address there has all of them.
#[derive(Debug, Default)]
pub(crate) struct Denials {
    window: Mutex<Window>,
}

#[derive(Debug, Default)]
struct Window {
    addresses: HashMap<Option<IpAddr>, Tally>,
}

#[derive(Debug, Default)]
struct Tally {
    single: u32,
    sum: Option<Box<Record>>,
}

impl Denials {
    /// Gives the record back if it is to be written by itself; else it is counted.
    pub(crate) fn offer(&self, mut record: Record) -> Option<Record> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let full = window.addresses.len() >= MAX_ADDRESSES;
        let source = record.caller_ip.map(source);
        if full && !window.addresses.contains_key(&source) {
            record.caller_ip = None;
            let tally = window.addresses.entry(None).or_default();
            tally.add(record);
            return None;
        }
        let tally = window.addresses.entry(source).or_default();
        if tally.single < ONE_BY_ONE {
            tally.single += 1;
            return Some(record);
        }
        record.caller_ip = source;
        tally.add(record);
        None
    }

    /// Ends the window and gives its sums.
    pub(crate) fn end_window(&self) -> Vec<Record> {
        let mut window = self.window.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = std::mem::take(&mut window.addresses);
        drop(window);
        ended.into_values().filter_map(|tally| tally.sum).map(|sum| *sum).collect()
    }
}

/// What counts as one address: an IPv4 address, or the first address of a /64.
fn source(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() >> 64 << 64).into(),
        v4 => v4,
    }
}

impl Tally {
    fn add(&mut self, record: Record) {
        match &mut self.sum {
            Some(sum) => sum.count = sum.count.saturating_add(record.count),
            None => self.sum = Some(Box::new(record)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::record;

    fn from(n: u32, ip: [u8; 4]) -> Record {
        Record { caller_ip: Some(ip.into()), ..record(n) }
    }

    #[test]
    fn the_eleventh_refusal_of_a_second_begins_a_sum() {
        let denials = Denials::default();
        let single = (1..=30).filter_map(|n| denials.offer(from(n, [10, 0, 0, 1]))).count();
        let other = denials.offer(from(31, [10, 0, 0, 2]));
        assert_eq!(single, 10);
        assert_eq!(other, Some(from(31, [10, 0, 0, 2])));
        let sums = denials.end_window();
        assert_eq!(sums, [Record { count: 20, ..from(11, [10, 0, 0, 1]) }]);
        assert_eq!(denials.end_window(), []);
        assert!(denials.offer(from(32, [10, 0, 0, 1])).is_some(), "a new second");
    }

    #[test]
    fn a_64_of_ipv6_counts_as_one_address() {
        let denials = Denials::default();
        let at = |n: u32, ip: &str| Record { caller_ip: Some(ip.parse().unwrap()), ..record(n) };
        let flood = (1..=5_000).map(|n| at(n, &format!("2001:db8:0:1::{n:x}")));
        let single: Vec<Record> = flood.filter_map(|record| denials.offer(record)).collect();
        assert_eq!(single.len(), 10);
        assert_eq!(single[9], at(10, "2001:db8:0:1::a"), "by itself, under its whole address");
        assert!(denials.offer(at(5_001, "2001:db8:0:2::1")).is_some(), "another /64");
        let sums = denials.end_window();
        assert_eq!(sums, [Record { count: 4_990, ..at(11, "2001:db8:0:1::") }]);
    }

    #[test]
    fn ipv4_in_ipv6_is_ipv4() {
        let denials = Denials::default();
        let mapped = |n: u32, last: u32| {
            let ip = format!("::ffff:10.0.0.{last}").parse().unwrap();
            denials.offer(Record { caller_ip: Some(ip), ..record(n) })
        };
        assert_eq!((1..=30).filter_map(|n| mapped(n, 1)).count(), 10);
        assert!(mapped(31, 2).is_some());
    }

    #[test]
    fn a_flood_from_very_many_addresses_takes_bounded_memory_and_loses_no_count() {
        let denials = Denials::default();
        let total = 10_000;
        let single = (0..total)
            .filter_map(|n: u32| {
                let [_, a, b, c] = n.to_be_bytes();
                denials.offer(from(n, [10, a, b, c]))
            })
            .count();
        let sums = denials.end_window();
        assert_eq!(single, MAX_ADDRESSES);
        assert_eq!(sums.len(), 1);
        assert_eq!(sums[0].caller_ip, None);
        assert_eq!(sums[0].count as usize + single, total as usize);
    }
}
