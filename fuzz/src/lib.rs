//! Fuzz targets: each feeds bytes to one decoder. Without a fuzzer they read files, to see again what a
//! fuzzer has found.

pub mod decoders;

/// Makes a program of one of the [`decoders`].
#[macro_export]
macro_rules! target {
    ($name:ident) => {
        #[cfg(fuzzing)]
        libfuzzer_sys::fuzz_target!(|bytes: &[u8]| $crate::decoders::$name(bytes));

        #[cfg(not(fuzzing))]
        fn main() -> std::io::Result<()> {
            std::env::args_os().skip(1).try_for_each(|file| {
                $crate::decoders::$name(&std::fs::read(file)?);
                Ok(())
            })
        }
    };
}
