//! `coconnect bench`: how fast, against the physical limit of the same machine in the same run (design 4.2).

mod limit;
pub mod message;
mod world;

use serde::Serialize;

/// Which keys and algorithms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Suite {
    /// rsa-sha256, rsa-oaep-mgf1p, aes256-gcm; 2048 bits.
    Rsa2048,
    /// The same with 3072 bits.
    Rsa3072,
    /// ecdsa-sha256, ECDH-ES with ConcatKDF, kw-aes256, aes256-gcm on P-256.
    P256,
}

impl Suite {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Rsa2048, Self::Rsa3072, Self::P256];
}

/// How the sender writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Sender {
    /// In canonical form, base64 without line ends: as we write.
    Canonical,
    /// Single quotes, 76 columns of base64: as other stacks write.
    Plain,
}

/// Why a measurement did not come to its end.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct Error(pub String);

impl Error {
    fn of(what: &str) -> impl Fn(openssl::error::ErrorStack) -> Self + '_ {
        move |e| Self(format!("{what}: {e}"))
    }
}

/// Seconds of CPU that this thread has used.
fn thread_cpu_s() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    #[allow(clippy::cast_precision_loss, reason = "seconds and nanoseconds of a run fit a double")]
    let seconds = time.tv_sec as f64 + time.tv_nsec as f64 / 1e9;
    seconds
}

/// The middle value; 0 of none.
fn median(values: &mut [f64]) -> f64 {
    percentile(values, 0.5)
}

fn percentile(values: &mut [f64], at: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        clippy::cast_precision_loss,
        reason = "an index into at most some millions of values"
    )]
    let index = ((values.len().saturating_sub(1)) as f64 * at).round() as usize;
    values.get(index).copied().unwrap_or_default()
}

/// Ties this thread to one core, where the system allows it.
fn pin() {
    let mut cores = rustix::thread::CpuSet::new();
    if let Ok(allowed) = rustix::thread::sched_getaffinity(None)
        && let Some(core) = (0..rustix::thread::CpuSet::MAX_CPU).rev().find(|core| allowed.is_set(*core))
    {
        cores.set(core);
        // Unpinned the figures are noisier, not wrong.
        let _ = rustix::thread::sched_setaffinity(None, &cores);
    }
}

/// Peak of resident memory in MiB, as the system counts it.
fn rss_peak_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|l| l.starts_with("VmHWM:")).unwrap_or_default();
    let kib: f64 = line.split_whitespace().nth(1).and_then(|v| v.parse().ok()).unwrap_or_default();
    kib / 1024.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert!((median(&mut [3.0, 1.0, 2.0]) - 2.0).abs() < f64::EPSILON);
        assert!(median(&mut []).abs() < f64::EPSILON);
    }
}
