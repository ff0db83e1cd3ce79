//! What is asked of an application, and how it is counted. The peers' program has this file, too.

use std::cell::Cell;
use std::io::{Read, stdin};
use std::os::unix::process::parent_id;
use std::process::ExitCode;
use std::time::Instant;

use stats_alloc::{INSTRUMENTED_SYSTEM, Stats};

/// What is asked of an application.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    /// Without sessions.
    Bare,
    /// The handler does not ask for its session.
    Untouched,
    Read,
    Increment,
    /// A visitor's first write.
    New,
}

impl Ask {
    pub(crate) const ALL: [(&str, Self); 5] = [
        ("bare", Self::Bare),
        ("untouched", Self::Untouched),
        ("read", Self::Read),
        ("increment", Self::Increment),
        ("new", Self::New),
    ];

    pub(crate) const fn path(self) -> &'static str {
        match self {
            Self::Bare | Self::Untouched => "/plain",
            Self::Read => "/read",
            Self::Increment | Self::New => "/increment",
        }
    }

    /// The cookie that the request brings: of a session, or, for a visitor's first write, another one of that length.
    pub(crate) fn cookie(self, set_cookie: &str) -> String {
        let pair = set_cookie.split(';').next().unwrap_or_default();
        if self == Self::New { format!("theme={:x<1$}", "", pair.len().saturating_sub(6)) } else { pair.to_owned() }
    }
}

/// The last requests, which a debugger counts instruction by instruction.
const STEPPED: usize = 10;

thread_local! {
    /// When the first request began, and what had been allocated by then.
    static BEGUN: Cell<Option<(Instant, Stats)>> = const { Cell::new(None) };
    /// From there to the end of the last request: allocations, their bytes, nanoseconds.
    static SPENT: Cell<(usize, usize, u128)> = const { Cell::new((0, 0, 0)) };
}

/// One item for each request. Before the last ten of them and after them the program asks for its parent: a system call that
/// nothing else of it does, for a debugger to wait for.
pub(crate) fn rounds(times: usize) -> impl Iterator<Item = ()> {
    let mut left = times;
    std::iter::from_fn(move || {
        if left == STEPPED || left == 0 {
            let _ = parent_id();
        }
        if left == times {
            BEGUN.set(Some((Instant::now(), INSTRUMENTED_SYSTEM.stats())));
        } else if let (0, Some((began, before))) = (left, BEGUN.get()) {
            let (spent, change) = (began.elapsed().as_nanos(), INSTRUMENTED_SYSTEM.stats() - before);
            SPENT.set((change.allocations, change.bytes_allocated, spent));
        }
        left = left.checked_sub(1)?;
        Some(())
    })
}

/// `FRAMEWORK REQUEST TIMES`: does the request through the framework so many times and prints the allocations that
/// they made, their bytes, and the nanoseconds that the requests took. `through` gives the number of good answers; `None` if it does not know the framework. With `stepped` behind, it waits
/// for the end of its input before it begins, so that a debugger has time to attach.
pub(crate) fn count(
    program: &str,
    arguments: impl Iterator<Item = String>,
    through: impl AsyncFnOnce(&str, Ask, usize) -> Option<usize>,
) -> ExitCode {
    let mut arguments: Vec<String> = arguments.collect();
    if arguments.pop_if(|last| last == "stepped").is_some() {
        // that there is nothing to read is what it waits for
        let _ = stdin().read_to_end(&mut Vec::new());
    }
    let asked = match &arguments[..] {
        [framework, ask, times] => Ask::ALL
            .iter()
            .find(|(name, _)| name == ask)
            .and_then(|(_, ask)| Some((framework, *ask, times.parse::<usize>().ok()?))),
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let (Some((framework, ask, times)), Ok(runtime)) = (asked, runtime) else { return usage(program) };
    match runtime.block_on(through(framework, ask, times)) {
        Some(good) if good == times => {
            let (allocations, bytes, nanoseconds) = SPENT.get();
            println!("{allocations} {bytes} {nanoseconds}");
            ExitCode::SUCCESS
        }
        Some(good) => {
            eprintln!("{good} of {times} answers were as they should be");
            ExitCode::FAILURE
        }
        None => usage(program),
    }
}

fn usage(program: &str) -> ExitCode {
    let asks = Ask::ALL.map(|(name, _)| name).join(", ");
    eprintln!("{program} FRAMEWORK REQUEST TIMES, FRAMEWORK one of actix, axum, poem, rocket, REQUEST one of {asks}");
    ExitCode::from(2)
}
