//! `strongroom doctor`: what is wrong between this machine and a vault, step by step in the order
//! of the way: name, connection, TLS, host, vault, firewall, token, role.
//!
//! It stops at the first step that makes the later ones pointless. Vault, firewall and role are
//! told by one request with a token, since a host tells nobody else; so without a token that it
//! takes, they are not known, unless the server on this machine is asked through its socket.

mod connection;
mod control_plane;
mod host;
mod name;
mod registered;
mod report;
mod role;
mod target;
mod tls;
mod token;
mod trust;
mod vault;
mod wire;

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use strongroom_model::Endpoints;

use super::admin::AdminSocket;
use super::installation::Installation;
use super::place::Place;
use super::terminal;
use crate::error::CliError;
use control_plane::ControlPlane;
use host::Service;
use registered::Registered;
use report::{Finding, Report, Step};
use role::{Judgement, Refused};
use target::{Kind, Target};
use tls::Proved;
use token::Token;

/// `strongroom doctor`
#[derive(Args)]
pub(crate) struct DoctorArgs {
    /// A vault, something in it, or the installation's login, management or graph host, such as
    /// `https://dev.vault.localhost:8443/secrets/a`.
    url: String,
    #[command(flatten)]
    place: Place,
    /// A file that holds an access token, instead of a sign-in.
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
    /// How the findings are printed.
    #[arg(long, short = 'o', value_enum, default_value_t = Shape::Text)]
    output: Shape,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Shape {
    /// For people.
    Text,
    /// One JSON object.
    Json,
}

/// Examines, prints what was found, and ends with the first that is wrong.
pub(crate) async fn run(args: DoctorArgs) -> Result<(), CliError> {
    let user = Installation::of_programs(&args.place);
    let known = user.as_ref().ok().map(|user| user.endpoints.clone());
    let target = Target::parse(&args.url, known.as_ref())?;
    let mut report = Report::default();
    let examination = Examination { args: &args, target: &target, user, known };
    examination.run(&mut report).await?;
    let printed = match args.output {
        Shape::Text => report.text(),
        Shape::Json => {
            let json = report.json(target.url.as_str());
            serde_json::to_string_pretty(&json).map_err(CliError::failed)? + "\n"
        }
    };
    terminal::print(printed.as_bytes())?;
    report.end()
}

struct Examination<'a> {
    args: &'a DoctorArgs,
    target: &'a Target,
    /// Where the programs of this environment sign in, and as whom.
    user: Result<Installation, CliError>,
    /// The installation that this environment knows.
    known: Option<Endpoints>,
}

