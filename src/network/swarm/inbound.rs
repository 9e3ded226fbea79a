//! Whom do we owe an answer? Bounded for each peer and for all, counted until the answer is sent.

use crate::network::{
    PeerId,
    message::{Request, Response},
    protocol::RequestId,
};
use libp2p::request_response::{InboundRequestId, ResponseChannel};
use std::collections::HashMap;

/// Requests of one peer that are answered at the same time.
const PER_PEER: usize = 6;
/// Answers with blocks or transactions in them for all peers together: each may be megabytes.
const HEAVY: usize = 24;

#[derive(Debug)]
struct Owed {
    peer: PeerId,
    wire: InboundRequestId,
    is_heavy: bool,
    /// Until it is answered.
    channel: Option<ResponseChannel<Response>>,
}

/// Requests of peers that are not done.
#[derive(Debug, Default)]
pub(super) struct Inbound {
    next: RequestId,
    owed: HashMap<RequestId, Owed>,
    by_wire: HashMap<InboundRequestId, RequestId>,
}

impl Inbound {
    /// Takes a request in; `None` where the peer or all together ask too much at once. The channel is
    /// dropped then, and the peer's stream ends.
    pub(super) fn take(
        &mut self,
        peer: PeerId,
        wire: InboundRequestId,
        request: &Request,
        channel: ResponseChannel<Response>,
    ) -> Option<RequestId> {
        let is_heavy = is_heavy(request);
        let of_peer = self.owed.values().filter(|it| it.peer == peer).count();
        let heavy = self.owed.values().filter(|it| it.is_heavy).count();
        if of_peer >= PER_PEER || (is_heavy && heavy >= HEAVY) {
            return None;
        }
        self.next += 1;
        self.by_wire.insert(wire, self.next);
        self.owed.insert(self.next, Owed { peer, wire, is_heavy, channel: Some(channel) });
        Some(self.next)
    }

    /// Where the answer goes, and who gets it.
    pub(super) fn answer(&mut self, id: RequestId) -> Option<(PeerId, ResponseChannel<Response>)> {
        let owed = self.owed.get_mut(&id)?;
        Some((owed.peer, owed.channel.take()?))
    }

    /// There will be no answer.
    pub(super) fn forget(&mut self, id: RequestId) {
        if let Some(owed) = self.owed.remove(&id) {
            self.by_wire.remove(&owed.wire);
        }
    }

    /// It was sent, or nobody waits for it any more.
    pub(super) fn ended(&mut self, wire: InboundRequestId) {
        if let Some(id) = self.by_wire.remove(&wire) {
            self.owed.remove(&id);
        }
    }
}

const fn is_heavy(request: &Request) -> bool {
    matches!(
        request,
        Request::Headers { .. }
            | Request::Bodies(_)
            | Request::Ancestry { .. }
            | Request::Waiting
            | Request::Transactions(_)
    )
}
