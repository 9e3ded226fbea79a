//! Which endpoint is asked, how often, and when is it given up?

use super::{
    Endpoint, UpstreamError, UpstreamSettings,
    pace::{Pace, units},
    wire::{Call, Failure, Wire, garbage},
};
use parking_lot::RwLock;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::Duration,
};

/// Longest pause before a request is sent again.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// The endpoints that serve one chain, asked in turn. Every method may be called from any thread, and
/// waits for the network.
#[derive(Debug)]
pub struct Upstream {
    endpoints: RwLock<Arc<[Reached]>>,
    settings: UpstreamSettings,
    wire: Wire,
    next: AtomicUsize,
    sent: AtomicU64,
}

/// An endpoint and what is known of it.
#[derive(Debug)]
struct Reached {
    endpoint: Endpoint,
    pace: Pace,
    takes_batches: AtomicBool,
}

impl Upstream {
    /// Does not ask anything yet.
    pub fn new(endpoints: Vec<Endpoint>, settings: UpstreamSettings) -> Self {
        let wire = Wire::new(&settings);
        let upstream = Self {
            endpoints: RwLock::new(Arc::default()),
            settings,
            wire,
            next: AtomicUsize::new(0),
            sent: AtomicU64::new(0),
        };
        upstream.replace(endpoints);
        upstream
    }

    /// Asks these from now on.
    pub fn replace(&self, endpoints: Vec<Endpoint>) {
        let units = self.settings.compute_units_per_second;
        let reached = endpoints.into_iter().map(|endpoint| Reached {
            endpoint,
            pace: Pace::new(units),
            takes_batches: AtomicBool::new(true),
        });
        *self.endpoints.write() = reached.collect();
    }

    /// The endpoints, in the order in which they were given.
    pub fn endpoints(&self) -> Vec<Endpoint> {
        self.endpoints.read().iter().map(|it| it.endpoint.clone()).collect()
    }

    /// Host and port of the first endpoint; `(none)` without one.
    pub fn host(&self) -> String {
        let endpoints = self.endpoints.read();
        endpoints.first().map_or("(none)", |it| it.endpoint.host()).to_owned()
    }

    /// The settings.
    pub const fn settings(&self) -> &UpstreamSettings {
        &self.settings
    }

    /// How many HTTP requests were sent so far.
    pub fn requests(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Asks one question.
    pub(super) fn ask<T: DeserializeOwned>(
        &self,
        method: &'static str,
        params: Value,
    ) -> Result<T, UpstreamError> {
        let call = Call { method, params };
        self.in_turn(method, units(method), |reached| {
            let answer = self.wire.ask(&reached.endpoint, &call)?;
            Ok(read(reached.endpoint.host(), method, answer)?)
        })
    }

    /// Asks several questions at once, of one endpoint.
    pub(super) fn ask_all(
        &self,
        calls: Vec<(&'static str, Value)>,
    ) -> Result<Vec<Value>, UpstreamError> {
        let Some(first) = calls.first().map(|(method, _)| *method) else { return Ok(Vec::new()) };
        let calls: Vec<Call> =
            calls.into_iter().map(|(method, params)| Call { method, params }).collect();
        let cost = calls.iter().map(|call| units(call.method)).sum();
        self.in_turn(first, cost, |reached| {
            if calls.len() > 1 && reached.takes_batches.load(Ordering::Relaxed) {
                match self.wire.ask_all(&reached.endpoint, &calls)? {
                    Some(answers) => return Ok(answers),
                    None => reached.takes_batches.store(false, Ordering::Relaxed),
                }
            }
            let one = |(place, call)| {
                if place > 0 {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                }
                self.wire.ask(&reached.endpoint, call)
            };
            calls.iter().enumerate().map(one).collect()
        })
    }

    /// Reads what an answer of [`Self::ask_all`] holds.
    pub(super) fn read<T: DeserializeOwned>(
        &self,
        method: &'static str,
        answer: Value,
    ) -> Result<T, UpstreamError> {
        read(&self.host(), method, answer)
    }

    /// Something that is no answer, in the name of the first endpoint.
    pub(super) fn nonsense(&self, method: &'static str, found: &str) -> UpstreamError {
        UpstreamError::Answer { host: self.host(), method, found: found.to_owned() }
    }

    /// Lets the endpoints try one after the other. Those who turn a request away for now are asked again
    /// after a pause, all others once.
    fn in_turn<T>(
        &self,
        method: &'static str,
        cost: u64,
        attempt: impl Fn(&Reached) -> Result<T, Failure>,
    ) -> Result<T, UpstreamError> {
        let endpoints = self.endpoints.read().clone();
        if endpoints.is_empty() {
            return Err(UpstreamError::NoEndpoint);
        }
        let mut round = 0;
        loop {
            let first = self.next.fetch_add(1, Ordering::Relaxed);
            let mut worst: Option<Failure> = None;
            for place in 0..endpoints.len() {
                let reached = &endpoints[first.wrapping_add(place) % endpoints.len()];
                let failure = match self.once(reached, cost, &attempt) {
                    Ok(answer) => return Ok(answer),
                    Err(failure) => failure,
                };
                // What one endpoint says of the question counts more than that another is not there.
                let says_more = worst.as_ref().is_none_or(|worst| {
                    worst.error.is_about_the_way() && !worst.error.is_for_now()
                });
                if says_more {
                    worst = Some(failure);
                }
            }
            let Some(Failure { error, retry_after }) = worst else {
                return Err(UpstreamError::NoEndpoint);
            };
            if !error.is_for_now() || round >= self.settings.retries {
                return Err(match error {
                    UpstreamError::Limited { host, .. } => {
                        UpstreamError::Limited { host, method, times: round + 1 }
                    }
                    error => error,
                });
            }
            let pause = self.settings.backoff.saturating_mul(1 << round.min(16));
            let pause = retry_after.unwrap_or(pause).min(LONGEST_PAUSE);
            tracing::warn!(target: "fork", "{error}; again in {} ms", pause.as_millis());
            wait(pause);
            round += 1;
        }
    }

    fn once<T>(
        &self,
        reached: &Reached,
        cost: u64,
        attempt: &impl Fn(&Reached) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        wait(reached.pace.wait_for(cost));
        self.sent.fetch_add(1, Ordering::Relaxed);
        let answer = match attempt(reached) {
            // A connection that was kept open may have been closed on the other side meanwhile.
            Err(Failure { error: UpstreamError::Unreachable { .. }, .. }) => {
                self.sent.fetch_add(1, Ordering::Relaxed);
                attempt(reached)
            }
            other => other,
        };
        if let Err(Failure { error: UpstreamError::Limited { .. }, .. }) = &answer {
            reached.pace.slow_down();
        }
        answer
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "nothing happens here until the time that the other side set has passed"
)]
fn wait(time: Duration) {
    if !time.is_zero() {
        std::thread::sleep(time);
    }
}

fn read<T: DeserializeOwned>(
    host: &str,
    method: &'static str,
    answer: Value,
) -> Result<T, UpstreamError> {
    let kind = match &answer {
        Value::Null => "null",
        Value::Object(_) => "an object that is something else",
        Value::Array(_) => "a list that is something else",
        _ => "a value of another kind",
    };
    serde_json::from_value(answer).map_err(|_json| garbage(host, method, kind))
}
