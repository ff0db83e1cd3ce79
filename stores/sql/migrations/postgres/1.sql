-- Version 1. Times are milliseconds of the Unix epoch; 281474976710655 is a time that never comes.

-- One row for each session. The handle's bytes, big-endian, are its number: to_hex(handle) shows them.
CREATE TABLE session_records (
    handle    bigint PRIMARY KEY,
    record    bytea  NOT NULL,
    version   bigint NOT NULL,
    login     bigint NOT NULL,
    last_seen bigint NOT NULL, -- where the record says another time, the later one holds
    idle      bigint NOT NULL, -- milliseconds, 0 = no idle timeout
    ends      bigint NOT NULL, -- 0 = no absolute end
    made      bigint NOT NULL, -- the cut-off under which the row came into being
    deadline  bigint NOT NULL GENERATED ALWAYS AS (LEAST(
        CASE WHEN idle = 0 THEN 281474976710655 ELSE last_seen + idle END,
        CASE WHEN ends = 0 THEN 281474976710655 ELSE ends END)) STORED
);
CREATE INDEX session_records_deadline ON session_records (deadline);
CREATE INDEX session_records_made ON session_records (made);

-- Which sessions a subject has, in the order of place.
CREATE TABLE session_entries (
    handle  bigint PRIMARY KEY,
    login   bigint NOT NULL,
    subject bytea  NOT NULL,
    ends    bigint NOT NULL,
    place   bigint NOT NULL
);
CREATE INDEX session_entries_subject ON session_entries (subject, place);
CREATE INDEX session_entries_ends ON session_entries (ends);

-- How often all sessions of a subject were ended, and the last place that was given. A row stays; that of a subject
-- without entries may be deleted when nobody has signed in for an hour.
CREATE TABLE session_subjects (
    subject bytea  PRIMARY KEY,
    epoch   bigint NOT NULL,
    last    bigint NOT NULL
);

-- A session that ends takes its entry with it, whoever deletes it.
CREATE FUNCTION session_record_ended() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM session_entries WHERE handle = OLD.handle;
    RETURN NULL;
END $$;
CREATE TRIGGER session_record_ended AFTER DELETE ON session_records
    FOR EACH ROW WHEN (OLD.login > 0) EXECUTE FUNCTION session_record_ended();

-- A number that moves up when everybody's sessions are ended. Sessions whose row was made under a lower one have ended.
CREATE TABLE session_cutoff (
    one  boolean PRIMARY KEY CHECK (one),
    time bigint  NOT NULL
);
INSERT INTO session_cutoff VALUES (true, 0);

-- The version of these tables.
CREATE TABLE IF NOT EXISTS session_schema (version bigint PRIMARY KEY);
INSERT INTO session_schema VALUES (1);
