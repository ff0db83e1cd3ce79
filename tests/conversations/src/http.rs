//! An HTTP/1.1 client that sends exactly the bytes it is told and judges nothing.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A server that says nothing for so long hangs.
const PATIENCE: Duration = Duration::from_secs(20);

/// A request whose variables are filled in.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) target: String,
    /// Name and value, without `Host` and `Connection`, which are added; `Content-Length` is, if a POST has none.
    pub(crate) headers: Vec<(String, Vec<u8>)>,
}

/// An answer.
#[derive(Clone, Debug, Default)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    /// The values of all header lines of this name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let of_name = move |header: &&(String, String)| header.0.eq_ignore_ascii_case(name);
        self.headers.iter().filter(of_name).map(|(_, value)| value.as_str())
    }

    /// Whether a comma-separated header names `token`.
    pub(crate) fn lists(&self, name: &str, token: &str) -> bool {
        self.all(name).flat_map(|value| value.split(',')).any(|item| item.trim().eq_ignore_ascii_case(token))
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.status, self.body)?;
        let shown = ["set-cookie", "cache-control", "vary"];
        let mut told = self.headers.iter().filter(|(name, _)| shown.iter().any(|s| name.eq_ignore_ascii_case(s)));
        told.try_for_each(|(name, value)| write!(f, "\n           {name}: {value}"))
    }
}

/// Sends the request on a connection of its own and reads the answer to its end.
pub(crate) fn send(addr: SocketAddr, request: &Request) -> io::Result<Answer> {
    let mut stream = TcpStream::connect_timeout(&addr, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Request { method, target, headers } = request;
    let mut bytes = format!("{method} {target} HTTP/1.1\r\nHost: {addr}\r\nConnection: close\r\n").into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(name.as_bytes());
        bytes.extend_from_slice(b": ");
        bytes.extend_from_slice(value);
        bytes.extend_from_slice(b"\r\n");
    }
    let has_length = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-length"));
    bytes.extend_from_slice(if method == "POST" && !has_length { b"Content-Length: 0\r\n\r\n" } else { b"\r\n" });
    // A server may refuse a head that is too large before it has read all of it: what counts is its answer.
    let sent = stream.write_all(&bytes);
    let mut received = Vec::new();
    let ended = stream.read_to_end(&mut received);
    match parse(&received) {
        Some(answer) => Ok(answer),
        None => Err(sent.and(ended).err().unwrap_or_else(|| {
            io::Error::new(
                io::ErrorKind::InvalidData,
                format!("no HTTP answer: {:?}", String::from_utf8_lossy(&received)),
            )
        })),
    }
}

fn parse(received: &[u8]) -> Option<Answer> {
    let head_end = received.windows(4).position(|four| four == b"\r\n\r\n")?;
    let (head, body) = (String::from_utf8_lossy(&received[..head_end]), &received[head_end + 4..]);
    let mut lines = head.split("\r\n");
    let mut status = lines.next()?.split(' ');
    status.next().filter(|version| version.starts_with("HTTP/1."))?;
    let status = status.next()?.parse().ok()?;
    let header = |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    let mut answer = Answer { status, headers: lines.map(header).collect::<Option<_>>()?, body: String::new() };
    let length = answer.all("content-length").next().map(str::parse::<usize>);
    let body = if answer.lists("transfer-encoding", "chunked") {
        unchunk(body)?
    } else if let Some(length) = length {
        body.get(..length.ok()?)?.to_vec()
    } else {
        body.to_vec()
    };
    answer.body = String::from_utf8_lossy(&body).into_owned();
    Some(answer)
}

fn unchunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line_end = rest.windows(2).position(|two| two == b"\r\n")?;
        let line = std::str::from_utf8(&rest[..line_end]).ok()?;
        let size = usize::from_str_radix(line.split(';').next()?.trim(), 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        rest = &rest[line_end + 2..];
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;
    use std::thread;

    /// A server that answers one request with scripted bytes; gives the bytes that it was sent.
    fn asked(answer: &'static [u8], request: &Request) -> (String, io::Result<Answer>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                asked.push(byte[0]);
            }
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&asked).replace(&addr.to_string(), "ADDR")
        });
        let answer = send(addr, request);
        (server.join().unwrap(), answer)
    }

    fn get() -> Request {
        Request { method: "GET".into(), target: "/a?b=c".into(), headers: vec![("Cookie".into(), b"id=x; ;".to_vec())] }
    }

    #[test]
    fn sends_exact_bytes_and_reads_by_length_by_chunks_and_to_the_end() {
        let (sent, answer) =
            asked(b"HTTP/1.1 200 OK\r\nSet-Cookie: id=1\r\nContent-Length: 2\r\n\r\nokRUBBISH", &get());
        assert_eq!(sent, "GET /a?b=c HTTP/1.1\r\nHost: ADDR\r\nConnection: close\r\nCookie: id=x; ;\r\n\r\n");
        let answer = answer.unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (200, "ok"));
        assert_eq!(answer.all("set-cookie").collect::<Vec<_>>(), ["id=1"]);
        let chunks = b"HTTP/1.1 409 x\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n1\r\nd\r\n0\r\n\r\n";
        assert_eq!(asked(chunks, &get()).1.unwrap().body, "abcd");
        assert_eq!(asked(b"HTTP/1.0 200 OK\r\nVary: A, cookie\r\n\r\nall of it", &get()).1.unwrap().body, "all of it");
    }

    #[test]
    fn a_length_is_sent_once() {
        let mut request = Request { method: "POST".into(), ..get() };
        let sent = |request: &Request| asked(b"HTTP/1.1 204 x\r\n\r\n", request).0;
        assert!(sent(&request).ends_with("\r\nContent-Length: 0\r\n\r\n"));
        request.headers.push(("content-length".into(), b"zz".to_vec()));
        assert!(sent(&request).ends_with("\r\ncontent-length: zz\r\n\r\n"));
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        for cut in
            [&b""[..], b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nok", b"nonsense\r\n\r\n"]
        {
            assert!(asked(cut, &get()).1.is_err(), "{:?}", String::from_utf8_lossy(cut));
        }
    }
}
