//! TLS, which always verifies the server's certificate and name.

use std::path::PathBuf;

/// The files that a URL names.
#[derive(Default)]
pub(crate) struct Files {
    /// The trusted authorities instead of the system's list.
    pub(crate) authority: Option<PathBuf>,
    /// The client certificate.
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
}

#[cfg(feature = "tls")]
pub(crate) use with::Tls;
#[cfg(not(feature = "tls"))]
pub(crate) use without::Tls;

#[cfg(feature = "tls")]
mod with {
    use std::path::Path;
    use std::sync::Arc;

    use rustls_pki_types::pem::PemObject;
    use rustls_pki_types::{CertificateDer, PrivateKeyDer, ServerName};
    use tokio::net::TcpStream;
    use tokio_rustls::TlsConnector;
    use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

    use super::Files;
    use crate::connection::Stream;

    /// The trusted authorities and the client certificate.
    #[derive(Clone)]
    pub(crate) struct Tls(TlsConnector);

    impl Tls {
        pub(crate) fn new(files: &Files) -> Result<Self, String> {
            let mut roots = RootCertStore::empty();
            match &files.authority {
                Some(path) => {
                    for certificate in certificates(path)? {
                        let added = roots.add(certificate);
                        added.map_err(|why| format!("{}: not an authority's certificate: {why}", path.display()))?;
                    }
                }
                // unreadable files there are not our concern; missing authorities are not trusted
                None => _ = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs),
            }
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
            let config = config.map_err(|why| why.to_string())?.with_root_certificates(roots);
            let config = match (&files.certificate, &files.key) {
                (Some(certificate), Some(key)) => {
                    let private = PrivateKeyDer::from_pem_file(key);
                    let private =
                        private.map_err(|_| format!("check the file {}: no private key in PEM", key.display()))?;
                    let config = config.with_client_auth_cert(certificates(certificate)?, private);
                    config.map_err(|why| format!("check sslcert= and sslkey=, which cannot be used: {why}"))?
                }
                (None, None) => config.with_no_client_auth(),
                _ => return Err("set sslcert= and sslkey= together".into()),
            };
            Ok(Self(Arc::new(config).into()))
        }

        /// Begins TLS over a connection to this host. The error is a sentence.
        pub(crate) async fn begin(&self, stream: TcpStream, host: &str) -> Result<Box<dyn Stream>, String> {
            let name = ServerName::try_from(host.to_owned())
                .map_err(|_| "no certificate can have this host name".to_owned())?;
            let stream = self.0.connect(name, stream).await.map_err(|why| {
                let tls = why.get_ref().and_then(|why| why.downcast_ref::<rustls::Error>());
                match tls {
                    Some(rustls::Error::InvalidCertificate(why)) => {
                        format!(
                            "its certificate is not trusted ({why}): name its authority with sslrootcert=PATH in the URL"
                        )
                    }
                    Some(rustls::Error::InvalidMessage(_)) => "it does not speak TLS".into(),
                    _ => format!("TLS failed: {why}"),
                }
            })?;
            Ok(Box::new(stream))
        }
    }

    fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
        let read = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(certificates) if !certificates.is_empty() => Ok(certificates),
            Ok(_) => Err(format!("check the file {}: no certificate in PEM", path.display())),
            Err(rustls_pki_types::pem::Error::Io(why)) => Err(format!("check the file {}: {why}", path.display())),
            Err(_) => Err(format!("check the file {}: no certificate in PEM", path.display())),
        }
    }
}

#[cfg(not(feature = "tls"))]
mod without {
    use tokio::net::TcpStream;

    use super::Files;
    use crate::connection::Stream;

    /// There is none.
    #[derive(Clone)]
    pub(crate) enum Tls {}

    impl Tls {
        pub(crate) fn new(_: &Files) -> Result<Self, String> {
            Err("for memcacheds://, enable the feature tls of session-store-memcached".into())
        }

        #[allow(clippy::unused_async)] // as its sibling
        pub(crate) async fn begin(&self, _: TcpStream, _: &str) -> Result<Box<dyn Stream>, String> {
            match *self {}
        }
    }
}
