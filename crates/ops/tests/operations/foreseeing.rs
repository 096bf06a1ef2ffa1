//! What a proposed change would have refused, from a journal in memory.

use std::net::IpAddr;
use std::sync::Arc;

use strongroom_audit::Record;
use strongroom_authz::roles;
use strongroom_directory::TrustedIssuer;
use strongroom_model::{
    AccessPolicy, DenyAssignmentId, DenyPrincipal, Kind, NetworkAcls, Operation, PolicyPermissions,
    PrincipalId, RequestId, RoleAssignmentId, RolePermissions, Scope, VaultName,
};
use strongroom_ops::OpError;
use strongroom_ops::principals::MemberChange;
use strongroom_ops::roles::NewDenial;
use strongroom_ops::vaults::{VaultAddress, VaultEditor, VaultRefusal, VaultSettings};
use strongroom_ops::what_if::{
    Difference, NotJudged, Proposal, ProposedAssignment, Report, Seen, Stretch, VaultProposal,
};
use strongroom_store::Txn;
use strongroom_store::memory::MemoryStore;
use uuid::Uuid;

use crate::support::Node;

const SECRETS_USER: &str = "Key Vault Secrets User";
const OFFICE: &str = "192.0.2.7";
const ELSEWHERE: &str = "203.0.113.9";
const ISSUER: &str = "https://login.example.com/v2.0";

/// An installation with a vault `vlt` in which roles decide.
struct Scene {
    node: Node<MemoryStore>,
    vault: Scope,
}

/// The one who asks, and what the journal says of the request beside.
#[derive(Clone, Copy)]
struct Asker<'a> {
    who: Option<PrincipalId>,
    from: &'a str,
}

fn asker(who: PrincipalId) -> Asker<'static> {
    Asker { who: Some(who), from: OFFICE }
}

impl Asker<'_> {
    fn from(self, from: &str) -> Asker<'_> {
        Asker { from, ..self }
    }
}

impl Scene {
    async fn new() -> Self {
        let node = Node::new(MemoryStore::new(), true).await;
        let vault = node.vault("vlt", "rg").await.unwrap().scope();
        Self { node, vault }
    }

    async fn application(&self, name: &str) -> PrincipalId {
        let (tenant, mut call) = (self.node.owner.tenant, self.node.call());
        let made = self.node.ops.create_application(name, tenant, None, &mut call).await.unwrap();
        made.application.object_id
    }

    async fn assign(&self, who: PrincipalId, role: &str, at: &Scope) -> RoleAssignmentId {
        let role = roles::by_name(role).unwrap().id;
        let mut call = self.node.call();
        self.node.ops.create_role_assignment(who, role, at.clone(), &mut call).await.unwrap().id
    }

    /// An application that reads secrets of the vault.
    async fn reader(&self, name: &str) -> (PrincipalId, RoleAssignmentId) {
        let who = self.application(name).await;
        (who, self.assign(who, SECRETS_USER, &self.vault).await)
    }

    fn record(&self, operation: &'static str, asker: Asker<'_>) -> Record {
        let mut record =
            Record::new(RequestId(Uuid::new_v4()), self.node.clock.now_ms(), operation);
        record.identity.object_id = asker.who.map(|who| who.to_string());
        record.caller_ip = Some(asker.from.parse::<IpAddr>().unwrap());
        self.vault.as_str().clone_into(&mut record.resource_id);
        record
    }

    /// A request to the vault as the journal keeps it.
    fn asked(&self, operation: Operation, object: &str, asker: Asker<'_>) {
        self.keep(&self.data(operation, object, asker));
    }

    fn data(&self, operation: Operation, object: &str, asker: Asker<'_>) -> Record {
        let mut record = self.record(operation.audit_name(), asker);
        let collection = match operation.kind() {
            Kind::Secret => "secrets",
            Kind::Key => "keys",
            Kind::Certificate => "certificates",
        };
        record.request_uri =
            format!("https://vlt.vault.localhost:8443/{collection}/{object}?api-version=7.4");
        record.success = true;
        record
    }

    fn keep(&self, record: &Record) {
        self.node.ops.audit().append(record).unwrap();
    }

