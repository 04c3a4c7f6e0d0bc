//! C prototypes: read, and turned into Rust.
//!
//! One mapping from C types to Rust types serves every declaration, so that a prototype which the C compiler has compared
//! with the installed header vouches for the Rust that is made from it.

use std::fmt::Write as _;

/// A C type, as far as prototypes need it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CType {
    Void,
    /// An arithmetic type under its one canonical name (`unsigned long`, `size_t`), or a name that types.txt declares.
    Named(String),
    Pointer {
        to: Box<CType>,
        is_const: bool,
    },
    Function(Box<Signature>),
}

/// What a function takes and gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signature {
    pub result: CType,
    pub parameters: Vec<Parameter>,
    pub variadic: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parameter {
    pub name: String,
    pub ctype: CType,
}

/// A declaration: `int SSL_is_tls(const SSL *s)`, or a field, or the inside of a typedef.
#[derive(Clone, Debug)]
pub struct Declaration {
    pub name: String,
    pub ctype: CType,
}

/// What kind of name a manifest's type is, which decides how Rust spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// `openssl_sys` declares it.
    Sys,
    Opaque,
    Enum,
    /// An alias of another type, a structure or a union.
    Plain,
    /// `typedef int (*name)(…)`.
    FunctionPointer,
    /// `typedef int name(…)`, used as `name *`.
    Function,
}

/// Splits C into identifiers, numbers, string literals and punctuation.
pub fn tokens(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let mut found = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'$';
        match bytes[at] {
            b if b.is_ascii_whitespace() => {
                at += 1;
                continue;
            }
            b if word(b) => {
                while at < bytes.len() && word(bytes[at]) {
                    at += 1;
                }
            }
            quote @ (b'"' | b'\'') => {
                at += 1;
                while at < bytes.len() && bytes[at] != quote {
                    at += if bytes[at] == b'\\' { 2 } else { 1 };
                }
                at = (at + 1).min(bytes.len());
            }
            b'.' if bytes[at..].starts_with(b"...") => at += 3,
            b if b.is_ascii() => {
                at += 1;
                let pair = bytes.get(start..start + 2).unwrap_or_default();
                if matches!(pair, b"<<" | b">>" | b"==" | b"!=" | b"<=" | b">=" | b"&&" | b"||" | b"->") {
                    at += 1;
                }
            }
            _ => {
                at += 1;
                while !text.is_char_boundary(at) {
                    at += 1;
                }
            }
        }
        found.push(&text[start..at]);
    }
    found
}

pub fn is_identifier(token: &str) -> bool {
    token.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
}

/// Reads one declaration, without its semicolon.
///
/// # Errors
///
/// What was expected and what was found.
pub fn declaration(text: &str) -> Result<Declaration, String> {
    let tokens = tokens(text);
    let mut parser = Parser { tokens: &tokens, at: 0 };
    let found = parser.declaration()?;
    match parser.peek() {
        None => Ok(found),
        Some(rest) => Err(format!("`{rest}` is left over")),
    }
}

/// Reads a prototype, without its semicolon.
///
/// # Errors
///
/// What was expected and what was found.
pub fn prototype(text: &str) -> Result<(String, Signature), String> {
    let found = declaration(text)?;
    match found.ctype {
        CType::Function(signature) if !found.name.is_empty() => Ok((found.name, *signature)),
        _ => Err("this is not a prototype".to_owned()),
    }
}

/// Reads a type alone, as a cast has it.
pub fn type_name(tokens: &[&str]) -> Option<CType> {
    let mut parser = Parser { tokens, at: 0 };
    let found = parser.declaration().ok()?;
    (parser.peek().is_none() && found.name.is_empty()).then_some(found.ctype)
}

struct Parser<'a> {
    tokens: &'a [&'a str],
    at: usize,
}

/// What stands around a name, from the name outwards.
enum Layer {
    Pointer { is_const: bool },
    Array,
    Function(Vec<Parameter>, bool),
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a str> {
        self.tokens.get(self.at).copied()
    }

    fn eat(&mut self, token: &str) -> bool {
        let there = self.peek() == Some(token);
        self.at += usize::from(there);
        there
    }

    fn expect(&mut self, token: &str) -> Result<(), String> {
        if self.eat(token) {
            return Ok(());
        }
        Err(format!("`{token}` expected, found `{}`", self.peek().unwrap_or("the end")))
    }

    fn declaration(&mut self) -> Result<Declaration, String> {
        let (base, base_const) = self.base()?;
        let mut layers = Vec::new();
        let name = self.declarator(&mut layers)?;
        // The layers nearest the name come first, and the type is built from the base inwards.
        let mut ctype = base;
        let mut pointee_const = base_const;
        for layer in layers.into_iter().rev() {
            ctype = match layer {
                Layer::Pointer { is_const } => {
                    let pointer = CType::Pointer { to: Box::new(ctype), is_const: pointee_const };
                    pointee_const = is_const;
                    pointer
                }
                // An array parameter is a pointer.
                Layer::Array => {
                    let pointer = CType::Pointer { to: Box::new(ctype), is_const: pointee_const };
                    pointee_const = false;
                    pointer
                }
                Layer::Function(parameters, variadic) => {
                    pointee_const = false;
                    CType::Function(Box::new(Signature { result: ctype, parameters, variadic }))
                }
            };
        }
        Ok(Declaration { name, ctype })
    }

