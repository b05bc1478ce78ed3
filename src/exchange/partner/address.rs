//! Networks that a partner calls from (RFC 4632): `192.0.2.0/24`, `2001:db8::/32`, a single address.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A network in CIDR notation.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text that is no network: `10.0.0.0/33`.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("expected an address, or an address and a prefix length, came {came:?}")]
pub struct Error {
    /// What came.
    came: String,
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/PREFIX`; bits below the prefix must be zero.
    ///
    /// # Errors
    /// [`Error`] with what came.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let error = || Error { came: text.to_owned() };
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix.parse::<u8>().map_err(|_| error())?)),
            None => (text, None),
        };
        let address = canonical(address.parse::<IpAddr>().map_err(|_| error())?);
        let width = width(address);
        let prefix = prefix.unwrap_or(width);
        let network = Self { address, prefix };
        let clean = prefix <= width && bits(address) == bits(address) & mask(width, prefix);
        if clean { Ok(network) } else { Err(error()) }
    }

    /// Whether `address` lies in it; an IPv4 address mapped into IPv6 counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = canonical(address);
        let width = width(self.address);
        width == self::width(address) && bits(self.address) == bits(address) & mask(width, self.prefix)
    }

    /// Whether it is `0.0.0.0/0` or `::/0`.
    #[must_use]
    pub fn is_everything(&self) -> bool {
        self.prefix == 0
    }
}

fn canonical(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => v6.to_ipv4_mapped().map_or(address, IpAddr::V4),
        IpAddr::V4(_) => address,
    }
}

fn width(address: IpAddr) -> u8 {
    if address.is_ipv4() { 32 } else { 128 }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => Ipv6Addr::to_bits(v6),
    }
}

fn mask(width: u8, prefix: u8) -> u128 {
    let all = if width == 32 { u128::from(u32::MAX) } else { u128::MAX };
    let host_bits = u32::from(width.saturating_sub(prefix));
    all & u128::MAX.checked_shl(host_bits).unwrap_or(0)
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.prefix == width(self.address) {
            write!(f, "{}", self.address)
        } else {
            write!(f, "{}/{}", self.address, self.prefix)
        }
    }
}

impl Serialize for Network {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Network {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(from)?).map_err(de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_in_its_network_and_in_no_other() {
        for (network, address, inside) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.8", false),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "::1", true),
            ("127.0.0.0/8", "::ffff:127.0.0.1", true),
        ] {
            let network_read = Network::parse(network).unwrap();
            assert_eq!(network_read.contains(address.parse().unwrap()), inside, "{network} {address}");
            assert_eq!(network_read.to_string(), network);
        }
    }

    #[test]
    fn refuses_what_is_no_network() {
        for text in ["", "10.0.0.0/33", "10.0.0.1/8", "10.0.0/8", "::/129", "10.0.0.0/", "host"] {
            assert!(Network::parse(text).is_err(), "{text}");
        }
    }
}
