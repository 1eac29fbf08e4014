//! Holds the shape of `src/`: who may name whom, how large a file and a function may be, and that each says what it is.
//!
//! A plain reading of the text: comments and literals are blanked, the rest is cut into words, and every path that
//! starts at the crate's root is looked up in [`LAYERS`]. What is left to clippy (`clippy.toml`): forbidden types and
//! calls. What is not seen: paths put together inside macros of other crates.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

/// Each top-level module and what it may name; what those may name is allowed too.
///
/// `testing` would be helpers compiled for tests only, so whoever could name it in earnest would not build.
const LAYERS: &[(&str, &[&str])] = &[
    ("types", &["testing"]),
    ("seam", &["types"]),
    ("keys", &["seam"]),
    ("clock", &["seam"]),
    ("records", &["keys", "clock"]),
    ("overlay", &["records"]),
    ("registry", &["records"]),
    ("repair", &["records"]),
    ("retention", &["records"]),
    ("timeline", &["records"]),
    ("wire", &["records"]),
    ("net", &["wire"]),
    ("store", &["records"]),
    ("actors", &["overlay", "registry", "repair", "retention", "timeline", "net", "store"]),
    ("node", &["actors"]),
    ("api", &["node"]),
    ("web", &["node"]),
    ("cli", &["node", "sim"]),
    ("sim", &["node"]),
];

/// Helpers for tests inside `src/`, exempt from the table in both directions.
const TESTING: &str = "testing";

/// Modules that the simulator does not run; elsewhere the order in which `select!` looks must be fixed.
const UNSIMULATED: &[&str] = &["net", "store", "api", "web", "cli", "main"];

const FILE_LINES: usize = 400;
const TEST_FILE_LINES: usize = 600;
const FACADE_LINES: usize = 30;
const FUNCTION_LINES: usize = 70;

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    file: PathBuf,
    line: usize,
    what: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}: {}", self.file.display(), self.line, self.what)
    }
}

