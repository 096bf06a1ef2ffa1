//! A vault's firewall: from which addresses its data plane is reached.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};
use minicbor::{Decode, Encode};

use crate::ModelError;

/// The most address rules a vault may have.
pub const MAX_IP_RULES: usize = 1_000;

/// The most virtual network rules a vault may have.
pub const MAX_VIRTUAL_NETWORK_RULES: usize = 200;

/// The rules of a vault's firewall, as the control plane keeps them.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct NetworkAcls {
    /// Whether trusted services get past (`bypass`: `AzureServices` or `None`).
    #[n(0)]
    pub bypass_azure_services: bool,
    /// Whether only what a rule names gets in (`defaultAction`: `Deny` or `Allow`).
    #[n(1)]
    pub default_deny: bool,
    /// Addresses and networks, each in CIDR form.
    #[n(2)]
    pub ip_rules: Vec<String>,
    /// Subnets of virtual networks: kept and answered, never matched.
    #[n(3)]
    pub virtual_network_rules: Vec<VirtualNetworkRule>,
}

impl Default for NetworkAcls {
    /// What Azure takes for a vault that says nothing.
    fn default() -> Self {
        Self {
            bypass_azure_services: true,
            default_deny: false,
            ip_rules: Vec::new(),
            virtual_network_rules: Vec::new(),
        }
    }
}

/// A subnet that may reach a vault.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct VirtualNetworkRule {
    /// The subnet's resource id.
    #[n(0)]
    pub id: String,
    /// `ignoreMissingVnetServiceEndpoint`.
    #[n(1)]
    pub ignore_missing: bool,
}

impl NetworkAcls {
    /// Checks the rules, and writes every address rule in CIDR form.
    ///
    /// # Errors
    /// [`ModelError::Vault`] for too many rules, one that is no network, and with `azure_strict`
    /// one that the real service refuses: IPv6, and private addresses.
    pub fn checked(mut self, azure_strict: bool) -> Result<Self, ModelError> {
        let (ip_rules, subnets) = (self.ip_rules.len(), self.virtual_network_rules.len());
        if ip_rules > MAX_IP_RULES {
            return Err(ModelError::too_many("networkAcls.ipRules", ip_rules, MAX_IP_RULES));
        }
        if subnets > MAX_VIRTUAL_NETWORK_RULES {
            let most = MAX_VIRTUAL_NETWORK_RULES;
            return Err(ModelError::too_many("networkAcls.virtualNetworkRules", subnets, most));
        }
        for (index, rule) in self.ip_rules.iter_mut().enumerate() {
            let network = parse_network(rule)
                .filter(|network| !azure_strict || matches!(network, IpNet::V4(_)))
                .ok_or_else(|| ModelError::ip_rule(index, rule))?;
            if azure_strict && let Some((range, kind)) = forbidden_range(&network) {
                return Err(ModelError::forbidden_ip_rule(index, rule, range, kind));
            }
            *rule = network.trunc().to_string();
        }
        Ok(self)
    }
}

/// An address or a network in CIDR form.
pub fn parse_network(text: &str) -> Option<IpNet> {
    match text.parse::<IpAddr>() {
        Ok(address) => Some(IpNet::from(address.to_canonical())),
        Err(_) => text.parse().ok(),
    }
}

/// The ranges that the real service takes no rules in.
const FORBIDDEN: &[(&str, &str, &str)] = &[
    ("10.0.0.0/8", "10.0.0.0\u{2013}10.255.255.255", "private IP addresses"),
    ("172.16.0.0/12", "172.16.0.0\u{2013}172.31.255.255", "private IP addresses"),
    ("192.168.0.0/16", "192.168.0.0\u{2013}192.168.255.255", "private IP addresses"),
];

fn forbidden_range(network: &IpNet) -> Option<(&'static str, &'static str)> {
    let IpNet::V4(network) = network else { return None };
    FORBIDDEN.iter().find_map(|(range, shown, kind)| {
        let range: Ipv4Net = range.parse().ok()?;
        (range.contains(network) || network.contains(&range)).then_some((*shown, *kind))
    })
}

/// A firewall as requests meet it: parsed once, and decided without an allocation.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Firewall {
    /// Whether nothing comes in over the public network at all.
    disabled: bool,
    /// Whether trusted services get past.
    bypass: bool,
    /// The ranges let in; `None`: every address.
    allowed: Option<Box<Ranges>>,
}

/// Disjoint ranges of addresses, both ends in it, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Ranges {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

