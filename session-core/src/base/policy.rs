//! The knobs: how the cookie looks and how long a session lives. What cannot work cannot be built.
//!
//! Two kinds of cookie are two types, so that no wrong combination can be written: [`SecureCookie`] behind https,
//! [`PlainCookie`] for plain http on a LAN or localhost. An id of one is refused by the other, for the name is part of
//! what is signed (CK5).

use core::fmt;
use core::time::Duration;

use crate::base::environment::{Time, millis, quotient, seconds};

/// Room for the `Set-Cookie` value of any policy whose name, path and domain together take at most 360 bytes.
pub const SET_COOKIE_LEN: usize = 512;

/// Bytes of a sealed session's `Set-Cookie` value, unless the policy says another number.
const MAX_COOKIE: usize = 2560;

/// The Max-Age of a cookie that has none.
pub(crate) const UNTIL_BROWSER_CLOSES: u32 = u32::MAX;

/// The longest time without activity of a session in which nobody is signed in, unless the policy says another, in
/// milliseconds.
const ANONYMOUS_IDLE: u64 = 10 * 60 * 1_000;

/// Bytes of a session's record, unless the policy says another number.
const MAX_BYTES: usize = 64 << 10;

/// Characters of a cookie's name.
pub(crate) const LONGEST_NAME: usize = 256;

/// Sessions of one subject, unless the policy says another number.
const MAX_SESSIONS: u16 = 100;

/// Browsers keep a cookie for 400 days at most (RFC 6265bis, 5.5).
const LONGEST_MAX_AGE: u32 = 400 * 24 * 60 * 60;
/// The same in decimal.
const LONGEST_MAX_AGE_TEXT: &[u8] = b"34560000";

/// How long a session lives. All limits hold at the same time (LC7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The longest time without activity; `None` = no limit.
    pub idle: Option<Duration>,
    /// The longest time since the login, whatever the activity; `None` = no limit.
    pub absolute: Option<Duration>,
    /// The age at which the cookie value changes by itself; `None` = never.
    pub renew_after: Option<Duration>,
    /// How long the cookie before a renewal still works.
    pub grace: Duration,
    /// How exactly activity is recorded where that costs a write; `None` = the smaller of 60 s and a twentieth of `idle`. Shorter
    /// than `idle`: a user who is never away for longer than the difference is never signed out.
    pub touch_every: Option<Duration>,
    /// Absolute limit of a session that is to be remembered, and its idle limit as well, unless it is no longer than
    /// `absolute`: then `idle` holds for it, too.
    pub remember: Duration,
}

impl Lifetimes {
    /// 30 minutes idle, 12 hours absolute, renewal after 1 hour with 60 s grace, remembered for 30 days.
    pub const DEFAULT: Self = Self {
        idle: Some(Duration::from_secs(30 * 60)),
        absolute: Some(Duration::from_secs(12 * 60 * 60)),
        renew_after: Some(Duration::from_secs(60 * 60)),
        grace: Duration::from_secs(60),
        touch_every: None,
        remember: Duration::from_secs(30 * 24 * 60 * 60),
    };

    /// NIST SP 800-63B-4, AAL1: 30 days.
    pub const AAL1: Self = Self { idle: None, absolute: Some(Duration::from_secs(30 * 24 * 60 * 60)), ..Self::DEFAULT };

    /// NIST SP 800-63B-4, AAL2: 24 hours, 1 hour idle, also for a session that is to be remembered.
    pub const AAL2: Self = Self {
        idle: Some(Duration::from_secs(60 * 60)),
        absolute: Some(Duration::from_secs(24 * 60 * 60)),
        remember: Duration::from_secs(24 * 60 * 60),
        ..Self::DEFAULT
    };

    /// 180 minutes from the last activity, however long it goes on, with a cookie that changes every hour.
    pub const SLIDING: Self = Self { idle: Some(Duration::from_secs(180 * 60)), absolute: None, ..Self::DEFAULT };

    /// NIST SP 800-63B-4, AAL3: 12 hours, 15 minutes idle, also for a session that is to be remembered.
    pub const AAL3: Self =
        Self { idle: Some(Duration::from_secs(15 * 60)), remember: Duration::from_secs(12 * 60 * 60), ..Self::DEFAULT };
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Which requests of other sites carry the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SameSite {
    /// Only top-level navigation.
    Lax,
    /// None.
    Strict,
    /// All: forms of other sites act as the signed-in user unless every one checks a CSRF token.
    None,
}

/// Name and attributes of a cookie, each described here and nowhere else.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cookie {
    pub(crate) name: &'static str,
    domain: Option<&'static str>,
    path: &'static str,
    same_site: SameSite,
    secure: bool,
    partitioned: bool,
}

