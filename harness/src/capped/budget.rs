//! A memory cap without privileges: the process counts what it allocates and refuses what goes over a budget. Pages of
//! mapped files, stacks and the kernel's own are not counted.

use std::alloc::System;

use cap::Cap;

/// Every allocation of the process goes through it; unlimited until a worker sets a budget.
#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// From now on the process may allocate so many bytes in all.
///
/// # Errors
/// What it has already, where that is more.
pub fn limit(bytes: u64) -> Result<(), String> {
    let bytes = usize::try_from(bytes).unwrap_or(usize::MAX);
    ALLOCATOR.set_limit(bytes).map_err(|()| format!("{} bytes are allocated already", ALLOCATOR.allocated()))
}

/// What may still be allocated, bytes.
pub fn left_bytes() -> u64 {
    ALLOCATOR.remaining() as u64
}

/// What is allocated now, bytes.
pub fn allocated_bytes() -> u64 {
    ALLOCATOR.allocated() as u64
}
