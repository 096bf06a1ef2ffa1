//! The door before all others: the firewall, as "Configure network security for Azure Key Vault"
//! documents it. Addresses are compared bit by bit, rule by rule.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use strongroom_authz::NetworkRefusal;
use strongroom_authz::network::admit;
use strongroom_model::{Caller, Firewall, IdentityType, NetworkAcls, PrincipalId};

use crate::run::{Dice, Door, Tally, without_one};
use crate::table::{principal, tenant};

/// What an evaluator could get wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FirewallFlaw {
    ForgetsTheLastBit,
    ForgetsIpv6,
    TakesMappedAddressesForIpv6,
    LetsTrustedPastAnyway,
    TrustsGroups,
    AllowsByDefault,
    ForgetsDisabled,
}

pub(crate) const FIREWALL_FLAWS: [FirewallFlaw; 7] = [
    FirewallFlaw::ForgetsTheLastBit,
    FirewallFlaw::ForgetsIpv6,
    FirewallFlaw::TakesMappedAddressesForIpv6,
    FirewallFlaw::LetsTrustedPastAnyway,
    FirewallFlaw::TrustsGroups,
    FirewallFlaw::AllowsByDefault,
    FirewallFlaw::ForgetsDisabled,
];

/// A vault's network settings, and who is trusted besides.
#[derive(Clone, Debug)]
pub(crate) struct Network {
    public: bool,
    acls: Option<Acls>,
    trusted: Vec<u8>,
}

#[derive(Clone, Debug)]
struct Acls {
    bypass: bool,
    default_deny: bool,
    rules: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct FirewallQuestion {
    from: IpAddr,
    who: Option<u8>,
    groups: Vec<u8>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Passage {
    ComesIn,
    NoRule,
    Disabled,
}

fn decide(network: &Network, question: &FirewallQuestion) -> Passage {
    let bypass = network.acls.as_ref().is_none_or(|acls| acls.bypass);
    if bypass && question.who.is_some_and(|who| network.trusted.contains(&who)) {
        return Passage::ComesIn;
    }
    match &network.acls {
        _ if !network.public => Passage::Disabled,
        Some(acls) if acls.default_deny => {
            let is_in = acls.rules.iter().any(|rule| is_within(question.from, rule));
            if is_in { Passage::ComesIn } else { Passage::NoRule }
        }
        _ => Passage::ComesIn,
    }
}

/// The address as its version's bits: an IPv4 address that came over an IPv6 socket is one.
fn bits(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.octets().iter().map(|octet| format!("{octet:08b}")).collect(),
        IpAddr::V6(v6) => match v6.segments() {
            [0, 0, 0, 0, 0, 0xffff, a, b] => format!("{a:016b}{b:016b}"),
            segments => segments.iter().map(|segment| format!("{segment:016b}")).collect(),
        },
    }
}

fn is_within(address: IpAddr, rule: &str) -> bool {
    let (network, length) = match rule.split_once('/') {
        Some((network, length)) => (network, Some(length.parse::<usize>().unwrap())),
        None => (rule, None),
    };
    let (network, address) = (bits(network.parse().unwrap()), bits(address));
    let length = length.unwrap_or(network.len());
    network.len() == address.len() && network.chars().take(length).eq(address.chars().take(length))
}

/// Addresses that are near each other, at the ends of common ranges.
fn address(dice: &mut Dice) -> IpAddr {
    let low = u32::from(dice.small(40));
    match dice.below(8) {
        0..=3 => IpAddr::V4(Ipv4Addr::from(0xcb00_7100 + low)),
        4 => IpAddr::V4(dice.one(&[
            Ipv4Addr::new(0, 0, 0, 0),
            Ipv4Addr::new(255, 255, 255, 255),
            Ipv4Addr::new(127, 0, 0, 1),
            Ipv4Addr::new(10, 0, 0, 5),
            Ipv4Addr::new(203, 0, 112, 255),
        ])),
        5 => IpAddr::V6(Ipv4Addr::from(0xcb00_7100 + low).to_ipv6_mapped()),
        6 => IpAddr::V6(Ipv6Addr::from((0x2001_0db8_u128 << 96) + u128::from(low))),
        _ => IpAddr::V6(Ipv6Addr::from((0x2001_0db8_u128 << 96) + (u128::from(low) << 76))),
    }
}

fn rule(dice: &mut Dice) -> String {
    let address = address(dice);
    let longest: u8 = match address {
        IpAddr::V4(_) => 32,
        // Written so, it is one address and no network.
        IpAddr::V6(v6) if v6.to_ipv4_mapped().is_some() => return address.to_string(),
        IpAddr::V6(_) => 128,
    };
    match dice.below(4) {
        0 => address.to_string(),
        1 if dice.once_in(4) => format!("{address}/{}", dice.small(longest + 1)),
        _ => format!("{address}/{}", longest - dice.small(7)),
    }
}

/// `network::admit`.
pub(crate) struct Outer(pub(crate) Option<FirewallFlaw>);

impl Outer {
    fn acls(&self, acls: &Acls) -> NetworkAcls {
        let flaw = self.0;
        let mut ip_rules = acls.rules.clone();
        if flaw == Some(FirewallFlaw::ForgetsIpv6) {
            ip_rules.retain(|rule| !rule.contains(':'));
        }
        if flaw == Some(FirewallFlaw::ForgetsTheLastBit) {
            ip_rules = ip_rules.iter().map(|rule| rule.replace("/32", "/31")).collect();
        }
        let acls = NetworkAcls {
            bypass_azure_services: acls.bypass || flaw == Some(FirewallFlaw::LetsTrustedPastAnyway),
            default_deny: acls.default_deny && flaw != Some(FirewallFlaw::AllowsByDefault),
            ip_rules,
            virtual_network_rules: Vec::new(),
        };
        // As the control plane keeps them.
        acls.checked(false).unwrap()
    }
}

impl Door for Outer {
    type World = Network;
    type Question = FirewallQuestion;
    type Ready = (Firewall, Vec<PrincipalId>);
    type Answer = Passage;