    async fn try_what_if(&self, proposal: &Proposal) -> Result<Report, OpError> {
        let to_ms = self.node.clock.now_ms();
        let mut stretch = Stretch { from_ms: to_ms - 86_400_000, to_ms, before: None };
        let mut report = Report::default();
        loop {
            let reading = self.node.ops.what_if(proposal, stretch).await?;
            report.merge(reading.report);
            match reading.next {
                None => return Ok(report),
                next => stretch.before = next,
            }
        }
    }

    async fn what_if(&self, proposal: Proposal) -> Report {
        self.try_what_if(&proposal).await.unwrap()
    }

    async fn settings(&self, settings: VaultSettings) {
        let directory = self.node.directory.current();
        let vault = Arc::clone(&directory.vault("vlt").unwrap().resource);
        let address = VaultAddress::from(&*vault);
        let by = VaultEditor::on_this_host();
        self.node.ops.update_vault(&address, &settings, &by, &mut self.node.call()).await.unwrap();
    }
}

fn removing(id: RoleAssignmentId) -> Proposal {
    Proposal { removed_assignments: vec![id], ..Proposal::default() }
}

fn on_vault(settings: VaultSettings) -> Proposal {
    let name = VaultName::parse("vlt").unwrap();
    let vault = VaultProposal { name, settings, removed_policies: Vec::new() };
    Proposal { vaults: vec![vault], ..Proposal::default() }
}

fn closed(rules: &[&str], bypass_azure_services: bool) -> VaultSettings {
    let ip_rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
    let acls = NetworkAcls {
        default_deny: true,
        bypass_azure_services,
        ip_rules,
        ..NetworkAcls::default()
    };
    VaultSettings { network: Some(acls), ..VaultSettings::default() }
}

fn roles_decide(rbac: bool) -> VaultSettings {
    VaultSettings { rbac: Some(rbac), ..VaultSettings::default() }
}

/// Who, what, on which object and with which code, and how often.
fn shown(differences: &std::collections::BTreeMap<Difference, Seen>) -> Vec<(String, u64)> {
    let mut shown: Vec<_> = differences
        .iter()
        .map(|(one, seen)| {
            let who = one.principal.as_deref().unwrap_or(&one.principal_id);
            let object = one.object.as_deref().unwrap_or("-");
            (format!("{who} {} {object} {}", one.operation, one.code), seen.count)
        })
        .collect();
    shown.sort();
    shown
}

fn one(text: &str, count: u64) -> Vec<(String, u64)> {
    vec![(text.to_owned(), count)]
}

#[tokio::test]
async fn without_an_assignment_exactly_what_it_allowed_is_refused() {
    let scene = Scene::new().await;
    let (web, assignment) = scene.reader("web").await;
    let (batch, _) = scene.reader("batch").await;
    let both = scene.application("both").await;
    let first = scene.assign(both, SECRETS_USER, &scene.vault).await;
    scene.assign(both, SECRETS_USER, &Scope::subscription(scene.node.owner.subscription)).await;
    for _ in 0..3 {
        scene.asked(Operation::GetSecret, "db", asker(web));
    }
    scene.asked(Operation::GetSecret, "DB", asker(web));
    scene.asked(Operation::GetSecrets, "", asker(web));
    scene.asked(Operation::SetSecret, "db", asker(web));
    scene.asked(Operation::GetSecret, "db", asker(batch));
    scene.asked(Operation::GetSecret, "db", asker(both));

    let report = scene.what_if(removing(assignment)).await;
    let expected = [
        ("web SecretGet db ForbiddenByRbac".to_owned(), 4),
        ("web SecretList - ForbiddenByRbac".to_owned(), 1),
    ];
    assert_eq!(shown(&report.refused), expected, "what was refused before stays so");
    assert!(report.allowed.is_empty(), "{report:?}");
    let (row, seen) = report.refused.iter().find(|(row, _)| row.object.is_some()).unwrap();
    assert_eq!(row.scope, format!("{}/secrets/db", scene.vault));
    assert_eq!((row.vault.as_deref(), row.address), (Some("vlt"), OFFICE.parse().ok()));
    assert_eq!(seen.last_ms, scene.node.clock.now_ms());

    let other = scene.what_if(removing(first)).await;
    assert!(other.refused.is_empty(), "another assignment still allows it: {other:?}");
    // Nothing has changed.
    assert!(scene.node.directory.current().assignment(assignment).is_some());
}

