//! The SQL. What both databases understand stands here once; where they differ, once for each.
//!
//! Every condition takes the caller's `now`. A row is live if its deadline is to come and it was not made before the
//! cut-off, a number that moves up each time that everybody's sessions are ended. A row keeps the number that it was made
//! under, so no clock takes part. The epochs of subjects are told with the cut-off added: a login that began before the
//! end of all sees another one at its end. Each statement is atomic by itself and locks one row of each table at most, so none can wait for another in
//! a circle; PostgreSQL's removers skip rows that are locked.

/// handle, now, room → bytes, version, last_seen, record (if it has room)
pub(crate) const LOAD: &str = "\
    SELECT CAST(octet_length(record) AS bigint), version, last_seen, CASE WHEN octet_length(record) <= $3 THEN record END
    FROM session_records
    WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)";

/// handle, record, version, login, last_seen, idle, ends, now → version, if the handle was free
pub(crate) const CREATE: &str = "\
    INSERT INTO session_records AS there (handle, record, version, login, last_seen, idle, ends, made)
    VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT time FROM session_cutoff))
    ON CONFLICT (handle) DO UPDATE
    SET record = excluded.record, version = excluded.version, login = excluded.login, last_seen = excluded.last_seen,
        idle = excluded.idle, ends = excluded.ends, made = excluded.made
    WHERE there.deadline <= $8 OR there.made < (SELECT time FROM session_cutoff)
    RETURNING version";

/// handle, record, version, login, last_seen, idle, ends, now, the version seen → version
pub(crate) const UPDATE: &str = "\
    UPDATE session_records
    SET record = $2, version = $3, login = $4, last_seen = CASE WHEN last_seen > $5 THEN last_seen ELSE $5 END,
        idle = $6, ends = $7
    WHERE handle = $1 AND version = $9 AND deadline > $8 AND made >= (SELECT time FROM session_cutoff)
    RETURNING version";

/// handle, now → version
pub(crate) const TOUCH: &str = "\
    UPDATE session_records SET last_seen = CASE WHEN last_seen > $2 THEN last_seen ELSE $2 END
    WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)
    RETURNING version";

/// handle, now → version
pub(crate) const DELETE: &str = "\
    DELETE FROM session_records
    WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)
    RETURNING version";

/// handle, now, version → version
pub(crate) const DELETE_VERSION: &str = "\
    DELETE FROM session_records
    WHERE handle = $1 AND deadline > $2 AND version = $3 AND made >= (SELECT time FROM session_cutoff)
    RETURNING version";

/// handle, now, login → version
pub(crate) const DELETE_LOGIN: &str = "\
    DELETE FROM session_records
    WHERE handle = $1 AND deadline > $2 AND login = $3 AND made >= (SELECT time FROM session_cutoff)
    RETURNING version";

/// → the new cut-off. Rows of earlier releases have a time in the place of the number.
pub(crate) const END_ALL: &str = "\
    UPDATE session_cutoff
    SET time = CASE WHEN time >= COALESCE((SELECT max(made) FROM session_records), 0) THEN time + 1
        ELSE (SELECT max(made) + 1 FROM session_records) END
    RETURNING time";

pub(crate) const COUNT: &str = "SELECT count(*) FROM session_records";

/// subject, now, after, room → epoch, last place, and of each handle, login, ends, place
pub(crate) const LIST: &str = "\
    SELECT known.epoch, known.last, entry.handle, entry.login, entry.ends, entry.place
    FROM (SELECT COALESCE(max(epoch), 0) + (SELECT time FROM session_cutoff) AS epoch, COALESCE(max(last), 0) AS last
        FROM session_subjects WHERE subject = $1) AS known
    LEFT JOIN session_entries AS entry ON entry.subject = $1 AND entry.ends > $2 AND entry.place > $3
    ORDER BY entry.place LIMIT $4";

/// subject, the epoch that follows 0 → epoch, last place
pub(crate) const BUMP: &str = "\
    INSERT INTO session_subjects AS there (subject, epoch, last) VALUES ($1, $2, 0)
    ON CONFLICT (subject) DO UPDATE
    SET epoch = CASE WHEN there.epoch + 1 > $2 THEN there.epoch + 1 ELSE $2 END
    RETURNING epoch + (SELECT time FROM session_cutoff), last";

/// subject, handle, login
pub(crate) const REMOVE: &str =
    "DELETE FROM session_entries WHERE subject = $1 AND handle = $2 AND login = $3 RETURNING handle";