impl Cookie {
    /// What stands after the value in a `Set-Cookie`, in this order; `max_age` in decimal, or empty for no such attribute.
    pub(crate) const fn attributes<'a>(&self, max_age: &'a [u8]) -> [&'a [u8]; 10] {
        let (domain, of_domain): (&[u8], &[u8]) = match self.domain {
            Some(domain) => (b"; Domain=", domain.as_bytes()),
            None => (b"", b""),
        };
        let same_site: &[u8] = match self.same_site {
            SameSite::Lax => b"Lax",
            SameSite::Strict => b"Strict",
            SameSite::None => b"None",
        };
        let secure: &[u8] = if self.secure { b"; Secure" } else { b"" };
        let partitioned: &[u8] = if self.partitioned { b"; Partitioned" } else { b"" };
        let (path, of_path) = (b"; Path=", self.path.as_bytes());
        let keeps: &[u8] = if max_age.is_empty() { b"" } else { b"; Max-Age=" };
        [keeps, max_age, path, of_path, domain, of_domain, b"; HttpOnly; SameSite=", same_site, secure, partitioned]
    }
}

/// The cookie behind https: Secure, HttpOnly, with a prefix that browsers enforce.
#[derive(Clone, Copy, Debug)]
pub struct SecureCookie(Cookie);

impl SecureCookie {
    /// `__Host-id`: for this host and all of its paths.
    #[must_use]
    pub const fn host() -> Self {
        Self(Cookie {
            name: "__Host-id",
            domain: None,
            path: "/",
            same_site: SameSite::Lax,
            secure: true,
            partitioned: false,
        })
    }

    /// `__Host-Http-id`: as [`host`](Self::host), and browsers that know this prefix refuse a cookie of the name that a script
    /// sets. Others see a `__Host-` cookie in it.
    #[must_use]
    pub const fn host_http() -> Self {
        Self(Cookie { name: "__Host-Http-id", ..Self::host().0 })
    }

    /// `__Secure-id` for a domain and all of its hosts: each of them can then overwrite the cookie.
    pub fn domain(domain: &'static str) -> Result<Self, PolicyError> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if domain.is_empty() || !domain.bytes().all(valid) {
            return Err(PolicyError::Domain);
        }
        attribute(domain, PolicyError::Domain)?;
        Ok(Self(Cookie { name: "__Secure-id", domain: Some(domain), ..Self::host().0 }))
    }

    /// Another name, with the prefix that fits: `__Host-` without a domain, `__Secure-` with one.
    pub fn named(self, name: &'static str) -> Result<Self, PolicyError> {
        check_name(name)?;
        let (prefix, wrong) = match self.0.domain {
            None => ("__Host-", PolicyError::NotHost),
            Some(_) => ("__Secure-", PolicyError::NotSecure),
        };
        let exact = name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && reserved(rest).is_none());
        if exact { Ok(Self(Cookie { name, ..self.0 })) } else { Err(wrong) }
    }

    /// Only below `path`; other paths of the host can still read the cookie's effects, so it protects nothing. Needs a
    /// domain, for `__Host-` cookies are for all paths.
    pub fn path(self, path: &'static str) -> Result<Self, PolicyError> {
        if self.0.domain.is_none() && path != "/" {
            return Err(PolicyError::HostPath);
        }
        check_path(path)?;
        Ok(Self(Cookie { path, ..self.0 }))
    }

    /// Which requests of other sites carry the cookie.
    #[must_use]
    pub const fn same_site(self, same_site: SameSite) -> Self {
        Self(Cookie { same_site, ..self.0 })
    }

    /// A jar of its own for each site that embeds this one (CHIPS); for use with [`SameSite::None`].
    #[must_use]
    pub const fn partitioned(self) -> Self {
        Self(Cookie { partitioned: true, ..self.0 })
    }
}

/// The cookie for plain http on a LAN or localhost: whoever can listen can steal it. Neither `SameSite=None` nor
/// `Partitioned` can be written (CK6).
#[derive(Clone, Copy, Debug)]
pub struct PlainCookie(Cookie);

