//! A profile of callgrind's, as far as the benches need it.

use std::collections::HashMap;
use std::ops::{Div, Sub};

/// What a run, or a piece of work, costs.
#[derive(Clone, Copy, Debug, Default)]
pub struct Costs {
    /// Instructions.
    pub all: u64,
    /// Those outside of OpenSSL and of C's library.
    pub own: u64,
    /// Calls to an allocator's functions that give memory.
    pub mallocs: u64,
    /// Whether OpenSSL is a library of its own, so that `own` means something.
    pub shared: bool,
}

/// C's library, the loader that belongs to it, and OpenSSL. Callgrind calls those `???` that lie in a library's table of jumps to other libraries.
const NOT_OURS: [&str; 6] = ["libssl.", "libcrypto.", "libc.", "ld-linux", "libm.", "???"];
const ALLOCATORS: [&str; 6] = ["malloc", "calloc", "realloc", "memalign", "aligned_alloc", "posix_memalign"];

/// Sums the lines of a profile up: <https://valgrind.org/docs/manual/cl-format.html>.
pub fn read(profile: &str) -> Costs {
    let mut costs = Costs::default();
    let (mut objects, mut functions) = (HashMap::new(), HashMap::new());
    let (mut here, mut callee) = ("", "");
    let mut of_call = false;
    for line in profile.lines() {
        if let Some(name) = line.strip_prefix("ob=") {
            here = resolve(&mut objects, name);
            costs.shared |= here.contains("/libssl.");
        } else if let Some(name) = line.strip_prefix("cob=") {
            resolve(&mut objects, name);
        } else if let Some(name) = line.strip_prefix("fn=") {
            resolve(&mut functions, name);
        } else if let Some(name) = line.strip_prefix("cfn=") {
            callee = resolve(&mut functions, name);
        } else if let Some(calls) = line.strip_prefix("calls=") {
            let times = calls.split_whitespace().next().and_then(|times| times.parse().ok());
            if ALLOCATORS.contains(&callee) {
                costs.mallocs += times.unwrap_or(0);
            }
            // The next line has what the call cost, which counts where it was spent.
            of_call = true;
        } else if line.starts_with(['+', '-', '*']) || line.starts_with(|first: char| first.is_ascii_digit())
        {
            let cost = line.split_whitespace().nth(1).and_then(|cost| cost.parse::<u64>().ok()).unwrap_or(0);
            if !std::mem::take(&mut of_call) {
                let file = here.rsplit('/').next().unwrap_or(here);
                costs.all += cost;
                costs.own += if NOT_OURS.iter().any(|other| file.starts_with(other)) { 0 } else { cost };
            }
        }
    }
    costs
}

/// A name is written out once, `(7) name`, and is then `(7)`.
fn resolve<'a>(names: &mut HashMap<&'a str, &'a str>, text: &'a str) -> &'a str {
    match text.split_once(' ') {
        Some((number, name)) => {
            names.insert(number, name);
            name
        }
        None => names.get(text).copied().unwrap_or(text),
    }
}

impl Sub for Costs {
    type Output = Self;

    fn sub(self, less: Self) -> Self {
        Self {
            all: self.all.saturating_sub(less.all),
            own: self.own.saturating_sub(less.own),
            mallocs: self.mallocs.saturating_sub(less.mallocs),
            shared: self.shared && less.shared,
        }
    }
}

impl Div<u64> for Costs {
    type Output = Self;

    fn div(self, times: u64) -> Self {
        Self {
            all: self.all / times,
            own: self.own / times,
            mallocs: self.mallocs / times,
            shared: self.shared,
        }
    }
}
