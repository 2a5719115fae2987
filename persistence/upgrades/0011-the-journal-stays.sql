-- Rows of the journal are never changed. Now the database says so, too, on every part of it.
CREATE TRIGGER trg_wal_events_stays BEFORE UPDATE OR DELETE ON wal_events
    FOR EACH ROW EXECUTE FUNCTION fn_refuse_change();
