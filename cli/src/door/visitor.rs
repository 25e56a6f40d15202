//! Tells requests of programs on this machine from those of web pages in its browser.

use std::net::SocketAddr;

use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, Uri, header};

/// Header in which a browser describes the site that caused the request.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
/// Names by which a machine refers to itself.
const THIS_MACHINE: [&str; 3] = ["127.0.0.1", "localhost", "[::1]"];

/// Rules for admitting requests.
#[derive(Debug)]
pub(crate) struct Visitors {
    port: u16,
    /// Host names accepted with our port.
    own_hosts: Vec<String>,
    /// Host names accepted with any port.
    allowed_hosts: Vec<String>,
    /// Whether this port serves pages whose requests are admitted.
    pub(crate) has_pages: bool,
    /// Paths to which another site may send a person by a plain link. Their handlers expect this.
    pub(crate) entrances: &'static [&'static str],
    /// Whether pages of this machine may use signed links; the service behind the door checks the signature.
    pub(crate) has_links: bool,
}

/// Reason for refusing a request. Names chosen by the request are not repeated, except its host, so that users see
/// which host to allow.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Foreign {
    #[error("the request has no Host header, or several")]
    NoHost,
    #[error(
        "the request is for the host {0:?}, which this is not; if that is a name of this machine (of a tunnel, or as \
         containers know it), allow it with --allow-host"
    )]
    Host(String),
    #[error("requests of web pages are refused here (Origin)")]
    Origin,
    #[error("requests of web pages are refused here (Sec-Fetch-Site); open the address by hand, not from another page")]
    Site,
    #[error("web pages may not ask for permission here (a CORS preflight)")]
    Preflight,
}

impl Visitors {
    pub(crate) fn of(bound: SocketAddr, allowed_hosts: Vec<String>) -> Visitors {
        let address = match bound {
            SocketAddr::V4(v4) => v4.ip().to_string(),
            SocketAddr::V6(v6) => format!("[{}]", v6.ip()),
        };
        let bound_to = Some(address).filter(|_| !bound.ip().is_unspecified());
        Visitors {
            port: bound.port(),
            own_hosts: THIS_MACHINE.iter().map(|&name| name.to_owned()).chain(bound_to).collect(),
            allowed_hosts: allowed_hosts.into_iter().map(|host| host.to_ascii_lowercase()).collect(),
            has_pages: false,
            entrances: &[],
            has_links: false,
        }
    }

    pub(crate) fn check(&self, request: &Parts) -> Result<(), Foreign> {
        let host = host(&request.headers)?;
        self.check_host(&host)?;
        // A request may name its host a second time.
        if let Some(authority) = request.uri.authority() {
            self.check_host(&authority.as_str().to_ascii_lowercase())?;
        }
        if self.is_of_link(request) {
            return Ok(());
        }
        self.check_preflight(request)?;
        self.check_origin(&request.headers, &host)?;
        match request.headers.get(SEC_FETCH_SITE).map(|site| site.as_bytes()) {
            None | Some(b"none" | b"same-origin") => Ok(()),
            Some(b"same-site" | b"cross-site") if self.is_entrance(request) => Ok(()),
            Some(_) => Err(Foreign::Site),
        }
    }

    fn check_host(&self, host: &str) -> Result<(), Foreign> {
        let (name, port) = split(host);
        let is_own = port == Some(self.port) && self.own_hosts.iter().any(|own| own == name);
        let is_allowed = port.is_some() && self.allowed_hosts.iter().any(|allowed| allowed == name);
        if is_own || is_allowed { Ok(()) } else { Err(Foreign::Host(host.to_owned())) }
    }

    /// Whether a person is sent here: the browser opens the page in place of another, which cannot see it.
    fn is_entrance(&self, request: &Parts) -> bool {
        let says = |name: &str, value: &str| request.headers.get(name).is_some_and(|told| told == value);
        request.method == Method::GET
            && says("sec-fetch-mode", "navigate")
            && says("sec-fetch-dest", "document")
            && self.entrances.contains(&request.uri.path())
    }

