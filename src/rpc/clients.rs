//! Who calls, and has that client had its share? By address: an IPv4 address, or an IPv6 network of 64
//! bits, which is what one household or machine has.

use super::error::LIMIT_EXCEEDED;
use crate::network::network_of;
use jsonrpsee::types::{ErrorObject, ErrorObjectOwned};
use parking_lot::Mutex;
use serde_json::json;
use std::{
    collections::HashMap,
    fmt,
    net::IpAddr,
    sync::Arc,
    time::{Duration, Instant},
};

/// So many seconds' worth of requests and bytes may be had at once.
const BURST: f64 = 10.0;
/// A full table is searched for clients that may be forgotten this often at most.
const SWEEP: Duration = Duration::from_secs(1);

/// What one client may have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientLimits {
    /// Requests a second; each of a batch counts.
    pub requests: u32,
    /// Bytes of answers a second.
    pub bytes: u32,
    /// Open connections.
    pub connections: u32,
    /// Clients that are told apart; those that come when the table is full share one's limits.
    pub clients: usize,
    /// Do they hold on this machine too?
    pub loopback: bool,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self {
            requests: 1_000,
            bytes: 25 << 20,
            connections: 256,
            clients: 10_000,
            loopback: false,
        }
    }
}

/// All clients that have come lately.
#[derive(Debug)]
pub(super) struct Clients {
    limits: ClientLimits,
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    known: HashMap<IpAddr, Arc<Client>>,
    /// Those that found the table full.
    others: Arc<Client>,
    swept: Option<Instant>,
}

/// What one client has left.
#[derive(Debug)]
struct Client {
    limits: ClientLimits,
    left: Mutex<Left>,
}

#[derive(Debug)]
struct Left {
    requests: Bucket,
    bytes: Bucket,
    connections: u32,
}

/// Fills up with time, may be overdrawn once.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Bucket {
    fn full(rate: u32, now: Instant) -> Self {
        Self { level: f64::from(rate) * BURST, at: now }
    }

    fn fill(&mut self, rate: u32, now: Instant) {
        let rate = f64::from(rate);
        let gone = now.saturating_duration_since(self.at).as_secs_f64();
        self.level = (self.level + gone * rate).min(rate * BURST);
        self.at = now;
    }

    /// How long until so much is in it.
    fn wait(&self, wanted: f64, rate: u32) -> Option<Duration> {
        let seconds = (wanted - self.level) / f64::from(rate.max(1));
        (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
    }
}

/// One connection of a client. It counts as open until the last clone is gone, which a WebSocket session
/// keeps too.
#[derive(Clone, Debug)]
pub(super) struct Visitor(Arc<Visit>);

#[derive(Debug)]
struct Visit {
    /// `None` for who is exempt.
    client: Option<Arc<Client>>,
    is_welcome: bool,
}

impl Drop for Visit {
    fn drop(&mut self) {
        if let Some(client) = &self.client {
            client.left.lock().connections -= 1;
        }
    }
}

/// A client that has had its share, and when it may come back.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct HadEnough {
    what: &'static str,
    limit: u32,
    wait: Duration,
}

impl fmt::Display for HadEnough {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, limit, wait } = self;
        let seconds = wait.as_secs_f64();
        write!(f, "limit exceeded: {limit} {what} a second; try again in {seconds:.3} seconds")
    }
}

impl From<HadEnough> for ErrorObjectOwned {
    fn from(enough: HadEnough) -> Self {
        let milliseconds = u64::try_from(enough.wait.as_millis()).unwrap_or(u64::MAX);
        let data = json!({ "retryAfterMs": milliseconds.saturating_add(1) });
        ErrorObject::owned(LIMIT_EXCEEDED, enough.to_string(), Some(data))
    }
}

impl Clients {
    pub(super) fn new(limits: ClientLimits) -> Self {
        let now = Instant::now();
        let others = Arc::new(Client::new(limits.clone(), now));
        let table = Table { known: HashMap::new(), others, swept: None };
        Self { limits, table: Mutex::new(table) }
    }

    /// Somebody has connected; `None` if not even a refusal is due.
    pub(super) fn connect(&self, address: IpAddr) -> Option<Visitor> {
        self.connect_at(address, Instant::now())
    }

