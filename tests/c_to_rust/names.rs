//! The lists in `docs/`: which names C has, and which of them a Rust program does without.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// One line of `c-names.tsv`.
pub struct Name {
    pub name: String,
    /// `function`, `macro`, `type` or `constant`.
    pub kind: String,
    pub since: String,
    pub deprecated: Option<String>,
    pub removed: Option<String>,
    pub area: String,
    /// The page of the manual that describes it.
    pub manual: Option<String>,
}

/// One line of `c-not-needed.tsv`: a name, or with `*` for any number of letters those of a family; and why.
pub struct NotNeeded {
    pub pattern: String,
    pub reason: String,
}

/// The areas in the order of the page, with their titles.
pub const AREAS: &[(&str, &str)] = &[
    ("types", "Types"),
    ("context", "Contexts and objects"),
    ("handshake", "Handshakes"),
    ("io", "Reading and writing"),
    ("shutdown", "Shutting down"),
    ("errors-alerts", "Results, alerts and states"),
    ("error-queue", "The error queue"),
    ("options", "Options and modes"),
    ("versions", "Protocol versions"),
    ("conf", "Configuration by commands"),
    ("certs-keys", "Own certificates and keys"),
    ("chain-store", "Own chains, and the stores behind them"),
    ("ca-names", "Names of CAs"),
    ("verify", "Verifying the peer"),
    ("hostname", "The peer's name"),
    ("sni", "Server name indication"),
    ("dane", "DANE"),
    ("rpk", "Raw public keys"),
    ("ciphers", "Cipher suites"),
    ("groups-sigalgs", "Groups and signature algorithms"),
    ("dh", "Diffie-Hellman parameters"),
    ("security-level", "Security levels"),
    ("alpn-npn", "ALPN and NPN"),
    ("client-hello", "ClientHello"),
    ("custom-ext", "Extensions of one's own"),
    ("session", "Sessions"),
    ("session-cache", "The session cache"),
    ("tickets", "Session tickets"),
    ("early-data", "Early data"),
    ("psk", "Pre-shared keys"),
    ("srp", "SRP"),
    ("exporters", "Exporters, Finished messages and randoms"),
    ("keylog", "Key logs"),
    ("info-msg-trace", "Watching: info, messages, traces"),
    ("stats", "Counters"),
    ("ex-data", "Data of one's own on an object"),
    ("ocsp-status", "Stapling"),
    ("ct", "Certificate transparency in TLS"),
    ("post-handshake-auth", "Authentication after the handshake"),
    ("key-update", "Key updates"),
    ("renegotiation", "Renegotiation"),
    ("padding-records", "Records: sizes, padding, buffers"),
    ("compression", "Compression of records"),
    ("cert-comp", "Compression of certificates"),
    ("ktls", "TLS in the kernel"),
    ("async", "Asynchronous jobs in TLS"),
    ("dtls", "DTLS"),
    ("cookies", "Cookies"),
    ("srtp", "SRTP"),
    ("quic", "QUIC"),
    ("quic-tls", "TLS for QUIC stacks of others"),
    ("ech", "Encrypted ClientHello"),
    ("misc-internal", "Other names of libssl"),
    ("bio", "BIOs"),
    ("bio-ssl", "BIOs: TLS as a filter"),
    ("bio-mem-pair", "BIOs: memory and pairs"),
    ("bio-socket", "BIOs: sockets"),
    ("bio-addr", "BIOs: addresses"),
    ("bio-dgram", "BIOs: datagrams"),
    ("bio-method", "BIOs: methods of one's own"),
    ("bio-libcrypto", "BIOs: files, filters, printing, accepting"),
    ("certificates", "Certificates"),
    ("names", "Distinguished names"),
    ("extensions", "Extensions of certificates"),
    ("revocation-lists", "Revocation lists"),
    ("trust-stores", "Stores, and where they are loaded from"),
    ("chain-verification", "Verifying chains"),
    ("verify-settings", "Settings for verifying"),
    ("keys", "Keys and algorithms"),
    ("pem", "PEM"),
    ("der", "DER"),
    ("pkcs12", "PKCS #12"),
    ("ocsp", "OCSP"),
    ("certificate-transparency", "Certificate transparency"),
    ("asn1", "Objects, strings and times of ASN.1"),
    ("stacks", "Stacks"),
    ("library", "The library: start, versions, contexts, providers, configuration"),
    ("random", "Random numbers"),
    ("memory-threads", "Memory, threads and ex_data"),
    ("async-jobs", "Asynchronous jobs"),
    ("constants", "Constants"),
];

fn lines(root: &Path, file: &str, columns: usize) -> Vec<Vec<String>> {
    let path = root.join("docs").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let split = |line: &str| line.split('\t').map(str::to_owned).collect::<Vec<_>>();
    let lines: Vec<_> = text.lines().skip(1).map(split).collect();
    for line in &lines {
        assert_eq!(line.len(), columns, "docs/{file} has {columns} columns: {line:?}");
    }
    lines
}

/// Reads `c-names.tsv`.
pub fn names(root: &Path) -> Vec<Name> {
    let given = |text: &str| (text != "-").then(|| text.to_owned());
    let name = |line: Vec<String>| Name {
        name: line[0].clone(),
        kind: line[1].clone(),
        since: line[2].clone(),
        deprecated: given(&line[3]),
        removed: given(&line[4]),
        area: line[5].clone(),
        manual: given(&line[6]),
    };
    lines(root, "c-names.tsv", 7).into_iter().map(name).collect()
}

/// Reads `c-not-needed.tsv`.
pub fn not_needed(root: &Path) -> Vec<NotNeeded> {
    let rule = |line: Vec<String>| NotNeeded { pattern: line[0].clone(), reason: line[1].clone() };
    lines(root, "c-not-needed.tsv", 2).into_iter().map(rule).collect()
}

/// Takes the lines out of `c-not-needed.tsv` whose names have been `replaced` since.
pub fn forget_replaced(root: &Path, replaced: &BTreeSet<&str>) {
    let path = root.join("docs/c-not-needed.tsv");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let stays = |line: &&str| !line.split('\t').next().is_some_and(|name| replaced.contains(name));
    let kept: String = text.lines().filter(stays).map(|line| format!("{line}\n")).collect();
    if kept != text {
        fs::write(&path, kept).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

impl NotNeeded {
    pub fn is_family(&self) -> bool {
        self.pattern.contains('*')
    }

    pub fn covers(&self, name: &str) -> bool {
        let (first, rest) = self.pattern.split_once('*').unwrap_or((&self.pattern, ""));
        if !self.is_family() {
            return name == first;
        }
        let Some(mut name) = name.strip_prefix(first) else { return false };
        let mut parts = rest.split('*').peekable();
        while let Some(part) = parts.next() {
            if parts.peek().is_none() {
                return name.ends_with(part);
            }
            let Some(at) = name.find(part) else { return false };
            name = &name[at + part.len()..];
        }
        true
    }
}

/// The line that speaks of a name: its own before that of a family, and the earlier family before the later.
pub fn reason<'a>(rules: &'a [NotNeeded], name: &str) -> Option<&'a NotNeeded> {
    let own = rules.iter().find(|rule| !rule.is_family() && rule.pattern == name);
    own.or_else(|| rules.iter().find(|rule| rule.is_family() && rule.covers(name)))
}

/// What is said more than once, of what should be said once.
pub fn repeated<'a>(words: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut counts = BTreeMap::<_, usize>::new();
    words.for_each(|word| *counts.entry(word).or_default() += 1);
    counts.into_iter().filter(|(_, count)| *count > 1).map(|(word, _)| word).collect()
}
