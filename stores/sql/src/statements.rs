//! The SQL. Common statements are here once, and different ones once for each database.
//!
//! Every condition uses the caller's `now`, except those of deletes, which ignore the clock. A row is live if its
//! deadline is in the future and its cut-off is the current one, a number that grows whenever all sessions are ended. A
//! row keeps the number under which it was made, so no clock is involved. The epochs of subjects are returned with the
//! cut-off added, so a login that began before the end of all sessions sees another epoch when it completes. Each
//! statement is atomic and locks at most one row of each table, so there are no deadlocks. PostgreSQL's removals skip
//! locked rows.

const COUNT: &str = "SELECT count(*) FROM session_records";

/// The head is as long as the core's `LONGEST_HEAD`.
const HEADS: &str = "\
    SELECT handle, substr(record, 1, 702), last_seen FROM session_records
    WHERE handle >= $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff) ORDER BY handle LIMIT $3";

const _: () = assert!(session_core::record::LONGEST_HEAD == 702);

const LIST: &str = "\
    SELECT known.epoch, known.last, entry.handle, entry.login, entry.ends, entry.place
    FROM (SELECT COALESCE(max(epoch), 0) + (SELECT time FROM session_cutoff) AS epoch, COALESCE(max(last), 0) AS last
        FROM session_subjects WHERE subject = $1) AS known
    LEFT JOIN session_entries AS entry ON entry.subject = $1 AND entry.ends > $2 AND entry.place > $3
    ORDER BY entry.place LIMIT $4";

#[cfg(any(feature = "postgres", feature = "sqlite"))]
use returning::{BUMP, CREATE, DELETE, DELETE_LOGIN, DELETE_VERSION, END_ALL, LOAD, REMOVE, TOUCH, UPDATE};

/// The statements of PostgreSQL and SQLite, which return the rows that they changed.
#[cfg(any(feature = "postgres", feature = "sqlite"))]
mod returning {
    pub(super) const LOAD: &str = "\
        SELECT CAST(octet_length(record) AS bigint), version, last_seen, CASE WHEN octet_length(record) <= $3 THEN record END
        FROM session_records
        WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)";

    pub(super) const CREATE: &str = "\
        INSERT INTO session_records AS there (handle, record, version, login, last_seen, idle, ends, made)
        VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT time FROM session_cutoff))
        ON CONFLICT (handle) DO UPDATE
        SET record = excluded.record, version = excluded.version, login = excluded.login, last_seen = excluded.last_seen,
            idle = excluded.idle, ends = excluded.ends, made = excluded.made
        WHERE there.deadline <= $8 OR there.made < (SELECT time FROM session_cutoff)
        RETURNING version";

    pub(super) const UPDATE: &str = "\
        UPDATE session_records
        SET record = $2, version = $3, login = $4, last_seen = CASE WHEN last_seen > $5 THEN last_seen ELSE $5 END,
            idle = $6, ends = $7
        WHERE handle = $1 AND version = $9 AND deadline > $8 AND made >= (SELECT time FROM session_cutoff)
        RETURNING version";

    pub(super) const TOUCH: &str = "\
        UPDATE session_records SET last_seen = CASE WHEN last_seen > $2 THEN last_seen ELSE $2 END
        WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)
        RETURNING version";

    pub(super) const DELETE: &str = "\
        DELETE FROM session_records
        WHERE handle = $1 AND made >= (SELECT time FROM session_cutoff)
        RETURNING version";

    pub(super) const DELETE_VERSION: &str = "\
        DELETE FROM session_records
        WHERE handle = $1 AND version = $2 AND made >= (SELECT time FROM session_cutoff)
        RETURNING version";

    pub(super) const DELETE_LOGIN: &str = "\
        DELETE FROM session_records
        WHERE handle = $1 AND login = $2 AND made >= (SELECT time FROM session_cutoff)
        RETURNING version";

    pub(super) const END_ALL: &str = "\
        UPDATE session_cutoff
        SET time = CASE WHEN time >= COALESCE((SELECT max(made) FROM session_records), 0) THEN time + 1
            ELSE (SELECT max(made) + 1 FROM session_records) END
        RETURNING time";

    pub(super) const BUMP: &str = "\
        INSERT INTO session_subjects AS there (subject, epoch, last) VALUES ($1, $2, 0)
        ON CONFLICT (subject) DO UPDATE
        SET epoch = CASE WHEN there.epoch + 1 > $2 THEN there.epoch + 1 ELSE $2 END
        RETURNING epoch + (SELECT time FROM session_cutoff), last";

    pub(super) const REMOVE: &str =
        "DELETE FROM session_entries WHERE subject = $1 AND handle = $2 AND login = $3 RETURNING handle";
}