/// What the databases say differently.
pub(crate) struct Dialect {
    /// What has to be so before the tables are made.
    pub(crate) before: &'static str,
    /// Begins the transaction that makes them; a second one waits.
    pub(crate) begin: &'static str,
    /// The schema's versions, the first one first.
    pub(crate) migrations: &'static [&'static str],
    /// subject, epoch, handle, login, ends → handle, if the epoch is that
    pub(crate) add: &'static str,
    /// most, now → handles: records past their deadline
    pub(crate) remove_over: &'static str,
    /// most → handles: records from before the cut-off
    pub(crate) remove_ended: &'static str,
    /// most, now → handles: entries past their end
    pub(crate) remove_entries: &'static str,
}

/// One writer at a time.
pub(crate) const SQLITE: Dialect = Dialect {
    before: "PRAGMA journal_mode = WAL",
    begin: "BEGIN IMMEDIATE",
    migrations: &[include_str!("../migrations/sqlite/1.sql")],
    add: "\
        BEGIN IMMEDIATE;
        INSERT INTO session_subjects AS there (subject, epoch, last) VALUES ($1, 0, 1)
        ON CONFLICT (subject) DO UPDATE SET last = there.last + 1
        WHERE there.epoch + (SELECT time FROM session_cutoff) = $2;
        INSERT INTO session_entries AS there (subject, handle, login, ends, place)
        SELECT $1, $3, $4, $5, last FROM session_subjects
        WHERE subject = $1 AND epoch + (SELECT time FROM session_cutoff) = $2
        ON CONFLICT (handle) DO UPDATE
        SET place = CASE WHEN there.login < excluded.login THEN excluded.place ELSE there.place END,
            ends = CASE WHEN there.login < excluded.login THEN excluded.ends ELSE there.ends END,
            login = CASE WHEN there.login < excluded.login THEN excluded.login ELSE there.login END
        RETURNING handle;
        COMMIT",
    remove_over: "\
        DELETE FROM session_records WHERE handle IN
            (SELECT handle FROM session_records WHERE deadline <= $2 ORDER BY deadline LIMIT $1)
        RETURNING handle",
    remove_ended: "\
        DELETE FROM session_records WHERE handle IN
            (SELECT handle FROM session_records WHERE made < (SELECT time FROM session_cutoff) ORDER BY made LIMIT $1)
        RETURNING handle",
    remove_entries: "\
        DELETE FROM session_entries WHERE handle IN
            (SELECT handle FROM session_entries WHERE ends <= $2 ORDER BY ends LIMIT $1)
        RETURNING handle",
};

/// An `add` locks the subject's row, so that a `bump` comes before it or after it. Removers take rows
/// that are not locked; `ARRAY` has them chosen once.
pub(crate) const POSTGRES: Dialect = Dialect {
    before: "",
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7598543842107748723)", // "session" and a digit, as every node knows it
    migrations: &[include_str!("../migrations/postgres/1.sql")],
    add: "\
        WITH held AS (
            INSERT INTO session_subjects AS there (subject, epoch, last) VALUES ($1, 0, 1)
            ON CONFLICT (subject) DO UPDATE SET last = there.last + 1
            WHERE there.epoch + (SELECT time FROM session_cutoff) = $2
            RETURNING there.epoch, there.last)
        INSERT INTO session_entries AS there (subject, handle, login, ends, place)
        SELECT $1, $3, $4, $5, held.last FROM held WHERE held.epoch + (SELECT time FROM session_cutoff) = $2
        ON CONFLICT (handle) DO UPDATE
        SET place = CASE WHEN there.login < excluded.login THEN excluded.place ELSE there.place END,
            ends = CASE WHEN there.login < excluded.login THEN excluded.ends ELSE there.ends END,
            login = CASE WHEN there.login < excluded.login THEN excluded.login ELSE there.login END
        RETURNING handle",
    remove_over: "\
        DELETE FROM session_records WHERE handle = ANY (ARRAY
            (SELECT handle FROM session_records WHERE deadline <= $2 ORDER BY deadline LIMIT $1
            FOR UPDATE SKIP LOCKED))
        RETURNING handle",
    remove_ended: "\
        DELETE FROM session_records WHERE handle = ANY (ARRAY
            (SELECT handle FROM session_records WHERE made < (SELECT time FROM session_cutoff) ORDER BY made LIMIT $1
            FOR UPDATE SKIP LOCKED))
        RETURNING handle",
    remove_entries: "\
        DELETE FROM session_entries WHERE handle = ANY (ARRAY
            (SELECT handle FROM session_entries WHERE ends <= $2 ORDER BY ends LIMIT $1 FOR UPDATE SKIP LOCKED))
        RETURNING handle",
};