/// What a firewall says of an address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// It comes in.
    Open,
    /// No rule lets it in.
    NotAllowed,
    /// Nothing comes in over the public network.
    Disabled,
}

impl Firewall {
    /// The firewall of a vault's properties. A kept rule that does not parse lets nobody in.
    pub fn new(public_network_access: bool, acls: Option<&NetworkAcls>) -> Self {
        let bypass = acls.is_none_or(|acls| acls.bypass_azure_services);
        let allowed = acls.filter(|acls| acls.default_deny).map(|acls| {
            let networks = acls.ip_rules.iter().filter_map(|rule| parse_network(rule));
            Box::new(Ranges::new(networks))
        });
        Self { disabled: !public_network_access, bypass, allowed }
    }

    /// Whether an address comes in.
    pub fn passage(&self, address: IpAddr) -> Passage {
        if self.disabled {
            return Passage::Disabled;
        }
        match &self.allowed {
            None => Passage::Open,
            Some(ranges) if ranges.contain(address) => Passage::Open,
            Some(_) => Passage::NotAllowed,
        }
    }

    /// Whether trusted services get past.
    pub fn bypasses_trusted_services(&self) -> bool {
        self.bypass
    }
}

impl Ranges {
    fn new(networks: impl Iterator<Item = IpNet>) -> Self {
        let mut ranges = Self::default();
        for network in networks {
            match network {
                IpNet::V4(n) => ranges.v4.push((n.network().into(), n.broadcast().into())),
                IpNet::V6(n) => ranges.v6.push((n.network().into(), n.broadcast().into())),
            }
        }
        merge(&mut ranges.v4);
        merge(&mut ranges.v6);
        ranges
    }

    /// An IPv4 address that came over an IPv6 socket is an IPv4 address.
    fn contain(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(v4) => within(&self.v4, v4.into()),
            IpAddr::V6(v6) => within(&self.v6, v6.into()),
        }
    }
}

/// Sorts ranges, and makes one of those that overlap.
fn merge<T: Copy + Ord>(ranges: &mut Vec<(T, T)>) {
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let overlap = next.0 <= kept.1;
        if overlap {
            kept.1 = kept.1.max(next.1);
        }
        overlap
    });
    ranges.shrink_to_fit();
}

