//! `memcached://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]…][?prefix=TEXT]` and its relatives.

use std::path::PathBuf;
use std::sync::Arc;

use session_store_shared::{UrlError, percent_decoded};

use crate::address::{Address, Place};
use crate::connection::Login;
use crate::tls::{self, Tls};

/// The content of a URL.
pub(crate) struct Target {
    /// The servers; at least one.
    pub(crate) servers: (Address, Vec<Address>),
    pub(crate) prefix: Option<String>,
}

const FORM: &str = "use memcached://[USER:PASSWORD@]HOST[:PORT][,HOST[:PORT]...][?prefix=TEXT], memcacheds:// for \
                    TLS, or memcached+unix:///PATH";

/// How the servers are reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Plain,
    Secure,
    Socket,
}

/// The port is 11211 unless the URL names another.
pub(crate) fn parse(url: &str) -> Result<Target, UrlError> {
    let (scheme, rest) = url.split_once("://").ok_or_else(|| bad(FORM))?;
    let kind = match scheme {
        "memcached" => Kind::Plain,
        "memcacheds" => Kind::Secure,
        "memcached+unix" => Kind::Socket,
        _ => return Err(bad(FORM)),
    };
    let (rest, query) = rest.split_once('?').map_or((rest, None), |(rest, query)| (rest, Some(query)));
    let (mut prefix, mut files) = (None, tls::Files::default());
    for parameter in query.into_iter().flat_map(|query| query.split('&')) {
        let decoded = |text| percent_decoded(text).ok_or_else(|| bad("after %, use two hexadecimal digits"));
        let path = |text| decoded(text).map(PathBuf::from);
        match parameter.split_once('=') {
            Some(("prefix", text)) => {
                let text = decoded(text)?;
                check_prefix(&text)?;
                prefix = Some(text);
            }
            Some(("sslrootcert", text)) if kind == Kind::Secure => files.authority = Some(path(text)?),
            Some(("sslcert", text)) if kind == Kind::Secure => files.certificate = Some(path(text)?),
            Some(("sslkey", text)) if kind == Kind::Secure => files.key = Some(path(text)?),
            _ => {
                return Err(bad(
                    "after ?, use prefix=TEXT, and with memcacheds:// sslrootcert=, sslcert= and sslkey=PATH",
                ));
            }
        }
    }
    // neither the URL nor a part of it that may be a password is repeated
    let (login, places) = rest.rsplit_once('@').map_or((None, rest), |(login, places)| (Some(login), places));
    let login = login.map(self::login).transpose()?.map(Arc::new);
    let tls = if kind == Kind::Secure { Some(Tls::new(&files).map_err(|why| bad(&why))?) } else { None };
    let places = if kind == Kind::Socket { places } else { places.strip_suffix('/').unwrap_or(places) };
    let address = |text: &str| {
        let (name, place) = if kind == Kind::Socket { socket(text)? } else { host(text)? };
        Ok(Address { name, place, login: login.clone(), tls: tls.clone() })
    };
    let (first, others) = places.split_once(',').map_or((places, None), |(first, others)| (first, Some(others)));
    let others = others.into_iter().flat_map(|others| others.split(','));
    Ok(Target { servers: (address(first)?, others.map(address).collect::<Result<_, UrlError>>()?), prefix })
}

fn login(text: &str) -> Result<Login, UrlError> {
    let (user, password) = text.split_once(':').unwrap_or((text, ""));
    let (user, password) = (percent_decoded(user), percent_decoded(password));
    let (Some(user), Some(password)) = (user, password) else {
        return Err(bad("after % in a user name or a password, use two hexadecimal digits"));
    };
    // they are sent in one line, separated by a space; memcached 1.6.18 supports no password with a space
    let broken = |text: &str| text.contains(|c: char| c == ' ' || c.is_ascii_control());
    let plain = |text: &str| !text.is_empty() && text.len() <= 250 && !broken(text);
    if plain(&user) && !user.contains(':') && plain(&password) {
        return Ok(Login { user, password });
    }
    Err(bad("before @, use USER:PASSWORD, each of 1 to 250 bytes without spaces and control characters"))
}

/// Returns the name and the place of `HOST`, `HOST:PORT`, `[IPV6]` or `[IPV6]:PORT`.
fn host(text: &str) -> Result<(String, Place), UrlError> {
    let wrong = || bad(&format!("use HOST or HOST:PORT instead of `{text}`, with an IPv6 address in brackets"));
    let bracketed = text.starts_with('[');
    let (host, port) = match text.rsplit_once(':') {
        Some((host, port)) if !bracketed || host.ends_with(']') => (host, port.parse::<u16>().map_err(|_| wrong())?),
        _ => (text, 11211),
    };
    let name = format!("{host}:{port}");
    let address = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    let host = match address {
        Some(address) if address.parse::<std::net::Ipv6Addr>().is_ok() => address,
        None if !host.is_empty() && !host.contains([':', '[', ']', '/', ' ']) => host,
        _ => return Err(wrong()),
    };
    Ok((name, Place::Host(host.to_owned(), port)))
}

