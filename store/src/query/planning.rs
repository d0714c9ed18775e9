//! From a query to a plan: names are looked up, texts are read, work is cut into tasks.

use std::ops::Range;
use std::sync::Arc;

use barrow_format::{Asset, Column, Frequency, LogicalType, PhysicalType, Schema, Stamp};

use super::aggregate::Kind;
use super::asof::AsOf;
use super::batch::{BATCH_ROWS, Header, Times};
use super::error::{Part, Problem};
use super::expression::{Item, Scope, Use};
use super::group::Grouping;
use super::panel::times_at_once;
use super::plan::{Form, Join, Plan, Planned, Resampling, Unit};
use super::sessions::{Period, Periods};
use super::{Answer, Keys, Query, lists, resample};
use crate::error::{Error, Result};
use crate::reading::lease::Lease;

/// Rows of a task whose result is small, at least.
const TASK_ROWS: usize = 1 << 17;
const DAY_NS: i64 = 86_400_000_000_000;

impl Query {
    /// Checks the query against a bundle and plans how to answer it. Costs two searches an asset and a period; reads no
    /// bars but timestamps of the calendar.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownSymbol`], [`Error::NoMatch`], [`Error::UnknownColumn`]; [`Error::Expression`] with the place in the
    /// text; [`Error::DuplicateColumn`]; [`Error::Period`] when bars cannot be put together to a period;
    /// [`Error::UnknownTimeZone`]; [`Error::Corrupt`].
    pub fn plan(&self, lease: &Lease) -> Result<Plan> {
        let assets = self.assets.resolve(lease)?;
        let resampled = self.resample.map(|period| self.resampling(period, lease)).transpose()?;
        // What the bars are after resampling.
        let schema = match &resampled {
            Some((_, schema)) => schema.clone(),
            None => lease.schema().clone(),
        };
        let mut scope = Scope { columns: schema.columns().to_vec() };
        let asof = self.asof.as_ref().map(|asof| join(asof, &mut scope)).transpose()?;
        let filter = self.filter.as_deref();
        let filter = filter
            .map(|text| lists::condition(text, &scope).map_err(unreadable(Part::Filter, text)));
        let filter = filter.transpose()?;
        let labels = resampled.as_ref().map(|(resampling, _)| resampling.periods.labels.as_slice());
        let calendar = match labels {
            Some(labels) => labels,
            None => lease.timestamps()?,
        };
        let form = self.form(&scope, &schema, calendar, lease)?;
        let items = match form {
            Form::Groups(_) | Form::Panel { .. } => Vec::new(),
            _ => self.items(&scope, lease)?,
        };
        let header = header(&form, &items, &scope, &schema, &assets, lease);
        check_names(&header)?;
        let mut planned = Planned {
            lease: lease.clone(),
            assets,
            from: self.from_ns.unwrap_or(i64::MIN),
            to: self.to_ns.unwrap_or(i64::MAX),
            used: vec![false; scope.columns.len()],
            filtered: Vec::new(),
            answered: Vec::new(),
            scope,
            filter,
            items,
            asof,
            resample: resampled.map(|(resampling, _)| resampling),
            form,
            header,
            units: Vec::new(),
            tasks: Vec::new(),
            limit: self.limit,
            threads: self.threads_or_all(),
            skipping: self.skipping,
        };
        planned.note_uses();
        planned.cut()?;
        Ok(Plan { planned: Arc::new(planned) })
    }

