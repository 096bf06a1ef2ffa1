//! What keys do, beside a bare server and beside aws-lc in a loop.
//!
//! The mixture is 90 % reads, 9 % ES256 and 1 % RSA-4096 signatures, while one more client makes
//! RSA keys without pause. RSA keys are measured with 64 connections, the rest with 32.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{READERS, SETTLE, Suite, WRITERS, start_floor};
use crate::Result;
use crate::bare::{Bare, Loop};
use crate::client::Endpoint;
use crate::load::{Figures, Load, Until, Work};
use crate::process::Server;
use crate::report::{Goal, Row};
use crate::strongroom::{SAMPLE, folder};

const VERSION: &str = "?api-version=7.6";
const CREATE: &str = "/create?api-version=7.6";

/// An operation of RSA keys, and how near to the bare loop it must come.
struct Rsa {
    what: &'static str,
    bits: u16,
    name: &'static str,
    bare: Loop,
    algorithm: &'static str,
    goal: f64,
}

const RSA: [Rsa; 6] = [
    Rsa {
        what: "RS256, RSA-2048",
        bits: 2048,
        name: "rsa2048",
        bare: Loop::Rs256,
        algorithm: "RS256",
        goal: 0.80,
    },
    Rsa {
        what: "PS256, RSA-2048",
        bits: 2048,
        name: "rsa2048",
        bare: Loop::Ps256,
        algorithm: "PS256",
        goal: 0.80,
    },
    Rsa {
        what: "RSA-OAEP-256 decrypt, RSA-2048",
        bits: 2048,
        name: "rsa2048",
        bare: Loop::Oaep256,
        algorithm: "RSA-OAEP-256",
        goal: 0.80,
    },
    Rsa {
        what: "PS256, RSA-3072",
        bits: 3072,
        name: "rsa3072",
        bare: Loop::Ps256,
        algorithm: "PS256",
        goal: 0.90,
    },
    Rsa {
        what: "PS256, RSA-4096",
        bits: 4096,
        name: "rsa4096",
        bare: Loop::Ps256,
        algorithm: "PS256",
        goal: 0.90,
    },
    Rsa {
        what: "RSA-OAEP-256 decrypt, RSA-4096",
        bits: 4096,
        name: "rsa4096",
        bare: Loop::Oaep256,
        algorithm: "RSA-OAEP-256",
        goal: 0.90,
    },
];

/// A bare server that answers POSTs.
struct Floor {
    server: Server,
    endpoint: Endpoint,
}

