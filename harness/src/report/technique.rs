//! Techniques: the ideas of rungs, grouped over kernels. A rung belongs to the first technique that names it; a rung that
//! none names is an idea of its own kernel.

use super::group::{Ladder, timing};
use crate::record::Record;

/// A group of ideas.
#[derive(Debug, PartialEq, Eq)]
pub struct Technique {
    /// Name of its page.
    pub slug: &'static str,
    /// Name for people.
    pub name: &'static str,
    /// What it does and what it saves.
    pub about: &'static str,
    /// Variants: a whole name, `kernel/name`, or a part between underscores as `*part*`.
    rungs: &'static [&'static str],
}

/// In the order in which a name is looked for, but for the first and the last.
pub const TECHNIQUES: [Technique; 13] = [
    Technique {
        slug: "textbook",
        name: "The textbook",
        about: "Rung 0 of every ladder: the definition, written down. What everything else is measured against.",
        rungs: &[],
    },
    Technique {
        slug: "matrix-units",
        name: "Matrix units",
        about: "One instruction multiplies whole tiles: AMX on a Xeon, the matrix units of a GPU, the GTE's 3 by 3 matrix on a \
                PlayStation.",
        rungs: &["*amx*", "*gte*", "*matrix*", "unpacked_tiles", "unpacked_first"],
    },
    Technique {
        slug: "every-core",
        name: "Every core",
        about: "The work is split over cores or workgroups. It pays up to the memory bus, and only where a piece is worth \
                waking a core for.",
        rungs: &["*parallel*", "*split*"],
    },
    Technique {
        slug: "narrow-multiplies",
        name: "Narrow multiplies",
        about: "Products stay in the type they are stored in: bytes summed as integers, pairs of bf16, four products in one \
                instruction. Nothing is widened first, and a block's scale is applied once.",
        rungs: &[
            "*vnni*",
            "*madd*",
            "*dot4*",
            "x86_bf16",
            "x86_few_rows_bf16",
            "integer",
            "hoisted",
            "fixed_point",
            "dot_fixed/packed",
        ],
    },
    Technique {
        slug: "tables",
        name: "Tables for arithmetic",
        about: "A load replaces a multiplication, an exponential or a whole group of sums. It pays where loads are cheap \
                beside the arithmetic: on machines without a multiplier, and for weights of two bits.",
        rungs: &["*table*", "*lut*", "*quarter*", "*subset*", "logs", "fixed_base", "axpy"],
    },
    Technique {
        slug: "no-multiplier",
        name: "Shifts and additions",
        about: "Products out of shifts, masks and additions, or out of nothing but the choice whether to add.",
        rungs: &["*shift*", "bits", "add_sub", "select", "index_lists", "base3", "branch", "unbiased"],
    },
    Technique {
        slug: "warps",
        name: "Threads side by side",
        about: "On a GPU neighbours read neighbours: a warp's loads fall into few lines, a row is shared by the threads of a \
                warp, and their sums meet in its registers.",
        rungs: &["coalesced", "*warp*", "*subgroup*", "*tree*", "*vector*", "*workgroup*"],
    },
    Technique {
        slug: "reuse",
        name: "Several rows at once",
        about: "Each value that is loaded serves several outputs while it is in a register: register tiles, rows or heads \
                abreast. It saves loads and keeps several streams of memory in flight.",
        rungs: &["*tile*", "*row*", "*rows*", "*abreast*", "tiles", "grouped", "batched", "panel", "shared"],
    },
    Technique {
        slug: "layout",
        name: "Order of data",
        about: "The same work in the order in which memory gives it best: packed panels, interleaved rows, blocks that stay \
                in a cache, loops turned round, a machine's fastest memory used for what is used most.",
        rungs: &["*packed*", "*panels*", "*interleaved*", "*order*", "head_major", "*zero*", "scratchpad", "*lanes*"],
    },
    Technique {
        slug: "fewer-passes",
        name: "Fewer passes, fewer divisions",
        about: "What was several trips over memory becomes one, and what was computed again and again is computed once.",
        rungs: &["*online*", "*fused*", "*absorbed*", "*expanded*", "reciprocal", "recurrence", "*together*", "divide"],
    },
    Technique {
        slug: "less-work",
        name: "Less work",
        about: "What does not change the result is not computed.",
        rungs: &["causal", "*routed*", "*select*"],
    },
    Technique {
        slug: "simd",
        name: "SIMD lanes, independent sums",
        about: "One instruction for a register's worth of values, and enough independent chains to hide each one's latency; \
                polynomials where a call to the library would leave the lanes.",
        rungs: &["*simd*", "*avx512*", "*unrolled*", "polynomial"],
    },
    Technique {
        slug: "own-ideas",
        name: "Ideas of one kernel",
        about: "Rungs whose idea belongs to their kernel alone.",
        rungs: &[],
    },
];

