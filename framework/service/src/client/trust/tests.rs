//! Certificates of an issuer that is trusted here, and of others.

use rcgen::{CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, date_time_ymd};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{ServerConfig, ServerConnection};

use super::*;

fn provider() -> Arc<CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// An issuer of certificates.
fn issuer() -> CertifiedIssuer<'static, KeyPair> {
    let mut params = CertificateParams::new(vec![]).unwrap();
    params.is_ca = IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "an issuer");
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate by this issuer, of a name and of these years.
fn issued(
    by: &CertifiedIssuer<'_, KeyPair>,
    name: &str,
    (from, to): (i32, i32),
) -> (CertificateDer<'static>, KeyPair) {
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_before = date_time_ymd(from, 1, 1);
    params.not_after = date_time_ymd(to, 1, 1);
    let made = params.signed_by(&key, by).unwrap();
    (made.der().clone(), key)
}

fn verifier(trust: Trust) -> Verifier {
    Verifier {
        trust,
        shown: Shown::default(),
        provider: provider(),
    }
}

/// A verifier who trusts this issuer as browsers trust theirs.
fn trusts(issuer: &CertifiedIssuer<'_, KeyPair>) -> Verifier {
    let mut roots = RootCertStore::empty();
    roots.add(issuer.der().clone()).unwrap();
    let built = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider());
    verifier(Trust::Browsers(built.build().unwrap()))
}

#[test]
fn names_dates_and_issuers_of_certificates_count() {
    let (known, unknown) = (issuer(), issuer());
    let verifier = trusts(&known);
    let name = ServerName::try_from("evaluator.example.org").unwrap();
    let check = |by: &CertifiedIssuer<'_, KeyPair>, of: &str, years, problem: Option<&str>| {
        let (certificate, _) = issued(by, of, years);
        let now = UnixTime::now();
        let verified = verifier.verify_server_cert(&certificate, &[], &name, &[], now);
        let shown = verifier.shown.lock().unwrap().take();
        match problem {
            None => assert!(verified.is_ok() && shown.is_none(), "{verified:?}"),
            Some(words) => {
                assert!(verified.is_err(), "{of} {years:?}");
                let shown = shown.unwrap();
                assert_eq!(shown.found, Fingerprint::of(&certificate));
                assert!(shown.problem.contains(words), "{}", shown.problem);
            }
        }
    };
    let ours = "evaluator.example.org";
    check(&known, ours, (2020, 2090), None);
    check(&known, ours, (2020, 2021), Some("expired"));
    check(&known, ours, (2089, 2090), Some("not valid yet"));
    let other_name = Some("not valid for name");
    check(&known, "example.org", (2020, 2090), other_name);
    check(
        &known,
        "evaluator.example.org.evil.example",
        (2020, 2090),
        other_name,
    );
    check(
        &unknown,
        ours,
        (2020, 2090),
        Some("invalid peer certificate"),
    );
}

/// A server that shows a certificate, and signs with whatever key it has.
#[derive(Debug)]
struct Shows(Arc<CertifiedKey>);

impl ResolvesServerCert for Shows {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.0))
    }
}

/// Does both sides of a handshake, in TLS of this version.
fn greets(
    certificate: &CertificateDer<'static>,
    key: &KeyPair,
    pinned: Fingerprint,
    version: &'static rustls::SupportedProtocolVersion,
) -> Result<(), Error> {
    let private = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let signs = provider().key_provider.load_private_key(private)?;
    let shown = CertifiedKey::new(vec![certificate.clone()], signs);
    let server = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(&[version])?
        .with_no_client_auth()
        .with_cert_resolver(Arc::new(Shows(Arc::new(shown))));
    let secure = Secure::new(Some(pinned), &Shown::default())?;
    let name = ServerName::try_from("evaluator.example.org").unwrap();
    let mut client = ClientConnection::new(secure.config, name)?;
    let mut server = ServerConnection::new(Arc::new(server))?;
    let mut wire = Vec::new();
    for _ in 0..10 {
        client.write_tls(&mut wire).unwrap();
        let mut read = wire.as_slice();
        while !read.is_empty() {
            server.read_tls(&mut read).unwrap();
        }
        server.process_new_packets()?;
        wire.clear();
        server.write_tls(&mut wire).unwrap();
        let mut read = wire.as_slice();
        while !read.is_empty() {
            client.read_tls(&mut read).unwrap();
        }
        client.process_new_packets()?;
        wire.clear();
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    Ok(())
}

/// Whoever shows the certificate that is pinned must have its key: certificates are public.
#[test]
fn a_pinned_certificate_without_its_key() {
    let (certificate, key) = issued(&issuer(), "evaluator.example.org", (2020, 2090));
    let pinned = Fingerprint::of(&certificate);
    let other = KeyPair::generate().unwrap();
    for version in [&rustls::version::TLS13, &rustls::version::TLS12] {
        greets(&certificate, &key, pinned, version).unwrap();
        let refused = greets(&certificate, &other, pinned, version).unwrap_err();
        assert!(
            matches!(
                &refused,
                Error::InvalidCertificate(rustls::CertificateError::BadSignature)
            ),
            "{refused:?}"
        );
    }
}
