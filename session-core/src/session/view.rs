//! What a handler sees of its session.
//!
//! Loaded once, then read and changed without waiting; `set` is stored at the commit, before the first byte of the
//! answer. `update_with`, `login`, `rotate` and `logout` store at once. An adapter wraps this in a handle of its
//! framework's kind and calls `load` when the handler first asks, `commit` and `set_cookie` before it answers.
//!
//! If a future of this module is dropped, its change was stored or not, nothing in between; the session is then not used
//! again in this request.

use core::ops::DerefMut;
use core::time::Duration;

use rand_core::TryCryptoRng;
use serde::{Deserialize, Serialize};

use crate::base::bytes::part;
use crate::base::environment::{Buffer, Clock, Time};
use crate::base::error::Error;
use crate::base::events::{Event, LogId, Observer};
use crate::base::followed::Kind;
use crate::base::names::Handle;
use crate::driver::look::Watched;
use crate::driver::mode::Mode;
use crate::driver::sessions::Sessions;
use crate::driver::stored::Stored;
use crate::driver::subjects::SessionInfo;
use crate::protocol::operation::{FLASH, Intent, Operation};
use crate::protocol::state::RequestState;
use crate::record::changes::Changes;
use crate::record::layout::Record;
use crate::record::values::{self, Entry};
use crate::store::contract::Store;
use crate::store::index::{Epoch, check_subject};
use crate::wire::csrf;

/// Proof that a login was begun before the credentials were checked.
#[derive(Clone, Copy, Debug)]
pub struct LoginAttempt<'s> {
    subject: &'s str,
    epoch: Epoch,
    /// The login may bring the subject beyond its cap.
    crowded: bool,
    begun: Time,
    remember: bool,
    keep_data: bool,
}

impl<'s> LoginAttempt<'s> {
    /// The session lives as long as the policy's `remember` says, instead of the usual limits (LC14). A policy whose `remember`
    /// is no longer than its absolute lifetime keeps the usual idle limit.
    #[must_use]
    pub const fn remembered(self) -> Self {
        Self { remember: true, ..self }
    }

    /// Drops what the visitor stored before signing in: data, label and binding.
    #[must_use]
    pub const fn without_data(self) -> Self {
        Self { keep_data: false, ..self }
    }

    /// Who signs in.
    #[must_use]
    pub const fn subject(&self) -> &'s str {
        self.subject
    }
}

/// The session of one request. `R` is used only when something new is made. `Q` holds the request's state: a
/// `&mut RequestState<B>`, or a guard that an adapter lends.
pub struct Session<'a, S, C, R, Q, O = (), M = Stored> {
    pub(super) sessions: &'a Sessions<S, C, O, M>,
    pub(super) request: Q,
    rng: R,
}