impl PlainCookie {
    /// `id`, for this host and all of its paths.
    #[must_use]
    pub const fn new() -> Self {
        Self(Cookie { name: "id", secure: false, ..SecureCookie::host().0 })
    }

    /// Another name, without the prefixes that belong to https.
    pub fn named(self, name: &'static str) -> Result<Self, PolicyError> {
        check_name(name)?;
        if reserved(name).is_some() { Err(PolicyError::PlainPrefix) } else { Ok(Self(Cookie { name, ..self.0 })) }
    }

    /// Only below `path`.
    pub fn path(self, path: &'static str) -> Result<Self, PolicyError> {
        check_path(path)?;
        Ok(Self(Cookie { path, ..self.0 }))
    }

    /// `SameSite=Strict` instead of Lax.
    #[must_use]
    pub const fn strict(self) -> Self {
        Self(Cookie { same_site: SameSite::Strict, ..self.0 })
    }
}

impl Default for PlainCookie {
    fn default() -> Self {
        Self::new()
    }
}

/// What is done with a session that a request presents from elsewhere than it was bound to; an event it is in any case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mismatch {
    /// Nothing.
    Ignore,
    /// The request does not count as one of a subject who signed in lately, so that the application asks for the password.
    StepUp,
    /// The session ends.
    End,
}

/// Cookie and lifetimes, checked.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub(crate) cookie: Cookie,
    pub(crate) limits: Limits,
    pub(crate) max_cookie: usize,
    pub(crate) max_bytes: usize,
    /// `None`: nothing was said.
    pub(crate) max_sessions: Option<u16>,
    pub(crate) reuse_ends: bool,
    pub(crate) until_browser_closes: bool,
    pub(crate) no_store: bool,
    pub(crate) clear_site_data: bool,
    pub(crate) mismatch: Mismatch,
    pub(crate) devices: Devices,
}

/// Whether and how sessions are bound to the device that signed in.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Devices {
    /// Milliseconds for which a proof holds; 0 = sessions are not bound.
    pub(crate) lifetime: u32,
    pub(crate) single_use: bool,
    pub(crate) required: bool,
}

/// [`Lifetimes`] as records keep them: milliseconds, 0 = none.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) idle: u64,
    pub(crate) anonymous_idle: u64,
    pub(crate) absolute: u64,
    pub(crate) renew_after: u64,
    pub(crate) grace: u64,
    pub(crate) touch_every: u64,
    pub(crate) remember: u64,
    pub(crate) remember_idle: u64,
}

impl Limits {
    const fn of(lifetimes: &Lifetimes) -> Self {
        const LONGEST_TOUCH: u64 = 60_000;
        let idle = millis_or_none(lifetimes.idle);
        let touch_every = match lifetimes.touch_every {
            Some(span) => millis(span),
            None if idle == 0 || idle >= 20 * LONGEST_TOUCH => LONGEST_TOUCH,
            None => quotient::<20>(idle as u32) as u64,
        };
        let (absolute, remember) = (millis_or_none(lifetimes.absolute), millis(lifetimes.remember));
        let least = if 2 * touch_every > ANONYMOUS_IDLE { 2 * touch_every } else { ANONYMOUS_IDLE };
        Self {
            idle,
            anonymous_idle: if idle != 0 && idle <= least { idle } else { least },
            absolute,
            renew_after: millis_or_none(lifetimes.renew_after),
            grace: millis(lifetimes.grace),
            touch_every,
            remember,
            remember_idle: if remember > absolute { remember } else { idle },
        }
    }

    /// The longest time without activity of a session of this login number, which is 0 if nobody is signed in.
    pub(crate) const fn idle_of(&self, login: u32) -> u64 {
        if login == 0 { self.anonymous_idle } else { self.idle }
    }

    /// The same, unless they cannot work.
    fn checked(lifetimes: &Lifetimes) -> Result<Self, PolicyError> {
        let limits = Self::of(lifetimes);
        let Lifetimes { idle, absolute, renew_after, .. } = lifetimes;
        if limits.remember == 0
            || idle.is_some() && limits.idle == 0
            || absolute.is_some() && limits.absolute == 0
            || renew_after.is_some() && limits.renew_after == 0
        {
            Err(PolicyError::ZeroLimit)
        } else if renew_after.is_some() && limits.renew_after <= limits.grace {
            Err(PolicyError::RenewalWithinGrace)
        } else if renew_after.is_none() && absolute.is_none() {
            Err(PolicyError::NeverChanges)
        } else if idle.is_some() && limits.touch_every >= limits.idle {
            Err(PolicyError::TouchTooRare)
        } else {
            Ok(limits)
        }
    }
}

