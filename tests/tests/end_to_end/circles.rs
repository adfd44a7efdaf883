//! No two modules of a framework crate use each other in a circle.
//!
//! A module is a file or folder directly below `src`; what it uses is read off its paths that
//! begin with `crate::`, or with as many `super::` as lead to the root. Names that the root
//! exports again count as the module's that defines them. Tests are left out.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use crate::harness::repository;
use crate::layout::{files, product};

/// What each module uses.
type Uses = BTreeMap<String, BTreeSet<String>>;

/// The names at the beginning of `rest`: one, or all of a group in braces, each up to its `::`.
fn names(rest: &str) -> Vec<String> {
    let first = |path: &str| -> String {
        let path = path.trim();
        path.chars()
            .take_while(|c| c.is_alphanumeric() || *c == '_')
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![first(rest)];
    };
    let (mut depth, mut paths) = (1, vec![String::new()]);
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => paths.push(String::new()),
            c => paths.last_mut().unwrap().push(c),
        }
        if depth == 0 {
            break;
        }
    }
    paths.iter().map(|path| first(path)).collect()
}

/// Names after each occurrence of `prefix` that no further `super::` or word stands before.
fn after(text: &str, prefix: &str) -> Vec<String> {
    let whole = |at: usize| {
        let before = text[..at].chars().next_back();
        before.is_none_or(|c| !c.is_alphanumeric() && !"_:$".contains(c))
    };
    let found = text.match_indices(prefix).filter(|(at, _)| whole(*at));
    found
        .flat_map(|(at, _)| names(&text[at + prefix.len()..]))
        .collect()
}

fn uses(folder: &str) -> Uses {
    let source = format!("{folder}/src");
    let lib = product(Path::new(&format!("{source}/lib.rs")));
    let is_module = |name: &str| {
        let base = repository().join(&source);
        base.join(format!("{name}.rs")).is_file() || base.join(name).is_dir()
    };
    // What the root exports again: `pub use module::{A, B};`.
    let mut exported = BTreeMap::new();
    for (at, start) in lib.match_indices("pub use ") {
        let statement = lib[at + start.len()..].split(';').next().unwrap();
        if let Some((module, rest)) = statement.split_once("::").filter(|(m, _)| is_module(m)) {
            for name in names(rest) {
                exported.insert(name, module.to_owned());
            }
        }
    }
    let mut uses = Uses::new();
    for path in files(&source) {
        let below = path.strip_prefix(&source).unwrap();
        let parts: Vec<&str> = below.iter().map(|part| part.to_str().unwrap()).collect();
        let test = |part: &&str| *part == "tests" || *part == "tests.rs";
        if path.extension().is_none_or(|e| e != "rs") || parts.iter().any(test) {
            continue;
        }
        let module = parts[0].trim_end_matches(".rs").to_owned();
        let text = product(&path);
        let mut named = after(&text, "crate::");
        let levels = parts.len() - usize::from(*parts.last().unwrap() == "mod.rs");
        if module != "lib" {
            named.extend(after(&text, &"super::".repeat(levels)));
        }
        let entry = uses.entry(module.clone()).or_default();
        for name in named {
            let owner = exported.get(&name).cloned();
            let owner = owner.or_else(|| is_module(&name).then_some(name));
            // What the root itself defines is below all modules.
            entry.extend(owner.filter(|owner| *owner != module));
        }
    }
    uses
}

/// A circle through `start`, as the modules on the way.
fn circle(uses: &Uses, start: &str) -> Option<Vec<String>> {
    let mut ways = vec![vec![start.to_owned()]];
    let mut seen = BTreeSet::new();
    while let Some(way) = ways.pop() {
        for next in uses.get(way.last()?).into_iter().flatten() {
            let mut longer = way.clone();
            longer.push(next.clone());
            if next == start {
                return Some(longer);
            }
            if seen.insert(next.clone()) {
                ways.push(longer);
            }
        }
    }
    None
}

#[test]
fn modules_of_the_framework_use_each_other_one_way() {
    let mut crates = 0;
    for entry in fs::read_dir(repository().join("framework"))
        .unwrap()
        .flatten()
    {
        let folder = format!("framework/{}", entry.file_name().to_str().unwrap());
        if !repository().join(&folder).join("src/lib.rs").is_file() {
            continue;
        }
        let uses = uses(&folder);
        crates += 1;
        for module in uses.keys() {
            let found = circle(&uses, module);
            assert_eq!(found, None, "{folder}");
        }
    }
    assert!(crates >= 6, "{crates} crates");
}

#[test]
fn a_circle_is_found() {
    let uses = |pairs: &[(&str, &str)]| {
        let mut uses = Uses::new();
        for (from, to) in pairs {
            uses.entry((*from).into()).or_default().insert((*to).into());
        }
        uses
    };
    let open = uses(&[("a", "b"), ("b", "c"), ("a", "c")]);
    assert_eq!(circle(&open, "a"), None);
    let closed = uses(&[("a", "b"), ("b", "c"), ("c", "a")]);
    assert_eq!(circle(&closed, "a").unwrap(), ["a", "b", "c", "a"]);
    assert_eq!(names("{a::{B, C}, d, E}::x"), ["a", "d", "E"]);
    assert_eq!(
        after("use crate::a::B; mycrate::c; x::crate::d", "crate::"),
        ["a"]
    );
}
