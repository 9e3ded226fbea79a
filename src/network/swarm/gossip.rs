//! How does news spread? The topics of a chain, the form of a message, and gossipsub's settings.

use super::door;
use crate::network::{NetworkError, codec, message::Gossip, stats::Topic};
use alloy_primitives::{B256, keccak256};
use libp2p::{
    gossipsub::{
        Config, ConfigBuilder, ConfigBuilderError, IdentTopic, Message, MessageAuthenticity,
        MessageId, TopicHash, ValidationMode, WhitelistSubscriptionFilter,
    },
    identity::Keypair,
};
use std::time::Duration;

/// Of topics and messages. Another one is another network.
const VERSION: u8 = 1;
/// Bytes that gossipsub itself puts around a message: author, number, signature, topic.
const ENVELOPE: usize = 1 << 10;
/// How long judging a message may take: a block is executed first. Later it is not passed on any more.
pub(super) const JUDGING: Duration = Duration::from_secs(20);
/// Gossipsub keeps messages for a number of these.
const HEARTBEAT: Duration = Duration::from_millis(700);

/// The topics of a chain.
#[derive(Clone, Debug)]
pub(super) struct Topics([IdentTopic; 2]);

impl Topics {
    pub(super) fn of(genesis: B256) -> Self {
        let topic = |topic: Topic| format!("/mainspring/{VERSION}/{genesis:x}/{}", topic.name());
        Self(Topic::ALL.map(|it| IdentTopic::new(topic(it))))
    }

    pub(super) const fn hashed(&self, topic: Topic) -> &IdentTopic {
        &self.0[topic as usize]
    }

    /// Which of them is it?
    pub(super) fn which(&self, hash: &TopicHash) -> Option<Topic> {
        Topic::ALL.into_iter().find(|topic| self.hashed(*topic).hash() == *hash)
    }
}

/// What a message is about.
pub(super) const fn topic_of(gossip: &Gossip) -> Topic {
    match gossip {
        Gossip::Block(_) => Topic::Blocks,
        Gossip::Transactions(_) | Gossip::Returned { .. } => Topic::Transactions,
    }
}

/// Bytes of a message on this topic.
pub(super) const fn most_of(topic: Topic) -> usize {
    match topic {
        Topic::Blocks => codec::MAX_BLOCK_BYTES,
        Topic::Transactions => codec::MAX_TRANSACTIONS_BYTES,
    }
}

/// Reads a message.
///
/// # Errors
/// In words, for the log: what is wrong with it.
pub(super) fn decode(topic: Topic, bytes: &[u8]) -> Result<Gossip, String> {
    let gossip = codec::decode_gossip(bytes).map_err(|error| error.to_string())?;
    match topic_of(&gossip) == topic {
        true => Ok(gossip),
        false => Err(format!("a message of another kind on the topic {}", topic.name())),
    }
}

/// Gossip that passes nothing on before it is judged. Networks here have 2 to 20 nodes: everybody is
/// in everybody's mesh as far as that is possible, and own news goes to all at once.
/// Of each peer so many bytes a second are read.
pub(super) fn behaviour(
    key: &Keypair,
    topics: &Topics,
    ration: usize,
) -> Result<door::Gossip, NetworkError> {
    let failed = |reason: &dyn std::fmt::Display| NetworkError::Setup {
        part: "gossip",
        reason: reason.to_string(),
    };
    let config = config(topics).map_err(|error| failed(&error))?;
    let author = MessageAuthenticity::Signed(key.clone());
    let filter = WhitelistSubscriptionFilter(topics.0.iter().map(IdentTopic::hash).collect());
    door::Gossip::new((topics.clone(), ration), |doorway| {
        let made = door::Inner::new_with_subscription_filter_and_transform(
            author, config, filter, doorway,
        );
        let mut gossip = made.map_err(|error| failed(&error))?;
        for topic in Topic::ALL {
            gossip.subscribe(topics.hashed(topic)).map_err(|error| failed(&error))?;
        }
        Ok(gossip)
    })
}

fn config(topics: &Topics) -> Result<Config, ConfigBuilderError> {
    let most = |topic| ENVELOPE + most_of(topic);
    let blocks = topics.hashed(Topic::Blocks).hash();
    let transactions = topics.hashed(Topic::Transactions).hash();
    ConfigBuilder::default()
        .protocol_id_prefix(format!("/mainspring/gossip/{VERSION}"))
        .validation_mode(ValidationMode::Strict)
        .validate_messages()
        .message_id_fn(message_id)
        .max_transmit_size(most(Topic::Transactions).max(most(Topic::Blocks)))
        .max_transmit_size_for_topic(most(Topic::Blocks), blocks)
        .max_transmit_size_for_topic(most(Topic::Transactions), transactions)
        .heartbeat_interval(HEARTBEAT)
        .heartbeat_initial_delay(Duration::from_millis(100))
        .mesh_n(12)
        .mesh_n_low(8)
        .mesh_n_high(20)
        .mesh_outbound_min(2)
        // A message that came just before a heartbeat loses one.
        .history_length(JUDGING.as_millis().div_ceil(HEARTBEAT.as_millis()) as usize + 1)
        .history_gossip(3)
        .flood_publish(true)
        // Whoever was cut off comes back into the mesh soon.
        .prune_backoff(Duration::from_secs(5))
        .unsubscribe_backoff(Duration::from_secs(2))
        .duplicate_cache_time(Duration::from_secs(120))
        .connection_handler_queue_len(256)
        .max_publish_messages(64)
        .max_control_messages_sent(256)
        .build()
}

/// By content: many say the same, and one copy is enough. Whose copies count is decided before, at the door.
fn message_id(message: &Message) -> MessageId {
    let mut content = message.topic.as_str().as_bytes().to_vec();
    content.push(0);
    content.extend(&message.data);
    MessageId::new(keccak256(content).as_slice())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::B256;

    #[test]
    fn a_message_is_kept_as_long_as_judging_it_may_take() {
        let config = config(&Topics::of(B256::ZERO)).unwrap();
        let heartbeats = config.history_length() as u32 - 1;
        assert!(config.heartbeat_interval() * heartbeats >= JUDGING);
        assert!(config.duplicate_cache_time() > JUDGING);
    }
}
