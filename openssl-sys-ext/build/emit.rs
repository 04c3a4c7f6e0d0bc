//! Rust and C, written out.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::generate::ctype::{self, CType, Kind, Signature, parameter_name, rust_name};
use crate::generate::headers::{Headers, Linkage, argument, replace_name};
use crate::generate::manifest::{Constant, Definition, Item, Manifest, Type};
use crate::generate::toolchain::Toolchain;

pub struct Output {
    pub rust: String,
    pub shim: Option<String>,
    pub absent: Vec<String>,
    /// The functions that the linker must find.
    pub linked: Vec<String>,
}

/// Where a name of the manifest comes from on these headers.
enum Source {
    Symbol,
    /// Rust that calls another function: the body.
    Rust(String),
    Shim,
    Absent,
}

/// Writes all of it.
///
/// # Errors
///
/// The name that cannot be written, and why.
pub fn emit(manifest: &Manifest, headers: &Headers) -> Result<Output, String> {
    let mut emitter = Emitter { manifest, headers, items: manifest.items(), rust: String::new() };
    for found in &manifest.types {
        emitter.ctype(found)?;
    }
    emitter.sizes();
    for constant in &manifest.constants {
        emitter.constant(constant)?;
    }
    let _ = writeln!(
        emitter.rust,
        "/// OPENSSL_VERSION_NUMBER of the headers.\npub const HEADERS_VERSION: core::ffi::c_ulong = {:#x};",
        headers.version
    );
    let (mut symbols, mut shims, mut inline) = (String::new(), String::new(), String::new());
    let (mut absent, mut linked, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
    for item in manifest.functions.iter().chain(&manifest.macros) {
        let signature = match emitter.manifest.speller().signature(&item.signature, true) {
            Ok(signature) => signature,
            Err(error) => {
                wrong.push(format!("{}: {error}", item.name));
                continue;
            }
        };
        let name = &item.name;
        let source = emitter.source(item);
        if matches!(source, Source::Symbol | Source::Shim) {
            linked.push(name.clone());
        }
        let _ = match source {
            Source::Symbol => writeln!(symbols, "    pub fn {name}{signature};"),
            Source::Rust(body) => {
                writeln!(inline, "#[inline]\npub unsafe fn {name}{signature} {{\n    {body}\n}}")
            }
            Source::Shim => {
                shims.push_str(&shim(item)?);
                writeln!(
                    symbols,
                    "    #[link_name = \"openssl_sys_ext_{name}\"]\n    pub fn {name}{signature};"
                )
            }
            Source::Absent => {
                absent.push(name.clone());
                Ok(())
            }
        };
    }
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    let _ = writeln!(emitter.rust, "unsafe extern \"C\" {{\n{symbols}}}\n{inline}");
    let shim =
        (!shims.is_empty()).then(|| format!("{}{shims}", crate::generate::headers::shim_head(manifest)));
    Ok(Output { rust: emitter.rust, shim, absent, linked })
}

struct Emitter<'a> {
    manifest: &'a Manifest,
    headers: &'a Headers,
    items: BTreeMap<&'a str, &'a Item>,
    rust: String,
}

