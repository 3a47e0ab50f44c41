//! Weight formats: one file per format, each with its block as it lies in a file, encode and decode. They are the
//! slow, obvious versions that kernels are checked against; the fast ones are inside the kernels.

pub mod q8_0;
