//! The file of scenarios, as `oracle.c` reads it.

/// One scenario, with the transports that it is played on.
pub struct Scenario {
    /// Its name.
    pub id: String,
    /// The transports.
    pub transports: Vec<String>,
    /// What happens, a step a line.
    pub steps: Vec<Line>,
}

/// A line of words.
#[derive(Clone, Debug)]
pub struct Line(String);

impl Line {
    /// The word at this place, or `""`.
    pub fn word(&self, at: usize) -> &str {
        self.0.split(' ').filter(|word| !word.is_empty()).nth(at).unwrap_or_default()
    }

    /// Whether the step prints a line.
    pub fn prints(&self) -> bool {
        let calls =
            ["connect", "accept", "do_handshake", "read", "peek", "write", "shutdown", "clear", "got"];
        calls.contains(&self.word(0))
    }

    /// Everything after the first word.
    pub fn text(&self) -> &str {
        self.0.split_once(' ').map_or("", |(_, text)| text)
    }

    /// The number at this place, or 0, as `atol` gives it.
    pub fn number(&self, at: usize) -> i64 {
        self.word(at).parse().unwrap_or_default()
    }

    /// The value of a word `key=value`.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0
            .split(' ')
            .skip(1)
            .filter_map(|word| word.split_once('='))
            .find(|(name, _)| *name == key)
            .map(|(_, v)| v)
    }

    /// The number of `name:number` in the list with commas that is the value of `key`; 1 for a bare name, or 0.
    pub fn listed(&self, key: &str, name: &str) -> u32 {
        let list = self.get(key).unwrap_or_default();
        list.split(',')
            .map(|item| item.split_once(':').unwrap_or((item, "1")))
            .find(|(item, _)| *item == name)
            .map_or(0, |(_, number)| number.parse().expect("a number"))
    }
}

/// All scenarios of the file.
pub fn parse(text: &str) -> Vec<Scenario> {
    let mut scenarios: Vec<Scenario> = Vec::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let line = Line(line.into());
        if line.word(0) == "@" {
            let transports = line.word(2).split(',').map(Into::into).collect();
            scenarios.push(Scenario { id: line.word(1).into(), transports, steps: Vec::new() });
        } else {
            scenarios.last_mut().expect("a scenario before its steps").steps.push(line);
        }
    }
    scenarios
}
