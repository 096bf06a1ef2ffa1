//! Certificates: made, issued, asked after, and renewed all at once.
//!
//! The storm runs in a Strongroom of its own whose clock is moved over the day on which all of its
//! certificates fall due.

use std::path::Path;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{READERS, SETTLE, Suite, WRITERS};
use crate::Result;
use crate::load::{Figures, Load, Until, Work};
use crate::report::{Goal, Row, median};
use crate::strongroom::{Answer, Home, SAMPLE, Strongroom, folder};

const VERSION: &str = "?api-version=7.6";
const CREATE: &str = "/create?api-version=7.6";

/// Certificates that fall due in the same minute.
const STORM: u64 = 10_000;

/// Four fifths of a year, when they renew, and a little more.
const UNTIL_DUE: &str = "300d";

impl Suite {
    /// All of it.
    pub(super) fn certificates(&mut self, program: &Path) -> Result<()> {
        self.self_signed()?;
        self.issued()?;
        self.storm(program)
    }

    fn self_signed(&mut self) -> Result<()> {
        let mut rounds = Vec::new();
        for round in 0..self.report.rounds_each {
            let work = creating(format!("/certificates/self-{round}-"), "Self");
            rounds.push(self.load("self-signed", &self.to_strongroom(WRITERS, work))?);
        }
        self.report.rows.extend([
            Row::of("self-signed P-256 certificates, 64 connections", "/s", rate(&rounds))
                .must(Goal::AtLeast(1_000.0)),
            Row::of("self-signed P-256 certificates, p99", "µs", p99(&rounds)),
        ]);
        Ok(())
    }

    /// An authority of the vault, what it issues, and what it says of that.
    fn issued(&mut self) -> Result<()> {
        let strongroom = &self.strongroom;
        let mut authority = policy("Self", "CN=Bench authority");
        authority["x509_props"]["basic_constraints"] = json!({ "ca": true, "path_len": 0 });
        authority["x509_props"]["key_usage"] = json!(["cRLSign", "keyCertSign"]);
        authority["x509_props"]["validity_months"] = json!(120);
        strongroom.post(
            &format!("/certificates/authority{CREATE}"),
            &json!({ "policy": authority }).to_string(),
        )?;
        let issuer = json!({ "provider": "Strongroom", "org_details": { "id": "authority" } });
        let path = format!("/certificates/issuers/bench{VERSION}");
        strongroom.send("PUT", &path, Some(&issuer.to_string()))?;
        let mut rounds = Vec::new();
        for round in 0..self.report.rounds_each {
            let work = creating(format!("/certificates/leaf-{round}-"), "bench");
            rounds.push(self.load("issued", &self.to_strongroom(WRITERS, work))?);
        }
        self.report.rows.extend([
            Row::of("P-256 certificates of a P-256 authority, 64 connections", "/s", rate(&rounds))
                .must(Goal::AtLeast(800.0)),
            Row::of("P-256 certificates of a P-256 authority, p99", "µs", p99(&rounds))
                .must(Goal::AtMost(250_000.0)),
        ]);
        self.ocsp()
    }

    fn ocsp(&mut self) -> Result<()> {
        let path = self.ocsp_path()?;
        let mut rounds = Vec::new();
        for _ in 0..self.report.rounds_each {
            let mut load = self.to_strongroom(READERS, Work::Get(path.clone()));
            load.bearer = None;
            rounds.push(self.load("ocsp", &load)?);
        }
        self.report.rows.extend([
            Row::of("OCSP over HTTPS, 32 connections", "/s", rate(&rounds))
                .must(Goal::AtLeast(5_000.0)),
            Row::of("OCSP over HTTPS, p99", "µs", p99(&rounds)),
        ]);
        Ok(())
    }

    /// The GET of RFC 6960, A.1, for the first certificate that was issued. OpenSSL makes it.
    fn ocsp_path(&self) -> Result<String> {
        let dir = folder(&self.dir, "ocsp")?;
        for (name, file) in [("authority", "ca.der"), ("leaf-0-0000000000", "leaf.der")] {
            let answer =
                self.strongroom.send("GET", &format!("/certificates/{name}/{VERSION}"), None)?;
            let bundle: Value = serde_json::from_slice(&answer.body)?;
            let cer = bundle["cer"].as_str().ok_or("a certificate without cer")?;
            std::fs::write(dir.join(file), STANDARD.decode(cer)?)?;
        }
        let request = dir.join("request.der");
        let made = std::process::Command::new("openssl")
            .args(["ocsp", "-no_nonce", "-issuer"])
            .arg(dir.join("ca.der"))
            .arg("-cert")
            .arg(dir.join("leaf.der"))
            .arg("-reqout")
            .arg(&request)
            .output()
            .map_err(|error| format!("openssl, which the measurement of OCSP needs: {error}"))?;
        if !made.status.success() {
            return Err(String::from_utf8_lossy(&made.stderr).into());
        }
        let request = STANDARD.encode(std::fs::read(request)?);
        let request = utf8_percent_encode(&request, NON_ALPHANUMERIC);
        Ok(format!("/pki/bench/ocsp/{request}"))
    }