    /// Whether this port has signed links and `uri` looks like one.
    pub(crate) fn has_link(&self, uri: &Uri) -> bool {
        self.has_links && is_signed_link(uri)
    }

    /// Whether a page of this machine uses a signed link, asks permission to use it, or sends a person there.
    fn is_of_link(&self, request: &Parts) -> bool {
        let mut origins = request.headers.get_all(header::ORIGIN).iter();
        self.has_link(&request.uri) && origins.all(|origin| is_of_this_machine(origin.as_bytes()))
    }

    fn check_preflight(&self, request: &Parts) -> Result<(), Foreign> {
        let asks = request.headers.keys().any(|name| name.as_str().starts_with("access-control-request-"));
        let is_preflight = request.method == Method::OPTIONS && (asks || !self.has_pages);
        if is_preflight { Err(Foreign::Preflight) } else { Ok(()) }
    }

    /// Checks the page's origin (scheme and host): only pages served from this host are admitted.
    fn check_origin(&self, headers: &HeaderMap, host: &str) -> Result<(), Foreign> {
        let is_at_home = |origin: &[u8]| {
            let origin = String::from_utf8_lossy(origin).to_ascii_lowercase();
            origin.parse::<Uri>().ok().and_then(|uri| uri.into_parts().authority).is_some_and(|of| of.as_str() == host)
        };
        let mut origins = headers.get_all(header::ORIGIN).iter();
        if origins.all(|origin| self.has_pages && is_at_home(origin.as_bytes())) {
            Ok(())
        } else {
            Err(Foreign::Origin)
        }
    }
}

/// Whether the query has a signature, like that of a signed link.
fn is_signed_link(uri: &Uri) -> bool {
    uri.query().unwrap_or_default().split('&').any(|pair| pair.starts_with("X-Amz-Signature="))
}

/// Whether the origin is a page served by this machine, on any port.
fn is_of_this_machine(origin: &[u8]) -> bool {
    let origin = String::from_utf8_lossy(origin).to_ascii_lowercase();
    let authority = origin.parse::<Uri>().ok().and_then(|uri| uri.into_parts().authority);
    authority.is_some_and(|authority| THIS_MACHINE.contains(&authority.host()))
}

fn host(headers: &HeaderMap) -> Result<String, Foreign> {
    let mut hosts = headers.get_all(header::HOST).iter();
    match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().map(str::to_ascii_lowercase).map_err(|_| Foreign::NoHost),
        _ => Err(Foreign::NoHost),
    }
}

