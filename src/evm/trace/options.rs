//! What shall be traced, and how? The options of geth's `debug_trace*`.

use super::{ExplorerView, TraceError};
use alloy_rpc_types::{BlockOverrides, state::StateOverride};
use serde::{Deserialize, Deserializer, Serialize, de::DeserializeOwned};
use serde_json::Value;
use std::time::Duration;

/// How long one transaction may be traced if the caller does not say.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(5);

/// Most tracers of one request, those inside a `muxTracer` counted: each has its own memory.
const MAX_TRACERS: usize = 32;

/// Options of a trace. Fields that are not here are ignored, as in geth.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct TraceOptions {
    /// Struct logs: which parts of the machine are written down.
    #[serde(flatten)]
    pub(super) logs: LogOptions,
    tracer: Option<String>,
    tracer_config: Option<Value>,
    timeout: Option<String>,
}

/// What struct logs show.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct LogOptions {
    pub(super) enable_memory: Option<bool>,
    pub(super) disable_stack: Option<bool>,
    pub(super) disable_storage: Option<bool>,
    pub(super) enable_return_data: Option<bool>,
    /// Most steps that are written down; 0 is all.
    pub(super) limit: Option<usize>,
}

/// Options of a traced call.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub struct CallTraceOptions {
    /// As for every trace.
    #[serde(flatten)]
    pub trace: TraceOptions,
    /// What the call pretends about accounts.
    pub state_overrides: Option<StateOverride>,
    /// What the call pretends about its block.
    pub block_overrides: Option<Box<BlockOverrides>>,
    /// The call runs before the transaction at this position of the block, instead of after all.
    #[serde(with = "alloy_serde::quantity::opt")]
    pub tx_index: Option<u64>,
}

/// A tracer that was asked for, with its configuration read.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    StructLogs(LogOptions),
    Calls(CallsConfig),
    FlatCalls(FlatConfig),
    Explorer(ExplorerView),
    Prestate(PrestateConfig),
    Selectors,
    Noop,
    Mux(Vec<(String, Self)>),
    Script { code: String, config: Value },
}

/// `tracerConfig` of `callTracer`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct CallsConfig {
    #[serde(deserialize_with = "or_default")]
    pub(super) only_top_call: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) with_log: bool,
}

/// `tracerConfig` of `flatCallTracer`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct FlatConfig {
    #[serde(deserialize_with = "or_default")]
    pub(super) convert_parity_errors: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) include_precompiles: bool,
}

/// `tracerConfig` of `prestateTracer`.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct PrestateConfig {
    #[serde(deserialize_with = "or_default")]
    pub(super) diff_mode: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) disable_code: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) disable_storage: bool,
    #[serde(deserialize_with = "or_default")]
    pub(super) include_empty: bool,
}

impl TraceOptions {
    /// The tracer that was asked for: struct logs if none was.
    pub(super) fn wanted(&self) -> Result<Wanted, TraceError> {
        match self.tracer.as_deref() {
            None | Some("") => Ok(Wanted::StructLogs(self.logs.clone())),
            Some(name) => {
                let wanted = Wanted::named(name, self.tracer_config.clone())?;
                let (have, limit) = (wanted.count(), MAX_TRACERS);
                if have > limit {
                    Err(TraceError::TooManyTracers { have, limit })
                } else {
                    Ok(wanted)
                }
            }
        }
    }

    /// Do they name a tracer that runs code of the caller?
    pub fn has_script(&self) -> Result<bool, TraceError> {
        Ok(self.wanted()?.has_script())
    }

    /// How long one transaction may take.
    pub(super) fn timeout(&self) -> Result<Duration, TraceError> {
        let Some(text) = self.timeout.as_deref() else { return Ok(DEFAULT_TIMEOUT) };
        duration(text).ok_or_else(|| TraceError::Duration(text.to_owned()))
    }
}

impl Wanted {
    fn named(name: &str, config: Option<Value>) -> Result<Self, TraceError> {
        Ok(match name {
            "callTracer" => Self::Calls(read(name, config)?),
            "flatCallTracer" => Self::FlatCalls(read(name, config)?),
            "prestateTracer" => Self::Prestate(read(name, config)?),
            "4byteTracer" => Self::Selectors,
            "noopTracer" => Self::Noop,
            "muxTracer" => {
                let parts: serde_json::Map<String, Value> = read(name, config)?;
                let parts = parts.into_iter().map(|(name, config)| {
                    let wanted = Self::named(&name, Some(config))?;
                    Ok((name, wanted))
                });
                Self::Mux(parts.collect::<Result<_, TraceError>>()?)
            }
            // What looks like a name is one; everything else is JavaScript.
            name if name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') => {
                return Err(TraceError::UnknownTracer(name.to_owned()));
            }
            code => Self::Script { code: code.to_owned(), config: config.unwrap_or(Value::Null) },
        })
    }

    /// How many tracers that is, those inside a `muxTracer` counted.
    fn count(&self) -> usize {
        match self {
            Self::Mux(parts) => 1 + parts.iter().map(|(_, part)| part.count()).sum::<usize>(),
            _ => 1,
        }
    }

    /// Does it need to see what happens inside a transaction?
    pub(super) fn is_watching(&self) -> bool {
        match self {
            Self::Noop => false,
            Self::Mux(parts) => parts.iter().any(|(_, part)| part.is_watching()),
            _ => true,
        }
    }

    /// Does it run code of the caller?
    pub(super) fn has_script(&self) -> bool {
        match self {
            Self::Script { .. } => true,
            Self::Mux(parts) => parts.iter().any(|(_, part)| part.has_script()),
            _ => false,
        }
    }
}

