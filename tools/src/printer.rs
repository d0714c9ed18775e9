//! Where words go: data to stdout, talk to stderr, progress to a terminal only.

use std::fmt::{self, Display};
use std::io::{self, BufWriter, IsTerminal, StderrLock, StdoutLock, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};
use serde::Serialize;

use crate::numbers::fixed;

/// How much the command says on stderr.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Verbosity {
    /// Errors only.
    Quiet,
    /// What a user wants to know.
    Normal,
    /// Every step, for finding out where time goes or what was decided.
    Verbose,
}

/// Writes for one invocation. Stdout carries the answer and nothing else, so it can be piped;
/// stderr carries everything said about the work.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Printer {
    /// How much is said on stderr.
    pub(crate) verbosity: Verbosity,
    /// Whether the answer is JSON.
    pub(crate) json: bool,
    colour: Colour,
    stdout_is_terminal: bool,
}

/// Which streams take colour.
#[derive(Clone, Copy, Debug)]
struct Colour {
    stdout: bool,
    stderr: bool,
}

/// The meanings that colour underlines. Everything reads the same without it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Tone {
    /// Headings and names.
    Strong,
    /// Secondary words.
    Faint,
    /// Success.
    Good,
    /// Failure.
    Bad,
    /// Something to notice.
    Accent,
}

impl Tone {
    fn code(self) -> &'static str {
        match self {
            Self::Strong => "1",
            Self::Faint => "2",
            Self::Good => "32",
            Self::Bad => "1;31",
            Self::Accent => "36",
        }
    }
}

/// Text with a tone, coloured only when its stream takes colour.
#[derive(Debug)]
pub(crate) struct Toned<T> {
    text: T,
    tone: Option<Tone>,
}

impl<T: Display> Display for Toned<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tone {
            // Widths apply to the text, not to the escape codes around it.
            Some(tone) => {
                write!(f, "\u{1b}[{}m", tone.code())?;
                self.text.fmt(f)?;
                f.write_str("\u{1b}[0m")
            }
            None => self.text.fmt(f),
        }
    }
}

impl Printer {
    /// Looks at the streams and the environment: `NO_COLOR` (not empty), `TERM=dumb` and a stream
    /// that is no terminal each turn colour off.
    pub(crate) fn new(verbosity: Verbosity, json: bool) -> Self {
        let plain = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
            || std::env::var_os("TERM").is_some_and(|value| value == "dumb");
        let stdout_is_terminal = io::stdout().is_terminal();
        Self {
            verbosity,
            json,
            stdout_is_terminal,
            colour: Colour {
                stdout: !plain && stdout_is_terminal,
                stderr: !plain && io::stderr().is_terminal(),
            },
        }
    }

    /// Stdout, locked and buffered. The caller flushes it, so that a failed write is not lost.
    #[expect(clippy::unused_self, reason = "whoever writes has a printer and goes through it")]
    pub(crate) fn stdout(self) -> BufWriter<StdoutLock<'static>> {
        BufWriter::with_capacity(1 << 16, io::stdout().lock())
    }

    /// Whether a person reads stdout.
    pub(crate) fn stdout_is_terminal(self) -> bool {
        self.stdout_is_terminal
    }

    /// `text` for stdout.
    pub(crate) fn out<T: Display>(self, text: T, tone: Tone) -> Toned<T> {
        Toned { text, tone: self.colour.stdout.then_some(tone) }
    }

    /// `text` for stderr.
    pub(crate) fn err<T: Display>(self, text: T, tone: Tone) -> Toned<T> {
        Toned { text, tone: self.colour.stderr.then_some(tone) }
    }

    /// Prints `value` on stdout as one JSON document: on one line, or indented for a terminal.
    ///
    /// # Errors
    /// When stdout cannot be written.
    pub(crate) fn json<T: Serialize + ?Sized>(self, value: &T) -> io::Result<()> {
        let mut out = self.stdout();
        if self.stdout_is_terminal() {
            serde_json::to_writer_pretty(&mut out, value)?;
        } else {
            serde_json::to_writer(&mut out, value)?;
        }
        writeln!(out)?;
        out.flush()
    }

    /// Says a line on stderr unless quiet.
    pub(crate) fn say(self, line: impl Display) {
        if self.verbosity > Verbosity::Quiet {
            stderr_line(&line);
        }
    }

    /// Says a line on stderr when verbose.
    pub(crate) fn detail(self, line: impl Display) {
        if self.verbosity == Verbosity::Verbose {
            stderr_line(&line);
        }
    }

    /// Says a line on stderr whatever the verbosity: for errors.
    #[expect(clippy::unused_self, reason = "reads like `say` and `detail` beside it")]
    pub(crate) fn complain(self, line: impl Display) {
        stderr_line(&line);
    }

    /// A progress bar over `len` steps of `unit`, drawn on stderr when that is a terminal and the
    /// invocation is not quiet; otherwise it counts and draws nothing.
    pub(crate) fn bar(self, len: u64, unit: &str) -> ProgressBar {
        if self.verbosity == Verbosity::Quiet || !io::stderr().is_terminal() {
            return ProgressBar::hidden();
        }
        let bar = ProgressBar::with_draw_target(Some(len), ProgressDrawTarget::stderr_with_hz(10));
        let template = format!(
            "{{bar:32}} {{human_pos}}/{{human_len}} {unit}  {{rate}}  {{eta}} left  {{msg}}"
        );
        if let Ok(style) = ProgressStyle::with_template(&template) {
            let rate = |state: &ProgressState, to: &mut dyn fmt::Write| {
                // There is nowhere to report that a bar cannot be drawn.
                let _ = write!(to, "{}/s", fixed(state.per_sec(), 0));
            };
            bar.set_style(style.progress_chars("=> ").with_key("rate", rate));
        }
        bar.enable_steady_tick(Duration::from_millis(100));
        bar
    }
}

fn stderr_line(line: &dyn Display) {
    let mut err: StderrLock<'_> = io::stderr().lock();
    // There is nowhere left to report that stderr itself is gone.
    let _ = writeln!(err, "{line}");
}
