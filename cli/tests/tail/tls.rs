//! TLS: the same, through a wire that nobody can listen to.

use std::fs;
use std::sync::Arc;

use mcbp::testing::Node;
use mcbp_cli::connect::Tls;
use mcbp_cli::tail::Options;
use rcgen::{CertifiedKey, generate_simple_self_signed};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use super::harness::*;

/// Ends TLS in front of a node; gives the port, and the certificate as PEM.
async fn terminate(node: String) -> (u16, String) {
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            if let Ok(mut client) = acceptor.accept(socket).await {
                let mut node = TcpStream::connect(&node).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut node).await;
            }
        }
    });
    (port, cert.pem())
}

#[tokio::test]
async fn tls() {
    let bucket = recipe().bucket();
    let expected = visible(&bucket);
    let (address, _) = serve(Node::new(bucket)).await;
    let (port, pem) = terminate(address.clone()).await;
    let directory = Directory::new("tls");
    let ca = directory.file("ca.pem");
    fs::write(&ca, pem).unwrap();

    let mut encrypted = Options {
        tls: Some(Tls::new(Some(&ca)).unwrap()),
        ..options(&format!("couchbases://localhost:{port}"))
    };
    // There the password may go as it is, if there is no other way.
    encrypted.credentials.plain = false;
    assert_all_once(&run(&encrypted).await.places(), &expected);

    // Another name than that in the certificate, another authority, no TLS at the other end.
    let named = format!("127.0.0.1:{port}");
    encrypted.endpoint = named.parse().unwrap();
    let (line, code) = run(&encrypted).await.failure();
    assert!(line.contains("no TLS: "), "{line}");
    assert_eq!(code, 3, "{line}");
    let (_, other) = terminate(address.clone()).await;
    fs::write(&ca, other).unwrap();
    let stranger = Options {
        tls: Some(Tls::new(Some(&ca)).unwrap()),
        ..options(&format!("localhost:{port}"))
    };
    assert_eq!(run(&stranger).await.failure().1, 3);
    encrypted.endpoint = address.parse().unwrap();
    let (line, code) = run(&encrypted).await.failure();
    assert!(line.contains("is it the port for TLS"), "{line}");
    assert!(code == 3 || code == 4, "{line}");

    fs::write(&ca, "no certificate").unwrap();
    let error = Tls::new(Some(&ca)).unwrap_err().to_string();
    assert!(error.contains("no certificate in it"), "{error}");
}
