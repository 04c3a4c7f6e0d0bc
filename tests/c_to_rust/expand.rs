//! What the crate's own `macro_rules!` macros make: enough of an expander to see the items in them.

use std::collections::HashMap;

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use syn::parse::{Parse, ParseStream, Parser};

/// The rules of a macro: what each takes and what it makes.
pub struct Rules(Vec<(Tokens, Tokens)>);

type Tokens = Vec<TokenTree>;

/// What a fragment stands for: tokens, or a list of it for one in a repetition.
#[derive(Clone)]
enum Bound {
    Tokens(Tokens),
    Each(Vec<Bound>),
}

type Bindings = HashMap<String, Bound>;

impl Rules {
    /// Reads what is between the braces of a `macro_rules!`.
    pub fn parse(body: TokenStream) -> Self {
        let groups: Vec<Group> = body
            .into_iter()
            .filter_map(|token| match token {
                TokenTree::Group(group) => Some(group),
                _ => None,
            })
            .collect();
        Self(groups.chunks_exact(2).map(|rule| (inside(&rule[0]), inside(&rule[1]))).collect())
    }

    /// What an invocation makes.
    pub fn expand(&self, invocation: TokenStream) -> Option<TokenStream> {
        let input: Tokens = invocation.into_iter().collect();
        self.0.iter().find_map(|(pattern, body)| {
            let mut bindings = Bindings::new();
            let end = take(pattern, &input, 0, &mut bindings)?;
            (end == input.len()).then(|| make(body, &bindings).into_iter().collect())
        })
    }
}

fn inside(group: &Group) -> Tokens {
    group.stream().into_iter().collect()
}

fn is_punct(token: Option<&TokenTree>, wanted: char) -> bool {
    matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == wanted)
}

/// A repetition that begins at the `$` at `at`: its inside, its separator, its operator, and where it ends.
fn repetition(tokens: &[TokenTree], at: usize) -> Option<(Tokens, Option<&TokenTree>, char, usize)> {
    let Some(TokenTree::Group(group)) = tokens.get(at + 1) else { return None };
    if !is_punct(tokens.get(at), '$') || group.delimiter() != Delimiter::Parenthesis {
        return None;
    }
    let operator = |token: Option<&TokenTree>| match token {
        Some(TokenTree::Punct(punct)) => Some(punct.as_char()).filter(|char| "*+?".contains(*char)),
        _ => None,
    };
    if let Some(operator) = operator(tokens.get(at + 2)) {
        return Some((inside(group), None, operator, at + 3));
    }
    Some((inside(group), tokens.get(at + 2), operator(tokens.get(at + 3))?, at + 4))
}

/// Takes what a pattern describes, from `at` on, and says where that ends.
fn take(pattern: &[TokenTree], input: &[TokenTree], mut at: usize, bindings: &mut Bindings) -> Option<usize> {
    let mut next = 0;
    while let Some(token) = pattern.get(next) {
        if let Some((inner, separator, operator, end)) = repetition(pattern, next) {
            at = repeat(&inner, separator, operator, input, at, bindings);
            next = end;
        } else if is_punct(Some(token), '$') {
            let (Some(name), Some(kind)) = (pattern.get(next + 1), pattern.get(next + 3)) else {
                return None;
            };
            let end = at + fragment(&kind.to_string(), &input[at..])?;
            bindings.insert(name.to_string(), Bound::Tokens(input[at..end].to_vec()));
            (at, next) = (end, next + 4);
        } else {
            match (token, input.get(at)?) {
                (TokenTree::Group(ours), TokenTree::Group(theirs))
                    if ours.delimiter() == theirs.delimiter() =>
                {
                    let theirs = inside(theirs);
                    if take(&inside(ours), &theirs, 0, bindings)? != theirs.len() {
                        return None;
                    }
                }
                (TokenTree::Group(_), _) | (_, TokenTree::Group(_)) => return None,
                (ours, theirs) if ours.to_string() == theirs.to_string() => {}
                _ => return None,
            }
            (at, next) = (at + 1, next + 1);
        }
    }
    Some(at)
}

