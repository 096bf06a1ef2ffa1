//! Asks the evaluator and the reference the same questions, and tells where they differ.

use std::collections::BTreeMap;
use std::fmt;

/// How many questions are put to each world.
const QUESTIONS: u64 = 64;

/// Numbers that one seed repeats (SplitMix64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.number() % end as u64).unwrap()
    }

    pub(crate) fn small(&mut self, end: u8) -> u8 {
        u8::try_from(self.below(end.into())).unwrap()
    }

    pub(crate) fn once_in(&mut self, turns: usize) -> bool {
        self.below(turns) == 0
    }

    pub(crate) fn one<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())]
    }

    pub(crate) fn list<T>(
        &mut self,
        count: std::ops::RangeInclusive<usize>,
        mut make: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let count = count.start() + self.below(count.end() - count.start() + 1);
        (0..count).map(|_| make(self)).collect()
    }
}

/// One decision of the crate: what is asked, who answers, and what must be answered.
pub(crate) trait Door {
    type World: Clone + fmt::Debug;
    type Question: fmt::Debug;
    type Ready;
    type Answer: fmt::Debug;

    fn world(&self, dice: &mut Dice) -> Self::World;
    fn question(&self, dice: &mut Dice) -> Self::Question;
    /// The world as the evaluator takes it.
    fn ready(&self, world: &Self::World) -> Self::Ready;
    /// The evaluator's answer.
    fn ask(&self, ready: &Self::Ready, question: &Self::Question) -> Self::Answer;
    /// Holds the answer against the reference, and counts what kind of case it was.
    fn judge(
        &self,
        world: &Self::World,
        question: &Self::Question,
        answer: &Self::Answer,
        tally: &mut Tally,
    ) -> Result<(), String>;
    /// The world with one thing less, in every way.
    fn smaller(&self, world: &Self::World) -> Vec<Self::World>;
}

/// How many cases were of which kind.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) cases: u64,
    kinds: BTreeMap<&'static str, u64>,
}

impl Tally {
    pub(crate) fn count(&mut self, kind: &'static str) {
        *self.kinds.entry(kind).or_default() += 1;
    }

    pub(crate) fn count_if(&mut self, is: bool, kind: &'static str) {
        if is {
            self.count(kind);
        }
    }

    /// The share of a kind, in per cent.
    pub(crate) fn share(&self, kind: &str) -> f64 {
        let count = self.kinds.get(kind).copied().unwrap_or(0);
        count as f64 * 100.0 / self.cases as f64
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} cases agree", self.cases)?;
        self.kinds.keys().try_for_each(|kind| write!(f, "\n  {:6.2} % {kind}", self.share(kind)))
    }
}

/// A case that evaluator and reference decide differently, made as small as it gets.
#[derive(Debug)]
pub(crate) struct Difference {
    /// How many cases had agreed.
    pub(crate) after: u64,
    seed: u64,
    text: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { after, seed, text } = self;
        write!(f, "after {after} cases, by STRONGROOM_AUTHZ_SEED={seed}: {text}")
    }
}

/// Names the seed when the evaluator itself panics.
struct Named(u64);

impl Drop for Named {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("by STRONGROOM_AUTHZ_SEED={}", self.0);
        }
    }
}

/// Puts so many cases to both; the worlds are of the seeds from `seed` on.
pub(crate) fn compare<D: Door>(door: &D, seed: u64, cases: u64) -> Result<Tally, Difference> {
    let mut tally = Tally::default();
    for seed in (0..cases.div_ceil(QUESTIONS)).map(|world| seed.wrapping_add(world)) {
        let _named = Named(seed);
        let mut dice = Dice::new(seed);
        let world = door.world(&mut dice);
        let ready = door.ready(&world);
        for _ in 0..QUESTIONS {
            let question = door.question(&mut dice);
            let answer = door.ask(&ready, &question);
            if door.judge(&world, &question, &answer, &mut tally).is_err() {
                let text = smallest(door, world, &question);
                return Err(Difference { after: tally.cases, seed, text });
            }
            tally.cases += 1;
        }
    }
    Ok(tally)
}

/// Takes away from a world whatever the difference does without, and tells it.
fn smallest<D: Door>(door: &D, mut world: D::World, question: &D::Question) -> String {
    let differs = |world: &D::World| {
        let answer = door.ask(&door.ready(world), question);
        let judged = door.judge(world, question, &answer, &mut Tally::default());
        judged.err().map(|why| (why, answer))
    };
    while let Some(smaller) = door.smaller(&world).into_iter().find(|w| differs(w).is_some()) {
        world = smaller;
    }
    let Some((why, answer)) = differs(&world) else { return "not twice".to_owned() };
    format!("{why}\n  answered {answer:?}\n  asked {question:?}\n  in {world:?}")
}

/// Every list that lacks one member.
pub(crate) fn without_one<T: Clone>(list: &[T]) -> impl Iterator<Item = Vec<T>> {
    (0..list.len()).map(|at| {
        let mut list = list.to_vec();
        list.remove(at);
        list
    })
}