    fn connect_at(&self, address: IpAddr, now: Instant) -> Option<Visitor> {
        let address = address.to_canonical();
        if address.is_loopback() && !self.limits.loopback {
            return Some(Visitor(Arc::new(Visit { client: None, is_welcome: true })));
        }
        let client = self.table.lock().client(network_of(address), &self.limits, now);
        let most = self.limits.connections;
        let mut left = client.left.lock();
        // As many again are told so; they say one thing and go.
        if left.connections >= most.saturating_mul(2) {
            return None;
        }
        let is_welcome = left.connections < most;
        left.connections += 1;
        drop(left);
        Some(Visitor(Arc::new(Visit { client: Some(client), is_welcome })))
    }
}

impl Table {
    fn client(&mut self, address: IpAddr, limits: &ClientLimits, now: Instant) -> Arc<Client> {
        if let Some(known) = self.known.get(&address) {
            return known.clone();
        }
        if self.known.len() >= limits.clients {
            let is_due = self.swept.is_none_or(|swept| now.duration_since(swept) >= SWEEP);
            if is_due {
                self.swept = Some(now);
                self.known.retain(|_address, client| !client.is_as_new(now));
            }
            if self.known.len() >= limits.clients {
                return self.others.clone();
            }
        }
        let client = Arc::new(Client::new(limits.clone(), now));
        self.known.insert(address, client.clone());
        client
    }
}

impl Client {
    fn new(limits: ClientLimits, now: Instant) -> Self {
        let left = Left {
            requests: Bucket::full(limits.requests, now),
            bytes: Bucket::full(limits.bytes, now),
            connections: 0,
        };
        Self { limits, left: Mutex::new(left) }
    }

    /// Would a new one have as much?
    fn is_as_new(&self, now: Instant) -> bool {
        let mut left = self.left.lock();
        left.requests.fill(self.limits.requests, now);
        left.bytes.fill(self.limits.bytes, now);
        let full = |bucket: Bucket, rate: u32| bucket.level >= f64::from(rate) * BURST;
        left.connections == 0
            && full(left.requests, self.limits.requests)
            && full(left.bytes, self.limits.bytes)
    }

    fn take(&self, now: Instant) -> Result<(), HadEnough> {
        let ClientLimits { requests, bytes, .. } = self.limits;
        let mut left = self.left.lock();
        left.requests.fill(requests, now);
        left.bytes.fill(bytes, now);
        if let Some(wait) = left.bytes.wait(0.0, bytes) {
            return Err(HadEnough { what: "bytes of answers", limit: bytes, wait });
        }
        if let Some(wait) = left.requests.wait(1.0, requests) {
            return Err(HadEnough { what: "requests", limit: requests, wait });
        }
        left.requests.level -= 1.0;
        Ok(())
    }

    fn overdrawn(&self, now: Instant) -> Option<Duration> {
        let bytes = self.limits.bytes;
        let mut left = self.left.lock();
        left.bytes.fill(bytes, now);
        left.bytes.wait(0.0, bytes)
    }
}

impl Visitor {
    /// May it be served at all? Not with more connections than one may have.
    pub(super) fn is_welcome(&self) -> bool {
        self.0.is_welcome
    }

    /// Takes one request of the share.
    pub(super) fn ask(&self) -> Result<(), HadEnough> {
        self.0.client.as_ref().map_or(Ok(()), |client| client.take(Instant::now()))
    }

    /// Takes the bytes of an answer or of news, which may overdraw the share.
    pub(super) fn spend(&self, bytes: usize) {
        if let Some(client) = &self.0.client {
            // Precise enough: a bucket holds far less than 2^53.
            client.left.lock().bytes.level -= bytes as f64;
        }
    }

    /// How long until its share of bytes is not overdrawn any more.
    pub(super) fn overdrawn(&self) -> Option<Duration> {
        self.0.client.as_ref()?.overdrawn(Instant::now())
    }