impl Technique {
    /// The technique of a rung.
    pub fn of(r: &Record) -> &'static Technique {
        if r.rung == 0 {
            return &TECHNIQUES[0];
        }
        let names = |pattern: &&str| match pattern.strip_prefix('*').and_then(|p| p.strip_suffix('*')) {
            Some(part) => r.variant.split('_').any(|p| p == part),
            None => **pattern == r.variant || pattern.split_once('/') == Some((&r.kernel, &r.variant)),
        };
        let found = TECHNIQUES.iter().find(|t| t.rungs.iter().any(names));
        found.unwrap_or(&TECHNIQUES[TECHNIQUES.len() - 1])
    }
}

/// What a rung is worth over the one that it improves on (rung 0 where a record does not say), on one ladder: the ratio of
/// their times.
pub fn step(l: &Ladder, r: &Record) -> Option<f64> {
    let before = match r.after.as_deref() {
        Some(after) => l.rungs.iter().copied().find(|b| b.variant == after),
        None => l.naive(),
    };
    let before = before.filter(|b| !std::ptr::eq(*b, r))?;
    Some(timing(before)?.time_ns / timing(r)?.time_ns)
}

#[cfg(test)]
mod tests {
    use super::super::group::Book;
    use super::*;
    use crate::journal::tests::timed;
    use crate::record::Tier;

    fn named(kernel: &str, variant: &str, rung: u32) -> Record {
        Record { kernel: kernel.into(), rung, ..timed(Tier::Native, "this-host", variant, 100.0) }
    }

    #[test]
    fn rungs_find_their_technique_by_whole_names_parts_and_kernels() {
        let of = |kernel: &str, variant: &str| Technique::of(&named(kernel, variant, 3)).slug;
        for (kernel, variant, slug) in [
            ("gemv_q8", "x86_vnni_parallel", "every-core"),
            ("gemv_q8", "x86_vnni", "narrow-multiplies"),
            ("gemm_f32", "packed", "layout"),
            ("dot_fixed", "packed", "narrow-multiplies"),
            ("gemv_f32", "multi_row", "reuse"),
            ("gemv_f32", "warp_per_row", "warps"),
            ("moe_gate", "partial_select", "less-work"),
            ("gemm_bf16", "x86_few_rows_bf16", "narrow-multiplies"),
            ("gemv_bf16", "vector_loads_bf16", "warps"),
            ("gemm_f16", "wide_matrix_tile", "matrix-units"),
            ("gemm_f16_q4_k", "unpacked_first", "matrix-units"),
            ("mla_decode", "heads_abreast", "reuse"),
            ("dot_ternary", "select", "no-multiplier"),
            ("gemv_f32", "nothing_known", "own-ideas"),
        ] {
            assert_eq!(of(kernel, variant), slug, "{kernel}/{variant}");
        }
        assert_eq!(Technique::of(&named("gemv_f32", "simd", 0)).slug, "textbook");
    }

    #[test]
    fn a_step_is_over_the_rung_it_names_and_over_naive_where_it_names_none() {
        let rung = |variant: &str, rung, after: Option<&str>, ns| Record {
            rung,
            after: after.map(Into::into),
            ..timed(Tier::Native, "this-host", variant, ns)
        };
        let records =
            [rung("naive", 0, None, 800.0), rung("simd", 1, Some("naive"), 200.0), rung("odd", 2, None, 400.0)];
        let records = [&records[..], &[rung("tile", 3, Some("simd"), 100.0)]].concat();
        let book = Book::new(&records);
        let l = book.ladder_at(0, 0, 0).expect("a ladder");
        let steps: Vec<Option<f64>> = l.rungs.iter().map(|r| step(&l, r)).collect();
        assert_eq!(steps, [None, Some(4.0), Some(2.0), Some(2.0)]);
    }
}
