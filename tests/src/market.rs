//! [`Market`]: a small made-up market in whole cents, written as CSV files, so that tests can compute
//! what they expect in integers.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use rand_pcg::Pcg64;
use rand_pcg::rand_core::{Rng, SeedableRng};

/// One daily bar in cents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// Place of the session among [`Market::dates`].
    pub session: usize,
    /// Open, in cents.
    pub open: i64,
    /// High, in cents.
    pub high: i64,
    /// Low, in cents.
    pub low: i64,
    /// Close, in cents.
    pub close: i64,
    /// Volume, in shares.
    pub volume: i64,
}

/// Assets with their bars.
#[derive(Debug, Clone)]
pub struct Market {
    /// Sessions as they are written: `YYYY-MM-DD`, ascending.
    pub dates: Vec<String>,
    /// Symbols and bars, in symbol order, each oldest first.
    pub assets: Vec<(String, Vec<Bar>)>,
}

impl Market {
    /// A market of `assets` assets over `sessions` sessions. Prices move by few cents, so that moving
    /// averages are often exactly equal; some assets begin late, miss sessions, or end early.
    pub fn new(seed: u64, assets: usize, sessions: usize) -> Self {
        let mut rng = Pcg64::seed_from_u64(seed);
        let mut below = |bound: i64| {
            let bound = u64::try_from(bound).expect("above zero");
            i64::try_from(rng.next_u64() % bound).expect("small")
        };
        let first = jiff::civil::date(2012, 1, 2);
        let dates = (0..sessions)
            .map(|i| (first + jiff::Span::new().days(i64::try_from(i).expect("few"))).to_string())
            .collect();
        let mut made = Vec::new();
        for asset in 0..assets {
            let late = if asset % 3 == 1 { 20 } else { 0 };
            let early = if asset % 3 == 2 { sessions - 15 } else { sessions };
            let mut close = 700 + below(900);
            let mut bars = Vec::new();
            for session in late..early {
                let open = (close + below(5) - 2).max(10);
                close = (open + below(9) - 4).max(10);
                let high = open.max(close) + below(3);
                let low = open.min(close) - below(3);
                let volume = 100 * (1 + below(50));
                // A session without a bar, now and then, in two assets of three.
                if asset % 3 == 0 || below(12) > 0 {
                    bars.push(Bar { session, open, high, low, close, volume });
                }
            }
            made.push((format!("SYM{asset}"), bars));
        }
        Self { dates, assets: made }
    }

    /// Writes one CSV file an asset into `folder`, with the sessions before place `end`.
    pub fn write_csv(&self, folder: &Path, end: usize) {
        fs::create_dir_all(folder).expect("a folder");
        for (symbol, bars) in &self.assets {
            let mut text = String::from("date,open,high,low,close,volume\n");
            for bar in bars.iter().filter(|bar| bar.session < end) {
                let date = &self.dates[bar.session];
                let [o, h, l, c] = [bar.open, bar.high, bar.low, bar.close].map(decimal);
                writeln!(text, "{date},{o},{h},{l},{c},{}", bar.volume).expect("a string takes it");
            }
            fs::write(folder.join(format!("{symbol}.csv")), text).expect("a file");
        }
    }
}

/// Cents as a decimal with two places.
fn decimal(cents: i64) -> String {
    format!("{}.{:02}", cents / 100, cents % 100)
}