    /// Open connections that one client may have.
    pub(super) fn most_connections(&self) -> u32 {
        self.0.client.as_ref().map_or(u32::MAX, |client| client.limits.connections)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> ClientLimits {
        ClientLimits { requests: 2, bytes: 100, connections: 2, clients: 2, loopback: false }
    }

    fn at(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn client(visitor: &Visitor) -> &Client {
        visitor.0.client.as_ref().unwrap()
    }

    #[test]
    fn a_burst_is_served_and_then_the_rate() {
        let now = Instant::now();
        let visitor = Clients::new(limits()).connect_at(at("192.0.2.1"), now).unwrap();
        for _ in 0..20 {
            client(&visitor).take(now).unwrap();
        }
        let refused = client(&visitor).take(now).unwrap_err();
        assert_eq!(refused.wait, Duration::from_millis(500));
        let error = ErrorObjectOwned::from(refused);
        assert_eq!(error.code(), -32005);
        assert_eq!(
            error.message(),
            "limit exceeded: 2 requests a second; try again in 0.500 seconds"
        );
        assert_eq!(error.data().unwrap().get(), r#"{"retryAfterMs":501}"#);
        client(&visitor).take(now + Duration::from_millis(500)).unwrap();
        client(&visitor).take(now + Duration::from_millis(500)).unwrap_err();
    }

    #[test]
    fn a_long_answer_is_paid_for_by_waiting() {
        let now = Instant::now();
        let visitor = Clients::new(limits()).connect_at(at("192.0.2.1"), now).unwrap();
        client(&visitor).take(now).unwrap();
        visitor.spend(1_200);
        let refused = client(&visitor).take(now).unwrap_err();
        assert_eq!((refused.what, refused.wait), ("bytes of answers", Duration::from_secs(2)));
        assert_eq!(client(&visitor).overdrawn(now), Some(Duration::from_secs(2)), "news too");
        assert_eq!(client(&visitor).overdrawn(now + Duration::from_secs(2)), None);
        client(&visitor).take(now + Duration::from_secs(2)).unwrap();
    }

    #[test]
    fn connections_count_until_their_last_user_is_gone() {
        let clients = Clients::new(limits());
        let connect = || clients.connect(at("192.0.2.1"));
        let (first, second) = (connect().unwrap(), connect().unwrap());
        assert!(first.is_welcome() && second.is_welcome());
        let (third, fourth) = (connect().unwrap(), connect().unwrap());
        assert!(!third.is_welcome() && !fourth.is_welcome());
        assert!(connect().is_none(), "not even told");
        let session = first.clone();
        drop((first, third, fourth));
        assert!(!connect().unwrap().is_welcome());
        drop(session);
        assert!(connect().unwrap().is_welcome());
    }

    #[test]
    fn this_machine_is_exempt_unless_asked_for() {
        let clients = Clients::new(limits());
        for address in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            assert!(clients.connect(at(address)).unwrap().0.client.is_none(), "{address}");
        }
        let clients = Clients::new(ClientLimits { loopback: true, ..limits() });
        assert!(clients.connect(at("127.0.0.1")).unwrap().0.client.is_some());
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        assert_eq!(network_of(at("2001:db8:1:2:3::4")), network_of(at("2001:db8:1:2::")));
        assert_ne!(network_of(at("2001:db8:1:2::")), network_of(at("2001:db8:1:3::")));
    }

    #[test]
    fn the_table_is_bounded_and_forgets_who_owes_nothing() {
        let (now, clients) = (Instant::now(), Clients::new(limits()));
        let connect = |address, now| clients.connect_at(at(address), now).unwrap();
        let (one, two) = (connect("192.0.2.1", now), connect("192.0.2.2", now));
        client(&one).take(now).unwrap();
        let three = connect("192.0.2.3", now);
        let four = connect("192.0.2.4", now);
        assert!(Arc::ptr_eq(three.0.client.as_ref().unwrap(), four.0.client.as_ref().unwrap()));
        drop((one, two, three, four));
        let later = now + Duration::from_secs(60);
        let three = connect("192.0.2.3", later);
        assert_eq!(clients.table.lock().known.len(), 1, "the others owed nothing");
        assert!(!Arc::ptr_eq(three.0.client.as_ref().unwrap(), &clients.table.lock().others));
    }
}
