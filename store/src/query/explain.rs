//! Explanations: what a plan does, in words, and what statistics save it.

use std::fmt;
use std::ops::Range;

use super::bounds::Verdict;
use super::plan::{Form, Planned};
use super::scan::Judge;
use super::{Per, Skipping};
use crate::error::Result;
use crate::reading::span::{BLOCK_ROWS, blocks};

/// What a plan does, and how many blocks it reads. A block is a stretch of 4096 rows of one series, the last one of a
/// series shorter.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Explanation {
    /// The steps, in order, in words.
    pub steps: Vec<String>,
    /// The columns that are read, `time` apart.
    pub columns: Vec<String>,
    /// Series of these columns and the chosen assets that are read, at least in part.
    pub series_read: u64,
    /// Series that are not touched.
    pub series_skipped: u64,
    /// Blocks of these series.
    pub blocks: Blocks,
}

/// Blocks that are read, and blocks that are not, by reason.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Blocks {
    /// They are read.
    pub read: u64,
    /// Of those, the blocks that are decoded, unless the process has done so before: those of compressed columns, and
    /// those whose rows several files hold. What windows look back to is not counted, nor are timestamps, nor
    /// what is joined.
    pub decoded: u64,
    /// No row of them lies in the time range.
    pub outside_range: u64,
    /// The statistics of a series say that the filter holds in no row of the asset.
    pub excluded_by_series: u64,
    /// The statistics of the block say that the filter holds in no row of it.
    pub excluded_by_block: u64,
    /// The filter holds in every row of the block, so the columns that it alone needs are not read.
    pub known_to_hold: u64,
}

impl Explanation {
    pub(super) fn of(planned: &Planned) -> Result<Self> {
        let name = |place: &usize| planned.scope.columns[*place].name.clone();
        let stored = planned.schema().columns().len();
        let own = |place: &usize| (1..stored).contains(place);
        let mut places: Vec<usize> = (1..stored).filter(|place| planned.used[*place]).collect();
        let answered: Vec<usize> = planned.answered.iter().copied().filter(own).collect();
        let mut this = Self {
            steps: steps(planned),
            columns: places.iter().map(name).collect(),
            series_read: 0,
            series_skipped: 0,
            blocks: Blocks::default(),
        };
        places.retain(|place| !answered.contains(place));
        let (all, needed) = (places.len() + answered.len(), answered.len());
        let (all, needed) = (u64::try_from(all).unwrap_or(0), u64::try_from(needed).unwrap_or(0));
        let mut units = planned.units.iter().peekable();
        for (place, asset) in planned.assets.iter().enumerate() {
            let judge = Judge::new(planned, place)?;
            let decoded = |places: &[usize], block: &Range<usize>| -> Result<u64> {
                places.iter().try_fold(0, |count, column| {
                    Ok(count + u64::from(planned.lease.reader().decodes(*column, *asset, block)?))
                })
            };
            let (mut within, mut touched) = (0, Touched::default());
            while let Some(unit) = units.next_if(|unit| unit.place == place) {
                for block in blocks(unit.rows.clone()) {
                    within += 1;
                    match judge.verdict(&block) {
                        Verdict::Never if judge.whole == Verdict::Never => {
                            this.blocks.excluded_by_series += all;
                        }
                        Verdict::Never => this.blocks.excluded_by_block += all,
                        Verdict::Always if planned.filter.is_some() => {
                            this.blocks.read += needed;
                            this.blocks.decoded += decoded(&answered, &block)?;
                            this.blocks.known_to_hold += all - needed;
                            touched.answered = true;
                        }
                        _ => {
                            this.blocks.read += all;
                            this.blocks.decoded +=
                                decoded(&answered, &block)? + decoded(&places, &block)?;
                            touched = Touched { answered: true, filtered: true };
                        }
                    }
                }
            }
            let total = u64::try_from(asset.rows().div_ceil(BLOCK_ROWS)).unwrap_or(u64::MAX);
            this.blocks.outside_range += total.saturating_sub(within) * all;
            let read =
                u64::from(touched.answered) * needed + u64::from(touched.filtered) * (all - needed);
            this.series_read += read;
            this.series_skipped += all - read;
        }
        Ok(this)
    }
}