/// A store's statements: parameters → columns of the result.
pub(crate) struct Dialect {
    /// Runs before everything else.
    pub(crate) before: &'static str,
    /// Begins the transaction that makes the tables; a second one waits.
    pub(crate) begin: &'static str,
    /// → 1 if it has begun, where that is not certain
    pub(crate) begun: &'static str,
    /// Ends that transaction.
    pub(crate) commit: &'static str,
    /// The schema's versions, the first one first.
    pub(crate) migrations: &'static [&'static str],
    /// handle, now, room → bytes, version, last_seen, record (if it has room)
    pub(crate) load: &'static str,
    /// handle, record, version, login, last_seen, idle, ends, now → version, if the handle was free
    pub(crate) create: &'static str,
    /// handle, record, version, login, last_seen, idle, ends, now, the version seen → version
    pub(crate) update: &'static str,
    /// handle, now → version
    pub(crate) touch: &'static str,
    /// handle → version
    pub(crate) delete: &'static str,
    /// handle, version → version
    pub(crate) delete_version: &'static str,
    /// handle, login → version
    pub(crate) delete_login: &'static str,
    /// → the new cut-off. Rows of earlier releases have a time instead of the number.
    pub(crate) end_all: &'static str,
    /// → the number of records
    pub(crate) count: &'static str,
    /// the first handle, now, most → handle, the record up to its data, last_seen
    pub(crate) heads: &'static str,
    /// subject, now, after, room → epoch, last place, and of each handle, login, ends, place
    pub(crate) list: &'static str,
    /// subject, the epoch that follows 0 → epoch, last place
    pub(crate) bump: &'static str,
    /// subject, handle, login
    pub(crate) remove: &'static str,
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
#[cfg(feature = "sqlite")]
pub(crate) const SQLITE: Dialect = Dialect {
    before: "PRAGMA journal_mode = WAL",
    begin: "BEGIN IMMEDIATE",
    begun: "",
    commit: "COMMIT",
    migrations: &[include_str!("../migrations/sqlite/1.sql")],
    load: LOAD,
    create: CREATE,
    update: UPDATE,
    touch: TOUCH,
    delete: DELETE,
    delete_version: DELETE_VERSION,
    delete_login: DELETE_LOGIN,
    end_all: END_ALL,
    count: COUNT,
    heads: HEADS,
    list: LIST,
    bump: BUMP,
    remove: REMOVE,
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
#[cfg(feature = "postgres")]
pub(crate) const POSTGRES: Dialect = Dialect {
    before: "",
    begin: "BEGIN ISOLATION LEVEL READ COMMITTED; SELECT pg_advisory_xact_lock(7598543842107748723)", // "session" and a digit, as every node knows it
    begun: "",
    commit: "COMMIT",
    migrations: &[include_str!("../migrations/postgres/1.sql")],
    load: LOAD,
    create: CREATE,
    update: UPDATE,
    touch: TOUCH,
    delete: DELETE,
    delete_version: DELETE_VERSION,
    delete_login: DELETE_LOGIN,
    end_all: END_ALL,
    count: COUNT,
    heads: HEADS,
    list: LIST,
    bump: BUMP,
    remove: REMOVE,
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

/// MariaDB and MySQL return no row of an `UPDATE` or a `DELETE`. Each message ends with a query that does: it asks whether
/// the statement before it found a row, and for the number that this statement left in `LAST_INSERT_ID`, which is the
/// connection's own. So no other transaction comes between the two, and the first alone is what happens.
///
/// There are no triggers, because a database with a binary log lets few users create them. One statement deletes a
/// session and its entry. `LAST_INSERT_ID` is unsigned, and a version is not.
#[cfg(feature = "mysql")]
pub(crate) const MYSQL: Dialect = Dialect {
    before: "",
    // a lock of the whole server, named after the database and, with a prefix, after that
    begin: "SELECT GET_LOCK(MD5(CONCAT(DATABASE(), '.session_store')), 1)",
    begun: "SELECT IS_USED_LOCK(MD5(CONCAT(DATABASE(), '.session_store'))) <=> CONNECTION_ID()",
    commit: "DO RELEASE_LOCK(MD5(CONCAT(DATABASE(), '.session_store')))",
    migrations: &[include_str!("../migrations/mysql/1.sql")],
    load: "\
        SELECT CAST(octet_length(record) AS SIGNED), version, last_seen,
            CASE WHEN octet_length(record) <= $3 THEN record END
        FROM session_records
        WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)",
    // the columns are assigned in this order, and `deadline` after all of them
    create: "\
        DO LAST_INSERT_ID(0);
        INSERT INTO session_records (handle, record, version, login, last_seen, idle, ends, made)
        VALUES ($1, $2, $3, $4, $5, $6, $7, (SELECT time FROM session_cutoff))
        ON DUPLICATE KEY UPDATE
            record = IF(deadline <= $8 OR made < VALUES(made), VALUES(record), record),
            version = IF(deadline <= $8 OR made < VALUES(made), VALUES(version), version),
            login = IF(deadline <= $8 OR made < VALUES(made), VALUES(login), login),
            last_seen = IF(deadline <= $8 OR made < VALUES(made), VALUES(last_seen), last_seen),
            idle = IF(deadline <= $8 OR made < VALUES(made), VALUES(idle), idle),
            ends = IF(deadline <= $8 OR made < VALUES(made), VALUES(ends), ends),
            made = CASE WHEN deadline <= $8 OR made < VALUES(made) THEN VALUES(made)
                WHEN LAST_INSERT_ID(1) = 1 THEN made END;
        SELECT CAST($3 AS SIGNED) FROM DUAL WHERE LAST_INSERT_ID() = 0",
    update: "\
        UPDATE session_records
        SET record = $2, version = $3, login = $4, last_seen = GREATEST(last_seen, $5), idle = $6, ends = $7
        WHERE handle = $1 AND version = $9 AND deadline > $8 AND made >= (SELECT time FROM session_cutoff);
        SELECT CAST($3 AS SIGNED) FROM DUAL WHERE ROW_COUNT() > 0",
    touch: "\
        UPDATE session_records SET last_seen = GREATEST(last_seen, $2)
        WHERE handle = $1 AND deadline > $2 AND made >= (SELECT time FROM session_cutoff)
            AND version = CAST(LAST_INSERT_ID(version) AS SIGNED);
        SELECT CAST(LAST_INSERT_ID() AS SIGNED) FROM DUAL WHERE ROW_COUNT() > 0",
    delete: "\
        DELETE record, entry FROM session_records AS record
        LEFT JOIN session_entries AS entry ON entry.handle = record.handle
        WHERE record.handle = $1 AND made >= (SELECT time FROM session_cutoff)
            AND version = CAST(LAST_INSERT_ID(version) AS SIGNED);
        SELECT CAST(LAST_INSERT_ID() AS SIGNED) FROM DUAL WHERE ROW_COUNT() > 0",
    delete_version: "\
        DELETE record, entry FROM session_records AS record
        LEFT JOIN session_entries AS entry ON entry.handle = record.handle
        WHERE record.handle = $1 AND version = $2 AND made >= (SELECT time FROM session_cutoff);
        SELECT CAST($2 AS SIGNED) FROM DUAL WHERE ROW_COUNT() > 0",
    delete_login: "\
        DELETE record, entry FROM session_records AS record
        LEFT JOIN session_entries AS entry ON entry.handle = record.handle
        WHERE record.handle = $1 AND record.login = $2
            AND made >= (SELECT time FROM session_cutoff) AND version = CAST(LAST_INSERT_ID(version) AS SIGNED);
        SELECT CAST(LAST_INSERT_ID() AS SIGNED) FROM DUAL WHERE ROW_COUNT() > 0",
    end_all: "\
        UPDATE session_cutoff
        SET time = GREATEST(time, COALESCE((SELECT max(made) FROM session_records), 0)) + 1",
    count: COUNT,
    heads: HEADS,
    list: LIST,
    // this transaction and the next see what was committed before each of their statements
    bump: "\
        ROLLBACK;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        START TRANSACTION;
        INSERT INTO session_subjects (subject, epoch, last) VALUES ($1, $2, 0)
        ON DUPLICATE KEY UPDATE epoch = GREATEST(epoch + 1, $2);
        SELECT epoch + (SELECT time FROM session_cutoff), last FROM session_subjects WHERE subject = $1;
        COMMIT",
    add: "\
        ROLLBACK;
        SET TRANSACTION ISOLATION LEVEL READ COMMITTED;
        START TRANSACTION;
        INSERT INTO session_subjects (subject, epoch, last) VALUES ($1, 0, 1)
        ON DUPLICATE KEY UPDATE last = last + 1;
        INSERT INTO session_entries (subject, handle, login, ends, place)
        SELECT $1, $3, $4, $5, last FROM session_subjects
        WHERE subject = $1 AND epoch + (SELECT time FROM session_cutoff) = $2
        ON DUPLICATE KEY UPDATE
            place = IF(session_entries.login < VALUES(login), VALUES(place), session_entries.place),
            ends = IF(session_entries.login < VALUES(login), VALUES(ends), session_entries.ends),
            login = GREATEST(session_entries.login, VALUES(login));
        SELECT CAST($3 AS SIGNED) FROM DUAL WHERE ROW_COUNT() > 0;
        COMMIT",
    remove: "DELETE FROM session_entries WHERE subject = $1 AND handle = $2 AND login = $3",
    remove_over: "\
        ROLLBACK;
        START TRANSACTION;
        SELECT handle FROM session_records WHERE deadline <= $2 ORDER BY deadline LIMIT $1 FOR UPDATE SKIP LOCKED;
        DELETE record, entry FROM session_records AS record
        JOIN (SELECT handle FROM session_records WHERE deadline <= $2 ORDER BY deadline LIMIT $1
            FOR UPDATE SKIP LOCKED) AS gone ON gone.handle = record.handle
        LEFT JOIN session_entries AS entry ON entry.handle = record.handle;
        COMMIT",
    remove_ended: "\
        ROLLBACK;
        START TRANSACTION;
        SELECT handle FROM session_records WHERE made < (SELECT time FROM session_cutoff) ORDER BY made LIMIT $1
        FOR UPDATE SKIP LOCKED;
        DELETE record, entry FROM session_records AS record
        JOIN (SELECT handle FROM session_records WHERE made < (SELECT time FROM session_cutoff) ORDER BY made LIMIT $1
            FOR UPDATE SKIP LOCKED) AS ended ON ended.handle = record.handle
        LEFT JOIN session_entries AS entry ON entry.handle = record.handle;
        COMMIT",
    remove_entries: "DELETE FROM session_entries WHERE ends <= $2 ORDER BY ends LIMIT $1",
};
