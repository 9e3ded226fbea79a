//! How do log events reach the user: as lines to read, or as JSON?

use crate::{config::OutputConfig, rpc::Verbosity};
use std::{
    fmt,
    io::{self, IsTerminal},
};
use tracing::{
    Event, Level, Subscriber,
    field::{Field, Visit},
    level_filters::LevelFilter,
};
use tracing_subscriber::{
    EnvFilter,
    fmt::{FmtContext, FormatEvent, FormatFields, format::Writer},
    registry::LookupSpan,
    util::SubscriberInitExt,
};

/// Targets whose events are lines for the reader: the message as it is.
const PLAIN: [&str; 4] = ["rpc", "block", "transaction", "console"];

/// Prints whole requests, which may hold a passphrase or a key: never let through.
const REQUEST_BODIES: &str = "jsonrpsee-http=off";

/// Warns of every message that is not well formed: peers would write the log. What follows from it for them,
/// the network says.
const GOSSIP: &str = "libp2p_gossipsub";
/// Tells of each folder of artifacts that is gone that it cannot be watched any more.
const WATCHES: &str = "notify=warn";

/// Sends events to standard output. `--verbosity`, or `RUST_LOG`, chooses which; without them all of level info, and
/// errors only if quiet. Colour only on a terminal and without `NO_COLOR`. What is answered changes
/// the level afterwards.
pub(super) fn init(output: &OutputConfig) -> Verbosity {
    let builder = tracing_subscriber::fmt().with_env_filter(filter(output));
    // A subscriber that is in place already, as in a test, stays.
    if output.json_logs {
        let builder = builder.json().flatten_event(true).with_filter_reloading();
        let handle = builder.reload_handle();
        let set = builder.finish().try_init();
        verbosity(set.is_ok(), move |filter| handle.reload(filter).is_ok())
    } else {
        let colour = io::stdout().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        let builder = builder.event_format(Lines { colour }).with_filter_reloading();
        let handle = builder.reload_handle();
        let set = builder.finish().try_init();
        verbosity(set.is_ok(), move |filter| handle.reload(filter).is_ok())
    }
}

fn verbosity(
    is_ours: bool,
    reload: impl Fn(EnvFilter) -> bool + Send + Sync + 'static,
) -> Verbosity {
    if !is_ours {
        return Verbosity::default();
    }
    Verbosity::new(move |level| reload(without_noise(EnvFilter::new(level.to_string()))))
}

fn filter(output: &OutputConfig) -> EnvFilter {
    let of = |level: LevelFilter| EnvFilter::new(level.to_string());
    let usual = if output.quiet { LevelFilter::ERROR } else { LevelFilter::INFO };
    without_noise(match output.verbosity {
        Some(level) => of(Verbosity::level(level)),
        None => EnvFilter::try_from_default_env().unwrap_or_else(|_unset| of(usual)),
    })
}

/// Whoever wants to debug it all, or names the target, sees what peers cause too.
fn without_noise(filter: EnvFilter) -> EnvFilter {
    let directive = |text: &str| text.parse().expect("a target and a level");
    let is_usual = matches!(filter.max_level_hint(), Some(LevelFilter::WARN | LevelFilter::INFO));
    let filter = match is_usual && !filter.to_string().contains(GOSSIP) {
        true => filter.add_directive(directive(&format!("{GOSSIP}=error"))),
        false => filter,
    };
    filter.add_directive(directive(REQUEST_BODIES)).add_directive(directive(WATCHES))
}

/// One line an event, in anvil's manner.
#[derive(Clone, Copy, Debug)]
struct Lines {
    colour: bool,
}

impl<S, N> FormatEvent<S, N> for Lines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut text = Text::default();
        event.record(&mut text);
        let (level, target) = (*event.metadata().level(), event.metadata().target());
        if PLAIN.contains(&target) && level >= Level::INFO {
            return writeln!(writer, "{}", text.message);
        }
        let (on, off) = if self.colour { (colour_of(level), "\x1b[0m") } else { ("", "") };
        writeln!(writer, "{on}{level:>5}{off} {}{}", text.message, text.fields)
    }
}