#[tokio::test]
async fn a_deny_assignment_refuses_and_goes() {
    let scene = Scene::new().await;
    let (web, _) = scene.reader("web").await;
    let (batch, _) = scene.reader("batch").await;
    let denial = NewDenial {
        id: DenyAssignmentId(Uuid::from_u128(3)),
        name: "freeze".into(),
        description: String::new(),
        permissions: RolePermissions {
            data_actions: vec!["Microsoft.KeyVault/vaults/secrets/getSecret/action".into()],
            ..RolePermissions::default()
        },
        scope: scene.vault.clone(),
        only_here: false,
        principals: vec![DenyPrincipal { id: DenyPrincipal::EVERYONE, kind: None }],
        excluded: vec![DenyPrincipal { id: batch, kind: None }],
        condition: None,
    };
    for who in [web, batch] {
        scene.asked(Operation::GetSecret, "a", asker(who));
        scene.asked(Operation::GetSecrets, "", asker(who));
    }
    let made = Proposal { made_denials: vec![denial.clone()], ..Proposal::default() };
    let report = scene.what_if(made).await;
    assert_eq!(shown(&report.refused), one("web SecretGet a ForbiddenByRbac", 1));
    let nobody = NewDenial { principals: Vec::new(), ..denial.clone() };
    let nobody = Proposal { made_denials: vec![nobody], ..Proposal::default() };
    assert!(matches!(scene.try_what_if(&nobody).await, Err(OpError::Invalid(_))));

    let ops = &scene.node.ops;
    let id = ops.create_deny_assignment(denial, &mut scene.node.call()).await.unwrap().id;
    let gone = Proposal { removed_denials: vec![id], ..Proposal::default() };
    let report = scene.what_if(gone).await;
    assert_eq!(shown(&report.allowed), one("web SecretGet a ForbiddenByRbac", 1));
    assert!(report.refused.is_empty());
}

#[tokio::test]
async fn members_lose_what_their_group_loses() {
    let scene = Scene::new().await;
    let (member, other) = (scene.application("member").await, scene.application("other").await);
    let ops = &scene.node.ops;
    let tenant = scene.node.owner.tenant;
    let mut call = scene.node.call();
    let group = ops.create_group("readers".into(), tenant, &mut call).await.unwrap().object_id;
    let change = MemberChange::Add(member);
    ops.change_members(group, change, &mut scene.node.call()).await.unwrap();
    let assignment = scene.assign(group, SECRETS_USER, &scene.vault).await;
    scene.asked(Operation::GetSecret, "a", asker(member));
    scene.asked(Operation::GetSecret, "a", asker(other));
    let report = scene.what_if(removing(assignment)).await;
    assert_eq!(shown(&report.refused), one("member SecretGet a ForbiddenByRbac", 1));
}

#[tokio::test]
async fn a_firewall_refuses_by_address_and_before_roles() {
    let mut scene = Scene::new().await;
    let (web, _) = scene.reader("web").await;
    let (trusted, _) = scene.reader("trusted").await;
    scene.node.ops = scene.node.ops.with_trusted_services(vec![trusted]);
    scene.asked(Operation::GetSecret, "a", asker(web));
    scene.asked(Operation::GetSecret, "a", asker(web).from(ELSEWHERE));
    scene.asked(Operation::GetSecret, "a", asker(web).from("::ffff:203.0.113.9"));
    scene.asked(Operation::GetSecret, "a", asker(trusted).from(ELSEWHERE));
    // Refused today, too.
    scene.asked(Operation::SetSecret, "a", asker(web).from(ELSEWHERE));

    let report = scene.what_if(on_vault(closed(&["192.0.2.0/24"], true))).await;
    let from: Vec<_> = report.refused.keys().map(|row| (row.address, row.code.clone())).collect();
    assert!(from.iter().all(|(_, code)| code == "ForbiddenByFirewall"), "{from:?}");
    assert_eq!(report.refusals(), 2);
    assert_eq!(shown(&report.refused)[0].0, "web SecretGet a ForbiddenByFirewall");

    let report = scene.what_if(on_vault(closed(&["192.0.2.0/24"], false))).await;
    assert_eq!(report.refusals(), 3, "nor is the trusted service let past: {report:?}");

    let shut = VaultSettings { public_network_access: Some(false), ..VaultSettings::default() };
    let report = scene.what_if(on_vault(shut)).await;
    assert_eq!(report.refusals(), 3);
    assert!(report.refused.keys().all(|row| row.code == "ForbiddenByConnection"));

    // And the other way round.
    scene.settings(closed(&[], true)).await;
    let report = scene.what_if(on_vault(closed(&["192.0.2.7"], true))).await;
    assert_eq!(shown(&report.allowed), one("web SecretGet a ForbiddenByFirewall", 1));
    assert!(report.refused.is_empty());
}

