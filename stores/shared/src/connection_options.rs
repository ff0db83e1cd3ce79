//! How a store over the network connects, waits and gives up.

use std::time::Duration;

/// A client has no more ports for one server.
const MOST_CONNECTIONS: usize = 65_535;
const SHORTEST: Duration = Duration::from_millis(1);
const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// Pool size, timeouts and circuit breaker of a store over the network; the same for every store.
///
/// ```
/// use std::time::Duration;
///
/// use session_store_shared::ConnectionOptions;
///
/// let options = ConnectionOptions::new().with_operation_timeout(Duration::from_millis(500)).with_max_connections(32);
/// // `RedisStore::open(url)?.with_options(options)`
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConnectionOptions {
    max_connections: usize,
    connect_timeout: Duration,
    operation_timeout: Duration,
    max_failures: u32,
    pause: Duration,
}

impl ConnectionOptions {
    /// Returns the defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_connections: 16,
            connect_timeout: Duration::from_secs(1),
            operation_timeout: Duration::from_secs(2),
            max_failures: 3,
            pause: Duration::from_millis(500),
        }
    }

    /// Sets the maximum number of connections to each server, from 1 to 65,535; the default is 16. A store whose client
    /// sends all requests over one connection ignores this.
    #[must_use]
    pub const fn with_max_connections(self, connections: usize) -> Self {
        let max_connections = match connections {
            0 => 1,
            MOST_CONNECTIONS.. => MOST_CONNECTIONS,
            connections => connections,
        };
        Self { max_connections, ..self }
    }

    /// Sets how long opening a connection may take, from 1 ms to one day; the default is 1 s.
    #[must_use]
    pub const fn with_connect_timeout(self, timeout: Duration) -> Self {
        Self { connect_timeout: clamped(timeout), ..self }
    }

    /// Sets how long an operation may take, from 1 ms to one day; the default is 2 s. The time includes the wait for a
    /// connection, opening it, and a retry.
    #[must_use]
    pub const fn with_operation_timeout(self, timeout: Duration) -> Self {
        Self { operation_timeout: clamped(timeout), ..self }
    }

    /// Sets the number of failures in a row, at least one, after which the store stops contacting the server. The
    /// default is 3. `u32::MAX` disables this.
    #[must_use]
    pub const fn with_max_failures(self, failures: u32) -> Self {
        Self { max_failures: if failures == 0 { 1 } else { failures }, ..self }
    }

    /// Sets how long the store does not contact a failed server, at most one day. The default is 500 ms. Operations
    /// fail immediately during this time. Afterwards one operation tries, and if it succeeds, the others follow.
    #[must_use]
    pub const fn with_pause(self, pause: Duration) -> Self {
        Self { pause: if pause.is_zero() { pause } else { clamped(pause) }, ..self }
    }

    /// Returns the maximum number of connections to each server.
    #[must_use]
    pub const fn max_connections(&self) -> usize {
        self.max_connections
    }

    /// Returns how long opening a connection may take.
    #[must_use]
    pub const fn connect_timeout(&self) -> Duration {
        self.connect_timeout
    }

    /// Returns how long an operation may take.
    #[must_use]
    pub const fn operation_timeout(&self) -> Duration {
        self.operation_timeout
    }

    /// Returns the number of failures in a row after which the store stops contacting the server.
    #[must_use]
    pub const fn max_failures(&self) -> u32 {
        self.max_failures
    }

    /// Returns how long the store does not contact a failed server.
    #[must_use]
    pub const fn pause(&self) -> Duration {
        self.pause
    }
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self::new()
    }
}

/// Databases count milliseconds in 31 bits, take 0 for "no timeout", and sums of instants overflow.
const fn clamped(span: Duration) -> Duration {
    if span.as_millis() < SHORTEST.as_millis() {
        SHORTEST
    } else if span.as_millis() > LONGEST.as_millis() {
        LONGEST
    } else {
        span
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_beyond_reason_are_clamped() {
        let low = ConnectionOptions::new()
            .with_max_connections(0)
            .with_connect_timeout(Duration::ZERO)
            .with_operation_timeout(Duration::from_micros(999))
            .with_max_failures(0)
            .with_pause(Duration::ZERO);
        assert_eq!((low.max_connections(), low.max_failures(), low.pause()), (1, 1, Duration::ZERO));
        assert_eq!((low.connect_timeout(), low.operation_timeout()), (SHORTEST, SHORTEST));
        let high = ConnectionOptions::new()
            .with_max_connections(usize::MAX)
            .with_connect_timeout(Duration::MAX)
            .with_operation_timeout(Duration::MAX)
            .with_pause(Duration::MAX);
        assert_eq!((high.max_connections(), high.max_failures()), (MOST_CONNECTIONS, 3));
        assert_eq!((high.connect_timeout(), high.operation_timeout(), high.pause()), (LONGEST, LONGEST, LONGEST));
    }
}
