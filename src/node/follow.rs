//! Who tells the pool what came onto the chain, or left it, by others than ourselves?

use crate::{chain::ChainEvent, sealer::SealerHandle};
use tokio::sync::broadcast::{Receiver, error::RecvError};

/// Lets the pool follow the chain until the chain is closed.
pub(super) async fn follow(sealer: SealerHandle, mut news: Receiver<ChainEvent>) {
    loop {
        let news = news.recv().await;
        sealer.head_moved();
        let event = match news {
            Ok(event) if sealer.is_news(&event) => Some(event),
            Ok(_known) => continue,
            Err(RecvError::Lagged(_missed)) => None,
            Err(RecvError::Closed) => break,
        };
        let sealer = sealer.clone();
        // It reads the state, and waits for admission to pause.
        let followed = tokio::task::spawn_blocking(move || match event {
            Some(event) => sealer.follow(&event),
            None => sealer.catch_up(),
        });
        if let Ok(Err(error)) = followed.await {
            tracing::error!(target: "pool", %error, "the pool could not follow the chain");
        }
    }
}
