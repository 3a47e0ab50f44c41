use harness::{profile, timed::*};
use kernels::input::*;
fn main() {
    let a: Vec<String> = std::env::args().collect();
    let m = profile::find(&a[1]).unwrap();
    let p = Params::new(&m.profile);
    for k in kernels::KERNELS {
        for s in k.shapes() {
            if !format!("{}/{}", k.name(), s.name).contains(&a[2]) {
                continue;
            }
            for (v, about) in k.variants().iter().enumerate() {
                let Ok(l) = lanes(about, &m.profile) else { continue };
                let mut c = k.prepare(&s, &Input { seed: 1, flavor: Flavor::Blank, rotation_bytes: 0 }).unwrap();
                let t = std::time::Instant::now();
                let e =
                    model(c.as_mut(), v, l, &p, if a.len() > 3 { Mode::Full } else { Mode::Sampled }, false).unwrap();
                let el = t.elapsed().as_secs_f64();
                println!(
                    "{:10} {:30} {:14} {:10.1} us sim {:>10} ops of {:>14.0} in {:6.1} ms = {:.0} Mops/s {:?}",
                    k.name(),
                    s.name,
                    about.name,
                    e.time_ns / 1e3,
                    e.simulated,
                    e.operations,
                    el * 1e3,
                    e.simulated as f64 / el / 1e6,
                    &e.shares[..3.min(e.shares.len())]
                );
            }
        }
    }
}
