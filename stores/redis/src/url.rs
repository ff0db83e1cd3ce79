//! `redis://…` and its relatives.

use redis::cluster::ClusterClient;
use redis::{Client, ConnectionInfo, IntoConnectionInfo, RedisError};
use session_store_shared::{UrlError, is_this_host, percent_decoded};

use crate::link::{Route, Sentinel};

/// The content of a URL.
pub(crate) struct Target {
    pub(crate) route: Route,
    pub(crate) prefix: Option<String>,
    /// Whether an index of subjects is kept.
    pub(crate) indexed: bool,
    /// Sessions are sent unencrypted to another host.
    pub(crate) exposed: bool,
}

/// The parameters after `?`.
#[derive(Default)]
struct Parameters {
    prefix: Option<String>,
    without_index: bool,
    /// Paths of the trusted authority, of our certificate, and of its key.
    authority: Option<String>,
    certificate: Option<String>,
    key: Option<String>,
    /// User and password of the sentinels.
    sentinels: (Option<String>, Option<String>),
}

impl Parameters {
    fn of(query: Option<&str>, kind: Kind, secure: bool) -> Result<Self, UrlError> {
        let mut all = Self::default();
        for parameter in query.into_iter().flat_map(|query| query.split('&')) {
            let (name, text) = parameter.split_once('=').unwrap_or((parameter, ""));
            let value = || percent_decoded(text).map(Some).ok_or_else(|| bad("after %, use two hexadecimal digits"));
            match name {
                "prefix" => {
                    all.prefix = value()?;
                    check_prefix(all.prefix.as_deref().unwrap_or_default())?;
                }
                "index" if text == "off" => all.without_index = true,
                "sslrootcert" if secure => all.authority = value()?,
                "sslcert" if secure => all.certificate = value()?,
                "sslkey" if secure => all.key = value()?,
                "sentinel_username" if kind == Kind::Sentinel => all.sentinels.0 = value()?,
                "sentinel_password" if kind == Kind::Sentinel => all.sentinels.1 = value()?,
                _ => {
                    return Err(bad(
                        "after ?, use prefix=TEXT and index=off, with TLS sslrootcert=, sslcert= and sslkey=PATH, and \
                         for sentinels sentinel_username= and sentinel_password=",
                    ));
                }
            }
        }
        Ok(all)
    }
}

const SCHEMES: &str = "begin with redis://, redis-cluster:// or redis-sentinel://, with ss for TLS (rediss://)";

/// `SCHEME://[USER[:PASSWORD]@]HOST[:PORT][,HOST[:PORT]…][/PATH][?prefix=PREFIX][&index=off]…`
pub(crate) fn parse(url: &str) -> Result<Target, UrlError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad(SCHEMES))?;
    let (kind, secure) = match scheme {
        "redis" => (Kind::One, false),
        "rediss" => (Kind::One, true),
        "redis-cluster" => (Kind::Cluster, false),
        "rediss-cluster" => (Kind::Cluster, true),
        "redis-sentinel" => (Kind::Sentinel, false),
        "rediss-sentinel" => (Kind::Sentinel, true),
        _ => {
            return Err(bad(SCHEMES));
        }
    };
    if secure && !cfg!(feature = "tls") {
        return Err(bad("for rediss://, enable the feature tls of session-store-redis"));
    }
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let parameters = Parameters::of(query, kind, secure)?;
    let (user, place) = rest.rsplit_once('@').map_or(("", rest), |(user, place)| (user, place));
    let (hosts, path) = place.split_once('/').unwrap_or((place, ""));
    #[cfg(feature = "tls")]
    let certificates = certificates(&parameters)?;
    // the client's own parser reads user names, passwords and addresses
    let node = |host: &str, user: &str, path: &str| -> Result<ConnectionInfo, UrlError> {
        let at = if user.is_empty() { "" } else { "@" };
        let scheme = if secure { "rediss" } else { "redis" };
        let info = format!("{scheme}://{user}{at}{host}/{path}").into_connection_info().map_err(refused)?;
        #[cfg(feature = "tls")]
        if secure {
            let client = Client::build_with_tls(info, certificates.clone()).map_err(|why| unusable(&why))?;
            return Ok(client.get_connection_info().clone());
        }
        Ok(info)
    };
    let hosts: Vec<&str> = hosts.split(',').collect();
    if hosts.contains(&"") {
        return Err(bad("name a host after ://, or several hosts separated by commas"));
    }
    let exposed = !secure && hosts.iter().any(|host| !is_this_host(without_port(host)));
    let route = match kind {
        Kind::One => {
            let [host] = *hosts else {
                return Err(bad("name one host after redis://, or use redis-cluster:// for a cluster"));
            };
            Route::One(Box::new(Client::open(node(host, user, path)?).map_err(refused)?))
        }
        Kind::Cluster => {
            if !path.is_empty() {
                return Err(bad("remove the database number, because a cluster has one database"));
            }
            let nodes = hosts.iter().map(|host| node(host, user, "")).collect::<Result<Vec<_>, _>>()?;
            // the client's own waits between tries are longer than our limit
            let client = ClusterClient::builder(nodes).retries(3).min_retry_wait(10).max_retry_wait(100);
            #[cfg(feature = "tls")]
            let client = if secure { client.certs(certificates) } else { client };
            Route::Cluster(Box::new(client.build().map_err(refused)?))
        }
        Kind::Sentinel => {
            let (service, database) = path.split_once('/').unwrap_or((path, ""));
            if service.is_empty() {
                return Err(bad("add the name of the primary, as in redis-sentinel://HOST:PORT/NAME"));
            }
            let sentinels = hosts.iter().map(|host| Ok(node(host, "", "")?.addr().clone()));
            let sentinel = Sentinel {
                nodes: sentinels.collect::<Result<Vec<_>, UrlError>>()?,
                service: service.into(),
                primary: node("primary", user, database)?.redis_settings().clone(),
                login: parameters.sentinels,
                #[cfg(feature = "tls")]
                tls: secure.then_some(certificates),
            };
            sentinel.client().map_err(refused)?;
            Route::Sentinel(Box::new(sentinel))
        }
    };
    Ok(Target { route, prefix: parameters.prefix, indexed: !parameters.without_index, exposed })
}

