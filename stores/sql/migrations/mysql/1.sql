-- Version 1. Times are milliseconds of the Unix epoch; 281474976710655 is a time that never comes.
-- MariaDB and MySQL commit each of these statements by itself. Where one fails, all of them can be run again.

-- One row for each session. The handle's bytes, big-endian, are its number: HEX(handle) shows them.
CREATE TABLE IF NOT EXISTS session_records (
    handle    BIGINT   PRIMARY KEY,
    record    LONGBLOB NOT NULL,
    version   BIGINT   NOT NULL,
    login     BIGINT   NOT NULL,
    last_seen BIGINT   NOT NULL, -- where the record says another time, the later one holds
    idle      BIGINT   NOT NULL, -- milliseconds, 0 = no idle timeout
    ends      BIGINT   NOT NULL, -- 0 = no absolute end
    made      BIGINT   NOT NULL, -- the cut-off under which the row came into being
    deadline  BIGINT   GENERATED ALWAYS AS (LEAST(
        CASE WHEN idle = 0 THEN 281474976710655 ELSE last_seen + idle END,
        CASE WHEN ends = 0 THEN 281474976710655 ELSE ends END)) STORED,
    INDEX session_records_deadline (deadline),
    INDEX session_records_made (made)
) ENGINE = InnoDB;

-- Which sessions a subject has, in the order of place.
CREATE TABLE IF NOT EXISTS session_entries (
    handle  BIGINT         PRIMARY KEY,
    login   BIGINT         NOT NULL,
    subject VARBINARY(255) NOT NULL,
    ends    BIGINT         NOT NULL,
    place   BIGINT         NOT NULL,
    INDEX session_entries_subject (subject, place),
    INDEX session_entries_ends (ends)
) ENGINE = InnoDB;

-- How often all sessions of a subject were ended, and the last place that was given. A row stays; that of a subject
-- without entries may be deleted when nobody has signed in for an hour.
CREATE TABLE IF NOT EXISTS session_subjects (
    subject VARBINARY(255) PRIMARY KEY,
    epoch   BIGINT         NOT NULL,
    last    BIGINT         NOT NULL
) ENGINE = InnoDB;

-- A number that moves up when everybody's sessions are ended. Sessions whose row was made under a lower one have ended.
CREATE TABLE IF NOT EXISTS session_cutoff (
    one  TINYINT PRIMARY KEY CHECK (one = 1),
    time BIGINT  NOT NULL
) ENGINE = InnoDB;
INSERT IGNORE INTO session_cutoff VALUES (1, 0);

-- Tables of the same names that are another's have other columns.
SELECT handle, record, version, login, last_seen, idle, ends, made, deadline FROM session_records LIMIT 0;
SELECT handle, login, subject, ends, place FROM session_entries LIMIT 0;
SELECT subject, epoch, last FROM session_subjects LIMIT 0;
SELECT one, time FROM session_cutoff LIMIT 0;

-- The version of these tables.
CREATE TABLE IF NOT EXISTS session_schema (version BIGINT PRIMARY KEY) ENGINE = InnoDB;
INSERT IGNORE INTO session_schema VALUES (1);
