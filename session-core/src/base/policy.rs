//! The policy: the cookie's attributes and the session's lifetimes. A policy that cannot work cannot be built.
//!
//! The two kinds of cookie are two types, so that no invalid combination compiles: [`SecureCookie`] for https,
//! [`PlainCookie`] for plain http on a LAN or localhost. The cookie's name is part of what is signed, so a value of one
//! kind is rejected by the other.
//!
//! ```
//! use core::time::Duration;
//! use session_core::policy::{Lifetimes, Policy, PolicyError, SecureCookie};
//!
//! fn policy() -> Result<Policy, PolicyError> {
//!     let cookie = SecureCookie::host().named("__Host-shop")?;
//!     let lifetimes = Lifetimes { idle: Some(Duration::from_secs(15 * 60)), ..Lifetimes::DEFAULT };
//!     Ok(Policy::secure(cookie, lifetimes)?.max_sessions(10).no_store())
//! }
//! # policy().unwrap();
//! ```

use core::fmt;
use core::time::Duration;

use crate::base::environment::{Time, millis, quotient, seconds};

/// A buffer size that holds the `Set-Cookie` value of any policy whose name, path and domain together take at most 360
/// bytes.
pub const SET_COOKIE_LEN: usize = 512;

/// The default limit of a sealed session's `Set-Cookie` value, in bytes.
const MAX_COOKIE: usize = 2560;

/// The Max-Age of a cookie that has none.
pub(crate) const UNTIL_BROWSER_CLOSES: u32 = u32::MAX;

/// The default idle limit of a session in which no subject is signed in, in milliseconds.
const ANONYMOUS_IDLE: u64 = 10 * 60 * 1_000;

/// The default limit of a record, in bytes.
const MAX_BYTES: usize = 64 << 10;

/// Characters of a cookie's name.
pub(crate) const LONGEST_NAME: usize = 256;

/// The default cap on one subject's sessions.
const MAX_SESSIONS: u16 = 100;

/// Browsers keep a cookie for at most 400 days (RFC 6265bis, 5.5).
const LONGEST_MAX_AGE: u32 = 400 * 24 * 60 * 60;
/// The same in decimal.
const LONGEST_MAX_AGE_TEXT: &[u8] = b"34560000";

/// How long a session lives. All limits apply at the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    /// The longest time without activity. `None` means no limit.
    pub idle: Option<Duration>,
    /// The longest time since the login, regardless of activity. `None` means no limit.
    pub absolute: Option<Duration>,
    /// The age at which the cookie is replaced automatically. `None` means never.
    pub renew_after: Option<Duration>,
    /// How long the old cookie still works after a renewal.
    pub grace: Duration,
    /// How precisely activity is recorded in stores where recording costs a write. `None` means the smaller of 60 s and
    /// a twentieth of `idle`.
    ///
    /// It must be shorter than `idle`. A user who is never inactive for longer than the difference stays signed in.
    pub touch_every: Option<Duration>,
    /// The absolute limit of a remembered session. It is the idle limit as well, unless it is no longer than
    /// `absolute`: in that case `idle` applies.
    pub remember: Duration,
}

impl Lifetimes {
    /// 30 minutes idle, 12 hours absolute, renewal after 1 hour with 60 s grace, remembered sessions for 30 days.
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

    /// NIST SP 800-63B-4, AAL2: 24 hours, 1 hour idle. Remembered sessions have the same limits.
    pub const AAL2: Self = Self {
        idle: Some(Duration::from_secs(60 * 60)),
        absolute: Some(Duration::from_secs(24 * 60 * 60)),
        remember: Duration::from_secs(24 * 60 * 60),
        ..Self::DEFAULT
    };

    /// 180 minutes from the last activity without an absolute limit, with a cookie that is renewed every hour.
    pub const SLIDING: Self = Self { idle: Some(Duration::from_secs(180 * 60)), absolute: None, ..Self::DEFAULT };

    /// NIST SP 800-63B-4, AAL3: 12 hours, 15 minutes idle. Remembered sessions have the same limits.
    pub const AAL3: Self =
        Self { idle: Some(Duration::from_secs(15 * 60)), remember: Duration::from_secs(12 * 60 * 60), ..Self::DEFAULT };
}

