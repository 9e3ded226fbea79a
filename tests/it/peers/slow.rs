//! A body that takes long to come, because it is large or the line is thin.

use super::*;

/// Answers what is asked but bodies, and says how long a request for bodies is waited for; `None` if none is
/// asked for within ten minutes.
fn waited_for(node: &mut Node, source: &TestChain) -> Option<(usize, u64)> {
    let mut asked: Option<(u64, usize, Duration)> = None;
    for _ in 0..1_200 {
        let mut place = 0;
        while let Some((peer, id, request)) = node.asked.get(place).cloned() {
            if let Request::Bodies(hashes) = &request {
                if asked.is_none() {
                    asked = Some((id, hashes.len(), node.elapsed));
                }
                place += 1;
                continue;
            }
            node.asked.remove(place);
            let response = match request {
                Request::Head(_) | Request::Hello(_) => Response::Head(head_of(source).0),
                Request::Peers => Response::Peers(Vec::new()),
                request => serve::serve(&source.chain, &node.pool, &request).unwrap().unwrap(),
            };
            node.tell(Event::Answered { peer, id, response });
        }
        if let Some((id, count, at)) = asked
            && node.asked.iter().any(|(_, other, _)| *other > id)
        {
            // It is asked for again: the first one was given up.
            node.asked.retain(|(_, other, _)| *other > id);
            return Some((count, (node.elapsed - at).as_secs()));
        }
        node.pass(Duration::from_millis(500));
    }
    None
}

#[test]
fn a_body_that_takes_long_is_waited_for_ever_longer_and_not_for_ever() {
    let (source, ..) = source(40);
    let mut node = Node::new(ProtocolSettings::default());
    let peer = node.join(head_of(&source).0);
    let waits: Vec<_> = (0..9).map_while(|_| waited_for(&mut node, &source)).collect();
    assert!(waits[0] == (40, 10) && waits.len() < 9, "all at once, and not for ever: {waits:?}");
    let single = waits.iter().filter(|(count, _)| *count == 1);
    let seconds: Vec<u64> = single.map(|(_, seconds)| *seconds).collect();
    assert!(seconds.windows(2).all(|two| two[1] >= two[0] * 3 / 2), "{seconds:?}");
    assert!(*seconds.last().unwrap() >= 80, "{seconds:?}");
    assert!(node.bans().is_empty());
    let left = |it: &Action| matches!(it, Action::Disconnect { peer: of, .. } if *of == peer);
    assert!(!node.rest.iter().any(left), "the line is thin, and that is nobody's fault");
}