    fn world(&self, dice: &mut Dice) -> Network {
        Network {
            public: !dice.once_in(5),
            acls: (!dice.once_in(12)).then(|| Acls {
                bypass: dice.once_in(2),
                default_deny: !dice.once_in(6),
                rules: dice.list(0..=10, rule),
            }),
            trusted: dice.list(0..=2, |dice| dice.small(6)),
        }
    }

    fn question(&self, dice: &mut Dice) -> FirewallQuestion {
        FirewallQuestion {
            from: address(dice),
            who: (!dice.once_in(4)).then(|| dice.small(6)),
            groups: dice.list(0..=2, |dice| dice.small(6)),
        }
    }

    fn ready(&self, world: &Network) -> Self::Ready {
        let acls = world.acls.as_ref().map(|acls| self.acls(acls));
        let public = world.public || self.0 == Some(FirewallFlaw::ForgetsDisabled);
        let trusted = world.trusted.iter().map(|n| principal(*n)).collect();
        (Firewall::new(public, acls.as_ref()), trusted)
    }

    fn ask(&self, (firewall, trusted): &Self::Ready, question: &FirewallQuestion) -> Passage {
        let mut trusted = trusted.clone();
        let groups: Vec<PrincipalId> = question.groups.iter().map(|g| principal(*g)).collect();
        let caller = question.who.map(|who| Caller {
            tenant: tenant(0),
            object_id: principal(who),
            app_id: None,
            upn: None,
            groups: groups.clone(),
            identity_type: IdentityType::App,
            issuer: String::new(),
        });
        if self.0 == Some(FirewallFlaw::TrustsGroups)
            && groups.iter().any(|group| trusted.contains(group))
        {
            trusted.extend(caller.as_ref().map(|caller| caller.object_id));
        }
        let from = match question.from {
            IpAddr::V6(v6) if self.0 == Some(FirewallFlaw::TakesMappedAddressesForIpv6) => {
                let [_, _, _, _, _, _, a, b] = v6.segments();
                IpAddr::V6(Ipv6Addr::new(0, 0, 0, 0, 0, 0, a, b))
            }
            from => from,
        };
        match admit(firewall, from, caller.as_ref(), &trusted) {
            Ok(()) => Passage::ComesIn,
            Err(NetworkRefusal::Firewall(_)) => Passage::NoRule,
            Err(NetworkRefusal::Disabled) => Passage::Disabled,
        }
    }

    fn judge(
        &self,
        world: &Network,
        question: &FirewallQuestion,
        answer: &Passage,
        tally: &mut Tally,
    ) -> Result<(), String> {
        let expected = decide(world, question);
        if *answer != expected {
            return Err(format!("it is {expected:?}"));
        }
        let is_strict = world.acls.as_ref().is_some_and(|acls| acls.default_deny);
        let by_rule = |acls: &Acls| acls.rules.iter().any(|rule| is_within(question.from, rule));
        let is_by_rule = world.public && is_strict && world.acls.as_ref().is_some_and(by_rule);
        tally.count(match expected {
            Passage::NoRule => "refused by the firewall",
            Passage::Disabled => "refused, for the public network is off",
            Passage::ComesIn if is_by_rule => "let in by a rule",
            Passage::ComesIn if is_strict || !world.public => "let in as a trusted service",
            Passage::ComesIn => "let in, for nothing is refused",
        });
        tally.count_if(is_by_rule && question.from.is_ipv6(), "let in by a rule, over IPv6");
        Ok(())
    }

    fn smaller(&self, world: &Network) -> Vec<Network> {
        let Some(acls) = &world.acls else { return Vec::new() };
        let less = |rules| Some(Acls { rules, ..acls.clone() });
        without_one(&acls.rules)
            .map(|rules| Network { acls: less(rules), ..world.clone() })
            .collect()
    }
}
