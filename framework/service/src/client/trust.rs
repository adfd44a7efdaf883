//! TLS, and whose certificate is trusted: the one that has the pinned fingerprint, and no other, whatever names or issuers
//! stand in it; without a fingerprint, one that browsers would trust.

use std::io::{Read as _, Write as _};
use std::sync::{Arc, Mutex};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    ClientConfig, ClientConnection, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    StreamOwned,
};
use ureq::unversioned::transport::{
    Buffers, ConnectionDetails, Connector, LazyBuffers, NextTimeout, Transport, TransportAdapter,
};

use crate::token::Fingerprint;

/// A certificate that was shown and is not trusted, for the message.
#[derive(Clone, Debug)]
pub(super) struct Distrusted {
    pub(super) found: Fingerprint,
    /// Why, in words.
    pub(super) problem: String,
}

/// The last certificate that was not trusted.
pub(super) type Shown = Arc<Mutex<Option<Distrusted>>>;

/// Wraps connections in TLS. It takes no part in those without.
pub(super) struct Secure {
    config: Arc<ClientConfig>,
}

impl Secure {
    /// Connections to whoever has the key of this certificate, or of one that browsers would trust.
    pub(super) fn new(pinned: Option<Fingerprint>, shown: &Shown) -> Result<Self, Error> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let trust = match pinned {
            Some(fingerprint) => Trust::Pinned(fingerprint),
            None => Trust::Browsers(browsers(Arc::clone(&provider))?),
        };
        let verifier = Verifier {
            trust,
            shown: Arc::clone(shown),
            provider: Arc::clone(&provider),
        };
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous() // what it is: of a pinned one the fingerprint is all that is checked
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        Ok(Self {
            config: Arc::new(config),
        })
    }
}

/// The issuers that browsers trust, as Mozilla lists them.
fn browsers(provider: Arc<CryptoProvider>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let roots: RootCertStore = webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
    WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .map_err(|e| Error::General(e.to_string()))
}

impl std::fmt::Debug for Secure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secure")
    }
}

impl<In: Transport> Connector<In> for Secure {
    type Out = Secured;

    fn connect(
        &self,
        details: &ConnectionDetails<'_>,
        chained: Option<In>,
    ) -> Result<Option<Secured>, ureq::Error> {
        let Some(transport) = chained else {
            return Ok(None);
        };
        if !details.needs_tls() {
            return Err(ureq::Error::Tls("TLS is for addresses of https"));
        }
        let name = details.uri.host().unwrap_or_default();
        let name = name
            .trim_start_matches('[')
            .trim_end_matches(']')
            .to_owned();
        let name = ServerName::try_from(name)
            .map_err(|_| ureq::Error::Tls("the address has no name of a server"))?;
        let mut connection =
            ClientConnection::new(Arc::clone(&self.config), name).map_err(ureq::Error::Rustls)?;
        let mut stream = TransportAdapter::new(transport.boxed(), details.current_time.clone());
        stream.set_timeout(details.timeout);
        connection.complete_io(&mut stream)?;
        let buffers = LazyBuffers::new(
            details.config.input_buffer_size(),
            details.config.output_buffer_size(),
        );
        let stream = StreamOwned::new(connection, stream);
        Ok(Some(Secured { buffers, stream }))
    }
}

/// A connection in TLS.
pub(super) struct Secured {
    buffers: LazyBuffers,
    stream: StreamOwned<ClientConnection, TransportAdapter>,
}

impl std::fmt::Debug for Secured {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secured")
    }
}

impl Transport for Secured {
    fn buffers(&mut self) -> &mut dyn Buffers {
        &mut self.buffers
    }

    fn transmit_output(&mut self, amount: usize, timeout: NextTimeout) -> Result<(), ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        Ok(self.stream.write_all(&self.buffers.output()[..amount])?)
    }

    fn await_input(&mut self, timeout: NextTimeout) -> Result<bool, ureq::Error> {
        self.stream.get_mut().set_timeout(timeout);
        let amount = self.stream.read(self.buffers.input_append_buf())?;
        self.buffers.input_appended(amount);
        Ok(amount > 0)
    }

    fn is_open(&mut self) -> bool {
        self.stream.get_mut().get_mut().is_open()
    }

    fn is_tls(&self) -> bool {
        true
    }
}

/// Whose certificate is trusted.
#[derive(Debug)]
enum Trust {
    Pinned(Fingerprint),
    Browsers(Arc<WebPkiServerVerifier>),
}

#[derive(Debug)]
struct Verifier {
    trust: Trust,
    shown: Shown,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let found = Fingerprint::of(end_entity);
        let verified = match &self.trust {
            Trust::Pinned(expected) if found == *expected => Ok(ServerCertVerified::assertion()),
            Trust::Pinned(_) => Err(Error::General("another fingerprint".into())),
            Trust::Browsers(verifier) => {
                verifier.verify_server_cert(end_entity, intermediates, name, ocsp, now)
            }
        };
        verified.inspect_err(|error| {
            if let Ok(mut shown) = self.shown.lock() {
                let problem = error.to_string();
                *shown = Some(Distrusted { found, problem });
            }
        })
    }

    // The certificate is public: that the other side has its key is what the signature shows.
    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls12_signature(message, certificate, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests;