    /// The type in front of the declarator, and whether it is const.
    fn base(&mut self) -> Result<(CType, bool), String> {
        let mut is_const = false;
        let mut words: Vec<&str> = Vec::new();
        let mut name = None;
        while let Some(token) = self.peek() {
            match token {
                "const" => is_const = true,
                "struct" | "union" | "enum" | "volatile" | "extern" => {}
                "unsigned" | "signed" | "long" | "short" | "int" | "char" | "void" | "float" | "double"
                    if name.is_none() =>
                {
                    words.push(token);
                }
                "STACK_OF" if name.is_none() && words.is_empty() => {
                    self.at += 1;
                    self.expect("(")?;
                    let of = self.peek().ok_or("a type expected in STACK_OF")?;
                    self.at += 1;
                    self.expect(")")?;
                    name = Some(format!("stack_st_{of}"));
                    continue;
                }
                _ if is_identifier(token) && name.is_none() && words.is_empty() => {
                    name = Some(token.to_owned())
                }
                _ => break,
            }
            self.at += 1;
        }
        let ctype = match name {
            Some(name) => CType::Named(name),
            None => arithmetic(&words)?,
        };
        Ok((ctype, is_const))
    }

    /// The name with what is around it, from the name outwards.
    fn declarator(&mut self, layers: &mut Vec<Layer>) -> Result<String, String> {
        let mut pointers = Vec::new();
        while self.eat("*") {
            let mut is_const = false;
            while let Some(token @ ("const" | "volatile" | "restrict" | "__restrict")) = self.peek() {
                is_const |= token == "const";
                self.at += 1;
            }
            pointers.push(Layer::Pointer { is_const });
        }
        let mut name = String::new();
        let nested = self.peek() == Some("(")
            && self.tokens.get(self.at + 1).is_some_and(|&next| next == "*" || next == "(");
        if nested {
            self.at += 1;
            name = self.declarator(layers)?;
            self.expect(")")?;
        } else if let Some(token) = self.peek().filter(|token| is_identifier(token)) {
            name = token.to_owned();
            self.at += 1;
        }
        loop {
            if self.eat("(") {
                let (parameters, variadic) = self.parameters()?;
                layers.push(Layer::Function(parameters, variadic));
            } else if self.eat("[") {
                while self.peek().is_some_and(|token| token != "]") {
                    self.at += 1;
                }
                self.expect("]")?;
                layers.push(Layer::Array);
            } else {
                break;
            }
        }
        layers.extend(pointers.into_iter().rev());
        Ok(name)
    }

    fn parameters(&mut self) -> Result<(Vec<Parameter>, bool), String> {
        let mut parameters = Vec::new();
        if self.peek() == Some("void") && self.tokens.get(self.at + 1) == Some(&")") {
            self.at += 2;
            return Ok((parameters, false));
        }
        if self.eat(")") {
            return Ok((parameters, false));
        }
        loop {
            if self.eat("...") {
                self.expect(")")?;
                return Ok((parameters, true));
            }
            let Declaration { name, mut ctype } = self.declaration()?;
            // A function parameter is a pointer to it.
            if matches!(ctype, CType::Function(_)) {
                ctype = CType::Pointer { to: Box::new(ctype), is_const: false };
            }
            parameters.push(Parameter { name, ctype });
            if self.eat(")") {
                return Ok((parameters, false));
            }
            self.expect(",")?;
        }
    }
}

/// `unsigned long int` and its many spellings.
fn arithmetic(words: &[&str]) -> Result<CType, String> {
    let count = |word| words.iter().filter(|&&found| found == word).count();
    let unsigned = count("unsigned") > 0;
    let name = match (
        count("void"),
        count("char"),
        count("short"),
        count("long"),
        count("float"),
        count("double"),
    ) {
        (1, ..) => return Ok(CType::Void),
        (_, 1, ..) if unsigned => "unsigned char",
        (_, 1, ..) if count("signed") > 0 => "signed char",
        (_, 1, ..) => "char",
        (_, _, 1, ..) if unsigned => "unsigned short",
        (_, _, 1, ..) => "short",
        (_, _, _, 1, _, 0) if unsigned => "unsigned long",
        (_, _, _, 1, _, 0) => "long",
        (_, _, _, 2, ..) if unsigned => "unsigned long long",
        (_, _, _, 2, ..) => "long long",
        (_, _, _, 0, 1, _) => "float",
        (_, _, _, 0, 0, 1) => "double",
        (0, 0, 0, 0, 0, 0) if unsigned => "unsigned int",
        (0, 0, 0, 0, 0, 0) if count("int") + count("signed") > 0 => "int",
        _ => return Err(format!("`{}` is no type", words.join(" "))),
    };
    Ok(CType::Named(name.to_owned()))
}

