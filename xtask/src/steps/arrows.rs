//! Finds which file of a crate uses which, from the paths in its text. Code of test builds is omitted.
//!
//! An arrow leads to the file in which a name is defined: re-exports, and the imports of a module that its children use, are
//! followed. Calls of methods name no path and are not seen.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use super::tokens::{Token, tokens};
use crate::files::{read, rust_files};

/// Names from the root of the crate.
type Names = Vec<String>;

/// From a file to the files that it uses.
pub(super) type Arrows = BTreeMap<PathBuf, BTreeSet<PathBuf>>;

/// Returns the arrows of a crate's `src`, and the files there that no `mod` names, which are not compiled.
pub(super) fn arrows(src: &Path) -> Result<(Arrows, Vec<PathBuf>), String> {
    let mut paths = Vec::new();
    rust_files(src, &mut paths)?;
    let texts = paths.into_iter().map(|path| {
        let text = read(&path)?;
        Ok((path.strip_prefix(src).map_err(|why| why.to_string())?.to_owned(), text))
    });
    Ok(among(&texts.collect::<Result<Vec<_>, String>>()?))
}

/// The same of files, relative to `src`, and their texts.
fn among(texts: &[(PathBuf, String)]) -> (Arrows, Vec<PathBuf>) {
    let mut sources: Vec<Source> = texts.iter().map(|(path, text)| Source::read(path, text)).collect();
    let declared: BTreeSet<Names> = sources.iter().flat_map(|source| source.declared.clone()).collect();
    let strays = sources.iter().filter(|source| !source.module.is_empty() && !declared.contains(&source.module));
    let strays = strays.map(|source| source.path.clone()).collect();
    let only_tests: Vec<Names> = sources.iter().flat_map(|source| source.only_tests.clone()).collect();
    sources.retain(|source| !only_tests.iter().any(|module| source.module.starts_with(module)));
    let crate_ = Crate::of(&sources);
    let uses = |source: &Source| {
        let targets = source.uses.iter().filter_map(|(module, path)| crate_.definition(module, path));
        targets.filter(|target| *target != source.path).collect()
    };
    (sources.iter().map(|source| (source.path.clone(), uses(source))).collect(), strays)
}

/// The relevant content of a file.
struct Source {
    path: PathBuf,
    module: Names,
    /// Modules that are written in the file: its own first.
    modules: Vec<Names>,
    /// Modules that are declared there and are in their own files.
    declared: Vec<Names>,
    /// In which module, as which name, what was imported.
    imports: Vec<(Names, String, Names)>,
    /// In which module, which path was used.
    uses: Vec<(Names, Names)>,
    /// Modules that only a test build has.
    only_tests: Vec<Names>,
}

impl Source {
    fn read(path: &Path, text: &str) -> Self {
        let mut module: Names =
            path.with_extension("").iter().map(|part| part.to_string_lossy().into_owned()).collect();
        if module.last().is_some_and(|last| ["lib", "main", "mod"].contains(&last.as_str())) {
            module.pop();
        }
        let modules = vec![module.clone()];
        let mut source = Self {
            path: path.into(),
            module,
            modules,
            declared: vec![],
            imports: vec![],
            uses: vec![],
            only_tests: vec![],
        };
        source.walk(&tokens(text));
        source
    }

    fn walk(&mut self, tokens: &[Token]) {
        // the modules around, each with the depth of braces in which it ends
        let mut around = vec![(self.module.clone(), 0)];
        let (mut depth, mut at) = (0_usize, 0);
        while let Some(token) = tokens.get(at) {
            let module = around.last().map(|(module, _)| module.clone()).unwrap_or_default();
            at += 1;
            match token {
                Token::Mark('{') => depth += 1,
                Token::Mark('}') => {
                    depth = depth.saturating_sub(1);
                    around.retain(|(_, ends)| *ends <= depth);
                }
                Token::Mark('#') => {
                    let (end, of_tests) = attribute(tokens, at);
                    at = end;
                    if of_tests {
                        let after = item_end(tokens, at);
                        if let [Token::Name(word), Token::Name(name), Token::Mark(';'), ..] = &tokens[at..after]
                            && word == "mod"
                        {
                            self.only_tests.push(extended(&module, name));
                            self.declared.push(extended(&module, name));
                        }
                        at = after;
                    }
                }
                Token::Name(word) if word == "mod" => {
                    if let [Token::Name(name), Token::Mark('{'), ..] = &tokens[at..] {
                        let inner = extended(&module, name);
                        self.modules.push(inner.clone());
                        depth += 1;
                        around.push((inner, depth));
                        at += 2;
                    } else if let [Token::Name(name), Token::Mark(';'), ..] = &tokens[at..] {
                        self.declared.push(extended(&module, name));
                    }
                }
                Token::Name(word) if word == "use" => {
                    let public = is_public(&tokens[..at - 1]);
                    let mut leaves = Vec::new();
                    at = tree(tokens, at, &[], &mut leaves);
                    for (path, name) in leaves {
                        if !public {
                            self.uses.push((module.clone(), path.clone()));
                        }
                        self.imports.extend(name.map(|name| (module.clone(), name, path)));
                    }
                }
                // an item's visibility is not a use
                Token::Name(word)
                    if word == "in" && matches!(tokens.get(at.wrapping_sub(2)), Some(Token::Mark('('))) =>
                {
                    while !matches!(tokens.get(at), None | Some(Token::Mark(')'))) {
                        at += 1;
                    }
                }
                Token::Name(first) => {
                    let mut path = vec![first.clone()];
                    while let [Token::Path, Token::Name(next), ..] = &tokens[at..] {
                        path.push(next.clone());
                        at += 2;
                    }
                    if path.len() > 1 {
                        self.uses.push((module, path));
                    }
                }
                _ => {}
            }
        }
    }
}