impl Policy {
    /// Behind https, with the defaults: `__Host-id`.
    pub const SECURE: Self = Self::of(SecureCookie::host().0, &Limits::of(&Lifetimes::DEFAULT));

    /// On plain http, with the defaults: `id`.
    pub const PLAIN_HTTP: Self = Self::of(PlainCookie::new().0, &Limits::of(&Lifetimes::DEFAULT));

    /// Behind https.
    pub fn secure(cookie: SecureCookie, lifetimes: Lifetimes) -> Result<Self, PolicyError> {
        Limits::checked(&lifetimes).map(|limits| Self::of(cookie.0, &limits))
    }

    /// On plain http.
    pub fn plain_http(cookie: PlainCookie, lifetimes: Lifetimes) -> Result<Self, PolicyError> {
        Limits::checked(&lifetimes).map(|limits| Self::of(cookie.0, &limits))
    }

    const fn of(cookie: Cookie, limits: &Limits) -> Self {
        Self {
            cookie,
            limits: *limits,
            max_cookie: MAX_COOKIE,
            max_bytes: MAX_BYTES,
            max_sessions: None,
            reuse_ends: false,
            until_browser_closes: false,
            no_store: false,
            clear_site_data: false,
            mismatch: Mismatch::Ignore,
            devices: Devices { lifetime: 0, single_use: false, required: false },
        }
    }

    /// Limits the `Set-Cookie` value of a session that travels in its cookie, in bytes, attributes included; a change that
    /// would need more is [`Error::TooLarge`](crate::Error::TooLarge). 2,560 if nothing is said, which leaves room for an
    /// answer's other headers in the 4 KB buffer of a proxy (SE8). Name and value never exceed 4,096, which is all that
    /// browsers keep.
    #[must_use]
    pub const fn max_cookie(self, bytes: usize) -> Self {
        Self { max_cookie: bytes, ..self }
    }

    /// Limits a session's record in a store, in bytes (QU2): a change that would leave more is
    /// [`Error::TooLarge`](crate::Error::TooLarge), told with both sizes when it is stored. 65,536 if nothing is said: each
    /// request loads the whole record, and a visitor's request can make the application store one. A session that is larger
    /// already, because the limit was lowered, can be read, signed in and out, and made smaller. The place that an adapter
    /// has for a record limits it, too.
    #[must_use]
    pub const fn max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// A cookie that comes a minute or more after it was replaced and its grace is over ends its session (LC8). Off, it is
    /// an event and no session: a browser whose answer was lost looks the same as a thief.
    #[must_use]
    pub const fn end_on_reuse(self) -> Self {
        Self { reuse_ends: true, ..self }
    }

    /// The longest time without activity of a session in which nobody is signed in (QU1): if nothing is said, the smaller of
    /// `idle` and ten minutes, or twice `touch_every` where that is longer than ten minutes. Anybody can make such sessions, so a store holds fewer of them the shorter this is. A shop
    /// whose visitors fill baskets wants it longer. Activity is recorded at least ten times within it.
    #[must_use]
    pub const fn anonymous_idle(mut self, span: Duration) -> Self {
        let idle = millis(span);
        self.limits.anonymous_idle = if idle == 0 { 1 } else { idle };
        let tenth = if idle < 600_000 { quotient::<10>(idle as u32) as u64 } else { 60_000 };
        if tenth < self.limits.touch_every {
            self.limits.touch_every = tenth;
        }
        self
    }

    /// The browser keeps the cookie until it is closed: `Set-Cookie` has no `Max-Age`. A session that is to be remembered
    /// has one all the same. The limits of the server hold as before, because browsers that open the pages of last time
    /// again keep such cookies as well.
    #[must_use]
    pub const fn until_browser_closes(self) -> Self {
        Self { until_browser_closes: true, ..self }
    }

    /// No cache keeps an answer that a signed-in subject's session had a part in: it says `Cache-Control: no-store`. Without
    /// this only answers with the cookie say so.
    #[must_use]
    pub const fn no_store(self) -> Self {
        Self { no_store: true, ..self }
    }

