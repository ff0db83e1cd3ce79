//! An axum application over https, with a certificate of its own making. For demonstrations and tests: nobody but a browser
//! that is told so trusts it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::serve::Listener;
use base64ct::{Base64, Encoding};
use rcgen::{CertifiedKey, PublicKeyData};
use sha2::{Digest, Sha256};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio_rustls::server::TlsStream;
use tokio_rustls::{TlsAcceptor, rustls};

/// A certificate and its key.
#[derive(Clone)]
pub struct Certificate {
    config: Arc<ServerConfig>,
    fingerprint: String,
}

impl Certificate {
    /// Makes one for these names of hosts, which signs itself.
    pub fn for_hosts(hosts: &[&str]) -> Result<Self, Box<dyn std::error::Error>> {
        let hosts: Vec<String> = hosts.iter().map(ToString::to_string).collect();
        let CertifiedKey { cert, signing_key } = rcgen::generate_simple_self_signed(hosts)?;
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
        let config = config.with_no_client_auth().with_single_cert(vec![cert.der().clone()], key)?;
        let fingerprint = Base64::encode_string(&Sha256::digest(signing_key.subject_public_key_info()));
        Ok(Self { config: Arc::new(config), fingerprint })
    }

    /// Chromium trusts it with this argument. Those that ignore all errors of certificates do not do: with them Chromium binds
    /// no session to a device.
    #[must_use]
    pub fn argument(&self) -> String {
        format!("--ignore-certificate-errors-spki-list={}", self.fingerprint)
    }
}

/// What Chromium on Linux takes to bind sessions to devices: off by default there, and with keys in software where there is
/// no TPM.
pub const FEATURES: &str = "DeviceBoundSessions:RequireOriginTrialTokens/false/RefreshQuota/false,\
                            EnableBoundSessionCredentialsSoftwareKeysForManualTesting";

/// Serves an application until the runtime ends.
pub async fn serve(listener: TcpListener, certificate: Certificate, app: Router) -> io::Result<()> {
    axum::serve(Https::new(listener, certificate)?, app).await
}

/// Connections whose handshake is over. One that does not end keeps nobody waiting.
struct Https {
    connections: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    address: SocketAddr,
}

impl Https {
    fn new(listener: TcpListener, certificate: Certificate) -> io::Result<Self> {
        let (sender, connections) = mpsc::channel(16);
        let address = listener.local_addr()?;
        let acceptor = TlsAcceptor::from(certificate.config);
        tokio::spawn(async move {
            loop {
                let Ok((stream, from)) = listener.accept().await else { continue };
                let (acceptor, sender) = (acceptor.clone(), sender.clone());
                tokio::spawn(async move {
                    if let Ok(stream) = acceptor.accept(stream).await {
                        // the application has ended
                        let _ = sender.send((stream, from)).await;
                    }
                });
            }
        });
        Ok(Self { connections, address })
    }
}

impl Listener for Https {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, SocketAddr) {
        match self.connections.recv().await {
            Some(connection) => connection,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.address)
    }
}
