//! The symbol index: an open-addressing hash table from symbol to asset, used in place.

/// FNV-1a in 64 bits, as published by Fowler, Noll and Vo.
#[inline]
pub(crate) fn fnv1a(symbol: &str) -> u64 {
    symbol.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Slots of the index of `assets` symbols: a power of two, at least twice as many.
pub(crate) fn slot_count(assets: u64) -> Option<u64> {
    assets.checked_mul(2)?.max(2).checked_next_power_of_two()
}

/// Slots to look at for `symbol`, in order: from its hash onwards, round the end, each once.
#[inline]
pub(crate) fn probe(symbol: &str, slots: usize) -> impl Iterator<Item = usize> {
    let mask = slots.wrapping_sub(1);
    let hash = fnv1a(symbol);
    // The low bits of FNV-1a depend on the last bytes the most; the high half is folded in.
    let start = usize::try_from((hash ^ (hash >> 32)) & mask as u64).unwrap_or(0);
    (0..slots).map(move |step| start.wrapping_add(step) & mask)
}

/// Builds the index: each slot is 0, or 1 more than the place of an asset.
pub(crate) fn build<'a>(
    symbols: impl ExactSizeIterator<Item = &'a str>,
    slot_count: usize,
) -> Vec<u32> {
    let mut slots = vec![0u32; slot_count];
    for (number, symbol) in (1u32..).zip(symbols) {
        let free = probe(symbol, slot_count).find(|&at| slots.get(at) == Some(&0));
        if let Some(slot) = free.and_then(|at| slots.get_mut(at)) {
            *slot = number;
        }
    }
    slots
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hash_is_the_published_one() {
        assert_eq!(fnv1a(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv1a("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(fnv1a("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn every_symbol_is_found_where_it_was_put() {
        let symbols: Vec<String> = (0..5000).map(|i| format!("S{i:04}")).collect();
        let slot_count = usize::try_from(slot_count(5000).unwrap()).unwrap();
        let slots = build(symbols.iter().map(String::as_str), slot_count);
        for (number, symbol) in (1u32..).zip(&symbols) {
            let steps = probe(symbol, slot_count).position(|at| slots[at] == number).unwrap();
            assert!(steps < 64, "{symbol} lies {steps} slots off");
            assert!(probe(symbol, slot_count).take(steps).all(|at| slots[at] != 0));
        }
    }
}
