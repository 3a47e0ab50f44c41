//! Which native machine a variant runs on here.

use super::{About, NotAvailable, Width};
use crate::machine::Isa;

/// Machines for a variant without a preference, best first. Wider beats narrower; the byte dot product beats its absence.
const BEST_FIRST: [Isa; 6] = [Isa::Avx512, Isa::Avx2Vnni, Isa::Avx2, Isa::NeonDot, Isa::Neon, Isa::Portable];

/// The native machine for a variant: the widest one here that it can use, or what is lacking. `wanted` replaces the choice
/// for variants that have one: not for scalar ones, nor for those written in one instruction set.
pub fn machine_for(about: &About, wanted: Option<Isa>) -> Result<Isa, NotAvailable> {
    machine_among(about, wanted, &Isa::EVERY)
}

/// The same where only some instruction sets may be used: the others are as good as not there.
pub fn machine_among(about: &About, wanted: Option<Isa>, allowed: &[Isa]) -> Result<Isa, NotAvailable> {
    choose(about, wanted, |isa| allowed.contains(&isa) && isa.available()).map_err(|lack| {
        match choose(about, wanted, Isa::available) {
            Ok(isa) => NotAvailable(format!("it would use {}, which the SIMD cap takes away", isa.name())),
            Err(_) => lack,
        }
    })
}

fn choose(about: &About, wanted: Option<Isa>, available: impl Fn(Isa) -> bool) -> Result<Isa, NotAvailable> {
    let lack = |what: &str| Err(NotAvailable(format!("this processor has no {what}")));
    match about.width {
        Width::Scalar => return Ok(Isa::Scalar),
        Width::Arch(isa) => return if available(isa) { Ok(isa) } else { lack(isa.name()) },
        Width::Any | Width::SimdF32 | Width::SimdMadd | Width::SimdShuffle | Width::Dot4 => {}
    }
    if let Some(isa) = wanted {
        return match isa {
            _ if !available(isa) => lack(isa.name()),
            Isa::Scalar if about.width != Width::Any => {
                Err(NotAvailable(format!("{} needs SIMD, and scalar was asked for", about.name)))
            }
            _ if !about.suits(isa) => Err(NotAvailable(format!("{} cannot use {}", about.name, isa.name()))),
            _ => Ok(isa),
        };
    }
    match BEST_FIRST.into_iter().find(|isa| about.suits(*isa) && available(*isa)) {
        Some(isa) => Ok(isa),
        None if about.width == Width::Any => Ok(Isa::Scalar),
        None if about.width == Width::Dot4 => lack("byte dot product"),
        None if about.width == Width::SimdShuffle => lack("SIMD lookup of bytes"),
        None => lack(&format!("SIMD of at most {} lanes", about.max_lanes)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn about(width: Width, max_lanes: usize) -> About {
        About { max_lanes, ..About::new("v", "", width) }
    }

    /// A processor with AVX2 and nothing later.
    fn haswell(isa: Isa) -> bool {
        matches!(isa, Isa::Scalar | Isa::Portable | Isa::Avx2)
    }

    fn icelake(isa: Isa) -> bool {
        haswell(isa) || matches!(isa, Isa::Avx512 | Isa::Avx2Vnni)
    }

    #[test]
    fn the_widest_machine_that_fits() {
        for (width, lanes, expected) in [
            (Width::Scalar, 16, Isa::Scalar),
            (Width::Any, 16, Isa::Avx512),
            (Width::SimdF32, 8, Isa::Avx2Vnni),
            (Width::Dot4, 16, Isa::Avx2Vnni),
            (Width::Any, 2, Isa::Scalar),
            (Width::Arch(Isa::Avx512), 16, Isa::Avx512),
        ] {
            assert_eq!(choose(&about(width, lanes), None, icelake), Ok(expected), "{width:?} {lanes}");
        }
        assert_eq!(choose(&about(Width::SimdMadd, 16), None, haswell), Ok(Isa::Avx2));
    }

    #[test]
    fn what_is_lacking_is_said() {
        for (width, wanted, word) in [
            (Width::Dot4, None, "byte dot"),
            (Width::Arch(Isa::Avx512), None, "avx512"),
            (Width::Any, Some(Isa::Neon), "neon"),
            (Width::SimdF32, Some(Isa::Scalar), "needs SIMD"),
            (Width::Dot4, Some(Isa::Avx2), "cannot use avx2"),
            (Width::SimdShuffle, Some(Isa::Portable), "cannot use portable"),
        ] {
            let error = choose(&about(width, 16), wanted, haswell).unwrap_err();
            assert!(error.0.contains(word), "{}", error.0);
        }
    }

    #[test]
    fn a_wish_moves_only_variants_that_have_a_choice() {
        assert_eq!(choose(&about(Width::Any, 16), Some(Isa::Portable), icelake), Ok(Isa::Portable));
        assert_eq!(choose(&about(Width::Scalar, 16), Some(Isa::Portable), icelake), Ok(Isa::Scalar));
        assert_eq!(choose(&about(Width::Arch(Isa::Avx512), 16), Some(Isa::Portable), icelake), Ok(Isa::Avx512));
    }
}
