//! Golden exchanges: one request and its answer, with what changes from run to run given a name.
//!
//! `STRONGROOM_BLESS=1` writes them anew; read the difference against the specification before it
//! is committed.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::PathBuf;
use std::sync::Mutex;

use http::HeaderMap;
use strongroom_store::Store;

use super::{Answer, Ask, Server};

/// Headers that are not part of an exchange.
const LEFT_OUT: [&str; 3] = ["date", "content-length", "connection"];

/// A run this long is a blob, a token, or filling.
const OPAQUE_CHARS: usize = 64;

/// 32 bytes in base64url: a coordinate of a key on P-256.
const COORDINATE_CHARS: usize = 43;

/// Times up to so many seconds after the beginning are named.
const MOST_SECONDS: i64 = 200 * 86_400;

/// A certificate ends within thirty years, in seconds.
const LONGEST: i64 = 30 * 366 * 86_400;

/// The exchanges of one folder.
pub(crate) struct Golden<'a, S: Store> {
    server: &'a Server<S>,
    folder: &'static str,
    numbered: bool,
    has_certificates: bool,
    versions: Mutex<Vec<String>>,
    cases: Mutex<BTreeSet<String>>,
}

/// The file of a golden.
pub(crate) fn path(relative: &str) -> PathBuf {
    [env!("CARGO_MANIFEST_DIR"), "tests", "golden", relative].iter().collect()
}

/// Holds a text against a golden file, or writes it there.
#[track_caller]
pub(crate) fn compare(relative: &str, found: &str) {
    let path = path(relative);
    if std::env::var_os("STRONGROOM_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected != found {
        panic!("{} differs (- golden, + found):\n{}", path.display(), diff(&expected, found));
    }
}

/// The lines that differ, and those before the first of them.
fn diff(expected: &str, found: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let mut text = String::new();
    for at in 0..old.len().max(new.len()) {
        match (old.get(at), new.get(at)) {
            (Some(a), Some(b)) if a == b => writeln!(text, "  {a}").unwrap(),
            (a, b) => {
                a.into_iter().for_each(|line| writeln!(text, "- {line}").unwrap());
                b.into_iter().for_each(|line| writeln!(text, "+ {line}").unwrap());
            }
        }
    }
    text
}

impl<'a, S: Store> Golden<'a, S> {
    pub(crate) fn new(server: &'a Server<S>, folder: &'static str) -> Self {
        let (versions, cases) = (Mutex::default(), Mutex::default());
        Self { server, folder, numbered: true, has_certificates: false, versions, cases }
    }

    /// Where the order of versions is left to chance, they get no numbers.
    pub(crate) fn without_numbers(mut self) -> Self {
        self.numbered = false;
        self
    }

    /// Certificates differ from run to run, and end when the calendar says.
    pub(crate) fn with_certificates(mut self) -> Self {
        self.has_certificates = true;
        self
    }

    /// Sends over HTTP/1.1 and compares.
    pub(crate) async fn case(&self, case: &str, ask: Ask) -> Answer {
        let answer = self.server.client.send_http1(&ask).await;
        answer.check(ask.value("x-ms-client-request-id"));
        self.compare(case, &ask, &answer);
        answer
    }

    /// Compares an exchange that has taken place.
    pub(crate) fn compare(&self, case: &str, ask: &Ask, answer: &Answer) {
        let fresh = self.cases.lock().unwrap().insert(format!("{case}.http"));
        assert!(fresh, "{case} occurs twice");
        compare(&format!("{}/{case}.http", self.folder), &self.render(ask, answer));
    }

    /// Every file of the folder belongs to a case.
    pub(crate) fn finish(self) {
        let files = std::fs::read_dir(path(self.folder)).unwrap();
        let files: BTreeSet<String> =
            files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(files, self.cases.into_inner().unwrap(), "files and cases of {}", self.folder);
    }

