//! Whether a store's address lies inside the cluster that it is to bring back.

use std::net::IpAddr;
use std::str::FromStr;

/// A range of addresses, `10.96.0.0/12` or `fd00::/108`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AddressRange {
    base: IpAddr,
    bits: u8,
}

impl AddressRange {
    /// Whether `address` lies in it. Never across IPv4 and IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.base, address) {
            (IpAddr::V4(base), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            (IpAddr::V6(base), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                base.to_bits() & mask == address.to_bits() & mask
            }
            _ => false,
        }
    }
}

impl FromStr for AddressRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fault = || format!("{text:?} is no range like 10.96.0.0/12");
        let (base, bits) = text.split_once('/').ok_or_else(fault)?;
        let base: IpAddr = base.parse().map_err(|_| fault())?;
        let bits: u8 = bits.parse().map_err(|_| fault())?;
        let most = if base.is_ipv4() { 32 } else { 128 };
        if bits > most { Err(fault()) } else { Ok(Self { base, bits }) }
    }
}

/// Whether `host` (a name or an address, brackets allowed) is a Kubernetes service, so that a store there is gone
/// when the cluster is. A name is one by its form, `NAME.NAMESPACE.svc` with or without a cluster domain behind; an
/// address only by the service ranges given, since a private address may just as well be another machine.
pub fn is_inside_cluster(host: &str, service_ranges: &[AddressRange]) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']');
    if let Ok(address) = host.parse::<IpAddr>() {
        return service_ranges.iter().any(|range| range.contains(address));
    }
    host.trim_end_matches('.').to_ascii_lowercase().split('.').skip(1).any(|label| label == "svc")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_service_name_is_inside_and_a_public_name_is_not() {
        for host in ["s3.storage.svc", "s3.storage.svc.cluster.local", "S3.Storage.SVC.", "s3.storage.svc.k8s.example"]
        {
            assert!(is_inside_cluster(host, &[]), "{host}");
        }
        for host in ["s3.example.net", "svc", "svc.example.net", "localhost", "mysvc.example.net", "10.96.0.7"] {
            assert!(!is_inside_cluster(host, &[]), "{host}");
        }
    }

    #[test]
    fn an_address_is_inside_by_the_given_ranges_alone() {
        let ranges = ["10.96.0.0/12".parse().unwrap(), "fd00:1::/108".parse().unwrap()];
        assert!(is_inside_cluster("10.111.255.255", &ranges));
        assert!(!is_inside_cluster("10.112.0.0", &ranges));
        assert!(is_inside_cluster("[fd00:1::7]", &ranges));
        assert!(!is_inside_cluster("fd00:2::7", &ranges));
        assert!(is_inside_cluster("192.0.2.1", &["0.0.0.0/0".parse().unwrap()]));
        assert!(!is_inside_cluster("192.0.2.1", &["192.0.2.2/32".parse().unwrap()]));
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "fd00::/129"] {
            assert!(text.parse::<AddressRange>().is_err(), "{text}");
        }
    }
}
