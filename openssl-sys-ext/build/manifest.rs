//! The manifest: the text files under `manifest/`, read and made sense of.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use crate::generate::ctype::{self, CType, Declaration, Kind, Signature, Speller};

/// Everything the manifest says.
#[derive(Clone, Debug, Default)]
pub struct Manifest {
    pub functions: Vec<Item>,
    pub macros: Vec<Item>,
    pub constants: Vec<Constant>,
    pub types: Vec<Type>,
    /// The OPENSSL_NO_… that some item names as a guard or that features.txt lists.
    pub features: Vec<String>,
    kinds: HashMap<String, Kind>,
}

/// A function or a function-like macro.
#[derive(Clone, Debug)]
pub struct Item {
    pub name: String,
    pub signature: Signature,
    /// The prototype as it stands in the file.
    pub prototype: String,
    /// The first version that has it.
    pub since: u32,
    /// The first version that has it no more.
    pub until: Option<u32>,
    /// The features whose absence takes it away.
    pub guards: Vec<String>,
    /// What a macro does, where the header's own cannot be compiled.
    pub body: Option<String>,
}

#[derive(Clone, Debug)]
pub struct Constant {
    pub name: String,
    /// The Rust type.
    pub rust: &'static str,
    /// Its value in headers that lack it.
    pub literal: String,
}

#[derive(Clone, Debug)]
pub struct Type {
    pub name: String,
    /// As C spells it: `STACK_OF(X509)` for `stack_st_X509`.
    pub c_name: String,
    pub definition: Definition,
}

#[derive(Clone, Debug)]
pub enum Definition {
    Sys,
    Opaque,
    Enum,
    /// The text after `typedef`, and the type it names.
    Alias(String, CType),
    Record {
        union: bool,
        body: String,
        fields: Vec<Declaration>,
    },
}

impl Manifest {
    /// Reads the files of a folder.
    ///
    /// # Errors
    ///
    /// The file, the line and what is wrong with it.
    pub fn read(folder: &Path) -> Result<Self, String> {
        let text = |name: &str| {
            let path = folder.join(name);
            std::fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
        };
        Self::parse(
            &text("types.txt")?,
            &text("functions.txt")?,
            &text("macros.txt")?,
            &text("constants.txt")?,
        )
    }

    /// Makes sense of the files' texts.
    ///
    /// # Errors
    ///
    /// As [`Manifest::read`].
    pub fn parse(types: &str, functions: &str, macros: &str, constants: &str) -> Result<Self, String> {
        let mut manifest = Self {
            functions: each_line("functions.txt", functions, read_item)?,
            macros: each_line("macros.txt", macros, read_item)?,
            constants: each_line("constants.txt", constants, read_constant)?,
            types: each_line("types.txt", types, read_type)?,
            ..Self::default()
        };
        for found in &manifest.types {
            let kind = match &found.definition {
                Definition::Sys => Kind::Sys,
                Definition::Opaque => Kind::Opaque,
                Definition::Enum => Kind::Enum,
                Definition::Record { .. } => Kind::Plain,
                Definition::Alias(_, CType::Function(_)) => Kind::Function,
                Definition::Alias(_, CType::Pointer { to, .. }) if matches!(**to, CType::Function(_)) => {
                    Kind::FunctionPointer
                }
                Definition::Alias(..) => Kind::Plain,
            };
            if manifest.kinds.insert(found.name.clone(), kind).is_some() {
                return Err(format!("types.txt: {} is there twice", found.name));
            }
        }
        let items = manifest.functions.iter().chain(&manifest.macros);
        let mut features: Vec<_> = items.flat_map(|item| item.guards.clone()).collect();
        features.sort();
        features.dedup();
        manifest.features = features;
        manifest.refuse_duplicates()?;
        Ok(manifest)
    }

    fn refuse_duplicates(&self) -> Result<(), String> {
        let mut seen = HashSet::new();
        let names = self.functions.iter().chain(&self.macros).map(|item| &item.name);
        for name in names.chain(self.constants.iter().map(|constant| &constant.name)) {
            if !seen.insert(name) {
                return Err(format!("the manifest has {name} twice"));
            }
        }
        Ok(())
    }

    /// What spells this manifest's types in Rust.
    pub fn speller(&self) -> Speller<impl Fn(&str) -> Option<Kind>> {
        Speller { kind: |name: &str| self.kinds.get(name).copied() }
    }

    pub fn kind(&self, name: &str) -> Option<Kind> {
        self.kinds.get(name).copied()
    }