fn extended(module: &[String], name: &str) -> Names {
    module.iter().cloned().chain([name.to_owned()]).collect()
}

/// The end of an attribute that begins here, after its `#`, and whether the next item is in test builds only.
fn attribute(tokens: &[Token], mut at: usize) -> (usize, bool) {
    let (mut depth, mut words) = (0_usize, Vec::new());
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Mark('[') => depth += 1,
            Token::Mark(']') if depth <= 1 => break,
            Token::Mark(']') => depth -= 1,
            Token::Name(word) => words.push(word.as_str()),
            _ => {}
        }
    }
    let only = |pair: &[&str]| pair[0] != "not" && ["test", "doctest"].contains(&pair[1]);
    let of_tests = words.first() == Some(&"cfg") && !words.contains(&"any") && words.windows(2).any(only);
    (at, of_tests)
}

/// The end of the item that begins here.
fn item_end(tokens: &[Token], mut at: usize) -> usize {
    while let Some(Token::Mark('#')) = tokens.get(at) {
        at = attribute(tokens, at + 1).0;
    }
    let mut depth = 0_usize;
    while let Some(token) = tokens.get(at) {
        at += 1;
        match token {
            Token::Mark('{' | '(' | '[') => depth += 1,
            Token::Mark(')' | ']') => depth = depth.saturating_sub(1),
            Token::Mark('}') if depth <= 1 => break,
            Token::Mark('}') => depth -= 1,
            Token::Mark(';') if depth == 0 => break,
            _ => {}
        }
    }
    at
}

/// Whether the item after these tokens is `pub`, or `pub` within a module.
fn is_public(before: &[Token]) -> bool {
    let before = match before {
        [before @ .., Token::Mark(')')] => {
            before.rsplitn(2, |token| *token == Token::Mark('(')).nth(1).unwrap_or_default()
        }
        _ => before,
    };
    matches!(before, [.., Token::Name(word)] if word == "pub")
}

/// The leaves of a tree of `use`, each with the name it gets; returns where it ends.
fn tree(tokens: &[Token], mut at: usize, before: &[String], leaves: &mut Vec<(Names, Option<String>)>) -> usize {
    let mut path = before.to_vec();
    while let Some(token) = tokens.get(at) {
        match token {
            Token::Name(word) if word == "as" => {
                if let Some(Token::Name(name)) = tokens.get(at + 1) {
                    leaves.push((path, Some(name.clone())));
                }
                return at + 2;
            }
            // `{self}` is the module before it
            Token::Name(word) if word == "self" && path.len() == before.len() && !before.is_empty() => {}
            Token::Name(word) => path.push(word.clone()),
            Token::Path => {}
            Token::Mark('*') => {
                leaves.push((path, None));
                return at + 1;
            }
            Token::Mark('{') => {
                at += 1;
                while !matches!(tokens.get(at), None | Some(Token::Mark('}'))) {
                    at = tree(tokens, at, &path, leaves);
                    at += usize::from(matches!(tokens.get(at), Some(Token::Mark(','))));
                }
                return at + 1;
            }
            Token::Mark(_) => break,
        }
        at += 1;
    }
    let name = path.last().cloned();
    leaves.push((path, name));
    at
}

