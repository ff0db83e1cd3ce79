//! The rules of the protocol: each left out in a copy of the core, the explorer must miss it. The numbers are those of
//! docs/design.md.

use crate::mutations::{Edit, Mutation};

const STATE: &str = "session-core/src/protocol/state.rs";
const MACHINE: &str = "session-core/src/protocol/machine.rs";
const STEPS: &str = "session-core/src/protocol/steps.rs";
const REPLIES: &str = "session-core/src/protocol/replies.rs";
const EXPIRY: &str = "session-core/src/protocol/expiry.rs";
const POLICY: &str = "session-core/src/base/policy.rs";
const STORED: &str = "session-core/src/driver/stored.rs";
const SUBJECTS: &str = "session-core/src/driver/subjects.rs";
const CHANGES: &str = "session-core/src/record/changes.rs";
const STORE: &str = "tests/explorer/src/protocol/world.rs";

pub(crate) static RULES: &[Mutation] = &[
    Mutation {
        rule: 1,
        without: "after a conflict the cookie is not asked about again",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "let verdict = expiry::worth(token, &self.other, operation.now);",
            instead: "let _ = token;\n        let verdict = core::convert::identity(Verdict::Current);",
        }],
    },
    Mutation {
        rule: 2,
        without: "a cookie may be renewed while a grace runs",
        explore: "two --small-first",
        edits: &[
            Edit {
                file: EXPIRY,
                code: "&& same(record.verifier(), &token.verifier)\n        && record.previous().is_none_or(|previous| now >= previous.grace_until)",
                instead: "&& (same(record.verifier(), &token.verifier) || record.previous().is_some_and(|previous| now < previous.grace_until))",
            },
            Edit {
                file: POLICY,
                code: "renew_after.is_some() && limits.renew_after <= limits.grace",
                instead: "renew_after.is_some() && limits.renew_after == 0",
            },
        ],
    },
    Mutation {
        rule: 3,
        without: "the store and the driver write to sessions that are over",
        explore: "two --small-first",
        edits: &[
            Edit {
                file: STORE,
                code: "filter(|slot| Record::is_live(&slot.bytes, now))",
                instead: "filter(|_| now > 0)",
            },
            Edit {
                file: STEPS,
                code: "if expiry::expired(&self.mine, rules.policy, now) {\n            return",
                instead: "if false {\n            return",
            },
        ],
    },
    Mutation {
        rule: 4,
        without: "the store keeps the last_seen that came last, not the latest",
        explore: "two --small-first",
        edits: &[Edit { file: STORE, code: "if Record::last_seen(record) < seen {", instead: "if seen > 0 {" }],
    },
    Mutation {
        rule: 5,
        without: "a login takes over the session of another subject",
        explore: "two --small-first",
        edits: &[Edit {
            file: STEPS,
            code: "is_none_or(|(before, _)| before == subject)",
            instead: "is_none_or(|(before, _)| before != \"\" || subject == \"\")",
        }],
    },
    Mutation {
        rule: 5,
        without: "a login over another subject ends whatever has the old handle",
        explore: "two --small-first",
        edits: &[Edit {
            file: STORED,
            code: "operation.condition, now",
            instead: "if matches!(operation.intent, crate::protocol::operation::Intent::Login { .. }) && operation.condition != DeleteCondition::Login(0) { DeleteCondition::Any } else { operation.condition }, now",
        }],
    },
    Mutation {
        rule: 6,
        without: "a login's cookie goes out and the index does not have its session",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "if rules.has_index && matches!(operation.intent, Intent::Login { .. }) && !operation.joined {",
            instead: "if rules.has_index && operation.intent == Intent::Rotate {",
        }],
    },
    Mutation {
        rule: 7,
        without: "a login is added whatever became of the epoch since it began",
        explore: "two --small-first",
        edits: &[Edit { file: STORE, code: "if subject.epoch != *epoch {", instead: "if subject.epoch < *epoch {" }],
    },
    Mutation {
        rule: 8,
        without: "a revocation ends whatever has the handle",
        explore: "two --small-first",
        edits: &[Edit { file: SUBJECTS, code: "DeleteCondition::Login(entry.login)", instead: "DeleteCondition::Any" }],
    },
    Mutation {
        rule: 9,
        without: "the session that ends others is not accepted again",
        explore: "two --small-first",
        edits: &[Edit {
            file: SUBJECTS,
            code: "self.accept_again(own, room).await?;\n        let ended = self.end_each",
            instead: "let ended = self.end_each",
        }],
    },
    Mutation {
        rule: 9,
        without: "a login at the cap looks at those that were added after it as well",
        explore: "two --small-first",
        edits: &[
            Edit { file: SUBJECTS, code: "pages.restart(entry.order);", instead: "pages.restart(u64::MAX);" },
            Edit {
                file: SUBJECTS,
                code: "if !is_own {\n                    continue;",
                instead: "if pages.at < pages.len || !pages.ended {\n                    continue;",
            },
        ],
    },
    Mutation {
        rule: 9,
        without: "the cap of a session that has ended ends others",
        explore: "two-clicks",
        edits: &[Edit {
            file: SUBJECTS,
            code: "oldest.filter(|_| holds && count > cap)",
            instead: "oldest.filter(|_| count > cap - usize::from(!holds))",
        }],
    },
    Mutation {
        rule: 9,
        without: "a login at a cap of two ends as many as it counted, although another one is ending the same",
        explore: "two --small-first",
        edits: &[Edit {
            file: SUBJECTS,
            code: "if let Some(oldest) = oldest.filter(|_| holds && count > cap) {
                    self.end_entry(&ending, &oldest).await?;
                }
                if !holds || count <= cap.saturating_add(1) {
                    break;
                }",
            instead: "if holds {
                    let mut again = Pages::new(ending.id, entry.order.saturating_sub(1));
                    for _ in cap..count {
                        let Some(oldest) = self.next(&mut again).await? else { break };
                        self.end_entry(&ending, &oldest).await?;
                    }
                }
                break;",
        }],
    },
    Mutation {
        rule: 10,
        without: "a value that was read may have changed",
        explore: "two --small-first",
        edits: &[Edit {
            file: CHANGES,
            code: "matches!(touched.kind, Kind::Read | Kind::Write)",
            instead: "touched.kind == Kind::Rerun && touched.kind == Kind::Write",
        }],
    },
    Mutation {
        rule: 10,
        without: "what was read before a rotation may have changed",
        explore: "two --small-first",
        edits: &[Edit {
            file: CHANGES,
            code: "(self.cleared, self.relabeled, self.dirty) = (false, false, false);",
            instead: "(self.cleared, self.relabeled, self.dirty, self.stale) = (false, false, false, false);",
        }],
    },
    Mutation {
        rule: 11,
        without: "after a lost answer the own write counts as somebody else's",
        explore: "two --small-first",
        edits: &[
            Edit {
                file: REPLIES,
                code: "if operation.attempted && there == self.mine.version() {",
                instead: "if operation.attempted && there == self.mine.version() && !operation.pending {",
            },
            Edit { file: REPLIES, code: "if operation.pending && there != self.base {", instead: "if false {" },
        ],
    },
    Mutation {
        rule: 11,
        without: "after a lost answer somebody else's write counts as proof that the own one was not done",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "if operation.pending && there != self.base {",
            instead: "if operation.pending && there == self.base {",
        }],
    },
    Mutation {
        rule: 11,
        without: "an update that was given up and may still be done is told as refused",
        explore: "two --small-first",
        edits: &[Edit {
            file: MACHINE,
            code: "if operation.pending { Error::Indeterminate } else { error }",
            instead: "error",
        }],
    },
    Mutation {
        rule: 11,
        without: "a login whose update was given up and may still be done goes on with another session",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "Intent::Login { .. } if !operation.pending => {",
            instead: "Intent::Login { .. } => {",
        }],
    },
    Mutation {
        rule: 12,
        without: "a cookie that was superseded is taken back",
        explore: "two --small-first",
        edits: &[Edit {
            file: STATE,
            code: "Verdict::Replaced => rules.observer.observe(&Event::Replaced(id, who)),",
            instead: "Verdict::Replaced => self.outgoing = Outgoing::Remove,",
        }],
    },
    Mutation {
        rule: 13,
        without: "a create that was given up is repeated under its handle",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "(operation.fresh, self.fresh_handle, operation.phase) = (None, None, Phase::Ready);",
            instead: "(operation.fresh, operation.phase) = (None, Phase::Ready);
                if outcome.is_ok() { self.fresh_handle = None; }",
        }],
    },
    Mutation {
        rule: 14,
        without: "an add that comes late replaces the entry of a newer login",
        explore: "two --small-first",
        edits: &[Edit {
            file: STORE,
            code: "old.0 == *handle && old.1 >= *login",
            instead: "old.0 == *handle && old.1 == *login",
        }],
    },
    Mutation {
        rule: 15,
        without: "a second login over the cookie that a login has just replaced makes another session",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "(Verdict::Replaced, Intent::Login { subject, .. }, Some(token)) => {",
            instead: "(Verdict::Current, Intent::Login { subject, .. }, Some(token)) if verdict == Verdict::Grace => {",
        }],
    },
    Mutation {
        rule: 15,
        without: "a second login joins the first without a write",
        explore: "two --small-first",
        edits: &[Edit {
            file: REPLIES,
            code: "operation.phase = if rules.has_index { Phase::Indexing } else { Phase::Ready };",
            instead: "operation.next = joined;\n            self.in_force(operation, rules);",
        }],
    },
    Mutation {
        rule: 15,
        without: "a login that another one has joined is taken back",
        explore: "two-clicks",
        edits: &[Edit {
            file: STEPS,
            code: "DeleteCondition::Version(self.seen)",
            instead: "DeleteCondition::Login(self.mine.login())",
        }],
    },
    Mutation {
        rule: 15,
        without: "a cookie from before a login counts as one from before a renewal",
        explore: "two --small-first",
        edits: &[Edit {
            file: EXPIRY,
            code: "previous.grace_until > Time::ZERO && same(previous.verifier, &token.verifier)",
            instead: "same(previous.verifier, &token.verifier)",
        }],
    },
];
