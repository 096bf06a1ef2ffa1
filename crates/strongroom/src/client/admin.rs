//! The administrator's socket: HTTP over a Unix socket in the data directory.

use std::fs::File;
use std::io::ErrorKind;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{CONTENT_TYPE, HOST};
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use tokio::net::UnixStream;
use zeroize::Zeroizing;

use super::failure;
use crate::error::CliError;

const SOCKET: &str = "admin.sock";
/// A verification reads the whole journal; a leap in time purges what fell due.
const PATIENCE: Duration = Duration::from_secs(3_600);
/// The longest path that fits a socket's address (unix(7)): 108 bytes with the final zero.
const LONGEST_PATH: usize = 107;

/// A server's socket.
pub(crate) struct AdminSocket {
    data: PathBuf,
}

impl AdminSocket {
    /// The socket of the server on this data directory.
    pub(crate) fn of(data: &Path) -> Self {
        Self { data: data.to_owned() }
    }

    /// Asks the server; refused if there is none.
    pub(crate) async fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<T, CliError> {
        match self.try_call(method, path, body).await? {
            Some(answer) => Ok(answer),
            None => Err(CliError::Failed(format!(
                "no server runs on {}: start one, or name its directory by --data",
                self.data.display()
            ))),
        }
    }

    /// Asks the server; `None` if there is none.
    pub(crate) async fn try_call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Result<Option<T>, CliError> {
        let Some(stream) = self.connect().await? else { return Ok(None) };
        let asked = exchange(stream, method, path, body);
        let (status, answer) = tokio::time::timeout(PATIENCE, asked)
            .await
            .map_err(|_| CliError::failed("the server did not answer within an hour"))?
            .map_err(|error| CliError::Failed(format!("the server broke off: {error}")))?;
        if !(200..300).contains(&status) {
            return Err(failure::refusal(status, &answer));
        }
        // DELETE may answer nothing.
        let answer: &[u8] = if answer.is_empty() { b"null" } else { &answer };
        serde_json::from_slice(answer).map(Some).map_err(|_| {
            CliError::failed("the server answered what this program does not know: is it older?")
        })
    }

    async fn connect(&self) -> Result<Option<UnixStream>, CliError> {
        let path = self.data.join(SOCKET);
        match connect(&self.data, &path).await {
            Ok(stream) => Ok(Some(stream)),
            Err(error) => match error.kind() {
                ErrorKind::NotFound | ErrorKind::ConnectionRefused => Ok(None),
                ErrorKind::PermissionDenied => Err(CliError::Denied(format!(
                    "{} admits only the user that runs the server, and root",
                    path.display()
                ))),
                _ => Err(CliError::Failed(format!("{}: {error}", path.display()))),
            },
        }
    }
}

/// A path too long for a socket's address is reached through its opened directory.
async fn connect(data: &Path, path: &Path) -> std::io::Result<UnixStream> {
    if path.as_os_str().len() <= LONGEST_PATH {
        return UnixStream::connect(path).await;
    }
    let directory = File::open(data)?;
    UnixStream::connect(format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd())).await
}

async fn exchange(
    stream: UnixStream,
    method: Method,
    path: &str,
    body: Option<&Value>,
) -> Result<(u16, Zeroizing<Vec<u8>>), Box<dyn std::error::Error + Send + Sync>> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let request = Request::builder()
        .method(method)
        .uri(path)
        .header(HOST, "localhost")
        .header(CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))?;
    let response = sender.send_request(request).await?;
    let status = response.status().as_u16();
    let answer = read(response.into_body()).await?;
    connection.abort();
    Ok((status, answer))
}

/// A new application's answer holds its secret.
async fn read(mut body: Incoming) -> Result<Zeroizing<Vec<u8>>, hyper::Error> {
    let mut answer = Zeroizing::new(Vec::with_capacity(64 * 1024));
    while let Some(frame) = body.frame().await {
        if let Some(bytes) = frame?.data_ref() {
            answer.extend_from_slice(bytes);
        }
    }
    Ok(answer)
}

