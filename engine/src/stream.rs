//! Random numbers that depend on a seed and a key alone.

/// A stream of random numbers, keyed by a seed and two more numbers, such as a study's seed, the
/// bracket and the trial. Two streams of different keys have nothing in common, so it does not
/// matter which thread draws when. Not for secrets.
///
/// The generator is `SplitMix64` of Steele, Lea and Flood (2014), started at a hash of the key.
///
/// ```
/// use barrow_engine::Stream;
/// let mut a = Stream::new(7, [0, 3]);
/// assert_eq!(a.bits(), Stream::new(7, [0, 3]).bits());
/// assert!((0.0..1.0).contains(&a.uniform()));
/// ```
#[derive(Debug, Clone)]
pub struct Stream {
    state: u64,
}

impl Stream {
    /// Returns the stream of a key.
    pub fn new(seed: u64, key: [u64; 2]) -> Stream {
        let mut state = mixed(seed);
        for part in key {
            state = mixed(state ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(STEP));
        }
        Stream { state }
    }

    /// Returns 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(STEP);
        mixed(self.state)
    }

    /// Returns a number from 0 to below 1, a multiple of 2^-52.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        f64::from_bits(0x3ff0_0000_0000_0000 | self.bits() >> 12) - 1.0
    }

    /// Returns a whole number below `n`; 0 for 0. Its bias is below `n / 2^64`.
    #[inline]
    pub fn below(&mut self, n: usize) -> usize {
        let wide = u128::from(self.bits()) * u128::try_from(n).unwrap_or(0);
        usize::try_from(wide >> 64).unwrap_or(0)
    }

    /// Returns a standard normal number, by inverting the distribution.
    pub fn normal(&mut self) -> f64 {
        // The middle of the cell, so that neither end is ever met.
        crate::validation::normal_quantile(self.uniform() + f64::EPSILON / 2.0)
    }

    /// Puts values in random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, values: &mut [T]) {
        for end in (1..values.len()).rev() {
            let other = self.below(end + 1);
            values.swap(end, other);
        }
    }
}

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mixed(mut z: u64) -> u64 {
    z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generator_is_the_published_one() {
        // First outputs of SplitMix64 from state 1234567, as the reference implementation has them.
        let mut stream = Stream { state: 1_234_567 };
        let first: Vec<u64> = (0..3).map(|_| stream.bits()).collect();
        let published =
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        assert_eq!(first, published);
    }

    #[test]
    fn neighbouring_keys_are_unrelated_and_moments_are_right() {
        let mut starts: Vec<u64> = Vec::new();
        for seed in 0..20 {
            for key in 0..20 {
                starts.push(Stream::new(seed, [key, 0]).bits());
                starts.push(Stream::new(seed, [0, key + 1]).bits());
            }
        }
        starts.sort_unstable();
        starts.dedup();
        assert_eq!(starts.len(), 800);
        let mut stream = Stream::new(3, [1, 4]);
        let values: Vec<f64> = (0..40_000).map(|_| stream.normal()).collect();
        let mean = values.iter().sum::<f64>() / 40_000.0;
        let square = values.iter().map(|value| value * value).sum::<f64>() / 40_000.0;
        assert!(mean.abs() < 0.02 && (square - 1.0).abs() < 0.03, "{mean} {square}");
        let mut counts = [0; 5];
        (0..10_000).for_each(|_| counts[stream.below(5)] += 1);
        assert!(counts.iter().all(|count| (1850..2150).contains(count)), "{counts:?}");
        let mut order: Vec<usize> = (0..50).collect();
        stream.shuffle(&mut order);
        assert!(order.windows(2).any(|pair| pair[0] > pair[1]));
        order.sort_unstable();
        assert_eq!(order, (0..50).collect::<Vec<_>>());
    }
}
