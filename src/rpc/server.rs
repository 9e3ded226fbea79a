//! On which port, with which layers around the methods, are requests served?

use super::{
    Api, RpcContext, RpcLimits, UnknownNamespace,
    access::{AccessLayer, Token},
    calls::Transport,
    clients::Clients,
    health::HealthLayer,
    ids::IdsLayer,
    middleware::{Front, Rules},
    pages::Pages,
};
use http::header::InvalidHeaderValue;
use jsonrpsee::{
    Methods,
    core::middleware::RpcServiceBuilder,
    core::traits::IdProvider,
    server::{
        BatchRequestConfig, HttpBody, RandomIntegerIdProvider, Server, ServerConfig, ServerHandle,
        serve_with_graceful_shutdown, stop_channel,
    },
    types::SubscriptionId,
};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{net::TcpListener, sync::Semaphore, task::JoinSet, time::sleep};

/// Threads that may wait at once for the upstream of a fork, because of light methods.
const WAITS: usize = 128;
/// How long it is waited before the next client is taken after the system refused one.
const REFUSED: Duration = Duration::from_millis(100);

/// How the port is opened.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ServerSettings {
    /// Pages of which origins may call: `None` is no page of another origin, `*` is every page.
    pub allow_origin: Option<String>,
    /// What every caller must say.
    pub token: Option<Token>,
    /// Must requests be for an address or `localhost`, so that no page gets in under a name of its own?
    pub own_names_only: bool,
}

/// Why the port was not opened.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The address is taken, not ours, or not allowed.
    #[error("cannot listen on {address}: {reason}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system says.
        reason: std::io::Error,
    },
    /// The allowed origin is not a header value.
    #[error("allowed origin {origin:?} is not an origin: {reason}")]
    Origin {
        /// The setting.
        origin: String,
        /// What is wrong with it.
        reason: InvalidHeaderValue,
    },
    /// A namespace that does not exist.
    #[error(transparent)]
    Namespace(#[from] UnknownNamespace),
}

/// Opens a port for HTTP and WebSocket. Returns its address, whose port the system chose if 0 was asked
/// for, what stops it, and the work of serving it until then, connections that were open included.
pub async fn serve(
    api: &Api,
    address: SocketAddr,
    settings: &ServerSettings,
) -> Result<(SocketAddr, ServerHandle, impl Future<Output = ()> + Send + use<>), ServeError> {
    let context: &RpcContext = api;
    context.namespaces.check(&api.all_methods())?;
    let methods = api.methods();
    let rules = Arc::new(rules(api, &methods, Transport::Http));
    let front = RpcServiceBuilder::new().layer_fn(move |inner| Front::new(inner, &rules));
    let pages = Arc::new(Pages::new(settings.allow_origin.as_deref(), settings.own_names_only)?);
    let cors = pages.cors();
    let health = HealthLayer { ready: context.ready.clone(), assume_json: cors.is_some() };
    let ids = IdsLayer { body_bytes: context.limits.body_bytes };
    let (clients, token) = (Clients::new(context.limits.clients.clone()), settings.token.clone());
    let builder = Server::builder()
        .set_config(config(&context.limits))
        .set_rpc_middleware(front)
        .to_service_builder();

    let failed = |reason| ServeError::Bind { address, reason };
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let bound = listener.local_addr().map_err(failed)?;
    let (stop, handle) = stop_channel();
    let serving = async move {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = stop.clone().shutdown() => break,
            };
            while connections.try_join_next().is_some() {}
            let (stream, from) = match accepted {
                Ok(accepted) => accepted,
                Err(reason) => {
                    tracing::debug!(target: "rpc", %reason, "a client was not taken");
                    sleep(REFUSED).await;
                    continue;
                }
            };
            let Some(visitor) = clients.connect(from.ip()) else { continue };
            // Answers are whole when they are written: waiting for more would only delay them.
            let _ = stream.set_nodelay(true);
            let (token, pages) = (token.clone(), pages.clone());
            let access = AccessLayer { token, pages, visitor };
            let http = tower::ServiceBuilder::new()
                .map_request(|request: http::Request<_>| request.map(HttpBody::new))
                .option_layer(cors.clone())
                .layer(health.clone())
                .layer(access)
                .layer(ids);
            let service = builder.clone().set_http_middleware(http);
            let service = service.build(methods.clone(), stop.clone());
            let served = serve_with_graceful_shutdown(stream, service, stop.clone().shutdown());
            connections.spawn(async move {
                if let Err(reason) = served.await {
                    tracing::debug!(target: "rpc", %reason, "a connection ended early");
                }
            });
        }
        drop(listener);
        while connections.join_next().await.is_some() {}
    };
    Ok((bound, handle, serving))
}

/// What the layer around these methods needs to know.
pub(super) fn rules(api: &Api, methods: &Methods, transport: Transport) -> Rules {
    let (all, kind) = (api.all_methods(), api.namespaces.kind);
    Rules {
        methods: methods.clone(),
        elsewhere: all.method_names().filter_map(|name| Some((name, kind.lacks(name)?))).collect(),
        unnamed: all.method_names().filter(|name| methods.method(name).is_none()).collect(),
        dialect: api.dialect,
        batch_requests: api.limits.batch_requests,
        response_bytes: api.limits.response_bytes as usize,
        chain: api.chain.clone(),
        waits: Arc::new(Semaphore::new(WAITS)),
        calls: api.calls().clone(),
        transport,
    }
}

fn config(limits: &RpcLimits) -> ServerConfig {
    ServerConfig::builder()
        .max_request_body_size(limits.body_bytes)
        .max_response_body_size(limits.response_bytes)
        .max_connections(limits.connections)
        .max_subscriptions_per_connection(limits.subscriptions)
        .set_message_buffer_capacity(limits.buffered_messages.max(1))
        // The middleware counts, so that the refusal is in geth's words.
        .set_batch_request_config(BatchRequestConfig::Unlimited)
        .enable_ws_ping(Default::default())
        .set_id_provider(HexIds)
        .build()
}

/// Subscription ids as geth's clients expect them: hex strings.
#[derive(Clone, Copy, Debug)]
pub(super) struct HexIds;

impl IdProvider for HexIds {
    fn next_id(&self) -> SubscriptionId<'static> {
        match RandomIntegerIdProvider.next_id() {
            SubscriptionId::Num(number) => format!("{number:#x}").into(),
            words => words,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subscription_ids_are_hex_strings() {
        let SubscriptionId::Str(id) = HexIds.next_id() else { panic!("a number") };
        assert!(u64::from_str_radix(id.strip_prefix("0x").unwrap(), 16).is_ok());
    }
}
