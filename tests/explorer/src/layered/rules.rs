//! The rules of the layered store: each left out in a copy of it, the explorer must miss it. The numbers are those of
//! docs/design.md.

use crate::mutations::{Edit, Mutation};

const STORE: &str = "stores/layered/src/store.rs";
const ENTRY: &str = "stores/layered/src/cache_entry.rs";
const CACHE: &str = "tests/explorer/src/layered/world.rs";

pub(crate) const RULES: &[Mutation] = &[
    Mutation {
        rule: 1,
        without: "the lease is taken after the durable store was asked",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "        match (load, lease) {",
            instead: "        drop(lease);
        let _gone = self.cache.remove(key).await;
        let lease = match self.cache.look(key).await {
            Ok(Look::Found(_, lease) | Look::Leased(lease)) => Some(lease),
            _ => None,
        };
        match (load, lease) {",
        }],
    },
    Mutation {
        rule: 2,
        without: "a lease is filled without comparing",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: CACHE,
            code: "if self.cached.as_ref().is_some_and(|(number, _)| *number == place.number) {",
            instead: "if place.number > 0 {",
        }],
    },
    Mutation {
        rule: 2,
        without: "a lease is filled over another connection, after the cache was started again",
        explore: "layered --requests 4 --faults 1 --seconds 0",
        edits: &[Edit { file: CACHE, code: "if place.life != life {", instead: "if place.life > life {" }],
    },
    Mutation {
        rule: 3,
        without: "a write tells the cache nothing",
        explore: "layered --requests 2 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "if self.heard(self.cache.replace(key, seen, &entry, self.keep()).await).is_none() {",
            instead: "if entry.is_empty() || seen == version {",
        }],
    },
    Mutation {
        rule: 4,
        without: "a logout tells the cache nothing",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,",
            instead: "Ok(Outcome::Applied(_) | Outcome::Missing) => {}",
        }],
    },
    Mutation {
        rule: 4,
        without: "a logout that finds nothing to end tells the cache nothing",
        explore: "layered --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.settle(key).await,",
            instead: "Ok(Outcome::Applied(_)) => self.settle(key).await,\n            Ok(Outcome::Missing) => {}",
        }],
    },
    Mutation {
        rule: 4,
        without: "a load that finds nothing leaves the lease of somebody else",
        explore: "layered --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "(Load::Missing, _) => self.settle(key).await,",
            instead: "(Load::Missing, Some(_)) => self.settle(key).await,\n            (Load::Missing, None) => {}",
        }],
    },
    Mutation {
        rule: 4,
        without: "a load that finds nothing relies on its own lease",
        explore: "layered --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "(Load::Missing, _) => self.settle(key).await,",
            instead: "(Load::Missing, None) => self.settle(key).await,\n            (Load::Missing, Some(_)) => {}",
        }],
    },
    Mutation {
        rule: 5,
        without: "the reload after a conflict asks the cache",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "        if let Some(check) = self.pending.get(key) {",
            instead: "        if let Some(check) = self.pending.get(key).filter(|check| *check != PendingCheck::Conflict) {",
        }],
    },
    Mutation {
        rule: 6,
        without: "an entry is trusted as long as it is there",
        explore: "layered --requests 3 --faults 1 --seconds 2",
        edits: &[Edit { file: ENTRY, code: "age < trust && ", instead: "age <= trust * 9 && " }],
    },
    Mutation {
        rule: 7,
        without: "the answer does not wait while the cache cannot be reached",
        explore: "layered --requests 3 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "            while self.heard(self.cache.remove(key).await).is_none() {
                self.cache.pause(self.trust / 10).await;
            }",
            instead: "            self.heard(self.cache.remove(key).await);",
        }],
    },
    Mutation {
        rule: 7,
        without: "after a lost answer of the durable store the cache is not told",
        explore: "layered --requests 3 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "        if let Some(check) = self.pending.get(key) {",
            instead: "        if let Some(check) = self.pending.get(key).filter(|check| *check != PendingCheck::Indeterminate) {",
        }],
    },
];
