//! The table as Markdown, row by row as they come.

use std::io::Write;

use crate::host::Host;
use crate::measure::Contestant;
use crate::rows::{Measured, Row};

/// Above the rows.
pub fn head() {
    println!(
        "| kernel | shape | threads | our best rung | speed | best peer | ours over best peer | over naive | peers' times over ours |"
    );
    println!("|---|---|---:|---|---:|---|---:|---:|---|");
    flush();
}

/// One row.
pub fn row(row: &Row, host: &Host, measured: &Measured<'_>) {
    let Measured { ours, naive, peers, wrong, .. } = measured;
    let (speed, unit) =
        if row.is_arithmetic() { (measured.operations as f64, "GFLOP/s") } else { (measured.bytes as f64, "GB/s") };
    let speed = speed / ours.typical() * 1e-9;
    let best = peers.iter().find(|p| p.same);
    let [median, low, high] = best.map_or([f64::NAN; 3], |p| ours.faster_than(p));
    let over = |p: &Contestant<'_>| ours.faster_than(p)[0];
    let listed = peers.iter().map(|p| {
        let text = format!("{} {:.2}", p.name, over(p));
        if p.same { text } else { format!("({text})") }
    });
    let noise = (!measured.quiet).then(|| "*other processes ran all the time*".to_string());
    let listed: Vec<String> = listed.chain(wrong.iter().map(|w| format!("{w}: left out"))).chain(noise).collect();
    let verdict = match best {
        None => "-".into(),
        Some(_) if low > 1.0 => format!("**{median:.2}** ({low:.2}–{high:.2})"),
        Some(_) => format!("{median:.2} ({low:.2}–{high:.2})"),
    };
    println!(
        "| {} | {} {} | {} | {} | {speed:.1} {unit} | {} | {verdict} | {:.1} | {} |",
        row.name().split('/').next().unwrap_or_default(),
        row.shape.name,
        row.dims(),
        host.threads,
        ours.name,
        best.map_or("-", |p| &p.name),
        over(naive),
        listed.join(", "),
    );
    flush();
}

/// Below the rows.
pub fn foot() {
    println!(
        "\nRatios are medians over rounds of (their time / ours), in parentheses the quartiles: above 1 ours is faster, bold where\n\
         three rounds in four say so. In parentheses in the last column: peers that compute something else, not counted as\n\
         best. Our time includes converting the activations where the kernel is given them as i8 blocks or bf16, as the peers' does."
    );
    flush();
}

fn flush() {
    // A closed pipe ends the next print anyway.
    let _ = std::io::stdout().flush();
}
