//! TLS: who the node is.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, pem};
use tokio_rustls::rustls::{self, ClientConfig, RootCertStore};

use super::{ConnectError, Endpoint};

/// Whom to believe that a node is who it says.
#[derive(Debug, Clone)]
pub struct Tls(Arc<ClientConfig>);

impl Tls {
    /// Believes the authorities in this PEM file, or without one those that the system believes.
    ///
    /// # Errors
    ///
    /// There is no authority to believe.
    pub fn new(ca: Option<&Path>) -> Result<Self, TlsError> {
        let mut roots = RootCertStore::empty();
        match ca {
            Some(path) => {
                let unreadable = |error| TlsError::Unreadable(path.to_owned(), error);
                for certificate in CertificateDer::pem_file_iter(path).map_err(unreadable)? {
                    roots.add(certificate.map_err(unreadable)?)?;
                }
            }
            // One that is not understood is one less to believe.
            None => {
                roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
            }
        }
        if roots.is_empty() {
            return Err(TlsError::NoAuthority(ca.map(Path::to_owned)));
        }
        let provider = Arc::new(ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(Self(Arc::new(config)))
    }

    pub(super) async fn connect(
        &self,
        endpoint: &Endpoint,
        stream: TcpStream,
    ) -> Result<TlsStream<TcpStream>, ConnectError> {
        let failed = |error| ConnectError::Tls {
            endpoint: endpoint.clone(),
            error,
        };
        let name = ServerName::try_from(endpoint.host.clone())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let connector = TlsConnector::from(Arc::clone(&self.0));
        connector.connect(name, stream).await.map_err(failed)
    }
}

/// Why there is no TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The file with the authorities cannot be read.
    #[error("{}: {_1}", _0.display())]
    Unreadable(PathBuf, pem::Error),
    /// There is no authority to believe.
    #[error("{}", match _0 {
        Some(path) => format!("{}: no certificate in it", path.display()),
        None => "the system believes in no authority; name one with --ca".to_owned(),
    })]
    NoAuthority(Option<PathBuf>),
    /// An authority that is none.
    #[error(transparent)]
    Rustls(#[from] rustls::Error),
}
