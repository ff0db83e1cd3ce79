//! What clients asked and were told, and what was done to nodes and servers meanwhile. No cookie stands in it.

/// The furthest that a clock is stepped, either way.
pub const STEP: Millis = 12_000;

/// Milliseconds since the soak began.
pub type Millis = u64;

/// A cookie without its secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Cookie {
    /// The handle, which names the session for its whole life (docs/spec.md).
    pub session: u64,
    /// Cookies are numbered in the order in which clients received them.
    pub number: u32,
}

/// What a client asked for. Values are numbers that are never used again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// `POST /set`
    Set(&'static str, u64),
    /// `POST /add`
    Add(&'static str),
    /// `GET /read`
    Read(&'static str),
    /// `POST /take`
    Take(&'static str),
    /// `GET /whoami`
    WhoAmI,
    /// `POST /login`
    Login(&'static str),
    /// `POST /logout`
    Logout,
    /// `POST /rotate`
    Rotate,
    /// `POST /revoke-others`
    RevokeOthers,
}

impl Verb {
    /// The request line's method and target.
    #[must_use]
    pub fn line(self) -> String {
        match self {
            Self::Set(key, value) => format!("POST /set?key={key}&value=v{value}"),
            Self::Add(key) => format!("POST /add?key={key}"),
            Self::Read(key) => format!("GET /read?key={key}"),
            Self::Take(key) => format!("POST /take?key={key}"),
            Self::WhoAmI => "GET /whoami".into(),
            Self::Login(user) => format!("POST /login?user={user}"),
            Self::Logout => "POST /logout".into(),
            Self::Rotate => "POST /rotate".into(),
            Self::RevokeOthers => "POST /revoke-others".into(),
        }
    }

    /// Whether it replaces or ends a session's cookies.
    pub(crate) fn ends(self) -> bool {
        matches!(self, Self::Login(_) | Self::Logout | Self::Rotate | Self::RevokeOthers)
    }
}

/// How a request ended for its client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Status and text.
    Told(u16, String),
    /// The connection was refused, or closed without an answer.
    Closed,
    /// The client gave up waiting.
    GaveUp,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asked.
    pub client: usize,
    /// The node that was asked.
    pub node: usize,
    /// Before the connection was opened.
    pub start: Millis,
    /// After the answer was read.
    pub end: Millis,
    /// What it asked for.
    pub verb: Verb,
    /// The cookie that it sent.
    pub sent: Option<Cookie>,
    /// How it ended.
    pub outcome: Outcome,
    /// The cookie that the answer set.
    pub got: Option<Cookie>,
}

impl Request {
    pub(crate) fn status(&self) -> u16 {
        if let Outcome::Told(status, _) = self.outcome { status } else { 0 }
    }

    pub(crate) fn text(&self) -> Option<&str> {
        if let Outcome::Told(200, text) = &self.outcome { Some(text) } else { None }
    }

    /// Whether nobody knows if it was done.
    pub(crate) fn unknown(&self) -> bool {
        matches!(self.status(), 0 | 503)
    }

    /// The last moment at which its node may have begun something for it.
    pub(crate) fn done(&self) -> Millis {
        if self.outcome == Outcome::GaveUp { Millis::MAX } else { self.end }
    }

    pub(crate) fn sent_to(&self, session: u64) -> bool {
        self.sent.is_some_and(|cookie| cookie.session == session)
    }

    /// The sessions that it may have written to, as far as a cookie tells.
    pub(crate) fn touches(&self, session: u64) -> bool {
        self.sent_to(session) || self.got.is_some_and(|cookie| cookie.session == session)
    }

    /// Whether its answer has a cookie of this session.
    pub(crate) fn wrote_cookie_of(&self, session: u64) -> bool {
        self.status() == 200 && self.got.is_some_and(|got| got.session == session)
    }

    /// The session that an acknowledged write went to.
    pub(crate) fn wrote(&self) -> Option<u64> {
        let cookie = self.got.or(self.sent).filter(|_| self.status() == 200);
        cookie.filter(|_| matches!(self.verb, Verb::Set(..) | Verb::Add(_))).map(|cookie| cookie.session)
    }

    /// The session that the cookie of this request has opened: something of it was told, or the request changed it.
    pub(crate) fn opened(&self) -> Option<u64> {
        let session = self.sent?.session;
        let same = self.got.is_none_or(|got| got.session == session);
        let opened = match self.verb {
            Verb::Login(_) | Verb::Logout => false,
            Verb::Rotate => self.got.is_some() && same,
            // without the session the answer would have been that of an empty one, or the cookie of another
            _ => same,
        };
        (opened && self.status() == 200).then_some(session)
    }
}

/// Something that was done to nodes or servers, from its beginning until its end was done.
#[derive(Clone, Debug)]
pub struct Fault {
    /// When it began.
    pub from: Millis,
    /// When all was as before.
    pub to: Millis,
    /// What it was.
    pub what: String,
    /// The node that was stopped: it owes no answer meanwhile.
    pub stopped: Option<usize>,
    /// Whether the store lost all sessions (memcached that is started again).
    pub emptied: bool,
    /// Whether a node's clock was wrong meanwhile, by up to [`STEP`].
    pub stepped: bool,
}

/// What a node's process has.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// The node.
    pub node: usize,
    /// When it was asked.
    pub at: Millis,
    /// Resident memory.
    pub kilobytes: u64,
    /// Open file descriptors.
    pub descriptors: usize,
}

/// All of it.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// In the order in which they ended.
    pub requests: Vec<Request>,
    /// In their order.
    pub faults: Vec<Fault>,
    /// In their order.
    pub samples: Vec<Sample>,
    /// A session that nobody uses may be gone after this.
    pub idle: Millis,
}
