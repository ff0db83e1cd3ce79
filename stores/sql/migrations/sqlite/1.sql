-- Version 1. Times are milliseconds of the Unix epoch; 281474976710655 is a time that never comes.

-- One row for each session. The handle's bytes, big-endian, are its number: format('%016x', handle) shows them.
CREATE TABLE session_records (
    handle    INTEGER PRIMARY KEY,
    record    BLOB    NOT NULL,
    version   INTEGER NOT NULL,
    login     INTEGER NOT NULL,
    last_seen INTEGER NOT NULL, -- where the record says another time, the later one holds
    idle      INTEGER NOT NULL, -- milliseconds, 0 = no idle timeout
    ends      INTEGER NOT NULL, -- 0 = no absolute end
    made      INTEGER NOT NULL, -- the cut-off under which the row came into being
    deadline  INTEGER NOT NULL GENERATED ALWAYS AS (min(
        CASE WHEN idle = 0 THEN 281474976710655 ELSE last_seen + idle END,
        CASE WHEN ends = 0 THEN 281474976710655 ELSE ends END)) STORED
) STRICT;
CREATE INDEX session_records_deadline ON session_records (deadline);
CREATE INDEX session_records_made ON session_records (made);

-- Which sessions a subject has, in the order of place.
CREATE TABLE session_entries (
    handle  INTEGER PRIMARY KEY,
    login   INTEGER NOT NULL,
    subject BLOB    NOT NULL,
    ends    INTEGER NOT NULL,
    place   INTEGER NOT NULL
) STRICT;
CREATE INDEX session_entries_subject ON session_entries (subject, place);
CREATE INDEX session_entries_ends ON session_entries (ends);

-- How often all sessions of a subject were ended, and the last place that was given. A row stays; that of a subject
-- without entries may be deleted when nobody has signed in for an hour.
CREATE TABLE session_subjects (
    subject BLOB    PRIMARY KEY,
    epoch   INTEGER NOT NULL,
    last    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- A session that ends takes its entry with it, whoever deletes it.
CREATE TRIGGER session_record_ended AFTER DELETE ON session_records WHEN OLD.login > 0
BEGIN
    DELETE FROM session_entries WHERE handle = OLD.handle;
END;

-- A number that moves up when everybody's sessions are ended. Sessions whose row was made under a lower one have ended.
CREATE TABLE session_cutoff (
    one  INTEGER PRIMARY KEY CHECK (one = 1),
    time INTEGER NOT NULL
) STRICT;
INSERT INTO session_cutoff VALUES (1, 0);

-- The version of these tables.
CREATE TABLE IF NOT EXISTS session_schema (version bigint PRIMARY KEY);
INSERT INTO session_schema VALUES (1);