fn read<T: DeserializeOwned + Default>(
    tracer: &str,
    config: Option<Value>,
) -> Result<T, TraceError> {
    match config {
        None | Some(Value::Null) => Ok(T::default()),
        Some(config) => serde_json::from_value(config)
            .map_err(|source| TraceError::Config { tracer: tracer.to_owned(), source }),
    }
}

/// What is given as null is not given.
fn or_default<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(
    value: D,
) -> Result<T, D::Error> {
    Ok(Option::deserialize(value)?.unwrap_or_default())
}

/// A duration in Go's syntax: `10s`, `1m30s`, `500ms`, `1.5h`. `None` for what is none.
fn duration(text: &str) -> Option<Duration> {
    if text == "0" {
        return Some(Duration::ZERO);
    }
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    let mut total = Duration::ZERO;
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let amount: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(rest.len());
        let seconds = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3_600.0,
            _ => return None,
        };
        total = total.checked_add(Duration::try_from_secs_f64(amount * seconds).ok()?)?;
        rest = &rest[end..];
    }
    Some(total)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn durations_are_read_as_go_reads_them() {
        for (text, wanted) in [
            ("10s", Some(10_000)),
            ("500ms", Some(500)),
            ("1m30s", Some(90_000)),
            ("1.5h", Some(5_400_000)),
            ("0", Some(0)),
            ("", None),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("5 s", None),
            ("1d", None),
        ] {
            assert_eq!(duration(text), wanted.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn an_unknown_name_is_no_script() {
        let options = |tracer: &str| -> TraceOptions {
            serde_json::from_value(json!({ "tracer": tracer })).unwrap()
        };
        let unknown = options("fooTracer").wanted().unwrap_err();
        assert_eq!(unknown.to_string(), "tracer not found: fooTracer");
        assert!(unknown.is_bad_request());
        assert!(matches!(options("").wanted(), Ok(Wanted::StructLogs(_))));
        assert!(options("{result: function() {}}").wanted().unwrap().has_script());
        assert!(!options("noopTracer").wanted().unwrap().is_watching());
    }

    #[test]
    fn a_mux_of_too_many_tracers_is_refused() {
        let parts: serde_json::Map<String, Value> =
            (0..MAX_TRACERS).map(|part| (format!("{{ n: {part} }}"), Value::Null)).collect();
        let options = json!({ "tracer": "muxTracer", "tracerConfig": parts });
        let options: TraceOptions = serde_json::from_value(options).unwrap();
        let error = options.wanted().unwrap_err().to_string();
        assert_eq!(error, "33 tracers in one request, 32 allowed");
    }

    #[test]
    fn an_option_of_null_is_the_default() {
        let nulls = |fields: &[&str]| {
            let nulls = fields.iter().map(|field| ((*field).to_owned(), Value::Null));
            Value::Object(nulls.collect())
        };
        for (tracer, fields) in [
            ("callTracer", vec!["onlyTopCall", "withLog"]),
            ("flatCallTracer", vec!["convertParityErrors", "includePrecompiles"]),
            ("prestateTracer", vec!["diffMode", "disableCode", "disableStorage", "includeEmpty"]),
        ] {
            let options = json!({ "tracer": tracer, "tracerConfig": nulls(&fields) });
            let options: TraceOptions = serde_json::from_value(options).unwrap();
            let plain: TraceOptions = serde_json::from_value(json!({ "tracer": tracer })).unwrap();
            let (given, wanted) = (options.wanted().unwrap(), plain.wanted().unwrap());
            assert_eq!(format!("{given:?}"), format!("{wanted:?}"));
        }
        let all = ["tracer", "tracerConfig", "timeout", "enableMemory", "limit", "txIndex"];
        let overrides = ["stateOverrides", "blockOverrides", "disableStack"];
        let nulls = nulls(&[all.as_slice(), &overrides].concat());
        let options: CallTraceOptions = serde_json::from_value(nulls).unwrap();
        assert!(matches!(options.trace.wanted(), Ok(Wanted::StructLogs(_))));
        assert!(options.tx_index.is_none() && options.state_overrides.is_none());
    }

    #[test]
    fn a_wrong_config_names_its_tracer() {
        let options =
            json!({ "tracer": "muxTracer", "tracerConfig": { "callTracer": { "withLog": 5 } } });
        let options: TraceOptions = serde_json::from_value(options).unwrap();
        let error = options.wanted().unwrap_err().to_string();
        assert!(error.starts_with("invalid tracerConfig for callTracer: "), "{error}");
    }
}
