//! `barrow study`: what the journals of sweeps hold.

use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use barrow_engine::search::{Ask, Limit};
use barrow_engine::{Ended, Metric, Objective, Params, Ranking, Study, Trial, at_different_points};
use barrow_store::Journal;

use crate::hint::Complaint;
use crate::invocation::Invocation;
use crate::metrics::{name, text, text_of};
use crate::numbers::{count_len, fixed};
use crate::output::write_text;
use crate::status::ExitStatus;
use crate::table::{Align, Sheet, print_facts};

const EXAMPLES: &str = "\
Examples:
  barrow sweep us-daily -s sma-cross -p fast=2..60 -p slow=5..250 --search tpe --trials 500 --study sma.study
  barrow study show sma.study
  barrow study best sma.study --top 5
  barrow study export sma.study trials.csv
  barrow study compare sma.study other.study";

/// Show what the journals of sweeps hold
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct StudyArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// List the studies of a folder
    Ls {
        /// The folder
        #[arg(value_name = "DIR", default_value = ".")]
        folder: PathBuf,
    },
    /// Show what a study is of and how far it is
    Show {
        /// The study's file
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Show the best trials of a study
    Best {
        /// The study's file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// How many
        #[arg(long, value_name = "N", default_value_t = 10)]
        top: usize,
    },
    /// Write all trials of a study to a .csv or .json file
    Export {
        /// The study's file
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Where to
        #[arg(value_name = "OUT")]
        out: PathBuf,
    },
    /// Show studies beside each other
    Compare {
        /// The studies' files
        #[arg(value_name = "FILE", num_args = 2..)]
        files: Vec<PathBuf>,
    },
}

pub(crate) fn run(args: &StudyArgs, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    match &args.what {
        What::Ls { folder } => {
            let studies = studies_in(folder)?;
            let printer = invocation.printer;
            if studies.is_empty() && !printer.json {
                printer.say(format_args!("no studies in `{}`", folder.display()));
                printer.say("`barrow sweep ... --study FILE` makes one");
                return Ok(ExitStatus::Done);
            }
            list(&studies, invocation)
        }
        What::Compare { files } => {
            let opened = files.iter().map(|file| Opened::open(file));
            list(&opened.collect::<anyhow::Result<Vec<_>>>()?, invocation)
        }
        What::Show { file } => show(&Opened::open(file)?, invocation),
        What::Best { file, top } => best(&Opened::open(file)?, *top, invocation),
        What::Export { file, out } => export(&Opened::open(file)?, out, invocation),
    }
}

/// A study and what its trials are worth.
struct Opened {
    path: PathBuf,
    study: Study,
    objective: Objective,
    limits: Vec<Limit>,
}

impl Opened {
    fn open(path: &Path) -> anyhow::Result<Self> {
        if !path.exists() {
            let said = format!("there is no study `{}`", path.display());
            return Err(Complaint::new(said)
                .hint("`barrow study ls DIR` lists those of a folder")
                .into());
        }
        let study = Study::open(Journal::existing(path)?)
            .with_context(|| format!("cannot read the study `{}`", path.display()))?;
        let fact = |name: &str| study.identity().and_then(|identity| identity.get(name));
        let objective = fact("objectives").and_then(|all| all.lines().next());
        let objective = objective.unwrap_or("sharpe").parse()?;
        let limits = fact("limits").unwrap_or("").lines().map(str::parse);
        let limits = limits.collect::<Result<Vec<Limit>, _>>()?;
        Ok(Self { path: path.to_owned(), study, objective, limits })
    }

    fn fact(&self, name: &str) -> &str {
        self.study.identity().and_then(|identity| identity.get(name)).unwrap_or("-")
    }

    /// Whole runs from best to worst.
    fn ranking(&self) -> Vec<(&Ask, &Trial)> {
        let whole = self.study.trials().filter(|(ask, _)| ask.budget >= 1.0);
        let mut ranked: Vec<(&Ask, &Trial)> = whole
            .filter_map(|(ask, end)| match end {
                Some(Ended::Done(trial)) => Some((ask, trial)),
                _ => None,
            })
            .collect();
        let order = Ranking { objective: self.objective, limits: &self.limits };
        ranked.sort_by(|(_, a), (_, b)| order.compare(a, b));
        ranked
    }

