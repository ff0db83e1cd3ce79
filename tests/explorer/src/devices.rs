//! Device-bound sessions: the search of `core_tests`, and the rules that it misses.

use std::process::ExitCode;

use crate::mutations::{Edit, Mutation};

/// Searches every order of so many things.
pub(crate) fn explore(things: u32, single_use: bool) -> ExitCode {
    match core_tests::devices::every_order(things, single_use) {
        Ok(orders) => {
            println!("{orders} orders of {things} things with device-bound sessions keep every promise");
            ExitCode::SUCCESS
        }
        Err(why) => {
            println!("=> {why}");
            ExitCode::FAILURE
        }
    }
}

const SESSION: &str = "session-core/src/session/device.rs";
const DRIVER: &str = "session-core/src/driver/device.rs";
const WIRE: &str = "session-core/src/wire/device.rs";
const STATE: &str = "session-core/src/protocol/state.rs";
const STEPS: &str = "session-core/src/protocol/steps.rs";

/// The numbers are those of "Device-bound sessions" in docs/design.md.
pub(crate) static RULES: &[Mutation] = &[
    Mutation {
        rule: 1,
        without: "a request without a proof that holds has its session",
        explore: "devices --things 3",
        edits: &[Edit { file: SESSION, code: "self.request.disown();", instead: "" }],
    },
    Mutation {
        rule: 2,
        without: "a proof holds forever",
        explore: "devices --things 3",
        edits: &[Edit { file: SESSION, code: "if device.holds(proven, now) =>", instead: "if proven > Time::ZERO =>" }],
    },
    Mutation {
        rule: 3,
        without: "a session needs no proof as long as it is young, and stays young",
        explore: "devices --things 3",
        edits: &[Edit {
            file: WIRE,
            code: "fresh(signed_in, now, SETTLING.min(self.devices().lifetime.into()))",
            instead: "fresh(signed_in, now, SETTLING * 60)",
        }],
    },
    Mutation {
        rule: 4,
        without: "any challenge will do for a registration",
        explore: "devices --things 3",
        edits: &[Edit {
            file: SESSION,
            code: "if !device.is_registration(proof.challenge(), handle, login, self.sessions.now()) {",
            instead: "if !device.is_registration(proof.challenge(), handle, login, self.sessions.now()) && login == 0 {",
        }],
    },
    Mutation {
        rule: 5,
        without: "a proof of any key will do for a refresh",
        explore: "devices --things 3",
        edits: &[Edit { file: DRIVER, code: "if !proof.is_signed_by(&key, es256) {", instead: "if key == [0; 64] {" }],
    },
    Mutation {
        rule: 6,
        without: "the key of before stays after another sign-in",
        explore: "devices --things 3",
        edits: &[Edit { file: STEPS, code: "self.mine.drop_device()?;", instead: "" }],
    },
    Mutation {
        rule: 7,
        without: "a login over an unproven session leaves that",
        explore: "devices --things 3",
        edits: &[Edit {
            file: DRIVER,
            code: "DeleteCondition::Login(login), self.now()",
            instead: "DeleteCondition::Login(login.wrapping_sub(1)), self.now()",
        }],
    },
    Mutation {
        rule: 8,
        without: "a logout without a proof leaves the session",
        explore: "devices --things 3",
        edits: &[Edit {
            file: STATE,
            code: "self.outgoing = Outgoing::Nothing;\n        self.become_nothing();",
            instead: "self.outgoing = Outgoing::Nothing;\n        self.become_nothing();\n        self.token = None;",
        }],
    },
    Mutation {
        rule: 9,
        without: "an outage is the end of the key",
        explore: "devices --things 3",
        edits: &[Edit {
            file: DRIVER,
            code: "Refusal::Later => return DeviceReply::Unavailable,",
            instead: "Refusal::Later => return DeviceReply::Refused,",
        }],
    },
    Mutation {
        rule: 10,
        without: "a challenge that is too old is the end of the key",
        explore: "devices --things 3",
        edits: &[Edit {
            file: DRIVER,
            code: "Refusal::Again(\"the challenge is not ours or is too old\")",
            instead: "Refusal::Final(\"the challenge is not ours or is too old\")",
        }],
    },
    Mutation {
        rule: 11,
        without: "a proof that counts once counts again",
        explore: "devices --things 4 --single-use",
        edits: &[Edit { file: DRIVER, code: "if made <= proven {", instead: "if made < proven {" }],
    },
    Mutation {
        rule: 11,
        without: "a used proof is the end of the key, also where its answer was lost",
        explore: "devices --things 3 --single-use",
        edits: &[Edit {
            file: DRIVER,
            code: "Refusal::Again(\"the proof was used before\")",
            instead: "Refusal::Final(\"the proof was used before\")",
        }],
    },
    Mutation {
        rule: 12,
        without: "a login over another person's session takes its data over",
        explore: "devices --things 3",
        edits: &[Edit {
            file: STEPS,
            code: "is_none_or(|(before, _)| before == subject)",
            instead: "is_none_or(|(before, _)| before != \"\" || subject == \"\")",
        }],
    },
];