#[test]
fn the_sources_keep_to_the_architecture() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut findings = Vec::new();
    let mut files = 0;
    for folder in ["src", "tests", "benches"] {
        for path in rust_files(&root.join(folder)) {
            let text = fs::read_to_string(&path).expect("a source file can be read");
            let path = path.strip_prefix(root).expect("found below the root");
            findings.extend(if folder == "src" { check_source(path, &text) } else { check_length(path, &text) });
            files += 1;
        }
    }
    assert!(files > 10, "only {files} files were found, so this looked in the wrong place");
    findings.sort();
    let report: Vec<String> = findings.iter().map(Finding::to_string).collect();
    assert!(report.is_empty(), "{} findings:\n{}", report.len(), report.join("\n"));
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut found = Vec::new();
    for entry in entries {
        let path = entry.expect("a folder can be listed").path();
        if path.is_dir() {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
    found
}

fn check_source(path: &Path, text: &str) -> Vec<Finding> {
    let code = blank(text);
    let words = words(&code);
    let mut findings = check_length(path, text);
    let mut add = |line, what| findings.push(Finding { file: path.to_owned(), line, what });
    if !text.starts_with("//!") {
        add(1, "the file does not begin with `//!`: say what it owns, and what not".to_owned());
    }
    if path.ends_with("mod.rs") {
        let lines = code.lines().filter(|line| !line.trim().is_empty()).count();
        if lines > FACADE_LINES {
            add(1, format!("a mod.rs is a façade of `mod` and `pub use`: {lines} lines, at most {FACADE_LINES}"));
        }
    }
    for (line, _) in
        text.lines().enumerate().filter(|(_, line)| line.trim_start().starts_with("#[path") && line.contains('/'))
    {
        add(line + 1, "`#[path]` leads out of the folder, which hides where a module is".to_owned());
    }
    check_functions(&words, &mut add);
    check_selects(module_path(path).first().map_or("main", String::as_str), &words, &mut add);
    check_edges(path, &words, &mut add);
    findings
}

fn check_length(path: &Path, text: &str) -> Vec<Finding> {
    let of_tests = path.iter().any(|part| part == "tests") || path.to_string_lossy().ends_with("tests.rs");
    let allowed = if of_tests { TEST_FILE_LINES } else { FILE_LINES };
    let lines = text.lines().count();
    if lines <= allowed {
        return Vec::new();
    }
    let what = format!("{lines} lines, at most {allowed} are allowed");
    vec![Finding { file: path.to_owned(), line: allowed + 1, what }]
}

fn check_functions(words: &[Word<'_>], add: &mut impl FnMut(usize, String)) {
    for (at, word) in words.iter().enumerate() {
        let Some(name) = words.get(at + 1).filter(|next| word.text == "fn" && is_name(next.text)) else { continue };
        let mut nested = 0_usize;
        let body = (at..words.len()).find(|&i| match words[i].text {
            "(" | "[" => {
                nested += 1;
                false
            }
            ")" | "]" => {
                nested = nested.saturating_sub(1);
                false
            }
            text => nested == 0 && (text == "{" || text == ";"),
        });
        let Some(open) = body.filter(|&i| words[i].text == "{") else { continue };
        let lines = words[closing(words, open)].line + 1 - word.line;
        if lines > FUNCTION_LINES {
            add(word.line, format!("fn {} has {lines} lines, at most {FUNCTION_LINES} are allowed", name.text));
        }
    }
}

fn check_selects(module: &str, words: &[Word<'_>], add: &mut impl FnMut(usize, String)) {
    if UNSIMULATED.contains(&module) {
        return;
    }
    for window in words.windows(4) {
        if let [name, bang, open, first] = window
            && (name.text, bang.text, open.text) == ("select", "!", "{")
            && first.text != "biased"
        {
            add(name.line, "`select!` must begin with `biased;`, or one seed gives two traces".to_owned());
        }
    }
}

fn check_edges(path: &Path, words: &[Word<'_>], add: &mut impl FnMut(usize, String)) {
    let inside = module_path(path);
    let binary = path.ends_with("src/main.rs");
    let from = inside.first().map_or(if binary { "main" } else { "lib" }, String::as_str);
    let known: BTreeSet<&str> = LAYERS.iter().map(|(name, _)| *name).collect();
    if from == TESTING {
        return;
    }
    let may = match from {
        "main" => BTreeSet::from(["cli", "api"]),
        "lib" => BTreeSet::new(),
        _ if known.contains(from) => closure(from),
        _ => return add(1, format!("the module `{from}` has no place in the table of layers (tests/architecture.rs)")),
    };
    for Reference { line, to } in references(words, inside.len(), binary) {
        match to {
            Target::Module(name) if name == from || may.contains(name) || name == TESTING => {}
            Target::Module(name) if binary && !known.contains(name) => {}
            Target::Module(name) => {
                let may: Vec<&str> = may.iter().copied().filter(|name| *name != TESTING).collect();
                add(line, format!("`{from}` must not name `{name}`; it may name: {}", may.join(", ")));
            }
            Target::Climb => add(line, "`super` climbs to the crate's root: write `crate::…`".to_owned()),
            Target::Root => add(line, "the crate's root is imported whole or renamed: name the module".to_owned()),
        }
    }
}

/// The module a file holds: `src/a/b.rs` and `src/a/b/mod.rs` hold `a::b`.
fn module_path(path: &Path) -> Vec<String> {
    let below = path.strip_prefix("src").unwrap_or(path).with_extension("");
    let mut parts: Vec<String> = below.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    if parts.last().is_some_and(|last| last == "mod") || parts == ["lib"] || parts == ["main"] {
        parts.pop();
    }
    parts
}

fn closure(from: &str) -> BTreeSet<&'static str> {
    let direct: BTreeMap<&str, &[&'static str]> = LAYERS.iter().copied().collect();
    let mut reached = BTreeSet::new();
    let mut open: Vec<&'static str> = direct.get(from).map_or(Vec::new(), |names| names.to_vec());
    while let Some(name) = open.pop() {
        if reached.insert(name) {
            open.extend(direct.get(name).into_iter().flat_map(|names| names.iter()));
        }
    }
    reached
}

#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    /// A path through this top-level module.
    Module(&'a str),
    /// `super` as far as the crate's root.
    Climb,
    /// `crate::*`, `crate as x`, `crate::{self}`.
    Root,
}

struct Reference<'a> {
    line: usize,
    to: Target<'a>,
}

/// Every path in `words` that passes the root of the crate; `depth` is how deep in the crate the file's module is.
fn references<'a>(words: &[Word<'a>], depth: usize, binary: bool) -> Vec<Reference<'a>> {
    let mut found = Vec::new();
    let mut inline_ends: Vec<usize> = Vec::new();
    for (at, word) in words.iter().enumerate() {
        inline_ends.retain(|&end| at < end);
        let next = |by: usize| words.get(at + by).map_or("", |word| word.text);
        let after_colons = at > 0 && words[at - 1].text == "::";
        let continues = after_colons && !(at > 1 && starts_a_path(words[at - 2].text));
        match word.text {
            "mod" if next(2) == "{" => inline_ends.push(closing(words, at + 2)),
            "crate" if next(1) == "as" || (at > 0 && words[at - 1].text == "extern" && next(1) == "self") => {
                found.push(Reference { line: word.line, to: Target::Root });
            }
            "timeline" if binary && !continues && next(1) == "::" => follow(words, at + 2, 0, false, &mut found),
            "timeline" if binary && !continues && next(1) == "as" => {
                found.push(Reference { line: word.line, to: Target::Root });
            }
            "crate" if !binary && next(1) == "::" => follow(words, at + 2, 0, false, &mut found),
            "self" if !binary && next(1) == "::" => {
                follow(words, at + 2, depth + inline_ends.len(), false, &mut found);
            }
            "super" if !binary && !after_colons && !in_group_after_super(words, at) => {
                follow(words, at, depth + inline_ends.len(), true, &mut found);
            }
            _ => {}
        }
    }
    found
}

