//! What the libraries report beside their results, on stderr.

use std::fmt;

use tracing::{Event, Level, Subscriber};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::printer::Verbosity;

/// Shows warnings, unless nothing is to be said; or every event, with its time and origin. What the process set up before
/// stays.
pub(crate) fn start(verbosity: Verbosity, every_event: bool) {
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr).with_ansi(false);
    let _ = match verbosity {
        _ if every_event => builder.with_max_level(LevelFilter::DEBUG).try_init(),
        Verbosity::Quiet => return,
        Verbosity::Normal | Verbosity::Verbose => {
            builder.with_max_level(LevelFilter::WARN).event_format(Plain).try_init()
        }
    };
}

/// An event as the command words its errors: `warning: what, where`.
struct Plain;

impl<S, N> FormatEvent<S, N> for Plain
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let severe = *event.metadata().level() == Level::ERROR;
        writer.write_str(if severe { "error: " } else { "warning: " })?;
        context.format_fields(writer.by_ref(), event)?;
        writeln!(writer)
    }
}
