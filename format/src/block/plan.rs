//! [`Plan`]: how residuals are cut into a base, a step, high bits for the entropy coder and low bits to
//! pack. The choice is by integer arithmetic alone, so that every machine makes the same one.

use super::{bits::BITS_MAX, varint};

/// Values that the high bits of a residual can have: they are stored as bytes.
const HIGHS: u64 = 256;

/// A choice for the residuals of one block, and what it will cost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Plan {
    /// Smallest residual that is not an exception.
    pub(super) base: i64,
    /// Largest residual that is not an exception.
    pub(super) top: i64,
    /// All residuals that are no exceptions differ from the base by multiples of this.
    pub(super) step: u64,
    /// Low bits that are packed as they are; the others, at most eight, are entropy-coded.
    pub(super) low_bits: u8,
    /// Estimated cost in 256ths of a bit.
    pub(super) cost: u64,
}

impl Plan {
    /// Chooses for these residuals; `sorted` is room to sort them in.
    pub(super) fn of(residuals: &[i64], sorted: &mut Vec<i64>) -> Self {
        sorted.clear();
        sorted.extend_from_slice(residuals);
        sorted.sort_unstable();
        let (Some(&base), Some(&top)) = (sorted.first(), sorted.last()) else {
            return Self { base: 0, top: 0, step: 1, low_bits: 0, cost: 0 };
        };
        let mut best = Self { base, top, step: 1, low_bits: 0, cost: u64::MAX };
        // Outliers are given up in steps: none, a few, one in 256, one in 64, one in 16. Where that does not
        // narrow the range by a quarter, it cannot be worth its exceptions.
        let len = sorted.len();
        let mut range_before = None;
        for outliers in [0, len.min(2), len / 256, len / 64, len / 16] {
            let Some(kept) = narrowest(sorted, len - outliers) else { continue };
            let range = span(kept);
            if range_before.is_some_and(|before| range > before - before / 4) {
                continue;
            }
            range_before = Some(range);
            let plan = Self::of_kept(kept, outliers);
            if plan.cost < best.cost {
                best = plan;
            }
        }
        best
    }

    /// Chooses how many low bits to pack, for sorted residuals that are no exceptions.
    fn of_kept(kept: &[i64], outliers: usize) -> Self {
        let (base, top) = kept.first().zip(kept.last()).map_or((0, 0), |(&base, &top)| (base, top));
        let above = |value: i64| value.wrapping_sub(base).cast_unsigned();
        let step = kept
            .iter()
            .fold(0, |step, &value| if step == 1 { 1 } else { gcd(step, above(value)) })
            .max(1);
        let range = above(top) / step;
        let bits = u64::BITS - range.leading_zeros();
        let fewest = bits.saturating_sub(u64::BITS - (HIGHS - 1).leading_zeros());
        let mut histogram = [0u32; 256];
        for &value in kept {
            let units = if step == 1 { above(value) } else { above(value) / step };
            let high = usize::from((units >> fewest).to_le_bytes()[0]);
            if let Some(count) = histogram.get_mut(high) {
                *count += 1;
            }
        }
        let exceptions = outliers as u64
            * 8
            * 256
            * (1 + varint::len_i64(top).max(varint::len_i64(base)) as u64);
        let mut best = Self { base, top, step, low_bits: 0, cost: u64::MAX };
        let mut low_bits = u8::try_from(fewest).unwrap_or(BITS_MAX);
        let mut counts = histogram.as_mut_slice();
        loop {
            let packed = kept.len() as u64 * u64::from(low_bits) * 256;
            let cost = exceptions + packed + entropy(counts);
            if cost < best.cost {
                best = Self { low_bits, cost, ..best };
            }
            if low_bits == BITS_MAX || counts.len() == 1 {
                return best;
            }
            counts = halved(counts);
            low_bits += 1;
        }
    }

