//! Does nothing come when a block is expected? Says so once, with the reason and what to do, then ever less
//! often, and once more when blocks come again.

use crate::{
    chain::{Chain, ChainError},
    network::NetworkHandle,
    pool::Pool,
    sealer::SealerHandle,
    status::{self, Parts},
};
use alloy_primitives::B256;
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{task::spawn_blocking, time::MissedTickBehavior};

/// How often it is looked.
const TICK: Duration = Duration::from_secs(1);
/// It is said again after twice the time, but at least so often.
const LONGEST: Duration = Duration::from_secs(3_600);

/// What the watchdog needs of a node.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) chain: Arc<Chain>,
    pub(super) pool: Arc<Pool>,
    pub(super) sealer: SealerHandle,
    pub(super) network: Option<NetworkHandle>,
    pub(super) is_development: bool,
}

/// Something to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Word {
    /// There was no block for so long, though one is expected.
    Silent(Duration),
    /// A block has come, after so long.
    Again(Duration),
}

/// Since when nothing happens, and when it is said next. Times count from the start of the node.
#[derive(Debug, Default)]
struct Silence {
    head: B256,
    since: Duration,
    /// Said already; again after so much silence.
    again: Option<Duration>,
}

impl Silence {
    /// It is `now`, this is the head, and the next block may take so long, if one is expected.
    fn look(&mut self, now: Duration, head: B256, patience: Option<Duration>) -> Option<Word> {
        let silence = now.saturating_sub(self.since);
        if self.head != head {
            let was_said = self.again.is_some();
            *self = Self { head, since: now, again: None };
            return was_said.then_some(Word::Again(silence));
        }
        let Some(patience) = patience else {
            *self = Self { head, since: now, again: None };
            return None;
        };
        if silence <= self.again.unwrap_or(patience) {
            return None;
        }
        self.again = Some(silence.saturating_add(silence.min(LONGEST)));
        Some(Word::Silent(silence))
    }
}

/// Watches until it is dropped.
pub(super) async fn watch(watched: Watched) {
    let (start, mut silence) = (Instant::now(), Silence::default());
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let head = watched.chain.head().seal();
        let watched = watched.clone();
        let looked = spawn_blocking(move || {
            let patience = watched.parts().patience();
            let said_before = silence.again;
            let word = silence.look(start.elapsed(), head, patience.ok().flatten());
            match word.map(|word| watched.say(word)) {
                None | Some(Ok(true)) => {}
                Some(Ok(false)) => silence.again = said_before,
                Some(Err(error)) => {
                    tracing::warn!(target: "watchdog", %error, "it cannot be told why no block comes");
                }
            }
            silence
        });
        let Ok(after) = looked.await else { return };
        silence = after;
    }
}

impl Watched {
    fn parts(&self) -> Parts<'_> {
        Parts {
            chain: &self.chain,
            pool: &self.pool,
            sealer: &self.sealer,
            is_development: self.is_development,
            network: self.network.as_ref(),
        }
    }

    /// Was there something to say? A block whose time lies ahead leaves the next one longer to come than
    /// the head stays.
    fn say(&self, word: Word) -> Result<bool, ChainError> {
        match word {
            Word::Again(after) => {
                let (number, after) = (self.chain.head().number, after.as_secs());
                tracing::info!(target: "watchdog", "blocks come again: block {number}, after {after} s");
            }
            Word::Silent(silence) => {
                let said = status::judge(&status::observe(self.parts())?);
                if !said.is_overdue {
                    return Ok(false);
                }
                let (silence, reason, advice) = (silence.as_secs(), said.reason, said.advice);
                tracing::warn!(
                    target: "watchdog",
                    "no block for {silence} s: {reason}. What to do: {advice}. chain_status tells more"
                );
            }
        }
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Option<Duration> = Some(Duration::from_secs(10));

    fn block(number: u8) -> B256 {
        B256::repeat_byte(number)
    }

    /// What is said each second while a head stays.
    fn said(silence: &mut Silence, seconds: std::ops::Range<u64>, head: B256) -> Vec<u64> {
        let looks = seconds.filter_map(|now| {
            match silence.look(Duration::from_secs(now), head, PATIENCE)? {
                Word::Silent(silence) => Some(silence.as_secs()),
                Word::Again(_) => None,
            }
        });
        looks.collect()
    }

    #[test]
    fn silence_is_said_once_and_then_ever_less_often() {
        let mut silence = Silence::default();
        assert_eq!(said(&mut silence, 0..11, block(1)), [0; 0], "it may take so long");
        assert_eq!(said(&mut silence, 11..200, block(1)), [11, 23, 47, 95, 191]);
        let later = said(&mut silence, 200..40_000, block(1));
        assert!(later.windows(2).all(|two| two[1] - two[0] <= LONGEST.as_secs() + 1), "{later:?}");
    }

    #[test]
    fn that_blocks_come_again_is_said_once() {
        let mut silence = Silence::default();
        said(&mut silence, 0..50, block(1));
        let now = Duration::from_secs(50);
        assert_eq!(silence.look(now, block(2), PATIENCE), Some(Word::Again(now)));
        assert_eq!(silence.look(now, block(3), PATIENCE), None);
        assert_eq!(said(&mut silence, 50..62, block(3)), [11], "and silence begins anew");
    }

    #[test]
    fn blocks_in_time_are_not_talked_about() {
        let mut silence = Silence::default();
        for now in 0..100 {
            let word = silence.look(Duration::from_secs(now * 10), block(now as u8), PATIENCE);
            assert_eq!(word, None);
        }
    }

    #[test]
    fn where_no_block_is_expected_time_does_not_count() {
        let mut silence = Silence::default();
        for now in 0..1_000 {
            assert_eq!(silence.look(Duration::from_secs(now), block(1), None), None);
        }
        assert_eq!(said(&mut silence, 1_000..1_011, block(1)), [11]);
    }
}
