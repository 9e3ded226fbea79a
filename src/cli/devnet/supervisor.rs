//! Which nodes run, and what is done when one ends or somebody asks?

use super::{
    CliError, DevnetError, Layout,
    control::{self, Answer, Asker},
    first_block::FirstBlock,
    founding::Founded,
    member::{Member, Peer},
    report::{self, Row},
    shape::Shape,
};
use std::{io, time::Duration};
use tokio::signal::unix::{SignalKind, signal};

/// How often it is looked whether all nodes live, besides when the system says that one has ended.
const LOOK: Duration = Duration::from_secs(1);

/// All nodes of a network, and its directory.
#[derive(Debug)]
pub(super) struct Supervisor {
    layout: Layout,
    shape: Shape,
    pub(super) members: Vec<Member>,
}

impl Supervisor {
    /// Nodes that do not run yet. The main node gets the network's port, the workers those after it.
    pub(super) fn new(layout: Layout, shape: Shape, founded: Founded) -> Result<Self, DevnetError> {
        let (names, port) = (shape.names(), shape.port);
        let no_ports = DevnetError::NoPorts { port, nodes: names.len() };
        let keys = std::iter::once(None).chain(founded.keys.into_iter().map(Some));
        let mut members = Vec::new();
        for (place, (name, key)) in names.into_iter().zip(keys).enumerate() {
            let own = match (port, u16::try_from(place)) {
                (0, _) => Some(0),
                (first, Ok(place)) => first.checked_add(place),
                _ => None,
            };
            let Some(own) = own else { return Err(no_ports) };
            members.push(Member::new(&layout, name, shape.consensus, key, own));
        }
        Ok(Self { layout, shape, members })
    }

    /// Starts all nodes, tells of them, and does what is asked until `stop`.
    pub(super) async fn run(
        &mut self,
        stop: impl Future<Output = io::Result<()>>,
    ) -> Result<(), CliError> {
        tokio::pin!(stop);
        tokio::select! {
            started = self.start_all() => started?,
            requested = &mut stop => return requested.map_err(CliError::Signals),
        }
        self.shape.keep(&self.layout)?;
        let listener = control::listen(&self.layout)?;
        let mut ended = signal(SignalKind::child()).map_err(CliError::Signals)?;
        let mut looks = tokio::time::interval(LOOK);
        report::tell(report::welcome(&self.layout, &self.rows()))?;
        let mut first = FirstBlock::of(&self.shape);
        loop {
            tokio::select! {
                requested = &mut stop => return requested.map_err(CliError::Signals),
                asker = Asker::next(&listener) => {
                    tokio::select! {
                        requested = &mut stop => return requested.map_err(CliError::Signals),
                        () = self.serve(asker) => {}
                    }
                }
                _ = ended.recv() => self.mourn()?,
                _ = looks.tick() => {
                    self.mourn()?;
                    report::tell(first.iter_mut().flat_map(|first| first.look(&self.members)))?;
                    first = first.filter(|first| !first.is_there());
                }
            }
        }
    }

    async fn start_all(&mut self) -> Result<(), DevnetError> {
        for place in 0..self.members.len() {
            self.start(place).await?;
        }
        Ok(())
    }

    /// Starts a node and tells other programs of it.
    pub(super) async fn start(&mut self, place: usize) -> Result<(), DevnetError> {
        let others = self.members.iter().enumerate().filter(|(other, _)| *other != place);
        let peers: Vec<Peer> = others.filter_map(|(_, other)| other.peer().cloned()).collect();
        self.members[place].start(&peers).await?;
        if self.is_cut() {
            self.part_from(place)?;
        }
        self.write()
    }

    /// Tells other programs which nodes there are.
    pub(super) fn write(&self) -> Result<(), DevnetError> {
        report::write(&self.layout, &self.rows())
    }

    fn rows(&self) -> Vec<Row> {
        let is_cut = self.is_cut();
        self.members.iter().map(|member| member.row(is_cut)).collect()
    }

    fn is_cut(&self) -> bool {
        let first = self.members.first().map_or(0, |main| main.part);
        self.members.iter().any(|member| member.part != first)
    }

    /// Answers somebody. Who hangs up or talks nonsense is no reason to end.
    async fn serve(&mut self, asker: io::Result<Asker>) {
        let done = match asker {
            Ok(mut asker) => match asker.wish() {
                Ok(wish) => {
                    let granted = match wish.action {
                        control::Action::Status => Ok(Answer::Nodes(self.rows())),
                        _ => self.grant(&wish).await.map(Answer::Done),
                    };
                    let answer = granted.unwrap_or_else(|error| Answer::Refused(error.to_string()));
                    if let Answer::Done(lines) = &answer {
                        // A closed terminal is no reason not to answer.
                        let _ = report::tell(lines.clone());
                    }
                    asker.answer(&answer)
                }
                Err(error) => asker.answer(&Answer::Refused(error.to_string())),
            },
            Err(error) => Err(error),
        };
        if let Err(error) = done {
            tracing::debug!(target: "devnet", %error, "somebody was not answered");
        }
    }

    /// Tells of nodes that have ended by themselves.
    fn mourn(&mut self) -> Result<(), CliError> {
        let mut lines = Vec::new();
        for member in &mut self.members {
            let Some((status, tail)) = member.died() else { continue };
            lines.push(format!(
                "{} ended by itself: {status}; the end of its log, {}:\n{tail}\nStart it again: \
                 mainspring devnet start {} --datadir {}",
                member.name,
                member.log().display(),
                member.name,
                self.layout.dir.display()
            ));
        }
        if lines.is_empty() {
            return Ok(());
        }
        self.write()?;
        report::tell(lines)
    }

    /// Ends all nodes: asked first, all at once, and killed if they do not listen.
    pub(super) async fn stop_all(&mut self) {
        let mut running: Vec<&mut Member> =
            self.members.iter_mut().filter(|member| member.is_running()).collect();
        for member in &mut running {
            // One that has just ended need not be asked.
            let _ = member.terminate();
        }
        for member in running {
            if let Err(slow) = member.stopped().await {
                let killed = member.kill();
                let told = report::tell([format!("{slow}; killed")]);
                tracing::debug!(target: "devnet", ?killed, ?told, "a node did not end");
            }
        }
        // The socket's file would outlive us.
        let _ = std::fs::remove_file(self.layout.control());
        let _ = self.write();
    }
}
