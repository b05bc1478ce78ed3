//! Address lists: which networks a partner may come from.

use std::net::IpAddr;
use std::sync::Arc;

/// A network in CIDR notation (RFC 4632, RFC 4291 §2.3).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Cidr {
    network: u128,
    prefix: u8,
    v4: bool,
}

/// A network that cannot be read: `10.0.0.0/33`.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("address {text:?}: expected an IP address or a network such as 192.0.2.0/24 or 2001:db8::/32")]
pub struct CidrError {
    /// What came.
    pub text: String,
}

impl Cidr {
    /// Reads an address (a network of one) or a network. Bits beyond the prefix are refused: they are a typing error.
    ///
    /// # Errors
    /// [`CidrError`].
    pub fn parse(text: &str) -> Result<Self, CidrError> {
        let wrong = || CidrError { text: text.to_owned() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wrong())?;
        let (bits, width, v4) = bits_of(address);
        let prefix = match prefix {
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => {
                digits.parse().map_err(|_| wrong())?
            }
            Some(_) => return Err(wrong()),
            None => width,
        };
        if prefix > width || bits & !mask(prefix, width) != 0 {
            return Err(wrong());
        }
        Ok(Self { network: bits, prefix, v4 })
    }

    /// Whether an address lies in it. IPv4 in IPv6 (`::ffff:192.0.2.1`) counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, width, v4) = bits_of(address.to_canonical());
        v4 == self.v4 && bits & mask(self.prefix, width) == self.network
    }
}

fn bits_of(address: IpAddr) -> (u128, u8, bool) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32, true),
        IpAddr::V6(v6) => (v6.to_bits(), 128, false),
    }
}

fn mask(prefix: u8, width: u8) -> u128 {
    let all = if width == 128 { u128::MAX } else { (1 << width) - 1 };
    let host_bits = u32::from(width - prefix.min(width));
    all & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

impl std::fmt::Display for Cidr {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match u32::try_from(self.network) {
            Ok(bits) if self.v4 => write!(f, "{}/{}", std::net::Ipv4Addr::from_bits(bits), self.prefix),
            _ => write!(f, "{}/{}", std::net::Ipv6Addr::from_bits(self.network), self.prefix),
        }
    }
}

/// A list of networks. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct AllowList {
    networks: Arc<[Cidr]>,
}

impl AllowList {
    /// A list that holds these networks and nothing else.
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = Cidr>) -> Self {
        Self { networks: networks.into_iter().collect() }
    }

    /// A list that holds every address.
    #[must_use]
    pub fn everywhere() -> Self {
        Self::new([Cidr { network: 0, prefix: 0, v4: true }, Cidr { network: 0, prefix: 0, v4: false }])
    }

    /// Whether an address is in one of the networks.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(address))
    }

    /// What is in either list.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        Self::new(self.networks.iter().chain(other.networks.iter()).copied())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contains(network: &str, address: &str) -> bool {
        Cidr::parse(network).unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn a_network_holds_its_addresses_and_no_others() {
        assert!(contains("192.0.2.0/24", "192.0.2.255"));
        assert!(!contains("192.0.2.0/24", "192.0.3.0"));
        assert!(contains("192.0.2.7", "192.0.2.7"));
        assert!(!contains("192.0.2.7", "192.0.2.6"));
        assert!(contains("0.0.0.0/0", "203.0.113.9"));
        assert!(!contains("0.0.0.0/0", "2001:db8::1"));
        assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
        assert!(!contains("2001:db8::/32", "2001:db9::1"));
        assert!(contains("::/0", "2001:db9::1"));
        assert!(contains("192.0.2.0/24", "::ffff:192.0.2.1"));
        assert!(!contains("::/0", "::ffff:192.0.2.1"));
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in [
            "",
            "192.0.2.0/33",
            "192.0.2.1/24",
            "192.0.2/24",
            "::/129",
            "10.0.0.0/+8",
            "10.0.0.0/",
            "a/8",
            "10.0.0.0/8/8",
        ] {
            assert!(Cidr::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn writes_what_it_reads() {
        for text in ["192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32", "::/0", "::1/128"] {
            assert_eq!(Cidr::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_empty_list_holds_nobody_and_everywhere_everybody() {
        let address = "192.0.2.1".parse().unwrap();
        assert!(!AllowList::default().contains(address));
        assert!(AllowList::everywhere().contains(address));
        assert!(AllowList::everywhere().contains("::1".parse().unwrap()));
        let both = AllowList::default().union(&AllowList::new([Cidr::parse("192.0.2.0/24").unwrap()]));
        assert!(both.contains(address));
    }
}