impl Default for Lifetimes {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Which requests from other sites carry the cookie.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum SameSite {
    /// Top-level navigation only.
    Lax,
    /// No request.
    Strict,
    /// Every request. Forms of other sites then act as the signed-in user unless every form checks a CSRF token.
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
    /// The attributes after the value in a `Set-Cookie`, in this order; `max_age` in decimal, or empty for no such
    /// attribute.
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

/// The cookie for https: Secure and HttpOnly, with a name prefix that browsers enforce.
#[derive(Clone, Copy, Debug)]
pub struct SecureCookie(Cookie);

impl SecureCookie {
    /// Creates `__Host-id`, which is valid for this host and all of its paths.
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

    /// Creates `__Host-Http-id`. It is like [`host`](Self::host), and browsers that know the prefix reject a cookie of
    /// this name that a script sets. Other browsers treat it as a `__Host-` cookie.
    #[must_use]
    pub const fn host_http() -> Self {
        Self(Cookie { name: "__Host-Http-id", ..Self::host().0 })
    }

    /// Creates `__Secure-id` for a domain and all of its hosts. Each of these hosts can overwrite the cookie.
    ///
    /// # Errors
    /// [`PolicyError::Domain`] for characters other than letters, digits, dots and hyphens, or for more than 1,024 of
    /// them.
    pub fn domain(domain: &'static str) -> Result<Self, PolicyError> {
        let valid = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
        if domain.is_empty() || !domain.bytes().all(valid) {
            return Err(PolicyError::Domain);
        }
        attribute(domain, PolicyError::Domain)?;
        Ok(Self(Cookie { name: "__Secure-id", domain: Some(domain), ..Self::host().0 }))
    }

    /// Sets another name. It must begin with `__Host-` without a domain, and with `__Secure-` with a domain.
    ///
    /// # Errors
    /// [`PolicyError::Name`] or [`NameLength`](PolicyError::NameLength) for a name that no cookie can have,
    /// [`NotHost`](PolicyError::NotHost) or [`NotSecure`](PolicyError::NotSecure) for another prefix.
    pub fn named(self, name: &'static str) -> Result<Self, PolicyError> {
        check_name(name)?;
        let (prefix, wrong) = match self.0.domain {
            None => ("__Host-", PolicyError::NotHost),
            Some(_) => ("__Secure-", PolicyError::NotSecure),
        };
        let exact = name.strip_prefix(prefix).is_some_and(|rest| !rest.is_empty() && reserved(rest).is_none());
        if exact { Ok(Self(Cookie { name, ..self.0 })) } else { Err(wrong) }
    }

    /// Restricts the cookie to `path` and the paths below it. This protects nothing: other paths of the host still see
    /// the cookie's effects.
    ///
    /// # Errors
    /// [`PolicyError::HostPath`] without a domain, because `__Host-` cookies have `Path=/`. [`PolicyError::Path`] for a
    /// path that a cookie cannot have.
    pub fn path(self, path: &'static str) -> Result<Self, PolicyError> {
        if self.0.domain.is_none() && path != "/" {
            return Err(PolicyError::HostPath);
        }
        check_path(path)?;
        Ok(Self(Cookie { path, ..self.0 }))
    }

    /// Sets which requests from other sites carry the cookie.
    #[must_use]
    pub const fn same_site(self, same_site: SameSite) -> Self {
        Self(Cookie { same_site, ..self.0 })
    }

    /// Keeps a separate cookie for each site that embeds this one (CHIPS). Use it with [`SameSite::None`].
    #[must_use]
    pub const fn partitioned(self) -> Self {
        Self(Cookie { partitioned: true, ..self.0 })
    }
}

/// The cookie for plain http on a LAN or localhost. Any listener on the network can steal it. `SameSite=None` and
/// `Partitioned` are not available.
#[derive(Clone, Copy, Debug)]
pub struct PlainCookie(Cookie);

impl PlainCookie {
    /// Creates `id`, which is valid for this host and all of its paths.
    #[must_use]
    pub const fn new() -> Self {
        Self(Cookie { name: "id", secure: false, ..SecureCookie::host().0 })
    }

    /// Sets another name, without the prefixes that are reserved for https.
    ///
    /// # Errors
    /// [`PolicyError::Name`] or [`NameLength`](PolicyError::NameLength) for a name that no cookie can have,
    /// [`PlainPrefix`](PolicyError::PlainPrefix) for a reserved prefix.
    pub fn named(self, name: &'static str) -> Result<Self, PolicyError> {
        check_name(name)?;
        if reserved(name).is_some() { Err(PolicyError::PlainPrefix) } else { Ok(Self(Cookie { name, ..self.0 })) }
    }