    fn threads_or_all(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            threads => threads,
        }
    }

    fn resampling(&self, period: Period, lease: &Lease) -> Result<(Resampling, Schema)> {
        let before = lease.schema();
        let periods = self.periods(period, before, lease.timestamps()?, lease)?;
        let (frequency, stamp) = match period {
            Period::Step { ns } => (Frequency::Intraday { step_ns: ns }, before.stamp()),
            Period::Session => (Frequency::Daily, Stamp::Session),
            Period::Week | Period::Month | Period::Quarter | Period::Year => {
                (Frequency::Irregular, Stamp::Session)
            }
        };
        let columns = resample::columns(before.columns());
        let schema =
            Schema::new(columns, frequency, before.time_zone(), stamp, before.calendar_name());
        // Names and order are those of a schema that exists.
        let schema = schema
            .map_err(|error| lease.snapshot().corrupt(barrow_format::Error::Schema(error)))?;
        Ok((Resampling { period, periods, slack_ns: None }, schema))
    }

    /// The periods of a calendar, which has the stamps of `schema`.
    fn periods(
        &self,
        period: Period,
        schema: &Schema,
        calendar: &[i64],
        lease: &Lease,
    ) -> Result<Periods> {
        let fits = match (period, schema.frequency()) {
            (Period::Step { ns }, Frequency::Intraday { step_ns }) => ns % step_ns == 0,
            (Period::Step { .. }, _) => schema.stamp() != Stamp::Session,
            _ => true,
        };
        if !fits {
            let (bundle, frequency) = (lease.name().to_owned(), schema.frequency());
            return Err(Error::Period { period, bundle, frequency });
        }
        Periods::of_bundle(period, schema, (lease, self.session_start_ns), calendar)
    }

    fn form(
        &self,
        scope: &Scope,
        schema: &Schema,
        calendar: &[i64],
        lease: &Lease,
    ) -> Result<Form> {
        Ok(match &self.answer {
            Answer::Rows => Form::Rows,
            Answer::Latest => Form::Latest,
            Answer::Groups { by, aggregates: text } => {
                let aggregates = lists::aggregates(text, scope);
                let aggregates = aggregates.map_err(unreadable(Part::Aggregates, text))?;
                let (by_asset, period) = match by {
                    Keys::Whole => (false, None),
                    Keys::Asset => (true, None),
                    Keys::Period(period) => (false, Some(*period)),
                    Keys::AssetAndPeriod(period) => (true, Some(*period)),
                };
                let periods = period.map(|period| self.periods(period, schema, calendar, lease));
                Form::Groups(Grouping { by_asset, periods: periods.transpose()?, aggregates })
            }
            Answer::Top { count, by, per } => {
                let by = lists::number(by, scope).map_err(unreadable(Part::Rank, by))?;
                Form::Top { count: *count, by, per: *per }
            }
            Answer::Panel { value } => {
                let number = lists::number(value, scope).map_err(unreadable(Part::Panel, value))?;
                let from = self.from_ns.unwrap_or(i64::MIN);
                let to = self.to_ns.unwrap_or(i64::MAX);
                let within = calendar.iter().copied().filter(|time| (from..=to).contains(time));
                Form::Panel { value: number, times: within.collect() }
            }
        })
    }

    /// The columns of the answer.
    fn items(&self, scope: &Scope, lease: &Lease) -> Result<Vec<Item>> {
        let stored = |place: usize| Item::Stored { name: scope.columns[place].name.clone(), place };
        if self.columns.is_empty() && self.select.is_none() {
            return Ok((1..scope.columns.len()).map(stored).collect());
        }
        let mut items = Vec::new();
        for name in self.columns.iter().filter(|name| !matches!(name.as_str(), "time" | "symbol")) {
            let Some(place) = scope.place(name) else {
                let available = scope.columns.iter().map(|column| column.name.clone()).collect();
                let (column, bundle) = (name.clone(), lease.name().to_owned());
                return Err(Error::UnknownColumn { column, bundle, available });
            };
            if !items.iter().any(|item: &Item| item.name() == name) {
                items.push(stored(place));
            }
        }
        if let Some(text) = &self.select {
            items.extend(lists::items(text, scope).map_err(unreadable(Part::Select, text))?);
        }
        Ok(items)
    }
}

fn unreadable(part: Part, text: &str) -> impl FnOnce((usize, Problem)) -> Error {
    move |(at, source)| Error::Expression { part, text: text.to_owned(), at, source }
}

/// Adds the columns of the other bundle to the scope.
fn join(asof: &AsOf, scope: &mut Scope) -> Result<Join> {
    if let Some(symbol) = &asof.symbol {
        asof.lease.asset(symbol)?;
    }
    let mut columns = Vec::new();
    for (place, column) in asof.lease.schema().columns().iter().enumerate().skip(1) {
        let logical = match column.logical {
            LogicalType::Price | LogicalType::Volume => column.logical,
            _ => LogicalType::Plain,
        };
        let name = format!("{}.{}", asof.name, column.name);
        scope.columns.push(Column::new(name, PhysicalType::F64, logical));
        columns.push(place);
    }
    Ok(Join { asof: asof.clone(), columns })
}

fn header(
    form: &Form,
    items: &[Item],
    scope: &Scope,
    schema: &Schema,
    assets: &[Asset],
    lease: &Lease,
) -> Header {
    let symbols: Vec<String> = assets.iter().map(|asset| lease.symbol(*asset).to_owned()).collect();
    let plain = |name: &str, physical| Column::new(name, physical, LogicalType::Plain);
    let stamps = if schema.stamp() == Stamp::Session { Times::Sessions } else { Times::Instants };
    match form {
        Form::Groups(grouping) => {
            let column = |aggregate: &super::aggregate::Aggregate| {
                let is_count = aggregate.kind == Kind::Count;
                let physical = if is_count { PhysicalType::I64 } else { PhysicalType::F64 };
                plain(&aggregate.name, physical)
            };
            let times = |periods: &Periods| {
                if periods.by_date { Times::Sessions } else { Times::Instants }
            };
            Header {
                symbols: grouping.by_asset.then_some(symbols),
                times: grouping.periods.as_ref().map(times),
                columns: grouping.aggregates.iter().map(column).collect(),
            }
        }
        Form::Panel { .. } => Header {
            symbols: None,
            times: Some(stamps),
            columns: symbols.iter().map(|symbol| plain(symbol, PhysicalType::F64)).collect(),
        },
        Form::Rows | Form::Top { .. } | Form::Latest => {
            let column = |item: &Item| match item {
                Item::Stored { name, place } => {
                    Column { name: name.clone(), ..scope.columns[*place].clone() }
                }
                Item::Number { name, .. } => plain(name, PhysicalType::F64),
                Item::Truth { name, .. } => plain(name, PhysicalType::U8),
            };
            let columns = items.iter().map(column).collect();
            Header { symbols: Some(symbols), times: Some(stamps), columns }
        }
    }
}

