//! `no-panic`: checks that no path in a linked program leads from the core to the panic handler.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use object::{Object, ObjectSection, ObjectSymbol, RelocationTarget, SymbolKind};

use super::size::{SMALL_SHA2, built};
use super::targets::BOARDS;
use crate::run::{Log, cargo};

/// The programs, and the one function of each that may panic. rustc adds a panic to every future, for an executor that
/// polls it again after its end. No input leads there. The cipher of sealed cookies has one for the end of its
/// keystream, after 256 GB; the linker merges the two into one function, under either name.
const PROGRAMS: [(&str, &str); 2] =
    [("all-verbs", "panic_const_async_fn_resumed"), ("sealed", "result13unwrap_failed")];

/// The program has to be optimized for speed: then the optimizer removes most checks, and a remaining path to a panic
/// is one that it could not rule out.
pub(super) fn no_panic(log: &mut Log) -> Result<String, String> {
    let shown = PROGRAMS.map(|(program, allowed)| cannot_panic(log, program, allowed));
    Ok(shown.into_iter().collect::<Result<Vec<_>, _>>()?.join("; "))
}

fn cannot_panic(log: &mut Log, program: &str, allowed: &str) -> Result<String, String> {
    let target = BOARDS[0];
    let build = ["build", "--locked", "--profile", "no-panic", "-p", "size", "--bin", program, "--target", target];
    log.run(cargo(&build).env("RUSTFLAGS", format!("{SMALL_SHA2} -C link-arg=--emit-relocs")))?;
    let path = built(target, "no-panic").join(program);
    let bytes = fs::read(&path).map_err(|why| format!("{}: {why}", path.display()))?;
    let users = users(&bytes).map_err(|why| format!("{}: {why}", path.display()))?;
    if users.len() < 20 {
        return Err(format!("{} shows only {} functions: is it stripped?", path.display(), users.len()));
    }
    let mut ways = BTreeSet::new();
    for (name, allowed) in [("rust_begin_unwind", "panicking9panic_fmt"), ("panicking9panic_fmt", allowed)] {
        let found = users.iter().filter(|(used, _)| used.contains(name)).flat_map(|(_, users)| users);
        ways.extend(
            found.filter(|user| !user.contains(allowed)).map(|user| format!("{:#}", rustc_demangle::demangle(user))),
        );
    }
    if ways.is_empty() {
        Ok(format!("{program}: {} functions, none can panic (but a future polled after its end)", users.len()))
    } else {
        Err(format!("{program}: these can panic: {}", Vec::from_iter(ways).join(", ")))
    }
}

/// Which functions use which symbol, from the relocations that the linker kept.
fn users(program: &[u8]) -> object::Result<BTreeMap<String, BTreeSet<String>>> {
    let file = object::File::parse(program)?;
    let mut functions = BTreeMap::new();
    for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
        // the lowest bit of a Thumb address is not part of it
        functions.insert(symbol.address() & !1, symbol.name()?);
    }
    let mut users: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (at, relocation) in file.sections().flat_map(|section| section.relocations().collect::<Vec<_>>()) {
        let RelocationTarget::Symbol(used) = relocation.target() else { continue };
        let used = file.symbol_by_index(used)?;
        let user = functions.range(..=at).next_back().map_or("data", |(_, name)| name);
        users.entry(used.name()?.into()).or_default().insert(user.into());
    }
    Ok(users)
}
