//! `--resample` and `--noise` of `backtest`: how sure its figures are, and whether they survive a slightly different
//! history.

use std::io::Write;

use barrow_engine::validation::{
    Bootstrap, Interval, NoiseSpread, TradeOrder, block_length, quantile, trade_order,
};
use barrow_engine::{Objective, Performance, Workers};
use barrow_store::{Lease, SeriesCache};
use serde_json::{Value, json};

use super::backtest::SettingArgs;
use super::permutations::watched;
use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::market::Market;
use crate::metrics::{name, text};
use crate::numbers::{counted, counted_len, fixed, float_len, percent};
use crate::printer::Printer;
use crate::report::round_trips;
use crate::table::print_facts;

/// How often a backtest is drawn again, and from what.
#[derive(Clone, Copy, Debug, clap::Args)]
pub(crate) struct ResamplingArgs {
    /// Draw the returns of the equity again so often, in blocks, for intervals around the figures; and put the closed
    /// trades in another order so often, for what depends on it
    #[arg(long, value_name = "N", default_value_t = 0)]
    resample: usize,
    /// Run it again over so many markets with noise on their returns
    #[arg(long, value_name = "N", default_value_t = 0)]
    noise: u64,
    /// How much noise: a share of the deviation of an asset's last 20 returns
    #[arg(long, value_name = "SHARE", default_value_t = 0.1)]
    noise_share: f64,
}

/// What was drawn.
#[derive(Debug, Default)]
pub(crate) struct Resampled {
    /// Intervals that cover with 90 %: of the annual Sharpe ratio and of the total return.
    pub(crate) intervals: Option<Intervals>,
    /// The closed trades in other orders; none without a trade.
    pub(crate) trades: Option<TradeOrder>,
    /// The objective over markets with noise.
    pub(crate) noise: Option<Noise>,
    resamples: usize,
}

/// Figures of the equity and how sure they are.
#[derive(Debug)]
pub(crate) struct Intervals {
    pub(crate) sharpe: Interval,
    pub(crate) total_return: Interval,
    /// Mean length of the blocks, bars.
    pub(crate) block: f64,
}

/// The objective over markets with noise.
#[derive(Debug)]
pub(crate) struct Noise {
    pub(crate) objective: Objective,
    pub(crate) share: f64,
    /// Those over which it is defined.
    pub(crate) values: Vec<f64>,
    pub(crate) spread: NoiseSpread,
}

impl ResamplingArgs {
    /// Draws what is asked for; `again` runs the backtest over other bars and returns the objective.
    ///
    /// # Errors
    /// Those of `again`, and when it was stopped.
    pub(crate) fn draw(
        self,
        (performance, lease): (&Performance, &Lease),
        (setting, objective): (&SettingArgs, Objective),
        invocation: &Invocation,
        again: &(dyn Fn(&Lease, &SeriesCache) -> anyhow::Result<Option<f64>> + Sync),
    ) -> anyhow::Result<Resampled> {
        let mut drawn = Resampled { resamples: self.resample, ..Resampled::default() };
        if self.resample > 0 {
            drawn.intervals = Some(self.intervals(performance)?);
            let trades = round_trips(performance).into_iter().filter(|t| t.closed.is_some());
            let profits: Vec<f64> = trades.map(|trade| trade.profit).collect();
            if !profits.is_empty() {
                let order = trade_order(setting.cash, &profits, self.resample, setting.seed)?;
                drawn.trades = Some(order);
            }
        }
        let value = objective.metric.of(&performance.metrics, performance.final_equity);
        if let Some(without) = value.filter(|_| self.noise > 0) {
            let share = self.noise_share;
            if !(share.is_finite() && share > 0.0) {
                let said = format!("`--noise-share {share}` is no share above zero");
                return Err(Complaint::new(said).hint("`--noise-share 0.1` is a little").into());
            }
            let market = Market::read(lease, &setting.backtest()?.scope, None)?;
            let bar = invocation.printer.bar(self.noise, "markets with noise");
            let values = watched(self.noise, Workers::available(), &bar, &|draws| {
                draws.each(&|draw| {
                    let imagined = market.noisy(share, setting.seed, draw)?;
                    again(&imagined.lease, &SeriesCache::default())
                })
            })?;
            let values: Vec<f64> = values.into_iter().flatten().collect();
            let spread = NoiseSpread::of(without, &values)?;
            drawn.noise = Some(Noise { objective, share, values, spread });
        }
        Ok(drawn)
    }