impl Emitter<'_> {
    fn ctype(&mut self, found: &Type) -> Result<(), String> {
        let speller = self.manifest.speller();
        let name = &found.name;
        let said = |error| format!("types.txt: {name}: {error}");
        let text = match &found.definition {
            Definition::Sys => String::new(),
            Definition::Opaque => format!(
                "#[repr(C)]\npub struct {name} {{\n    _data: [u8; 0],\n    \
                 _marker: core::marker::PhantomData<(*mut u8, core::marker::PhantomPinned)>,\n}}\n"
            ),
            Definition::Enum => {
                let (width, signed) = self.headers.integers.get(name).copied().unwrap_or((4, cfg!(windows)));
                format!("pub type {name} = {}{};\n", if signed { 'i' } else { 'u' }, u32::from(width) * 8)
            }
            Definition::Alias(_, CType::Function(signature)) => {
                format!(
                    "pub type {name} = Option<unsafe extern \"C\" fn{}>;\n",
                    speller.signature(signature, true).map_err(said)?
                )
            }
            Definition::Alias(_, ctype) => {
                format!("pub type {name} = {};\n", speller.spell(ctype).map_err(said)?)
            }
            Definition::Record { union, fields, .. } => {
                let mut text = String::from("#[repr(C)]\n#[derive(Clone, Copy)]\n");
                let _ = writeln!(text, "pub {} {name} {{", if *union { "union" } else { "struct" });
                for field in fields {
                    let _ = writeln!(
                        text,
                        "    pub {}: {},",
                        rust_name(&field.name),
                        speller.spell(&field.ctype).map_err(said)?
                    );
                }
                text.push_str("}\n");
                text
            }
        };
        self.rust.push_str(&text);
        Ok(())
    }

    /// Stops the build where `libc` takes a type for another size than these headers do.
    fn sizes(&mut self) {
        for (c, rust) in ctype::ARITHMETIC.iter().filter(|(_, rust)| rust.starts_with("libc::")) {
            if let Some((width, _)) = self.headers.integers.get(*c) {
                let _ = writeln!(
                    self.rust,
                    "const _: () = assert!(size_of::<{rust}>() == {width}, \"{c} has another size in C\");"
                );
            }
        }
    }

    fn constant(&mut self, constant: &Constant) -> Result<(), String> {
        let Constant { name, rust, literal } = constant;
        let value = self.headers.constants.get(name).unwrap_or(literal);
        if !rust.contains("CStr") {
            let number: i128 =
                parse_integer(value).ok_or_else(|| format!("{name}: `{value}` is no integer"))?;
            let fits = match *rust {
                "core::ffi::c_int" => i32::try_from(number).is_ok(),
                "core::ffi::c_uint" | "u32" => u32::try_from(number).is_ok(),
                "u8" => u8::try_from(number).is_ok(),
                // A 32-bit `long` is refused by rustc where it matters.
                _ => i64::try_from(number).is_ok() || u64::try_from(number).is_ok(),
            };
            if !fits {
                return Err(format!("{name}: {value} does not fit {rust}"));
            }
        }
        let _ = writeln!(self.rust, "pub const {name}: {rust} = {value};");
        Ok(())
    }

    fn source(&self, item: &Item) -> Source {
        let name = item.name.as_str();
        if !self.headers.has(item) {
            return Source::Absent;
        }
        let is_function = self.manifest.functions.iter().any(|function| function.name == name);
        match (self.headers.declared.get(name), self.headers.expansions.get(name)) {
            (Some(Linkage::External), _) if is_function => Source::Symbol,
            // The prototype of a macro is our own, and C converts where a real function's is another.
            (Some(_), _) => Source::Shim,
            (None, Some(expansion)) => {
                let expansion: Vec<&str> = expansion.iter().map(String::as_str).collect();
                if item.body.is_some() && !self.calls_what_is_there(&expansion) {
                    return Source::Absent;
                }
                self.translate(item, &expansion).map_or(Source::Shim, Source::Rust)
            }
            (None, None) => Source::Absent,
        }
    }

    fn calls_what_is_there(&self, expansion: &[&str]) -> bool {
        expansion.first().is_some_and(|name| self.headers.declared.contains_key(*name))
    }

    /// An expansion that is one call, as Rust.
    fn translate(&self, item: &Item, expansion: &[&str]) -> Option<String> {
        let call = expression(expansion)?;
        let mut inner = &call;
        while let Expression::Cast(_, of) = inner {
            inner = of;
        }
        let Expression::Call(..) = inner else { return None };
        let body = if item.signature.result == CType::Void {
            let (text, _) = self.value(item, inner)?;
            format!("unsafe {{ {text}; }}")
        } else {
            let text = self.convert(item, &call, &item.signature.result)?;
            format!("unsafe {{ {text} }}")
        };
        Some(body)
    }

    /// The expression's Rust and its type.
    fn value(&self, item: &Item, expression: &Expression) -> Option<(String, CType)> {
        match expression {
            Expression::Parameter(at) => {
                let parameter = item.signature.parameters.get(*at)?;
                Some((parameter_name(&item.signature, *at), parameter.ctype.clone()))
            }
            Expression::Integer(number) => {
                i32::try_from(*number).ok().map(|number| (number.to_string(), CType::Named("int".to_owned())))
            }
            Expression::Null => None,
            Expression::Cast(to, of) => Some((self.convert(item, of, to)?, to.clone())),
            Expression::Call(name, arguments) => {
                let callee = self.items.get(name.as_str())?;
                let callable = matches!(self.headers.declared.get(name), Some(Linkage::External));
                let Signature { parameters, result, variadic } = &callee.signature;
                if !callable || *variadic || parameters.len() != arguments.len() {
                    return None;
                }
                let arguments = arguments
                    .iter()
                    .zip(parameters)
                    .map(|(argument, to)| self.convert(item, argument, &to.ctype));
                let arguments = arguments.collect::<Option<Vec<_>>>()?.join(", ");
                Some((format!("{name}({arguments})"), result.clone()))
            }
        }
    }

    /// The expression as a value of type `to`, as C would convert it.
    fn convert(&self, item: &Item, expression: &Expression, to: &CType) -> Option<String> {
        let rust = self.manifest.speller().spell(to).ok()?;
        match (expression, self.class(to)?) {
            (Expression::Null | Expression::Integer(0), Class::Callback) => return Some("None".to_owned()),
            (Expression::Null | Expression::Integer(0), Class::Pointer) => {
                return Some(format!("core::ptr::null_mut::<()>() as {rust}"));
            }
            (Expression::Null, _) => return None,
            (Expression::Integer(number), Class::Arithmetic) => {
                return i32::try_from(*number).ok().map(|number| format!("{number} as {rust}"));
            }
            _ => {}
        }
        // A pointer cast on the way changes nothing.
        if let (Expression::Cast(by, of), Class::Pointer) = (expression, self.class(to)?) {
            if self.class(by)? == Class::Pointer {
                return self.convert(item, of, to);
            }
        }
        if let (Expression::Cast(by, of), Class::Callback) = (expression, self.class(to)?) {
            if self.class(by)? == Class::Callback {
                return self.convert(item, of, to);
            }
        }
        let (text, from) = self.value(item, expression)?;
        let from_rust = self.manifest.speller().spell(&from).ok()?;
        if from_rust == rust {
            return Some(text);
        }
        match (self.class(&from)?, self.class(to)?) {
            (Class::Arithmetic, Class::Arithmetic) | (Class::Pointer, Class::Pointer) => {
                Some(format!("{text} as {rust}"))
            }
            (Class::Callback, Class::Callback) => {
                Some(format!("core::mem::transmute::<{from_rust}, {rust}>({text})"))
            }
            _ => None,
        }
    }

    fn class(&self, ctype: &CType) -> Option<Class> {
        match ctype {
            CType::Void => None,
            CType::Function(_) => Some(Class::Callback),
            CType::Pointer { to, .. } => match &**to {
                CType::Function(_) => Some(Class::Callback),
                CType::Named(name) if self.manifest.kind(name) == Some(Kind::Function) => {
                    Some(Class::Callback)
                }
                _ => Some(Class::Pointer),
            },
            CType::Named(name) => match self.manifest.kind(name) {
                Some(Kind::FunctionPointer) => Some(Class::Callback),
                Some(Kind::Enum) => Some(Class::Arithmetic),
                Some(_) => None,
                None => ctype::ARITHMETIC.iter().any(|(c, _)| c == name).then_some(Class::Arithmetic),
            },
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Class {
    Arithmetic,
    Pointer,
    Callback,
}

/// What macros that are only a call expand to.
enum Expression {
    Parameter(usize),
    Integer(i128),
    Null,
    Cast(CType, Box<Self>),
    Call(String, Vec<Self>),
}

/// Reads an expansion, if it is as simple as that.
fn expression(tokens: &[&str]) -> Option<Expression> {
    let (&first, rest) = tokens.split_first()?;
    if let Some(number) = fold(tokens) {
        return Some(Expression::Integer(number));
    }
    if first == "(" {
        let close = matching(tokens, 0)?;
        if close + 1 == tokens.len() {
            return expression(&tokens[1..close]);
        }
        let to = ctype::type_name(&tokens[1..close])?;
        let of = &tokens[close + 1..];
        // `(x) - 1` is no cast: what follows a cast here is a name, a number or a parenthesis.
        if !(of[0] == "(" || ctype::is_identifier(of[0]) || parse_integer(of[0]).is_some()) {
            return None;
        }
        let of = expression(of)?;
        if matches!((&to, &of), (CType::Pointer { .. }, Expression::Integer(0))) {
            return Some(Expression::Null);
        }
        return Some(Expression::Cast(to, Box::new(of)));
    }
    if rest.is_empty() {
        let at = first.strip_prefix(argument(0).trim_end_matches('0'))?;
        return at.parse().ok().map(Expression::Parameter);
    }
    if ctype::is_identifier(first) && rest[0] == "(" && matching(tokens, 1)? + 1 == tokens.len() {
        let inside = &tokens[2..tokens.len() - 1];
        if inside.is_empty() {
            return Some(Expression::Call(first.to_owned(), Vec::new()));
        }
        let arguments = split_arguments(inside).into_iter().map(expression).collect::<Option<Vec<_>>>()?;
        return Some(Expression::Call(first.to_owned(), arguments));
    }
    None
}

/// The value of what consists of numbers alone, such as a set of flags.
fn fold(tokens: &[&str]) -> Option<i128> {
    if let [number] = tokens {
        return parse_integer(number);
    }
    let mut depth = 0_i32;
    for (at, &token) in tokens.iter().enumerate().rev() {
        depth += i32::from(token == ")") - i32::from(token == "(");
        if token == "|" && depth == 0 {
            return Some(fold(&tokens[..at])? | fold(&tokens[at + 1..])?);
        }
    }
    match *tokens.first()? {
        "~" => fold(&tokens[1..]).map(|number| !number),
        "-" => fold(&tokens[1..]).map(|number| -number),
        "(" if matching(tokens, 0)? + 1 == tokens.len() => fold(&tokens[1..tokens.len() - 1]),
        _ => None,
    }
}

fn matching(tokens: &[&str], open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, &token) in tokens.iter().enumerate().skip(open) {
        match token {
            "(" => depth += 1,
            ")" => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at);
                }
            }
            _ => {}
        }
    }
    None
}

