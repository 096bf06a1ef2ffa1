//! How long is waited before a letter is tried again.

use std::time::Duration;

/// The pauses between attempts: ten attempts in a little over a day, as servers that put a
/// stranger off for a while expect it (RFC 5321, 4.5.4.1 asks for tries over days).
const PAUSES: [Duration; 9] = [
    Duration::from_secs(2),
    Duration::from_secs(10),
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(15 * 60),
    Duration::from_secs(60 * 60),
    Duration::from_secs(3 * 3_600),
    Duration::from_secs(6 * 3_600),
    Duration::from_secs(14 * 3_600),
];

/// The pause after so many failed attempts; `None` when no more are made.
pub(crate) fn after(failed: usize) -> Option<Duration> {
    PAUSES.get(failed.checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let pauses: Vec<Duration> = (1..).map_while(after).collect();
        assert!(pauses.is_sorted() && pauses.len() == 9);
        let total: Duration = pauses.iter().sum();
        assert!(total > Duration::from_secs(24 * 3_600));
        assert!(after(0).is_none() && after(10).is_none());
    }
}