fn repeat(
    inner: &[TokenTree],
    separator: Option<&TokenTree>,
    operator: char,
    input: &[TokenTree],
    mut at: usize,
    bindings: &mut Bindings,
) -> usize {
    let mut rounds = Vec::new();
    loop {
        let mut start = at;
        if let Some(separator) = separator.filter(|_| !rounds.is_empty()) {
            match input.get(at) {
                Some(token) if token.to_string() == separator.to_string() => start += 1,
                _ => break,
            }
        }
        let mut round = Bindings::new();
        match take(inner, input, start, &mut round) {
            Some(end) if end > at => at = end,
            _ => break,
        }
        rounds.push(round);
        if operator == '?' {
            break;
        }
    }
    for name in names(inner) {
        let each = rounds.iter().filter_map(|round| round.get(&name).cloned()).collect();
        bindings.insert(name, Bound::Each(each));
    }
    at
}

/// The fragments that are named in a pattern or a body.
fn names(tokens: &[TokenTree]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => found.extend(names(&inside(group))),
            TokenTree::Ident(name) if at > 0 && is_punct(tokens.get(at - 1), '$') => {
                found.push(name.to_string())
            }
            _ => {}
        }
    }
    found
}

/// How many tokens a fragment of a kind takes.
fn fragment(kind: &str, input: &[TokenTree]) -> Option<usize> {
    match kind {
        "ident" => matches!(input.first(), Some(TokenTree::Ident(_))).then_some(1),
        "tt" => (!input.is_empty()).then_some(1),
        "literal" => parsed::<syn::Lit>(input),
        "ty" => parsed::<syn::Type>(input),
        "path" => parsed::<syn::Path>(input),
        "expr" => parsed::<syn::Expr>(input),
        "block" => parsed::<syn::Block>(input),
        "meta" => parsed::<syn::Meta>(input),
        "vis" => parsed::<syn::Visibility>(input),
        "item" => parsed::<syn::Item>(input),
        "lifetime" => parsed::<syn::Lifetime>(input),
        _ => None,
    }
}

fn parsed<T: Parse>(input: &[TokenTree]) -> Option<usize> {
    let parse = |stream: ParseStream<'_>| {
        stream.parse::<T>()?;
        stream.parse::<TokenStream>()
    };
    let rest = parse.parse2(input.iter().cloned().collect()).ok()?;
    Some(input.len() - rest.into_iter().count())
}

/// Writes out what a rule makes.
fn make(body: &[TokenTree], bindings: &Bindings) -> Tokens {
    let mut made = Vec::new();
    let mut next = 0;
    while let Some(token) = body.get(next) {
        if let Some((inner, separator, _, end)) = repetition(body, next) {
            let used = names(&inner);
            let rounds = used.iter().filter_map(|name| match bindings.get(name) {
                Some(Bound::Each(each)) => Some(each.len()),
                _ => None,
            });
            for round in 0..rounds.max().unwrap_or_default() {
                if round > 0 {
                    made.extend(separator.cloned());
                }
                made.extend(make(&inner, &one_round(bindings, round)));
            }
            next = end;
            continue;
        }
        match (token, body.get(next + 1)) {
            (TokenTree::Punct(punct), Some(TokenTree::Ident(name))) if punct.as_char() == '$' => {
                match bindings.get(&name.to_string()) {
                    Some(Bound::Tokens(tokens)) => made.extend(tokens.iter().cloned()),
                    _ => made.push(TokenTree::Ident(name.clone())), // $crate
                }
                next += 2;
            }
            (TokenTree::Group(group), _) => {
                let inner = make(&inside(group), bindings).into_iter().collect();
                made.push(TokenTree::Group(Group::new(group.delimiter(), inner)));
                next += 1;
            }
            _ => {
                made.push(token.clone());
                next += 1;
            }
        }
    }
    made
}

fn one_round(bindings: &Bindings, round: usize) -> Bindings {
    let bound = bindings.iter().filter_map(|(name, bound)| {
        let bound = match bound {
            Bound::Each(each) => each.get(round)?.clone(),
            tokens => tokens.clone(),
        };
        Some((name.clone(), bound))
    });
    bound.collect()
}
