//! Certificates: given ones, or one of the service's own, which is made once.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::blobs::private_folder;
use super::config::Transport;
use crate::token::Fingerprint;

/// TLS, and what a client pins; neither without TLS.
pub(crate) type Secured = Option<(Arc<ServerConfig>, Fingerprint)>;

/// Sets TLS up as the transport says.
///
/// # Errors
/// The words name the file, and what is wrong with it.
pub(crate) fn secured(transport: &Transport, state: &Path) -> Result<Secured, String> {
    let (certificate, key) = match transport {
        Transport::Plain => return Ok(None),
        Transport::Given { certificate, key } => (certificate.clone(), key.clone()),
        Transport::SelfSigned { names } => {
            let folder = state.join("tls");
            let files = (folder.join("certificate.pem"), folder.join("key.pem"));
            if !(files.0.exists() && files.1.exists()) {
                make(names, &folder, &files.0, &files.1).map_err(|e| {
                    format!("{}: no certificate can be made: {e}", folder.display())
                })?;
            }
            files
        }
    };
    let chain = CertificateDer::pem_file_iter(&certificate)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|e| format!("{}: no certificate in PEM: {e}", certificate.display()))?;
    let Some(own) = chain.first() else {
        return Err(format!(
            "{}: found no certificate, expected a chain in PEM",
            certificate.display()
        ));
    };
    let fingerprint = Fingerprint::of(own);
    let private = PrivateKeyDer::from_pem_file(&key)
        .map_err(|e| format!("{}: no private key in PEM: {e}", key.display()))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| {
            builder
                .with_no_client_auth()
                .with_single_cert(chain, private)
        })
        .map_err(|e| {
            format!(
                "{}, {}: cannot be used: {e}",
                certificate.display(),
                key.display()
            )
        })?;
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Some((Arc::new(config), fingerprint)))
}

/// Makes a certificate and its key.
fn make(names: &[String], folder: &Path, certificate: &Path, key: &Path) -> io::Result<()> {
    private_folder(folder)?;
    let made = rcgen::generate_simple_self_signed(names).map_err(io::Error::other)?;
    private_file(key, made.signing_key.serialize_pem().as_bytes())?;
    private_file(certificate, made.cert.pem().as_bytes())
}

/// Writes a file that only its owner may read.
fn private_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    use std::io::Write as _;
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let transport = Transport::SelfSigned {
            names: vec!["localhost".into(), "127.0.0.1".into()],
        };
        let prints: Vec<Fingerprint> = (0..2)
            .map(|_| secured(&transport, folder.path()).unwrap().unwrap().1)
            .collect();
        assert_eq!(prints[0], prints[1]);
        let given = Transport::Given {
            certificate: folder.path().join("tls/certificate.pem"),
            key: folder.path().join("tls/key.pem"),
        };
        assert_eq!(
            secured(&given, folder.path()).unwrap().unwrap().1,
            prints[0]
        );
        let swapped = Transport::Given {
            certificate: folder.path().join("tls/key.pem"),
            key: folder.path().join("tls/certificate.pem"),
        };
        let problem = secured(&swapped, folder.path()).unwrap_err();
        assert!(
            problem.contains("key.pem: found no certificate"),
            "{problem}"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs::metadata(folder.path().join("tls/key.pem")).unwrap();
            assert_eq!(mode.permissions().mode() & 0o777, 0o600);
        }
    }
}