#[tokio::test]
async fn the_permission_model_decides_for_everybody() {
    let scene = Scene::new().await;
    let (web, _) = scene.reader("web").await;
    let old = scene.application("old").await;
    let permissions =
        PolicyPermissions { secrets: vec!["get".into()], ..PolicyPermissions::default() };
    let tenant = scene.node.owner.tenant;
    let policy = AccessPolicy { tenant, object_id: old, application_id: None, permissions };
    let kept = VaultSettings { access_policies: Some(vec![policy]), ..VaultSettings::default() };
    scene.settings(kept).await;
    for who in [web, old] {
        scene.asked(Operation::GetSecret, "a", asker(who));
        scene.asked(Operation::GetSecrets, "", asker(who));
    }
    let report = scene.what_if(on_vault(roles_decide(false))).await;
    let lost = [
        ("web SecretGet a AccessDenied".to_owned(), 1),
        ("web SecretList - AccessDenied".to_owned(), 1),
    ];
    assert_eq!(shown(&report.refused), lost);
    assert_eq!(shown(&report.allowed), one("old SecretGet a ForbiddenByRbac", 1));

    // Once it is so, the policy is what allows it.
    scene.settings(roles_decide(false)).await;
    let name = VaultName::parse("vlt").unwrap();
    let settings = VaultSettings::default();
    let vault = VaultProposal { name, settings, removed_policies: vec![old] };
    let without = Proposal { vaults: vec![vault.clone()], ..Proposal::default() };
    let report = scene.what_if(without).await;
    assert_eq!(shown(&report.refused), one("old SecretGet a AccessDenied", 1));
    let of_nobody = VaultProposal { removed_policies: vec![web], ..vault };
    let of_nobody = Proposal { vaults: vec![of_nobody], ..Proposal::default() };
    let refused = scene.try_what_if(&of_nobody).await;
    assert!(matches!(refused, Err(OpError::Vault(VaultRefusal::NoMatchingPolicy))));
}

#[tokio::test]
async fn what_is_newly_allowed_is_told_and_changes_combine() {
    let scene = Scene::new().await;
    let (web, assignment) = scene.reader("web").await;
    let new = scene.application("new").await;
    for who in [web, new] {
        scene.asked(Operation::GetSecret, "one", asker(who));
        scene.asked(Operation::GetSecret, "two", asker(who));
    }
    let made = ProposedAssignment {
        role: roles::by_name(SECRETS_USER).unwrap().id,
        principal: new,
        scope: scene.vault.object(Kind::Secret, "one"),
    };
    let swap = Proposal { made_assignments: vec![made], ..removing(assignment) };
    let report = scene.what_if(swap).await;
    assert_eq!(shown(&report.allowed), one("new SecretGet one ForbiddenByRbac", 1));
    assert_eq!(report.refusals(), 2, "web loses both");
    assert_eq!(report.judged, 4);
}

