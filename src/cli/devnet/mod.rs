//! `mainspring devnet`: a network of real nodes on this machine, and its faults on demand.
//!
//! | file | question |
//! |---|---|
//! | `shape` | what kind of network is it, and is it the one that lies there? |
//! | `layout` | where is what in the network's directory, and is it free? |
//! | `founding` | whose keys sign, and which genesis do all nodes have? |
//! | `process` | does a node's process run, and how does it end? |
//! | `member` | which node is it, and how is it started again as the same? |
//! | `ask` | what does a node say over its socket? |
//! | `supervisor` | which nodes run, and what is done when one ends or somebody asks? |
//! | `first_block` | what happens before miners have found the first block? |
//! | `faults` | stop, kill, start, cut, heal: what is done to which nodes? |
//! | `control` | what does a second terminal say to the supervisor? |
//! | `report` | what is told of the network: the table, the file, what to do next |

mod ask;
mod control;
mod error;
mod faults;
mod first_block;
mod founding;
mod layout;
mod member;
mod process;
mod report;
mod shape;
mod supervisor;

pub(super) use error::DevnetError;

use super::{CliError, signals};
use clap::{Args, Subcommand};
use control::{Action, Wish};
use layout::Layout;
use shape::ShapeArgs;
use std::path::PathBuf;
use supervisor::Supervisor;

/// The directory of a network that nobody named another for.
const DIRECTORY: &str = "./.mainspring-devnet";

/// What `mainspring devnet` takes.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct DevnetArgs {
    #[command(subcommand)]
    fault: Option<Fault>,
    #[command(flatten)]
    start: StartArgs,
}

/// How the network is started.
#[derive(Args, Clone, Debug)]
struct StartArgs {
    #[command(flatten)]
    shape: ShapeArgs,
    #[command(flatten)]
    place: PlaceArgs,
    /// Port of the main node's RPC; the workers take the ports after it, with 0 every node takes a free one
    /// [default: as at its last start, at first 8545]
    #[arg(short, long, env = "MAINSPRING_DEVNET_PORT", value_name = "PORT")]
    port: Option<u16>,
    /// Delete the network that lies in the directory and start over
    #[arg(long)]
    fresh: bool,
}

/// Where the network lies.
#[derive(Args, Clone, Debug)]
struct PlaceArgs {
    /// Directory of the network: a directory a node, their keys and logs
    #[arg(long, env = "MAINSPRING_DEVNET_DATADIR", value_name = "DIR", default_value = DIRECTORY)]
    datadir: PathBuf,
}

/// Which nodes are meant.
#[derive(Args, Clone, Debug)]
struct NodesArgs {
    /// Names of nodes, as in main or worker-1
    #[arg(value_name = "NODE", required = true)]
    nodes: Vec<String>,
    #[command(flatten)]
    place: PlaceArgs,
}

/// What is done to a network that runs, from a second terminal.
#[derive(Subcommand, Clone, Debug)]
enum Fault {
    /// Ask nodes to end, and wait until they have
    Stop(NodesArgs),
    /// End nodes as a power failure would (SIGKILL)
    Kill(NodesArgs),
    /// Start nodes that do not run, with the settings that they had
    Start(NodesArgs),
    /// Cut nodes off: they keep each other and lose all others, both ways
    Cut(NodesArgs),
    /// Connect all nodes again
    Heal(PlaceArgs),
    /// Print the nodes with their heads and peers
    Status(PlaceArgs),
}

impl DevnetArgs {
    /// Does it start a network, rather than ask one that runs?
    pub(super) const fn starts(&self) -> bool {
        self.fault.is_none()
    }
}

/// Starts the network and keeps it until ctrl-c, or hands a wish to the one that runs.
pub(super) async fn run(args: DevnetArgs) -> Result<(), CliError> {
    let Some(fault) = args.fault else { return start(args.start).await };
    let (action, nodes, place) = match fault {
        Fault::Stop(args) => (Action::Stop, args.nodes, args.place),
        Fault::Kill(args) => (Action::Kill, args.nodes, args.place),
        Fault::Start(args) => (Action::Start, args.nodes, args.place),
        Fault::Cut(args) => (Action::Cut, args.nodes, args.place),
        Fault::Heal(place) => (Action::Heal, Vec::new(), place),
        Fault::Status(place) => (Action::Status, Vec::new(), place),
    };
    let layout = Layout::existing(&place.datadir)?;
    let lines = control::ask(&layout, &Wish { action, nodes })?;
    report::tell(lines)
}

async fn start(args: StartArgs) -> Result<(), CliError> {
    let stop = signals::stop_requested().map_err(CliError::Signals)?;
    let layout = Layout::claim(&args.place.datadir)?;
    if args.fresh {
        layout.empty()?;
    }
    let mut shape = args.shape.settle(&layout)?;
    shape.port = args.port.unwrap_or(shape.port);
    let founded = founding::found(&layout, &shape)?;
    let mut supervisor = Supervisor::new(layout, shape, founded)?;
    let ran = supervisor.run(stop).await;
    // Whatever happened: no node stays behind.
    supervisor.stop_all().await;
    ran
}