    /// Restricts the cookie to `path` and the paths below it.
    ///
    /// # Errors
    /// [`PolicyError::Path`] for a path that a cookie cannot have.
    pub fn path(self, path: &'static str) -> Result<Self, PolicyError> {
        check_path(path)?;
        Ok(Self(Cookie { path, ..self.0 }))
    }

    /// Sets `SameSite=Strict` instead of `Lax`.
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

/// What happens to a session when a request's fingerprint differs from the one it is bound to. It is reported as an
/// event in every case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Mismatch {
    /// Nothing else happens.
    Ignore,
    /// [`authenticated_within`](crate::Session::authenticated_within) returns `false` for this request, so that the
    /// application asks for the password.
    StepUp,
    /// The session ends.
    End,
}

/// Cookie and lifetimes, checked, with further settings.
#[derive(Clone, Copy, Debug)]
pub struct Policy {
    pub(crate) cookie: Cookie,
    pub(crate) limits: Limits,
    pub(crate) max_cookie: usize,
    pub(crate) max_bytes: usize,
    /// `None`: not set.
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
    /// Milliseconds for which a proof is valid; 0 = sessions are not bound.
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

    /// The longest time without activity of a session of this login number, which is 0 if no subject is signed in.
    pub(crate) const fn idle_of(&self, login: u32) -> u64 {
        if login == 0 { self.anonymous_idle } else { self.idle }
    }

    /// The same, unless they are invalid.
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
    /// The default policy for https: the cookie `__Host-id`, [`Lifetimes::DEFAULT`].
    pub const SECURE: Self = Self::of(SecureCookie::host().0, &Limits::of(&Lifetimes::DEFAULT));

    /// The default policy for plain http: the cookie `id`, [`Lifetimes::DEFAULT`].
    pub const PLAIN_HTTP: Self = Self::of(PlainCookie::new().0, &Limits::of(&Lifetimes::DEFAULT));

    /// Creates a policy for https.
    ///
    /// # Errors
    /// [`PolicyError`] if the lifetimes cannot work together.
    pub fn secure(cookie: SecureCookie, lifetimes: Lifetimes) -> Result<Self, PolicyError> {
        Limits::checked(&lifetimes).map(|limits| Self::of(cookie.0, &limits))
    }

    /// Creates a policy for plain http.
    ///
    /// # Errors
    /// [`PolicyError`] if the lifetimes cannot work together.
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

    /// Limits the `Set-Cookie` value of a sealed session, attributes included, to `bytes`. A change that needs more
    /// fails with [`Error::TooLarge`](crate::Error::TooLarge).
    ///
    /// The default is 2,560, which leaves room for a response's other headers in a proxy's 4 KB buffer. Name and value
    /// together never exceed 4,096 bytes, the most that browsers keep.
    #[must_use]
    pub const fn max_cookie(self, bytes: usize) -> Self {
        Self { max_cookie: bytes, ..self }
    }

    /// Limits a session's record in a store to `bytes`. A change that would leave a larger record fails with
    /// [`Error::TooLarge`](crate::Error::TooLarge) when it is stored.
    ///
    /// The default is 65,536. Every request loads the whole record, and a visitor can make the application store one,
    /// so keep it small. If the limit is lowered, a session that exceeds it can still be read, signed in or out, and
    /// made smaller. The adapter's buffer for a record is a limit as well.
    #[must_use]
    pub const fn max_bytes(self, bytes: usize) -> Self {
        Self { max_bytes: bytes, ..self }
    }

    /// Ends a session when a replaced cookie is used a minute or more after its replacement and after its grace period.
    ///
    /// By default such a request only has no session and is reported as an event, because a browser that lost a
    /// response looks the same as a thief.
    #[must_use]
    pub const fn end_on_reuse(self) -> Self {
        Self { reuse_ends: true, ..self }
    }

    /// Sets the idle limit of sessions in which no subject is signed in.
    ///
    /// The default is the smaller of `idle` and ten minutes, or twice `touch_every` if that is longer than ten minutes.
    /// Any visitor can create such a session, and a shorter limit keeps fewer of them in the store. A shop whose
    /// visitors fill baskets needs a longer one. Activity is recorded at least ten times within the limit.
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