#[tokio::test]
async fn the_control_plane_is_judged_by_its_actions() {
    let scene = Scene::new().await;
    let admin = scene.application("admin").await;
    let group = Scope::parse(scene.vault.as_str().split("/providers").next().unwrap()).unwrap();
    let assignment = scene.assign(admin, "Contributor", &group).await;
    let owner = scene.assign(admin, "User Access Administrator", &group).await;
    let mut record = scene.record("Microsoft.KeyVault/vaults/write", asker(admin));
    record.rbac_authorized = Some(true);
    scene.keep(&record);
    // A list that leaves out what its caller may not see demands nothing.
    record.rbac_authorized = None;
    record.operation = "Microsoft.Resources/subscriptions/read".into();
    scene.keep(&record);
    let mut grant = scene.record("Microsoft.Authorization/roleAssignments/write", asker(admin));
    grant.rbac_authorized = Some(true);
    scene.keep(&grant);
    grant.properties = vec![
        ("principalId".into(), Uuid::from_u128(5).to_string()),
        ("roleDefinitionId".into(), roles::by_name(SECRETS_USER).unwrap().id.to_string()),
    ];
    scene.keep(&grant);
    let mut elevate = scene.record("Microsoft.Authorization/elevateAccess/action", asker(admin));
    elevate.rbac_authorized = Some(true);
    scene.keep(&elevate);

    let report = scene.what_if(removing(assignment)).await;
    let text = "admin Microsoft.KeyVault/vaults/write - AuthorizationFailed";
    assert_eq!(shown(&report.refused), one(text, 1));
    assert_eq!(report.refused.keys().next().unwrap().address, None);
    let report = scene.what_if(removing(owner)).await;
    let text = "admin Microsoft.Authorization/roleAssignments/write - AuthorizationFailed";
    assert_eq!(shown(&report.refused), one(text, 1));
    // One that does not say what it assigned, and the elevation, which the configuration decides.
    assert_eq!(report.not_judged.get(&NotJudged::NotKept), Some(&2));
    assert!(report.not_judged.get(&NotJudged::AsksNothing).is_some_and(|count| *count >= 1));
}

#[tokio::test]
async fn what_cannot_be_judged_is_counted_by_its_reason() {
    let scene = Scene::new().await;
    let (web, assignment) = scene.reader("web").await;
    let before = scene.what_if(removing(assignment)).await;
    assert_eq!(before.judged, 0, "the set-up was nobody's");
    let of = |report: &Report, why| report.not_judged.get(&why).copied().unwrap_or_default();

    let mut nobody = scene.record("Authentication", Asker { who: None, from: ELSEWHERE });
    nobody.count = 40;
    scene.keep(&nobody);
    scene.asked(Operation::GetSecret, "a", asker(PrincipalId(Uuid::from_u128(9))));
    let mut gone = scene.data(Operation::GetSecret, "a", asker(web));
    gone.resource_id = scene.vault.as_str().replace("/vlt", "/gone");
    scene.keep(&gone);
    // The same name in another group was another vault.
    gone.resource_id = scene.vault.as_str().replace("/rg/", "/elsewhere/");
    scene.keep(&gone);
    scene.keep(&scene.record("SignIn", asker(web)));

    let report = scene.what_if(removing(assignment)).await;
    assert_eq!(of(&report, NotJudged::Nobody), of(&before, NotJudged::Nobody) + 40);
    assert_eq!(of(&report, NotJudged::PrincipalGone), 1);
    assert_eq!(of(&report, NotJudged::VaultGone), 2);
    assert_eq!(of(&report, NotJudged::AsksNothing), 1);
    assert_eq!(report.looked_at, before.looked_at + 44);
    assert_eq!((report.judged, report.refusals()), (0, 0));
}

#[tokio::test]
async fn the_public_half_of_a_key_is_no_guess() {
    let scene = Scene::new().await;
    let user = scene.application("user").await;
    let crypto = scene.assign(user, "Key Vault Crypto User", &scene.vault).await;
    scene.asked(Operation::Sign, "k", asker(user));
    scene.asked(Operation::Encrypt, "k", asker(user));
    let reader = ProposedAssignment {
        role: roles::by_name("Key Vault Reader").unwrap().id,
        principal: user,
        scope: scene.vault.clone(),
    };
    let only_reads = Proposal { made_assignments: vec![reader], ..removing(crypto) };
    let report = scene.what_if(only_reads).await;
    assert_eq!(shown(&report.refused), one("user KeySign k ForbiddenByRbac", 1));
    assert_eq!(report.not_judged.get(&NotJudged::KeyType), Some(&1));
}

