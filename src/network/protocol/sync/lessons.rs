//! What did earlier downloads teach? Whose heads led nowhere, and how much can be asked for at once.

use super::PAUSE;
use crate::network::PeerId;
use std::{collections::BTreeMap, time::Duration};

/// Peers that are remembered.
const REMEMBERED: usize = 256;
/// The pause after a head that led nowhere doubles so often: to 17 minutes.
const DOUBLED: u32 = 9;
/// Bodies that are asked for together.
pub(super) const BODIES: usize = 128;
/// After an answer that did not come in time, so many times fewer.
const FEWER: usize = 4;
/// The time for a single body doubles so often.
const LONGER: u32 = 4;

/// What earlier downloads taught.
#[derive(Debug)]
pub(in super::super) struct Lessons {
    nowhere: BTreeMap<PeerId, Nowhere>,
    /// The last download led nowhere.
    is_wary: bool,
    bodies: usize,
    /// Up to here `bodies` doubles, and then it grows by one.
    quick: usize,
    /// So many times in a row a single body did not come in time.
    late: u32,
}

/// A peer that said it has what it has not, or what we cannot follow.
#[derive(Clone, Copy, Debug)]
struct Nowhere {
    times: u32,
    /// It is not followed before.
    until: Duration,
}

impl Default for Lessons {
    fn default() -> Self {
        Self { nowhere: BTreeMap::new(), is_wary: false, bodies: BODIES, quick: BODIES, late: 0 }
    }
}

impl Lessons {
    /// A peer's head led nowhere. Connecting anew changes nothing.
    pub(super) fn led_nowhere(&mut self, now: Duration, peer: PeerId) {
        self.is_wary = true;
        if self.nowhere.len() >= REMEMBERED && !self.nowhere.contains_key(&peer) {
            let first = self.nowhere.iter().min_by_key(|(_, it)| it.until).map(|(peer, _)| *peer);
            first.and_then(|peer| self.nowhere.remove(&peer));
        }
        let times = self.nowhere.get(&peer).map_or(0, |it| it.times);
        let until = now + PAUSE * (1 << times.min(DOUBLED));
        self.nowhere.insert(peer, Nowhere { times: times + 1, until });
    }

    /// A peer gave what it had said.
    pub(super) fn bore_fruit(&mut self, peer: &PeerId) {
        self.nowhere.remove(peer);
        self.is_wary = false;
    }

    /// Is a peer not followed now, whatever it says?
    pub(in super::super) fn avoids(&self, now: Duration, peer: &PeerId) -> bool {
        self.nowhere.get(peer).is_some_and(|it| it.until > now)
    }

    /// Did a head of a peer lead nowhere before, and none lead anywhere since?
    pub(super) fn knows(&self, peer: &PeerId) -> bool {
        self.nowhere.contains_key(peer)
    }

    /// Who claims most was wrong: the next one is drawn by lot.
    pub(in super::super) const fn is_wary(&self) -> bool {
        self.is_wary
    }

    /// How many bodies are asked for together.
    pub(super) const fn bodies(&self) -> usize {
        self.bodies
    }

    /// How long bodies are waited for, where nothing is known: a single one that was late has longer.
    pub(in super::super) fn bodies_time(&self, least: Duration) -> Duration {
        least.saturating_mul(1 << self.late.min(LONGER))
    }

    /// Was a single body late even when it had the longest time?
    pub(super) const fn has_waited_longest(&self) -> bool {
        self.late > LONGER
    }

    /// An answer of so many bodies did not come in time: the next one is shorter, if it is not already.
    pub(super) fn bodies_were_late(&mut self, count: usize) {
        if count == 1 {
            self.late = self.late.saturating_add(1);
        }
        if count <= self.bodies {
            self.quick = (count / 2).max(1);
            self.bodies = (count / FEWER).max(1);
        }
    }

    /// One came that was as long as asked for.
    pub(super) fn bodies_came(&mut self, count: usize) {
        self.late = self.late.saturating_sub(1).min(LONGER);
        if count >= self.bodies {
            let more = if self.bodies < self.quick { self.bodies } else { 1 };
            self.bodies = (self.bodies + more).min(BODIES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_leads_nowhere_is_left_alone_for_longer_each_time_until_it_bears_fruit() {
        let (mut lessons, peer) = (Lessons::default(), PeerId::random());
        let mut now = Duration::ZERO;
        let mut pauses = Vec::new();
        for _ in 0..12 {
            lessons.led_nowhere(now, peer);
            let until = lessons.nowhere[&peer].until;
            assert!(lessons.avoids(now, &peer) && !lessons.avoids(until, &peer));
            pauses.push((until - now).as_secs());
            now = until;
        }
        assert_eq!(pauses[..4], [2, 4, 8, 16]);
        assert_eq!(pauses[9..], [1024; 3]);
        lessons.bore_fruit(&peer);
        lessons.led_nowhere(now, peer);
        assert_eq!(lessons.nowhere[&peer].until - now, PAUSE);
    }

    #[test]
    fn strangers_without_number_take_no_memory() {
        let mut lessons = Lessons::default();
        for second in 0..2 * REMEMBERED as u64 {
            lessons.led_nowhere(Duration::from_secs(second), PeerId::random());
        }
        assert_eq!(lessons.nowhere.len(), REMEMBERED);
    }

    #[test]
    fn late_answers_make_shorter_ones_and_those_that_come_longer_ones() {
        let mut lessons = Lessons::default();
        let asked = lessons.bodies();
        lessons.bodies_were_late(asked);
        assert_eq!(lessons.bodies(), 32);
        lessons.bodies_were_late(asked);
        assert_eq!(lessons.bodies(), 32, "it was asked for before the other one was late");
        lessons.bodies_came(12);
        assert_eq!(lessons.bodies(), 32, "few bodies come quickly anyway");
        let mut came = || {
            lessons.bodies_came(lessons.bodies());
            lessons.bodies()
        };
        assert_eq!([came(), came(), came()], [64, 65, 66], "carefully, near what was too much");
        (0..100).for_each(|_| lessons.bodies_came(BODIES));
        assert_eq!(lessons.bodies(), BODIES);
        (0..4).for_each(|_| lessons.bodies_were_late(lessons.bodies()));
        assert_eq!(lessons.bodies(), 1);
    }

    #[test]
    fn a_single_body_that_is_late_has_longer_up_to_a_limit() {
        let (mut lessons, least) = (Lessons::default(), Duration::from_secs(10));
        let times: Vec<_> = (0..7)
            .map(|_| {
                let time = lessons.bodies_time(least).as_secs();
                lessons.bodies_were_late(1);
                (time, lessons.has_waited_longest())
            })
            .collect();
        let (short, long) = ([(10, false), (20, false), (40, false), (80, false)], (160, true));
        assert_eq!((&times[..4], &times[4..]), (&short[..], &[long; 3][..]));
        lessons.bodies_came(1);
        assert_eq!(lessons.bodies_time(least).as_secs(), 160, "the next may be as large");
        (0..4).for_each(|_| lessons.bodies_came(1));
        assert_eq!(lessons.bodies_time(least), least);
    }
}