impl Examination<'_> {
    async fn run(self, report: &mut Report) -> Result<(), CliError> {
        let (target, known) = (self.target, self.known.as_ref());
        let Some(addresses) = report.take(Step::Name, name::resolve(target).await) else {
            return Ok(());
        };
        let connected = connection::connect(target, &addresses, known).await;
        let Some(open) = report.take(Step::Connection, connected) else { return Ok(()) };
        let sources = trust::sources(self.own_ca().as_deref());
        let shaken = tls::shake_hands(target, &open, &sources).await?;
        let Some(proved) = report.take(Step::Tls, shaken) else { return Ok(()) };
        let recognised = host::recognise(target, &proved.answer);
        let Some(service) = report.take(Step::Host, recognised) else { return Ok(()) };
        match target.vault() {
            Some(vault) => self.vault(&proved, &service, vault, report).await,
            None => self.other_host(&proved, &service, report).await,
        }
    }

    /// The certificate that a ready file names; the environment's variables count by themselves.
    fn own_ca(&self) -> Option<PathBuf> {
        let is_set = std::env::var_os("AZURE_AUTHORITY_HOST").is_some_and(|host| !host.is_empty());
        if is_set && !self.args.place.is_named() {
            return None;
        }
        self.args.place.ready().ok().map(|ready| ready.ca_file)
    }

    async fn vault(
        mut self,
        proved: &Proved,
        service: &Service,
        vault: &str,
        report: &mut Report,
    ) -> Result<(), CliError> {
        let here = match self.socket() {
            Some(socket) => registered::on_this_machine(&socket, vault).await,
            None => None,
        };
        if let Some(absent) = here.as_ref().and_then(|here| vault::absent(vault, here)) {
            report.add(Step::Vault, absent);
            return Ok(());
        }
        let token = match self.token(proved, service).await {
            Ok(token) => token,
            Err(finding) => {
                without_token(report, here.as_ref(), finding);
                return Ok(());
            }
        };
        let sent = proved.wire.get(self.target.whole(), Some(&token.header)).await;
        let answer = sent.map_err(CliError::failed)?;
        if answer.status == 401 {
            without_token(report, here.as_ref(), token::refused(&answer, &token));
            return Ok(());
        }
        if answer.status == 404 && answer.code() == "VaultNotFound" {
            let absent = self.absent(vault).await;
            report.add(Step::Vault, absent);
            return Ok(());
        }
        report.add(Step::Vault, Finding::ok(format!("'{vault}' is there")));
        if let Some(kept_out) = vault::kept_out(vault, &answer) {
            report.add(Step::Firewall, kept_out);
            return Ok(());
        }
        report.add(Step::Firewall, Finding::ok("it lets this machine in"));
        report.add(Step::Token, Finding::ok(token.told()));
        if !self.target.names_more() {
            let lists = role::of_lists(&proved.wire, self.target, &token).await;
            let lists = lists.map_err(CliError::failed)?;
            self.conclude(lists, report).await;
            return Ok(());
        }
        self.conclude(role::judged(self.target, &answer, &token), report).await;
        Ok(())
    }

    /// A host that has neither vaults nor a firewall.
    async fn other_host(
        mut self,
        proved: &Proved,
        service: &Service,
        report: &mut Report,
    ) -> Result<(), CliError> {
        let token = match self.token(proved, service).await {
            Ok(token) => token,
            Err(finding) => {
                report.add(Step::Token, finding);
                return Ok(());
            }
        };
        if self.target.kind != Kind::Management {
            report.add(Step::Token, Finding::ok(token.told()));
            return Ok(());
        }
        let names_more = self.target.names_more();
        let url = if names_more { self.target.whole() } else { host::question(self.target) };
        let sent = proved.wire.get(url, Some(&token.header)).await;
        let answer = sent.map_err(CliError::failed)?;
        if answer.status == 401 {
            report.add(Step::Token, token::refused(&answer, &token));
            return Ok(());
        }
        report.add(Step::Token, Finding::ok(token.told()));
        if names_more {
            self.conclude(role::judged(self.target, &answer, &token), report).await;
        } else {
            report.add(Step::Role, role::of_subscriptions(&answer, &token));
        }
        Ok(())
    }

    /// The end of the way.
    async fn conclude(&self, judgement: Judgement, report: &mut Report) {
        let explained = match &judgement.refused {
            Some(refused) => self.explained(refused).await,
            None => None,
        };
        report.add(Step::Role, judgement.role.adding(explained));
        if let Some(object) = judgement.object {
            report.add(Step::Object, object);
        }
    }

    /// That of the server on this machine, where its directory is named and it is the URL's.
    fn socket(&self) -> Option<AdminSocket> {
        let place = &self.args.place;
        let ready = place.ready().ok();
        let is_other = ready
            .as_ref()
            .is_some_and(|ready| !self.target.is_of(&Endpoints::new(&ready.base, ready.port)));
        if !place.is_named() || is_other {
            return None;
        }
        let data = ready.and_then(|ready| ready.data);
        Some(AdminSocket::of(data.as_deref().unwrap_or(place.data())))
    }

    async fn token(&mut self, proved: &Proved, service: &Service) -> Result<Token, Finding> {
        if let Some(file) = &self.args.token_file {
            return token::of_file(self.target, service, file);
        }
        match &mut self.user {
            Ok(user) => {
                user.ca_file = Some(proved.ca_file.clone());
                token::of_sign_in(self.target, service, user).await
            }
            Err(why) => Err(token::nowhere_to_sign_in(why, service)),
        }
    }

    /// What became of a vault that is not there.
    async fn absent(&self, vault: &str) -> Finding {
        let known = match self.control_plane().await {
            Some(plane) => registered::in_control_plane(&plane, vault).await,
            None => None,
        };
        let absent = known.and_then(|known| vault::absent(vault, &known));
        absent.unwrap_or_else(|| vault::unknown(vault))
    }

    /// Why a role does not do, from whoever explains it.
    async fn explained(&self, refused: &Refused) -> Option<String> {
        if let Some(socket) = self.socket()
            && let Some(told) = registered::explained_here(&socket, refused).await
        {
            return Some(told);
        }
        registered::explained_there(&self.control_plane().await?, refused).await
    }

    async fn control_plane(&self) -> Option<ControlPlane> {
        let user = self.user.as_ref().ok().filter(|user| self.target.is_of(&user.endpoints))?;
        ControlPlane::open(user).await
    }
}

fn without_token(report: &mut Report, here: Option<&Registered>, finding: Finding) {
    let (vault, firewall) = vault::without_token(here);
    report.add(Step::Vault, vault);
    report.add(Step::Firewall, firewall);
    report.add(Step::Token, finding);
}
