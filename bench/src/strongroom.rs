//! A `strongroom dev` to be measured.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::Value;

use crate::client::{self, Endpoint, Response};
use crate::process::Server;
use crate::{Error, Result};

/// A running one, with a token for its vault `dev`.
pub(crate) struct Strongroom {
    pub(crate) server: Server,
    pub(crate) vault: Endpoint,
    pub(crate) token: String,
    /// Its control plane.
    pub(crate) arm: Arm,
    /// Where tokens come from, and for whom.
    source: TokenSource,
    /// From the start of the process to its first answer, a 401.
    pub(crate) first_answer: Duration,
}

/// The control plane of a Strongroom, with a token for it.
pub(crate) struct Arm {
    pub(crate) endpoint: Endpoint,
    pub(crate) token: String,
    /// The URL that its links begin with.
    pub(crate) url: String,
    pub(crate) tenant: String,
    /// `/subscriptions/{id}`
    pub(crate) subscription: String,
    /// The resource group that `dev` makes.
    pub(crate) group: String,
}

/// Where it lives.
pub(crate) struct Home {
    pub(crate) program: PathBuf,
    pub(crate) dir: PathBuf,
    /// Whether its time moves by command alone.
    pub(crate) manual_clock: bool,
}

struct TokenSource {
    authority: Endpoint,
    challenge: Challenge,
    owner: Value,
}

/// A real answer, to be served by the floor.
pub(crate) struct Answer {
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

/// What a 401 says of where tokens come from.
struct Challenge {
    authority: String,
    resource: String,
}

impl Home {
    /// Starts it; the first start makes everything, later ones find it.
    pub(crate) fn start(&self) -> Result<Strongroom> {
        let (data, ready) = (self.dir.join("data"), self.dir.join("ready.json"));
        let log = self.dir.join("strongroom.log");
        let mut dev = Command::new(&self.program);
        dev.arg("dev").arg("--data").arg(&data).arg("--ready-file").arg(&ready);
        dev.arg("--root-key").arg(self.dir.join("root.key"));
        let config = self.dir.join("config.toml");
        std::fs::write(&config, "[keys]\nsymmetric_in_vaults = true\n")?;
        dev.arg("--config").arg(&config);
        if !data.exists() {
            dev.args(["--port", "0"]);
        }
        if self.manual_clock {
            dev.args(["--clock", "manual"]);
        }
        if ready.exists() {
            std::fs::remove_file(&ready)?;
        }
        let begun = Instant::now();
        let mut server = Server::start(&mut dev, &log)?;
        server.await_file(&ready, &log)?;
        let ready: Value = serde_json::from_slice(&std::fs::read(&ready)?)?;
        let vault = ready["vaults"].as_array().and_then(|all| {
            all.iter().find(|v| v["name"] == "dev").and_then(|v| v["url"].as_str())
        });
        let tls = client::tls(&std::fs::read(text(&ready["caFile"])?)?)?;
        let vault = endpoint(vault.ok_or("the ready file names no vault 'dev'")?, &tls)?;
        let challenge = block_on(first_answer(&vault))?;
        let first_answer = begun.elapsed();
        let authority = endpoint(&challenge.authority, &tls)?;
        let source = TokenSource { authority, challenge, owner: ready["owner"].clone() };
        let token = block_on(source.fetch(&source.challenge.resource))?;
        let url = text(&ready["arm"])?.to_owned();
        let arm = Arm {
            endpoint: endpoint(&url, &tls)?,
            token: block_on(source.fetch(&url))?,
            url,
            tenant: text(&ready["tenantId"])?.to_owned(),
            subscription: format!("/subscriptions/{}", text(&ready["subscriptionId"])?),
            group: text(&ready["resourceGroup"])?.to_owned(),
        };
        Ok(Strongroom { server, vault, token, arm, source, first_answer })
    }

    /// Moves a manual clock forward; the command ends when all that fell due is done.
    pub(crate) fn advance(&self, span: &str) -> Result<Child> {
        let mut clock = Command::new(&self.program);
        clock.args(["clock", "advance", span, "--data"]).arg(self.dir.join("data"));
        Ok(clock.stdout(Stdio::null()).spawn()?)
    }
}

impl Strongroom {
    /// Sends one body and gives the whole answer.
    pub(crate) fn post(&self, path: &str, body: &str) -> Result<Answer> {
        self.send("POST", path, Some(body))
    }

