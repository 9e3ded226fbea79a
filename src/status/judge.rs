//! What does it mean, in words? A sentence on why no block comes, or when one does, and one on what to do.

use super::{
    Making, Signers, Situation, Work,
    hints::hints,
    words::{count, list, span},
};
use crate::sealer::{Hold, Mode, Turn, WIGGLE};
use std::time::Duration;

/// So many times the expected time may pass without a block in turn, in seconds.
const PERIODS: u32 = 3;
/// What a block takes that is due: to be made and to cross the network.
const LEEWAY: Duration = Duration::from_secs(3);
/// How long a block takes that is made as soon as there is something to put into it, at most.
const ON_DEMAND: Duration = Duration::from_secs(10);
/// Proof of work needs luck: so many times the expected time pass without a block once in 20,000 blocks.
const LUCK: u32 = 10;
/// So far may a head be ahead of this node's clock.
const AHEAD: u64 = 15;

/// What a situation means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// Time between two blocks, where one comes without being asked for.
    pub expected: Option<Duration>,
    /// Should there have been a block by now?
    pub is_overdue: bool,
    /// Why no block is made, or when the next one comes.
    pub reason: String,
    /// What to do about it.
    pub advice: String,
}

const NOTHING_TO_DO: &str = "nothing needs to be done";

/// How long the next block may take before something is wrong; `None` where none is expected.
pub fn patience(making: &Making, ready: bool) -> Option<Duration> {
    let on_demand = ready.then_some(ON_DEMAND);
    match making {
        Making::Elsewhere | Making::Alone { here: false, .. } => None,
        Making::Alone { mode, .. } => match mode {
            Mode::Instant => on_demand,
            Mode::Manual => None,
            Mode::Interval(interval) | Mode::Mixed(interval) => {
                Some(interval.saturating_mul(PERIODS).saturating_add(LEEWAY))
            }
        },
        Making::Signers(signers) => {
            let wiggle = WIGGLE.saturating_mul(u32::try_from(signers.needed).unwrap_or(u32::MAX));
            let period = Duration::from_secs(signers.period).saturating_mul(PERIODS);
            match signers.period {
                0 => on_demand.map(|time| time.saturating_add(wiggle)),
                _ => Some(period.saturating_add(wiggle).saturating_add(LEEWAY)),
            }
        }
        Making::Work(work) => Some(work.interval.saturating_mul(LUCK).saturating_add(LEEWAY)),
    }
}

/// What the situation means.
pub fn judge(situation: &Situation) -> Judgement {
    let patience = patience(&situation.making, situation.waiting.ready);
    let is_overdue = patience.is_some_and(|patience| situation.age() > patience);
    let (reason, mut advice) = first_of_all(situation).unwrap_or_else(|| match &situation.making {
        Making::Elsewhere => (
            "blocks of this chain are made elsewhere: they come in as files".into(),
            "mainspring import takes in more of them".into(),
        ),
        Making::Alone { mode, here, .. } => alone(situation, *mode, *here, is_overdue),
        Making::Signers(signers) => by_turns(situation, signers, is_overdue),
        Making::Work(work) => by_work(situation, work, is_overdue),
    });
    for hint in hints(situation, is_overdue || is_someone_missing(situation)) {
        advice = if advice == NOTHING_TO_DO { hint } else { format!("{advice}; {hint}") };
    }
    Judgement { expected: expected(&situation.making), is_overdue, reason, advice }
}

/// Is this node without peers, or does it reach fewer signers than have to take part?
fn is_someone_missing(situation: &Situation) -> bool {
    let Some(peers) = &situation.peers else { return false };
    match &situation.making {
        Making::Signers(signers) => signers.reachable(Some(peers)) < signers.needed,
        Making::Elsewhere | Making::Alone { .. } => false,
        Making::Work(_) => peers.connected == 0,
    }
}

fn expected(making: &Making) -> Option<Duration> {
    match making {
        Making::Alone { mode, here: true, .. } => mode.interval(),
        Making::Signers(signers) if signers.period > 0 => Some(Duration::from_secs(signers.period)),
        Making::Work(work) => Some(work.interval),
        _ => None,
    }
}