    /// The answer that signs out has `Clear-Site-Data: "cache", "storage"`: the browser forgets the pages and all that scripts
    /// have stored for this origin. It is no part of the cookie, which is removed in any case. Browsers heed it over https.
    #[must_use]
    pub const fn clear_site_data(self) -> Self {
        Self { clear_site_data: true, ..self }
    }

    /// What [`check_binding`](crate::Session::check_binding) does with a session that is bound to something else; nothing if
    /// this is not said.
    #[must_use]
    pub const fn on_mismatch(self, mismatch: Mismatch) -> Self {
        Self { mismatch, ..self }
    }

    /// Binds each session to a key in the browser's device, where the browser can (TR3): after the sign-in a second cookie of
    /// the name `…-b` comes and goes, which the browser gets for a signature only and which holds for `lifetime`. A copy of the
    /// cookies then works for that long at most. Ten minutes suit most applications: browsers limit how often they sign, and
    /// a lifetime below two minutes costs a signature at every request. A browser that cannot do it notices nothing.
    /// `docs/device-bound-sessions.md` in the repository says what it protects and what it needs.
    ///
    /// Needs a `__Host-` cookie without `Partitioned`, sessions that are kept in a store, and an adapter for servers that is
    /// told where its endpoint is: otherwise nobody can sign in ([`Error::Unsupported`](crate::Error::Unsupported)). The
    /// adapters for devices have no endpoint.
    pub const fn device_bound(mut self, lifetime: Duration) -> Result<Self, PolicyError> {
        const LONGEST: u64 = 24 * 60 * 60 * 1_000;
        let cookie = &self.cookie;
        let millis = millis(lifetime);
        if !cookie.secure || cookie.domain.is_some() || cookie.partitioned || cookie.name.len() > LONGEST_NAME - 2 {
            return Err(PolicyError::NoDeviceCookie);
        }
        if millis < 1_000 || millis > LONGEST {
            return Err(PolicyError::DeviceLifetime);
        }
        self.devices.lifetime = millis as u32;
        Ok(self)
    }

    /// Each proof of a device-bound session counts once, also if it is copied on its way. Costs a write at each of them, and
    /// a browser whose answer was lost signs once more.
    #[must_use]
    pub const fn single_use_proofs(mut self) -> Self {
        self.devices.single_use = true;
        self
    }

    /// Device-bound sessions only: two minutes after the sign-in, a session that is not bound by then opens nothing more.
    /// Without [`device_bound`](Self::device_bound), servers open no session. Browsers that cannot bind sessions are thereby shut out, and so are those that had no signature left at the sign-in.
    #[must_use]
    pub const fn require_device(mut self) -> Self {
        self.devices.required = true;
        self
    }

    /// Whether sessions are bound to devices.
    #[must_use]
    pub const fn binds_devices(&self) -> bool {
        self.devices.lifetime > 0 || self.devices.required
    }

    /// At most so many sessions of one subject: a login beyond them ends the oldest. Needs a store that can list; over
    /// another one a login is [`Error::Unsupported`](crate::Error::Unsupported). `max_sessions(0)` lifts the cap.
    ///
    /// If nothing is said, a store that can list keeps 100 (QU3), so that one account that signs in without end does not fill
    /// it. A person has a handful of browsers; of a script that signs in at each run, nobody misses the oldest of a hundred
    /// sessions. Logins at the same time may exceed a cap above 16 by some, until the next login.
    #[must_use]
    pub const fn max_sessions(self, of_a_subject: u16) -> Self {
        Self { max_sessions: Some(of_a_subject), ..self }
    }

    /// The cap of a store that can list; 0 = none.
    pub(crate) const fn cap(&self) -> u16 {
        match self.max_sessions {
            Some(most) => most,
            None => MAX_SESSIONS,
        }
    }

    /// Whether the program wants a cap in any case, also where the store cannot list.
    pub(crate) const fn insists_on_cap(&self) -> bool {
        matches!(self.max_sessions, Some(1..))
    }