    /// Sends a request and gives the whole answer, which must be a success.
    pub(crate) fn send(&self, method: &str, path: &str, body: Option<&str>) -> Result<Answer> {
        block_on(async {
            let body = body.map(|body| ("application/json", body));
            let request = self.vault.request(method, path, Some(&self.token), body);
            let mut connection = self.vault.connect().await?;
            let response = connection.exchange(&request).await?;
            if !(200..300).contains(&response.status) {
                let body = String::from_utf8_lossy(response.body);
                return Err(format!("{path} was answered {}: {body}", response.status).into());
            }
            Ok(Answer::of(&response))
        })
    }

    /// A token by the clock that it has now.
    pub(crate) fn renew_token(&mut self) -> Result<()> {
        self.token = block_on(self.source.fetch(&self.source.challenge.resource))?;
        Ok(())
    }

    /// Sets a secret of 200 bytes and reads it back.
    pub(crate) fn sample(&self, path: &str) -> Result<Answer> {
        block_on(async {
            let body = format!(r#"{{"value":"{}"}}"#, "v".repeat(200));
            let body = Some(("application/json", body.as_str()));
            let token = Some(self.token.as_str());
            let set = self.vault.request("PUT", &path.replace("/?", "?"), token, body);
            let get = self.vault.request("GET", path, token, None);
            let mut connection = self.vault.connect().await?;
            expect(connection.exchange(&set).await?.status, 200, "set")?;
            let response = connection.exchange(&get).await?;
            expect(response.status, 200, "get")?;
            Ok(Answer::of(&response))
        })
    }
}

impl Answer {
    fn of(response: &Response<'_>) -> Self {
        let head = String::from_utf8_lossy(response.head);
        let headers = head.lines().skip(1).filter(|line| !is_the_servers_own(line));
        let headers = headers.map(|line| format!("{line}\n")).collect();
        Self { headers, body: response.body.to_vec() }
    }
}

/// Headers that hyper writes by itself.
fn is_the_servers_own(line: &str) -> bool {
    let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
    ["date", "content-length", "connection"].contains(&name.as_str())
}

async fn first_answer(vault: &Endpoint) -> Result<Challenge> {
    let request = vault.request("GET", "/secrets?api-version=7.4", None, None);
    let mut connection = vault.connect().await?;
    let response = connection.exchange(&request).await?;
    expect(response.status, 401, "a request without a token")?;
    let head = String::from_utf8_lossy(response.head);
    let part = |name: &str| {
        let (_, rest) = head.split_once(&format!("{name}=\""))?;
        rest.split_once('"').map(|(value, _)| value.to_owned())
    };
    let (authority, resource) =
        part("authorization").zip(part("resource")).ok_or("the 401 has no challenge")?;
    Ok(Challenge { authority, resource })
}

impl TokenSource {
    /// A token of the owner for a resource.
    async fn fetch(&self, resource: &str) -> Result<String> {
        let Self { authority, challenge, owner } = self;
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!(
            "grant_type=client_credentials&client_id={}&client_secret={}&scope={}",
            encode(text(&owner["clientId"])?),
            encode(text(&owner["clientSecret"])?),
            encode(&format!("{resource}/.default")),
        );
        let tenant = challenge.authority.rsplit('/').next().unwrap_or_default();
        let path = format!("/{tenant}/oauth2/v2.0/token");
        let body = Some(("application/x-www-form-urlencoded", form.as_str()));
        let request = authority.request("POST", &path, None, body);
        let mut connection = authority.connect().await?;
        let response = connection.exchange(&request).await?;
        expect(response.status, 200, "the token request")?;
        let answer: Value = serde_json::from_slice(response.body)?;
        Ok(text(&answer["access_token"])?.to_owned())
    }
}

/// `https://host[:port][/…]`, on this machine.
fn endpoint(url: &str, tls: &std::sync::Arc<rustls::ClientConfig>) -> Result<Endpoint> {
    let host = url.strip_prefix("https://").and_then(|rest| rest.split('/').next());
    let host = host.ok_or_else(|| format!("{url} is no https URL"))?.to_owned();
    let port = host.split_once(':').map_or(Ok(443), |(_, port)| port.parse())?;
    let target = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    Ok(Endpoint { target, host, tls: tls.clone() })
}

fn text(value: &Value) -> Result<&str> {
    value.as_str().ok_or_else(|| Error::from("a member is missing in the ready file or answer"))
}

fn expect(status: u16, expected: u16, what: &str) -> Result<()> {
    if status == expected {
        Ok(())
    } else {
        Err(format!("{what} was answered {status}, not {expected}").into())
    }
}

/// The path that is read.
pub(crate) const SAMPLE: &str = "/secrets/bench/?api-version=7.4";

pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(work)
}

/// Where a floor or a Strongroom keeps its files.
pub(crate) fn folder(parent: &Path, name: &str) -> Result<PathBuf> {
    let dir = parent.join(name);
    std::fs::create_dir(&dir)?;
    Ok(dir)
}
