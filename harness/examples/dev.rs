use harness::{gate::Gate, profile, record::*, timed::cells::*};
fn main() {
    let env = Environment {
        commit: "".into(),
        rustc: "".into(),
        build_features: "".into(),
        cpu: "-".into(),
        host: "-".into(),
        seed: 1,
        command: "".into(),
    };
    let gate = Gate::default();
    let ctx = Context { gate: &gate, environment: &env };
    let hw = std::env::args().nth(1).unwrap_or("all".into());
    let filt = std::env::args().nth(2).unwrap_or_default();
    for m in profile::select(&hw).unwrap() {
        for k in kernels::KERNELS {
            for s in k.shapes() {
                if !format!("{}/{}", k.name(), s.name).contains(&filt) {
                    continue;
                }
                for v in 0..k.variants().len() {
                    let t = std::time::Instant::now();
                    let r = cells(&ctx, *k, &s, &[v], &m).unwrap();
                    let el = t.elapsed();
                    for r in r {
                        match &r.outcome {
                            Outcome::Timed(t) => println!(
                                "{:20} {:10} {:32} {:12} {:>12.1} us  x{:<7.2} floor {:>10.1} {:?} {:.0}%  [{:.0} ms]",
                                m.profile.id,
                                r.kernel,
                                r.shape,
                                r.variant,
                                t.time_ns / 1e3,
                                t.speedup.map_or(0.0, |s| s.ratio),
                                t.floor_ns.unwrap() / 1e3,
                                t.bound.unwrap(),
                                100.0 * t.shares[0].1,
                                el.as_millis()
                            ),
                            o => println!("{:20} {:10} {:32} {:12} {o:?}", m.profile.id, r.kernel, r.shape, r.variant),
                        }
                    }
                }
            }
        }
    }
}