fn check_names(header: &Header) -> Result<()> {
    let mut seen = std::collections::BTreeSet::new();
    for column in &header.columns {
        if !seen.insert(column.name.as_str()) {
            return Err(Error::DuplicateColumn { name: column.name.clone() });
        }
    }
    Ok(())
}

impl Planned {
    /// Notes which columns are read, and whether bars before the time range are.
    fn note_uses(&mut self) {
        let (mut filtered, mut answered, mut looks_back) = (Vec::new(), Vec::new(), false);
        let mut note = |places: &mut Vec<usize>, used: Use| match used {
            Use::Column(place) if !places.contains(&place) => places.push(place),
            Use::Column(_) => {}
            Use::Window => looks_back = true,
        };
        if let Some(filter) = &self.filter {
            filter.uses(&mut |used| note(&mut filtered, used));
        }
        let mut take = |used| note(&mut answered, used);
        self.items.iter().for_each(|item| item.uses(&mut take));
        match &self.form {
            Form::Groups(grouping) => {
                for aggregate in &grouping.aggregates {
                    let numbers = [&aggregate.inner, &aggregate.weight];
                    numbers.into_iter().flatten().for_each(|number| number.uses(&mut take));
                }
            }
            Form::Top { by: number, .. } | Form::Panel { value: number, .. } => {
                number.uses(&mut take);
            }
            Form::Rows | Form::Latest => {}
        }
        for place in filtered.iter().chain(&answered) {
            self.used[*place] = true;
        }
        filtered.sort_unstable();
        answered.sort_unstable();
        (self.filtered, self.answered) = (filtered, answered);
        if let Some(resampling) = &mut self.resample {
            resampling.slack_ns = (!looks_back).then_some(match resampling.period {
                Period::Step { ns } => 2 * ns,
                // Zones and evening sessions put the bars of a date up to two days around its midnight.
                Period::Session => 3 * DAY_NS,
                Period::Week => 11 * DAY_NS,
                Period::Month => 35 * DAY_NS,
                Period::Quarter => 96 * DAY_NS,
                Period::Year => 370 * DAY_NS,
            });
        }
    }

    /// Cuts the work into units and tasks, which depend on the bundle and the query alone.
    fn cut(&mut self) -> Result<()> {
        // Where long assets are cut: at the beginning of a block. Their results are put together in order.
        let most = match self.form {
            _ if self.resample.is_some() => None,
            Form::Rows => Some(BATCH_ROWS),
            Form::Groups(_) | Form::Top { .. } => Some(TASK_ROWS),
            Form::Latest | Form::Panel { .. } => None,
        };
        if let Form::Panel { times, .. } = &self.form {
            let step = times_at_once(self.assets.len());
            let starts = (0..times.len()).step_by(step);
            self.tasks = starts.map(|start| start..times.len().min(start + step)).collect();
        }
        let slack = self.resample.as_ref().map_or(Some(0), |resampling| resampling.slack_ns);
        let span = slack.map_or(i64::MIN..=i64::MAX, |slack| {
            self.from.saturating_sub(slack)..=self.to.saturating_add(slack)
        });
        for (place, asset) in self.assets.iter().enumerate() {
            // What gaps make it decode is let go again.
            let lease = self.lease.apart();
            let all = lease.bars(*asset);
            let rows = all.within(span.clone())?.rows();
            let first = all.rows().start;
            let mut rows = rows.start - first..rows.end - first;
            while let Some(most) = most.filter(|most| rows.len() > *most) {
                let end = (rows.start / most + 1) * most;
                self.units.push(Unit { place, rows: rows.start..end });
                rows.start = end;
            }
            if !rows.is_empty() {
                self.units.push(Unit { place, rows });
            }
        }
        if !matches!(self.form, Form::Panel { .. }) {
            self.tasks = pack(&self.units, most.unwrap_or(TASK_ROWS));
        }
        Ok(())
    }
}

/// Puts neighbouring units together to tasks of `most` rows at most, or of one unit.
fn pack(units: &[Unit], most: usize) -> Vec<Range<usize>> {
    let (mut tasks, mut start, mut rows) = (Vec::new(), 0, 0);
    for (index, unit) in units.iter().enumerate() {
        if index > start && rows + unit.rows.len() > most {
            tasks.push(start..index);
            (start, rows) = (index, 0);
        }
        rows += unit.rows.len();
    }
    if start < units.len() {
        tasks.push(start..units.len());
    }
    tasks
}
