//! Who did wrong, how badly, and what follows from it?

use crate::network::PeerId;
use std::{collections::BTreeMap, time::Duration};

/// With so many points a peer is banned.
const BAN: u32 = 100;
/// Slowness alone goes so far and no further: it ends the connection and bans nobody.
const SLOW: u32 = 60;
/// In this time a point is forgiven.
const FORGIVEN: Duration = Duration::from_secs(6);
/// Bans do not get longer than this.
const LONGEST: Duration = Duration::from_secs(24 * 3600);
/// Peers whose faults are remembered.
const REMEMBERED: usize = 1024;

/// What a peer did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offence {
    /// A block, a header or a body that breaks the rules: no honest node passes one on.
    Invalid,
    /// Bytes that are no message.
    Garbage,
    /// An answer that does not belong to the question.
    WrongAnswer,
    /// It asks before it has said who it is.
    Early,
    /// It has not got what it said it has.
    Boast,
    /// It passes on transactions that nobody may.
    Transactions,
    /// It asks more than it may.
    Flood,
    /// It does not answer in time.
    Slow,
}

impl Offence {
    const fn points(self) -> u32 {
        match self {
            Self::Invalid => BAN,
            Self::Garbage | Self::WrongAnswer | Self::Early => 50,
            Self::Boast | Self::Transactions => 20,
            Self::Slow => 15,
            Self::Flood => 1,
        }
    }
}

/// What follows from an offence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sentence {
    /// Nothing yet.
    Noted,
    /// The connection ends.
    Disconnect,
    /// And does not begin again for so long.
    Ban(Duration),
}

/// What is held against a peer.
#[derive(Clone, Copy, Debug, Default)]
struct Record {
    points: u32,
    since: Duration,
    bans: u32,
    until: Duration,
}

impl Record {
    /// Points that are left by now.
    fn left(&self, now: Duration) -> u32 {
        let forgiven = now.saturating_sub(self.since).as_secs() / FORGIVEN.as_secs();
        self.points.saturating_sub(u32::try_from(forgiven).unwrap_or(u32::MAX))
    }
}

/// What is held against whom.
#[derive(Debug, Default)]
pub(super) struct Scores {
    records: BTreeMap<PeerId, Record>,
}

impl Scores {
    /// Notes an offence. Each ban is twice as long as the one before.
    pub(super) fn note(
        &mut self,
        now: Duration,
        first_ban: Duration,
        peer: PeerId,
        offence: Offence,
    ) -> Sentence {
        self.make_room(now, peer);
        let record = self.records.entry(peer).or_default();
        let (before, points) = (record.left(now), offence.points());
        let after = match offence {
            Offence::Slow => before.max((before + points).min(SLOW)),
            _ => before.saturating_add(points),
        };
        (record.points, record.since) = (after, now);
        if after >= BAN {
            let time = first_ban.saturating_mul(1 << record.bans.min(16)).min(LONGEST);
            record.bans = record.bans.saturating_add(1);
            (record.points, record.until) = (0, now + time);
            return Sentence::Ban(time);
        }
        if offence == Offence::Slow && after >= SLOW {
            Sentence::Disconnect
        } else {
            Sentence::Noted
        }
    }

    /// Is nothing to be heard from this peer?
    pub(super) fn is_banned(&self, now: Duration, peer: &PeerId) -> bool {
        self.records.get(peer).is_some_and(|record| record.until > now)
    }

    /// Points against a peer: 0 is no fault, 100 a ban.
    pub(super) fn points(&self, now: Duration, peer: &PeerId) -> u32 {
        self.records.get(peer).map_or(0, |record| record.left(now))
    }

    /// Forgets everything that is held against a peer.
    pub(super) fn pardon(&mut self, peer: &PeerId) {
        self.records.remove(peer);
    }

    fn make_room(&mut self, now: Duration, peer: PeerId) {
        if self.records.len() < REMEMBERED || self.records.contains_key(&peer) {
            return;
        }
        let least = |record: &Record| (record.until > now, record.left(now), record.since);
        let least = self.records.iter().min_by_key(|(_, record)| least(record));
        if let Some(peer) = least.map(|(peer, _)| *peer) {
            self.records.remove(&peer);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[test]
    fn an_invalid_block_is_banned_at_once_and_each_time_for_twice_as_long() {
        let (mut scores, peer) = (Scores::default(), PeerId::random());
        let mut note = |now| scores.note(now, MINUTE, peer, Offence::Invalid);
        assert_eq!(note(MINUTE), Sentence::Ban(MINUTE));
        assert_eq!(note(MINUTE * 3), Sentence::Ban(MINUTE * 2));
        assert_eq!(note(MINUTE * 6), Sentence::Ban(MINUTE * 4));
        assert!(scores.is_banned(MINUTE * 9, &peer) && !scores.is_banned(MINUTE * 10, &peer));
        scores.pardon(&peer);
        assert!(!scores.is_banned(MINUTE * 9, &peer));
    }

    #[test]
    fn small_faults_add_up_and_time_forgives_them() {
        let (mut scores, peer) = (Scores::default(), PeerId::random());
        let mut note = |now| scores.note(now, MINUTE, peer, Offence::Garbage);
        assert_eq!(note(MINUTE), Sentence::Noted);
        assert_eq!(note(MINUTE * 6), Sentence::Noted, "fifty seconds forgive eight points");
        assert!(matches!(note(MINUTE * 6), Sentence::Ban(_)));
    }

    #[test]
    fn who_is_only_slow_is_disconnected_and_not_banned() {
        let (mut scores, peer) = (Scores::default(), PeerId::random());
        let sentences: Vec<_> =
            (0..20).map(|_| scores.note(MINUTE, MINUTE, peer, Offence::Slow)).collect();
        assert_eq!(sentences[0], Sentence::Noted);
        assert_eq!(sentences[19], Sentence::Disconnect);
        assert!(!scores.is_banned(MINUTE, &peer));
    }

    #[test]
    fn strangers_without_number_take_no_memory_and_free_nobody() {
        let (mut scores, banned) = (Scores::default(), PeerId::random());
        scores.note(MINUTE, MINUTE, banned, Offence::Invalid);
        for _ in 0..2 * REMEMBERED {
            scores.note(MINUTE, MINUTE, PeerId::random(), Offence::Flood);
        }
        assert!(scores.records.len() <= REMEMBERED);
        assert!(scores.is_banned(MINUTE, &banned));
    }
}