fn split_arguments<'a, 'b>(tokens: &'a [&'b str]) -> Vec<&'a [&'b str]> {
    let mut depth = 0_i32;
    tokens
        .split(|&token| {
            depth += i32::from(token == "(") - i32::from(token == ")");
            token == "," && depth == 0
        })
        .collect()
}

/// A C or manifest integer: decimal, hexadecimal, with suffixes, or negative.
pub fn parse_integer(text: &str) -> Option<i128> {
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |rest| (-1, rest));
    let digits = digits.trim_end_matches(['u', 'U', 'l', 'L']);
    let magnitude = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(hexadecimal) => i128::from_str_radix(hexadecimal, 16),
        None if digits.len() > 1 && digits.starts_with('0') => i128::from_str_radix(digits, 8),
        None => digits.parse(),
    };
    magnitude.ok().map(|magnitude| sign * magnitude)
}

/// A C function that does what the macro does.
fn shim(item: &Item) -> Result<String, String> {
    let Item { name, signature, prototype, body, .. } = item;
    let mut arguments = Vec::new();
    for parameter in &signature.parameters {
        if parameter.name.is_empty() {
            return Err(format!("{name}: the shim needs a name for each parameter"));
        }
        arguments.push(parameter.name.as_str());
    }
    let call = body.clone().unwrap_or_else(|| format!("{name}({})", arguments.join(", ")));
    let declaration = replace_name(prototype, name, &format!("openssl_sys_ext_{name}"));
    let give = if signature.result == CType::Void { "" } else { "return " };
    Ok(format!("{declaration};\n{declaration} {{ {give}{call}; }}\n"))
}

/// Has C take the manifest's types for every macro's arguments, without a cast of ours.
///
/// # Errors
///
/// The macros that do not take them.
pub fn check_macros(manifest: &Manifest, headers: &Headers, toolchain: &Toolchain) -> Result<(), String> {
    if !toolchain.can_check() {
        return Ok(());
    }
    let mut source = crate::generate::headers::shim_head(manifest);
    for item in manifest.macros.iter().filter(|item| headers.has(item)) {
        let _ = writeln!(source, "#line 1 \"openssl-sys-ext: {}\"\n{}", item.name, shim(item)?);
    }
    toolchain.check_conversions("macros", &source)
}
