//! Where are the node's numbers?

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// Where they are if they are served and nobody says where.
pub const DEFAULT_METRICS: &str = "127.0.0.1:9001";

/// What is no address for the metrics.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected ADDR:PORT, as in {DEFAULT_METRICS}, or only a port")]
pub struct NoMetricsAddress;

/// Reads `ADDR:PORT`, or a port of this machine.
///
/// # Errors
/// Anything else.
pub fn metrics_address(text: &str) -> Result<SocketAddr, NoMetricsAddress> {
    let port = text.strip_prefix(':').unwrap_or(text).parse::<u16>();
    match (text.parse::<SocketAddr>(), port) {
        (Ok(address), _) => Ok(address),
        (Err(_), Ok(port)) => Ok(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), port)),
        (Err(_), Err(_)) => Err(NoMetricsAddress),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_enough() {
        let read = |text| metrics_address(text).map(|address| address.to_string());
        assert_eq!(read("9001").as_deref(), Ok("127.0.0.1:9001"));
        assert_eq!(read(":0").as_deref(), Ok("127.0.0.1:0"));
        assert_eq!(read("0.0.0.0:9100").as_deref(), Ok("0.0.0.0:9100"));
        assert_eq!(read("[::1]:9100").as_deref(), Ok("[::1]:9100"));
        assert_eq!(read(DEFAULT_METRICS).as_deref(), Ok(DEFAULT_METRICS));
        for wrong in ["", ":", "localhost:9001", "127.0.0.1", "65536", "-1"] {
            assert_eq!(read(wrong), Err(NoMetricsAddress), "{wrong:?}");
        }
    }
}