    /// The name that is written and read.
    #[must_use]
    pub const fn cookie_name(&self) -> &'static str {
        self.cookie.name
    }

    /// Returns whether browsers take the cookie by https only.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.cookie.secure
    }

    /// Bytes that a `Set-Cookie` value of this policy takes at most, for a value of `value` characters.
    #[must_use]
    pub const fn set_cookie_len(&self, value: usize) -> usize {
        let mut len = self.cookie.name.len() + 1 + value;
        // without an iterator, which a constant function has not
        let attributes = self.cookie.attributes(LONGEST_MAX_AGE_TEXT);
        let mut left = attributes.as_slice();
        while let [attribute, rest @ ..] = left {
            (len, left) = (len + attribute.len(), rest);
        }
        len
    }

    /// The end of the absolute lifetime as records keep it; 0 = none.
    pub(crate) const fn ends(&self, created: Time) -> u64 {
        if self.limits.absolute == 0 { 0 } else { created.millis() + self.limits.absolute }
    }

    /// When every session that has begun by `now` is over, whatever its lifetimes; 0 = never.
    pub(crate) const fn last_end(&self, now: Time) -> u64 {
        let Limits { absolute, remember, .. } = self.limits;
        let longest = if absolute < remember { remember } else { absolute };
        if absolute == 0 { 0 } else { now.millis() + longest }
    }

    /// For sessions that travel in their cookies: each touch makes another value, and nothing leads to it from the last.
    pub(crate) const fn without_renewal(mut self) -> Self {
        self.limits.renew_after = 0;
        self
    }

    /// Seconds that the browser keeps the cookie: the rest of the absolute lifetime, so that its copy never ends before
    /// the session, at most 400 days (CK8, CK11).
    pub(crate) const fn max_age(&self, ends: u64, now: Time) -> u32 {
        let rest = seconds(ends.saturating_sub(now.millis()));
        if ends == 0 || rest > LONGEST_MAX_AGE as u64 { LONGEST_MAX_AGE } else { rest as u32 }
    }
}

/// Why a policy cannot be built. Found at construction; the program is to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PolicyError {
    /// The name is no token.
    Name,
    /// The name is longer than leaves room for a value in 4096 octets.
    NameLength,
    /// A secure cookie without a domain is to be called `__Host-…`, in exactly these letters.
    NotHost,
    /// A secure cookie with a domain is to be called `__Secure-…`, in exactly these letters.
    NotSecure,
    /// A plain cookie has a prefix that browsers accept with Secure only.
    PlainPrefix,
    /// The domain has other characters than letters, digits, dots and hyphens, or is too long.
    Domain,
    /// The path does not begin with `/`, has a control character, `;` or non-ASCII, or is too long.
    Path,
    /// A `__Host-` cookie is for all paths.
    HostPath,
    /// A limit is zero: leave it out to have none.
    ZeroLimit,
    /// The renewal age is not above the grace: a renewal would fall into the grace of the one before.
    RenewalWithinGrace,
    /// Without an absolute limit the cookie would never change.
    NeverChanges,
    /// Activity would be recorded so rarely that users who are active are signed out.
    TouchTooRare,
    /// The cookie is not one that a device-bound session can have.
    NoDeviceCookie,
    /// The lifetime of a proof is not between a second and a day.
    DeviceLifetime,
    /// The path of the endpoint for device-bound sessions cannot stand in a header as it is.
    EndpointPath,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "cookie name: only letters, digits and !#$%&'*+-.^_`|~ may stand in it",
            Self::NameLength => "cookie name: at most 256 characters",
            Self::NotHost => "cookie name: a secure cookie without a domain is called __Host-NAME, in these letters",
            Self::NotSecure => "cookie name: a secure cookie with a domain is called __Secure-NAME, in these letters",
            Self::PlainPrefix => {
                "cookie name: browsers refuse __Host- and __Secure- on plain http; choose another name"
            }
            Self::Domain => "cookie domain: letters, digits, dots and hyphens, at most 1024",
            Self::Path => "cookie path: begins with /, printable ASCII without ; and at most 1024 characters",
            Self::HostPath => "cookie path: a __Host- cookie has Path=/; use SecureCookie::domain for another path",
            Self::ZeroLimit => "lifetimes: a limit of zero ends every session at once; leave it out to have none",
            Self::RenewalWithinGrace => "lifetimes: renew-after must be longer than the grace",
            Self::NeverChanges => {
                "lifetimes: without an absolute lifetime the cookie has to be renewed; set renew-after"
            }
            Self::TouchTooRare => {
                "lifetimes: touch-every must be shorter than idle, or users who are active are signed out"
            }
            Self::NoDeviceCookie => {
                "device-bound sessions: only with SecureCookie::host(), not partitioned, and a name of at most 254 characters"
            }
            Self::DeviceLifetime => "device-bound sessions: a proof holds for a second to a day",
            Self::EndpointPath => {
                "device-bound sessions: the endpoint's path begins with /, has letters, digits and -._~/ and at most 128 of them"
            }
        })
    }
}

