//! Latencies in logarithmic buckets: 64 to each power of two, so within 1.6 % of the truth.

use std::time::Duration;

const SUB_BITS: u32 = 6;
const SUB: usize = 1 << SUB_BITS;
const BUCKETS: usize = (64 - SUB_BITS as usize + 1) * SUB;

/// How often each latency was seen.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
}

impl Histogram {
    pub(crate) fn new() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }

    pub(crate) fn record(&mut self, latency: Duration) {
        let nanos = u64::try_from(latency.as_nanos()).unwrap_or(u64::MAX);
        if let Some(count) = self.counts.get_mut(bucket(nanos)) {
            *count += 1;
            self.total += 1;
        }
    }

    pub(crate) fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
    }

    /// How many were seen.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// The latency that `permille` of 1000 do not exceed, in microseconds; 0 when none was seen.
    pub(crate) fn micros(&self, permille: u64) -> f64 {
        let rank = (self.total * permille).div_ceil(1000).max(1);
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return highest(at) as f64 / 1e3;
            }
        }
        0.0
    }
}

fn bucket(nanos: u64) -> usize {
    let octave = nanos.max(1).ilog2();
    if octave < SUB_BITS {
        return usize::try_from(nanos).unwrap_or(0);
    }
    let shift = octave - SUB_BITS;
    let within = usize::try_from(nanos >> shift).unwrap_or(0) - SUB;
    (shift as usize + 1) * SUB + within
}

/// The highest latency that falls into a bucket.
fn highest(bucket: usize) -> u64 {
    let (octave, within) = (bucket / SUB, bucket % SUB);
    match octave {
        0 => within as u64,
        octave => {
            let next = ((SUB + within + 1) as u128) << (octave - 1);
            u64::try_from(next - 1).unwrap_or(u64::MAX)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_within_a_64th_of_the_sorted_truth() {
        let mut histogram = Histogram::new();
        let mut truth = Vec::new();
        let mut state = 88_172_645_463_325_252_u64;
        for _ in 0..10_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let nanos = state % (1 << (state % 40));
            truth.push(nanos);
            histogram.record(Duration::from_nanos(nanos));
        }
        truth.sort_unstable();
        for permille in [1, 500, 900, 990, 1000] {
            let exact = truth[usize::try_from(10 * permille - 1).unwrap()] as f64 / 1e3;
            let ours = histogram.micros(permille);
            assert!(
                ours >= exact - 1e-9 && ours <= exact * (1.0 + 1.0 / 64.0) + 1e-9,
                "{permille}"
            );
        }
    }

    #[test]
    fn every_latency_has_a_bucket_and_none_is_lost() {
        let mut histogram = Histogram::new();
        for nanos in [0, 1, 63, 64, 65, 127, 128, u64::MAX / 2, u64::MAX] {
            assert!(highest(bucket(nanos)) >= nanos);
            histogram.record(Duration::from_nanos(nanos));
        }
        let mut sum = histogram.clone();
        sum.add(&histogram);
        assert_eq!((histogram.total(), sum.total()), (9, 18));
        assert_eq!(Histogram::new().micros(500), 0.0);
    }
}
