//! Any bytes as a stored record under a genuine cookie.

use serde::{Deserialize, Serialize};
use session_core::environment::Time;
use session_core::testing::{ScriptedRng, run};
use session_core::{Error, RequestState};

use crate::vectors::{bytes, cases};

use super::{PLACE, View, WORLD, Watch, World, reference};

#[derive(Serialize, Deserialize)]
struct Cart<'a> {
    items: [u16; 2],
    note: Option<&'a str>,
}

#[derive(Serialize, Deserialize)]
enum Step {
    Start,
    Paid(u32),
    Sent { parcel: u64 },
}

/// The first byte of `data` says what is made right in the record that the other bytes are, so that more than its
/// first check is reached: 1 the verifier, 2 the previous verifier, 4 format and flags, 8 its times.
///
/// # Panics
/// If the core sees another record in the bytes than the second parser, sees something in a refused one, or stores
/// something that is no record.
pub fn record(data: &[u8], watch: Watch<'_>) {
    if let Some((how, bytes)) = data.split_first() {
        WORLD.with(|world| world.record(*how, bytes.to_vec(), watch));
    }
}

/// Inputs for [`record`]: the records of the vectors.
#[must_use]
pub fn record_seeds() -> Vec<Vec<u8>> {
    let kinds = ["cookie", "grace", "superseded", "end", "record", "change"];
    let records = kinds.into_iter().flat_map(cases).filter_map(|case| case.find("record").map(bytes));
    records.map(|record| [&[0], &record[..]].concat()).collect()
}

impl World {
    fn record(&self, how: u8, mut bytes: Vec<u8>, watch: Watch<'_>) {
        self.mend(how, &mut bytes);
        let expected = reference::record(&bytes);
        let now = self.now.millis();
        let verdict = expected.as_ref().map_or(Some("corrupt"), |record| record.verdict(&self.verifier, now));

        self.seen.forget();
        self.sessions.clock().set(self.now);
        self.sessions.store().put(self.handle, &bytes);
        let line = format!("id={}", self.cookie);
        let mut exchange = RequestState::new([0xee; PLACE], [0xee; PLACE]);
        let mut view = View::new(&self.sessions, &mut exchange, ScriptedRng::new(now));
        let mut loaded = Ok(());
        watch(&mut || loaded = run(view.load([line.as_bytes()].into_iter())));
        if bytes.len() > PLACE {
            assert_eq!(loaded, Err(Error::TooLarge { need: bytes.len(), have: PLACE }));
            assert!(!view.exists());
            return;
        }
        assert_eq!((loaded, self.seen.verdict.get()), (Ok(()), verdict), "{}", crate::vectors::hex(&bytes));
        match expected.filter(|_| verdict.is_none()) {
            Some(expected) => assert_seen(&mut view, &expected),
            None => {
                assert!(!view.exists() && view.subject().is_none() && view.label().is_none(), "a refused record shows");
                assert!(view.keys().next().is_none() && view.started_at().is_none(), "a refused record shows");
                assert!(!view.csrf_ok(&self.cookie) && view.get::<u32>("n") == Ok(None), "a refused record shows");
            }
        }
        let mut change = Ok(());
        watch(&mut || {
            read(&mut view);
            change = view.set("n", &300_u32);
        });
        let stale = matches!(verdict, Some("past_grace" | "replaced")) && change == Err(Error::CookieReplaced);
        assert!(stale || matches!(change, Ok(()) | Err(Error::TooLarge { .. })), "{change:?}");
        self.commit(&mut view, change.is_ok());
    }

    fn mend(&self, how: u8, bytes: &mut [u8]) {
        let now = self.now.millis().to_le_bytes();
        let mut mend = |mask: u8, at: usize, with: &[u8]| {
            if let Some(place) = bytes.get_mut(at..at + with.len()).filter(|_| how & mask != 0) {
                place.copy_from_slice(with);
            }
        };
        mend(1, 32, &self.verifier);
        mend(2, 60, &self.verifier);
        mend(4, 0, &[2]);
        mend(8, 14, &now[..6]);
        mend(8, 20, &[0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0]);
        mend(8, 48, &now[..6]);
        if let Some(flags) = bytes.get_mut(1).filter(|_| how & 4 != 0) {
            *flags &= 63;
        }
    }

    /// What is stored is a record, and the next request finds in it what was set.
    fn commit(&self, view: &mut View<'_>, set: bool) {
        view.activity();
        let label = view.set_label("phone");
        let _ = view.flash_message("saved");
        let shown = run(view.take_flash_message(str::len));
        assert!(
            matches!(shown, Ok(None | Some(_)) | Err(Error::Unreadable | Error::CookieReplaced | Error::Unavailable)),
            "{shown:?}"
        );
        let committed = run(view.commit());
        let Some(stored) = self.sessions.store().get(self.handle) else { panic!("the record is gone") };
        let (true, Ok(()), Ok(()), true) = (set, committed, label, view.log_id().is_some()) else { return };
        let mut buffer = [0; 512];
        let cookie =
            view.set_cookie(&mut buffer).expect("room").map(|cookie| cookie.split(';').next().unwrap_or_default());
        let line = cookie.map_or(format!("id={}", self.cookie), str::to_owned);
        let mut exchange = RequestState::new([0xee; PLACE], [0xee; PLACE]);
        let mut next = View::new(&self.sessions, &mut exchange, ScriptedRng::failing());
        run(next.load([line.as_bytes()].into_iter())).expect("a record that fits");
        assert_eq!(next.get::<u32>("n"), Ok(Some(300)), "what was set; stored: {}", crate::vectors::hex(&stored));
        assert_eq!(next.label(), Some("phone"));
    }
}

/// The session shows what the second parser found.
fn assert_seen(view: &mut View<'_>, expected: &reference::Record) {
    let subject = expected.subject.as_ref().map(|(_, subject)| subject.as_str());
    assert!(view.exists() && view.subject() == subject, "subject");
    assert_eq!(view.authenticated_at().map(Time::millis), expected.subject.as_ref().map(|(at, _)| *at));
    assert_eq!(view.label(), expected.label.as_deref());
    assert_eq!(view.started_at().map(Time::millis), Some(expected.created));
    assert_eq!(view.last_seen().map(Time::millis), Some(expected.last_seen));
    assert!(view.keys().eq(expected.keys.iter().map(String::as_str).filter(|key| !key.starts_with('\0'))), "keys");
}

/// Reads a few keys as many types: a value or a clash, never anything else.
fn read(view: &mut View<'_>) {
    fn as_one<'v, T: Serialize + Deserialize<'v>>(read: Result<Option<T>, Error>) {
        assert!(matches!(read, Ok(_) | Err(Error::Unreadable)));
    }
    for key in ["n", "cart", "k", "t", "a"] {
        as_one(view.get::<u8>(key));
        as_one(view.get::<u16>(key));
        as_one(view.get::<u32>(key));
        as_one(view.get::<i128>(key));
        as_one(view.get::<f64>(key));
        as_one(view.get::<bool>(key));
        as_one(view.get::<char>(key));
        as_one(view.get::<&str>(key));
        as_one(view.get::<()>(key));
        as_one(view.get::<Option<u32>>(key));
        as_one(view.get::<(u8, u8)>(key));
        as_one(view.get::<Cart<'_>>(key));
        as_one(view.get::<Step>(key));
    }
}