/// A path with a query; what is not given is left out.
pub(crate) fn with_query(path: &str, query: &[(&str, Option<&str>)]) -> String {
    let given = query.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let pairs: Vec<String> = given
        .map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)))
        .collect();
    if pairs.is_empty() { path.to_owned() } else { format!("{path}?{}", pairs.join("&")) }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::UnixListener;

    use super::*;

    /// A server that answers once, and gives back what it was asked.
    fn answering(data: &Path, status: &str, body: &str) -> tokio::task::JoinHandle<String> {
        let listener = UnixListener::bind(data.join(SOCKET)).unwrap();
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 4_096];
            let read = stream.read(&mut asked).await.unwrap();
            stream.write_all(answer.as_bytes()).await.unwrap();
            String::from_utf8(asked[..read].to_vec()).unwrap()
        })
    }

    #[tokio::test]
    async fn a_request_is_http_over_the_socket() {
        let data = tempfile::tempdir().unwrap();
        let server = answering(data.path(), "201 Created", "{\"a\": 5}");
        let body = serde_json::json!({"name": "v"});
        let answer: Value =
            AdminSocket::of(data.path()).call(Method::POST, "/vaults", Some(&body)).await.unwrap();
        assert_eq!(answer["a"], 5);
        let asked = server.await.unwrap();
        assert!(asked.starts_with("POST /vaults HTTP/1.1\r\n"), "{asked}");
        assert!(asked.ends_with("{\"name\":\"v\"}"), "{asked}");
    }

    #[tokio::test]
    async fn a_refusal_keeps_its_words_and_its_exit_status() {
        let data = tempfile::tempdir().unwrap();
        let body = r#"{"error":{"code":"NoSuch","message":"no 'x'"}}"#;
        let _server = answering(data.path(), "404 Not Found", body);
        let refused =
            AdminSocket::of(data.path()).call::<Value>(Method::GET, "/", None).await.unwrap_err();
        assert!(matches!(&refused, CliError::NotFound(text) if text == "(NoSuch) no 'x'"));
    }

    #[tokio::test]
    async fn nothing_is_an_answer_too() {
        let data = tempfile::tempdir().unwrap();
        let _server = answering(data.path(), "204 No Content", "");
        let answer: Value =
            AdminSocket::of(data.path()).call(Method::DELETE, "/", None).await.unwrap();
        assert!(answer.is_null());
    }

    #[tokio::test]
    async fn without_a_server_it_says_so() {
        let data = tempfile::tempdir().unwrap();
        let socket = AdminSocket::of(data.path());
        assert!(socket.try_call::<Value>(Method::GET, "/", None).await.unwrap().is_none());
        let refused = socket.call::<Value>(Method::GET, "/", None).await.unwrap_err();
        assert!(refused.to_string().contains("no server runs on"), "{refused}");
    }

    #[tokio::test]
    async fn a_deep_directory_is_reached_too() {
        let root = tempfile::tempdir().unwrap();
        let data = root.path().join("d".repeat(120));
        std::fs::create_dir(&data).unwrap();
        assert!(AdminSocket::of(&data).connect().await.unwrap().is_none());
        let short = root.path().join("s");
        std::fs::create_dir(&short).unwrap();
        let _listener = UnixListener::bind(short.join(SOCKET)).unwrap();
        std::fs::rename(short.join(SOCKET), data.join(SOCKET)).unwrap();
        assert!(AdminSocket::of(&data).connect().await.unwrap().is_some());
    }

    #[test]
    fn a_query_is_encoded() {
        let found = with_query("/r", &[("assignee", None), ("scope", Some("/a b&c"))]);
        assert_eq!(found, "/r?scope=%2Fa%20b%26c");
        assert_eq!(with_query("/r", &[("scope", None)]), "/r");
    }
}
