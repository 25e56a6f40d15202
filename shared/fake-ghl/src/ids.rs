//! Generates GHL's ids and tokens.

use fastrand::Rng;

/// Source of new ids.
#[derive(Debug)]
pub(crate) struct Ids {
    rng: Rng,
    /// Number of ids generated in order.
    in_order: u64,
}

impl Ids {
    pub(crate) fn seeded(seed: u64) -> Ids {
        Ids { rng: Rng::with_seed(seed), in_order: 0 }
    }

    /// A new id in GHL's format.
    pub(crate) fn next(&mut self) -> String {
        std::iter::repeat_with(|| self.rng.alphanumeric()).take(20).collect()
    }

    /// A new id that sorts after all earlier ones: the lists of a location's structure are in this order.
    pub(crate) fn next_in_order(&mut self) -> String {
        self.in_order += 1;
        let random: String = std::iter::repeat_with(|| self.rng.alphanumeric()).take(12).collect();
        format!("{:08}{random}", self.in_order)
    }

    /// A trace id like the ones in GHL's answers.
    pub(crate) fn trace(&mut self) -> String {
        let id = self.rng.u128(..);
        let (a, b, c, d, e) =
            (id >> 96, id >> 80 & 0xffff, id >> 64 & 0xffff, id >> 48 & 0xffff, id & 0xffff_ffff_ffff);
        format!("{a:08x}-{b:04x}-{c:04x}-{d:04x}-{e:012x}")
    }

    /// A token with the prefix `kind`.
    pub(crate) fn token(&mut self, kind: &str) -> String {
        format!("{kind}-{:032x}", self.rng.u128(..))
    }
}
