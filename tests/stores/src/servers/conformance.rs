//! The contract of stores against real servers, rule by rule, for the table that the step `stores` prints.

use session_core::conformance::{Verdict, each};
use session_core::environment::Time;
use session_core::store::Store;

/// Runs every rule, once for each seed, and prints a line for each: `conformance`, store, rule, verdict, with tabs between. The step
/// makes its table of these lines and of nothing else.
///
/// # Panics
/// If a rule is broken, with its sentence.
pub async fn conforms(name: &str, store: &impl Store, start: Time, seeds: std::ops::Range<u64>) {
    let mut broken = Vec::new();
    for seed in seeds {
        // in a box: the future of all rules over a store of stores is too deep for the compiler otherwise
        let rules = Box::pin(each(store, start, seed, |rule, verdict| {
            let word = match verdict {
                Verdict::Holds => "holds",
                Verdict::Unsupported => "cannot list",
                Verdict::Broken(why) => {
                    broken.push(why.to_string());
                    "BROKEN"
                }
            };
            println!("conformance\t{name}\t{rule}\t{word}");
        }));
        rules.await;
    }
    assert!(broken.is_empty(), "{name}: {broken:#?}");
}