    /// All certificates renewed within one minute of the vault's time, while secrets are read.
    fn storm(&mut self, program: &Path) -> Result<()> {
        let dir = folder(&self.dir, "storm")?;
        let home = Home { program: program.to_owned(), dir, manual_clock: true };
        let mut strongroom = home.start()?;
        strongroom.sample(SAMPLE)?;
        let count = if self.report.secrets < STORM { self.report.secrets } else { STORM };
        let mut make = on(
            &strongroom,
            WRITERS,
            creating("/certificates/storm-".to_owned(), "Self"),
            Until::Sent(count),
        );
        self.load("certificates to renew", &make)?;
        std::thread::sleep(SETTLE);
        let reading = Work::Get(SAMPLE.to_owned());
        make = on(&strongroom, READERS, reading.clone(), Until::Elapsed(self.round));
        let alone = self.load("get, alone", &make)?;

        let begun = Instant::now();
        let mut clock = home.advance(UNTIL_DUE)?;
        std::thread::sleep(Duration::from_millis(200));
        strongroom.renew_token()?;
        let mut beside = Vec::new();
        let took = loop {
            let round = Until::Elapsed(Duration::from_secs(2));
            let load = on(&strongroom, READERS, reading.clone(), round);
            beside.push(self.load("get in the storm", &load)?);
            if let Some(status) = clock.try_wait()? {
                if !status.success() {
                    return Err("strongroom clock advance failed".into());
                }
                break begun.elapsed();
            }
        };
        strongroom.renew_token()?;
        let (missed, doubled) = self.count_versions(&strongroom, count)?;
        if missed + doubled > 0 {
            return Err(format!("{missed} renewals missed, {doubled} doubled").into());
        }
        self.report.rows.extend([
            Row::of("certificates due at once, all renewed once", "", count as f64),
            Row::of("that storm, with reads beside it", "s", took.as_secs_f64()),
            Row::beside("GET p99 in the storm; alone", "µs", &[(p99(&beside), alone.p99_us)])
                .must(Goal::RatioAtMost(2.0)),
        ]);
        Ok(())
    }

    /// How many certificates have fewer, and more, than two versions.
    fn count_versions(&self, strongroom: &Strongroom, count: u64) -> Result<(u64, u64)> {
        let (mut missed, mut doubled) = (0, 0);
        for number in 0..count {
            let path = format!("/certificates/storm-{number:010}/versions{VERSION}");
            let Answer { body, .. } = strongroom.send("GET", &path, None)?;
            let page: Value = serde_json::from_slice(&body)?;
            match page["value"].as_array().map_or(0, Vec::len) {
                0 | 1 => missed += 1,
                2 => {}
                _ => doubled += 1,
            }
        }
        Ok((missed, doubled))
    }
}

fn on(strongroom: &Strongroom, connections: usize, work: Work, until: Until) -> Load {
    Load {
        endpoint: strongroom.vault.clone(),
        connections,
        bearer: Some(strongroom.token.clone()),
        work,
        until,
        server_pid: Some(strongroom.server.pid()),
    }
}

fn creating(prefix: String, issuer: &str) -> Work {
    let body = json!({ "policy": policy(issuer, "CN=bench.example") }).to_string();
    Work::PostEach { prefix, suffix: CREATE, body }
}

fn policy(issuer: &str, subject: &str) -> Value {
    json!({
        "issuer": { "name": issuer },
        "key_props": { "kty": "EC", "crv": "P-256", "exportable": true, "reuse_key": false },
        "secret_props": { "contentType": "application/x-pkcs12" },
        "x509_props": { "subject": subject, "sans": { "dns_names": ["bench.example"] } },
        "lifetime_actions": [
            { "trigger": { "lifetime_percentage": 80 }, "action": { "action_type": "AutoRenew" } }
        ],
    })
}

fn rate(rounds: &[Figures]) -> f64 {
    median(rounds.iter().map(|figures| figures.rps).collect())
}

fn p99(rounds: &[Figures]) -> f64 {
    median(rounds.iter().map(|figures| figures.p99_us).collect())
}
