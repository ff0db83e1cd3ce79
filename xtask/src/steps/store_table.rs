//! The table store × rule of the step `stores`, made only from the output of the tests against real servers.

use std::collections::BTreeMap;

/// Prints the table and a summary. An error if there is none, if a rule was not run on one of the stores, or is broken.
pub(super) fn store_table(output: &str) -> Result<String, String> {
    let mut stores: Vec<&str> = Vec::new();
    let mut rules: Vec<&str> = Vec::new();
    let mut verdicts: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    for line in output.lines().filter_map(|line| line.strip_prefix("conformance\t")) {
        let [store, rule, verdict] = line.split('\t').collect::<Vec<_>>()[..] else {
            return Err(format!("no line of a table: {line}"));
        };
        for (list, name) in [(&mut stores, store), (&mut rules, rule)] {
            if !list.contains(&name) {
                list.push(name);
            }
        }
        // run with several seeds; the worse result counts
        let kept = verdicts.entry((store, rule)).or_insert(verdict);
        if verdict == "BROKEN" {
            *kept = verdict;
        }
    }
    stores.sort_unstable();
    let mut missing = Vec::new();
    println!();
    for (at, store) in stores.iter().enumerate() {
        println!("      {:>2} {store}", at + 1);
    }
    let numbers: String = (1..=stores.len()).map(|at| format!("{at:>4}")).collect();
    println!("\n      {:<44}{numbers}    + holds, - cannot list", "rule");
    for rule in &rules {
        let signs = stores.iter().map(|store| match verdicts.get(&(store, rule)) {
            Some(&"holds") => "   +",
            Some(&"cannot list") => "   -",
            other => {
                missing.push(format!("{rule} on {store}: {}", other.unwrap_or(&"not run")));
                "   !"
            }
        });
        println!("      {rule:<44}{}", signs.collect::<String>());
    }
    println!();
    match (verdicts.is_empty(), missing.is_empty()) {
        (true, _) => Err("no test told which rules it ran".into()),
        (_, false) => Err(missing.join("; ")),
        (false, true) => {
            let cannot = verdicts.values().filter(|verdict| **verdict == "cannot list").count();
            let (rules, stores) = (rules.len(), stores.len());
            Ok(format!("{rules} rules on each of {stores} stores, {cannot} times \"cannot list\""))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_on_every_store_or_an_error() {
        let line = |store, rule, verdict| format!("conformance\t{store}\t{rule}\t{verdict}\n");
        let whole =
            line("a", "x", "holds") + &line("b", "x", "cannot list") + "other output\n" + &line("a", "x", "holds");
        assert_eq!(store_table(&whole), Ok("1 rules on each of 2 stores, 1 times \"cannot list\"".into()));
        let broken = whole.clone() + &line("a", "x", "BROKEN") + &line("a", "x", "holds");
        assert_eq!(store_table(&broken), Err("x on a: BROKEN".into()));
        assert_eq!(store_table(&(whole + &line("a", "y", "holds"))), Err("y on b: not run".into()));
        assert!(store_table("").is_err());
    }
}
