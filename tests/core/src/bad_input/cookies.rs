//! Any bytes as Cookie header lines.

use session_core::RequestState;
use session_core::cookie_header::{MAX_CANDIDATES, candidates};
use session_core::testing::{ScriptedRng, run};

use crate::vectors::cases;

use super::{PLACE, View, WORLD, Watch, World, reference};

/// Reads `data` as header lines, separated by line feeds; a byte 1 stands for a genuine cookie value.
///
/// # Panics
/// If the parser finds others than the second one, one that is no part of its line, or if the session that is found
/// is another than the first genuine one of the first eight candidates gives.
pub fn cookie_header(data: &[u8], watch: Watch<'_>) {
    WORLD.with(|world| world.cookie_header(data, watch));
}

/// Inputs for [`cookie_header`]: the lines of the vectors.
#[must_use]
pub fn cookie_seeds() -> Vec<Vec<u8>> {
    let lines = cases("cookie").into_iter().map(|case| case.lines().join(&b'\n'));
    lines.chain([b"id=\x01; id=\x01".to_vec()]).collect()
}

impl World {
    fn cookie_header(&self, data: &[u8], watch: Watch<'_>) {
        let mut text = Vec::new();
        for byte in data {
            match byte {
                1 => text.extend_from_slice(self.cookie.as_bytes()),
                _ => text.push(*byte),
            }
        }
        let lines: Vec<&[u8]> = text.split(|byte| *byte == b'\n').collect();
        for name in ["id", "__Host-id"] {
            lines.iter().for_each(|line| assert_candidates(line, name, watch));
        }

        let ours = || lines.iter().flat_map(|line| reference::cookies(line, "id")).take(MAX_CANDIDATES);
        let genuine = |value: &Vec<u8>| value == self.cookie.as_bytes();
        let forged = ours().take_while(|value| !genuine(value)).count();

        self.seen.forget();
        self.sessions.clock().set(self.now);
        self.sessions.store().put(self.handle, &self.record);
        let mut exchange = RequestState::new([0xee; PLACE], [0xee; PLACE]);
        let mut view = View::new(&self.sessions, &mut exchange, ScriptedRng::failing());
        watch(&mut || run(view.load(lines.iter().copied())).expect("a store that answers"));
        assert_eq!(view.exists(), ours().any(|value| genuine(&value)), "whether there is a session");
        assert_eq!(self.seen.forged.get(), forged.min(1), "refused candidates are told once in a request");
        assert!(self.seen.verdict.get().is_none(), "a genuine cookie is accepted");
        assert!(forged <= MAX_CANDIDATES);
    }
}

fn assert_candidates(line: &[u8], name: &str, watch: Watch<'_>) {
    let expected = reference::cookies(line, name);
    let mut expected = expected.iter();
    watch(&mut || {
        for value in candidates(line, name) {
            assert_eq!(Some(value), expected.next().map(Vec::as_slice), "a value");
            let (whole, part) = (line.as_ptr_range(), value.as_ptr_range());
            assert!(whole.start <= part.start && part.end <= whole.end, "part of its line");
        }
    });
    assert_eq!(expected.next(), None, "a value is missing");
}
