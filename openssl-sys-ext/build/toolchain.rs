//! The target's C compiler, as openssl-sys' headers want it.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The compiler with the flags of this build.
#[derive(Clone, Debug)]
pub struct Toolchain {
    build: cc::Build,
    folder: PathBuf,
}

impl Toolchain {
    /// `build` has the include folders, and where the caller is no build script, target, host and optimisation. Files
    /// are written into `folder`.
    pub fn new(mut build: cc::Build, folder: &Path) -> Self {
        build.cargo_metadata(false).cargo_warnings(false).warnings(false);
        Self { build, folder: folder.to_owned() }
    }

    /// Whether this compiler has `__builtin_types_compatible_p`.
    pub fn can_check(&self) -> bool {
        self.build.try_get_compiler().is_ok_and(|compiler| !compiler.is_like_msvc())
    }

    /// The flags that undo what CFLAGS may ask for and what would spoil a probe.
    fn quiet_flags(msvc: bool) -> &'static [&'static str] {
        if msvc { &["/w", "/WX-"] } else { &["-w", "-Wno-error", "-fno-lto"] }
    }

    fn command(&self, name: &str, source: &str) -> Result<(Command, bool), String> {
        let (mut command, msvc) = self.bare_command(name, source)?;
        command.args(Self::quiet_flags(msvc));
        Ok((command, msvc))
    }

    fn bare_command(&self, name: &str, source: &str) -> Result<(Command, bool), String> {
        let compiler = self.build.try_get_compiler().map_err(|error| format!("no C compiler: {error}"))?;
        let msvc = compiler.is_like_msvc();
        let path = self.folder.join(format!("{name}.c"));
        std::fs::write(&path, source).map_err(|error| format!("{}: {error}", path.display()))?;
        let mut command = compiler.to_command();
        command.stdin(Stdio::null());
        // Messages are read, so they are asked for in English.
        command.env("LC_ALL", "C");
        command.arg(path);
        Ok((command, msvc))
    }

    fn run(mut command: Command) -> Result<Vec<u8>, String> {
        let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
        if output.status.success() {
            return Ok(output.stdout);
        }
        let said = String::from_utf8_lossy(&output.stderr);
        Err(format!(
            "the C compiler refused a probe\n{said}{}({}, by {:?} {:?})",
            String::from_utf8_lossy(&output.stdout),
            output.status,
            command.get_program(),
            command.get_args().collect::<Vec<_>>()
        ))
    }

    /// What the preprocessor makes of `source`.
    ///
    /// # Errors
    ///
    /// What the compiler said.
    pub fn preprocess(&self, name: &str, source: &str) -> Result<String, String> {
        let (mut command, msvc) = self.command(name, source)?;
        if msvc {
            command.arg("/EP");
        } else {
            command.args(["-E", "-P"]);
        }
        // Comments and strings of headers may be in any encoding.
        Self::run(command).map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Checks `source` without making an object.
    ///
    /// # Errors
    ///
    /// What the compiler said.
    pub fn check(&self, name: &str, source: &str, arguments: &[&str]) -> Result<(), String> {
        let (mut command, _) = self.command(name, source)?;
        command.args(["-fsyntax-only"]).args(arguments);
        // All that is wrong is worth hearing.
        command.arg(if self.is_clang() { "-ferror-limit=0" } else { "-fmax-errors=0" });
        Self::run(command).map(drop)
    }

    /// As [`Toolchain::check`], and pointers and integers must not be mixed up.
    ///
    /// # Errors
    ///
    /// What the compiler said.
    pub fn check_conversions(&self, name: &str, source: &str) -> Result<(), String> {
        // `-w`, which everything else here has, would silence these too.
        let mut loud = self.clone();
        loud.build.warnings(true);
        let (mut command, _) = loud.bare_command(name, source)?;
        command.args(["-Wno-error", "-Werror=incompatible-pointer-types", "-Werror=int-conversion"]);
        command.args(["-fno-lto", "-fsyntax-only", "-Dconst="]);
        Self::run(command).map(drop)
    }

    fn is_clang(&self) -> bool {
        self.build.try_get_compiler().is_ok_and(|compiler| compiler.is_like_clang())
    }

    /// The object file that `source` compiles to.
    ///
    /// # Errors
    ///
    /// What the compiler said.
    pub fn object(&self, name: &str, source: &str) -> Result<Vec<u8>, String> {
        let (mut command, msvc) = self.command(name, source)?;
        let object = self.folder.join(format!("{name}.o"));
        if msvc {
            let mut flag = std::ffi::OsString::from("/Fo");
            flag.push(&object);
            command.arg("/c").arg(flag);
        } else {
            command.arg("-c").arg("-o").arg(&object);
        }
        Self::run(command)?;
        std::fs::read(&object).map_err(|error| format!("{}: {error}", object.display()))
    }
}