fn socket(text: &str) -> Result<(String, Place), UrlError> {
    let path = percent_decoded(text).filter(|path| path.starts_with('/') && path.len() > 1);
    let path = path.ok_or_else(|| bad("after memcached+unix://, use the path of a socket, which begins with /"))?;
    Ok((path.clone(), Place::Socket(path.into())))
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), UrlError> {
    if !prefix.is_empty() && prefix.len() <= 200 && prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(bad("use a prefix of 1 to 200 visible ASCII characters"))
}

fn bad(why: &str) -> UrlError {
    UrlError::new(format!("invalid memcached URL: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn places(url: &str) -> Vec<(String, Place)> {
        let (first, others) = parse(url).map(|target| target.servers).unwrap_or_else(|why| panic!("{url}: {why}"));
        std::iter::once(first).chain(others).map(|address| (address.name, address.place)).collect()
    }

    fn at(name: &str, host: &str, port: u16) -> (String, Place) {
        (name.into(), Place::Host(host.into(), port))
    }

    #[test]
    fn urls() {
        let three = [at("a:11211", "a", 11211), at("b:1", "b", 1), at("c:11211", "c", 11211)];
        assert_eq!(places("memcached://a,b:1,c?prefix=app:"), three);
        for prefix in ["app:", "app%3a"] {
            let url = format!("memcached://a?prefix={prefix}");
            assert_eq!(parse(&url).unwrap().prefix.as_deref(), Some("app:"), "{url}");
        }
        assert_eq!(places("memcached://h:7/"), [at("h:7", "h", 7)]);
        let six = [at("[::1]:7", "::1", 7), at("[fe80::1]:11211", "fe80::1", 11211)];
        assert_eq!(places("memcached://[::1]:7,[fe80::1]"), six);
        let socket = |path: &str| (path.to_owned(), Place::Socket(path.into()));
        assert_eq!(places("memcached+unix:///run/a%20b.sock,/c"), [socket("/run/a b.sock"), socket("/c")]);
        for bad in [
            "redis://a",
            "memcached:",
            "memcached://",
            "memcached://a:x",
            "memcached://a,,b",
            "memcached://::1",
            "memcached://[::1",
            "memcached://[::1]x",
            "memcached://[::1]:x",
            "memcached://[a]:1",
            "memcached://a/b",
            "memcached://a?prefix=b c",
            "memcached://a?prefix=b%20c",
            "memcached://a?prefix=b%0d%0a",
            "memcached://a?prefix=b%",
            "memcached://a?x=1",
            "memcached://a?prefix=",
            "memcached://a?",
            "memcached://a?sslrootcert=/x",
            "memcached+unix://",
            "memcached+unix:///",
            "memcached+unix://a/b",
            "memcacheds://a?sslrootcert=/nowhere",
        ] {
            let why = parse(bad).map(|_| ()).unwrap_err().to_string();
            store_support::check_text(bad, &why);
            assert!(why.starts_with("invalid memcached URL: "), "{bad}: {why}");
        }
    }

    #[test]
    fn users_and_passwords_are_read_and_never_repeated_id6() {
        let (first, others) = parse("memcached://ann:s%40c%2Fret:x@a,b").unwrap().servers;
        for address in others.iter().chain([&first]) {
            let login = address.login.as_deref().unwrap();
            assert_eq!((login.user.as_str(), login.password.as_str()), ("ann", "s@c/ret:x"));
        }
        for bad in [
            "memcached://ann:hunter2@h:x",
            "memcached://hunter2@h",
            "memcached://:hunter2@h",
            "memcached://ann:hunter2%0a@h",
            "memcached://ann:hunter2%@h",
            "memcached://a%20nn:hunter2@h",
            "memcached://ann:hunter2%20x@h",
            "memcached://a,ann:hunter2@",
            "memcached+unix://ann:hunter2@x",
        ] {
            let why = parse(bad).map(|_| ()).unwrap_err();
            assert!(!format!("{why} {why:?}").contains("hunter2"), "{why:?}");
        }
    }

    #[test]
    fn tls_is_a_feature() {
        let why = parse("memcacheds://h").map(|_| ()).map_err(|why| why.to_string());
        assert!(why.is_ok() == cfg!(feature = "tls"), "{why:?}");
        assert!(why.is_ok() || why.unwrap_err().contains("the feature tls"));
    }
}