fn starts_a_path(text: &str) -> bool {
    !is_name(text) || matches!(text, "use" | "in" | "as" | "return" | "dyn" | "impl" | "for" | "mut")
}

/// Whether the `super` at `at` stands in a group that belongs to a longer path, and so is followed from there.
fn in_group_after_super(words: &[Word<'_>], at: usize) -> bool {
    let mut nested = 0_usize;
    for i in (0..at).rev() {
        match words[i].text {
            "}" => nested += 1,
            "{" if nested > 0 => nested -= 1,
            "{" => return i > 0 && words[i - 1].text == "::",
            ";" => return false,
            _ => {}
        }
    }
    false
}

/// Follows one path, or a group of paths, from the module at `depth`; notes what passes the crate's root.
fn follow<'a>(words: &[Word<'a>], at: usize, depth: usize, climbed: bool, found: &mut Vec<Reference<'a>>) {
    let Some(word) = words.get(at) else { return };
    let root = |to| Reference { line: word.line, to: if climbed { Target::Climb } else { to } };
    match word.text {
        "{" => {
            let end = closing(words, at);
            let (mut nested, mut begins) = (0_usize, true);
            for i in at + 1..end {
                if begins {
                    follow(words, i, depth, climbed, found);
                }
                match words[i].text {
                    "{" => nested += 1,
                    "}" => nested = nested.saturating_sub(1),
                    _ => {}
                }
                begins = nested == 0 && words[i].text == ",";
            }
        }
        "super" => {
            let depth = depth.saturating_sub(1);
            let next = words.get(at + 1).map_or("", |word| word.text);
            if next == "::" {
                follow(words, at + 2, depth, true, found);
            } else if depth == 0 && next == "as" {
                found.push(root(Target::Root));
            }
        }
        "self" if depth == 0 => found.push(root(Target::Root)),
        "*" if depth == 0 => found.push(root(Target::Root)),
        name if depth == 0 && is_name(name) => found.push(root(Target::Module(name))),
        _ => {}
    }
}

