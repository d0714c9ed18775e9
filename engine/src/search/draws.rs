//! Random numbers without a state: a function of the search's seed, what is drawn for, and a count.

use super::scale::{exact_count, floor_place};

/// What numbers are drawn for; each use has numbers of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Use {
    /// The seed of a trial.
    TrialSeed = 1,
    /// Uniform points.
    Uniform = 2,
    /// Whether a proposal is uniform, and the proposal of a model.
    Proposal = 3,
    /// Filling inactive coordinates of observations.
    Impute = 4,
    /// Scrambling of sequences and strata.
    Scramble = 5,
    /// Crossing and changing parents.
    Breed = 6,
    /// Trees of a forest.
    Forest = 7,
}

/// A stream of random numbers: Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1,
/// 2, 3", 2011) with the seed as key and (block, use, stream) as counter.
#[derive(Debug, Clone)]
pub(super) struct Draws {
    seed: u64,
    stream: u64,
    purpose: u32,
    block: u32,
    spare: [u32; 4],
    left: usize,
}

impl Draws {
    /// Returns the stream for one use of one thing, such as a trial.
    pub(super) fn new(seed: u64, purpose: Use, stream: u64) -> Draws {
        Draws { seed, stream, purpose: purpose as u32, block: 0, spare: [0; 4], left: 0 }
    }

    fn word(&mut self) -> u32 {
        if self.left == 0 {
            let (low, high) = halves(self.stream);
            let (key_low, key_high) = halves(self.seed);
            self.spare = philox([self.block, self.purpose, low, high], [key_low, key_high]);
            self.block = self.block.wrapping_add(1);
            self.left = 4;
        }
        self.left -= 1;
        self.spare[3 - self.left]
    }

    /// Returns 64 random bits.
    pub(super) fn bits(&mut self) -> u64 {
        let low = u64::from(self.word());
        low | u64::from(self.word()) << 32
    }

    /// Returns a number in [0, 1), a multiple of 2^-53.
    pub(super) fn unit(&mut self) -> f64 {
        exact_count(self.bits() >> 11) / exact_count(1 << 53)
    }

    /// Returns a number in (0, 1), never an end.
    pub(super) fn open(&mut self) -> f64 {
        (exact_count(self.bits() >> 12) + 0.5) / exact_count(1 << 52)
    }

    /// Returns a place below `count`, which is above 0.
    pub(super) fn below(&mut self, count: usize) -> usize {
        floor_place(self.unit(), count)
    }

    /// Returns 32 random bits, for the seed of something else.
    pub(super) fn seed(&mut self) -> u32 {
        self.word()
    }

    /// Shuffles (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }

    /// Returns a standard normal number (Box and Muller, the cosine half).
    pub(super) fn normal(&mut self) -> f64 {
        let radius = libm::sqrt(-2.0 * libm::log(self.open()));
        radius * libm::cos(std::f64::consts::TAU * self.unit())
    }
}

fn halves(value: u64) -> (u32, u32) {
    let low = u32::try_from(value & 0xffff_ffff).unwrap_or(0);
    (low, u32::try_from(value >> 32).unwrap_or(0))
}

/// The published function; the tests have its published answers.
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for _ in 0..10 {
        let (low0, high0) = halves(0xD251_1F53 * u64::from(counter[0]));
        let (low1, high1) = halves(0xCD9E_8D57 * u64::from(counter[2]));
        counter = [high1 ^ counter[1] ^ key[0], low1, high0 ^ counter[3] ^ key[1], low0];
        key = [key[0].wrapping_add(0x9E37_79B9), key[1].wrapping_add(0xBB67_AE85)];
    }
    counter
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of Random123 (`kat_vectors`, `philox4x32 10`).
    #[test]
    fn philox_gives_its_published_answers() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(
            philox([u32::MAX; 4], [u32::MAX; 2]),
            [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]
        );
        let pi = [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344];
        let expected = [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1];
        assert_eq!(philox(pi, [0xa409_3822, 0x299f_31d0]), expected);
    }

    #[test]
    fn streams_are_repeatable_and_apart() {
        let take = |seed, purpose, stream| {
            let mut draws = Draws::new(seed, purpose, stream);
            (0..9).map(|_| draws.bits()).collect::<Vec<_>>()
        };
        let first = take(1, Use::Uniform, 7);
        assert_eq!(first, take(1, Use::Uniform, 7));
        for other in [take(2, Use::Uniform, 7), take(1, Use::Proposal, 7), take(1, Use::Uniform, 8)]
        {
            assert!(first.iter().all(|bits| !other.contains(bits)));
        }
    }

    #[test]
    fn numbers_have_their_moments() {
        let mut draws = Draws::new(3, Use::Uniform, 0);
        let count = 200_000;
        let (mut mean, mut normal_mean, mut square) = (0.0, 0.0, 0.0);
        let mut places = [0_u32; 5];
        for _ in 0..count {
            let unit = draws.unit();
            assert!((0.0..1.0).contains(&unit));
            mean += unit / f64::from(count);
            let normal = draws.normal();
            normal_mean += normal / f64::from(count);
            square += normal * normal / f64::from(count);
            places[draws.below(5)] += 1;
        }
        assert!((mean - 0.5).abs() < 0.003, "{mean}");
        assert!(normal_mean.abs() < 0.01 && (square - 1.0).abs() < 0.02, "{normal_mean} {square}");
        assert!(places.iter().all(|n| n.abs_diff(40_000) < 900), "{places:?}");
    }
}