/// All modules of a crate and what they import.
struct Crate<'a> {
    /// The file that a module is written in.
    files: BTreeMap<&'a [String], &'a Path>,
    imports: BTreeMap<(&'a [String], &'a str), &'a [String]>,
}

impl<'a> Crate<'a> {
    fn of(sources: &'a [Source]) -> Self {
        let modules =
            sources.iter().flat_map(|source| source.modules.iter().map(|module| (&module[..], &*source.path)));
        let imports = sources.iter().flat_map(|source| &source.imports);
        Self {
            files: modules.collect(),
            imports: imports.map(|(module, name, path)| ((&module[..], name.as_str()), &path[..])).collect(),
        }
    }

    /// The file in which is defined what a path means in a module; `None` if it leads out of the crate.
    fn definition(&self, module: &[String], path: &[String]) -> Option<PathBuf> {
        let (mut module, mut path) = (module.to_vec(), path.to_vec());
        // a name may be imported from a place where it is itself imported
        for _ in 0..32 {
            let mut ours = false;
            loop {
                match path.first().map(String::as_str) {
                    Some("crate") => module.clear(),
                    Some("self") => {}
                    Some("super") => drop(module.pop()),
                    Some(name) if self.files.contains_key(&extended(&module, name)[..]) => {
                        module.push(name.to_owned());
                    }
                    _ => break,
                }
                path.remove(0);
                ours = true;
            }
            let Some(imported) = path.first().and_then(|name| self.imports.get(&(&module[..], name.as_str()))) else {
                return self.files.get(&module[..]).filter(|_| ours).map(|file| file.to_path_buf());
            };
            path.splice(..1, imported.iter().cloned());
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrows_of(texts: &[(&str, &str)]) -> Vec<String> {
        let texts: Vec<(PathBuf, String)> = texts.iter().map(|(path, text)| (path.into(), (*text).into())).collect();
        let arrows = among(&texts).0.into_iter();
        arrows
            .flat_map(|(from, to)| to.into_iter().map(move |to| format!("{}>{}", from.display(), to.display())))
            .collect()
    }

    #[test]
    fn arrows_lead_to_where_a_name_is_defined() {
        let lib = ("lib.rs", "mod a; mod b; pub use a::A; pub mod all { pub use crate::b::deep::D; }");
        let a = ("a.rs", "pub struct A;");
        let b = ("b/mod.rs", "mod deep; pub(crate) use deep::D;");
        let deep = ("b/deep.rs", "pub struct D;");
        let with = |text| arrows_of(&[lib, a, b, deep, ("c.rs", text)]);
        assert_eq!(with("use crate::A;"), ["c.rs>a.rs"]);
        assert_eq!(with("use crate::{a::{self, A as Other}, b::D};"), ["c.rs>a.rs", "c.rs>b/deep.rs"]);
        assert_eq!(with("fn f() { crate::all::D::new() }"), ["c.rs>b/deep.rs"]);
        assert_eq!(with("use crate::b; fn f(_: b::D) {}"), ["c.rs>b/deep.rs", "c.rs>b/mod.rs"]);
        assert_eq!(
            with("pub use crate::a::A; use std::a::A; // crate::b\nconst C: &str = \"crate::b::deep\";"),
            [""; 0]
        );
        assert_eq!(with("pub(in crate::a) struct S; fn f(a: self::S) -> ::core::b::B {}"), [""; 0]);
        assert_eq!(with("mod m { use super::super::a::A; }"), ["c.rs>a.rs"]);
    }

    #[test]
    fn files_that_no_mod_names_are_strays() {
        let lib = "mod a; pub mod b { mod deep; } #[cfg(test)] mod tests; #[cfg(feature = \"x\")] mod x;";
        let files = ["lib.rs", "a.rs", "b/deep.rs", "tests.rs", "x/mod.rs", "old.rs", "a/old.rs"];
        let texts: Vec<_> = files.map(|file| (file.into(), if file == "lib.rs" { lib } else { "" }.to_owned())).into();
        assert_eq!(among(&texts).1, [PathBuf::from("old.rs"), "a/old.rs".into()]);
    }

    #[test]
    fn what_only_tests_have_is_left_out() {
        let a =
            ("a.rs", "#[cfg(test)] mod tests; #[cfg(test)] mod more { use crate::b::B; } #[cfg(test)] use crate::b;");
        let tests = ("a/tests.rs", "use crate::b::B;");
        let b = ("b.rs", "#[cfg(not(test))] use crate::a::A;");
        assert_eq!(arrows_of(&[("lib.rs", "mod a; mod b;"), a, tests, b]), ["b.rs>a.rs"]);
    }
}
