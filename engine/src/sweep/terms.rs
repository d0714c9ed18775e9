//! What holds for each trial of a crew.

use std::time::{Duration, Instant};

/// What a budget below 1 runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Part {
    /// Stretches spread over the whole period, each with a fresh portfolio. What is cheap sees every
    /// time, but the whole run is not made of it: a budget of 1 is paid in full.
    #[default]
    Spread,
    /// The first bars. A trial goes on where it stopped, up to the whole run, which is paid by
    /// differences; but what is cheap sees the oldest times alone.
    First,
    /// Some of the assets, over the whole period: a run like any other over these alone. Assets share
    /// the cash, so what they do depends on how many there are: every budget is paid in full.
    Assets,
}

impl Part {
    /// All with their names.
    pub const ALL: [(&'static str, Part); 3] =
        [("spread", Part::Spread), ("first", Part::First), ("assets", Part::Assets)];

    /// Returns its name.
    pub fn name(self) -> &'static str {
        match self {
            Part::Spread => "spread",
            Part::First => "first",
            Part::Assets => "assets",
        }
    }

    /// Returns the part of a name.
    pub fn of_name(name: &str) -> Option<Part> {
        Part::ALL.into_iter().find(|(known, _)| *known == name).map(|(_, part)| part)
    }
}

/// What holds for each trial of a crew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Terms {
    /// Chooses the stretches of [`Part::Spread`] and the assets of [`Part::Assets`].
    pub seed: u64,
    /// The most time that a trial may take, checked after each tick.
    pub time_max: Option<Duration>,
    /// What a budget below 1 runs on.
    pub part: Part,
}

impl Terms {
    /// The end of a trial that begins now.
    pub(super) fn deadline(&self) -> Deadline {
        self.time_max.map(|time_max| (Instant::now(), time_max))
    }
}

/// When a trial began, and how long it may take.
pub(crate) type Deadline = Option<(Instant, Duration)>;