    fn render(&self, ask: &Ask, answer: &Answer) -> String {
        let mut text = format!("{} {}\nhost: {}\n", ask.method, ask.target, ask.authority);
        for (name, value) in &ask.headers {
            match value.split_once(' ') {
                Some((scheme, _)) if name == "authorization" => {
                    writeln!(text, "{name}: {scheme} <token>").unwrap();
                }
                _ => writeln!(text, "{name}: {value}").unwrap(),
            }
        }
        writeln!(text, "\n{}\n---\n{}", String::from_utf8_lossy(&ask.body), answer.status).unwrap();
        text.push_str(&headers(&answer.headers));
        writeln!(text, "\n{}", String::from_utf8_lossy(&answer.body)).unwrap();
        self.normalised(&text)
    }

    /// The text with a name for whatever changes from run to run.
    fn normalised(&self, text: &str) -> String {
        let owner = &self.server.owner;
        let port = format!("localhost:{}", self.server.endpoints.port());
        let text = text
            .replace(&port, "<base>")
            .replace(&owner.tenant.to_string(), "<tenant>")
            .replace(&owner.subscription.to_string(), "<subscription>");
        let text = if self.has_certificates { without_certificates(&text) } else { text };
        let mut named = String::new();
        let mut rest = text.as_str();
        while let Some(start) = rest.find(is_part) {
            let (before, from) = rest.split_at(start);
            let (word, after) = from.split_at(from.find(|c| !is_part(c)).unwrap_or(from.len()));
            named.push_str(before);
            named.push_str(&self.name(word));
            rest = after;
        }
        named + rest
    }

    fn name(&self, word: &str) -> String {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        if word.len() == 36 && uuid::Uuid::parse_str(word).is_ok() {
            return "<guid>".into();
        }
        if word.len() == 32 && word.chars().all(hex) && word.chars().any(|c| c.is_ascii_digit()) {
            return self.version(word);
        }
        if word.len() >= OPAQUE_CHARS || word.len() == COORDINATE_CHARS {
            return "<opaque>".into();
        }
        let began = self.server.began;
        match word.parse::<i64>() {
            Ok(seconds) if (began..began + MOST_SECONDS).contains(&seconds) => {
                match seconds - began {
                    0 => "<time>".into(),
                    later if later % 86_400 == 0 => format!("<time + {} days>", later / 86_400),
                    later => format!("<time + {later} s>"),
                }
            }
            Ok(seconds) if self.has_certificates && (began - 600..began).contains(&seconds) => {
                format!("<time - {} s>", began - seconds)
            }
            Ok(seconds) if self.has_certificates && (began..began + LONGEST).contains(&seconds) => {
                // A year or so has 12 months, the first of which may have 28 days.
                format!(
                    "<time + {} months>",
                    (seconds - began + 5 * 86_400) / (30 * 86_400 + 37_800)
                )
            }
            _ => word.to_owned(),
        }
    }

    /// Versions by the order in which they were met.
    fn version(&self, word: &str) -> String {
        if !self.numbered {
            return "<version>".into();
        }
        let mut versions = self.versions.lock().unwrap();
        let known = versions.iter().position(|known| known == word);
        let at = known.unwrap_or_else(|| {
            versions.push(word.to_owned());
            versions.len() - 1
        });
        format!("<version {}>", at + 1)
    }
}

/// Members that are certificates, requests or thumbprints have a name for a value.
fn without_certificates(text: &str) -> String {
    let mut text = text.to_owned();
    for member in ["cer", "csr", "x5t", "value", "pwd"] {
        let start = format!("\"{member}\":\"");
        let mut named = String::new();
        let mut rest = text.as_str();
        while let Some((before, from)) = rest.split_once(start.as_str()) {
            named = named + before + &start + "<opaque>";
            rest = from.split_once('"').map_or("", |(_, after)| after);
            named.push('"');
        }
        text = named + rest;
    }
    text
}

fn is_part(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '-' || c == '_'
}

fn headers(headers: &HeaderMap) -> String {
    let kept = headers.iter().filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()));
    let lines: BTreeSet<String> =
        kept.map(|(name, value)| format!("{name}: {}\n", value.to_str().unwrap())).collect();
    lines.into_iter().collect()
}
