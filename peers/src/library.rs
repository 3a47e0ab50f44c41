//! C libraries, looked for when the program runs: it builds without them, and says in one line which is missing.

/// Declares a struct of functions, and `open`, which looks them up in the first library of a list that can be loaded.
macro_rules! library {
    ($(#[$doc:meta])* $name:ident { $(fn $function:ident($($argument:ty),* $(,)?) $(-> $result:ty)?;)* }) => {
        $(#[$doc])*
        #[allow(non_snake_case)]
        pub struct $name {
            $(pub $function: unsafe extern "C" fn($($argument),*) $(-> $result)?,)*
        }

        impl $name {
            /// Loads it.
            ///
            /// # Safety
            /// The library's functions have the declared types.
            pub unsafe fn open(files: &[&str]) -> Result<Self, String> {
                let mut problem = String::new();
                for file in files {
                    // SAFETY: the caller vouches for the library.
                    match unsafe { libloading::Library::new(*file) } {
                        Err(e) => problem = e.to_string(),
                        Ok(library) => {
                            // It stays loaded as long as the program runs.
                            let library: &'static libloading::Library = Box::leak(Box::new(library));
                            return Ok(Self {
                                $($function: {
                                    // SAFETY: the caller vouches for the type.
                                    let symbol = unsafe { library.get(stringify!($function).as_bytes()) };
                                    *symbol.map_err(|e| e.to_string())?
                                },)*
                            });
                        }
                    }
                }
                Err(problem)
            }
        }
    };
}

pub(crate) use library;