    /// Returns the residual as a number of steps above the base, or `None` where it is an exception.
    pub(super) fn units(&self, residual: i64) -> Option<u64> {
        let above = residual.wrapping_sub(self.base).cast_unsigned();
        let kept = self.base <= residual && residual <= self.top && above.is_multiple_of(self.step);
        kept.then(|| if self.step == 1 { above } else { above / self.step })
    }
}

/// Returns the stretch of `count` sorted values that spans least.
fn narrowest(sorted: &[i64], count: usize) -> Option<&[i64]> {
    sorted.windows(count.max(1)).min_by_key(|window| span(window))
}

fn span(sorted: &[i64]) -> u64 {
    match sorted {
        [first, .., last] => last.wrapping_sub(*first).cast_unsigned(),
        _ => 0,
    }
}

fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

/// Merges neighbours in place, as one more low bit does.
fn halved(counts: &mut [u32]) -> &mut [u32] {
    let half = counts.len() / 2;
    for place in 0..half {
        let pair = counts.get(2 * place..2 * place + 2).map_or(0, |pair| pair.iter().sum());
        if let Some(slot) = counts.get_mut(place) {
            *slot = pair;
        }
    }
    counts.get_mut(..half).unwrap_or_default()
}

/// Estimates the entropy-coded high bits, with the code's own table, in 256ths of a bit.
fn entropy(counts: &[u32]) -> u64 {
    let (mut total, mut used, mut logs) = (0u32, 0, 0);
    for &count in counts {
        total += count;
        used += u64::from(count > 0);
        logs += u64::from(count) * u64::from(log2(count));
    }
    if used < 2 {
        return 0;
    }
    let symbols = (u64::from(total) * u64::from(log2(total))).saturating_sub(logs);
    // A frame has about 16 bytes beside its symbols, and a table about 5 bits for each that is used.
    symbols + (16 * 8 + 5 * used) * 256
}

/// Returns the binary logarithm in 256ths, rounded down; zero for 0 and 1.
fn log2(count: u32) -> u32 {
    LOG2.get(count as usize).copied().map_or(LOG2_MAX, u32::from)
}

const LOG2_MAX: u32 = 12 * 256;
static LOG2: [u16; 4097] = log2_table();

#[expect(clippy::indexing_slicing, reason = "a constant is computed when the crate is built")]
const fn log2_table() -> [u16; 4097] {
    let mut table = [0; 4097];
    let mut count = 2;
    while count < 4097 {
        // Squaring a number in [1, 2) doubles its logarithm: a whole part that appears is the next bit.
        let mut whole = 0u16;
        while count >> (whole + 1) > 0 {
            whole += 1;
        }
        let mut scaled = ((count as u64) << 31) >> whole;
        let (mut fraction, mut bit) = (0u16, 0);
        while bit < 8 {
            scaled = (scaled * scaled) >> 31;
            fraction <<= 1;
            if scaled >= 2 << 31 {
                fraction |= 1;
                scaled >>= 1;
            }
            bit += 1;
        }
        table[count] = whole * 256 + fraction;
        count += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_right_to_a_256th() {
        for count in 1..=4096u32 {
            let exact = f64::from(count).log2() * 256.0;
            let found = f64::from(log2(count));
            assert!(found <= exact + 1e-9 && exact < found + 1.0 + 1e-9, "{count}");
        }
    }

    #[test]
    fn steps_and_outliers_are_found() {
        let mut residuals: Vec<i64> = (0..1000).map(|i| 500 + 60 * (i * 7 % 13)).collect();
        residuals[17] = i64::MAX;
        residuals[900] = i64::MIN;
        let plan = Plan::of(&residuals, &mut Vec::new());
        assert_eq!((plan.base, plan.top, plan.step), (500, 500 + 60 * 12, 60));
        assert_eq!(plan.units(560), Some(1));
        assert_eq!((plan.units(561), plan.units(440), plan.units(i64::MAX)), (None, None, None));
    }
}
