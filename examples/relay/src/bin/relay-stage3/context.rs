//! The contexts: what many connections have in common. This is `c/context.c` and `c/alpn.c`.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use libssl::context::{AlpnDecision, Identity, ServerNameDecision};
use libssl::x509::{PKey, X509};
use libssl::{Alert, Error, SslContext, SslContextBuilder, TrustAnchors};

use relay::reason::root;
use relay::{Contexts, Options, OwnIdentity, log};

/// Both contexts, or `None` after it was said why not.
pub fn contexts(options: &Options) -> Option<Contexts> {
    Some(Contexts {
        server: server(options)?,
        client: if options.backend_plain { None } else { Some(client(options)?) },
    })
}

/// Accepts clients: the first identity is for those that ask for no name, the others are found by their names.
fn server(options: &Options) -> Option<SslContext> {
    let [first, others @ ..] = options.identities.as_slice() else { return None };
    let mut builder = server_of(first, options)?;
    let own_name = first.name.clone();
    let others: Vec<_> = others
        .iter()
        .map(|identity| Some((identity.name.clone(), server_of(identity, options)?.build())))
        .collect::<Option<_>>()?;

    let set = builder.set_tlsext_servername_callback(move |client| {
        let Some(name) = client.requested_name() else { return ServerNameDecision::Ignore };
        // A name is bytes: nobody has checked that a client's is text.
        let is = |ours: &str| ours.as_bytes().eq_ignore_ascii_case(name);
        if is(&own_name) {
            return ServerNameDecision::Ack;
        }
        match others.iter().find(|(name, _)| is(name)) {
            Some((_, context)) => match client.set_context(context) {
                Ok(()) => ServerNameDecision::Ack,
                Err(_) => ServerNameDecision::Refuse(Alert::INTERNAL_ERROR),
            },
            None => ServerNameDecision::Refuse(Alert::UNRECOGNIZED_NAME),
        }
    });
    said("server: names", set)?;
    Some(builder.build())
}

fn server_of(own: &OwnIdentity, options: &Options) -> Option<SslContextBuilder> {
    let whose = format!("identity {}", own.name);
    let (chain, key) = (read(&whose, &own.chain)?, read(&whose, &own.key)?);
    let chain = said(format_args!("{whose}: {}", own.chain.display()), X509::stack_from_pem(&chain))?;
    let key = said(format_args!("{whose}: {}", own.key.display()), PKey::from_pem(&key, None))?;
    let identity = said(format_args!("{whose}: {}", own.key.display()), Identity::new(chain, key))?;

    // TLS 1.2 and later, or what openssl.cnf says where that is stricter; a session cache, as every server of OpenSSL's.
    let mut builder = said(format_args!("{whose}: {}", own.chain.display()), SslContext::server(&identity))?;
    // All contexts share one name for their sessions: a connection begins in the first one, whoever it asks for. So a
    // session that was made with one identity resumes where another is asked for, which OpenSSL does not prevent, and
    // which does no harm here: none of them verifies its clients, and all lead to the same backend.
    said("server: session id context", builder.set_session_id_context(b"relay"))?;
    if !options.alpn.is_empty() {
        let ours = options.alpn.clone();
        let set = builder.set_alpn_select_cb(move |_, offered| match offered.first_of(&ours) {
            Some(protocol) => AlpnDecision::Select(protocol),
            // A client that offers only others goes on without.
            None => AlpnDecision::Ignore,
        });
        said("server: ALPN", set)?;
    }
    Some(builder)
}

/// Connects to the backend, and verifies chain and name.
fn client(options: &Options) -> Option<SslContext> {
    let builder = match &options.backend_ca {
        Some(file) => {
            read("backend", file)?;
            let trusting = SslContext::client_trusting(TrustAnchors::File(file));
            said(format_args!("backend: {}", file.display()), trusting)?
        }
        None => said("backend: the system's roots", SslContext::client())?,
    };
    Some(builder.build())
}

fn read(whose: &str, path: &Path) -> Option<Vec<u8>> {
    fs::read(path).map_err(|error| log!("relay: {whose}: cannot read {}: {error}", path.display())).ok()
}

/// Says what went wrong.
fn said<T>(what: impl Display, result: Result<T, Error>) -> Option<T> {
    result.map_err(|error| log!("relay: {what}: {}", root(&error))).ok()
}
