//! Which method answers, and where does its news go? What jsonrpsee does for a WebSocket, for a socket
//! of the machine: subscriptions belong to the connection, and their news goes into its queue.

use crate::rpc::server::HexIds;
use jsonrpsee::{
    MethodResponse, Methods,
    core::{
        middleware::{Batch, Notification, Request, ResponseFuture, RpcServiceT},
        server::{
            BoundedSubscriptions, ConnectionId, MethodCallback, MethodSink, SubscriptionState,
        },
    },
    types::{
        ErrorObject, Id, Params,
        error::{ErrorCode, reject_too_many_subscriptions},
    },
};
use std::future::Future;

/// The methods, for one connection.
#[derive(Clone, Debug)]
pub(super) struct Calls {
    pub(super) id: ConnectionId,
    pub(super) methods: Methods,
    pub(super) sink: MethodSink,
    pub(super) subscriptions: BoundedSubscriptions,
}

impl RpcServiceT for Calls {
    type MethodResponse = MethodResponse;
    type NotificationResponse = MethodResponse;
    type BatchResponse = MethodResponse;

    fn call<'a>(&self, request: Request<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let most = self.sink.max_response_size() as usize;
        let Request { id, method, params, extensions, .. } = request;
        let params = Params::new(params.as_ref().map(|params| params.get()));
        let Some(callback) = self.methods.method(&method) else {
            let error = ErrorObject::from(ErrorCode::MethodNotFound);
            return ResponseFuture::ready(MethodResponse::error(id, error));
        };
        match callback {
            MethodCallback::Sync(answer) => {
                ResponseFuture::ready(answer(id, params, most, extensions))
            }
            MethodCallback::Async(answer) => {
                let (id, params) = (id.into_owned(), params.into_owned());
                ResponseFuture::future(answer(id, params, self.id, most, extensions))
            }
            MethodCallback::Subscription(begin) => {
                let Some(subscription_permit) = self.subscriptions.acquire() else {
                    let error = reject_too_many_subscriptions(self.subscriptions.max());
                    return ResponseFuture::ready(MethodResponse::error(id, error));
                };
                let state = SubscriptionState {
                    conn_id: self.id,
                    id_provider: &HexIds,
                    subscription_permit,
                };
                ResponseFuture::future(begin(id, params, self.sink.clone(), state, extensions))
            }
            MethodCallback::Unsubscription(end) => {
                ResponseFuture::ready(end(id, params, self.id, most, extensions))
            }
        }
    }

    /// Batches are taken apart before they come here.
    fn batch<'a>(&self, _batch: Batch<'a>) -> impl Future<Output = MethodResponse> + Send + 'a {
        let error = ErrorObject::from(ErrorCode::InvalidRequest);
        std::future::ready(MethodResponse::error(Id::Null, error))
    }

    fn notification<'a>(
        &self,
        _notification: Notification<'a>,
    ) -> impl Future<Output = MethodResponse> + Send + 'a {
        std::future::ready(MethodResponse::notification())
    }
}
