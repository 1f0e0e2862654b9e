//! Who owns the socket that listens where a share is about to go.
//!
//! While the server is down anybody on the machine can bind its port. The kernel's socket table names the owner: `/proc/net/tcp`
//! of our network namespace, which is the one our connection is made in. User ids are those of the reader's user namespace; an
//! owner that is not mapped there shows as 65534. With `/proc` mounted `subset=pid` the table is missing, and nothing is sent.
//! `hidepid` does not hide it. A socket handed over by a service manager belongs to that manager's user.

use std::fs::File;
use std::io::{self, Read as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Bytes of one table read: some 6000 sockets. The kernel writes the listening ones first.
const TABLE_BYTES: u64 = 1 << 20;
/// `TCP_LISTEN`, as the table writes it (`include/net/tcp_states.h`).
const LISTENING: &str = "0A";

/// One listening socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Listener {
    address: SocketAddr,
    uid: u32,
}

/// Reads the listening sockets of our network namespace. A host without IPv6 has no second table.
pub(super) fn listeners() -> io::Result<Vec<Listener>> {
    let mut all = parse(&table("/proc/net/tcp")?);
    match table("/proc/net/tcp6") {
        Ok(text) => all.extend(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(all)
}

fn table(path: &str) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TABLE_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

/// The listening sockets of a table in the form of `/proc/net/tcp` or `tcp6`. Lines of another form are passed over.
fn parse(table: &str) -> Vec<Listener> {
    table.lines().skip(1).filter_map(listener).collect()
}

/// `sl local_address rem_address st tx:rx tr:when retrnsmt uid …`
fn listener(line: &str) -> Option<Listener> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    if *fields.get(3)? != LISTENING {
        return None;
    }
    let (ip, port) = fields.get(1)?.split_once(':')?;
    let address = SocketAddr::new(address(ip)?, u16::from_str_radix(port, 16).ok()?);
    Some(Listener { address, uid: fields.get(7)?.parse().ok()? })
}

/// Groups of four bytes, each a number in the machine's byte order.
fn address(hex: &str) -> Option<IpAddr> {
    let groups: Vec<[u8; 4]> = hex
        .as_bytes()
        .chunks(8)
        .map(|group| Some(u32::from_str_radix(std::str::from_utf8(group).ok()?, 16).ok()?.to_ne_bytes()))
        .collect::<Option<_>>()?;
    match *groups.as_slice() {
        [v4] => Some(Ipv4Addr::from(v4).into()),
        [first, second, third, fourth] => {
            let bytes: [u8; 16] = [first, second, third, fourth].concat().try_into().ok()?;
            Some(Ipv6Addr::from(bytes).into())
        }
        _ => None,
    }
}

/// Whether every listener that can take a connection to one of `addresses` belongs to `uid`, and there is one.
pub(super) fn owned_by(listeners: &[Listener], addresses: &[SocketAddr], uid: u32) -> bool {
    let mut takers =
        listeners.iter().filter(|listener| addresses.iter().any(|to| takes(listener.address, *to))).peekable();
    takers.peek().is_some() && takers.all(|listener| listener.uid == uid)
}

fn takes(listening: SocketAddr, to: SocketAddr) -> bool {
    let (here, there) = (listening.ip().to_canonical(), to.ip().to_canonical());
    listening.port() == to.port()
        && (here == there || here == IpAddr::V6(Ipv6Addr::UNSPECIFIED) || (here.is_unspecified() && there.is_ipv4()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n";

    fn v4(local: &str, state: &str, uid: u32) -> String {
        format!(
            "{HEAD}   0: {local} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000  {uid}        0 1 1 0 100 0 0 10 0\n"
        )
    }

    fn owned(table: &str, to: &str, uid: u32) -> bool {
        owned_by(&parse(table), &[to.parse().unwrap()], uid)
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn the_owner_of_the_listening_socket_is_found() {
        let table = v4("0100007F:2008", "0A", 100);
        assert!(owned(&table, "127.0.0.1:8200", 100));
        assert!(!owned(&table, "127.0.0.1:8200", 0));
        assert!(!owned(&table, "127.0.0.1:8201", 100));
        assert!(!owned(&table, "127.0.0.2:8200", 100));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn only_listening_sockets_count() {
        assert!(!owned(&v4("0100007F:2008", "01", 100), "127.0.0.1:8200", 100));
    }

    #[test]
    fn a_socket_on_all_addresses_takes_the_connection_too() {
        let table = v4("00000000:2008", "0A", 100);
        assert!(owned(&table, "127.0.0.1:8200", 100));
        assert!(!owned(&table, "[::1]:8200", 100));
        let six = v4("00000000000000000000000000000000:2008", "0A", 65534);
        assert!(owned(&six, "127.0.0.1:8200", 65534) && owned(&six, "[::1]:8200", 65534));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn one_stranger_among_the_takers_is_enough_to_refuse() {
        let mut both = parse(&v4("0100007F:2008", "0A", 100));
        both.extend(parse(&v4("00000000000000000000000001000000:2008", "0A", 65534)));
        let localhost = ["127.0.0.1:8200".parse().unwrap(), "[::1]:8200".parse().unwrap()];
        assert!(owned_by(&both, &localhost[..1], 100));
        assert!(!owned_by(&both, &localhost, 100));
    }

    #[test]
    fn an_empty_or_broken_table_owns_nothing() {
        for table in ["", HEAD, "x\n 0: zz:yy 0 0A 0 0 0 5\n 1: 0100007F 0 0A\n"] {
            assert!(!owned(table, "127.0.0.1:8200", 5));
        }
    }

    #[test]
    fn a_socket_of_this_process_is_seen_in_the_real_table() {
        use std::os::unix::fs::MetadataExt as _;
        let socket = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let uid = std::fs::metadata("/proc/self").unwrap().uid();
        let to = [socket.local_addr().unwrap()];
        assert!(owned_by(&listeners().unwrap(), &to, uid));
        assert!(!owned_by(&listeners().unwrap(), &to, uid + 1));
    }
}