/// What stands in the way whoever makes the blocks.
fn first_of_all(situation: &Situation) -> Option<(String, String)> {
    if let Some(failure) = &situation.failure {
        return Some((
            format!("the last block could not be made or written: {failure}"),
            "mend what it says, as in making room on the disk; the node tries again by itself"
                .into(),
        ));
    }
    let ahead = situation.timestamp.saturating_sub(situation.now);
    if ahead > AHEAD && !matches!(situation.making, Making::Alone { .. }) {
        let ahead = span(Duration::from_secs(ahead));
        return Some((
            format!("the newest block's time is {ahead} ahead of this machine's clock"),
            "set the clocks of all machines, as with NTP".into(),
        ));
    }
    if let Some(said) = situation.hold.and_then(held) {
        return Some(said);
    }
    let syncing = situation.peers.as_ref()?.syncing?;
    Some((
        format!("this node catches up: it is at block {} of {}", syncing.at, syncing.to),
        format!("wait until eth_syncing answers false; {NOTHING_TO_DO}"),
    ))
}

/// Why blocks that this node could make wait.
fn held(hold: Hold) -> Option<(String, String)> {
    match hold {
        Hold::Unheard => Some((
            "this node makes no block before one of its peers has said where the chain is".into(),
            "start the peers that --peer names, or correct it; it goes on alone after --peer-grace".into(),
        )),
        Hold::Lighter => Some((
            "a peer says that its chain is heavier: this node makes no block before it has that chain".into(),
            format!("{NOTHING_TO_DO}: it comes, or is left alone after --peer-grace"),
        )),
        // How far it is says more.
        Hold::Behind => None,
    }
}

fn alone(situation: &Situation, mode: Mode, here: bool, is_overdue: bool) -> (String, String) {
    if !here {
        let reason = "this node makes no blocks: it was started with --no-seal".to_owned();
        return (reason, "start it without --no-seal, unless another node makes them".into());
    }
    match mode {
        Mode::Manual => (
            format!(
                "blocks are made only when somebody asks for one (--no-mining, or evm_setAutomine): {}",
                waits(situation)
            ),
            "evm_mine makes a block, evm_setAutomine(true) makes one for every transaction".into(),
        ),
        Mode::Instant => on_demand(situation),
        Mode::Interval(interval) | Mode::Mixed(interval) if !is_overdue => (
            format!(
                "a block comes every {:?}; the newest is {} old",
                interval,
                span(situation.age())
            ),
            NOTHING_TO_DO.into(),
        ),
        Mode::Interval(interval) | Mode::Mixed(interval) => (
            format!(
                "a block comes every {:?}, but there was none for {}",
                interval,
                span(situation.age())
            ),
            "look for a line of the sealer in the log; the machine may be overloaded".into(),
        ),
    }
}

/// A block comes when there is something to put into it.
fn on_demand(situation: &Situation) -> (String, String) {
    let waiting = situation.waiting;
    if waiting.ready {
        let reason = "a block is being made of what waits in the pool".to_owned();
        return (reason, format!("{NOTHING_TO_DO}, unless it takes long: then the log says why"));
    }
    if waiting.pending > 0 {
        let waits = count(waiting.pending, "transaction");
        return (
            format!("what waits in the pool pays less than the next block's base fee ({waits})"),
            "send them again with a higher fee; txpool_content lists them".into(),
        );
    }
    if waiting.queued > 0 {
        let waits = count(waiting.queued, "transaction");
        return (
            format!("a nonce is missing before what waits in the pool ({waits})"),
            "send the transaction that is missing; txpool_content lists those that wait".into(),
        );
    }
    let reason = "a block is made when a transaction arrives, and none waits".to_owned();
    (reason, "send a transaction".into())
}

fn waits(situation: &Situation) -> String {
    match situation.waiting.pending + situation.waiting.queued {
        0 => "no transaction waits".into(),
        waiting => format!("{} in the pool", count(waiting, "transaction")),
    }
}

/// Signers take turns.
fn by_turns(situation: &Situation, signers: &Signers, is_overdue: bool) -> (String, String) {
    if !is_overdue {
        return in_time(situation, signers);
    }
    let next = situation.head.number.saturating_add(1);
    let silence = match situation.is_first {
        true => "no block was made yet".to_owned(),
        false => format!("there was no block for {}", span(situation.age())),
    };
    let reachable = signers.reachable(situation.peers.as_ref());
    let (all, needed) = (signers.all.len(), signers.needed);
    if reachable < needed {
        return (
            format!(
                "{silence}: {needed} of the {all} signers have to take part, and this node reaches \
                 {reachable}{}; {} may sign block {next}",
                own_part(signers),
                list(&signers.free())
            ),
            missing(situation, signers),
        );
    }
    match signers.own.map(|own| own.turn) {
        Some(Turn::Ready { in_turn }) => (
            format!(
                "{silence}, though this node may sign block {next}{}",
                if in_turn { " and it is its turn" } else { "" }
            ),
            "look for a line of the sealer in the log; start the node again if there is none"
                .into(),
        ),
        _ => (
            format!(
                "{silence}, though this node reaches {reachable} of the {all} signers; {} may sign \
                 block {next}",
                list(&signers.free())
            ),
            "look into the logs of those nodes, and whether their heads are this node's".into(),
        ),
    }
}