    fn intervals(self, performance: &Performance) -> anyhow::Result<Intervals> {
        let equity = performance.equity.iter().map(|(_, equity)| *equity).collect::<Vec<f64>>();
        let returns: Vec<f64> = equity.windows(2).map(|pair| pair[1] / pair[0] - 1.0).collect();
        let block = block_length(&returns)?.max(1.0);
        let (resamples, seed) = (self.resample, performance.seed);
        let bootstrap = Bootstrap { resamples, mean_block: block, confidence: 0.9, seed };
        let year = performance.bars_per_year.sqrt();
        let sharpe = |returns: &[f64]| {
            let n = float_len(returns.len());
            let mean = returns.iter().sum::<f64>() / n;
            let squares = returns.iter().map(|r| (r - mean) * (r - mean)).sum::<f64>();
            let deviation = (squares / (n - 1.0)).sqrt();
            // A draw without any move has earned nothing.
            if deviation > 0.0 { mean / deviation * year } else { 0.0 }
        };
        let total = |returns: &[f64]| returns.iter().fold(1.0, |worth, r| worth * (1.0 + r)) - 1.0;
        Ok(Intervals {
            sharpe: bootstrap.interval(&returns, &sharpe)?,
            total_return: bootstrap.interval(&returns, &total)?,
            block,
        })
    }
}

impl Resampled {
    /// What was drawn by name, as it reads.
    pub(crate) fn facts(&self) -> Vec<(&'static str, String)> {
        let mut facts = Vec::new();
        if let Some(Intervals { sharpe, total_return, block }) = &self.intervals {
            let range = |interval: &Interval, show: &dyn Fn(f64) -> String| {
                let (low, high) = interval.bca.unwrap_or(interval.percentile);
                format!("{} to {}", show(low), show(high))
            };
            facts.push(("Sharpe ratio, 90 %", range(sharpe, &|value| fixed(value, 3))));
            facts.push(("total return, 90 %", range(total_return, &percent)));
            let draws = counted_len(self.resamples, "draw");
            facts.push(("drawn", format!("{draws} of blocks of {} bars", fixed(*block, 1))));
        }
        if let Some(order) = &self.trades {
            let [median, high] = [0.5, 0.95].map(|q| percent(quantile(&order.drawdowns, q)));
            let observed = percent(order.observed.max_drawdown);
            facts.push((
                "drawdown of trades",
                format!("{observed}; in other orders {median} median, {high} at 95 %"),
            ));
            let p = [order.drawdown_p_value, order.losing_run_p_value, order.under_water_p_value];
            let [drawdown, run, water] = p.map(|p| fixed(p, 3));
            facts.push((
                "p-values of their order",
                format!("drawdown {drawdown}, losing run {run}, time under water {water}"),
            ));
        }
        if let Some(Noise { objective, share, values, spread }) = &self.noise {
            let metric = objective.metric;
            let show = |value| text(metric, Some(value));
            facts.push((
                "with noise",
                format!(
                    "{} {} median, {} at 5 %, {} with the same sign; {} of {} of the deviation",
                    name(metric),
                    show(spread.median),
                    show(spread.low),
                    percent(spread.same_sign),
                    counted(values.len() as u64, "market"),
                    percent(*share),
                ),
            ));
        }
        facts
    }

    /// Prints what was drawn.
    ///
    /// # Errors
    /// When `out` cannot be written.
    pub(crate) fn print(&self, out: &mut impl Write, printer: Printer) -> anyhow::Result<()> {
        let facts = self.facts();
        if !facts.is_empty() {
            writeln!(out)?;
            print_facts(out, printer, "", &facts)?;
        }
        Ok(())
    }

    /// What was drawn, for the JSON document; `None` when nothing was.
    pub(crate) fn json(&self) -> Option<Value> {
        let interval = |interval: &Interval| {
            json!({
                "observed": interval.observed,
                "percentile": [interval.percentile.0, interval.percentile.1],
                "bca": interval.bca.map(|(low, high)| [low, high]),
            })
        };
        let intervals = self.intervals.as_ref().map(|intervals| {
            json!({
                "sharpe": interval(&intervals.sharpe),
                "total_return": interval(&intervals.total_return),
                "confidence": 0.9,
                "mean_block": intervals.block,
            })
        });
        let trades = self.trades.as_ref().map(|order| {
            json!({
                "max_drawdown": order.observed.max_drawdown,
                "max_drawdown_median": quantile(&order.drawdowns, 0.5),
                "max_drawdown_high": quantile(&order.drawdowns, 0.95),
                "drawdown_p_value": order.drawdown_p_value,
                "ulcer_p_value": order.ulcer_p_value,
                "losing_run_p_value": order.losing_run_p_value,
                "under_water_p_value": order.under_water_p_value,
            })
        });
        let noise = self.noise.as_ref().map(|noise| {
            json!({
                "objective": noise.objective.to_string(),
                "share": noise.share,
                "values": noise.values,
                "median": noise.spread.median,
                "low": noise.spread.low,
                "same_sign": noise.spread.same_sign,
            })
        });
        let any = intervals.is_some() || noise.is_some();
        any.then(|| json!({ "intervals": intervals, "trades": trades, "noise": noise }))
    }
}
