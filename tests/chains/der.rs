//! DER, written piece by piece: the chains need what no library for making certificates would write.

/// Tags that several makers use.
pub const BOOLEAN: u8 = 0x01;
pub const OCTET_STRING: u8 = 0x04;
pub const UTF8_STRING: u8 = 0x0c;
pub const IA5_STRING: u8 = 0x16;
pub const UTC_TIME: u8 = 0x17;
pub const GENERALIZED_TIME: u8 = 0x18;
pub const BMP_STRING: u8 = 0x1e;

/// One value: tag, length, content.
pub fn value(tag: u8, content: &[u8]) -> Vec<u8> {
    let mut der = vec![tag];
    let len = content.len();
    match u8::try_from(len) {
        Ok(short @ ..=127) => der.push(short),
        _ => {
            let bytes = len.to_be_bytes();
            let bytes = &bytes[bytes.iter().take_while(|&&byte| byte == 0).count()..];
            der.push(0x80 | u8::try_from(bytes.len()).expect("at most eight"));
            der.extend(bytes);
        }
    }
    der.extend(content);
    der
}

/// A SEQUENCE of values.
pub fn sequence(values: &[Vec<u8>]) -> Vec<u8> {
    value(0x30, &values.concat())
}

/// A value with the tag `[number]` around it (EXPLICIT), or a SEQUENCE that is tagged so (IMPLICIT).
pub fn tagged(number: u8, content: &[u8]) -> Vec<u8> {
    value(0xa0 | number, content)
}

/// A primitive value that is tagged `[number]` (IMPLICIT).
pub fn primitive(number: u8, content: &[u8]) -> Vec<u8> {
    value(0x80 | number, content)
}

/// An INTEGER that is not negative.
pub fn integer(number: u64) -> Vec<u8> {
    let bytes = number.to_be_bytes();
    let zeros = bytes.iter().take(7).take_while(|&&byte| byte == 0).count();
    let sign = if bytes[zeros] & 0x80 == 0 { &[][..] } else { &[0] };
    value(0x02, &[sign, &bytes[zeros..]].concat())
}

/// A BIT STRING of whole bytes.
pub fn bits(bytes: &[u8]) -> Vec<u8> {
    value(0x03, &[&[0], bytes].concat())
}

/// A BIT STRING of flags, the first one highest, without the zeros at its end.
pub fn named_bits(flags: &[u8]) -> Vec<u8> {
    let mut bytes = [0_u8; 2];
    for &flag in flags {
        bytes[usize::from(flag / 8)] |= 0x80 >> (flag % 8);
    }
    let Some(&highest) = flags.iter().max() else { return value(0x03, &[0]) };
    let bytes = &bytes[..=usize::from(highest / 8)];
    value(0x03, &[&[7 - highest % 8], bytes].concat())
}

/// An OBJECT IDENTIFIER, from its dotted form.
pub fn oid(dotted: &str) -> Vec<u8> {
    let arcs: Vec<u64> = dotted.split('.').map(|arc| arc.parse().expect("a number")).collect();
    let mut content = Vec::new();
    for arc in [&[arcs[0] * 40 + arcs[1]], &arcs[2..]].concat() {
        let groups = (1..10).take_while(|group| arc >> (7 * group) != 0).count();
        for group in (0..=groups).rev() {
            let more = if group == 0 { 0 } else { 0x80 };
            content.push(u8::try_from(arc >> (7 * group) & 0x7f).expect("seven bits") | more);
        }
    }
    value(0x06, &content)
}

/// A time in the form that RFC 5280 wants for it, from `YYYYMMDDHHMMSSZ`.
pub fn time(text: &str) -> Vec<u8> {
    match text {
        text if text < "2050" => value(UTC_TIME, &text.as_bytes()[2..]),
        text => value(GENERALIZED_TIME, text.as_bytes()),
    }
}

/// What DER encodes, between the dashes of PEM.
pub fn pem(label: &str, der: &[u8]) -> String {
    let base64 = openssl::base64::encode_block(der);
    let lines: Vec<&str> =
        base64.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).expect("ASCII")).collect();
    format!("-----BEGIN {label}-----\n{}\n-----END {label}-----\n", lines.join("\n"))
}