impl Suite {
    /// All of it.
    pub(super) fn keys(&mut self) -> Result<()> {
        for (name, body) in [
            ("rsa2048", r#"{"kty":"RSA","key_size":2048}"#),
            ("rsa3072", r#"{"kty":"RSA","key_size":3072}"#),
            ("rsa4096", r#"{"kty":"RSA","key_size":4096}"#),
            ("p256", r#"{"kty":"EC","crv":"P-256"}"#),
            ("p256k", r#"{"kty":"EC","crv":"P-256K"}"#),
            ("aes256", r#"{"kty":"oct","key_size":256}"#),
        ] {
            self.strongroom.post(&format!("/keys/{name}/create{VERSION}"), body)?;
        }
        self.rsa()?;
        self.small()?;
        self.mixed()?;
        self.many_keys()
    }

    fn rsa(&mut self) -> Result<()> {
        for rsa in RSA {
            let bare = Bare::new(rsa.bits)?;
            let work = if matches!(rsa.bare, Loop::Oaep256) {
                self.decrypting(rsa.name, rsa.algorithm)?
            } else {
                signing(rsa.name, rsa.algorithm)
            };
            let mut rounds = Vec::new();
            for _ in 0..self.report.rounds_each {
                let floor = bare.rate(rsa.bare, self.round)?;
                let ours = self.to_strongroom(WRITERS, work.clone());
                rounds.push((self.load(rsa.what, &ours)?.rps, floor));
            }
            let row = Row::beside(rsa.what, "/s", &rounds).must(Goal::RatioAtLeast(rsa.goal));
            self.report.rows.push(row);
        }
        Ok(())
    }

    /// What is done within microseconds, beside bare servers.
    fn small(&mut self) -> Result<()> {
        let es256 = signing("p256", "ES256");
        let es256k = signing("p256k", "ES256K");
        let wrap = Work::Post {
            path: format!("/keys/aes256//wrapkey{VERSION}"),
            body: format!(r#"{{"alg":"A256KW","value":"{}"}}"#, URL_SAFE_NO_PAD.encode([7; 32])),
        };
        let Work::Post { path, body } = &es256 else { return Err("no POST".into()) };
        let answer = self.strongroom.post(path, body)?;
        let floor = |name: &str, sign| -> Result<Floor> {
            let (server, endpoint) = start_floor(&folder(&self.dir, name)?, &answer, sign)?;
            Ok(Floor { server, endpoint })
        };
        let (bare, bare_es256) = (floor("post", false)?, floor("post-es256", true)?);
        let mut rounds = Vec::new();
        for _ in 0..self.report.rounds_each {
            let mut at = |floor: &Floor, what| {
                let load = self.to_strongroom(READERS, es256.clone());
                let (endpoint, pid) = (floor.endpoint.clone(), floor.server.pid());
                self.load(what, &Load { endpoint, server_pid: Some(pid), ..load })
            };
            let post = at(&bare, "post, floor")?;
            let floor_es256 = at(&bare_es256, "post and es256, floor")?;
            let mut ours = |work: &Work, what| {
                let load = self.to_strongroom(READERS, work.clone());
                self.load(what, &load)
            };
            let es256 = ours(&es256, "es256")?;
            let es256k = ours(&es256k, "es256k")?;
            rounds.push([post, floor_es256, es256, es256k, ours(&wrap, "wrap")?]);
        }
        self.rows_of_small(&rounds);
        Ok(())
    }

    fn rows_of_small(&mut self, rounds: &[[Figures; 5]]) {
        let rates = |ours: usize, floor: usize| -> Vec<_> {
            rounds.iter().map(|round| (round[ours].rps, round[floor].rps)).collect()
        };
        // Seconds of this machine that one request takes above a bare POST.
        let above = |round: &[Figures; 5], of: usize| 1e6 / round[of].rps - 1e6 / round[0].rps;
        let extra: Vec<_> = rounds.iter().map(|r| (above(r, 3), above(r, 2))).collect();
        self.report.rows.extend([
            Row::beside("ES256; beside a bare POST", "/s", &rates(2, 0))
                .must(Goal::RatioAtLeast(0.70)),
            Row::beside("ES256; beside a bare POST with a bare ES256", "/s", &rates(2, 1))
                .must(Goal::RatioAtLeast(0.70)),
            Row::beside("a bare POST with a bare ES256; beside a bare POST", "/s", &rates(1, 0)),
            Row::beside("ES256K above the bare POST; beside ES256 above it", "µs", &extra)
                .must(Goal::RatioAtMost(1.5)),
            Row::beside("AES-256 wrap; beside a bare POST", "/s", &rates(4, 0))
                .must(Goal::RatioAtLeast(0.70)),
        ]);
    }

    /// Reads while keys sign and keys are made, beside the same reads alone.
    fn mixed(&mut self) -> Result<()> {
        let mut rounds = Vec::new();
        for round in 0..self.report.rounds_each {
            let alone = self.to_strongroom(READERS, Work::Get(SAMPLE.to_owned()));
            let alone = self.load("get, alone", &alone)?;
            let parts = vec![
                (90, Work::Get(SAMPLE.to_owned())),
                (9, signing("p256", "ES256")),
                (1, signing("rsa4096", "PS256")),
            ];
            let background = self.to_strongroom(
                1,
                Work::PostEach {
                    prefix: format!("/keys/made-{round}-"),
                    suffix: CREATE,
                    body: r#"{"kty":"RSA","key_size":2048}"#.to_owned(),
                },
            );
            let mixture = self.to_strongroom(READERS, Work::Mixture(parts));
            let making = std::thread::scope(|scope| {
                let making = scope.spawn(|| background.measure());
                let mixed = self.load("get in a mixture", &mixture)?;
                rounds.push((mixed, alone));
                making.join().map_err(|_| "the creating client panicked")?
            })?;
            self.report.rounds.push(serde_json::json!({ "what": "made", "figures": making }));
            if let Some(error) = making.first_error {
                return Err(format!("creating RSA keys: {error}").into());
            }
        }
        let pairs = |of: fn(&Figures) -> f64| -> Vec<_> {
            rounds.iter().map(|(mixed, alone)| (of(mixed), of(alone))).collect()
        };
        self.report.rows.extend([
            Row::beside("GET p99 in a mixture; alone", "µs", &pairs(|f| f.p99_us))
                .must(Goal::RatioAtMost(2.0)),
            Row::beside("GET rate in that mixture; alone", "/s", &pairs(|f| f.rps)),
        ]);
        Ok(())
    }

    /// Signatures with keys scattered over 100,000, beside the same over 10.
    fn many_keys(&mut self) -> Result<()> {
        let count = self.report.secrets;
        let suffix = CREATE;
        let body = r#"{"kty":"EC","crv":"P-256"}"#.to_owned();
        let work = Work::PostEach { prefix: "/keys/many-".to_owned(), suffix, body };
        let mut load = self.to_strongroom(WRITERS, work);
        load.until = Until::Sent(count);
        let made = self.load("create, 64 connections", &load)?;
        std::thread::sleep(SETTLE);
        let mut rounds = Vec::new();
        for _ in 0..self.report.rounds_each {
            let among = |count| Work::PostAmong {
                prefix: "/keys/many-".to_owned(),
                suffix: "//sign?api-version=7.6",
                body: sign_body("ES256"),
                count,
            };
            let few = self.to_strongroom(READERS, among(10));
            let few = self.load("es256 among 10", &few)?;
            let many = self.to_strongroom(READERS, among(count));
            rounds.push((self.load("es256 among all", &many)?.rps, few.rps));
        }
        self.report.rows.extend([
            Row::of("EC keys created, 64 connections", "/s", made.rps),
            Row::beside("ES256 among all keys; among 10", "/s", &rounds)
                .must(Goal::RatioAtLeast(1.0 / 1.3)),
        ]);
        Ok(())
    }

    fn decrypting(&self, name: &str, algorithm: &str) -> Result<Work> {
        let body =
            format!(r#"{{"alg":"{algorithm}","value":"{}"}}"#, URL_SAFE_NO_PAD.encode([7; 32]));
        let answer = self.strongroom.post(&format!("/keys/{name}//encrypt{VERSION}"), &body)?;
        let answer: serde_json::Value = serde_json::from_slice(&answer.body)?;
        let value = answer["value"].as_str().ok_or("encrypt answered no value")?;
        Ok(Work::Post {
            path: format!("/keys/{name}//decrypt{VERSION}"),
            body: format!(r#"{{"alg":"{algorithm}","value":"{value}"}}"#),
        })
    }
}

fn signing(name: &str, algorithm: &str) -> Work {
    Work::Post { path: format!("/keys/{name}//sign{VERSION}"), body: sign_body(algorithm) }
}

fn sign_body(algorithm: &str) -> String {
    format!(r#"{{"alg":"{algorithm}","value":"{}"}}"#, URL_SAFE_NO_PAD.encode([7; 32]))
}
