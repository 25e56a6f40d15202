//! Limits wrong keys per address: after too many, an address must wait.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use ghl_sync_model::EpochMs;

/// Wrong keys in a row without a wait; beyond that, one per [`STEP`].
const BURST: u32 = 20;
const STEP: Duration = Duration::from_secs(6);
/// Most addresses to remember.
const MOST: usize = 1_000;

/// Recent addresses with wrong keys. The time tells when all wrong keys of an address are forgiven.
#[derive(Debug, Default)]
pub(crate) struct Strangers(Mutex<HashMap<IpAddr, EpochMs>>);

impl Strangers {
    /// How long `address` must wait before we check a key of it; `None` if it need not.
    pub(crate) fn wait(&self, address: IpAddr, now: EpochMs) -> Option<Duration> {
        let strangers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let forgiven_at = *strangers.get(&network(address))?;
        let patience = STEP * (BURST - 1);
        let wait = now.until(forgiven_at).min(STEP * BURST).saturating_sub(patience);
        Some(wait).filter(|wait| !wait.is_zero())
    }

    /// Counts a wrong key.
    pub(crate) fn note(&self, address: IpAddr, now: EpochMs) {
        let mut strangers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let address = network(address);
        if strangers.len() >= MOST && !strangers.contains_key(&address) {
            strangers.retain(|_, forgiven_at| *forgiven_at > now);
            // Too many current entries at once: drop them all.
            if strangers.len() >= MOST {
                strangers.clear();
            }
        }
        let forgiven_at = strangers.entry(address).or_insert(now);
        // After the clock was set back, nobody waits too long.
        *forgiven_at = (*forgiven_at).clamp(now, now + STEP * BURST) + STEP;
    }
}

/// The owner of an IPv6 address owns the whole network.
fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(long) => Ipv6Addr::from_bits(long.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn many_wrong_keys_make_their_address_wait_and_no_other_one() {
        let (strangers, now) = (Strangers::default(), EpochMs(1_795_000_000_000));
        let (guest, other) = (address("192.0.2.1"), address("192.0.2.2"));
        for _ in 0..BURST {
            assert_eq!(strangers.wait(guest, now), None);
            strangers.note(guest, now);
        }
        assert_eq!(strangers.wait(guest, now), Some(STEP));
        assert_eq!(strangers.wait(other, now), None);
        assert_eq!(strangers.wait(guest, now + STEP), None, "one more");
        strangers.note(guest, now + STEP);
        assert_eq!(strangers.wait(guest, now + STEP), Some(STEP));
        assert_eq!(strangers.wait(guest, now + STEP * BURST), None);
        for _ in 0..1_000 {
            strangers.note(guest, now);
        }
        assert!(strangers.wait(guest, now) <= Some(STEP * 2), "nobody waits for ever");
    }

    #[test]
    fn whoever_has_a_network_has_one_address_and_not_many() {
        let (strangers, now) = (Strangers::default(), EpochMs(1));
        for host in 0..u128::from(BURST) {
            strangers.note(Ipv6Addr::from_bits((0x2001_0db8 << 96) | host).into(), now);
        }
        assert!(strangers.wait(address("2001:db8::ffff"), now).is_some());
        assert!(strangers.wait(address("2001:db8:0:1::"), now).is_none());
    }

    #[test]
    fn however_many_addresses_there_are_few_are_remembered() {
        let (strangers, now) = (Strangers::default(), EpochMs(1));
        for host in 0..5_000_u32 {
            strangers.note(IpAddr::from(host.to_be_bytes()), now);
        }
        assert!(strangers.0.lock().unwrap().len() <= MOST);
    }
}
