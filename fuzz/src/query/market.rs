//! Bundles drawn from bytes, as plain vectors and as files.

use barrow_format::{Frequency, Stamp};
use barrow_store::query::Period;

use super::draw::Draw;

const MINUTE_NS: i64 = 60_000_000_000;
const DAY_NS: i64 = 1440 * MINUTE_NS;

/// The columns of every market, in order.
pub(super) const COLUMNS: [&str; 9] =
    ["time", "open", "high", "low", "close", "volume", "trades", "fee", "small price"];
/// How its columns are called when it is joined on.
pub(super) const OTHER_COLUMNS: [&str; 8] =
    ["B.open", "B.high", "B.low", "B.close", "B.volume", "B.trades", "B.fee", "B.small price"];

/// One asset's bars.
#[derive(Debug)]
pub(super) struct Asset {
    pub(super) symbol: String,
    /// What its metadata says of a member `group`; without, there is no metadata.
    pub(super) group: Option<&'static str>,
    pub(super) times: Vec<i64>,
    /// Values of each column behind `time`, decimals by their value.
    pub(super) columns: Vec<Vec<f64>>,
}

/// What a bundle holds.
#[derive(Debug)]
pub(super) struct Market {
    pub(super) frequency: Frequency,
    pub(super) stamp: Stamp,
    pub(super) zone: &'static str,
    pub(super) assets: Vec<Asset>,
}

impl Market {
    pub(super) fn draw(draw: &mut Draw<'_>, letter: &str) -> Self {
        let is_daily = draw.one_in(2);
        let minutes = Frequency::Intraday { step_ns: MINUTE_NS };
        let mut market = Self {
            frequency: if is_daily { Frequency::Daily } else { minutes },
            stamp: match draw.below(2) {
                _ if is_daily => Stamp::Session,
                0 => Stamp::BarStart,
                _ => Stamp::BarEnd,
            },
            zone: ["UTC", "America/New_York", "Asia/Kolkata"][draw.below(3)],
            assets: Vec::new(),
        };
        for place in 0..draw.below(5) {
            let asset = draw_asset(draw, format!("{letter}{place}"), market.step_ns());
            let group = [Some("G0"), Some("H1"), None][place % 3];
            market.assets.push(Asset { group, ..asset });
        }
        market
    }

    pub(super) fn step_ns(&self) -> i64 {
        if self.frequency == Frequency::Daily { DAY_NS } else { MINUTE_NS }
    }

    /// A time about where bars are.
    pub(super) fn any_time(&self, draw: &mut Draw<'_>) -> i64 {
        let times = self.assets.first().map_or(&[][..], |asset| &asset.times);
        let near = match times.len() {
            0 => 0,
            len => times[draw.below(256) * len / 256],
        };
        near + i64::from(draw.byte()) - 128
    }

    /// A period that bars of this market add up to, or bars that were resampled once.
    pub(super) fn any_period(&self, draw: &mut Draw<'_>, resampled: Option<Period>) -> Period {
        let days = [Period::Session, Period::Week, Period::Month, Period::Quarter, Period::Year];
        let days = days[draw.below(5)];
        let steps = [5, 60, 7, 180];
        let step = Period::Step { ns: steps[draw.below(4)] * MINUTE_NS };
        let is_choice = draw.one_in(2) && self.stamp != Stamp::Session;
        match resampled {
            None if is_choice => step,
            Some(before @ Period::Step { .. }) if is_choice => before,
            _ => days,
        }
    }

    pub(super) fn matches(&self, pattern: &str) -> bool {
        self.assets.iter().any(|asset| matches(pattern, &asset.symbol))
    }
}

/// Whether a pattern of these tests matches: at most one star or question mark.
pub(super) fn matches(pattern: &str, symbol: &str) -> bool {
    match pattern.split_once(['*', '?']) {
        None => pattern == symbol,
        Some((head, tail)) => {
            let rest = symbol.strip_prefix(head).and_then(|rest| rest.strip_suffix(tail));
            rest.is_some_and(|rest| pattern.contains('*') || rest.len() == 1)
        }
    }
}

fn draw_asset(draw: &mut Draw<'_>, symbol: String, step_ns: i64) -> Asset {
    // A few bars, or so many that they have zones.
    let rows = match draw.below(16) {
        15 => 4000 + 40 * draw.below(256),
        14 => 300 + draw.below(256),
        n => n * draw.below(8),
    };
    // The first minute lies shortly before clocks were changed in New York, 2013-11-03.
    let first =
        if step_ns == DAY_NS { 16_000 * DAY_NS } else { 16_011 * DAY_NS + 22 * 60 * MINUTE_NS };
    let (mut state, gaps, scale) = (u64::from(draw.byte()) + 1, draw.below(4), draw.below(3));
    let mut below = |bound: u64| {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % bound
    };
    let mut time = first + i64::try_from(below(50)).expect("small") * step_ns;
    let mut asset = Asset { symbol, group: None, times: Vec::new(), columns: vec![Vec::new(); 8] };
    for row in 0..rows {
        let has_gap = gaps > 0 && below(16) == 0;
        let most = u64::try_from(gaps).expect("small") * 7;
        let skipped = if has_gap { below(most) } else { 0 };
        time += step_ns * (1 + i64::try_from(skipped).expect("small"));
        asset.times.push(time);
        // Prices drift, so that zones differ.
        let drift = u64::try_from(row).expect("small") >> (8 * scale).min(12);
        for (column, values) in asset.columns.iter_mut().enumerate() {
            let drawn = below(16);
            let whole = u32::try_from(drift % 1000 + below(40)).expect("small");
            let value = match column {
                5 => f64::from(whole),
                6 => f64::from(whole) - 20.0,
                4 if drawn < 4 => 0.0,
                _ if drawn == 15 => f64::NAN,
                _ => f64::from(whole) / 4.0 - 2.0,
            };
            // Decimals and counts have no missing values.
            values.push(value);
        }
    }
    asset
}