impl<'a, S, C, R, B, Q, O, M> Session<'a, S, C, R, Q, O, M>
where
    S: Store,
    C: Clock,
    R: TryCryptoRng,
    B: Buffer + 'a,
    Q: DerefMut<Target = RequestState<B>>,
    O: Observer,
    M: Mode,
{
    /// The view of a handler on a request.
    pub const fn new(sessions: &'a Sessions<S, C, O, M>, request: Q, rng: R) -> Self {
        Self { sessions, request, rng }
    }

    // verbs that only pass on give that future as it is: an `async` around it is 60 bytes more

    // ---- for adapters --------------------------------------------------------------------------------------------

    /// Finds the session that the request's Cookie header lines name. None, unknown, expired or forged: an empty
    /// session, at no cost until something is stored in it. Calls the store once for a genuine cookie, else not at all.
    pub fn load<'h>(
        &mut self,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.sessions.begin(&mut self.request, cookie_lines)
    }

    /// The request counts as activity: a handler got the session and not only a peek at it.
    pub fn activity(&mut self) {
        self.request.activity();
    }

    /// Stores what has to be stored; call it after the handler, whatever its answer. An error replaces that answer.
    pub fn commit(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.perform(Intent::Commit)
    }

    /// The answer's `Set-Cookie` value, if the browser has another one (CK11). An answer with it says
    /// `Cache-Control: no-store`.
    pub fn set_cookie<'b>(&self, into: &'b mut [u8]) -> Result<Option<&'b str>, Error> {
        self.sessions.mode.set_cookie(&self.sessions.context, &self.request, into)
    }

    /// Returns the bytes that [`set_cookie`](Self::set_cookie) needs; 0 if the answer has no cookie.
    #[must_use]
    pub fn set_cookie_len(&self) -> usize {
        let len = self.sessions.mode.cookie_value_len(&self.request);
        len.map_or(0, |len| self.sessions.policy().set_cookie_len(len))
    }

    /// Whether the answer depends on the cookie and says `Vary: Cookie`.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.request.looked()
    }

    /// Whether the answer says `Cache-Control: no-store` although it has no cookie ([`Policy::no_store`]).
    ///
    /// [`Policy::no_store`]: crate::policy::Policy::no_store
    #[must_use]
    pub fn no_store(&self) -> bool {
        self.sessions.policy().no_store && self.request.is_personal()
    }

    /// Whether the answer says `Clear-Site-Data` ([`Policy::clear_site_data`]), because the session was signed out.
    ///
    /// [`Policy::clear_site_data`]: crate::policy::Policy::clear_site_data
    #[must_use]
    pub fn clears_site_data(&self) -> bool {
        self.sessions.policy().clear_site_data && self.request.signs_out()
    }

    /// Names the session for looks at it after its request: `None` if there is none that is stored. With its record, if it
    /// travels in its cookie; see [`Sessions::look`](crate::Sessions::look).
    #[must_use]
    pub fn watched(&self) -> Option<(Watched, &[u8])> {
        let (handle, record) = self.request.handle().zip(self.request.record()).filter(|_| self.request.is_live())?;
        let sealed = if self.sessions.mode.abilities().lives_in_cookie { record.bytes() } else { &[] };
        Some((Watched::new(handle, record.login()), sealed))
    }

    // ---- reading -------------------------------------------------------------------------------------------------

    /// The value under `key`; `None` without one. A value that cannot be read as a `T` is
    /// [`Error::Unreadable`], and an event says what is there instead. On servers values outlive a change of their type as
    /// they would as JSON, on devices they do not: `docs/values.md` in the repository.
    pub fn get<'v, T: Serialize + Deserialize<'v>>(&'v mut self, key: &str) -> Result<Option<T>, Error> {
        values::check_key(key)?;
        if self.request.record().is_none() {
            return Ok(None);
        }
        let (sessions, id) = (self.sessions, self.heard_id());
        self.request.read::<T>(key).map_err(|why| sessions.unreadable::<B::Codec, T>(id, key, &why))
    }

    /// The keys in use, in the order of their bytes.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let data = self.request.record().map(|record| record.data()).unwrap_or_default();
        values::entries(data).map(|entry| entry.key).filter(|key| !key.starts_with('\0'))
    }

    /// Whether there is a session, stored or about to be.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.request.record().is_some()
    }

    /// Who is signed in.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.request.record()?.subject().map(|(subject, _)| subject)
    }

    /// When the subject signed in.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Time> {
        self.request.record()?.subject().map(|(_, at)| at)
    }

    /// Whether the subject signed in within the last `span`, for a step-up before something grave (LC12). `false` also after
    /// a mismatch of the binding, if the policy says so.
    #[must_use]
    pub fn authenticated_within(&self, span: Duration) -> bool {
        !self.request.doubted() && self.authenticated_at().is_some_and(|at| self.sessions.now().since(at) <= span)
    }

    /// When the session began: at the last login, or when the visitor first stored something.
    #[must_use]
    pub fn started_at(&self) -> Option<Time> {
        Some(self.request.record()?.created())
    }

    /// The last activity before this request.
    #[must_use]
    pub fn last_seen(&self) -> Option<Time> {
        Some(self.request.record()?.last_seen())
    }

    /// The time left until the session ends if nobody uses it: the idle or the absolute limit, whichever is nearer.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        let (mut stamp, now) = (self.request.record()?.stamp(), self.sessions.now());
        if self.request.is_new() {
            // it gets its limits when it is stored, at the end of this request
            let policy = self.sessions.policy();
            (stamp.last_seen, stamp.idle, stamp.ends) = (now, policy.limits.idle_of(stamp.login), policy.ends(now));
        }
        let deadline = stamp.deadline();
        (deadline < Time::MAX).then(|| deadline.since(now))
    }

    /// The label that the application gave the session.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.request.record()?.label()
    }

    /// Names the session in logs.
    #[must_use]
    pub fn log_id(&self) -> Option<LogId> {
        self.request.handle().map(LogId)
    }

    /// Names the session in events, if an observer listens.
    fn heard_id(&self) -> Option<LogId> {
        if self.sessions.ignores() { None } else { self.log_id() }
    }

    // ---- changing ------------------------------------------------------------------------------------------------

    /// Puts `value` under `key`; makes a session if there is none. Stored at the commit, which answers
    /// [`Error::Conflict`] if another request changed this key meanwhile. The same value again is no change. What cannot be
    /// written, or could never be read, is [`Error::NotSerializable`]: `docs/values.md` in the repository.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        values::check_key(key)?;
        self.put(key, value, Kind::Write)
    }

    /// As [`set`](Self::set), whatever another request wrote meanwhile: the last one wins, on purpose.
    pub fn overwrite<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        values::check_key(key)?;
        self.put(key, value, Kind::Blind)
    }

    fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, kind: Kind) -> Result<(), Error> {
        self.request.set(key, value, kind)
    }

    /// Removes `key`; without a session there is nothing to remove.
    pub fn remove(&mut self, key: &str) -> Result<(), Error> {
        values::check_key(key)?;
        if !self.request.has_data()? {
            return Ok(());
        }
        self.request.follow(key, Kind::Write);
        let (record, changes) = self.request.writable()?;
        if record.table().remove(key) {
            changes.set_dirty();
        }
        Ok(())
    }

    /// Empties the data, whatever another request writes meanwhile; the session, its subject and cookie stay.
    pub fn clear(&mut self) -> Result<(), Error> {
        if !self.request.has_data()? {
            return Ok(());
        }
        let (record, changes) = self.request.writable()?;
        changes.clear();
        record.table().clear();
        Ok(())
    }

    /// Gives the session a label, for instance the browser's name, shown in a list of sessions; "" takes it away.
    /// Stored as given: escape it in pages.
    pub fn set_label(&mut self, label: &str) -> Result<(), Error> {
        let (record, changes) = self.request.writable()?;
        if record.label().unwrap_or_default() != label {
            record.set_label(label)?;
            changes.relabel();
        }
        Ok(())
    }

    /// Replaces the value under `key` by what `change` makes of it and stores it at once, together with what was set
    /// before. If another request was faster, `change` runs again on its value, for up to two seconds: no increment is
    /// lost (ST3).
    pub async fn update_with<T, F>(&mut self, key: &str, mut change: F) -> Result<T, Error>
    where
        T: Serialize + for<'v> Deserialize<'v>,
        F: FnMut(Option<T>) -> T,
    {
        values::check_key(key)?;
        let mut made = None;
        let (sessions, id) = (self.sessions, self.heard_id());
        self.update(|record, changes| {
            let entry = values::find(record.data(), key);
            changes.follow(key, Kind::Rerun, entry, record.data());
            let before = entry.map(|entry| entry.read::<B::Codec, T>()).transpose();
            let value = change(before.map_err(|why| sessions.unreadable::<B::Codec, T>(id, key, &why))?);
            if cfg!(debug_assertions) {
                let tried = record.table().try_out::<B::Codec, T>(&value);
                tried.map_err(|why| sessions.unreadable::<B::Codec, T>(id, key, &why))?;
            }
            record.table().set::<B::Codec, T>(key, &value, None)?;
            changes.set_dirty();
            made = Some(value);
            Ok(())
        })
        .await?;
        made.ok_or(Error::Indeterminate)
    }

    /// Removes the value under `key` and returns it, at once and to one request only: of any number of requests that take
    /// the same value, on whatever node, one gets it and the others get `None` (LC17). For what must not be used twice,
    /// such as the state of an OAuth sign-in or the nonce of a form.
    ///
    /// [`Error::Unsupported`] with sealed sessions, whose cookies can be copied. After another error, or if the future is
    /// dropped, the value may be gone without having been returned.
    pub async fn take<T: Serialize + for<'v> Deserialize<'v>>(&mut self, key: &str) -> Result<Option<T>, Error> {
        values::check_key(key)?;
        if self.sessions.mode.abilities().lives_in_cookie {
            return Err(Error::Unsupported);
        }
        let mut taken = None;
        let (sessions, id) = (self.sessions, self.heard_id());
        self.take_entry(key, |entry| {
            let value = entry.map(|entry| entry.read::<B::Codec, T>()).transpose();
            taken = value.map_err(|why| sessions.unreadable::<B::Codec, T>(id, key, &why))?;
            Ok(())
        })
        .await?;
        Ok(taken)
    }

    /// Removes an entry once `read` has seen it. If another request was faster, `read` sees what is there then.
    async fn take_entry(
        &mut self,
        key: &str,
        mut read: impl FnMut(Option<Entry<'_, &str>>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.request.record().and_then(|record| values::find(record.data(), key)).is_none() {
            return Ok(());
        }
        self.update(|record, changes| {
            let entry = values::find(record.data(), key);
            changes.follow(key, Kind::Rerun, entry, record.data());
            read(entry)?;
            if record.table().remove(key) {
                changes.set_dirty();
            }
            Ok(())
        })
        .await
    }

    /// Stores what was set before, then what `edit` makes of the newest record.
    pub(super) async fn update(
        &mut self,
        mut edit: impl FnMut(&mut Record<B>, &mut Changes<B>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if self.request.is_live() && self.request.changes.dirty() {
            self.commit().await?;
        }
        let mut operation = Operation::new(Intent::Update);
        while self.sessions.perform(&mut self.request, &mut self.rng, &mut operation).await? {
            let edited = self.request.writable().and_then(|(record, changes)| edit(record, changes));
            self.request.edited(&mut operation, edited)?;
        }
        Ok(())
    }

    // ---- signing in and out --------------------------------------------------------------------------------------

    /// Begins a login: call it **before** the credentials are checked. If all sessions of the subject are ended between
    /// this and [`login`](Self::login), for instance because the password was changed, the login is refused (protocol
    /// rule 7).
    pub async fn begin_login<'s>(&mut self, subject: &'s str) -> Result<LoginAttempt<'s>, Error> {
        check_subject(subject)?;
        let begun = self.sessions.now();
        let (epoch, crowded) = self.sessions.mode.epoch(&self.sessions.context, subject).await?;
        Ok(LoginAttempt { subject, epoch, crowded, begun, remember: false, keep_data: true })
    }

    /// The subject has proven who it is: new cookie value, new absolute lifetime, the old cookie is dead at once (LC2).
    /// Data is kept unless the attempt says otherwise; flash messages and CSRF tokens are not. Over a session of another
    /// subject a new one is made, without its data, and that one ends. Stored at once. [`Error::SignInAgain`]: the
    /// credentials are to be checked again. With a cap, the subject's oldest sessions beyond it have ended then; an error
    /// may mean that only this was not done.
    pub async fn login(&mut self, attempt: LoginAttempt<'_>) -> Result<(), Error> {
        let LoginAttempt { subject, epoch, crowded, begun, remember, keep_data } = attempt;
        let sessions = self.sessions;
        let told = |error| {
            sessions.observe(&Event::LoginFailed(Some(subject), &error));
            error
        };
        if !sessions.in_time(begun) {
            return Err(told(Error::SignInAgain));
        }
        self.perform(Intent::Login { subject, epoch, remember, keep_data }).await.map_err(told)?;
        if !crowded {
            return Ok(());
        }
        self.sessions.mode.cap(&self.sessions.context, &mut self.request, subject).await
    }

    /// Reports that somebody wanted to sign in and was refused (LC19): see
    /// [`Sessions::login_failed`](crate::Sessions::login_failed).
    pub fn login_failed(&self, account: Option<&str>, why: &dyn core::fmt::Display) {
        self.sessions.login_failed(account, why);
    }

    /// A new cookie value after any other change of privilege; the old one is dead at once. Without a session: nothing.
    pub fn rotate(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.perform(Intent::Rotate)
    }

    /// Ends the session: the record is removed, then the cookie. Nothing brings it back (LC3). An error means that it
    /// may live on (LC4). Without a session: nothing.
    pub fn logout(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.perform(Intent::Logout)
    }

    // ---- the subject's sessions -----------------------------------------------------------------------------------

    /// Shows each session of the subject that is signed in, the oldest login first (LC9). [`Error::NotSignedIn`] without
    /// one, [`Error::Unsupported`] where the store cannot. Calls the store once for each session.
    pub async fn list(&mut self, mut each: impl FnMut(&SessionInfo<&str>)) -> Result<(), Error> {
        let subjects = self.sessions.subjects()?;
        let (subject, own, room) = self.request.signed_in()?;
        subjects.list(subject, Some(&own), room, &mut each).await
    }

    /// Ends the subject's session that a list named `id`; `false` if it has none of that name, or it ended meanwhile. The
    /// current one may be ended, as by [`logout`](Self::logout).
    pub async fn revoke(&mut self, id: &str) -> Result<bool, Error> {
        let subjects = self.sessions.subjects()?;
        let (subject, own, room) = self.request.signed_in()?;
        let Some(entry) = subjects.own_entry(subject, id, &own, room).await? else {
            return Ok(false);
        };
        if entry.handle == own.handle() {
            return self.logout().await.map(|()| true);
        }
        subjects.end(subject, &entry).await
    }

    /// Ends all of the subject's sessions but this one, also those whose login has begun and is not over: after a change
    /// of password. The number of those that were there. An error means that some may live on: ask again.
    pub async fn revoke_others(&mut self) -> Result<usize, Error> {
        let subjects = self.sessions.subjects()?;
        let (subject, own, room) = self.request.signed_in()?;
        let ended = subjects.end_others(subject, &own, room).await?;
        self.sessions.observe(&Event::OthersRevoked(LogId(own.handle()), subject));
        Ok(ended)
    }

    /// Ends all of the subject's sessions and this one: "sign out everywhere".
    pub async fn revoke_all(&mut self) -> Result<usize, Error> {
        let others = self.sessions.mode.end_others(&self.sessions.context, &mut self.request).await?;
        if let (Some(id), Some(subject)) = (self.log_id(), self.subject()) {
            self.sessions.observe(&Event::OthersRevoked(id, subject));
        }
        self.logout().await.map(|()| others + 1)
    }

    pub(super) async fn perform(&mut self, intent: Intent<'_>) -> Result<(), Error> {
        let mut operation = Operation::new(intent);
        self.sessions.perform(&mut self.request, &mut self.rng, &mut operation).await.map(|_| ())
    }

    // ---- messages and forms --------------------------------------------------------------------------------------

    /// Leaves a message for the next page, which takes it once (TR2). A later message replaces it.
    pub fn flash_message(&mut self, message: &str) -> Result<(), Error> {
        self.put(FLASH, message, Kind::Blind)
    }

    /// Removes the message and returns what `show` makes of it. As [`take`](Self::take), for which `show` may be called
    /// again; with sealed sessions, each request that carries the same cookie takes the same message.
    pub async fn take_flash_message<T>(&mut self, mut show: impl FnMut(&str) -> T) -> Result<Option<T>, Error> {
        let mut shown = None;
        self.take_entry(FLASH, |entry| {
            shown = match entry {
                Some(entry) => Some(show(entry.read::<B::Codec, &str>().map_err(|_| Error::Unreadable)?)),
                None => None,
            };
            Ok(())
        })
        .await?;
        Ok(shown)
    }

    /// A token for a form of this session, another text at each call (TR1); makes a session if there is none.
    pub fn csrf_token(&mut self) -> Result<csrf::Token, Error> {
        self.request.writable()?;
        let fresh = self.sessions.draw(&mut self.rng)?;
        let handle = match self.request.handle() {
            Some(handle) if self.request.is_live() => handle,
            _ => self.request.show_handle(Handle::from_bytes(*part(&fresh.0, 24))),
        };
        let salt = self.request.record().map(|record| record.salt()).unwrap_or_default();
        Ok(csrf::Token::make(self.sessions.ring(), handle, &salt, *part(&fresh.0, 0)))
    }

    /// Whether `token` was made for this session since its last login.
    #[must_use]
    pub fn csrf_ok(&self, token: &str) -> bool {
        let ok = match (self.request.handle(), self.request.record()) {
            (Some(handle), Some(record)) => csrf::verify(self.sessions.ring(), handle, &record.salt(), token),
            _ => false,
        };
        if !ok {
            self.sessions.observe(&Event::CsrfFailed(self.log_id(), self.subject()));
        }
        ok
    }
}
