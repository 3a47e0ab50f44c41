//! What no process can measure about its core, by processor family: starting values from general knowledge. Every figure
//! taken from here has the status `unverified` in the profile.

/// Figures of a core family.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Family {
    /// For people.
    pub name: &'static str,
    /// Operations issued per cycle.
    pub issue_width: u32,
    /// Operations in flight.
    pub window_ops: u32,
    /// Cycles lost by a mispredicted branch.
    pub mispredict_cycles: f64,
    /// Longest loop whose exit is predicted.
    pub predicted_trips: u32,
}

const fn family(name: &'static str, issue_width: u32, window_ops: u32, mispredict_cycles: f64) -> Family {
    // A loop of 64 trips took a misprediction longer than its latency on Sunny Cove.
    Family { name, issue_width, window_ops, mispredict_cycles, predicted_trips: 32 }
}

/// The family of a processor by its numbers (see [`crate::environment::Host::cpu_id`]) or name; a small out-of-order core
/// where it is not known.
pub(super) fn of(cpu_id: Option<&str>, cpu: &str) -> Family {
    let words: Vec<&str> = cpu_id.unwrap_or_default().split(' ').collect();
    let number = |i: usize| words.get(i).and_then(|w| w.parse::<u32>().ok()).unwrap_or(0);
    match (words[0], number(1), number(2)) {
        ("GenuineIntel", 6, 106 | 108 | 125 | 126 | 140 | 141 | 167) => family("Sunny Cove", 5, 352, 17.0),
        ("GenuineIntel", 6, 143 | 151 | 154 | 173 | 174 | 183 | 186 | 191 | 207) => family("Golden Cove", 6, 512, 17.0),
        ("GenuineIntel", 6, 78 | 85 | 94 | 142 | 158 | 165 | 166) => family("Skylake", 4, 224, 16.0),
        ("GenuineIntel", 6, 60 | 61 | 63 | 69 | 70 | 71 | 79 | 86) => family("Haswell", 4, 192, 16.0),
        ("AuthenticAMD", 23, 0..=47) => family("Zen", 5, 192, 18.0),
        ("AuthenticAMD", 23, _) => family("Zen 2", 6, 224, 18.0),
        ("AuthenticAMD", 25, 16..=31 | 96..) => family("Zen 4", 6, 320, 13.0),
        ("AuthenticAMD", 25, _) => family("Zen 3", 6, 256, 13.0),
        ("AuthenticAMD", 26, _) => family("Zen 5", 8, 448, 15.0),
        ("0x41", ..) => match words.get(1).copied().unwrap_or_default() {
            "0xd08" => family("Cortex-A72", 3, 128, 15.0),
            "0xd0b" | "0xd0c" => family("Cortex-A76 or Neoverse N1", 4, 128, 11.0),
            "0xd40" | "0xd4f" => family("Neoverse V", 8, 320, 11.0),
            "0xd49" => family("Neoverse N2", 5, 160, 11.0),
            _ => UNKNOWN,
        },
        _ if cpu.starts_with("Apple") => family("Apple performance core", 8, 600, 14.0),
        _ => UNKNOWN,
    }
}

const UNKNOWN: Family = family("an unknown out-of-order core", 4, 128, 15.0);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_find_their_family() {
        for (id, cpu, name) in [
            (Some("GenuineIntel 6 106"), "", "Sunny Cove"),
            (Some("GenuineIntel 6 143"), "", "Golden Cove"),
            (Some("AuthenticAMD 25 33"), "", "Zen 3"),
            (Some("AuthenticAMD 25 97"), "", "Zen 4"),
            (Some("0x41 0xd0b"), "", "Cortex-A76 or Neoverse N1"),
            (None, "Apple M2 Ultra", "Apple performance core"),
            (Some("Unheard"), "", UNKNOWN.name),
            (None, "", UNKNOWN.name),
        ] {
            assert_eq!(of(id, cpu).name, name);
        }
    }
}