/// Which columns of an asset are read.
#[derive(Clone, Copy, Default)]
struct Touched {
    answered: bool,
    filtered: bool,
}

fn steps(planned: &Planned) -> Vec<String> {
    let lease = &planned.lease;
    let mut steps = vec![format!(
        "take {} of {} assets of `{}` at version {}",
        planned.assets.len(),
        lease.asset_count(),
        lease.name(),
        lease.version().short()
    )];
    if let Some(resampling) = &planned.resample {
        let source = match resampling.slack_ns {
            Some(_) => "from the bars around the time range",
            None => "from all bars, since windows look back",
        };
        steps.push(format!("resample to {} {source}", resampling.period));
    }
    if let Some(join) = &planned.asof {
        let other = &join.asof.lease;
        let (name, version) = (other.name(), other.version().short());
        steps.push(format!("look up `{name}` at version {version} as of each bar"));
    }
    if planned.from > i64::MIN || planned.to < i64::MAX {
        steps.push("keep the bars in the time range".to_owned());
    }
    if planned.filter.is_some() {
        steps.push(match (planned.skipping, &planned.resample) {
            (Skipping::On, None) => "filter, blocks by their statistics first".to_owned(),
            _ => "filter row by row".to_owned(),
        });
    }
    steps.push(match &planned.form {
        Form::Rows => format!("answer with rows of {} columns", planned.items.len()),
        Form::Latest => "answer with the newest row of each asset, read from the end".to_owned(),
        Form::Top { count, per: Per::All, .. } => format!("answer with the top {count} rows"),
        Form::Top { count, per: Per::Time, .. } => {
            format!("answer with the top {count} rows of each time")
        }
        Form::Panel { times, .. } => {
            format!(
                "answer with a panel of {} times x {} assets",
                times.len(),
                planned.assets.len()
            )
        }
        Form::Groups(grouping) => {
            let by = match (grouping.by_asset, &grouping.periods) {
                (true, Some(_)) => "by asset and period",
                (true, None) => "by asset",
                (false, Some(_)) => "by period",
                (false, None) => "of all rows",
            };
            format!("aggregate {by}, {} aggregates", grouping.aggregates.len())
        }
    });
    let threads = planned.threads.min(planned.tasks.len());
    let counted =
        |count: usize, noun| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let (tasks, threads) = (planned.tasks.len(), threads.max(1));
    steps.push(format!("{} on {}", counted(tasks, "task"), counted(threads, "thread")));
    steps
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, step) in self.steps.iter().enumerate() {
            writeln!(f, "{}. {step}", number + 1)?;
        }
        writeln!(f)?;
        let columns =
            if self.columns.is_empty() { "none".to_owned() } else { self.columns.join(", ") };
        writeln!(f, "columns  {columns}")?;
        writeln!(f, "series   {} read, {} skipped", self.series_read, self.series_skipped)?;
        let blocks = &self.blocks;
        match blocks.decoded {
            0 => writeln!(f, "blocks   {} read", blocks.read)?,
            decoded => writeln!(f, "blocks   {} read, {decoded} of them decoded", blocks.read)?,
        }
        for (count, reason) in [
            (blocks.outside_range, "outside the time range"),
            (blocks.excluded_by_series, "excluded by the statistics of a series"),
            (blocks.excluded_by_block, "excluded by the statistics of a block"),
            (blocks.known_to_hold, "not needed, since the filter holds throughout"),
        ] {
            if count > 0 {
                writeln!(f, "         {count} skipped: {reason}")?;
            }
        }
        Ok(())
    }
}