    /// Omits `Max-Age`, so that the browser keeps the cookie until it is closed. A remembered session still has it.
    ///
    /// The limits on the server stay the same, because browsers that restore tabs at startup keep such cookies.
    #[must_use]
    pub const fn until_browser_closes(self) -> Self {
        Self { until_browser_closes: true, ..self }
    }

    /// Sends `Cache-Control: no-store` with every response that used the session of a signed-in subject. By default
    /// only responses with a cookie have it.
    #[must_use]
    pub const fn no_store(self) -> Self {
        Self { no_store: true, ..self }
    }

    /// Sends `Clear-Site-Data: "cache", "storage"` with the response that signs out. The browser then deletes cached
    /// pages and everything that scripts stored for this origin. Browsers obey it over https only. The cookie is
    /// removed in any case.
    #[must_use]
    pub const fn clear_site_data(self) -> Self {
        Self { clear_site_data: true, ..self }
    }

    /// Sets what [`check_binding`](crate::Session::check_binding) does with a session that is bound to another
    /// fingerprint. The default is [`Mismatch::Ignore`].
    #[must_use]
    pub const fn on_mismatch(self, mismatch: Mismatch) -> Self {
        Self { mismatch, ..self }
    }

    /// Binds each session to a key in the browser's device, in browsers that support it.
    ///
    /// After the sign-in the browser obtains a second cookie named `…-b` in exchange for a signature. It is valid for
    /// `lifetime`, so stolen copies of the cookies work for at most that long. Ten minutes suit most applications:
    /// browsers limit how often they sign, and a lifetime below two minutes costs a signature at every request. Other
    /// browsers are not affected. `docs/device-bound-sessions.md` in the repository describes what this protects
    /// against and what it needs.
    ///
    /// It needs a `__Host-` cookie without `Partitioned`, sessions in a store, and an adapter for servers with a
    /// configured endpoint. Without these, every login fails with [`Error::Unsupported`](crate::Error::Unsupported).
    /// The adapters for devices have no endpoint.
    ///
    /// # Errors
    /// [`PolicyError::NoDeviceCookie`] for another cookie, [`PolicyError::DeviceLifetime`] unless `lifetime` is between
    /// a second and a day.
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

    /// Accepts each proof of a device-bound session only once, so that a copied proof is useless. This costs a write
    /// per proof, and a browser that lost a response signs once more.
    #[must_use]
    pub const fn single_use_proofs(mut self) -> Self {
        self.devices.single_use = true;
        self
    }

    /// Requires that sessions are device-bound: an unbound session stops working two minutes after the sign-in.
    ///
    /// This excludes browsers that cannot bind sessions, and those that had reached their limit of signatures at the
    /// sign-in. Without [`device_bound`](Self::device_bound), no session works on servers.
    #[must_use]
    pub const fn require_device(mut self) -> Self {
        self.devices.required = true;
        self
    }

    /// Returns whether sessions are bound to devices.
    #[must_use]
    pub const fn binds_devices(&self) -> bool {
        self.devices.lifetime > 0 || self.devices.required
    }

    /// Limits the number of sessions of one subject. A login beyond the limit ends the oldest session.
    /// `max_sessions(0)` removes the limit.
    ///
    /// A limit needs a store that can list a subject's sessions. With another store, every login fails with
    /// [`Error::Unsupported`](crate::Error::Unsupported).
    ///
    /// The default is 100 in stores that can list, so that one account that signs in endlessly does not fill the store,
    /// and no limit in others. Concurrent logins may exceed a limit above 16 slightly, until the next login.
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

    /// Whether the program requires a cap, even if the store cannot list.
    pub(crate) const fn insists_on_cap(&self) -> bool {
        matches!(self.max_sessions, Some(1..))
    }

    /// Returns the cookie's name.
    #[must_use]
    pub const fn cookie_name(&self) -> &'static str {
        self.cookie.name
    }

    /// Returns whether browsers send the cookie over https only.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.cookie.secure
    }

