//! The rules of the layered store: each left out in a copy of it, the explorer must miss it. The numbers are those of
//! docs/design.md.

use left_out::{Edit, Explorer, Rule};

/// The layered store and this package.
pub(crate) const EXPLORER: Explorer = Explorer {
    package: "layered-explorer",
    members: &[
        "session-core",
        "stores/memory",
        "stores/shared",
        "stores/layered",
        "adapters/std",
        "tests/layered",
        "tests/left-out",
    ],
    dialogues: false,
};

const STORE: &str = "stores/layered/src/store.rs";
const ENTRY: &str = "stores/layered/src/entry.rs";
const CACHE: &str = "tests/layered/src/world.rs";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        number: 1,
        without: "the lease is taken after the durable store was asked",
        explore: "explore --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "        match (load, lease) {",
            instead: "        drop(lease);
        let _gone = self.cache.remove(key).await;
        let lease = match self.cache.look(key).await {
            Ok(Look::Found(_, lease) | Look::Leased(lease)) => Some(lease),
            _ => None,
        };
        match (load, lease) {",
        }],
    },
    Rule {
        number: 2,
        without: "a lease is filled without comparing",
        explore: "explore --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: CACHE,
            text: "if self.cached.as_ref().is_some_and(|(number, _)| *number == place.number) {",
            instead: "if place.number > 0 {",
        }],
    },
    Rule {
        number: 2,
        without: "a lease is filled over another connection, after the cache was started again",
        explore: "explore --requests 4 --faults 1 --seconds 0",
        edits: &[Edit { file: CACHE, text: "if place.life != life {", instead: "if place.life > life {" }],
    },
    Rule {
        number: 3,
        without: "a write tells the cache nothing",
        explore: "explore --requests 2 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "if self.heard(self.cache.replace(key, seen, &entry.bytes(), self.keep()).await).is_none() {",
            instead: "if entry.bytes().is_empty() || seen == version {",
        }],
    },
    Rule {
        number: 4,
        without: "a logout tells the cache nothing",
        explore: "explore --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,",
            instead: "Ok(Outcome::Applied(_) | Outcome::Missing) => {}",
        }],
    },
    Rule {
        number: 4,
        without: "a logout that finds nothing to end tells the cache nothing",
        explore: "explore --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,",
            instead: "Ok(Outcome::Applied(_)) => self.settle(key).await,\n            Ok(Outcome::Missing) => {}",
        }],
    },
    Rule {
        number: 4,
        without: "a load that finds nothing leaves the lease of somebody else",
        explore: "explore --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "(Load::Missing, _) => self.settle(key).await,",
            instead: "(Load::Missing, Some(_)) => self.settle(key).await,\n            (Load::Missing, None) => {}",
        }],
    },
    Rule {
        number: 4,
        without: "a load that finds nothing relies on its own lease",
        explore: "explore --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "(Load::Missing, _) => self.settle(key).await,",
            instead: "(Load::Missing, None) => self.settle(key).await,\n            (Load::Missing, Some(_)) => {}",
        }],
    },
    Rule {
        number: 5,
        without: "the reload after a conflict asks the cache",
        explore: "explore --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "        if let Some(doubt) = self.doubts.about(key) {",
            instead: "        if let Some(doubt) = self.doubts.about(key).filter(|doubt| *doubt != Doubt::Conflict) {",
        }],
    },
    Rule {
        number: 6,
        without: "an entry is trusted as long as it is there",
        explore: "explore --requests 3 --faults 1 --seconds 2",
        edits: &[Edit { file: ENTRY, text: "age < trust && ", instead: "age <= trust * 9 && " }],
    },
    Rule {
        number: 7,
        without: "the answer does not wait while the cache cannot be reached",
        explore: "explore --requests 3 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "            while self.heard(self.cache.remove(key).await).is_none() {
                self.cache.pause(self.trust / 10).await;
            }",
            instead: "            self.heard(self.cache.remove(key).await);",
        }],
    },
    Rule {
        number: 7,
        without: "after a lost answer of the durable store the cache is not told",
        explore: "explore --requests 3 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            text: "        if let Some(doubt) = self.doubts.about(key) {",
            instead: "        if let Some(doubt) = self.doubts.about(key).filter(|doubt| *doubt != Doubt::Unknown) {",
        }],
    },
];
