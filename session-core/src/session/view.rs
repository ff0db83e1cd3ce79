//! The session as a handler sees it.
//!
//! It is loaded once, then read and changed without waiting. `set` is stored by `commit`, before the first byte of the
//! response. `update_with`, `take`, `login`, `rotate` and `logout` store immediately. An adapter wraps [`Session`] in a
//! type of its framework. It calls `load` when the handler first asks for the session, and `commit` and `set_cookie`
//! before it answers.
//!
//! If a future of this module is dropped, its change was stored completely or not at all. Do not use the session again
//! in that request.

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

/// A login that began before the credentials were checked. Create it with [`Session::begin_login`] and pass it to
/// [`Session::login`].
#[derive(Clone, Copy, Debug)]
pub struct LoginAttempt<'s> {
    subject: &'s str,
    epoch: Epoch,
    /// The login may exceed the subject's cap.
    crowded: bool,
    begun: Time,
    remember: bool,
    keep_data: bool,
}

impl<'s> LoginAttempt<'s> {
    /// Uses the policy's `remember` limits instead of the usual ones. If `remember` is no longer than the absolute
    /// lifetime, the usual idle limit applies.
    #[must_use]
    pub const fn remembered(self) -> Self {
        Self { remember: true, ..self }
    }

    /// Discards what the visitor stored before signing in: data, label and binding.
    #[must_use]
    pub const fn without_data(self) -> Self {
        Self { keep_data: false, ..self }
    }

    /// Returns the subject that signs in.
    #[must_use]
    pub const fn subject(&self) -> &'s str {
        self.subject
    }
}

