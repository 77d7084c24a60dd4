//! Handshake fragments, and every message they may hold.
#![no_main]

use antiphon::wire::dtls::extension::{self, Extensions, UseSrtp};
use antiphon::wire::dtls::handshake::Fragments;
use antiphon::wire::dtls::hello::{self, ClientHello, ServerHello};
use antiphon::wire::dtls::message::{self, CertificateRequest, ServerKeyExchange, Signed};
use libfuzzer_sys::fuzz_target;

fn extensions(list: &Extensions<'_>) {
    for (number, content) in list.iter() {
        assert!(list.has(number));
        let _ = extension::number_list(content).map(|list| extension::numbers(list).count());
        let _ = extension::version_list(content).map(|list| extension::numbers(list).count());
        let _ = extension::has_uncompressed_format(content);
        let _ = UseSrtp::parse(content);
    }
}

fn messages(body: &[u8]) {
    if let Ok(hello) = ClientHello::parse(body) {
        extensions(&hello.extensions);
    }
    if let Ok(hello) = ServerHello::parse(body) {
        extensions(&hello.extensions);
    }
    let _ = hello::parse_verify_request(body);
    let _ = message::parse_certificate(body);
    let _ = ServerKeyExchange::parse(body);
    let _ = CertificateRequest::parse(body).map(|request| (request.accepts(true), request.accepts(false)));
    let _ = message::parse_client_key_exchange(body);
    if let Some(signed) = Signed::parse(body) {
        let mut again = Vec::new();
        signed.write(&mut again);
        assert_eq!(body, again);
    }
}

fuzz_target!(|data: &[u8]| {
    messages(data);
    for fragment in Fragments::new(data) {
        assert!(fragment.end() <= fragment.total);
        messages(fragment.data);
    }
});
