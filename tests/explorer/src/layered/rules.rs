//! The rules of the layered store: each left out in a copy of it, the explorer must miss it. The numbers are those of
//! docs/design.md.

use crate::mutations::{Edit, Mutation};

const STORE: &str = "stores/layered/src/store.rs";
const CACHE: &str = "tests/explorer/src/layered/world.rs";

pub(crate) static RULES: &[Mutation] = &[
    Mutation {
        rule: 1,
        without: "the lease is taken after the durable store was asked",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "        if let Load::Found(Found { len, version }) = load {",
            instead: "        drop(lease);
        let _gone = self.cache.remove(key).await;
        let lease = match self.cache.look(key).await {
            Ok(Look::Found(_, lease) | Look::Leased(lease)) => Some(lease),
            _ => None,
        };
        if let Load::Found(Found { len, version }) = load {",
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
            code: "self.agree(key, News::Changed(seen, &entry), now).await;",
            instead: "drop((entry, version));",
        }],
    },
    Mutation {
        rule: 4,
        without: "a logout tells the cache nothing",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.agree(key, News::Gone, now).await,",
            instead: "Ok(Outcome::Applied(_) | Outcome::Missing) => {}",
        }],
    },
    Mutation {
        rule: 4,
        without: "a logout that finds nothing to end tells the cache nothing",
        explore: "layered --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "Ok(Outcome::Applied(_) | Outcome::Missing) => self.agree(key, News::Gone, now).await,",
            instead: "Ok(Outcome::Applied(_)) => self.agree(key, News::Gone, now).await,\n            Ok(Outcome::Missing) => {}",
        }],
    },
    Mutation {
        rule: 4,
        without: "a load that finds nothing tells the cache nothing",
        explore: "layered --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "            // another node may be about to fill in the ended session, even if the lease is ours: it may have been lost
            self.agree(key, News::Gone, now).await;",
            instead: "",
        }],
    },
    Mutation {
        rule: 4,
        without: "a load without a lease tells the cache nothing",
        explore: "layered --requests 4 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "            let news = match lease {
                Some(lease) => News::Filled(lease, version, &entry),
                None => News::Changed(version, &entry),
            };
            self.agree(key, news, now).await;",
            instead: "            if let Some(lease) = lease {
                self.agree(key, News::Filled(lease, version, &entry), now).await;
            }",
        }],
    },
    Mutation {
        rule: 4,
        without: "a load that could not fill its lease tells the cache nothing",
        explore: "layered --requests 4 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "Some(false) => self.heard(self.cache.replace(key, version, entry, self.keep()).await),",
            instead: "Some(false) => Some(drop(version)),",
        }],
    },
    Mutation {
        rule: 5,
        without: "the reload after a conflict, or after a lost answer, asks the cache",
        explore: "layered --requests 3 --faults 0 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "let checks = self.pending.contains(key);",
            instead: "let checks = self.pending.contains(key) && self.trust.is_zero();",
        }],
    },
    Mutation {
        rule: 7,
        without: "the answer does not wait while the cache cannot be reached",
        explore: "layered --requests 3 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "        first(removed, self.cache.pause(from.saturating_duration_since(self.cache.now()))).await;",
            instead: "        drop((removed, from));",
        }],
    },
    Mutation {
        rule: 8,
        without: "a node that has told the others does not wait until they have heard",
        explore: "layered --requests 3 --faults 1 --seconds 0",
        edits: &[Edit {
            file: STORE,
            code: "let from = unbroken.map_or(said + self.trust, |outage| outage.from);",
            instead: "let from = unbroken.map_or(said, |outage| outage.from);",
        }],
    },
];
