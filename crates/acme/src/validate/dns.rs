//! Names: by the system, or by one name server that the configuration names.

use std::net::{IpAddr, SocketAddr};
use std::str::FromStr as _;
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use strongroom_crypto::random;
use strongroom_outgoing::OutgoingRules;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::{Failure, FailureKind};

/// How long one name server may take.
const ANSWER: Duration = Duration::from_secs(3);

/// The longest answer over UDP that is read, in bytes.
const MOST_BYTES: usize = 4_096;

/// The most records of an answer that are looked at.
const MOST_RECORDS: usize = 100;

/// The most name servers of the system that are asked.
const MOST_SERVERS: usize = 3;

/// Resolves names.
#[derive(Debug)]
pub(super) struct Resolver {
    server: Option<SocketAddr>,
}

impl Resolver {
    pub(super) fn new(server: Option<SocketAddr>) -> Self {
        Self { server }
    }

    /// All addresses of a host.
    pub(super) async fn addresses(
        &self,
        host: &str,
        outgoing: &OutgoingRules,
    ) -> Result<Vec<IpAddr>, Failure> {
        let nothing = || Failure::new(FailureKind::Dns, format!("{host} does not resolve"));
        let found: Vec<IpAddr> = if self.server.is_some() {
            let (v4, v6) = tokio::join!(
                self.records(host, RecordType::A, outgoing),
                self.records(host, RecordType::AAAA, outgoing)
            );
            let both = v4?.into_iter().chain(v6.unwrap_or_default());
            let address = |data| match data {
                RData::A(a) => Some(IpAddr::from(a.0)),
                RData::AAAA(aaaa) => Some(IpAddr::from(aaaa.0)),
                _ => None,
            };
            both.filter_map(address).collect()
        } else {
            let found = tokio::net::lookup_host((host, 0)).await.map_err(|_| nothing())?;
            found.map(|address| address.ip()).collect()
        };
        if found.is_empty() { Err(nothing()) } else { Ok(found) }
    }

    /// The TXT records of a name, their parts put together.
    pub(super) async fn texts(
        &self,
        name: &str,
        outgoing: &OutgoingRules,
    ) -> Result<Vec<Vec<u8>>, Failure> {
        let records = self.records(name, RecordType::TXT, outgoing).await?;
        let text = |data| match data {
            RData::TXT(txt) => Some(txt.txt_data.concat()),
            _ => None,
        };
        Ok(records.into_iter().filter_map(text).collect())
    }

    async fn records(
        &self,
        name: &str,
        kind: RecordType,
        outgoing: &OutgoingRules,
    ) -> Result<Vec<RData>, Failure> {
        let failed = |why: &str| {
            Failure::new(FailureKind::Dns, format!("the {kind} records of {name}: {why}"))
        };
        let mut query = Name::from_str(name).map_err(|_| failed("no domain name"))?;
        query.set_fqdn(true);
        let servers = match self.server {
            Some(server) => vec![server],
            None => system_servers().await,
        };
        let mut last = failed("there is no name server to ask");
        for server in servers {
            if self.server.is_none() && outgoing.forbids(&server) {
                continue;
            }
            match tokio::time::timeout(ANSWER, ask(server, &query, kind)).await {
                Ok(Ok(records)) => return Ok(records),
                Ok(Err(why)) => last = failed(&why),
                Err(_) => last = failed("the name server does not answer"),
            }
        }
        Err(last)
    }
}

/// The name servers of `/etc/resolv.conf`.
async fn system_servers() -> Vec<SocketAddr> {
    let file = tokio::fs::read_to_string("/etc/resolv.conf").await.unwrap_or_default();
    let servers = file.lines().filter_map(|line| {
        let address = line.strip_prefix("nameserver")?.trim();
        Some(SocketAddr::new(address.parse().ok()?, 53))
    });
    servers.take(MOST_SERVERS).collect()
}

/// Asks over UDP from a port of its own, and over TCP when the answer is cut short.
async fn ask(server: SocketAddr, name: &Name, kind: RecordType) -> Result<Vec<RData>, String> {
    let text = |error: std::io::Error| error.to_string();
    let id = u16::from_be_bytes(random::bytes().map_err(|error| error.to_string())?);
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(Query::query(name.clone(), kind));
    let bytes = message.to_vec().map_err(|error| error.to_string())?;
    let any = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(any).await.map_err(text)?;
    socket.connect(server).await.map_err(text)?;
    socket.send(&bytes).await.map_err(text)?;
    let mut buffer = vec![0; MOST_BYTES];
    let answer = loop {
        let length = socket.recv(&mut buffer).await.map_err(text)?;
        let answer = Message::from_vec(buffer.get(..length).unwrap_or_default());
        // Whoever guesses may send others; the right one is still on its way.
        if let Some(answer) = answer.ok().filter(|answer| fits(answer, &message)) {
            break answer;
        }
    };
    let answer = match answer.metadata.truncation {
        true => over_tcp(server, &bytes, &message).await?,
        false => answer,
    };
    match answer.metadata.response_code {
        ResponseCode::NoError | ResponseCode::NXDomain => {
            let records = answer.answers.into_iter().take(MOST_RECORDS);
            Ok(records.map(|record| record.data).collect())
        }
        other => Err(format!("the name server answers {other}")),
    }
}

async fn over_tcp(server: SocketAddr, bytes: &[u8], asked: &Message) -> Result<Message, String> {
    let text = |error: std::io::Error| error.to_string();
    let length = u16::try_from(bytes.len()).map_err(|_| "the question is too long")?;
    let mut stream = TcpStream::connect(server).await.map_err(text)?;
    stream.write_all(&[&length.to_be_bytes(), bytes].concat()).await.map_err(text)?;
    let mut length = [0; 2];
    stream.read_exact(&mut length).await.map_err(text)?;
    let mut answer = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut answer).await.map_err(text)?;
    let answer = Message::from_vec(&answer).map_err(|error| error.to_string())?;
    if fits(&answer, asked) { Ok(answer) } else { Err("an answer to another question".into()) }
}

/// Whether a message answers a question.
fn fits(answer: &Message, asked: &Message) -> bool {
    answer.metadata.id == asked.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && answer.queries == asked.queries
}
