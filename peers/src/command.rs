//! The command line. Several peers read their number of threads once, from the environment, so the table is made by one
//! child process per number of threads; the parent only starts them.

use std::process::{Command, ExitCode};

use crate::host::Host;
use crate::{ceilings, peers, rows, table};

/// What to run.
struct Options {
    threads: Vec<usize>,
    rounds: usize,
    filter: String,
    /// Features whose peers take part; all where there are none.
    peers: Vec<String>,
    /// Set for children.
    child: bool,
}

const USAGE: &str = "usage: peers [--threads N[,N]] [--rounds R] [--peers FEATURE[,FEATURE]] [FILTER]   FILTER is a part of kernel/shape, e.g. gemm_f32";

fn parse(args: Vec<String>) -> Option<Options> {
    let cores = std::thread::available_parallelism().map_or(1, |n| n.get());
    let threads = if cores > 1 { vec![1, 2] } else { vec![1] };
    let mut options = Options { threads, rounds: 15, filter: String::new(), peers: Vec::new(), child: false };
    let mut args = args.into_iter();
    while let Some(arg) = args.next() {
        match arg.as_str() {
            "--threads" => {
                let count = |n: &str| n.parse::<usize>().ok().filter(|n| *n > 0);
                options.threads = args.next()?.split(',').map(count).collect::<Option<_>>()?;
            }
            "--rounds" => options.rounds = args.next()?.parse().ok().filter(|r| *r > 0)?,
            "--peers" => options.peers = args.next()?.split(',').map(str::to_string).collect(),
            "--child" => options.child = true,
            _ if arg.starts_with('-') => return None,
            _ => options.filter = arg,
        }
    }
    Some(options)
}

/// Runs the command.
pub fn run(args: Vec<String>) -> ExitCode {
    let Some(options) = parse(args) else {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    };
    if let Some(name) = peers::unknown(&options.peers) {
        eprintln!("peers: --peers {name}: this build has no such peer; they are features of Cargo.toml");
        return ExitCode::from(2);
    }
    if options.child { child(&options) } else { parent(&options) }
}

fn parent(options: &Options) -> ExitCode {
    table::head();
    for threads in &options.threads {
        let count = threads.to_string();
        let this = std::env::current_exe().expect("this program has a path");
        let mut child = Command::new(this);
        child.args(["--child", "--threads", &count, "--rounds", &options.rounds.to_string()]);
        if !options.peers.is_empty() {
            child.args(["--peers", &options.peers.join(",")]);
        }
        child.arg(&options.filter);
        for variable in
            ["RAYON_NUM_THREADS", "CANDLE_NUM_THREADS", "MATMUL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS"]
        {
            child.env(variable, &count);
        }
        // Where these are set they are for old builds of OpenBLAS, and slow a current one down.
        child.env_remove("OPENBLAS_CORETYPE").env_remove("OPENBLAS_L2_SIZE");
        // Its threads stop spinning for more work after 2^20 cycles instead of 2^26.
        child.env("OPENBLAS_THREAD_TIMEOUT", "20");
        match child.status() {
            Ok(status) if status.success() => {}
            Ok(status) => {
                eprintln!("peers: the part with {threads} threads ended with {status}");
                return ExitCode::FAILURE;
            }
            Err(e) => {
                eprintln!("peers: cannot start the part with {threads} threads: {e}");
                return ExitCode::FAILURE;
            }
        }
    }
    table::foot();
    ExitCode::SUCCESS
}

fn child(options: &Options) -> ExitCode {
    peers::report();
    let host = Host::new(options.threads[0]);
    eprintln!("peers: {}", ceilings::line(&host));
    let mut wrong = false;
    for row in rows::all().iter().filter(|r| r.name().contains(&options.filter)) {
        match row.measure(&host, options.rounds, &options.peers) {
            Ok(result) => {
                wrong |= !result.wrong.is_empty();
                table::row(row, &host, &result);
            }
            Err(reason) => eprintln!("peers: {}: skipped: {reason}", row.name()),
        }
    }
    if wrong { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}