/// The session of one request.
///
/// Reads return nothing after a failed verb or load. Changes and verbs then return its error, and
/// [`Error::CookieReplaced`] if a login has replaced the request's cookie. Verbs that wait return
/// [`Error::Unavailable`] if the store fails and [`Error::Indeterminate`] if its answer was lost.
///
/// `R` is a random number generator, used only when a new id, cookie or version is needed. `Q` holds the request's
/// state: a `&mut RequestState<B>`, or a guard from an adapter.
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
    /// Creates the session of a request. It is empty until [`load`](Self::load).
    pub const fn new(sessions: &'a Sessions<S, C, O, M>, request: Q, rng: R) -> Self {
        Self { sessions, request, rng }
    }

    // verbs that only forward return that future itself, because an `async` around it takes 60 bytes more

    // ---- for adapters --------------------------------------------------------------------------------------------

    /// Loads the session that the request's `Cookie` header lines name.
    ///
    /// If there is no cookie, or if it is unknown, expired or forged, the session is empty, and nothing is stored until
    /// the handler sets a value. Calls the store once for a cookie that our keys signed, otherwise not at all.
    ///
    /// # Errors
    /// [`Error::Unavailable`] if the store fails.
    pub fn load<'h>(
        &mut self,
        cookie_lines: impl Iterator<Item = &'h [u8]>,
    ) -> impl Future<Output = Result<(), Error>> {
        self.sessions.begin(&mut self.request, cookie_lines)
    }

    /// Counts the request as activity. An adapter calls it when a handler takes the session, and not when it only peeks
    /// at it.
    pub fn activity(&mut self) {
        self.request.activity();
    }

    /// Stores the request's changes, renews the cookie and records the activity, as far as needed. Call it after the
    /// handler, whatever the handler's response is.
    ///
    /// # Errors
    /// On an error, send an error response instead of the handler's: the changes were not stored, or it is unknown
    /// whether they were ([`Error::Indeterminate`]). [`Error::Conflict`] means that another request changed a value
    /// that this request read or wrote.
    pub fn commit(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.perform(Intent::Commit)
    }

    /// Writes the `Set-Cookie` value of the response into `into`. Returns `None` if the browser already has the right
    /// cookie. A response with a cookie needs `Cache-Control: no-store`.
    ///
    /// # Errors
    /// [`Error::TooLarge`] if `into` is smaller than [`set_cookie_len`](Self::set_cookie_len).
    pub fn set_cookie<'b>(&self, into: &'b mut [u8]) -> Result<Option<&'b str>, Error> {
        self.sessions.mode.set_cookie(&self.sessions.context, &self.request, into)
    }

    /// Returns the number of bytes that [`set_cookie`](Self::set_cookie) needs, or 0 if the response has no cookie.
    #[must_use]
    pub fn set_cookie_len(&self) -> usize {
        let len = self.sessions.mode.cookie_value_len(&self.request);
        len.map_or(0, |len| self.sessions.policy().set_cookie_len(len))
    }

    /// Returns whether the response depends on the cookie and needs `Vary: Cookie`.
    #[must_use]
    pub fn varies(&self) -> bool {
        self.request.looked()
    }

    /// Returns whether the response needs `Cache-Control: no-store` although it has no cookie ([`Policy::no_store`]).
    ///
    /// [`Policy::no_store`]: crate::policy::Policy::no_store
    #[must_use]
    pub fn no_store(&self) -> bool {
        self.sessions.policy().no_store && self.request.is_personal()
    }

    /// Returns whether the response needs `Clear-Site-Data` because the session was signed out
    /// ([`Policy::clear_site_data`]).
    ///
    /// [`Policy::clear_site_data`]: crate::policy::Policy::clear_site_data
    #[must_use]
    pub fn clears_site_data(&self) -> bool {
        self.sessions.policy().clear_site_data && self.request.signs_out()
    }

    /// Returns the name of the session for [`Sessions::look`](crate::Sessions::look), which reads it after its request, and
    /// the session's record if it travels in its cookie. Returns `None` without a stored session.
    #[must_use]
    pub fn watched(&self) -> Option<(Watched, &[u8])> {
        let (handle, record) = self.request.handle().zip(self.request.record()).filter(|_| self.request.is_live())?;
        let sealed = if self.sessions.mode.abilities().lives_in_cookie { record.bytes() } else { &[] };
        Some((Watched::new(handle, record.login()), sealed))
    }

    // ---- reading -------------------------------------------------------------------------------------------------

    /// Returns the value under `key`, or `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Unreadable`] if the value cannot be read as a `T`. An event describes the difference. On servers a
    /// stored value survives changes of its type as it would in JSON, on devices it does not: see `docs/values.md` in
    /// the repository.
    pub fn get<'v, T: Serialize + Deserialize<'v>>(&'v mut self, key: &str) -> Result<Option<T>, Error> {
        values::check_key(key)?;
        if self.request.record().is_none() {
            return Ok(None);
        }
        let (sessions, id) = (self.sessions, self.heard_id());
        self.request.read::<T>(key).map_err(|why| sessions.unreadable::<B::Codec, T>(id, key, &why))
    }

    /// Returns the keys in use, in byte order.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        let data = self.request.record().map(|record| record.data()).unwrap_or_default();
        values::entries(data).map(|entry| entry.key).filter(|key| !key.starts_with('\0'))
    }

    /// Returns whether there is a session, stored or about to be stored.
    #[must_use]
    pub fn exists(&self) -> bool {
        self.request.record().is_some()
    }

    /// Returns the subject that is signed in.
    #[must_use]
    pub fn subject(&self) -> Option<&str> {
        self.request.record()?.subject().map(|(subject, _)| subject)
    }

    /// Returns when the subject signed in.
    #[must_use]
    pub fn authenticated_at(&self) -> Option<Time> {
        self.request.record()?.subject().map(|(_, at)| at)
    }

    /// Returns whether the subject authenticated within `span`. Check it before sensitive operations.
    ///
    /// After a binding mismatch it returns `false` if the policy says so ([`Mismatch`](crate::policy::Mismatch)).
    #[must_use]
    pub fn authenticated_within(&self, span: Duration) -> bool {
        !self.request.doubted() && self.authenticated_at().is_some_and(|at| self.sessions.now().since(at) <= span)
    }

    /// Returns when the session began: at the last login, or when the visitor first stored a value.
    #[must_use]
    pub fn started_at(&self) -> Option<Time> {
        Some(self.request.record()?.created())
    }

    /// Returns the time of the last activity before this request.
    #[must_use]
    pub fn last_seen(&self) -> Option<Time> {
        Some(self.request.record()?.last_seen())
    }

    /// Returns the time until the session expires without further activity, by the idle limit or the absolute limit,
    /// whichever is earlier.
    #[must_use]
    pub fn expires_in(&self) -> Option<Duration> {
        let (mut stamp, now) = (self.request.record()?.stamp(), self.sessions.now());
        if self.request.is_new() {
            // its limits are set when it is stored, at the end of this request
            let policy = self.sessions.policy();
            (stamp.last_seen, stamp.idle, stamp.ends) = (now, policy.limits.idle_of(stamp.login), policy.ends(now));
        }
        let deadline = stamp.deadline();
        (deadline < Time::MAX).then(|| deadline.since(now))
    }

    /// Returns the label that the application gave the session.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.request.record()?.label()
    }

    /// Returns the session's name in logs.
    #[must_use]
    pub fn log_id(&self) -> Option<LogId> {
        self.request.handle().map(LogId)
    }

    /// Returns the session's name in events, unless the observer ignores them.
    fn heard_id(&self) -> Option<LogId> {
        if self.sessions.ignores() { None } else { self.log_id() }
    }

    // ---- changing ------------------------------------------------------------------------------------------------

    /// Sets the value under `key`. Creates a session if there is none. [`commit`](Self::commit) stores it and returns
    /// [`Error::Conflict`] if another request has changed this key meanwhile. Setting an equal value is no change.
    ///
    /// # Errors
    /// [`Error::NotSerializable`] if the value cannot be written or could never be read back (see `docs/values.md` in
    /// the repository), [`Error::BadKey`] for an invalid key, [`Error::TooLarge`] if the buffer is full.
    pub fn set<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        values::check_key(key)?;
        self.put(key, value, Kind::Write)
    }

    /// Sets the value under `key` like [`set`](Self::set), but overwrites concurrent changes instead of reporting a
    /// conflict.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn overwrite<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), Error> {
        values::check_key(key)?;
        self.put(key, value, Kind::Blind)
    }

    fn put<T: Serialize + ?Sized>(&mut self, key: &str, value: &T, kind: Kind) -> Result<(), Error> {
        self.request.set(key, value, kind)
    }

    /// Removes the value under `key`. Does nothing without a session.
    ///
    /// # Errors
    /// [`Error::BadKey`] for an invalid key.
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

    /// Removes all values, ignoring concurrent changes. The session, its subject and its cookie stay.
    ///
    /// # Errors
    /// That of an earlier failure in this request. Without a session, it does nothing.
    pub fn clear(&mut self) -> Result<(), Error> {
        if !self.request.has_data()? {
            return Ok(());
        }
        let (record, changes) = self.request.writable()?;
        changes.clear();
        record.table().clear();
        Ok(())
    }

    /// Sets the session's label, for example the browser's name, which is shown in a list of sessions. An empty label
    /// removes it. It is stored unchanged: escape it in pages. Creates a session if there is none.
    ///
    /// # Errors
    /// [`Error::BadText`] if the label has more than 255 bytes, [`Error::TooLarge`] if the buffer is full.
    pub fn set_label(&mut self, label: &str) -> Result<(), Error> {
        let (record, changes) = self.request.writable()?;
        if record.label().unwrap_or_default() != label {
            record.set_label(label)?;
            changes.relabel();
        }
        Ok(())
    }

    /// Replaces the value under `key` with the result of `change` and stores it immediately, together with earlier
    /// changes of this request. Returns the new value.
    ///
    /// If another request was faster, `change` runs again on the newer value, for up to two seconds. No increment is
    /// lost. If the future is dropped, the change was stored completely or not at all.
    ///
    /// # Errors
    /// [`Error::Conflict`] after two seconds of conflicts, otherwise as for [`set`](Self::set) and
    /// [`commit`](Self::commit).
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

    /// Removes the value under `key` and returns it to exactly one request. If several requests on any nodes take the
    /// same value, one receives it and the others receive `None`. Use it for values that must not be used twice, such
    /// as the state of an OAuth sign-in or the nonce of a form.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for sealed sessions, whose cookies can be copied. After another error, or if the future
    /// is dropped, the value may be removed without having been returned.
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

    /// Removes an entry after `read` has seen it. If another request was faster, `read` runs again on the newer entry.
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

    /// Stores earlier changes, then the result of `edit` on the newest record.
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

    /// Begins a login. Call it **before** checking the credentials. If all sessions of the subject are revoked before
    /// [`login`](Self::login) completes, for example because the password was changed, the login is rejected.
    ///
    /// ```
    /// # use session_core::{Error, RequestState, store::NullStore, testing::{ManualClock, ScriptedRng}};
    /// # type Session<'a> =
    /// #     session_core::Session<'a, NullStore, ManualClock, ScriptedRng, &'a mut RequestState<[u8; 256]>>;
    /// # fn password_matches(name: &str, password: &str) -> bool { name == password }
    /// async fn sign_in(
    ///     session: &mut Session<'_>,
    ///     name: &str,
    ///     password: &str,
    /// ) -> Result<bool, Error> {
    ///     let attempt = session.begin_login(name).await?;
    ///     if !password_matches(name, password) {
    ///         session.login_failed(None, &"wrong password");
    ///         return Ok(false);
    ///     }
    ///     session.login(attempt).await?;
    ///     Ok(true)
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Error::BadText`] if `subject` is not 1 to 255 bytes of text, [`Error::Unavailable`] if the store fails.
    pub async fn begin_login<'s>(&mut self, subject: &'s str) -> Result<LoginAttempt<'s>, Error> {
        check_subject(subject)?;
        let begun = self.sessions.now();
        let (epoch, crowded) = self.sessions.mode.epoch(&self.sessions.context, subject).await?;
        Ok(LoginAttempt { subject, epoch, crowded, begun, remember: false, keep_data: true })
    }

    /// Signs the subject in: the session gets a new cookie and a new absolute lifetime, and the old cookie stops
    /// working at once. It is stored immediately.
    ///
    /// The session keeps its data unless the attempt says otherwise, but no flash message and no CSRF token. If another
    /// subject is signed in, that session ends and a new one is created without its data. If the policy has a cap, the
    /// subject's oldest sessions beyond it end.
    ///
    /// # Errors
    /// [`Error::SignInAgain`] if all sessions of the subject were revoked since the attempt began, or if the attempt is
    /// older than ten minutes: check the credentials again. With a cap, an error may mean that the login succeeded and
    /// only the oldest session was not ended. If the future is dropped, the login happened or not, and the browser has
    /// no new cookie.
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

    /// Reports a sign-in that the application rejected. See [`Sessions::login_failed`](crate::Sessions::login_failed).
    pub fn login_failed(&self, account: Option<&str>, why: &dyn core::fmt::Display) {
        self.sessions.login_failed(account, why);
    }

    /// Replaces the cookie, for any change of privilege other than a login. The old cookie stops working at once. Does
    /// nothing without a session.
    ///
    /// # Errors
    /// On an error, or if the future is dropped, the old cookie may still be valid: retry.
    pub fn rotate(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.perform(Intent::Rotate)
    }

    /// Ends the session: the record is deleted, then the cookie is removed. No concurrent request can revive it. Does
    /// nothing without a session.
    ///
    /// # Errors
    /// On an error, or if the future is dropped, the session may still be valid: retry.
    pub fn logout(&mut self) -> impl Future<Output = Result<(), Error>> {
        self.perform(Intent::Logout)
    }

    // ---- the subject's sessions -----------------------------------------------------------------------------------

    /// Calls `each` for every session of the signed-in subject, the oldest login first. Calls the store once per
    /// session.
    ///
    /// # Errors
    /// [`Error::NotSignedIn`] without a subject, [`Error::Unsupported`] if the store cannot list.
    pub async fn list(&mut self, mut each: impl FnMut(&SessionInfo<&str>)) -> Result<(), Error> {
        let subjects = self.sessions.subjects()?;
        let (subject, own, room) = self.request.signed_in()?;
        subjects.list(subject, Some(&own), room, &mut each).await
    }

    /// Ends the subject's session that a list named `id`. Returns `false` if the subject has no such session, or if it
    /// ended meanwhile. If `id` is the current session, this is [`logout`](Self::logout).
    ///
    /// # Errors
    /// As for [`list`](Self::list). On another error, or if the future is dropped, the session may still be valid:
    /// retry.
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

    /// Ends all of the subject's sessions except this one, including sessions whose login has begun and is not
    /// complete. Call it after a change of password. Returns the number of sessions ended.
    ///
    /// # Errors
    /// As for [`list`](Self::list). On another error, or if the future is dropped, some sessions may still be valid:
    /// retry.
    pub async fn revoke_others(&mut self) -> Result<usize, Error> {
        let subjects = self.sessions.subjects()?;
        let (subject, own, room) = self.request.signed_in()?;
        let ended = subjects.end_others(subject, &own, room).await?;
        self.sessions.observe(&Event::OthersRevoked(LogId(own.handle()), subject));
        Ok(ended)
    }

    /// Ends all of the subject's sessions, including this one ("sign out everywhere"). Returns the number of sessions
    /// ended.
    ///
    /// # Errors
    /// As for [`revoke_others`](Self::revoke_others).
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

    /// Stores a message for the next page, which takes it once. A later message replaces it.
    ///
    /// # Errors
    /// As for [`set`](Self::set).
    pub fn flash_message(&mut self, message: &str) -> Result<(), Error> {
        self.put(FLASH, message, Kind::Blind)
    }

    /// Removes the flash message and returns the result of `show` on it. Like [`take`](Self::take), but it works with
    /// sealed sessions, where every request with the same cookie takes the same message. `show` may run more than once.
    ///
    /// # Errors
    /// As for [`take`](Self::take), except [`Error::Unsupported`]. If the future is dropped, the message was removed or not.
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

    /// Creates a CSRF token for a form of this session. Each call returns a different text. Creates a session if there
    /// is none.
    ///
    /// # Errors
    /// [`Error::Entropy`] if the random number generator is not ready.
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

    /// Returns whether `token` was created for this session since its last login. A rejected token is reported as an
    /// event.
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