    /// The best whole runs at different points, from the best on.
    fn leaders(&self, count: usize) -> Vec<(Params, (&Ask, &Trial))> {
        let ranked =
            self.ranking().into_iter().map(|(ask, trial)| (ask.params.clone(), (ask, trial)));
        at_different_points(ranked, count)
    }

    /// Trials that ran, failed, broke a rule, and have not ended.
    fn counts(&self) -> [usize; 4] {
        let mut counts = [0; 4];
        for (_, end) in self.study.trials() {
            counts[match end {
                Some(Ended::Done(_)) => 0,
                Some(Ended::Failed(_)) => 1,
                Some(Ended::Skipped) => 2,
                None => 3,
            }] += 1;
        }
        counts
    }
}

/// The studies among the files of a folder, by name.
fn studies_in(folder: &Path) -> anyhow::Result<Vec<Opened>> {
    let entries = std::fs::read_dir(folder);
    let entries = entries.with_context(|| format!("cannot list `{}`", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    paths.sort();
    let mut found = Vec::new();
    for path in paths.into_iter().filter(|path| Journal::is_one(path)) {
        found.push(Opened::open(&path)?);
    }
    Ok(found)
}

fn list(studies: &[Opened], invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    if printer.json {
        printer.json(&studies.iter().map(summary).collect::<Vec<_>>())?;
        return Ok(ExitStatus::Done);
    }
    let heads = ["study", "strategy", "search", "objective", "best", "parameters"];
    let mut heads: Vec<(&str, Align)> = heads.map(|head| (head, Align::Left)).into();
    heads.extend(["ran", "failed", "skipped", "open"].map(|head| (head, Align::Right)));
    let mut sheet = Sheet::new(heads);
    for opened in studies {
        let ranking = opened.ranking();
        let best = ranking.first();
        let mut cells = vec![
            opened.path.display().to_string(),
            opened.fact("strategy").to_owned(),
            method(opened).to_owned(),
            opened.objective.to_string(),
            best.map_or("-".to_owned(), |(_, trial)| {
                text(opened.objective.metric, trial.value(opened.objective))
            }),
            best.map_or(String::new(), |(ask, _)| ask.params.to_string()),
        ];
        cells.extend(opened.counts().map(count_len));
        sheet.row(cells);
    }
    let mut out = printer.stdout();
    sheet.print(&mut out, printer, "")?;
    out.flush()?;
    Ok(ExitStatus::Done)
}

/// The first word of the search: the rest are its settings.
fn method(opened: &Opened) -> &str {
    opened.fact("search").split(['(', '{', ' ']).next().unwrap_or("-")
}

fn summary(opened: &Opened) -> serde_json::Value {
    let [ran, failed, skipped, open] = opened.counts();
    let ranking = opened.ranking();
    let best = ranking.first().map(|(ask, trial)| one(opened, ask, Some(&Ended::Done(**trial))));
    let facts = opened.study.identity().map(|identity| {
        let facts = identity.facts.iter().cloned();
        facts.map(|(name, value)| (name, value.into())).collect::<serde_json::Map<_, _>>()
    });
    serde_json::json!({
        "file": opened.path, "of": facts, "ran": ran, "failed": failed, "skipped": skipped,
        "open": open, "best": best,
    })
}

fn one(opened: &Opened, ask: &Ask, end: Option<&Ended>) -> serde_json::Value {
    let (state, trial, error) = match end {
        Some(Ended::Done(trial)) => ("done", Some(trial), None),
        Some(Ended::Failed(error)) => ("failed", None, Some(error)),
        Some(Ended::Skipped) => ("skipped", None, None),
        None => ("open", None, None),
    };
    serde_json::json!({
        "id": ask.id, "params": ask.params, "budget": ask.budget, "bracket": ask.bracket,
        "rung": ask.rung, "origin": ask.origin, "state": state, "error": error,
        "objective": trial.and_then(|trial| trial.value(opened.objective)),
        "metrics": trial.map(|trial| trial.metrics),
        "final_equity": trial.map(|trial| trial.final_equity),
    })
}

fn show(opened: &Opened, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    if printer.json {
        printer.json(&summary(opened))?;
        return Ok(ExitStatus::Done);
    }
    let mut facts: Vec<(&str, String)> = Vec::new();
    if let Some(identity) = opened.study.identity() {
        let shown = identity.facts.iter().filter(|(_, value)| !value.is_empty());
        facts.extend(shown.map(|(name, value)| (name.as_str(), value.replace('\n', ", "))));
    }
    let [ran, failed, skipped, open] = opened.counts();
    facts.push(("ran", count_len(ran)));
    facts.push(("failed", count_len(failed)));
    facts.push(("skipped", count_len(skipped)));
    facts.push(("open", count_len(open)));
    if let Some((ask, trial)) = opened.ranking().first() {
        let value = text(opened.objective.metric, trial.value(opened.objective));
        facts.push(("best", format!("{value} at {}", ask.params)));
    }
    let mut out = printer.stdout();
    print_facts(&mut out, printer, "", &facts)?;
    out.flush()?;
    Ok(ExitStatus::Done)
}

const COLUMNS: [Metric; 4] =
    [Metric::TotalReturn, Metric::Sharpe, Metric::MaxDrawdown, Metric::Fills];

fn best(opened: &Opened, top: usize, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let printer = invocation.printer;
    let leaders = opened.leaders(top);
    if printer.json {
        let shown = leaders.iter();
        let shown = shown.map(|(_, (ask, trial))| one(opened, ask, Some(&Ended::Done(**trial))));
        printer.json(&shown.collect::<Vec<_>>())?;
        return Ok(ExitStatus::Done);
    }
    let others: Vec<Metric> =
        COLUMNS.into_iter().filter(|metric| *metric != opened.objective.metric).collect();
    let mut heads = vec![("id", Align::Right), ("parameters", Align::Left)];
    heads.push((name(opened.objective.metric), Align::Right));
    heads.extend(others.iter().map(|metric| (name(*metric), Align::Right)));
    heads.push(("final equity", Align::Right));
    let mut sheet = Sheet::new(heads);
    for (_, (ask, trial)) in leaders {
        let mut cells = vec![ask.id.to_string(), ask.params.to_string()];
        cells.push(text(opened.objective.metric, trial.value(opened.objective)));
        cells.extend(others.iter().map(|m| text_of(*m, &trial.metrics, trial.final_equity)));
        cells.push(fixed(trial.final_equity, 2));
        sheet.row(cells);
    }
    let mut out = printer.stdout();
    sheet.print(&mut out, printer, "")?;
    out.flush()?;
    Ok(ExitStatus::Done)
}

fn export(opened: &Opened, out: &Path, invocation: &Invocation) -> anyhow::Result<ExitStatus> {
    let trials = || opened.study.trials().map(|(ask, end)| one(opened, ask, end));
    let text = match out.extension().and_then(|extension| extension.to_str()) {
        Some("json") => serde_json::to_string_pretty(&trials().collect::<Vec<_>>())?,
        Some("csv") => csv(&trials().collect::<Vec<_>>())?,
        _ => {
            let said = format!("`{}` does not tell how to write the trials", out.display());
            let hint = "end the name in `.csv` or `.json`";
            return Err(Complaint::new(said).hint(hint).into());
        }
    };
    write_text(out, &text)?;
    let count = count_len(opened.study.trials().len());
    invocation.printer.say(format_args!("{count} trials to `{}`", out.display()));
    Ok(ExitStatus::Done)
}

/// One line a trial; a column for each parameter and figure that any trial has.
fn csv(trials: &[serde_json::Value]) -> anyhow::Result<String> {
    const FIXED: [&str; 9] = [
        "id",
        "state",
        "budget",
        "bracket",
        "rung",
        "origin",
        "objective",
        "final_equity",
        "error",
    ];
    let keys = |part: &str| {
        let of = |trial: &serde_json::Value| match trial[part].as_object() {
            Some(object) => object.keys().cloned().collect::<Vec<String>>(),
            None => Vec::new(),
        };
        let mut keys: Vec<String> = Vec::new();
        for key in trials.iter().flat_map(of) {
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        keys
    };
    let (params, metrics) = (keys("params"), keys("metrics"));
    let plain = |value: &serde_json::Value| match value {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let mut writer = csv::Writer::from_writer(Vec::new());
    let head = FIXED.iter().map(ToString::to_string).chain(params.clone()).chain(metrics.clone());
    writer.write_record(head)?;
    for trial in trials {
        let fixed = FIXED.iter().map(|key| plain(&trial[*key]));
        let params = params.iter().map(|key| plain(&trial["params"][key]));
        let metrics = metrics.iter().map(|key| plain(&trial["metrics"][key]));
        writer.write_record(fixed.chain(params).chain(metrics))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}
