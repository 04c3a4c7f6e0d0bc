//! The table, and what it is judged by.

use super::harness::Costs;

/// What a number of ours may be.
#[derive(Clone, Copy)]
pub enum Goal {
    /// Not more than so many times C's.
    Times(f64),
    /// Not more than C's and so many.
    Plus(u64),
    /// Not more than so many.
    Most(u64),
    /// There is none.
    None,
}

/// What there is of each library.
pub struct Numbers<T> {
    pub ours: T,
    pub c: Option<T>,
    pub openssl: Option<T>,
    pub rustls: Option<T>,
}

impl<T> Numbers<T> {
    pub fn map<U>(&self, mut of: impl FnMut(&T) -> U) -> Numbers<U> {
        Numbers {
            ours: of(&self.ours),
            c: self.c.as_ref().map(&mut of),
            openssl: self.openssl.as_ref().map(&mut of),
            rustls: self.rustls.as_ref().map(&mut of),
        }
    }
}

impl Numbers<u64> {
    /// The lesser of both of each.
    pub fn least(&self, other: &Self) -> Self {
        let least = |one: Option<u64>, other: Option<u64>| one.zip(other).map(|(one, other)| one.min(other));
        Self {
            ours: self.ours.min(other.ours),
            c: least(self.c, other.c),
            openssl: least(self.openssl, other.openssl),
            rustls: least(self.rustls, other.rustls),
        }
    }
}

/// One kind of work.
struct Line {
    what: String,
    goal: Goal,
    numbers: Numbers<u64>,
}

/// All lines.
#[derive(Default)]
pub struct Report(Vec<Line>);

impl Line {
    #[allow(clippy::cast_precision_loss)] // fewer than 2^52
    fn limit(&self) -> Option<f64> {
        Some(match self.goal {
            Goal::Times(times) => times * self.numbers.c? as f64,
            Goal::Plus(more) => (self.numbers.c? + more) as f64,
            Goal::Most(most) => most as f64,
            Goal::None => return None,
        })
    }

    /// Whether it is more than so many times its goal.
    #[allow(clippy::cast_precision_loss)] // fewer than 2^52
    fn exceeds(&self, times: f64) -> bool {
        self.limit().is_some_and(|limit| self.numbers.ours as f64 > limit * times)
    }
}

impl Report {
    pub fn add(&mut self, what: &str, goal: Goal, numbers: Numbers<u64>) {
        self.0.push(Line { what: what.into(), goal, numbers });
    }

    /// Instructions outside of OpenSSL, which can be told where that is a library of its own.
    pub fn add_if_shared(&mut self, what: &str, goal: Goal, costs: &Numbers<Costs>) {
        if costs.ours.shared {
            self.add(what, goal, Numbers { rustls: None, ..costs.map(|costs| costs.own) });
        }
    }

    /// Whether a number is more than one percent above its goal, or above what it was where it [missed](MISSED) that.
    pub fn is_worse(&self) -> bool {
        self.0.iter().any(|line| {
            let missed = MISSED.iter().find(|(what, _)| *what == line.what);
            line.exceeds(missed.map_or(1.0, |(_, times)| *times) * 1.01)
        })
    }

    #[allow(clippy::cast_precision_loss)] // fewer than 2^52
    pub fn print(&self) {
        let width = self.0.iter().map(|line| line.what.chars().count()).max().unwrap_or_default();
        println!(
            "{:width$} {:>10} {:>10} {:>10} {:>10} {:>7} {:>7} {:>7} {:>9}",
            "", "libssl", "C", "openssl", "rustls", "/ C", "/ ossl", "/ rtls", "goal"
        );
        for line in &self.0 {
            let numbers = &line.numbers;
            let number = |number: Option<u64>| number.map_or_else(|| "-".into(), |number| number.to_string());
            let ratio = |other: Option<u64>| match other {
                Some(other @ 1..) => format!("{:.4}", numbers.ours as f64 / other as f64),
                _ => "-".into(),
            };
            let goal = line.limit().map_or_else(|| "-".into(), |limit| format!("{limit:.0}"));
            let verdict = match line.goal {
                Goal::None => "",
                _ if line.exceeds(1.0) => "missed",
                _ => "met",
            };
            println!(
                "{:width$} {:>10} {:>10} {:>10} {:>10} {:>7} {:>7} {:>7} {:>9} {verdict}",
                line.what,
                numbers.ours,
                number(numbers.c),
                number(numbers.openssl),
                number(numbers.rustls),
                ratio(numbers.c),
                ratio(numbers.openssl),
                ratio(numbers.rustls),
                goal,
            );
        }
    }
}

/// Goals that are not met, and how many times its goal each number is: it must not become more.
///
/// - Before each call of libssl's that can fail this crate sees that OpenSSL's error queue is empty, since SSL_get_error would
///   take what somebody else left there for this call's failure. ERR_peek_error costs 206 instructions on OpenSSL 3.0, with what
///   it calls; a round trip of one byte makes two such calls, a read that finds nothing one.
/// - Each object has a state in its ex_data (39 instructions to look up), which refuses a dead object, one without a name to
///   verify, and what C may have begun meanwhile. Panics beneath C are contained.
/// - A client notes by what it verifies before it shakes hands, and looks again afterwards: its sessions stand for nothing else.
///   That asks OpenSSL twice for an address that is not there, 2,200 instructions each time with the error that it raises.
/// - Over tokio libssl alone takes more than C's program does, which reads without a runtime; what is saved is system calls.
const MISSED: [(&str, f64); 7] = [
    ("full handshake, both sides, in memory: instructions", 1.003),
    ("… outside of libssl, libcrypto, libc", 4.85),
    ("… allocations", 1.0096),
    ("1 byte written and read: instructions outside", 2.2),
    ("1 byte written and read: instructions", 1.07),
    ("a read that finds nothing: instructions", 1.54),
    ("1 KiB echoed over tokio (C: epoll), both sides: instructions", 1.117),
];
