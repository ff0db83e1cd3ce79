//! `memcached://HOST[:PORT][,HOST[:PORT]…][?prefix=TEXT]`

use session_store_shared::UrlError;

/// What a URL says.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// `HOST:PORT` of each server; at least one.
    pub(crate) servers: (String, Vec<String>),
    pub(crate) prefix: Option<String>,
}

/// The port is 11211 unless the URL names another.
pub(crate) fn parse(url: &str) -> Result<Target, UrlError> {
    let wrong = || bad("expected memcached://HOST[:PORT][,HOST[:PORT]...][?prefix=TEXT]");
    let rest = url.strip_prefix("memcached://").ok_or_else(wrong)?;
    let (servers, query) = rest.split_once('?').map_or((rest, None), |(servers, query)| (servers, Some(query)));
    let prefix = query.map(|query| query.strip_prefix("prefix=").ok_or_else(wrong)).transpose()?;
    prefix.map_or(Ok(()), check_prefix)?;
    let servers = servers.strip_suffix('/').unwrap_or(servers);
    // the URL is not repeated: there is a password in it
    if servers.contains('@') {
        return Err(bad("memcached takes no user and password: run it in a private network"));
    }
    let (first, others) = servers.split_once(',').map_or((servers, None), |(first, others)| (first, Some(others)));
    let others = others.into_iter().flat_map(|others| others.split(','));
    Ok(Target {
        servers: (server(first)?, others.map(server).collect::<Result<_, _>>()?),
        prefix: prefix.map(Into::into),
    })
}

fn server(name: &str) -> Result<String, UrlError> {
    let name = if name.contains(':') { name.to_owned() } else { format!("{name}:11211") };
    match name.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(name),
        _ => Err(bad(&format!("`{name}` is not HOST:PORT"))),
    }
}

pub(crate) fn check_prefix(prefix: &str) -> Result<(), UrlError> {
    if !prefix.is_empty() && prefix.len() <= 200 && prefix.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(());
    }
    Err(bad("the prefix is 1 to 200 visible ASCII characters"))
}

fn bad(why: &str) -> UrlError {
    UrlError::new(format!("memcached: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls() {
        let target = parse("memcached://a,b:1,c?prefix=app:").unwrap();
        let servers = ("a:11211".into(), vec!["b:1".into(), "c:11211".into()]);
        assert_eq!(target, Target { servers, prefix: Some("app:".into()) });
        assert_eq!(parse("memcached://h:7/").unwrap(), Target { servers: ("h:7".into(), vec![]), prefix: None });
        for bad in [
            "redis://a",
            "memcached:",
            "memcached://",
            "memcached://a:x",
            "memcached://a,,b",
            "memcached://a?prefix=b c",
            "memcached://a?x=1",
            "memcached://a?prefix=",
            "memcached://a?",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        for with_password in ["memcached://ann:hunter2@h:1", "memcached://ann:hunter2@h", "memcached://a,:hunter2@h"] {
            let why = parse(with_password).unwrap_err();
            assert!(!format!("{why} {why:?}").contains("hunter2"), "{why:?}");
        }
    }
}
