//! Records of an example that the tests of reports share: fixed, and with everything in them that a report may meet.

use harness::record::{Bound, CostRef, Environment, MachineRef, Outcome, Record, SCHEMA, Speedup, Tier, Timing};

/// What a hostile profile would be called.
pub const HOSTILE: &str = "<script>alert(1)</script> & \"Co\" | `x`";

fn record(tier: Tier, kernel: &str, rung: u32, variant: &str, machine: &MachineRef, outcome: Outcome) -> Record {
    Record {
        schema: SCHEMA,
        tier,
        kernel: kernel.into(),
        shape: "r1-distill-qwen-1.5b/ffn-down".into(),
        dims: "1536×8960".into(),
        variant: variant.into(),
        rung,
        after: (rung > 0).then(|| "naive".into()),
        idea: format!("the idea of {variant}, which is a sentence of some length so that it has to be cut or wrapped"),
        machine: machine.clone(),
        outcome,
        cost: CostRef { operations: 27_525_120, bytes: 55_092_224 },
        caps: Vec::new(),
        environment: Environment {
            commit: "0123456789ab".into(),
            rustc: "rustc 1.89.0".into(),
            build_features: "sse2".into(),
            cpu: if tier == Tier::Native { "A Processor".into() } else { "-".into() },
            host: "-".into(),
            seed: 1,
            command: "retrobench run".into(),
        },
    }
}

fn machine(id: &str, name: &str, year: Option<u16>, [ops, bytes]: [f64; 2]) -> MachineRef {
    MachineRef {
        id: id.into(),
        name: name.into(),
        class: if year.is_some() { "retro".into() } else { "host".into() },
        year,
        profile_hash: Some("00ff".into()),
        isa: "scalar".into(),
        threads: 1,
        peak_ops_per_s: Some(ops),
        peak_bytes_per_s: Some(bytes),
    }
}

/// Times of a whole ladder from naive on, ns; softmax takes a hundredth of them.
fn ladder(tier: Tier, on: &MachineRef, softmax: bool, times_ns: [f64; 3], band: f64) -> Vec<Record> {
    let (kernel, scale) = if softmax { ("softmax", 0.01) } else { ("gemv_f32", 1.0) };
    let rung = |(rung, variant): (usize, &str)| {
        let (time_ns, ratio) = (times_ns[rung] * scale, times_ns[0] / times_ns[rung]);
        let bound = if rung == 0 { Bound::Latency } else { Bound::MemoryBandwidth };
        let modelled = (tier == Tier::Modelled).then_some(bound);
        let error = if rung == 0 || modelled.is_some() { 1.0 } else { 1.01 };
        let outcome = Outcome::Timed(Timing {
            time_ns,
            low_ns: time_ns / band,
            high_ns: time_ns * band,
            speedup: Some(Speedup { ratio, low: ratio / error, high: ratio * error }),
            ratio_within: None,
            samples_ns: Vec::new(),
            warm: false,
            floor_ns: on.peak_bytes_per_s.map(|rate| 55_092_224e9 / rate * scale),
            bound: modelled,
            shares: modelled.map(|b| (b, 0.75)).into_iter().collect(),
            paced_share: None,
            counts: None,
            cycles: None,
            nmse: 1e-14,
            backward_error: 2e-7,
        });
        record(tier, kernel, rung as u32, variant, on, outcome)
    };
    ["naive", "unrolled", "simd"].into_iter().enumerate().map(rung).collect()
}

/// Two kernels on this host and five machines, in three tiers, with every kind of outcome.
pub fn records() -> Vec<Record> {
    let host = machine("this-host", "A Processor", None, [100e9, 20e9]);
    let pentium = machine("pentium-iii-800", "Intel Pentium III 800EB (Coppermine)", Some(1999), [3.2e9, 0.533e9]);
    let hostile = machine("hostile", HOSTILE, Some(2001), [1e9, 0.2e9]);
    let small = machine("i486dx2-66", "Intel 486DX2-66", Some(1992), [6e6, 0.03e9]);
    let gpu =
        MachineRef { class: "gpu".into(), ..machine("gtx-280", "NVIDIA GeForce GTX 280", Some(2008), [933e9, 141e9]) };
    let home = machine("commodore-64", "Commodore 64", Some(1982), [0.2e6, 0.5e6]);
    let mut all = Vec::new();
    for softmax in [false, true] {
        all.extend(ladder(Tier::Native, &host, softmax, [10.5e6, 6.2e6, 3.1e6], 1.02));
        all.extend(ladder(Tier::Modelled, &pentium, softmax, [420e6, 250e6, 130e6], 1.35));
        all.extend(ladder(Tier::Modelled, &hostile, softmax, [900e6, 520e6, 480e6], 1.35));
        all.extend(ladder(Tier::Modelled, &gpu, softmax, [4.2e6, 1.1e6, 0.6e6], 1.3));
        all.extend(ladder(Tier::Emulated, &home, softmax, [9e12, 2e12, 1e12], 1.0));
        let kernel = if softmax { "softmax" } else { "gemv_f32" };
        let mut add = |tier, rung, variant: &str, on: &MachineRef, outcome| {
            all.push(record(tier, kernel, rung, variant, on, outcome));
        };
        add(Tier::Native, 3, "arch", &host, Outcome::Refused { reason: "1 ns is below the floor of 2 ns".into() });
        add(Tier::Native, 4, "broken", &host, Outcome::Wrong { reason: "y[3]: NaN, not 1.5".into() });
        let lacks = Outcome::NotAvailable { reason: "the machine has no SIMD floating point".into() };
        add(Tier::Modelled, 3, "arch", &pentium, lacks);
        add(Tier::Modelled, 4, "broken", &hostile, Outcome::Void { reason: "panicked: index out of bounds".into() });
        let large = Outcome::DoesNotFit { reason: "needs 53 MiB, the machine has 16 MiB".into() };
        add(Tier::Modelled, 0, "naive", &small, large);
    }
    all
}
