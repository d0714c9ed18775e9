//! Links the command to be loaded at a fixed address, where the linker can do that.
//!
//! Of a program that may lie anywhere, the loader writes twenty thousand addresses each time it starts: a third of the time until
//! a worker process is ready. The price is that the program's own code lies where everybody knows it; libraries, heap,
//! stacks and maps still do not.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let is = |key: &str, value: &str| std::env::var(key).is_ok_and(|found| found == value);
    if is("CARGO_CFG_TARGET_OS", "linux") && is("CARGO_CFG_TARGET_ENV", "gnu") {
        println!("cargo:rustc-link-arg-bin=barrow=-no-pie");
    }
}
