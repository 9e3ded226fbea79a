//! How often was which method called, how long did it take, and who is connected?

use super::Api;
use crate::primitives::{Count, Durations, Spread};
use jsonrpsee::Methods;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Instant,
};

/// The name under which calls of methods are counted that do not exist.
const UNKNOWN: &str = "unknown";

/// How a call comes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    /// HTTP and WebSocket.
    Http,
    /// A Unix socket.
    Ipc,
}

/// Counts calls by method. There is room for the methods that exist, and for no other name.
#[derive(Debug)]
pub(super) struct Calls {
    places: BTreeMap<&'static str, usize>,
    /// By place; the last is for unknown names.
    methods: Vec<Called>,
    http: AtomicUsize,
    ipc: AtomicUsize,
}

#[derive(Debug, Default)]
struct Called {
    succeeded: Count,
    failed: Count,
    times: Durations,
}

/// One HTTP request, or one connection of another kind; closed when it is dropped.
#[derive(Debug)]
pub(super) struct Open {
    calls: Arc<Calls>,
    transport: Transport,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.calls.opened(self.transport).fetch_sub(1, Ordering::Relaxed);
    }
}

impl Calls {
    /// With room for these methods.
    pub(super) fn of(methods: &Methods) -> Self {
        let names = methods.method_names();
        let places: BTreeMap<_, _> = names.enumerate().map(|(place, name)| (name, place)).collect();
        let methods = (0..=places.len()).map(|_place| Called::default()).collect();
        Self { places, methods, http: AtomicUsize::new(0), ipc: AtomicUsize::new(0) }
    }

    /// Where a method is counted.
    pub(super) fn place(&self, method: &str) -> usize {
        self.places.get(method).copied().unwrap_or(self.places.len())
    }

    /// A call of the method at a place was answered.
    pub(super) fn answered(&self, place: usize, began: Instant, succeeded: bool) {
        let Some(called) = self.methods.get(place) else { return };
        let count = if succeeded { &called.succeeded } else { &called.failed };
        count.one();
        called.times.since(began);
    }

    /// A request or a connection is there.
    pub(super) fn open(self: &Arc<Self>, transport: Transport) -> Open {
        self.opened(transport).fetch_add(1, Ordering::Relaxed);
        Open { calls: self.clone(), transport }
    }

    const fn opened(&self, transport: Transport) -> &AtomicUsize {
        match transport {
            Transport::Http => &self.http,
            Transport::Ipc => &self.ipc,
        }
    }

    fn read(&self) -> Vec<MethodStats> {
        let names = self.places.iter().map(|(name, place)| (*name, *place));
        let all = names.chain([(UNKNOWN, self.places.len())]);
        let read = all.filter_map(|(method, place)| {
            let called = self.methods.get(place)?;
            let (succeeded, failed) = (called.succeeded.get(), called.failed.get());
            let is_used = succeeded + failed > 0;
            is_used.then(|| MethodStats { method, succeeded, failed, times: called.times.read() })
        });
        read.collect()
    }
}

/// How many subscriptions there are.
#[derive(Clone, Debug, Default)]
pub(super) struct Subscriptions(Arc<AtomicUsize>);

/// One of them; over when it is dropped.
#[derive(Debug)]
pub(super) struct Subscription(Arc<AtomicUsize>);

impl Subscriptions {
    /// One more.
    pub(super) fn begin(&self) -> Subscription {
        self.0.fetch_add(1, Ordering::Relaxed);
        Subscription(self.0.clone())
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The calls of one method since the start.
#[derive(Clone, Debug)]
pub struct MethodStats {
    /// Its name, or `unknown` for all names that are no method's.
    pub method: &'static str,
    /// Calls that were answered with a result.
    pub succeeded: u64,
    /// Calls that were answered with an error.
    pub failed: u64,
    /// How long all of them took.
    pub times: Spread,
}

/// The server in numbers.
#[derive(Clone, Debug)]
pub struct RpcStats {
    /// Methods that were called, by name.
    pub methods: Vec<MethodStats>,
    /// HTTP requests that are being answered, and open WebSocket connections.
    pub http: usize,
    /// Connections to the Unix socket.
    pub ipc: usize,
    /// Subscriptions.
    pub subscriptions: usize,
    /// Filters that clients poll.
    pub filters: usize,
    /// Heavy calls that run now.
    pub heavy: usize,
}

impl Api {
    /// One more subscription, until it is dropped.
    pub(super) fn subscription(&self) -> Subscription {
        self.0.subscriptions.begin()
    }

    /// The server in numbers.
    pub fn stats(&self) -> RpcStats {
        let calls = self.calls();
        let most = self.limits.heavy_calls.max(1);
        RpcStats {
            methods: calls.read(),
            http: calls.http.load(Ordering::Relaxed),
            ipc: calls.ipc.load(Ordering::Relaxed),
            subscriptions: self.0.subscriptions.0.load(Ordering::Relaxed),
            filters: self.filters().len(),
            heavy: most.saturating_sub(self.0.heavy.available_permits()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jsonrpsee::RpcModule;

    fn calls() -> Arc<Calls> {
        let mut module = RpcModule::new(());
        module.register_method("eth_call", |_, _, _| 0).unwrap();
        module.register_method("eth_chainId", |_, _, _| 0).unwrap();
        Arc::new(Calls::of(&module.into()))
    }

    #[test]
    fn made_up_names_share_one_place() {
        let calls = calls();
        for name in ["eth_call", "made_up", "also_made_up", "eth_call"] {
            calls.answered(calls.place(name), Instant::now(), name == "eth_call");
        }
        let read = calls.read();
        let seen: Vec<_> = read.iter().map(|it| (it.method, it.succeeded, it.failed)).collect();
        assert_eq!(seen, [("eth_call", 2, 0), ("unknown", 0, 2)]);
        assert_eq!(read[0].times.count, 2);
    }

    #[test]
    fn a_connection_counts_until_it_is_gone() {
        let calls = calls();
        let (one, two) = (calls.open(Transport::Http), calls.open(Transport::Ipc));
        let count = || (calls.http.load(Ordering::Relaxed), calls.ipc.load(Ordering::Relaxed));
        assert_eq!(count(), (1, 1));
        drop((one, two));
        assert_eq!(count(), (0, 0));
    }
}