impl core::error::Error for PolicyError {}

const fn millis_or_none(span: Option<Duration>) -> u64 {
    match span {
        Some(span) => millis(span),
        None => 0,
    }
}

/// A token (RFC 9110, 5.6.2), as RFC 6265bis 4.1.1 demands of names.
fn check_name(name: &str) -> Result<(), PolicyError> {
    let valid = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(valid) {
        Err(PolicyError::Name)
    } else if name.len() > LONGEST_NAME {
        Err(PolicyError::NameLength)
    } else {
        Ok(())
    }
}

/// The reserved prefix of a name, in any letter case: browsers do not heed it either.
fn reserved(name: &str) -> Option<&'static str> {
    let starts = |prefix: &&str| name.get(..prefix.len()).is_some_and(|start| start.eq_ignore_ascii_case(prefix));
    ["__Host-", "__Secure-", "__Http-", "__Host-Http-"].into_iter().find(starts)
}

fn check_path(path: &str) -> Result<(), PolicyError> {
    let valid = |byte: u8| matches!(byte, b' '..=b'~') && byte != b';';
    if !path.starts_with('/') || !path.bytes().all(valid) {
        return Err(PolicyError::Path);
    }
    attribute(path, PolicyError::Path)
}

fn attribute(value: &str, error: PolicyError) -> Result<(), PolicyError> {
    if value.len() > 1024 { Err(error) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const S: fn(u64) -> Duration = Duration::from_secs;

    #[test]
    fn the_defaults_ck5_ck10() {
        let (secure, plain) = (Policy::SECURE, Policy::PLAIN_HTTP);
        assert_eq!(SecureCookie::host_http().0.name, "__Host-Http-id");
        for (cookie, behind_https) in [(secure.cookie, true), (plain.cookie, false)] {
            assert_eq!((cookie.secure, cookie.domain, cookie.path), (behind_https, None, "/"));
            assert_eq!((cookie.same_site, cookie.partitioned), (SameSite::Lax, false));
        }
        assert_eq!((secure.cookie_name(), plain.cookie_name()), ("__Host-id", "id"));
    }

    /// What docs/seed.md builds.
    #[test]
    fn the_defaults_of_the_seed_can_be_built() {
        let plain =
            PlainCookie::new().named("app-sid").and_then(|cookie| Policy::plain_http(cookie, Lifetimes::SLIDING));
        let secure =
            SecureCookie::host().named("__Host-app-sid").and_then(|cookie| Policy::secure(cookie, Lifetimes::SLIDING));
        for policy in [plain.unwrap(), secure.unwrap()] {
            assert_eq!((policy.cookie.path, policy.limits.idle, policy.limits.absolute), ("/", 180 * 60 * 1_000, 0));
        }
    }

    #[test]
    fn names_are_tokens_ck1() {
        for bad in ["", "a b", "a;b", "a=b", "a\tb", "\u{e9}", "a\"b", "a,b", "a/b"] {
            assert_eq!(PlainCookie::new().named(bad).err(), Some(PolicyError::Name), "{bad}");
        }
        assert!(PlainCookie::new().named("app-sid").is_ok());
    }

    #[test]
    fn prefixes_force_their_rules_ck4() {
        for bad in ["__Host-x", "__host-x", "__SECURE-x", "__sEcure-x"] {
            assert_eq!(PlainCookie::new().named(bad).err(), Some(PolicyError::PlainPrefix), "{bad}");
        }
        for bad in ["x", "__host-x", "__Secure-x", "__Host-", "__Host-__Host-x"] {
            assert_eq!(SecureCookie::host().named(bad).err(), Some(PolicyError::NotHost), "{bad}");
        }
        let domain = SecureCookie::domain("example.org").unwrap();
        assert_eq!(domain.named("__Host-x").err(), Some(PolicyError::NotSecure));
        assert!(SecureCookie::host().named("__Host-Http-x").is_ok());
        assert_eq!(PlainCookie::new().named("__Host-Http-x").err(), Some(PolicyError::PlainPrefix));
        assert!(domain.named("__Secure-x").is_ok() && SecureCookie::host().named("__Host-x").is_ok());
        assert_eq!(SecureCookie::host().path("/app").err(), Some(PolicyError::HostPath));
        assert!(domain.path("/app").is_ok());
    }

    #[test]
    fn control_characters_and_semicolons_ck3_ck7() {
        for bad in ["", "app", "/a;b", "/a\nb", "/\u{e9}", "/\x7f"] {
            assert_eq!(PlainCookie::new().path(bad).err(), Some(PolicyError::Path), "{bad}");
        }
        for bad in ["", "a;b", "a b", "a\r\nb", "\u{e9}.org"] {
            assert_eq!(SecureCookie::domain(bad).err(), Some(PolicyError::Domain), "{bad}");
        }
        const LONG: &[u8; 1025] = &[b'/'; 1025];
        let long = core::str::from_utf8(LONG).unwrap();
        assert_eq!(PlainCookie::new().path(long).err(), Some(PolicyError::Path));
    }

    #[test]
    fn limits_that_cannot_work_lc7_lc8() {
        let build = |lifetimes| Policy::plain_http(PlainCookie::new(), lifetimes).err();
        let default = Lifetimes::DEFAULT;
        assert_eq!(build(Lifetimes { renew_after: Some(S(60)), ..default }), Some(PolicyError::RenewalWithinGrace));
        assert_eq!(build(Lifetimes { renew_after: Some(S(61)), ..default }), None);
        assert_eq!(build(Lifetimes { idle: Some(S(0)), ..default }), Some(PolicyError::ZeroLimit));
        assert_eq!(build(Lifetimes { absolute: None, ..default }), None);
        let never = Lifetimes { absolute: None, renew_after: None, ..default };
        assert_eq!(build(never), Some(PolicyError::NeverChanges));
        // a user who clicks every ten minutes would be signed out after thirty
        let touch = |touch_every| build(Lifetimes { touch_every: Some(S(touch_every)), ..default });
        assert_eq!(
            (touch(3_600), touch(1_800), touch(1_799)),
            (Some(PolicyError::TouchTooRare), Some(PolicyError::TouchTooRare), None)
        );
        assert_eq!(build(Lifetimes { idle: None, touch_every: Some(S(3_600)), ..default }), None);
        assert_eq!(build(Lifetimes::AAL1).or(build(Lifetimes::AAL2)).or(build(Lifetimes::AAL3)), None);
    }

    #[test]
    fn max_age_is_the_rest_of_the_absolute_lifetime_ck8_ck11() {
        let now = Time::from_millis(1_000);
        assert_eq!(Policy::SECURE.max_age(61_000, now), 60);
        assert_eq!(Policy::SECURE.max_age(60_001, now), 60);
        assert_eq!(Policy::SECURE.max_age(0, now), LONGEST_MAX_AGE);
        assert_eq!(Policy::SECURE.max_age(u64::MAX, now), LONGEST_MAX_AGE);
    }

    #[test]
    fn activity_is_recorded_at_the_smaller_of_60_s_and_a_twentieth_of_idle() {
        let touch = |idle, touch_every| {
            let lifetimes = Lifetimes { idle, touch_every, ..Lifetimes::DEFAULT };
            Policy::plain_http(PlainCookie::new(), lifetimes).unwrap().limits.touch_every
        };
        assert_eq!(touch(Some(S(1_800)), None), 60_000);
        assert_eq!(touch(Some(S(100)), None), 5_000);
        assert_eq!(touch(None, None), 60_000);
        assert_eq!(touch(Some(S(1_800)), Some(S(0))), 0);
    }

    /// Visitors who are active are kept as well.
    #[test]
    fn the_limit_of_visitors_is_twice_the_touch_interval_at_least_qu1() {
        let visitors = |idle, touch_every| {
            let lifetimes = Lifetimes { idle, touch_every, ..Lifetimes::DEFAULT };
            Policy::plain_http(PlainCookie::new(), lifetimes).unwrap().limits.anonymous_idle
        };
        assert_eq!(visitors(Some(S(1_800)), None), 600_000);
        assert_eq!(visitors(Some(S(1_800)), Some(S(900))), 1_800_000);
        assert_eq!(visitors(Some(S(300)), Some(S(150))), 300_000);
        assert_eq!(visitors(None, Some(S(3_600))), 7_200_000);
    }
}