#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    line: usize,
}

fn is_name(text: &str) -> bool {
    text.starts_with(|first: char| first == '_' || first.is_alphabetic())
}

/// Cuts code into names, `::`, and single signs.
fn words(code: &str) -> Vec<Word<'_>> {
    let mut found = Vec::new();
    for (line, text) in code.lines().enumerate() {
        let mut rest = text.trim_start();
        while let Some(first) = rest.chars().next() {
            let length = if first == '_' || first.is_alphanumeric() {
                rest.find(|c: char| c != '_' && !c.is_alphanumeric()).unwrap_or(rest.len())
            } else if rest.starts_with("::") {
                2
            } else {
                first.len_utf8()
            };
            found.push(Word { text: &rest[..length], line: line + 1 });
            rest = rest[length..].trim_start();
        }
    }
    found
}

/// The index of the brace that closes the one at `open`.
fn closing(words: &[Word<'_>], open: usize) -> usize {
    let mut nested = 0_usize;
    for (at, word) in words.iter().enumerate().skip(open) {
        match word.text {
            "{" => nested += 1,
            "}" => nested -= 1,
            _ => {}
        }
        if nested == 0 {
            return at;
        }
    }
    words.len() - 1
}

/// Replaces comments and the contents of literals with blanks; lines stay where they are.
fn blank(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = ' ';
    while let Some(first) = rest.chars().next() {
        let inside_name = before == '_' || before.is_alphanumeric();
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => quoted(rest, '"'),
            'r' | 'b' | 'c' if !inside_name => raw_string(rest).unwrap_or(0),
            '\'' if rest[1..].starts_with('\\') => quoted(rest, '\''),
            '\'' => rest[1..]
                .chars()
                .next()
                .map_or(0, |c| if rest[1 + c.len_utf8()..].starts_with('\'') { 2 + c.len_utf8() } else { 0 }),
            _ => 0,
        };
        let (skipped, kept) = if length == 0 { (0, first.len_utf8()) } else { (length, 0) };
        out.extend(rest[..skipped].chars().map(|c| if c == '\n' { '\n' } else { ' ' }));
        out.push_str(&rest[skipped..skipped + kept]);
        before = if skipped == 0 { first } else { ' ' };
        rest = &rest[skipped + kept..];
    }
    out
}