/// The arithmetic types of C and POSIX that prototypes use: C's name, Rust's, and whether it is worth comparing the
/// sizes of both (`libc` cannot know how a target's `time_t` was configured).
pub const ARITHMETIC: &[(&str, &str)] = &[
    ("char", "core::ffi::c_char"),
    ("signed char", "core::ffi::c_schar"),
    ("unsigned char", "core::ffi::c_uchar"),
    ("short", "core::ffi::c_short"),
    ("unsigned short", "core::ffi::c_ushort"),
    ("int", "core::ffi::c_int"),
    ("unsigned int", "core::ffi::c_uint"),
    ("long", "core::ffi::c_long"),
    ("unsigned long", "core::ffi::c_ulong"),
    ("long long", "core::ffi::c_longlong"),
    ("unsigned long long", "core::ffi::c_ulonglong"),
    ("float", "core::ffi::c_float"),
    ("double", "core::ffi::c_double"),
    ("int8_t", "i8"),
    ("uint8_t", "u8"),
    ("int16_t", "i16"),
    ("uint16_t", "u16"),
    ("int32_t", "i32"),
    ("uint32_t", "u32"),
    ("int64_t", "i64"),
    ("uint64_t", "u64"),
    ("size_t", "usize"),
    ("ssize_t", "isize"),
    ("ossl_ssize_t", "isize"),
    ("uintptr_t", "usize"),
    ("time_t", "libc::time_t"),
    ("off_t", "libc::off_t"),
];

/// Structures of the C library, known to `libc`, and only used behind pointers.
pub const LIBC: &[(&str, &str)] = &[("FILE", "libc::FILE"), ("timeval", "libc::timeval"), ("tm", "libc::tm")];

/// Spells C types in Rust.
pub struct Speller<F> {
    /// What a name of types.txt is.
    pub kind: F,
}

impl<F: Fn(&str) -> Option<Kind>> Speller<F> {
    /// The Rust type.
    ///
    /// # Errors
    ///
    /// The name of the type that nothing declares.
    pub fn spell(&self, ctype: &CType) -> Result<String, String> {
        match ctype {
            CType::Void => Ok("core::ffi::c_void".to_owned()),
            CType::Named(name) => self.name(name),
            CType::Function(signature) => self.pointer_to(signature),
            CType::Pointer { to, is_const } => match &**to {
                CType::Function(signature) => self.pointer_to(signature),
                CType::Named(name) if (self.kind)(name) == Some(Kind::Function) => Ok(name.clone()),
                to => Ok(format!("*{} {}", if *is_const { "const" } else { "mut" }, self.spell(to)?)),
            },
        }
    }

    fn name(&self, name: &str) -> Result<String, String> {
        for (c, rust) in ARITHMETIC.iter().chain(LIBC) {
            if name == *c {
                return Ok((*rust).to_owned());
            }
        }
        match (self.kind)(name) {
            Some(Kind::Sys) => Ok(format!("openssl_sys::{name}")),
            Some(_) => Ok(name.to_owned()),
            None => Err(format!("types.txt does not know the type `{name}`")),
        }
    }

    fn pointer_to(&self, signature: &Signature) -> Result<String, String> {
        Ok(format!("Option<unsafe extern \"C\" fn{}>", self.signature(signature, false)?))
    }

    /// `(s: *const SSL) -> c_int`, or without names for the type of a pointer.
    ///
    /// # Errors
    ///
    /// As [`Speller::spell`].
    pub fn signature(&self, signature: &Signature, names: bool) -> Result<String, String> {
        let mut text = String::from("(");
        for (at, parameter) in signature.parameters.iter().enumerate() {
            if at > 0 {
                text.push_str(", ");
            }
            if names {
                let _ = write!(text, "{}: ", parameter_name(signature, at));
            }
            text.push_str(&self.spell(&parameter.ctype)?);
        }
        if signature.variadic {
            text.push_str(", ...");
        }
        text.push(')');
        if signature.result != CType::Void {
            let _ = write!(text, " -> {}", self.spell(&signature.result)?);
        }
        Ok(text)
    }
}

/// The parameter's own name where Rust can have it and it is the only one so called.
pub fn parameter_name(signature: &Signature, at: usize) -> String {
    let name = &signature.parameters[at].name;
    let used_twice = signature.parameters[..at].iter().any(|earlier| earlier.name == *name);
    if name.is_empty() || used_twice {
        return format!("arg{at}");
    }
    rust_name(name)
}

/// The name, escaped if it is a keyword.
pub fn rust_name(name: &str) -> String {
    match name {
        "type" | "in" | "ref" | "fn" | "match" | "use" | "move" | "loop" | "impl" | "mod" | "pub" | "box"
        | "final" | "priv" | "where" | "yield" | "async" | "await" | "dyn" | "let" | "mut" | "trait"
        | "virtual" | "override" | "macro" | "try" | "gen" => {
            format!("r#{name}")
        }
        "self" | "super" | "crate" | "Self" => format!("{name}_"),
        _ => name.to_owned(),
    }
}