    /// Returns the maximum length in bytes of a `Set-Cookie` value of this policy whose cookie value has `value`
    /// characters.
    #[must_use]
    pub const fn set_cookie_len(&self, value: usize) -> usize {
        let mut len = self.cookie.name.len() + 1 + value;
        // without an iterator, which a constant function cannot use
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

    /// Returns when every session that began before `now` has expired, whatever its lifetimes; 0 = never.
    pub(crate) const fn last_end(&self, now: Time) -> u64 {
        let Limits { absolute, remember, .. } = self.limits;
        let longest = if absolute < remember { remember } else { absolute };
        if absolute == 0 { 0 } else { now.millis() + longest }
    }

    /// For sessions that travel in their cookies: each touch makes another value, and the last one does not lead to it.
    pub(crate) const fn without_renewal(mut self) -> Self {
        self.limits.renew_after = 0;
        self
    }

    /// Seconds that the browser keeps the cookie: the remaining absolute lifetime, so that its copy never expires
    /// before the session, at most 400 days (CK8, CK11).
    pub(crate) const fn max_age(&self, ends: u64, now: Time) -> u32 {
        let rest = seconds(ends.saturating_sub(now.millis()));
        if ends == 0 || rest > LONGEST_MAX_AGE as u64 { LONGEST_MAX_AGE } else { rest as u32 }
    }
}

/// Why a policy cannot be built. The program has to be changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum PolicyError {
    /// The name contains a character that a cookie's name must not have.
    Name,
    /// The name is longer than 256 characters.
    NameLength,
    /// A secure cookie without a domain must be named `__Host-…`, in exactly this case.
    NotHost,
    /// A secure cookie with a domain must be named `__Secure-…`, in exactly this case.
    NotSecure,
    /// The name of a plain cookie has a prefix that browsers accept over https only.
    PlainPrefix,
    /// The domain contains characters other than letters, digits, dots and hyphens, or is longer than 1,024 characters.
    Domain,
    /// The path does not begin with `/`, contains a control character, `;` or non-ASCII, or is longer than 1,024
    /// characters.
    Path,
    /// A `__Host-` cookie must have `Path=/`.
    HostPath,
    /// A limit is zero. Use `None` for no limit.
    ZeroLimit,
    /// `renew_after` is not longer than `grace`, so that a renewal would fall into the grace period of the one before.
    RenewalWithinGrace,
    /// Without an absolute limit and without renewal the cookie would never change.
    NeverChanges,
    /// `touch_every` is not shorter than `idle`, so that active users would be signed out.
    TouchTooRare,
    /// A device-bound session cannot have this cookie.
    NoDeviceCookie,
    /// The lifetime of a proof is not between a second and a day.
    DeviceLifetime,
    /// The path of the endpoint for device-bound sessions contains other characters than letters, digits and `-._~/`,
    /// is too long, or does not begin with `/`.
    EndpointPath,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "cookie name: use only letters, digits and !#$%&'*+-.^_`|~",
            Self::NameLength => "cookie name: use at most 256 characters",
            Self::NotHost => "cookie name: without a domain, use __Host-NAME in exactly this case",
            Self::NotSecure => "cookie name: with a domain, use __Secure-NAME in exactly this case",
            Self::PlainPrefix => {
                "cookie name: browsers reject __Host- and __Secure- on plain http, so choose another"
            }
            Self::Domain => "cookie domain: use at most 1024 letters, digits, dots and hyphens",
            Self::Path => "cookie path: begin with / and use at most 1024 printable ASCII characters without ;",
            Self::HostPath => "cookie path: a __Host- cookie has Path=/, so use SecureCookie::domain for another",
            Self::ZeroLimit => "lifetimes: a limit of zero ends every session at once, so leave it out for no limit",
            Self::RenewalWithinGrace => "lifetimes: renew_after must be longer than grace",
            Self::NeverChanges => {
                "lifetimes: without an absolute limit the cookie must be renewed, so set renew_after"
            }
            Self::TouchTooRare => {
                "lifetimes: touch_every must be shorter than idle, or active users are signed out"
            }
            Self::NoDeviceCookie => {
                "device-bound sessions: use SecureCookie::host(), not partitioned, with a name of at most 254 characters"
            }
            Self::DeviceLifetime => "device-bound sessions: use a proof lifetime of a second to a day",
            Self::EndpointPath => {
                "device-bound sessions: begin the endpoint's path with / and use at most 128 letters, digits and -._~/"
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

/// The reserved prefix of a name, in any letter case, because browsers ignore the case.
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

    /// The policy of docs/seed.md.
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