fn colour_of(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\x1b[31m",
        Level::WARN => "\x1b[33m",
        Level::INFO => "\x1b[32m",
        Level::DEBUG | Level::TRACE => "\x1b[2m",
    }
}

/// An event's message, and its other fields as ` name=value`.
#[derive(Debug, Default)]
struct Text {
    message: String,
    fields: String,
}

impl Visit for Text {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => self.fields.push_str(&format!(" {name}={value:?}")),
        }
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parking_lot::Mutex;
    use std::{io::Write, sync::Arc};

    #[derive(Clone, Default)]
    struct Sink(Arc<Mutex<Vec<u8>>>);

    impl Write for Sink {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn printed(emit: impl FnOnce()) -> String {
        let sink = Sink::default();
        let writer = sink.clone();
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .event_format(Lines { colour: false })
            .finish();
        tracing::subscriber::with_default(subscriber, emit);
        let bytes = sink.0.lock().clone();
        String::from_utf8(bytes).expect("a log is text")
    }

    #[test]
    fn requests_and_blocks_are_printed_as_they_are() {
        let text = printed(|| {
            tracing::info!(target: "rpc", method = "eth_call", "eth_call");
            tracing::info!(target: "block", "    Block Number: {}", 1);
        });
        assert_eq!(text, "eth_call\n    Block Number: 1\n");
    }

    #[test]
    fn the_level_changes_while_the_node_runs() {
        let sink = Sink::default();
        let writer = sink.clone();
        let builder = tracing_subscriber::fmt()
            .with_writer(move || writer.clone())
            .with_env_filter(EnvFilter::new("info"))
            .event_format(Lines { colour: false })
            .with_filter_reloading();
        let handle = builder.reload_handle();
        let verbosity = verbosity(true, move |filter| handle.reload(filter).is_ok());
        tracing::subscriber::with_default(builder.finish(), || {
            for (level, at) in [(3, "news"), (1, "errors"), (4, "debugging"), (0, "nothing")] {
                assert!(verbosity.set(level));
                tracing::error!(target: "rpc", "error at {at}");
                tracing::info!(target: "rpc", "info at {at}");
                tracing::debug!(target: "sealer", "debug at {at}");
            }
        });
        let text = String::from_utf8(sink.0.lock().clone()).expect("a log is text");
        let lines: Vec<_> = text.lines().map(str::trim_start).collect();
        let wanted = [
            "ERROR error at news",
            "info at news",
            "ERROR error at errors",
            "ERROR error at debugging",
            "info at debugging",
            "DEBUG debug at debugging",
        ];
        assert_eq!(lines, wanted);
    }

    #[test]
    fn peers_do_not_write_the_log_unless_somebody_debugs() {
        let lines = |level: &str| {
            let sink = Sink::default();
            let writer = sink.clone();
            let subscriber = tracing_subscriber::fmt()
                .with_writer(move || writer.clone())
                .with_env_filter(without_noise(EnvFilter::new(level)))
                .event_format(Lines { colour: false })
                .finish();
            tracing::subscriber::with_default(subscriber, || {
                tracing::warn!(target: "libp2p_gossipsub::behaviour", "not well formed");
                tracing::warn!(target: "network", "a peer is banned");
                tracing::error!(target: "libp2p_gossipsub::behaviour", "a fault of ours");
            });
            let text = String::from_utf8(sink.0.lock().clone()).expect("a log is text");
            text.lines().count()
        };
        let counts = ["off", "error", "warn", "info", "debug", "info,libp2p_gossipsub=warn"];
        assert_eq!(counts.map(lines), [0, 1, 2, 2, 3, 3]);
    }

    #[test]
    fn everything_else_has_its_level_and_fields() {
        let text = printed(|| {
            tracing::warn!(target: "sealer", reason = "full", count = 2, "transaction dropped");
            tracing::error!(target: "rpc", "no more sockets");
        });
        let expected = " WARN transaction dropped reason=full count=2\nERROR no more sockets\n";
        assert_eq!(text, expected);
    }
}
