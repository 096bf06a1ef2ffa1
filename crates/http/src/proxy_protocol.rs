//! The PROXY protocol, version 2: what a trusted proxy sends before anything else.
//! <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>, section 2.2.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::TcpStream;

const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// The most bytes after the fixed 16: addresses take 36, and proxies add a few hundred of TLVs.
const MOST: usize = 4_096;

/// The client that a proxy forwards, read from the head of its connection. `None` when the proxy
/// speaks for itself: it begins with TLS at once, or says so (`LOCAL`).
///
/// # Errors
/// When what comes is a header, but a malformed one.
pub(crate) async fn client(stream: &mut TcpStream) -> io::Result<Option<SocketAddr>> {
    let mut first = [0];
    stream.peek(&mut first).await?;
    // No TLS handshake and no HTTP request begins like a header.
    if first[0] == SIGNATURE[0] { read(stream).await } else { Ok(None) }
}

async fn read(stream: &mut (impl AsyncRead + Unpin)) -> io::Result<Option<SocketAddr>> {
    let malformed = || io::Error::from(io::ErrorKind::InvalidData);
    let mut fixed = [0; 16];
    stream.read_exact(&mut fixed).await?;
    let [signature @ .., command, family, high, low] = fixed;
    let length = usize::from(u16::from_be_bytes([high, low]));
    if signature != SIGNATURE || length > MOST {
        return Err(malformed());
    }
    let mut rest = vec![0; length];
    stream.read_exact(&mut rest).await?;
    match (command, family) {
        (0x20, _) => Ok(None),
        (0x21, 0x11) => source_v4(&rest).map(Some).ok_or_else(malformed),
        (0x21, 0x21) => source_v6(&rest).map(Some).ok_or_else(malformed),
        _ => Err(malformed()),
    }
}

/// Source and destination addresses, then source and destination ports.
fn source_v4(rest: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 4] = rest.first_chunk().copied()?;
    let port = rest.get(8..12)?.first_chunk().copied()?;
    Some(SocketAddr::new(IpAddr::V4(Ipv4Addr::from(address)), u16::from_be_bytes(port)))
}

fn source_v6(rest: &[u8]) -> Option<SocketAddr> {
    let address: [u8; 16] = rest.first_chunk().copied()?;
    let port = rest.get(32..36)?.first_chunk().copied()?;
    Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(address)), u16::from_be_bytes(port)))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn parsed(bytes: &[u8]) -> io::Result<Option<SocketAddr>> {
        let mut bytes = bytes;
        read(&mut bytes).await
    }

    /// Section 2.2's layout, by hand: 192.0.2.7:49152 to 198.51.100.1:443.
    const V4: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\
        \xc0\0\x02\x07\xc6\x33\x64\x01\xc0\x00\x01\xbb";

    #[tokio::test]
    async fn the_source_is_the_client() {
        let client = parsed(V4).await.unwrap().unwrap();
        assert_eq!(client.to_string(), "192.0.2.7:49152");
        let mut v6 = b"\r\n\r\n\0\r\nQUIT\n\x21\x21\0\x24".to_vec();
        v6.extend_from_slice(&Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 5).octets());
        v6.extend_from_slice(&[0; 16]);
        v6.extend_from_slice(&[0xc0, 0, 1, 0xbb]);
        let client = parsed(&v6).await.unwrap().unwrap();
        assert_eq!(client.to_string(), "[2001:db8::5]:49152");
    }

    #[tokio::test]
    async fn what_follows_the_addresses_is_passed_over() {
        let mut with_tlv = V4.to_vec();
        with_tlv[15] = 0x0c + 4;
        with_tlv.extend_from_slice(&[0x04, 0, 1, 7]);
        assert!(parsed(&with_tlv).await.unwrap().is_some());
    }

    #[tokio::test]
    async fn a_proxy_may_speak_for_itself() {
        assert_eq!(parsed(b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0").await.unwrap(), None);
    }

    #[tokio::test]
    async fn malformed_headers_end_the_connection() {
        let mut cases: Vec<Vec<u8>> = (0..V4.len()).map(|end| V4[..end].to_vec()).collect();
        for (at, byte) in [(0, b'G'), (11, b'\r'), (12, 0x11), (12, 0x22), (13, 0x12), (13, 0x31)] {
            let mut case = V4.to_vec();
            case[at] = byte;
            cases.push(case);
        }
        let mut short = V4[..27].to_vec();
        short[15] = 0x0b;
        cases.push(short);
        let mut long = V4.to_vec();
        long[14] = 0x11;
        long.resize(8_192, 0);
        cases.push(long);
        for case in cases {
            assert!(parsed(&case).await.is_err(), "{case:?}");
        }
    }
}
