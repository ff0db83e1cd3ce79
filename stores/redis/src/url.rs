//! `redis://…` and its relatives.

use redis::cluster::ClusterClient;
use redis::sentinel::SentinelNodeConnectionInfo;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, RedisError};
use session_store_shared::UrlError;

use crate::link::{Route, Sentinel};

/// What a URL says.
pub(crate) struct Target {
    pub(crate) route: Route,
    pub(crate) prefix: Option<String>,
    /// Whether an index of subjects is kept.
    pub(crate) indexed: bool,
}

/// `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/PATH][?prefix=PREFIX][&index=off]`
pub(crate) fn parse(url: &str) -> Result<Target, UrlError> {
    let (scheme, rest) =
        url.split_once("://").ok_or_else(|| bad("a Redis URL begins with redis:// or a relative of it"))?;
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (mut prefix, mut indexed) = (None, true);
    for parameter in query.into_iter().flat_map(|query| query.split('&')) {
        match parameter.split_once('=') {
            Some(("prefix", text)) => {
                check_prefix(text)?;
                prefix = Some(text.to_owned());
            }
            Some(("index", "off")) => indexed = false,
            _ => return Err(bad("after ? a Redis URL takes prefix=TEXT and index=off only")),
        }
    }
    let (user, place) = rest.rsplit_once('@').map_or(("", rest), |(user, place)| (user, place));
    let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
    let (kind, secure) = match scheme {
        "redis" => (Kind::One, false),
        "rediss" => (Kind::One, true),
        "redis-cluster" => (Kind::Cluster, false),
        "rediss-cluster" => (Kind::Cluster, true),
        "redis-sentinel" => (Kind::Sentinel, false),
        "rediss-sentinel" => (Kind::Sentinel, true),
        _ => {
            return Err(UrlError::new(format!(
                "{scheme}:// is no Redis URL: redis, redis-cluster or redis-sentinel, with ss for TLS"
            )));
        }
    };
    if secure && !cfg!(feature = "tls") {
        return Err(bad("a URL with rediss needs the feature tls of session-store-redis"));
    }
    // the client's own parser reads user names, passwords and addresses
    let node = |host: &str, user: &str, path: &str| {
        let at = if user.is_empty() { "" } else { "@" };
        let scheme = if secure { "rediss" } else { "redis" };
        format!("{scheme}://{user}{at}{host}/{path}").into_connection_info().map_err(refused)
    };
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.contains(&"") {
        return Err(bad("a Redis URL names a host after ://, or several with commas between them"));
    }
    let route = match kind {
        Kind::One => {
            let [host] = *hosts else { return Err(bad("redis:// takes one host; a cluster is redis-cluster://")) };
            Route::One(Box::new(Client::open(node(host, user, path)?).map_err(refused)?))
        }
        Kind::Cluster => {
            if !path.is_empty() {
                return Err(bad("redis-cluster:// takes no database number: a cluster has one"));
            }
            let nodes = hosts.iter().map(|host| node(host, user, "")).collect::<Result<Vec<_>, _>>()?;
            // the client's own waits between tries are longer than our limit
            let client = ClusterClient::builder(nodes).retries(3).min_retry_wait(10).max_retry_wait(100).build();
            Route::Cluster(Box::new(client.map_err(refused)?))
        }
        Kind::Sentinel => {
            let (service, database) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(bad("redis-sentinel://HOST:PORT,…/NAME: the name of the primary is missing"));
            }
            let sentinels = hosts.iter().map(|host| node(host, "", "")).collect::<Result<Vec<_>, _>>()?;
            let primary: ConnectionInfo = node("primary", user, database)?;
            let settings =
                SentinelNodeConnectionInfo::default().set_redis_connection_info(primary.redis_settings().clone());
            #[cfg(feature = "tls")]
            let settings = if secure { settings.set_tls_mode(redis::TlsMode::Secure) } else { settings };
            let sentinel = Sentinel { nodes: sentinels, service: service.into(), primary: settings };
            sentinel.client().map_err(refused)?;
            Route::Sentinel(Box::new(sentinel))
        }
    };
    Ok(Target { route, prefix, indexed })
}

enum Kind {
    One,
    Cluster,
    Sentinel,
}

/// Braces would decide on the slot of a cluster.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), UrlError> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"{}&".contains(&byte);
    if !prefix.is_empty() && prefix.len() <= 100 && prefix.bytes().all(plain) {
        return Ok(());
    }
    Err(bad("the prefix is 1 to 100 visible ASCII characters without { } &"))
}

fn bad(why: &str) -> UrlError {
    UrlError::new(why)
}

/// The client's words may repeat the URL; its kind of error does not.
fn refused(why: RedisError) -> UrlError {
    UrlError::new(format!("the Redis URL cannot be read: {}", why.category()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        for good in [
            "redis://h",
            "redis://h:7000/3",
            "redis://:secret@h/?prefix=shop:",
            "redis://ann:se%40cret@[::1]:6379",
            "redis://h?index=off",
            "redis://h?prefix=shop:&index=off",
            "redis-cluster://a:1,b:2,c:3",
            "redis-cluster://u:p@a:1,b:2/",
            "redis-sentinel://u:p@a:26379,b:26379/main/2",
        ] {
            assert!(parse(good).is_ok(), "{good}: {:?}", parse(good).err());
        }
        for bad in [
            "",
            "redis",
            "redis:",
            "redis://",
            "redis:///1",
            "redis://h/x",
            "redis://h:port",
            "redis://a,b",
            "redis://h?other=1",
            "redis://h?index=on",
            "redis://h?prefix=",
            "redis://h?prefix=a{b}",
            "http://h",
            "redis-cluster://a:1/2",
            "redis-cluster://a:1,,b:2",
            "redis-sentinel://a:1",
            "redis-sentinel://a:1/",
        ] {
            let why = parse(bad).err().map(|why| why.to_string()).unwrap_or_default();
            assert!(!why.is_empty() && !why.contains('\n'), "{bad}: {why}");
        }
        assert_eq!(parse("redis://h/?prefix=shop:").ok().and_then(|target| target.prefix).as_deref(), Some("shop:"));
    }

    #[test]
    fn a_password_is_in_no_error_id6() {
        for bad in [
            "redis://u:hunter2@h:x",
            "redis://u:hunter2@",
            "redis-cluster://u:hunter2@a:1,b:x",
            "redis://u:hunter2@h/x",
        ] {
            let why = parse(bad).err().map(|why| why.to_string()).unwrap_or_default();
            assert!(!why.is_empty() && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn tls_is_a_feature() {
        assert_eq!(parse("rediss://h").is_ok(), cfg!(feature = "tls"));
    }
}
