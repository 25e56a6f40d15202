//! An embedded SQS. Its queues live in memory: after a restart, the outbox brings the work back.

use std::net::SocketAddr;
use std::sync::Arc;

use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use rustack_sqs_core::config::SqsConfig;
use rustack_sqs_core::handler::RustackSqsHandler;
use rustack_sqs_core::provider::RustackSqs;
use rustack_sqs_http::service::{SqsHttpConfig, SqsHttpService};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running SQS; it ends when this is dropped.
pub(crate) struct Sqs {
    /// Where it listens.
    pub(crate) addr: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Sqs {
    /// Starts one on `bind`.
    pub(crate) async fn start(bind: SocketAddr) -> std::io::Result<Sqs> {
        let listener = TcpListener::bind(bind).await?;
        let addr = listener.local_addr()?;
        let config = SqsConfig { host: addr.ip().to_string(), port: addr.port(), ..SqsConfig::default() };
        let handler = RustackSqsHandler::new(Arc::new(RustackSqs::new(config)));
        let service = SqsHttpService::new(Arc::new(handler), SqsHttpConfig::default());
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let _ = stream.set_nodelay(true); // Without it answers are only slower.
                tokio::spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service.clone()));
            }
        });
        Ok(Sqs { addr, accepting })
    }
}

impl Drop for Sqs {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}
