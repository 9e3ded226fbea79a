//! Which node is it, and how is it started again as the same?

use super::{
    DevnetError, Layout, ask,
    founding::Key,
    process::{Announced, Process},
    report::Row,
    shape::Consensus,
};
use serde_json::{Value, json};
use std::{
    ffi::OsString,
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::PathBuf,
    process::ExitStatus,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// Starting takes less than a second; a state that was not written before a kill takes longer.
const START_PATIENCE: Duration = Duration::from_secs(120);
/// Writing everything at the end may take a while on a slow disk.
const STOP_PATIENCE: Duration = Duration::from_secs(60);
/// How often it is looked whether a process listens, or has ended.
const LOOK: Duration = Duration::from_millis(20);

/// Who a node is to others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Peer {
    /// Of its key, which it keeps.
    pub(super) id: String,
    /// Multiaddress that ends in the id.
    pub(super) address: String,
}

impl Peer {
    /// From what `admin_nodeInfo` says.
    fn read(info: &Value) -> Option<Self> {
        let text =
            |value: &Value| value.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let address = text(info["addresses"].get(0)?)?;
        Some(Self { id: text(&info["id"])?, address })
    }

    /// The port in its address.
    fn port(&self) -> Option<&str> {
        self.address.split('/').skip_while(|part| *part != "tcp").nth(1)
    }
}

/// A node of the network, whether it runs or not.
#[derive(Debug)]
pub(super) struct Member {
    pub(super) name: String,
    /// Of a worker.
    key: Option<Key>,
    consensus: Consensus,
    password: PathBuf,
    datadir: PathBuf,
    log: PathBuf,
    socket: PathBuf,
    /// 0 until the system has chosen one.
    port: u16,
    /// Where other nodes reach it, once it has run.
    peer: Option<Peer>,
    process: Option<Process>,
    /// Which of the parts that the network was cut into it belongs to.
    pub(super) part: u64,
}

impl Member {
    pub(super) fn new(
        layout: &Layout,
        name: String,
        consensus: Consensus,
        key: Option<Key>,
        port: u16,
    ) -> Self {
        Self {
            key,
            consensus,
            password: layout.password(),
            datadir: layout.node(&name),
            log: layout.log(&name),
            socket: layout.socket(&name),
            port,
            peer: None,
            process: None,
            part: 0,
            name,
        }
    }

