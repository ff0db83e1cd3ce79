//! The rules of the protocol: each left out in a copy of the core, the explorer must miss it. The numbers are those of
//! docs/design.md.

use left_out::{Edit, Explorer, Rule};

/// The core and this package.
pub(crate) const EXPLORER: Explorer =
    Explorer { package: "explorer", members: &["session-core", "tests/explorer", "tests/left-out"], dialogues: true };

const EXCHANGE: &str = "session-core/src/exchange.rs";
const STEPS: &str = "session-core/src/exchange/steps.rs";
const REPLIES: &str = "session-core/src/exchange/replies.rs";
const EXPIRY: &str = "session-core/src/expiry.rs";
const POLICY: &str = "session-core/src/policy.rs";
const SUBJECTS: &str = "session-core/src/driver/subjects.rs";
const CHANGES: &str = "session-core/src/changes.rs";
const STORE: &str = "tests/explorer/src/world.rs";

pub(crate) const RULES: &[Rule] = &[
    Rule {
        number: 1,
        without: "after a conflict the cookie is not asked about again",
        explore: "two",
        edits: &[Edit {
            file: REPLIES,
            text: "match expiry::accept(token, &self.other, rules.policy, now) {",
            instead: "let _ = token; match core::convert::identity(Verdict::Current) {",
        }],
    },
    Rule {
        number: 2,
        without: "a cookie may be renewed while a grace runs",
        explore: "two",
        edits: &[
            Edit {
                file: EXPIRY,
                text: "&& same(record.verifier(), &token.verifier)\n        && record.previous().is_none_or(|previous| now >= previous.grace_until)",
                instead: "&& (same(record.verifier(), &token.verifier) || record.previous().is_some_and(|previous| now < previous.grace_until))",
            },
            Edit {
                file: POLICY,
                text: "if millis(after) <= millis(lifetimes.grace)",
                instead: "if millis(after) == 0",
            },
        ],
    },
    Rule {
        number: 3,
        without: "the store and the driver write to sessions that are over",
        explore: "two",
        edits: &[
            Edit {
                file: STORE,
                text: "slot.filter(|slot| Record::parse(&slot.bytes).live(now.millis()))",
                instead: "slot.filter(|_| now >= Time::ZERO)",
            },
            Edit {
                file: STEPS,
                text: "!self.active || expiry::expired(&self.mine, rules.policy, now)",
                instead: "!self.active",
            },
            Edit {
                file: STEPS,
                text: "if expiry::expired(&self.mine, rules.policy, now) {\n            return",
                instead: "if false {\n            return",
            },
        ],
    },
    Rule {
        number: 4,
        without: "the store keeps the last_seen that came last, not the latest",
        explore: "two",
        edits: &[Edit { file: STORE, text: "if Record::parse(record).last_seen < seen {", instead: "if seen > 0 {" }],
    },
    Rule {
        number: 5,
        without: "a login takes over the session of another subject",
        explore: "two",
        edits: &[Edit {
            file: STEPS,
            text: "is_none_or(|(before, _)| before == subject)",
            instead: "is_none_or(|(before, _)| before != \"\" || subject == \"\")",
        }],
    },
    Rule {
        number: 5,
        without: "a login over another subject ends whatever has the old handle",
        explore: "two",
        edits: &[Edit {
            file: STEPS,
            text: "return Ok(Step::Delete(handle, DeleteCondition::Login(login)))",
            instead: "return Ok(Step::Delete(handle, if login > 0 { DeleteCondition::Any } else { DeleteCondition::Login(login) }))",
        }],
    },
    Rule {
        number: 6,
        without: "a login's cookie goes out and the index does not have its session",
        explore: "two",
        edits: &[Edit {
            file: REPLIES,
            text: "if rules.has_index && matches!(intent, Intent::Login { .. }) {",
            instead: "if rules.has_index && intent == Intent::Rotate {",
        }],
    },
    Rule {
        number: 7,
        without: "a login is added whatever became of the epoch since it began",
        explore: "two",
        edits: &[Edit { file: STORE, text: "if subject.epoch != seen.0 {", instead: "if subject.epoch < seen.0 {" }],
    },
    Rule {
        number: 8,
        without: "a revocation ends whatever has the handle",
        explore: "two",
        edits: &[Edit { file: SUBJECTS, text: "DeleteCondition::Login(entry.login)", instead: "DeleteCondition::Any" }],
    },
    Rule {
        number: 9,
        without: "the session that ends others is not accepted again",
        explore: "two",
        edits: &[Edit {
            file: SUBJECTS,
            text: "self.accept_again(own, room).await?;\n        self.end_each",
            instead: "let _ = room;\n        self.end_each",
        }],
    },
    Rule {
        number: 9,
        without: "a login at the cap looks at those that were added after it as well",
        explore: "two",
        edits: &[Edit { file: SUBJECTS, text: "and_then(|order| order.checked_sub(1))", instead: "map(|_| u64::MAX)" }],
    },
    Rule {
        number: 10,
        without: "a value that was read may have changed",
        explore: "two",
        edits: &[Edit {
            file: CHANGES,
            text: "matches!(kind, Kind::Write) || matches!(kind, Kind::Read) && heed_reads",
            instead: "matches!(kind, Kind::Read) && !heed_reads",
        }],
    },
    Rule {
        number: 11,
        without: "after a lost answer the own write counts as somebody else's",
        explore: "two",
        edits: &[
            Edit {
                file: REPLIES,
                text: "if there == self.mine.version() {",
                instead: "if there == self.mine.version() && !lost {",
            },
            Edit { file: REPLIES, text: "|| lost && there != self.base {", instead: "{" },
        ],
    },
    Rule {
        number: 11,
        without: "after a lost answer somebody else's write counts as proof that the own one was not done",
        explore: "two",
        edits: &[Edit {
            file: REPLIES,
            text: "|| lost && there != self.base {",
            instead: "|| lost && there == self.base {",
        }],
    },
    Rule {
        number: 12,
        without: "a cookie that was superseded is taken back",
        explore: "two",
        edits: &[Edit {
            file: EXCHANGE,
            text: "Verdict::Replaced => rules.observer.observe(&Event::Replaced(id)),",
            instead: "Verdict::Replaced => self.outgoing = Outgoing::Remove,",
        }],
    },
];