fn block_comment(text: &str) -> usize {
    let (mut nested, mut at) = (0_usize, 0);
    while at < text.len() {
        if text[at..].starts_with("/*") {
            (nested, at) = (nested + 1, at + 2);
        } else if text[at..].starts_with("*/") {
            (nested, at) = (nested - 1, at + 2);
            if nested == 0 {
                break;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    at
}

fn quoted(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return at + 1,
            _ => {}
        }
    }
    text.len()
}

/// The length of `r#"…"#` and its kin at the start of `text`, if one is there.
fn raw_string(text: &str) -> Option<usize> {
    let marks = text.strip_prefix("br").or_else(|| text.strip_prefix("cr")).or_else(|| text.strip_prefix('r'))?;
    let hashes = marks.len() - marks.trim_start_matches('#').len();
    marks[hashes..].strip_prefix('"')?;
    let opening = text.len() - marks.len() + hashes + 1;
    let end = format!("\"{}", "#".repeat(hashes));
    Some(text[opening..].find(&end).map_or(text.len(), |at| opening + at + end.len()))
}

#[track_caller]
fn check(path: &str, code: &str, expected: &[&str]) {
    let text = format!("//! Owns a thing.\n{code}");
    let found: Vec<String> = check_source(Path::new(path), &text).iter().map(Finding::to_string).collect();
    assert_eq!(found.len(), expected.len(), "{code}\ngave {found:#?}");
    for (found, expected) in found.iter().zip(expected) {
        assert!(found.contains(expected), "{found}\ndoes not say: {expected}");
    }
}

#[test]
fn a_forbidden_edge_is_found_with_its_line() {
    check(
        "src/records/post.rs",
        "\nuse crate::wire::Frame;",
        &["src/records/post.rs:3: `records` must not name `wire`"],
    );
    check("src/seam.rs", "fn f() -> crate::node::Node {}", &["src/seam.rs:2: `seam` must not name `node`"]);
    check("src/cli/menu.rs", "use crate::api::Url;", &["`cli` must not name `api`"]);
    check("src/net/quic.rs", "use crate::overlay::Lookup;", &["`net` must not name `overlay`"]);
    check("src/keys/a.rs", "macro_rules! m { () => { $crate::store::open() } }", &["`keys` must not name `store`"]);
    check("src/main.rs", "use timeline::node::Node;", &["`main` must not name `node`"]);
    check("src/main.rs", "fn main() { ::timeline::sim::run() }", &["`main` must not name `sim`"]);
    check("src/lib.rs", "pub use crate::node::Node;", &["`lib` must not name `node`"]);
    check("src/shared/mod.rs", "", &["`shared` has no place in the table"]);
}

#[test]
fn tests_inside_the_sources_are_held_to_the_table_too() {
    check("src/keys/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::records::Record;\n}", &["a.rs:4: `keys`"]);
    check("src/keys/a.rs", "#[cfg(test)]\nmod tests {\n    use crate::testing::key;\n    use super::*;\n}", &[]);
    check("src/testing/mod.rs", "use crate::node::Node;", &[]);
}

#[test]
fn allowed_edges_pass_also_over_several_steps() {
    check(
        "src/records/post.rs",
        "use crate::types::Hash;\nuse crate::keys::{self, place};\nuse crate::records::x;",
        &[],
    );
    check("src/net/quic.rs", "use crate::{keys::SecretKey, seam::{Path, Transport}, wire, types::*};", &[]);
    check("src/cli/menu.rs", "pub(crate) fn f(x: crate::types::Hash) { crate::node::start(x) }", &[]);
    check("src/main.rs", "fn main() -> ExitCode { timeline::cli::main() }", &[]);
    check("src/main.rs", "use timeline::{cli, run};", &[]);
    check("src/timeline/feed.rs", "use crate::timeline::missing;\nuse crate::records::timeline;", &[]);
}

#[test]
fn groups_are_read_to_their_ends() {
    check(
        "src/keys/a.rs",
        "use crate::{\n    types::{a::{b, c}, Key},\n    wire,\n};",
        &["a.rs:4: `keys` must not name `wire`"],
    );
    check(
        "src/keys/a.rs",
        "use {std::fmt, crate::{seam::X, actors::{self as y}}};",
        &["`keys` must not name `actors`"],
    );
    check("src/wire/a.rs", "use crate::{records::{store, net::x}};", &[]);
}

#[test]
fn super_cannot_cross_modules() {
    check("src/keys/sealed.rs", "use super::super::wire::Frame;", &["`super` climbs"]);
    check("src/keys/mod.rs", "use super::wire::Frame;", &["`super` climbs"]);
    check("src/seam.rs", "use super::types;", &["`super` climbs"]);
    check("src/keys/sealed.rs", "use super::{place, super::wire};", &["`super` climbs"]);
    check("src/keys/sealed.rs", "use self::super::super::wire;", &["`super` climbs"]);
    check("src/keys/sealed.rs", "mod tests { fn f() { super::super::super::wire::f() } }", &["`super` climbs"]);
    check("src/seam.rs", "use super as root;", &["`super` climbs"]);
    check("src/keys/sealed.rs", "mod tests { use super::*; use super::super::place; }\nuse super::place;", &[]);
    check("src/net/a/b.rs", "pub(super) struct S;\npub(in super::super) struct T;\nuse super::super::limits;", &[]);
}

#[test]
fn the_root_cannot_be_taken_whole() {
    check("src/keys/a.rs", "use crate::*;", &["imported whole"]);
    check("src/keys/a.rs", "use crate as root;", &["imported whole"]);
    check("src/keys/a.rs", "use crate::{self as root, types::Key};", &["imported whole"]);
    check("src/main.rs", "use timeline as t;", &["imported whole"]);
    check("src/keys/a.rs", "#[path = \"../wire/frame.rs\"]\nmod frame;", &["`#[path]`"]);
    check("src/keys/a.rs", "#[path = \"a_tests.rs\"]\nmod tests;", &[]);
}

#[test]
fn comments_and_literals_are_not_code() {
    check("src/keys/a.rs", "/// Like [`crate::wire::Frame`].\n/* use crate::wire; /* */ crate::net */\nfn f() {}", &[]);
    check(
        "src/keys/a.rs",
        "const A: &str = \"crate::wire \\\" crate::net\";\nconst B: &str = r#\"\"crate::wire\"#;",
        &[],
    );
    check(
        "src/keys/a.rs",
        "fn f<'a>(x: &'a u8) -> char { '\"' }\nuse crate::wire;\nconst C: char = '\\'';",
        &["a.rs:3"],
    );
    check("src/keys/a.rs", "const A: &[u8] = br\"\\\";\nuse crate::wire;", &["a.rs:3"]);
}

#[test]
fn size_and_header_are_checked() {
    let lines = |count: usize| "const A: u8 = 0;\n".repeat(count);
    check("src/keys/a.rs", &lines(FILE_LINES - 1), &[]);
    check("src/keys/a.rs", &lines(FILE_LINES), &["a.rs:401: 401 lines, at most 400"]);
    check("src/keys/a/tests.rs", &lines(FILE_LINES), &[]);
    check("src/keys/tests/a.rs", &lines(TEST_FILE_LINES), &["601 lines, at most 600"]);
    check("src/keys/mod.rs", &lines(FACADE_LINES), &[]);
    check("src/keys/mod.rs", &lines(FACADE_LINES + 1), &["mod.rs:1: a mod.rs is a façade"]);
    let found = check_source(Path::new("src/keys/a.rs"), "use std::fmt;\n");
    assert!(found.len() == 1 && found[0].to_string().contains("a.rs:1: the file does not begin"), "{found:?}");
}

#[test]
fn long_functions_are_found_wherever_they_stand() {
    let of = |lines: usize| {
        format!("impl A {{\n    fn long(\n        a: [u8; 2],\n    ) {{\n{}    }}\n}}", "x();\n".repeat(lines - 4))
    };
    check("src/keys/a.rs", &of(FUNCTION_LINES), &[]);
    check("src/keys/a.rs", &of(FUNCTION_LINES + 1), &["a.rs:3: fn long has 71 lines, at most 70"]);
    check("src/keys/a.rs", &format!("trait T {{\n    fn f(&self) -> [u8; 3];\n{}}}", "const A: u8;\n".repeat(90)), &[]);
    check("src/keys/a.rs", &format!("type F = fn(u8) -> u8;\nenum E {{\n{}}}", "    A,\n".repeat(90)), &[]);
}

#[test]
fn select_keeps_its_order_where_the_simulator_runs() {
    check(
        "src/actors/a.rs",
        "fn f() { tokio::select! { x = y => {} } }",
        &["a.rs:2: `select!` must begin with `biased;`"],
    );
    check("src/actors/a.rs", "fn f() { tokio::select! { biased; x = y => {} } }", &[]);
    check("src/net/a.rs", "fn f() { tokio::select! { x = y => {} } }", &[]);
}

#[test]
fn the_table_has_no_cycle_and_no_unknown_name() {
    for (name, names) in LAYERS {
        assert!(!closure(name).contains(name), "{name} may name itself through others");
        for name in *names {
            assert!(*name == TESTING || LAYERS.iter().any(|(known, _)| known == name), "{name} is not in the table");
        }
    }
}