#[tokio::test]
async fn a_foreign_tokens_group_is_known_by_what_it_allowed() {
    let scene = Scene::new().await;
    let issuer = TrustedIssuer {
        issuer: ISSUER.into(),
        tenant: scene.node.owner.tenant,
        audience: "api://strongroom-test".into(),
        algorithms: vec!["RS256".into()],
        jwks_uri: None,
        ca_pem: None,
        required_claims: Vec::new(),
        management_audience: None,
        graph_audience: None,
    };
    let (key, row) = scene.node.directory.row(&issuer).unwrap();
    scene.node.directory.commit(Txn::new().put(key, row)).await.unwrap();
    let (group, person) = (PrincipalId(Uuid::from_u128(7)), PrincipalId(Uuid::from_u128(8)));
    let assignment = scene.assign(group, SECRETS_USER, &scene.vault).await;
    let mut record = scene.data(Operation::GetSecret, "a", asker(person));
    record.identity.upn = Some("ada@example.com".into());
    record.properties = vec![("issuer".into(), ISSUER.into())];
    record.rbac_authorized = Some(true);
    record.applied_assignment_id = Some(assignment.to_string());
    scene.keep(&record);
    // Another group of the token allowed this, by an assignment that is gone.
    record.applied_assignment_id = Some(Uuid::from_u128(10).to_string());
    scene.keep(&record);
    record.properties = vec![("issuer".into(), "https://gone.example.com".into())];
    scene.keep(&record);

    let report = scene.what_if(removing(assignment)).await;
    assert_eq!(shown(&report.refused), one("ada@example.com SecretGet a ForbiddenByRbac", 1));
    assert_eq!(report.not_judged.get(&NotJudged::TokenGroups), Some(&1));
    assert_eq!(report.not_judged.get(&NotJudged::PrincipalGone), Some(&1));
}

#[tokio::test]
async fn an_acme_account_is_judged_as_its_principal() {
    let mut scene = Scene::new().await;
    let issuer = scene.application("issuer").await;
    let officer = scene.assign(issuer, "Key Vault Certificates Officer", &scene.vault).await;
    scene.node.ops = scene.node.ops.with_trusted_services(vec![issuer]);
    let mut record = scene.record("CertificateAcmeOrderCreate", asker(issuer).from(ELSEWHERE));
    record.request_uri = "https://vlt.vault.localhost:8443/acme/ca/new-order".into();
    record.properties = vec![("acmeAccount".into(), "x".into())];
    record.rbac_authorized = Some(true);
    scene.keep(&record);
    let report = scene.what_if(removing(officer)).await;
    let text = "issuer CertificateAcmeOrderCreate - ForbiddenByRbac";
    assert_eq!(shown(&report.refused), one(text, 1));
    // Before the account is known, the firewall knows of no trusted service.
    let report = scene.what_if(on_vault(closed(&[], true))).await;
    assert_eq!(report.refusals(), 1);
}

#[tokio::test]
async fn what_is_not_there_cannot_change() {
    let scene = Scene::new().await;
    let (web, _) = scene.reader("web").await;
    let role = roles::by_name(SECRETS_USER).unwrap().id;
    let name = VaultName::parse("nowhere").unwrap();
    let settings = roles_decide(false);
    let nowhere = VaultProposal { name, settings, removed_policies: Vec::new() };
    let same = ProposedAssignment { role, principal: web, scope: scene.vault.clone() };
    let held_already = Proposal { made_assignments: vec![same], ..Proposal::default() };
    for (proposal, is_missing) in [
        (removing(RoleAssignmentId(Uuid::from_u128(1))), true),
        (Proposal { vaults: vec![nowhere], ..Proposal::default() }, true),
        (held_already, false),
        (on_vault(closed(&["no network"], true)), false),
    ] {
        let refused = scene.try_what_if(&proposal).await.unwrap_err();
        assert_eq!(matches!(refused, OpError::NoSuch(_)), is_missing, "{refused}");
    }
}

#[tokio::test]
async fn a_long_journal_is_read_part_by_part() {
    let scene = Scene::new().await;
    let (web, assignment) = scene.reader("web").await;
    let mut record = scene.data(Operation::GetSecret, "a", asker(web));
    let start = scene.node.clock.now_ms() - 60_000;
    for n in 0..60_000 {
        record.time_ms = start + n;
        record.request_uri = format!("https://vlt.vault.localhost/secrets/s{}", n % 30);
        scene.keep(&record);
    }
    let to_ms = scene.node.clock.now_ms();
    let stretch = Stretch { from_ms: 0, to_ms, before: None };
    let first = scene.node.ops.what_if(&removing(assignment), stretch).await.unwrap();
    assert!(first.next.is_some() && first.reached_ms > start, "{}", first.reached_ms);
    let report = scene.what_if(removing(assignment)).await;
    assert_eq!(report.refusals(), 60_000);
    assert_eq!(report.refused.len(), 30);
    let last = report.refused.values().map(|seen| seen.last_ms).max().unwrap();
    assert_eq!(last, start + 59_999);
}
