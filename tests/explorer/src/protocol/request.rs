//! What the explored requests do.

use session_core::testing::{ManualClock, ScriptedRng};
use session_core::{Error, RequestState, Session, Sessions};

use crate::protocol::record::COOKIE;
use crate::protocol::world::Port;

pub(crate) type App = Sessions<Port, &'static ManualClock>;

/// A handler.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Verb {
    /// Reads; renews the cookie if it is due.
    Read,
    /// Reads, without counting as activity.
    Peek,
    /// Sets a key of its own.
    Write,
    /// Sets the key that all who do this set, to a value of its own.
    Same,
    /// Reads the counter and sets it to one more.
    Increment,
    /// The same through `update_with`.
    Add,
    /// Removes the key that [`Verb::Same`] sets.
    Remove,
    LoginA,
    LoginB,
    Rotate,
    /// Reads the counter, rotates the cookie, and sets the counter to one more.
    Upgrade,
    Logout,
    Clear,
    Flash,
    TakeFlash,
    /// Lists the sessions of who is signed in.
    List,
    /// Ends the others of who is signed in.
    Others,
    /// An administrator ends all sessions of subject a.
    EndA,
}

impl Verb {
    pub(crate) const ALL: [Self; 18] = [
        Self::Read,
        Self::Peek,
        Self::Write,
        Self::Same,
        Self::Increment,
        Self::Add,
        Self::Remove,
        Self::LoginA,
        Self::LoginB,
        Self::Rotate,
        Self::Upgrade,
        Self::Logout,
        Self::Clear,
        Self::Flash,
        Self::TakeFlash,
        Self::List,
        Self::Others,
        Self::EndA,
    ];

    /// Ends sessions of others than the request's own.
    pub(crate) fn revokes(self) -> bool {
        matches!(self, Self::Others | Self::EndA)
    }

    /// Says nothing that a change would have to be stored for.
    pub(crate) fn only_looks(self) -> bool {
        matches!(self, Self::Read | Self::Peek | Self::List)
    }

    pub(crate) fn signs_in(self) -> bool {
        self.subject().is_some()
    }

    /// Who signs in.
    pub(crate) fn subject(self) -> Option<&'static str> {
        match self {
            Self::LoginA => Some("a"),
            Self::LoginB => Some("b"),
            _ => None,
        }
    }

    /// Gives a new cookie, and none that came before it works.
    pub(crate) fn cuts(self) -> bool {
        self.signs_in() || matches!(self, Self::Rotate | Self::Upgrade)
    }

    /// The key that the verb writes after it has looked at it.
    pub(crate) fn judges(self, key: &str) -> bool {
        match self {
            Self::Same | Self::Remove => key == "x",
            Self::Increment | Self::Upgrade => key == "n",
            _ => false,
        }
    }

    /// Whether the verb of request `id` may change `key`.
    pub(crate) fn changes(self, id: usize, key: &str) -> bool {
        match self {
            Self::Write => key == own_key(id),
            Self::Add => key == "n",
            Self::Flash | Self::TakeFlash => key == "\0flash",
            // a login drops the message that was left before it
            Self::LoginA | Self::LoginB => key == "\0flash",
            Self::Clear => true,
            _ => self.judges(key),
        }
    }
}

/// The key of [`Verb::Write`].
pub(crate) fn own_key(id: usize) -> &'static str {
    ["a", "b", "c", "d"][id]
}

/// The cookie that an answer carries.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Sent {
    Nothing,
    Cookie(String),
    Removal,
}

/// An answer as the client gets it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Answer {
    /// The error's name and status, or success.
    pub(crate) told: Result<(), (String, u16)>,
    pub(crate) sent: Sent,
}

/// One request, as an adapter carries it through: load, handler, commit, cookie.
pub(crate) async fn serve(app: &'static App, id: usize, verb: Verb, cookie: Option<String>, seed: u64) -> Answer {
    let mut exchange = RequestState::new([0; 512], [0; 512]);
    let mut session = Session::new(app, &mut exchange, ScriptedRng::new(seed));
    if verb != Verb::Peek {
        session.activity();
    }
    let line = cookie.map(|value| format!("{COOKIE}={value}")).unwrap_or_default();
    let mut told = session.load(core::iter::once(line.as_bytes())).await;
    app.store().0.loaded(id, session.exists(), told.is_ok());
    if told.is_ok() {
        told = handle(app, &mut session, id, verb, seed).await;
        // a commit that fails replaces the answer; a handler that failed is committed all the same
        told = session.commit().await.and(told);
    }
    let mut buffer = [0; 512];
    let removal = |text: &str| text.starts_with(&format!("{COOKIE}=;"));
    let sent = match session.set_cookie(&mut buffer).expect("512 bytes are enough") {
        None => Sent::Nothing,
        Some(text) if removal(text) => Sent::Removal,
        Some(text) => Sent::Cookie(text[COOKIE.len() + 1..][..43].to_owned()),
    };
    Answer { told: told.map_err(|error| (format!("{error:?}"), error.status())), sent }
}

type View<'a> = Session<'a, Port, &'static ManualClock, ScriptedRng, &'a mut RequestState<[u8; 512]>>;

async fn handle(app: &App, session: &mut View<'_>, id: usize, verb: Verb, unique: u64) -> Result<(), Error> {
    match verb {
        Verb::Read | Verb::Peek => session.get::<u64>("n").map(drop),
        Verb::Write => session.set(own_key(id), &unique),
        Verb::Same => session.set("x", &unique),
        Verb::Increment => {
            let number = session.get::<u64>("n")?.unwrap_or(0);
            session.set("n", &(number + 1))
        }
        Verb::Add => session.update_with("n", |number: Option<u64>| number.unwrap_or(0) + 1).await.map(drop),
        Verb::Remove => session.remove("x"),
        Verb::LoginA | Verb::LoginB => {
            let subject = verb.subject().unwrap_or_default();
            let attempt = session.begin_login(subject).await?;
            session.login(attempt).await
        }
        Verb::Rotate => session.rotate().await,
        Verb::Upgrade => {
            let number = session.get::<u64>("n")?.unwrap_or(0);
            session.rotate().await?;
            session.set("n", &(number + 1))
        }
        Verb::Logout => session.logout().await,
        Verb::Clear => session.clear(),
        Verb::Flash => session.flash_message(&format!("from {unique}")),
        Verb::TakeFlash => session.take_flash_message(|_| ()).await.map(drop),
        Verb::List => session.list(|_| ()).await,
        Verb::Others => session.revoke_others().await.map(drop),
        Verb::EndA => app.revoke_all("a").await.map(drop),
    }
}