/// Splits a host into name and port. The default port is HTTP's; `None` means an invalid one.
fn split(host: &str) -> (&str, Option<u16>) {
    match host.rsplit_once(':') {
        // The colon may belong to an IPv6 address.
        Some((name, port)) if !port.contains(']') => (name, port.parse().ok()),
        _ => (host, Some(80)),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Request;

    use super::*;

    fn visitors(has_pages: bool) -> Visitors {
        let bound = SocketAddr::from(([127, 0, 0, 1], 8790));
        Visitors {
            has_pages,
            entrances: &["/connect/callback"],
            ..Visitors::of(bound, vec!["host.docker.internal".to_owned(), "172.17.0.1".to_owned()])
        }
    }

    fn check(has_pages: bool, method: &str, uri: &str, headers: &[(&str, &str)]) -> Result<(), Foreign> {
        let mut request = Request::builder().method(method).uri(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        visitors(has_pages).check(&request.body(()).unwrap().into_parts().0)
    }

    const HOME: (&str, &str) = ("host", "127.0.0.1:8790");

    #[test]
    fn only_hosts_that_are_this_machine_are_let_in() {
        let ours = ["127.0.0.1:8790", "localhost:8790", "LocalHost:8790", "[::1]:8790"];
        let allowed = ["host.docker.internal:8788", "HOST.docker.internal", "172.17.0.1:1"];
        let foreign = [
            "evil.example",
            "evil.example:8790",
            "127.0.0.1",
            "127.0.0.1:8789",
            "localhost",
            "localhost:80",
            "localhost.:8790",
            "localhost.evil.example:8790",
            "127.0.0.1.nip.io:8790",
            "127.0.0.1:8790@evil.example",
            "evil.example@127.0.0.1:8790",
            "127.0.0.2:8790",
            "0.0.0.0:8790",
            "[::1]",
            "[::2]:8790",
            "::1:8790",
            "host.docker.internal:x",
            "",
            ":8790",
        ];
        for has_pages in [true, false] {
            for host in ours.iter().chain(&allowed) {
                assert_eq!(check(has_pages, "POST", "/", &[("host", host)]), Ok(()), "{host}");
            }
            for host in foreign {
                let refused = check(has_pages, "GET", "/", &[("host", host)]);
                assert_eq!(refused, Err(Foreign::Host(host.to_owned())), "{host}");
            }
            assert_eq!(check(has_pages, "GET", "/", &[]), Err(Foreign::NoHost));
            assert_eq!(check(has_pages, "GET", "/", &[HOME, HOME]), Err(Foreign::NoHost));
            let elsewhere = check(has_pages, "GET", "http://evil.example/", &[HOME]);
            assert_eq!(elsewhere, Err(Foreign::Host("evil.example".to_owned())));
            assert_eq!(check(has_pages, "GET", "http://localhost:8790/", &[HOME]), Ok(()));
        }
    }

    #[test]
    fn who_listens_on_all_addresses_has_no_name_of_its_own_but_this_machines() {
        let bound = SocketAddr::from(([0, 0, 0, 0], 8790));
        let all = Visitors::of(bound, Vec::new());
        assert!(all.check_host("0.0.0.0:8790").is_err() && all.check_host("localhost:8790").is_ok());
        let bridge = Visitors::of(SocketAddr::from(([172, 17, 0, 1], 8790)), Vec::new());
        assert!(bridge.check_host("172.17.0.1:8790").is_ok() && bridge.check_host("172.17.0.2:8790").is_err());
        let v6 = Visitors::of("[fd00::1]:8790".parse().unwrap(), Vec::new());
        assert!(v6.check_host("[fd00::1]:8790").is_ok());
    }

    #[test]
    fn a_page_is_let_in_only_where_it_is_from() {
        let origins = ["http://127.0.0.1:8790", "https://127.0.0.1:8790"];
        for origin in origins {
            assert_eq!(check(true, "POST", "/", &[HOME, ("origin", origin)]), Ok(()), "{origin}");
            assert_eq!(check(false, "POST", "/", &[HOME, ("origin", origin)]), Err(Foreign::Origin), "{origin}");
        }
        let foreign = [
            "null",
            "",
            "http://evil.example",
            "http://localhost:8790", // For a browser, another origin than 127.0.0.1.
            "http://127.0.0.1",
            "http://127.0.0.1:3000",
            "http://127.0.0.1:8790.evil.example",
            "http://127.0.0.1:8790@evil.example",
            "chrome-extension://abcdef",
            "file://",
        ];
        for has_pages in [true, false] {
            for origin in foreign {
                let refused = check(has_pages, "GET", "/", &[HOME, ("origin", origin)]);
                assert_eq!(refused, Err(Foreign::Origin), "{origin}");
            }
            let two = [HOME, ("origin", origins[0]), ("origin", "http://evil.example")];
            assert_eq!(check(has_pages, "GET", "/", &two), Err(Foreign::Origin));
        }
    }

    #[test]
    fn what_a_browser_sends_for_another_page_without_an_origin_is_refused_too() {
        for has_pages in [true, false] {
            for site in ["none", "same-origin"] {
                assert_eq!(check(has_pages, "GET", "/", &[HOME, ("sec-fetch-site", site)]), Ok(()), "{site}");
            }
            for site in ["cross-site", "same-site", "CROSS-SITE", "", "?"] {
                let refused = check(has_pages, "GET", "/", &[HOME, ("sec-fetch-site", site)]);
                assert_eq!(refused, Err(Foreign::Site), "{site}");
            }
            let preflight = [HOME, ("access-control-request-method", "PUT")];
            assert_eq!(check(has_pages, "OPTIONS", "/", &preflight), Err(Foreign::Preflight));
        }
        assert_eq!(check(false, "OPTIONS", "/", &[HOME]), Err(Foreign::Preflight));
        assert_eq!(check(true, "OPTIONS", "/", &[HOME]), Ok(()), "the API says which methods there are");
    }

    #[test]
    fn a_page_of_this_machine_may_use_a_signed_link_and_no_other_page_may() {
        let links = Visitors { has_links: true, ..visitors(false) };
        let check = |links: &Visitors, method: &str, uri: &str, origin: Option<&str>| {
            let mut request = Request::builder().method(method).uri(uri).header("host", "127.0.0.1:8790");
            for (name, value) in
                origin.map(|origin| ("origin", origin)).into_iter().chain([("sec-fetch-site", "same-site")])
            {
                request = request.header(name, value);
            }
            if method == "OPTIONS" {
                request = request.header("access-control-request-method", "PUT");
            }
            links.check(&request.body(()).unwrap().into_parts().0)
        };
        let signed = "/bucket/in/x?X-Amz-Expires=900&X-Amz-Signature=abc";
        for (method, origin) in
            [("PUT", Some("http://127.0.0.1:3000")), ("OPTIONS", Some("http://localhost:9")), ("GET", None)]
        {
            assert_eq!(check(&links, method, signed, origin), Ok(()), "{method}");
            assert!(check(&links, method, "/bucket/in/x", origin).is_err(), "{method} without a signature");
            assert!(check(&visitors(false), method, signed, origin).is_err(), "{method} where there are no links");
        }
        for origin in [
            "null",
            "",
            "http://evil.example",
            "http://127.0.0.1.evil.example:3000",
            "http://127.0.0.1:1@evil.example",
            "file://",
        ] {
            assert!(check(&links, "PUT", signed, Some(origin)).is_err(), "{origin}");
        }
    }

    #[test]
    fn a_page_of_another_site_may_lead_a_person_to_an_entrance_and_do_nothing_else_there() {
        const AS_LED: [(&str, &str); 3] =
            [("sec-fetch-site", "cross-site"), ("sec-fetch-mode", "navigate"), ("sec-fetch-dest", "document")];
        let led = |method, uri, change: Option<(&'static str, &'static str)>| {
            let headers = AS_LED.map(|(name, value)| match change {
                Some((changed, other)) if changed == name => (name, other),
                _ => (name, value),
            });
            check(true, method, uri, &[&[HOME][..], &headers].concat())
        };
        let entrance = "/connect/callback?code=1";
        assert_eq!(led("GET", entrance, None), Ok(()));
        assert_eq!(led("GET", entrance, Some(("sec-fetch-site", "same-site"))), Ok(()));
        assert_eq!(led("POST", entrance, None), Err(Foreign::Site));
        for uri in ["/connect", "/connect/callback/", "/connect/start", "/v1/overview", "/dashboard"] {
            assert_eq!(led("GET", uri, None), Err(Foreign::Site), "{uri}");
        }
        for change in [
            ("sec-fetch-mode", "no-cors"),
            ("sec-fetch-mode", "cors"),
            ("sec-fetch-dest", "iframe"),
            ("sec-fetch-dest", "image"),
        ] {
            assert_eq!(led("GET", entrance, Some(change)), Err(Foreign::Site), "{change:?}");
        }
        let with_origin = [&[HOME, ("origin", "http://evil.example")][..], &AS_LED].concat();
        assert_eq!(check(true, "GET", entrance, &with_origin), Err(Foreign::Origin));
    }
}
