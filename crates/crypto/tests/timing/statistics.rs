//! Welch's t-test on times, as dudect uses it (Reparaz, Balasch, Verbauwhede: "Dude, is my code
//! constant time?", 2017): on all of them, and on those below a percentile, since the slow ones
//! are mostly the machine's doing.

/// The percentiles at which times are cropped, in thousandths.
const CROPS: [usize; 7] = [1000, 950, 900, 800, 700, 500, 300];

/// How two classes of inputs differ in time.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Difference {
    /// The greatest |t| over all crops.
    pub(crate) t: f64,
    /// The difference of the means at that crop, in nanoseconds.
    pub(crate) nanoseconds: f64,
    /// The least standard error of a difference of means over all crops, in nanoseconds.
    pub(crate) error: f64,
}

/// Compares the times of two classes, in nanoseconds.
pub(crate) fn compare(one: &[f64], other: &[f64]) -> Difference {
    let mut pooled = [one, other].concat();
    pooled.sort_by(f64::total_cmp);
    let differences = CROPS.iter().map(|crop| {
        let most = pooled[(pooled.len() * crop / 1000).clamp(1, pooled.len()) - 1];
        welch(&below(one, most), &below(other, most))
    });
    let differences: Vec<_> = differences.collect();
    let error = differences.iter().map(|difference| difference.error).fold(f64::MAX, f64::min);
    let greatest = differences.into_iter().max_by(|one, other| one.t.total_cmp(&other.t));
    Difference { error, ..greatest.unwrap() }
}

fn below(times: &[f64], most: f64) -> Vec<f64> {
    times.iter().copied().filter(|time| *time <= most).collect()
}

fn welch(one: &[f64], other: &[f64]) -> Difference {
    let (mean_one, variance_one) = moments(one);
    let (mean_other, variance_other) = moments(other);
    let error = (variance_one / count(one) + variance_other / count(other)).sqrt();
    let nanoseconds = mean_one - mean_other;
    let t = if error > 0.0 { (nanoseconds / error).abs() } else { 0.0 };
    Difference { t, nanoseconds, error }
}

fn count(times: &[f64]) -> f64 {
    f64::from(u32::try_from(times.len()).unwrap())
}

fn moments(times: &[f64]) -> (f64, f64) {
    let mean = times.iter().sum::<f64>() / count(times);
    let squares: f64 = times.iter().map(|time| (time - mean).powi(2)).sum();
    (mean, squares / (count(times) - 1.0).max(1.0))
}

#[test]
fn a_known_t() {
    // By hand: means 3 and 5, variances 2.5 each, so t = 2 / sqrt(2.5/5 + 2.5/5) = 2.
    let difference = welch(&[1.0, 2.0, 3.0, 4.0, 5.0], &[3.0, 4.0, 5.0, 6.0, 7.0]);
    assert!((difference.t - 2.0).abs() < 1e-12);
    assert!((difference.nanoseconds + 2.0).abs() < 1e-12);
}