fn within<T: Copy + Ord>(ranges: &[(T, T)], at: T) -> bool {
    let after = ranges.partition_point(|(first, _)| *first <= at);
    let before = after.checked_sub(1).and_then(|last| ranges.get(last));
    before.is_some_and(|(_, last)| at <= *last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acls(rules: &[&str]) -> NetworkAcls {
        let ip_rules = rules.iter().map(|rule| (*rule).to_owned()).collect();
        NetworkAcls { default_deny: true, ip_rules, ..NetworkAcls::default() }
    }

    fn passes(rules: &[&str], address: &str) -> bool {
        let firewall = Firewall::new(true, Some(&acls(rules)));
        firewall.passage(address.parse().unwrap()) == Passage::Open
    }

    #[test]
    fn a_rule_lets_in_its_network_and_no_address_beside_it() {
        let rules = ["198.51.100.16/28", "203.0.113.9", "2001:db8:1::/48"];
        for inside in [
            "198.51.100.16",
            "198.51.100.31",
            "203.0.113.9",
            "2001:db8:1::",
            "2001:db8:1:ffff:ffff:ffff:ffff:ffff",
            "::ffff:203.0.113.9",
        ] {
            assert!(passes(&rules, inside), "{inside}");
        }
        for outside in [
            "198.51.100.15",
            "198.51.100.32",
            "203.0.113.8",
            "203.0.113.10",
            "2001:db8::ffff:ffff",
            "2001:db8:2::",
            "0.0.0.0",
            "255.255.255.255",
            "::",
            "::1",
            "::203.0.113.9",
            "2002:cb00:7109::",
        ] {
            assert!(!passes(&rules, outside), "{outside}");
        }
    }

    #[test]
    fn rules_that_overlap_or_hold_everything_are_one() {
        let nested = ["10.0.0.0/8", "10.1.0.0/16", "10.255.255.0/24", "9.255.255.255"];
        for inside in ["10.0.0.0", "10.200.0.1", "10.255.255.255", "9.255.255.255"] {
            assert!(passes(&nested, inside), "{inside}");
        }
        assert!(!passes(&nested, "11.0.0.0") && !passes(&nested, "9.255.255.254"));
        assert!(passes(&["0.0.0.0/0"], "255.255.255.255") && !passes(&["0.0.0.0/0"], "::1"));
        assert!(passes(&["::/0"], "ffff::") && !passes(&["::/0"], "1.2.3.4"));
    }

    #[test]
    fn no_rules_are_no_entrance() {
        assert!(!passes(&[], "127.0.0.1"));
        assert!(!passes(&["not a network"], "127.0.0.1"), "nor is a damaged one");
        let open = Firewall::new(true, None);
        assert_eq!(open.passage("192.0.2.1".parse().unwrap()), Passage::Open);
        let shut = Firewall::new(false, Some(&acls(&["0.0.0.0/0"])));
        assert_eq!(shut.passage("192.0.2.1".parse().unwrap()), Passage::Disabled);
    }

    #[test]
    fn rules_are_kept_in_cidr_form() {
        let sent = ["1.2.3.4", "10.1.2.3/8", "2001:db8::1", "2001:DB8:0::/32", "::ffff:1.2.3.5"];
        let kept = acls(&sent).checked(false).unwrap().ip_rules;
        let expected = ["1.2.3.4/32", "10.0.0.0/8", "2001:db8::1/128", "2001:db8::/32"];
        assert_eq!(kept[..4], expected);
        assert_eq!(kept[4], "1.2.3.5/32");
    }

    #[test]
    fn what_is_no_network_is_refused_by_its_place() {
        for bad in [
            "",
            "1.2.3",
            "1.2.3.4/33",
            "1.2.3.4/-1",
            "1.2.3.256",
            "1.2.3.4/24/8",
            "1.2.3.4 ",
            "::/129",
            "example.org",
            "1.2.3.4-1.2.3.9",
            "0x7f.1",
        ] {
            let error = acls(&["8.8.8.8", bad]).checked(false).unwrap_err().to_string();
            let place = "Invalid value found at properties.networkAcls.ipRules[1].value: ";
            assert_eq!(error, format!("{place}{bad}"), "{bad}");
        }
    }

    // azure-powershell#11471: what the real service answers.
    #[test]
    fn private_addresses_are_refused_only_as_azure_does() {
        let strict = acls(&["10.0.0.0/8"]).checked(true).unwrap_err().to_string();
        assert_eq!(
            strict,
            "Invalid value found at properties.networkAcls.ipRules[0].value: 10.0.0.0/8 belongs \
             to forbidden range 10.0.0.0\u{2013}10.255.255.255 (private IP addresses)"
        );
        for private in ["10.9.8.7", "172.16.0.1", "172.31.255.0/24", "192.168.1.0/24", "0.0.0.0/0"]
        {
            assert!(acls(&[private]).checked(true).is_err(), "{private}");
            assert!(acls(&[private]).checked(false).is_ok(), "{private}");
        }
        assert!(acls(&["2001:db8::/32"]).checked(true).is_err(), "IPv6 is an extension");
        assert!(acls(&["172.15.255.255", "172.32.0.0/16", "11.0.0.0/8"]).checked(true).is_ok());
    }

    #[test]
    fn there_is_a_most_of_rules() {
        let rules = |count: usize| -> Vec<String> {
            (0..count).map(|n| format!("10.0.{}.{}", n / 256, n % 256)).collect()
        };
        let with = |count| NetworkAcls { ip_rules: rules(count), ..NetworkAcls::default() };
        assert!(with(1_000).checked(false).is_ok());
        assert!(with(1_001).checked(false).is_err());
        let subnets = |count: usize| NetworkAcls {
            virtual_network_rules: (0..count)
                .map(|n| VirtualNetworkRule { id: format!("/subnets/{n}"), ignore_missing: true })
                .collect(),
            ..NetworkAcls::default()
        };
        assert!(subnets(200).checked(false).is_ok());
        assert!(subnets(201).checked(false).is_err());
    }

    proptest::proptest! {
        /// Against the obvious way to do it.
        #[test]
        fn ranges_say_what_networks_say(
            networks in proptest::collection::vec((0_u32..64, 26_u8..=32), 0..12),
            address in 0_u32..80,
        ) {
            let base = u32::from(std::net::Ipv4Addr::new(203, 0, 113, 0));
            let v4 = |last: u32| std::net::Ipv4Addr::from(base + last);
            let rules: Vec<String> =
                networks.iter().map(|(at, bits)| format!("{}/{bits}", v4(*at))).collect();
            let address = IpAddr::V4(v4(address));
            let any = rules
                .iter()
                .any(|rule| rule.parse::<IpNet>().unwrap().contains(&address));
            let rules: Vec<&str> = rules.iter().map(String::as_str).collect();
            proptest::prop_assert_eq!(passes(&rules, &address.to_string()), any);
        }
    }
}
