//! Work that takes long (it reads the database, executes blocks, verifies signatures): in which order is
//! it done, how much of it may wait, and what became of it?

use crate::network::{
    message::Response,
    protocol::{Event, RequestId},
};
use std::collections::{HashMap, VecDeque};
use tokio::task::{Id, JoinSet};

/// Work of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    /// Blocks are executed.
    Import,
    /// Transactions are admitted, in the order in which they came.
    Admit,
    /// Headers, bodies and seals are checked.
    Check,
    /// Peers are answered.
    Serve,
}

impl Lane {
    const ALL: [Self; 4] = [Self::Import, Self::Admit, Self::Check, Self::Serve];

    /// How many run at the same time.
    const fn width(self) -> usize {
        match self {
            Self::Import | Self::Admit => 1,
            Self::Check | Self::Serve => 2,
        }
    }

    /// How many may wait.
    const fn length(self) -> usize {
        match self {
            Self::Import => 4,
            Self::Admit | Self::Check => 256,
            Self::Serve => 32,
        }
    }
}

/// What came of it.
#[derive(Debug)]
pub(super) enum Done {
    /// The machine is told.
    Event(Box<Event>),
    /// A peer is answered; with nothing, its stream ends.
    Answer(RequestId, Option<Box<Response>>),
}

impl From<Event> for Done {
    fn from(event: Event) -> Self {
        Self::Event(Box::new(event))
    }
}

struct Job {
    /// What is said if it is lost.
    lost: Done,
    run: Box<dyn FnOnce() -> Done + Send>,
}

/// What is being done and what waits.
#[derive(Default)]
pub(super) struct Work {
    waiting: [VecDeque<Job>; 4],
    running: HashMap<Id, (Lane, Done)>,
    jobs: JoinSet<Done>,
}

impl Work {
    /// Does it when its turn has come. Hands `lost` back where too much waits.
    #[must_use = "what is handed back has to be said"]
    pub(super) fn begin(
        &mut self,
        lane: Lane,
        lost: Done,
        run: impl FnOnce() -> Done + Send + 'static,
    ) -> Option<Done> {
        let waiting = &mut self.waiting[lane as usize];
        if waiting.len() >= lane.length() {
            return Some(lost);
        }
        waiting.push_back(Job { lost, run: Box::new(run) });
        self.start();
        None
    }

    fn start(&mut self) {
        for lane in Lane::ALL {
            while self.running.values().filter(|(it, _)| *it == lane).count() < lane.width() {
                let Some(job) = self.waiting[lane as usize].pop_front() else { break };
                let started = self.jobs.spawn_blocking(job.run);
                self.running.insert(started.id(), (lane, job.lost));
            }
        }
    }

    /// The next that is done. Waits for ever while there is nothing to do.
    pub(super) async fn next(&mut self) -> Done {
        loop {
            let Some(joined) = self.jobs.join_next_with_id().await else {
                std::future::pending::<()>().await;
                continue;
            };
            let done = match joined {
                Ok((id, done)) => {
                    self.running.remove(&id);
                    Some(done)
                }
                Err(error) => {
                    tracing::error!(target: "network", %error, "work for the network failed");
                    self.running.remove(&error.id()).map(|(_lane, lost)| lost)
                }
            };
            self.start();
            if let Some(done) = done {
                return done;
            }
        }
    }

    /// Ends when what runs is done; what waits is forgotten.
    pub(super) async fn finish(mut self) {
        self.waiting = Default::default();
        while self.jobs.join_next().await.is_some() {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    fn answer(id: RequestId) -> Done {
        Done::Answer(id, None)
    }

    fn id(done: Done) -> RequestId {
        match done {
            Done::Answer(id, _) => id,
            Done::Event(event) => panic!("{event:?}"),
        }
    }

    #[tokio::test]
    async fn imports_run_one_after_the_other_and_too_many_are_handed_back() {
        let mut work = Work::default();
        let (go, gate) = mpsc::channel::<()>();
        let wait = move || {
            gate.recv().unwrap();
            answer(0)
        };
        assert!(work.begin(Lane::Import, answer(100), wait).is_none());
        for number in 1..=Lane::Import.length() as u64 {
            assert!(work.begin(Lane::Import, answer(100), move || answer(number)).is_none());
        }
        let refused = work.begin(Lane::Import, answer(100), || answer(99)).unwrap();
        assert_eq!((id(refused), work.running.len()), (100, 1));
        go.send(()).unwrap();
        for number in 0..=Lane::Import.length() as u64 {
            assert_eq!(id(work.next().await), number);
        }
    }

    #[tokio::test]
    async fn what_is_lost_is_said_to_be() {
        let mut work = Work::default();
        assert!(work.begin(Lane::Check, answer(7), || panic!("a fault of ours")).is_none());
        assert_eq!(id(work.next().await), 7);
        assert!(work.begin(Lane::Check, answer(7), || answer(8)).is_none());
        assert_eq!(id(work.next().await), 8);
    }
}