/// What this node's own key does, if it has one.
fn own_part(signers: &Signers) -> &'static str {
    match signers.own.map(|own| own.turn) {
        None => " (it has no key itself)",
        Some(Turn::NoSigner) => " (its own key is no signer's)",
        Some(Turn::Recently { .. }) => " (itself among them, and it signed a moment ago)",
        Some(Turn::Ready { .. } | Turn::Idle) => " (itself among them)",
    }
}

/// What brings signers back.
fn missing(situation: &Situation, signers: &Signers) -> String {
    let peers = situation.peers.as_ref();
    let silent = signers.all.iter().filter(|it| !signers.is_reached(peers, it.address));
    let mut silent: Vec<_> = silent.collect();
    // Whoever was not heard of for longest comes first.
    silent.sort_by_key(|it| it.last.map_or(0, |last| last.number));
    let silent: Vec<_> = silent.into_iter().map(|it| it.address).collect();
    let connect = match &situation.peers {
        Some(peers) if peers.connected == 0 => {
            "connect this node to the others (--peer MULTIADDR, or admin_addPeer) and "
        }
        _ => "",
    };
    format!("{connect}start the nodes of the other signers: {}", list(&silent))
}

/// All is as it should be.
fn in_time(situation: &Situation, signers: &Signers) -> (String, String) {
    if signers.period == 0 && !situation.waiting.ready {
        return on_demand(situation);
    }
    let next = situation.head.number.saturating_add(1);
    let own = signers.own.map(|own| own.address);
    let whose = match signers.in_turn {
        Some(signer) if Some(signer) == own => "this node's turn".to_owned(),
        Some(signer) => format!("the turn of {signer}"),
        None => "nobody's turn".to_owned(),
    };
    let due = match signers.period {
        0 => "a transaction waits".to_owned(),
        period => format!("a block is due every {}", span(Duration::from_secs(period))),
    };
    let note = match signers.own.map(|own| own.turn) {
        Some(Turn::NoSigner) => {
            return (
                format!("{due}, and block {next} is {whose}; this node's key is no signer's"),
                "to sign, let the signers vote this node's address in (clique_propose)".into(),
            );
        }
        Some(Turn::Recently { next }) => format!("; this node may sign again from block {next} on"),
        _ => String::new(),
    };
    if is_someone_missing(situation) {
        let (reachable, needed) = (signers.reachable(situation.peers.as_ref()), signers.needed);
        let all = signers.all.len();
        return (
            format!(
                "{due}, and block {next} is {whose}{note}; {needed} of the {all} signers have to take part, and \
                 this node reaches {reachable}{}",
                own_part(signers)
            ),
            format!(
                "unless blocks come all the same, by way of others, {}",
                missing(situation, signers)
            ),
        );
    }
    (format!("{due}, and block {next} is {whose}{note}"), NOTHING_TO_DO.into())
}

/// Whoever finds a proof of work.
fn by_work(situation: &Situation, work: &Work, is_overdue: bool) -> (String, String) {
    let interval = span(work.interval);
    let others = situation.peers.as_ref().map_or(0, |peers| peers.sealing);
    let rate = work.hash_rate.filter(|rate| work.mines && *rate > 0.0);
    let alone = rate.map(|rate| f64::from(work.difficulty) / rate);
    let alone = alone.and_then(|seconds| Duration::try_from_secs_f64(seconds).ok());
    let alone = alone.map_or_else(String::new, |time| {
        format!("; this node alone finds one in about {}", span(time))
    });
    if !work.mines && others == 0 {
        return (
            "nobody mines: this node does not, and no peer says that it does".into(),
            "start mining here with miner_start, or connect to a node that mines".into(),
        );
    }
    if is_overdue {
        return (
            format!(
                "there was no block for {}, {LUCK} times what the newest blocks took \
                 ({interval}){alone}",
                span(situation.age())
            ),
            "miners may have stopped: the difficulty falls with every block, so wait, or mine with \
             more threads"
                .into(),
        );
    }
    let miners = usize::from(work.mines) + others;
    let mine = count(miners, "node");
    let verb = if miners == 1 { "mines" } else { "mine" };
    (
        format!(
            "{mine} that this one knows of {verb}; the newest blocks took {interval} each{alone}"
        ),
        NOTHING_TO_DO.into(),
    )
}
