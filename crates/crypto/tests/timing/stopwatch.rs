//! Times operations on classes of inputs, interleaved in random order.

use std::hint::black_box;
use std::sync::atomic::{Ordering, fence};
use std::time::Instant;

use aws_lc_rs::rand;

use crate::statistics::{self, Difference};

/// Inputs that differ from those of another class in one respect only.
pub(crate) struct Class {
    pub(crate) name: &'static str,
    /// Of one length over all classes of an experiment.
    pub(crate) inputs: Vec<Vec<u8>>,
    /// Whether a difference from the others is a failure, or only told.
    pub(crate) judged: bool,
}

impl Class {
    pub(crate) fn new(name: &'static str, inputs: Vec<Vec<u8>>) -> Self {
        Self { name, inputs, judged: true }
    }
}

/// Returns whether it accepted the input, which it must not.
pub(crate) type Operation<'a> = Box<dyn Fn(&[u8]) -> bool + 'a>;

/// An operation, and the classes of inputs that must take it the same time.
pub(crate) struct Experiment<'a> {
    pub(crate) name: &'static str,
    pub(crate) classes: Vec<Class>,
    pub(crate) operation: Operation<'a>,
    /// An input with nothing wrong, made like the others: it has to be accepted.
    pub(crate) sound: Vec<u8>,
    /// How often each class is timed in the quick run.
    pub(crate) samples: usize,
}

/// Two classes and how they differ.
pub(crate) struct Pair {
    pub(crate) names: [&'static str; 2],
    pub(crate) difference: Difference,
    pub(crate) judged: bool,
}

impl Pair {
    /// Whether the other is a measurement of the same classes with the same one slower.
    pub(crate) fn agrees_with(&self, other: &Self) -> bool {
        let slower = |pair: &Self| pair.difference.nanoseconds > 0.0;
        self.names == other.names && slower(self) == slower(other)
    }
}

impl Experiment<'_> {
    /// Times every class `samples` times, and compares each with each.
    pub(crate) fn run(&self, samples: usize) -> Vec<Pair> {
        assert!((self.operation)(&self.sound), "{}: the sound input was refused", self.name);
        let times = self.times(samples);
        let mut pairs = Vec::new();
        for (index, one) in self.classes.iter().enumerate() {
            for (other_index, other) in self.classes.iter().enumerate().skip(index + 1) {
                let difference = statistics::compare(&times[index], &times[other_index]);
                let judged = one.judged && other.judged;
                pairs.push(Pair { names: [one.name, other.name], difference, judged });
            }
        }
        pairs
    }

    fn times(&self, samples: usize) -> Vec<Vec<f64>> {
        // One buffer for all: where an input lies in memory must not tell its class.
        let mut buffer = self.classes[0].inputs[0].clone();
        let mut times = vec![Vec::with_capacity(samples); self.classes.len()];
        let warm_up = samples / 20 + 1;
        let mut draw = Draw::default();
        for round in 0..samples + warm_up {
            for class in draw.order(self.classes.len()) {
                let inputs = &self.classes[class].inputs;
                buffer.copy_from_slice(&inputs[draw.below(inputs.len())]);
                // The copy has to be over, wherever in memory it came from.
                fence(Ordering::SeqCst);
                let start = Instant::now();
                let accepted = (self.operation)(black_box(&buffer));
                let elapsed = start.elapsed();
                assert!(!accepted, "{}: {} was accepted", self.name, self.classes[class].name);
                if round >= warm_up {
                    times[class].push(elapsed.as_secs_f64() * 1e9);
                }
            }
        }
        times
    }
}

/// Random numbers in store, so that drawing them costs the same every time.
#[derive(Default)]
struct Draw {
    stock: Vec<u8>,
}

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        if self.stock.len() < 2 {
            self.stock = vec![0; 4096];
            rand::fill(&mut self.stock).unwrap();
        }
        let [high, low] = [self.stock.pop().unwrap(), self.stock.pop().unwrap()];
        usize::from(u16::from_be_bytes([high, low])) % bound
    }

    fn order(&mut self, count: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..count).collect();
        for index in (1..count).rev() {
            order.swap(index, self.below(index + 1));
        }
        order
    }
}