    /// Functions and macros by name.
    pub fn items(&self) -> BTreeMap<&str, &Item> {
        self.functions.iter().chain(&self.macros).map(|item| (item.name.as_str(), item)).collect()
    }
}

fn each_line<T>(file: &str, text: &str, read: impl Fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        found.push(read(line).map_err(|error| format!("{file}:{}: {error}: {line}", number + 1))?);
    }
    Ok(found)
}

/// `3.2.0` as OPENSSL_VERSION_NUMBER has it, without the patch's tail.
pub fn version(text: &str) -> Result<u32, String> {
    let mut parts = [0_u32; 3];
    let mut given = text.split('.');
    for (at, part) in parts.iter_mut().enumerate() {
        match given.next() {
            Some(number) => *part = number.parse().map_err(|_| format!("`{text}` is no version"))?,
            None if at > 0 => {}
            None => return Err(format!("`{text}` is no version")),
        }
    }
    Ok(parts[0] << 28 | parts[1] << 20 | parts[2] << 4)
}

fn read_item(line: &str) -> Result<Item, String> {
    let (since, mut rest) = line.split_once(' ').ok_or("a version and a prototype expected")?;
    let mut until = None;
    let mut guards = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('!') {
            let (text, after) = after.split_once(' ').ok_or("a prototype expected")?;
            until = Some(version(text)?);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('[') {
            let (text, after) = after.split_once(']').ok_or("`]` expected")?;
            guards = text.split(',').map(|guard| guard.trim().to_owned()).collect();
            rest = after;
        } else {
            break;
        }
    }
    let rest = rest.strip_suffix(';').ok_or("`;` expected at the end")?;
    let (prototype, body) = match rest.split_once(" = ") {
        Some((prototype, body)) => (prototype, Some(body.to_owned())),
        None => (rest, None),
    };
    let (name, signature) = ctype::prototype(prototype)?;
    Ok(Item { name, signature, prototype: prototype.to_owned(), since: version(since)?, until, guards, body })
}

fn read_constant(line: &str) -> Result<Constant, String> {
    const TYPES: &[(&str, &str)] = &[
        ("int", "core::ffi::c_int"),
        ("unsigned", "core::ffi::c_uint"),
        ("long", "core::ffi::c_long"),
        ("ulong", "core::ffi::c_ulong"),
        ("size", "usize"),
        ("u8", "u8"),
        ("u32", "u32"),
        ("u64", "u64"),
        ("str", "&core::ffi::CStr"),
    ];
    let (ctype, rest) = line.split_once(' ').ok_or("a type, a name and a value expected")?;
    let (name, literal) = rest.split_once(' ').ok_or("a type, a name and a value expected")?;
    let (_, rust) = TYPES
        .iter()
        .find(|(c, _)| *c == ctype)
        .ok_or_else(|| format!("`{ctype}` is no type of a constant"))?;
    Ok(Constant { name: name.to_owned(), rust, literal: literal.trim().to_owned() })
}

fn read_type(line: &str) -> Result<Type, String> {
    let (word, rest) = line.split_once(' ').ok_or("a kind and a name expected")?;
    let simple = |definition| {
        let CType::Named(name) = ctype::declaration(rest)?.ctype else {
            return Err("a name expected".to_owned());
        };
        Ok(Type { name, c_name: rest.to_owned(), definition })
    };
    match word {
        "sys" => simple(Definition::Sys),
        "opaque" => simple(Definition::Opaque),
        "enum" => simple(Definition::Enum),
        "typedef" => {
            let text = rest.strip_suffix(';').ok_or("`;` expected at the end")?;
            if text.starts_with("struct {") || text.starts_with("union {") {
                return read_record(text);
            }
            let found = ctype::declaration(text)?;
            let definition = Definition::Alias(text.to_owned(), found.ctype);
            Ok(Type { c_name: found.name.clone(), name: found.name, definition })
        }
        _ => Err(format!("`{word}` is no kind of type")),
    }
}

fn read_record(text: &str) -> Result<Type, String> {
    let (head, rest) = text.split_once('{').ok_or("`{` expected")?;
    let (body, name) = rest.rsplit_once('}').ok_or("`}` expected")?;
    let fields = body.split(';').map(str::trim).filter(|field| !field.is_empty());
    let fields = fields.map(ctype::declaration).collect::<Result<Vec<_>, _>>()?;
    let name = name.trim().to_owned();
    let definition =
        Definition::Record { union: head.starts_with("union"), body: body.trim().to_owned(), fields };
    Ok(Type { c_name: name.clone(), name, definition })
}
