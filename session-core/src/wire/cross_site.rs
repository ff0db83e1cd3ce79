//! Whether another site caused a request: the defence against CSRF that needs no token and stores nothing (TR4).
//!
//! A browser says where a request comes from, in headers that no page can change: `Sec-Fetch-Site`, which it sends over https
//! and to localhost, and `Origin`. A request without both comes from no browser, or from one older than 2020, and passes. A
//! program that has to be safe with those needs [tokens](crate::csrf) as well.

/// What of a request tells where it comes from. Header values are as they came; `None` if there is no such header.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent<'r> {
    /// The method, in capital letters.
    pub method: &'r str,
    /// `Sec-Fetch-Site`.
    pub fetch_site: Option<&'r [u8]>,
    /// `Origin`.
    pub origin: Option<&'r [u8]>,
    /// `Host`, or the authority of an HTTP/2 request.
    pub host: Option<&'r [u8]>,
    /// Whether there is an `Upgrade` header. A WebSocket begins with a `GET`, and changes things all the same.
    pub upgrades: bool,
}

impl Sent<'_> {
    /// Whether the request could change something and another origin caused it, but for the origins in `trusted`, each
    /// written as browsers do: `https://example.org`, with a port if it is not the scheme's. Another host of the same site
    /// is another origin. A proxy that changes `Host` hides the origin of browsers on plain http, which has to be trusted
    /// then.
    #[must_use]
    pub fn is_cross_site<'t>(&self, trusted: impl IntoIterator<Item = &'t str>) -> bool {
        if matches!(self.method, "GET" | "HEAD" | "OPTIONS" | "TRACE") && !self.upgrades {
            return false;
        }
        let same = match (self.fetch_site, self.origin) {
            (Some(site), _) => matches!(site, b"same-origin" | b"none"),
            (None, None) => true,
            (None, Some(origin)) => self.host.is_some_and(|host| {
                let rest = origin.strip_prefix(b"https://").or_else(|| origin.strip_prefix(b"http://"));
                rest.is_some_and(|authority| authority.eq_ignore_ascii_case(host))
            }),
        };
        !same && !trusted.into_iter().any(|trusted| self.origin.is_some_and(|origin| origin == trusted.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(method: &str, site: &str, origin: &str, host: &str) -> bool {
        let some = |text: &str| (!text.is_empty()).then(|| std::string::String::from(text).leak().as_bytes());
        let (method, upgrades) = method.strip_prefix("upgrading ").map_or((method, false), |method| (method, true));
        let sent = Sent { method, fetch_site: some(site), origin: some(origin), host: some(host), upgrades };
        sent.is_cross_site(["https://partner.example"])
    }

    #[test]
    fn what_other_sites_cause_is_refused_tr4() {
        for (site, origin, host, cross) in [
            ("same-origin", "https://a.example", "a.example", false),
            ("none", "", "a.example", false),
            ("cross-site", "https://evil.example", "a.example", true),
            // another host of the site may be somebody else's
            ("same-site", "https://b.a.example", "a.example", true),
            ("cross-site", "null", "a.example", true),
            ("cross-site", "", "a.example", true),
            ("something new", "https://a.example", "a.example", true),
            // plain http: there is no Sec-Fetch-Site
            ("", "http://192.168.1.7", "192.168.1.7", false),
            ("", "http://192.168.1.7:8080", "192.168.1.7:8080", false),
            ("", "http://A.example", "a.EXAMPLE", false),
            ("", "http://192.168.1.7:8081", "192.168.1.7:8080", true),
            ("", "http://evil.example", "192.168.1.7", true),
            ("", "null", "a.example", true),
            ("", "a.example", "a.example", true),
            ("", "http://a.example", "", true),
            // neither: no browser of today
            ("", "", "a.example", false),
            ("", "", "", false),
            // trusted
            ("cross-site", "https://partner.example", "a.example", false),
            ("", "https://partner.example", "a.example", false),
            ("cross-site", "https://partner.example.evil", "a.example", true),
        ] {
            for method in ["POST", "PUT", "PATCH", "DELETE", "post", "ANYTHING", "upgrading GET"] {
                assert_eq!(refused(method, site, origin, host), cross, "{method} {site} {origin} {host}");
            }
            for method in ["GET", "HEAD", "OPTIONS", "TRACE"] {
                assert!(!refused(method, site, origin, host), "{method} changes nothing");
            }
        }
    }
}