    pub(super) fn role(&self) -> &'static str {
        if self.key.is_some() { "worker" } else { "main" }
    }

    pub(super) const fn is_running(&self) -> bool {
        self.process.is_some()
    }

    pub(super) fn row(&self, is_cut: bool) -> Row {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        Row {
            name: self.name.clone(),
            role: self.role().to_owned(),
            rpc: format!("http://{address}"),
            p2p: self.peer.as_ref().map(|peer| peer.address.clone()),
            pid: self.process.as_ref().map(Process::pid),
            datadir: self.datadir.clone(),
            part: is_cut.then_some(self.part),
        }
    }

    /// Who it is to others, once it has run.
    pub(super) const fn peer(&self) -> Option<&Peer> {
        self.peer.as_ref()
    }

    /// Asks it something over its socket.
    pub(super) fn ask(&self, method: &'static str, params: &Value) -> Result<Value, DevnetError> {
        let name = self.name.clone();
        match ask::call(&self.socket, method, params) {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(reason)) => Err(DevnetError::Refused { name, method, reason }),
            Err(source) => Err(DevnetError::Socket { name, source }),
        }
    }

    /// Cuts it off from these nodes, and from no others.
    pub(super) fn isolate(&self, from: &[String]) -> Result<(), DevnetError> {
        self.ask("admin_isolate", &json!([from])).map(drop)
    }

    /// Starts its process, with these nodes as its peers, and waits until it listens.
    pub(super) async fn start(&mut self, peers: &[Peer]) -> Result<(), DevnetError> {
        if let Some(process) = &self.process {
            return Err(DevnetError::Runs { name: self.name.clone(), pid: process.pid() });
        }
        self.check_port()?;
        let process = Process::start(&self.arguments(peers), &self.log)?;
        let process = self.process.insert(process);
        let began = Instant::now();
        let address = loop {
            if let Some(Announced(address)) = process.announced() {
                break address;
            }
            if let Some(status) = process.ended() {
                let tail = process.tail();
                self.process = None;
                let (name, log) = (self.name.clone(), self.log.clone());
                return Err(DevnetError::DidNotStart { name, status, log, tail });
            }
            if began.elapsed() > START_PATIENCE {
                self.kill()?;
                let (name, log) = (self.name.clone(), self.log.clone());
                return Err(DevnetError::Silent { name, patience: START_PATIENCE, log });
            }
            sleep(LOOK).await;
        };
        // The same one the next time.
        self.port = address.port();
        let info = self.ask("admin_nodeInfo", &json!([]))?;
        let peer = Peer::read(&info);
        self.peer = Some(peer.ok_or_else(|| DevnetError::NoAddress { name: self.name.clone() })?);
        Ok(())
    }

    fn arguments(&self, peers: &[Peer]) -> Vec<OsString> {
        let mut arguments: Vec<OsString> = ["node", "--until-stdin-closes", "--host", "127.0.0.1"]
            .into_iter()
            .map(OsString::from)
            .collect();
        let mut add = |flag: &str, value: OsString| arguments.extend([flag.into(), value]);
        add("--datadir", self.datadir.clone().into());
        add("--port", self.port.to_string().into());
        add("--role", self.role().into());
        let p2p_port = self.peer.as_ref().and_then(Peer::port).unwrap_or("0");
        add("--p2p-port", p2p_port.into());
        add("--p2p-host", "127.0.0.1".into());
        // Who tries an application in a browser does it here; its keys are known to everyone.
        add("--allow-origin", "*".into());
        for peer in peers {
            add("--peer", peer.address.clone().into());
        }
        match (&self.key, self.consensus) {
            (Some(key), Consensus::Poa) => {
                add("--signer", key.file.clone().into());
                add("--password-file", self.password.clone().into());
            }
            (Some(key), Consensus::Pow) => {
                add("--coinbase", key.address.to_string().into());
                // The nodes share the machine: as many threads as miners are enough.
                add("--threads", "1".into());
                arguments.push("--mine".into());
            }
            (None, _) => {}
        }
        arguments
    }

    /// A port that somebody else has is told before anything is started.
    fn check_port(&self) -> Result<(), DevnetError> {
        let address = (Ipv4Addr::LOCALHOST, self.port);
        let taken =
            |source| DevnetError::PortTaken { port: self.port, name: self.name.clone(), source };
        TcpListener::bind(address).map(drop).map_err(taken)
    }

    fn process(&mut self) -> Result<&mut Process, DevnetError> {
        let name = &self.name;
        self.process.as_mut().ok_or_else(|| DevnetError::Stopped(name.clone()))
    }

    /// Asks it to end.
    pub(super) fn terminate(&mut self) -> Result<(), DevnetError> {
        let name = self.name.clone();
        self.process()?.terminate().map_err(|source| DevnetError::Process { name, source })
    }

    /// Waits until a process that was asked has ended.
    pub(super) async fn stopped(&mut self) -> Result<(), DevnetError> {
        let began = Instant::now();
        while self.process.as_mut().is_some_and(|process| process.ended().is_none()) {
            if began.elapsed() > STOP_PATIENCE {
                let name = self.name.clone();
                return Err(DevnetError::DidNotStop { name, patience: STOP_PATIENCE });
            }
            sleep(LOOK).await;
        }
        self.process = None;
        Ok(())
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) -> Result<(), DevnetError> {
        let name = self.name.clone();
        let killed = self.process()?.kill();
        killed.map_err(|source| DevnetError::Process { name, source })?;
        self.process = None;
        Ok(())
    }

    /// If it has ended by itself: how, and the end of its log.
    pub(super) fn died(&mut self) -> Option<(ExitStatus, String)> {
        let process = self.process.as_mut()?;
        let status = process.ended()?;
        let tail = process.tail();
        self.process = None;
        Some((status, tail))
    }

    /// Where its log is.
    pub(super) const fn log(&self) -> &PathBuf {
        &self.log
    }
}
