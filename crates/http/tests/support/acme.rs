//! An ACME client that can be told to do everything wrong, and a web server that answers its
//! challenges.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};
use strongroom_crypto::provider::PrivateKey;
use strongroom_crypto::{MacKey, digest, software};
use strongroom_model::certificates::{SubjectAlternativeNames, X509Properties};
use strongroom_model::{Curve, KeySpec, PublicKey, SignatureAlgorithm};
use strongroom_pki::certificate_request;
use strongroom_store::Store;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::{Answer, Ask, Server};

/// Base64url without padding.
pub(crate) fn b64(bytes: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// A P-256 key that signs requests.
#[derive(Clone)]
pub(crate) struct Key(pub(crate) Arc<dyn PrivateKey>);

impl Key {
    pub(crate) fn generate() -> Self {
        let keys = software::provider().keys;
        let material = keys.generate(KeySpec::Ec(Curve::P256)).unwrap();
        Self(keys.open(&material.public, &material.private).unwrap())
    }

    pub(crate) fn jwk(&self) -> Value {
        let PublicKey::Ec { x, y, .. } = self.0.public() else { panic!("a P-256 key") };
        json!({ "kty": "EC", "crv": "P-256", "x": b64(x), "y": b64(y) })
    }

    /// RFC 7638, computed here from the members' order that it prescribes.
    pub(crate) fn thumbprint(&self) -> String {
        let jwk = self.jwk();
        let text = format!(r#"{{"crv":"P-256","kty":"EC","x":{},"y":{}}}"#, jwk["x"], jwk["y"]);
        b64(digest::sha256(text.as_bytes()))
    }

    /// A JWS in flattened form.
    pub(crate) fn sign(&self, protected: &Value, payload: &str) -> Value {
        let (protected, payload) = (b64(protected.to_string()), b64(payload));
        let digest = digest::sha256(format!("{protected}.{payload}").as_bytes());
        let signature = self.0.sign(SignatureAlgorithm::Es256, &digest).unwrap();
        json!({ "protected": protected, "payload": payload, "signature": b64(signature) })
    }

    /// A request for names, the first of which is the common name too.
    pub(crate) fn csr(&self, names: &[&str]) -> String {
        let x509 = X509Properties {
            subject: format!("CN={}", names.first().unwrap()),
            sans: SubjectAlternativeNames {
                dns_names: names.iter().map(|name| (*name).to_owned()).collect(),
                ..SubjectAlternativeNames::default()
            },
            ekus: Vec::new(),
            key_usage: Vec::new(),
            validity_months: 1,
            basic_constraints: strongroom_model::certificates::BasicConstraints::default(),
            name_constraints: None,
        };
        b64(certificate_request(&x509, &*self.0).unwrap())
    }
}

/// A binding's signature over an account's key.
pub(crate) fn bind(id: &str, key: &str, url: &str, jwk: &Value) -> Value {
    let protected = b64(json!({ "alg": "HS256", "kid": id, "url": url }).to_string());
    let payload = b64(jwk.to_string());
    let key = MacKey::new(&URL_SAFE_NO_PAD.decode(key).unwrap());
    let tag = key.tag(&[format!("{protected}.{payload}").as_bytes()]);
    json!({ "protected": protected, "payload": payload, "signature": b64(tag) })
}

/// A client of the ACME server of an issuer of the vault `dev`.
pub(crate) struct AcmeClient<'a, S: Store> {
    server: &'a Server<S>,
    pub(crate) issuer: String,
    pub(crate) key: Key,
    /// The account's URL, once there is one.
    pub(crate) account: String,
}

impl<'a, S: Store> AcmeClient<'a, S> {
    pub(crate) fn new(server: &'a Server<S>, issuer: &str) -> Self {
        let (issuer, key) = (issuer.to_owned(), Key::generate());
        Self { server, issuer, key, account: String::new() }
    }

    /// A client with an account that acts as who has the token.
    pub(crate) async fn registered(server: &'a Server<S>, issuer: &str, token: &str) -> Self {
        let mut client = Self::new(server, issuer);
        let (id, key) = binding(server, issuer, token).await;
        client.register(&id, &key).await.expect(201);
        client
    }

    pub(crate) fn url(&self, below: &str) -> String {
        format!("{}/acme/{}/{below}", self.server.endpoints.vault("dev"), self.issuer)
    }

    pub(crate) async fn nonce(&self) -> String {
        let answer = self.ask(Method::HEAD, &self.url("new-nonce"), Vec::new()).await.expect(200);
        answer.header("replay-nonce").to_owned()
    }

    pub(crate) async fn register(&mut self, id: &str, key: &str) -> Answer {
        let url = self.url("new-account");
        let binding = bind(id, key, &url, &self.key.jwk());
        let payload =
            json!({ "contact": ["mailto:a@b.example"], "externalAccountBinding": binding });
        let answer = self.post_with_key(&url, &payload).await;
        if answer.status < 300 {
            answer.header("location").clone_into(&mut self.account);
        }
        answer
    }

    /// Signed with the key itself.
    pub(crate) async fn post_with_key(&self, url: &str, payload: &Value) -> Answer {
        let nonce = self.nonce().await;
        let protected =
            json!({ "alg": "ES256", "nonce": nonce, "url": url, "jwk": self.key.jwk() });
        self.post_jws(url, &self.key.sign(&protected, &payload.to_string())).await
    }

    /// Signed by the account.
    pub(crate) async fn post(&self, url: &str, payload: &Value) -> Answer {
        self.post_text(url, &payload.to_string()).await
    }

    /// POST-as-GET.
    pub(crate) async fn read(&self, url: &str) -> Answer {
        self.post_text(url, "").await
    }

    async fn post_text(&self, url: &str, payload: &str) -> Answer {
        let nonce = self.nonce().await;
        let protected = json!({ "alg": "ES256", "nonce": nonce, "url": url, "kid": self.account });
        self.post_jws(url, &self.key.sign(&protected, payload)).await
    }

    pub(crate) async fn post_jws(&self, url: &str, jws: &Value) -> Answer {
        self.ask(Method::POST, url, jws.to_string().into_bytes()).await
    }

    pub(crate) async fn ask(&self, method: Method, url: &str, body: Vec<u8>) -> Answer {
        let rest = url.strip_prefix("https://").unwrap();
        let (authority, path) = rest.split_once('/').unwrap();
        let ask = Ask {
            method,
            authority: authority.to_owned(),
            target: format!("/{path}"),
            headers: vec![("content-type".into(), "application/jose+json".into())],
            body,
        };
        self.server.client.send_http1(&ask).await
    }

    /// An order: its URL and body.
    pub(crate) async fn order(&self, names: &[&str]) -> (String, Value) {
        let identifiers: Vec<Value> =
            names.iter().map(|name| json!({ "type": "dns", "value": name })).collect();
        let payload = json!({ "identifiers": identifiers });
        let answer = self.post(&self.url("new-order"), &payload).await.expect(201);
        (answer.header("location").to_owned(), answer.json())
    }

    /// The URL and the token of a challenge of an authorization.
    pub(crate) async fn challenge(&self, authorization: &str, kind: &str) -> (String, String) {
        let answer = self.read(authorization).await.expect(200).json();
        let challenges = answer["challenges"].as_array().unwrap();
        let challenge = challenges.iter().find(|challenge| challenge["type"] == kind).unwrap();
        let text = |name: &str| challenge[name].as_str().unwrap().to_owned();
        (text("url"), text("token"))
    }

    /// Answers all challenges of an order by HTTP, and waits until it is what comes of that.
    pub(crate) async fn validate(&self, web: &Web, url: &str, order: &Value) -> Value {
        for authorization in order["authorizations"].as_array().unwrap() {
            let authorization = authorization.as_str().unwrap();
            let (challenge, token) = self.challenge(authorization, "http-01").await;
            web.place(&token, &format!("{token}.{}", self.key.thumbprint()));
            self.post(&challenge, &json!({})).await.expect(200);
        }
        self.settled(url).await
    }

    /// The order, once it is no longer pending.
    pub(crate) async fn settled(&self, url: &str) -> Value {
        for _ in 0..200 {
            let order = self.read(url).await.expect(200).json();
            if order["status"] != "pending" {
                return order;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("the order stays pending");
    }

    /// A certificate's chain in DER, by the whole way.
    pub(crate) async fn obtain(&self, web: &Web, names: &[&str], key: &Key) -> Vec<Vec<u8>> {
        let (url, order) = self.order(names).await;
        let order = self.validate(web, &url, &order).await;
        assert_eq!(order["status"], "ready", "{order}");
        let finalize = order["finalize"].as_str().unwrap();
        let answer = self.post(finalize, &json!({ "csr": key.csr(names) })).await.expect(200);
        let certificate = answer.json()["certificate"].as_str().unwrap().to_owned();
        let answer = self.read(&certificate).await.expect(200);
        assert_eq!(answer.header("content-type"), "application/pem-certificate-chain");
        ders(&String::from_utf8(answer.body).unwrap())
    }
}

/// The certificates of a PEM text.
fn ders(pem: &str) -> Vec<Vec<u8>> {
    let blocks = pem.split("-----BEGIN CERTIFICATE-----").skip(1);
    let body = |block: &str| block.split("-----END").next().unwrap().replace('\n', "");
    let decode = |text| base64::engine::general_purpose::STANDARD.decode(text).unwrap();
    blocks.map(|block| decode(body(block))).collect()
}

/// A binding of who has the token: its id and its key.
pub(crate) async fn binding<S: Store>(
    server: &Server<S>,
    issuer: &str,
    token: &str,
) -> (String, String) {
    let target = format!("/certificates/issuers/{issuer}/eab");
    let ask = server.ask(Method::POST, &target).body("{}");
    let answer = server.send(&ask.header("authorization", &format!("Bearer {token}"))).await;
    let body = answer.expect(200).json();
    let text = |name: &str| body[name].as_str().unwrap().to_owned();
    (text("key_id"), text("hmac_key"))
}

/// An authority `root` of the vault `dev`, and its issuer of a name that serves ACME.
pub(crate) async fn authority<S: Store>(server: &Server<S>, issuer: &str) {
    let policy = json!({
        "key_props": { "kty": "EC", "crv": "P-256" },
        "x509_props": {
            "subject": "CN=root",
            "key_usage": ["keyCertSign", "cRLSign"],
            "basic_constraints": { "ca": true },
            "validity_months": 24,
        },
        "issuer": { "name": "Self" },
    });
    let root = server.post("/certificates/root/create", &json!({ "policy": policy })).await;
    root.expect(202);
    profile(server, issuer, &json!({ "acme": true })).await;
}

/// An issuer over `root`.
pub(crate) async fn profile<S: Store>(server: &Server<S>, issuer: &str, profile: &Value) {
    let body = json!({
        "provider": "Strongroom", "org_details": { "id": "root" }, "strongroom": profile,
    });
    server.put(&format!("/certificates/issuers/{issuer}"), &body).await.expect(200);
}

/// A web server on loopback that answers challenges.
pub(crate) struct Web {
    pub(crate) port: u16,
    answers: Arc<Mutex<HashMap<String, String>>>,
}

impl Web {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let answers = Arc::new(Mutex::new(HashMap::<String, String>::new()));
        let known = Arc::clone(&answers);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let known = Arc::clone(&known);
                tokio::spawn(async move {
                    let mut request = vec![0; 4096];
                    let length = stream.read(&mut request).await.unwrap_or(0);
                    let text = String::from_utf8_lossy(&request[..length]).into_owned();
                    let path = text.split(' ').nth(1).unwrap_or_default();
                    let token = path.rsplit('/').next().unwrap_or_default();
                    let answer = known.lock().unwrap().get(token).cloned();
                    let response = match answer {
                        // As a whole response, for what is no key authorization.
                        Some(raw) if raw.starts_with("HTTP/1.1 ") => raw,
                        Some(body) => {
                            format!(
                                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{body}",
                                body.len()
                            )
                        }
                        None => "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n".into(),
                    };
                    let _ = stream.write_all(response.as_bytes()).await;
                });
            }
        });
        Self { port, answers }
    }

    pub(crate) fn place(&self, token: &str, answer: &str) {
        self.answers.lock().unwrap().insert(token.to_owned(), answer.to_owned());
    }
}