/// Reads the files that the parameters name. Without an authority, the system's list is trusted.
#[cfg(feature = "tls")]
fn certificates(parameters: &Parameters) -> Result<redis::TlsCertificates, UrlError> {
    let read = |path: &String| std::fs::read(path).map_err(|why| bad(&format!("check the file {path}: {why}")));
    let certificate = |path: &String| {
        let text = read(path)?;
        let begin = b"-----BEGIN CERTIFICATE-----";
        if text.windows(begin.len()).any(|text| text == begin) { Ok(text) } else { Err(no_certificate(path)) }
    };
    let client_tls = match (&parameters.certificate, &parameters.key) {
        (Some(path), Some(key)) => {
            Some(redis::ClientTlsConfig { client_cert: certificate(path)?, client_key: read(key)? })
        }
        (None, None) => None,
        _ => return Err(bad("set sslcert= and sslkey= together")),
    };
    let root_cert = parameters.authority.as_ref().map(certificate).transpose()?;
    Ok(redis::TlsCertificates { client_tls, root_cert })
}

#[cfg(feature = "tls")]
fn no_certificate(path: &str) -> UrlError {
    bad(&format!("check the file {path}: no certificate in PEM"))
}

/// The client's text is about the files, and repeats no part of them.
#[cfg(feature = "tls")]
fn unusable(why: &RedisError) -> UrlError {
    bad(&format!("check the files sslrootcert=, sslcert= and sslkey=, which cannot be used: {why}"))
}

/// `HOST` of `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, _)) if !host.ends_with(']') => name,
        _ => host,
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    Cluster,
    Sentinel,
}

/// Braces would determine the slot in a cluster.
pub(crate) fn check_prefix(prefix: &str) -> Result<(), UrlError> {
    let plain = |byte: u8| byte.is_ascii_graphic() && !b"{}&".contains(&byte);
    if !prefix.is_empty() && prefix.len() <= 100 && prefix.bytes().all(plain) {
        return Ok(());
    }
    Err(bad("use a prefix of 1 to 100 visible ASCII characters without { } &"))
}

fn bad(why: &str) -> UrlError {
    UrlError::new(format!("invalid Redis URL: {why}"))
}

/// The client's text may repeat the URL; its kind of error does not.
fn refused(why: RedisError) -> UrlError {
    bad(&format!("correct its host, user, password or database number ({})", why.category()))
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
            "redis-sentinel://a:26379/main?sentinel_username=ann&sentinel_password=se%40cret",
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
            "redis://h?sentinel_password=x",
            "redis://h?sslrootcert=/x",
            "redis-sentinel://a/main?sentinel_password=%x",
            "redis://h?index=on",
            "redis://h?prefix=",
            "redis://h?prefix=a{b}",
            "redis://h?prefix=a%7bb}",
            "redis://h?prefix=a%",
            "redis://h?prefix=a%20b",
            "http://h",
            "redis-cluster://a:1/2",
            "redis-cluster://a:1,,b:2",
            "redis-sentinel://a:1",
            "redis-sentinel://a:1/",
        ] {
            let why = parse(bad).err().map(|why| why.to_string()).unwrap_or_default();
            store_support::check_text(bad, &why);
            assert!(why.starts_with("invalid Redis URL: "), "{bad}: {why}");
        }
        for prefix in ["shop:", "shop%3A", "%73hop:"] {
            let url = format!("redis://h/?prefix={prefix}");
            assert_eq!(parse(&url).ok().and_then(|target| target.prefix).as_deref(), Some("shop:"), "{url}");
        }
    }

    #[test]
    fn a_password_is_in_no_error_id6() {
        for bad in [
            "redis://u:hunter2@h:x",
            "redis://u:hunter2@",
            "redis-cluster://u:hunter2@a:1,b:x",
            "redis://u:hunter2@h/x",
            "redis-sentinel://a/main?sentinel_password=hunter2%",
        ] {
            let why = parse(bad).err().map(|why| why.to_string()).unwrap_or_default();
            assert!(!why.is_empty() && !why.contains("hunter2"), "{why}");
        }
    }

    #[test]
    fn plaintext_to_another_host_is_seen() {
        let exposed = |url: &str| parse(url).map(|target| target.exposed).unwrap_or_else(|why| panic!("{url}: {why}"));
        for this in ["redis://localhost", "redis://127.0.0.1:7", "redis://[::1]", "redis-cluster://[::1]:7,127.0.0.2:8"]
        {
            assert!(!exposed(this), "{this}");
        }
        for other in ["redis://h", "redis://u:p@10.0.0.1:7", "redis://[fe80::1]:7", "redis-cluster://[::1]:7,h:8"] {
            assert!(exposed(other), "{other}");
        }
        assert!(!cfg!(feature = "tls") || !exposed("rediss://h"));
    }

    #[test]
    fn tls_is_a_feature() {
        assert_eq!(parse("rediss://h").is_ok(), cfg!(feature = "tls"));
    }
}
